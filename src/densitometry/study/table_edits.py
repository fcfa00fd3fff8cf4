"""Rows added to, taken from and renamed in a study's tables, in the form in which a person keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from densitometry.errors import StudyEditError, TableError
from densitometry.schema import Column
from densitometry.study.problems import errors_only
from densitometry.study.tables import Table, TableForm, read_table, write_text

TABLE_SUFFIXES = (".tsv", ".csv")


@dataclass(slots=True)
class TableEdit:
    """A table being changed.

    Attributes:
        path: its file.
        header: names as written.
        columns: names as known, in the same order.
        rows: cells as written.
        form: how it is written.
        changed: whether anything was changed.
    """

    path: Path
    header: list[str]
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    form: TableForm = field(default_factory=TableForm)
    changed: bool = False

    def find(self, column: str, label: str, prefix: str) -> list[int]:
        """Return the numbers of the rows whose `column` holds `label`, with or without its prefix."""
        place = self.columns.index(column)
        return [
            number for number, row in enumerate(self.rows) if row[place].strip().removeprefix(prefix) == label
        ]

    def take(self, numbers: Iterable[int]) -> list[dict[str, str]]:
        """Remove rows and return them as column → text."""
        gone = set(numbers)
        taken = [self._as_mapping(self.rows[number]) for number in sorted(gone)]
        self.rows = [row for number, row in enumerate(self.rows) if number not in gone]
        self.changed = self.changed or bool(gone)
        return taken

    def copy_of(self, number: int) -> dict[str, str]:
        """Return a row as column → text."""
        return self._as_mapping(self.rows[number])

    def append(self, cells: Mapping[str, str]) -> None:
        """Add a row; a column that the table lacks is added where it is needed."""
        for name, text in cells.items():
            if name not in self.columns and text:
                self.header.append(name)
                self.columns.append(name)
                self.rows = [[*row, ""] for row in self.rows]
        self.rows.append([cells.get(name, "") for name in self.columns])
        self.changed = True

    def rename(self, column: str, numbers: Iterable[int], text: str) -> None:
        """Write `text` into `column` of rows."""
        place = self.columns.index(column)
        for number in numbers:
            self.rows[number][place] = text
            self.changed = True

    def prefixed(self, column: str, label: str, prefix: str) -> str:
        """Return `label` with its prefix, unless the table's other rows do without."""
        place = self.columns.index(column)
        written = [row[place].strip() for row in self.rows if row[place].strip()]
        bare = written and not any(text.startswith(prefix) for text in written)
        return label if bare else f"{prefix}{label}"

    def content(self) -> bytes:
        """Return the table's new bytes."""
        return write_text(self.header, self.rows, self.form)

    def _as_mapping(self, row: Sequence[str]) -> dict[str, str]:
        return dict(zip(self.columns, row, strict=True))


def open_table(stem: Path, root: Path, columns: Sequence[Column]) -> TableEdit:
    """Return the table `stem`.tsv or .csv for changing; a new one with all columns where there is none.

    Raises:
        StudyEditError: the table has errors, so that writing it again might lose something.
    """
    there = [
        path for path in (stem.with_name(stem.name + suffix) for suffix in TABLE_SUFFIXES) if path.is_file()
    ]
    if not there:
        names = [column.name for column in columns]
        return TableEdit(stem.with_name(stem.name + TABLE_SUFFIXES[0]), names, list(names))
    file = there[0].relative_to(root).as_posix()
    try:
        table = read_table(there[0], file, columns)
    except TableError as error:
        raise StudyEditError(
            error.what, f"{file} must be readable to be changed: {error.why}", error.fix
        ) from error
    _refuse_errors(table, root)
    return TableEdit(
        there[0],
        list(table.header),
        list(table.columns),
        [list(row.values) for row in table.rows],
        table.form,
    )


def _refuse_errors(table: Table, root: Path) -> None:
    found = errors_only(table.problems)
    if found:
        raise StudyEditError(
            f"{table.file} has errors and is not changed",
            f"{found[0].place}: {found[0].what}",
            f"{found[0].fix}; see densitometry study check {root}",
        )


def new_bytes(edits: Iterable[TableEdit]) -> dict[Path, bytes]:
    """Return file → new bytes of the tables that were changed."""
    return {edit.path: edit.content() for edit in edits if edit.changed}


def by(column: str, table: TableEdit, keep: Callable[[str], bool]) -> list[int]:
    """Return the numbers of rows whose `column` is kept by `keep`."""
    place = table.columns.index(column)
    return [number for number, row in enumerate(table.rows) if keep(row[place].strip())]
