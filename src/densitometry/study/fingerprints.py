"""Digests of many files, by subject: what a log line can hold, and the table that names each file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from densitometry.report.folders import write_whole_file
from densitometry.study.audit import Finding, Keys, digest_of
from densitometry.study.check import file_digest

SHARED = "-"
"""Stands in place of a subject's key for what belongs to all."""
_COLUMNS = ("subject", "place", "name", "size", "mtime_ns", "sha256")


@dataclass(frozen=True, slots=True)
class Print:
    """The digest of one file, or of one row of a table.

    Attributes:
        subject: key of the subject; `SHARED` for what belongs to all.
        place: "study" or "results" for files below these folders; "row" for a row of a table.
        name: path, or what the row is about.
        sha256: digest of the bytes, or of the row's cells.
        size, mtime_ns: of the file when it was read; 0 for a row.
    """

    subject: str
    place: str
    name: str
    sha256: str
    size: int = 0
    mtime_ns: int = 0


def print_of_file(
    root: Path, name: str, place: str, subject: str, known: Mapping[tuple[str, str], Print] | None = None
) -> Print:
    """Return the print of a file below `root`; a `known` one of the same size and time is not read again."""
    path = root / name
    status = path.stat()
    before = (known or {}).get((place, name))
    if before and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
        return before if before.subject == subject else replace(before, subject=subject)
    return Print(subject, place, name, file_digest(path), status.st_size, status.st_mtime_ns)


def by_subject(prints: Iterable[Print]) -> dict[str, str]:
    """Return one digest a subject: what a line of the log says."""
    whose = groupby(sorted(prints, key=lambda item: item.subject), key=lambda item: item.subject)
    return {
        subject: digest_of("".join(sorted(f"{p.place}\t{p.name}\t{p.sha256}\n" for p in own)).encode())
        for subject, own in whose
    }


def write_prints(path: Path, prints: Iterable[Print]) -> None:
    """Write the table that names each file."""
    write_whole_file(path, _lines(sorted(prints, key=lambda item: (item.place, item.name))))


def _lines(prints: Iterable[Print]) -> Iterator[str]:
    yield "\t".join(_COLUMNS) + "\n"
    for p in prints:
        yield "\t".join((p.subject, p.place, p.name, str(p.size), str(p.mtime_ns), p.sha256)) + "\n"


def read_prints(path: Path) -> list[Print]:
    """Return the table; a row that cannot be read is left out, and its subject's digest then differs."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream, delimiter="\t")
            next(rows, None)
            return [
                Print(sys.intern(row[0]), sys.intern(row[1]), row[2], row[5], int(row[3]), int(row[4]))
                for row in rows
                if len(row) == len(_COLUMNS) and row[3].isdigit() and row[4].isdigit()
            ]
    except (OSError, ValueError, csv.Error):
        return []


def table_findings(path: Path, recorded: Mapping[str, str], keys: Keys) -> list[Finding]:
    """Return the subjects whose rows in the table of prints are not those that the log speaks of."""
    now = by_subject(read_prints(path))
    return [
        Finding(path.name, f"was altered in what it says about {_whose(subject, keys)}")
        for subject in sorted(set(now) | set(recorded))
        if now.get(subject) != recorded.get(subject) and not keys.is_erased(subject)
    ]


def file_findings(prints: Iterable[Print], places: Mapping[str, Path], keys: Keys) -> list[Finding]:
    """Return the files that are missing or whose bytes are others than those recorded."""
    found = []
    for item in prints:
        root = places.get(item.place)
        if root is None or keys.is_erased(item.subject):
            continue
        path = root / item.name
        if not path.is_file():
            found.append(Finding(str(path), "is missing"))
        elif file_digest(path) != item.sha256:
            found.append(Finding(str(path), "was altered"))
    return found


def _whose(subject: str, keys: Keys) -> str:
    return "what belongs to all" if subject == SHARED else keys.labels.get(subject, ("", subject))[1]
