"""Tables as people save them: encoding, separator and decimal mark are told apart and reported."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from densitometry.errors import TableError
from densitometry.schema import Column
from densitometry.study.cells import is_missing
from densitometry.study.columns import ALIASES, NUMBER_TYPES
from densitometry.study.problems import Problem, problem

SEPARATORS: Mapping[str, str] = {"\t": "tabs", ";": "semicolons", ",": "commas"}
_ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark at its start",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
}
_THOUSANDS = {
    ",": re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+"),
    ".": re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+"),
}


@dataclass(frozen=True, slots=True)
class TableForm:
    """How a table is written.

    Attributes:
        encoding: Python's name of the encoding.
        separator: character between the cells.
        decimal: "." or ","; "" where no number has decimals.
        newline: characters at the end of a line.
    """

    encoding: str = "utf-8"
    separator: str = "\t"
    decimal: str = ""
    newline: str = "\n"

    def words(self) -> str:
        """Say it for a person."""
        mark = {".": ", decimal points", ",": ", decimal commas"}.get(self.decimal, "")
        return f"{_ENCODING_NAMES[self.encoding]}, separated by {SEPARATORS[self.separator]}{mark}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, raw values in the header's order, and column → stripped text."""

    line: int
    values: tuple[str, ...]
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that could be read.

    Attributes:
        file: path below the study's folder.
        header: names as written.
        columns: names as known here, in the same order.
        rows: rows with as many cells as the header has.
        form: how it is written.
        problems: rows left out, unknown columns, and what deserves a word about the form.
    """

    file: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    form: TableForm
    problems: tuple[Problem, ...] = ()


def read_table(path: Path, file: str, columns: Sequence[Column]) -> Table:
    """Read a table whose known columns are `columns`.

    Args:
        path: the file.
        file: its path below the study's folder, for messages.
        columns: what may stand in it; those that are not nullable must.

    Raises:
        TableError: no text, no header that can be told apart, a needed column missing or named twice, or
            numbers whose decimal mark cannot be told.
    """
    text, encoding = _decode(path, file)
    header_line = next((line for line in text.splitlines() if line.strip()), "")
    if not header_line:
        needed = "\t".join(column.name for column in columns)
        raise TableError(
            f"{file} is empty", "the first line must name the columns", f"write as its first line: {needed}"
        )
    separator = _separator(header_line, file, columns)
    newline = "\r\n" if "\r\n" in text else "\n"
    records, problems = _records(text, separator, file)
    header = tuple(cell.strip() for cell in records[0][1])
    while header and not header[-1]:
        header = header[:-1]
    names = tuple(_known_name(name) for name in header)
    problems += _check_header(names, header, file, columns)
    rows, row_problems = _rows(records[1:], names, file, separator)
    form = TableForm(encoding, separator, _decimal(rows, file, columns, separator), newline)
    return Table(
        file, header, names, rows, form, (*problems, *row_problems, *_form_problems(form, path, file))
    )


def write_text(header: Iterable[str], rows: Iterable[Iterable[str]], form: TableForm) -> bytes:
    """Return a table as bytes in its form.

    UTF-8 with a mark where its encoding cannot hold a letter, or where it would be read back as another.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=form.separator, lineterminator=form.newline)
    writer.writerow(header)
    writer.writerows(rows)
    text = stream.getvalue()
    try:
        data = text.encode(form.encoding)
    except UnicodeEncodeError:
        data = b""
    told = _told(data)
    return data if told and told[0] == text else text.encode("utf-8-sig")


def _told(data: bytes) -> tuple[str, str] | None:
    """Return text and its encoding, as bytes tell it; None where they are no text."""
    encoding = "utf-8"
    if data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    for tried in dict.fromkeys((encoding, "cp1252")):
        try:
            text = data.decode(tried)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text, tried
    return None


def _decode(path: Path, file: str) -> tuple[str, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(
            f"{file} cannot be read", error.strerror or "no such file", f"make {file} readable"
        ) from error
    told = _told(data)
    if told:
        return told
    raise TableError(
        f"{file} is not a text table",
        "it is neither UTF-8 nor Windows-1252 text (a spreadsheet's own file?)",
        "save it from the spreadsheet as text with tabs, or as CSV UTF-8",
    )


def _separator(line: str, file: str, columns: Sequence[Column]) -> str:
    """Tell the separator by the header: the one under which the most known names are found."""
    known = {column.name for column in columns}
    found = {
        mark: len(known.intersection(map(_known_name, next(csv.reader([line], delimiter=mark)))))
        for mark in SEPARATORS
    }
    best = max(found.values())
    marks = [mark for mark, count in found.items() if count == best]
    if best and len(marks) == 1:
        return marks[0]
    present = [mark for mark in SEPARATORS if mark in line]
    if best and len(present) <= 1:  # a single column needs no separator
        return present[0] if present else "\t"
    raise TableError(
        f"the columns of {file} cannot be told apart",
        f"the header {line.strip()[:60]!r} names none of the columns {', '.join(sorted(known))}"
        if not best
        else f"its header mixes {' and '.join(SEPARATORS[mark] for mark in present)}",
        "put one of tab, semicolon or comma between the cells, and use these names: "
        + ", ".join(column.name for column in columns if not column.nullable),
    )


def _records(text: str, separator: str, file: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records, problems, line = [], [], 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                records.append((line, values))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(
            problem(
                TableError,
                f"the table cannot be read from line {line} on",
                f"a quotation mark is not closed or stands inside a cell ({error})",
                'put cells with quotation marks into "…" and write each mark inside them twice',
                file=file,
                line=line,
                prevents="following",
            )
        )
    if not records:
        raise TableError(
            f"{file} cannot be read", "its first line is not closed", "close its quotation marks"
        )
    return records, problems


def _known_name(name: str) -> str:
    plain = name.strip().casefold().replace(" ", "_")
    return ALIASES.get(plain, plain)


def _check_header(
    names: Sequence[str], header: Sequence[str], file: str, columns: Sequence[Column]
) -> list[Problem]:
    known = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1 and name:
            raise TableError(
                f"{file} has two columns {name!r}", "which one is meant?", "delete or rename one of them"
            )
    unknown = [name for name in names if name not in known]
    for column in columns:
        if not column.nullable and column.name not in names:
            near = difflib.get_close_matches(column.name, unknown, 1)
            hint = f"; {near[0]!r} is not read" if near else ""
            raise TableError(
                f"{file} has no column {column.name!r}",
                f"it holds: {column.meaning}{hint}",
                f"name a column {column.name}; there are: {', '.join(header)}",
            )
    problems = []
    for name, written in zip(names, header, strict=True):
        if name in known:
            continue
        near = [word for word in difflib.get_close_matches(name, known, 1, 0.75) if word not in names]
        problems.append(
            problem(
                TableError,
                f"the column {written!r} is not read",
                f"the nearest column that is read is {near[0]!r}"
                if near
                else "it is kept and has no meaning here",
                f"rename it to {near[0]}" if near else f"leave it, or use one of: {', '.join(known)}",
                file=file,
                line=1,
                column=written,
                severity="error" if near else "warning",
            )
        )
    return problems


def _rows(
    records: Sequence[tuple[int, list[str]]], names: Sequence[str], file: str, separator: str
) -> tuple[tuple[Row, ...], list[Problem]]:
    rows, problems = [], []
    for line, values in records:
        cells = values[: len(names)]
        surplus = [value for value in values[len(names) :] if value.strip()]
        if surplus or len(cells) < len(names):
            problems.append(_bad_width(line, len(values), len(names), file, separator))
            continue
        texts = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        rows.append(Row(line, tuple(cells), texts))
    return tuple(rows), problems


def _bad_width(line: int, found: int, wanted: int, file: str, separator: str) -> Problem:
    fix = f"give line {line} exactly {wanted} cells, empty ones included"
    if separator == "," and found > wanted:
        fix += ' (a decimal comma must stand in quotation marks: "5,5")'
    return problem(
        TableError,
        f"line {line} has {found} cells, the header names {wanted}",
        "which cell belongs to which column cannot be told, so the row is not used",
        fix,
        file=file,
        line=line,
        prevents="following",
    )


def _decimal(rows: Sequence[Row], file: str, columns: Sequence[Column], separator: str) -> str:
    """Tell the decimal mark of the whole table from its columns of numbers."""
    names = [column.name for column in columns if column.dtype in NUMBER_TYPES]
    cells = [(row.line, name, row.cells.get(name, "")) for row in rows for name in names]
    marked = {mark: [cell for cell in cells if mark in cell[2] and not is_missing(cell[2])] for mark in ",."}
    if marked[","] and marked["."]:
        (line, name, comma), (other_line, other, point) = marked[","][0], marked["."][0]
        raise TableError(
            f"{file} writes numbers in two ways: {comma!r} and {point!r}",
            f"line {line}, column {name}, has a comma; line {other_line}, column {other}, has a point",
            "use one decimal mark in the whole table, and none between thousands",
        )
    for mark, found in marked.items():
        if not found:
            continue
        line, name, text = found[0]
        doubtful = mark == "," or separator == ";"
        if doubtful and all(_THOUSANDS[mark].fullmatch(cell) for _, _, cell in found):
            whole, part = text.replace(mark, ""), _evident(text, mark)
            raise TableError(
                f"{text!r} can be read as {whole} or as {part}",
                f"{file}, line {line}, column {name}: nothing tells whether {mark!r} is the decimal mark",
                f"write {whole} or {part}",
            )
        return mark
    return ""


def _evident(text: str, mark: str) -> str:
    """Return a number with `mark` as its decimal mark that cannot be read as one with thousands."""
    head, _, tail = text.partition(mark)
    shorter = tail.replace(mark, "").rstrip("0") or "0"
    return f"{head}{mark}{shorter}" if len(shorter) != len(tail) else f"{text}0"


def _form_problems(form: TableForm, path: Path, file: str) -> list[Problem]:
    """Say what was found where it is not what the file's name or the usual way promises."""
    promised = {".tsv": ("\t",), ".csv": (",", ";")}.get(path.suffix.lower(), tuple(SEPARATORS))
    if form.encoding != "cp1252" and form.separator in promised:
        return []
    return [
        problem(
            TableError,
            f"read as {form.words()}",
            "this was told from the file itself; names with accents show whether it is right",
            "save it as UTF-8 with tabs to leave no doubt",
            file=file,
            severity="warning",
        )
    ]
