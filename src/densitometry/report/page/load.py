"""A results folder as the reports read it: tables with their gaps, and what could not be read, said."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from densitometry.errors import OutputError
from densitometry.report import results
from densitometry.report.folders import PARTIAL_PREFIX
from densitometry.report.page.texts import Texts
from densitometry.schema import SUMMARY_SCHEMA, Column, column_names
from densitometry.schema_study import (
    CHANGES,
    COURSES,
    CYCLES,
    GROWTH,
    PEOPLE,
    REPEATABILITY,
    SESSIONS,
    STUDY_IMAGES,
    VISITS,
)

Row = Mapping[str, Any]

VISITS_NAME, CHANGES_NAME, IMAGES_NAME = "visits.tsv", "change.tsv", "images.tsv"
REPEATABILITY_NAME, ENVIRONMENT_NAME = "repeatability.tsv", "environment.json"
GROWTH_NAME, CYCLES_NAME = "growth.tsv", "cycles.tsv"
PEOPLE_NAME, SESSIONS_NAME, COURSES_NAME = "participants.tsv", "sessions.tsv", "treatments.tsv"
EVERYWHERE = "*"
MISSING = ("", "n/a")
NEEDED = ("participant", "session", "site")
TRICHOSCOPY = "trich"
# An untreated site of this name shows drift of pictures (the study's check of drift begins the same way).
DRIFT_SITE = "occiput"


@dataclass(frozen=True, slots=True)
class Output:
    """The tables of a results folder.

    Attributes:
        folder: where they lie.
        images, visits, changes, repeatability, growth, cycles: rows by column; None for what is not known.
            Visits and changes carry the `date` of the visit, changes the `baseline_date`, "" where not known.
        people: participant → row of participants.tsv.
        courses: rows of treatments.tsv; None where the results have no such table.
        environment: of environment.json.
        notices: what could not be read, for a person.
    """

    folder: Path
    images: tuple[Row, ...]
    visits: tuple[Row, ...]
    changes: tuple[Row, ...]
    repeatability: tuple[Row, ...]
    growth: tuple[Row, ...]
    cycles: tuple[Row, ...]
    people: Mapping[str, Row]
    courses: tuple[Row, ...] | None
    environment: Mapping[str, Any]
    notices: tuple[str, ...]

    @property
    def participants(self) -> tuple[str, ...]:
        """Labels, sorted."""
        rows = (*self.visits, *self.images, *self.changes)
        return tuple(sorted({row["participant"] for row in rows if row["participant"]} | set(self.people)))

    def arm_of(self, participant: str) -> str:
        """Return a participant's arm; "" where none is recorded."""
        return str(self.people[participant]["arm"]) if participant in self.people else ""


@dataclass(frozen=True, slots=True)
class Capture:
    """One picture: its row of images.tsv, and its folder and summary where they can be read."""

    row: Row
    folder: Path | None
    summary: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Spot:
    """One site of a participant: visits in the order of the table, changes by visit."""

    site: str
    modality: str
    visits: tuple[Row, ...]
    changes: Mapping[str, Row]
    captures: tuple[Capture, ...]
    courses: tuple[Row, ...] | None = None
    """Treatments that touch the site; None where the results have no table of them."""

    @property
    def baseline(self) -> Row | None:
        """The visit that the others are compared with, as far as it is marked."""
        return next((row for row in self.visits if row["baseline"]), None)

    @property
    def measured(self) -> tuple[Row, ...]:
        """Visits with a measurement."""
        return tuple(row for row in self.visits if row["status"] == "measured")

    @property
    def later(self) -> tuple[Row, ...]:
        """Visits that are compared with the baseline, or should be."""
        return tuple(row for row in self.visits if not row["baseline"])

    @property
    def title(self) -> str:
        """The site as a heading names it."""
        return self.site if self.modality in (TRICHOSCOPY, "") else f"{self.site} ({self.modality})"

    @property
    def is_drift_check(self) -> bool:
        """Whether it is an untreated occiput, as far as the results tell."""
        if self.courses is not None:
            return self.site.casefold().startswith(DRIFT_SITE) and not self.courses
        treated = any(row["treatments"] or row["last_treatment"] for row in self.changes.values())
        return self.site.casefold().startswith(DRIFT_SITE) and not treated


@dataclass(frozen=True, slots=True)
class Person:
    """What the results hold about one participant; `about` and `courses` are None where no table has them."""

    label: str
    about: Row | None
    courses: tuple[Row, ...] | None
    spots: tuple[Spot, ...]
    captures: tuple[Capture, ...]
    notices: tuple[str, ...]


def read_output(folder: Path, texts: Texts) -> Output:
    """Read the tables of a results folder.

    Raises:
        OutputError: the folder is missing or holds no results of a study.
    """
    if not folder.is_dir():
        raise OutputError(
            f"there is no folder {folder}", "a report is made from the results of a study", _run_line(folder)
        )
    if not (folder / VISITS_NAME).is_file():
        single = (folder / IMAGES_NAME).is_file()
        why = "it holds single pictures, or a run that did not finish" if single else "it holds no results"
        raise OutputError(f"{folder} has no {VISITS_NAME}", why, _run_line(folder))
    notices: list[str] = []
    tables = {
        name: _read_table(folder / name, columns, texts, notices)
        for name, columns in (
            (IMAGES_NAME, STUDY_IMAGES),
            (VISITS_NAME, VISITS),
            (CHANGES_NAME, CHANGES),
            (REPEATABILITY_NAME, REPEATABILITY),
            (GROWTH_NAME, GROWTH),
            (CYCLES_NAME, CYCLES),
            (PEOPLE_NAME, PEOPLE),
            (SESSIONS_NAME, SESSIONS),
            (COURSES_NAME, COURSES),
        )
    }
    dates = {(row["participant"], row["session"]): row["date"] for row in tables[SESSIONS_NAME]}
    notices += [
        texts.word("notice_partial", name=path.name) for path in sorted(folder.glob(f"{PARTIAL_PREFIX}*"))
    ]
    return Output(
        folder,
        tables[IMAGES_NAME],
        _dated(tables[VISITS_NAME], dates),
        _dated(tables[CHANGES_NAME], dates),
        tables[REPEATABILITY_NAME],
        tables[GROWTH_NAME],
        tables[CYCLES_NAME],
        {row["participant"]: row for row in tables[PEOPLE_NAME] if row["participant"]},
        tables[COURSES_NAME] if (folder / COURSES_NAME).is_file() else None,
        read_object(folder / ENVIRONMENT_NAME) or {},
        tuple(notices),
    )


def person_of(output: Output, label: str, texts: Texts) -> Person:
    """Return what the results hold about a participant; what is missing is said in its notices."""
    notices: list[str] = []
    captures = tuple(
        _capture(output.folder, row, texts, notices) for row in output.images if row["participant"] == label
    )
    visits = [row for row in output.visits if row["participant"] == label]
    changes = [row for row in output.changes if row["participant"] == label]
    own = None
    if output.courses is not None:
        own = tuple(row for row in output.courses if row["participant"] == label)
    places = dict.fromkeys((row["site"], row["modality"]) for row in (*visits, *changes) if row["site"])
    spots = [
        Spot(
            *place,
            tuple(row for row in visits if (row["site"], row["modality"]) == place),
            {row["session"]: row for row in changes if (row["site"], row["modality"]) == place},
            tuple(item for item in captures if (item.row["site"], item.row["modality"]) == place),
            None if own is None else tuple(row for row in own if _touches(row, place[0])),
        )
        for place in places
    ]
    spots.sort(key=lambda spot: (spot.is_drift_check, spot.modality != TRICHOSCOPY, spot.site, spot.modality))
    found = Person(label, output.people.get(label), own, tuple(spots), captures, ())
    return replace(found, notices=(*notices, *_whole_notices(found, texts)))


def read_object(path: Path) -> dict[str, Any] | None:
    """Return a JSON object; None where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def folder_inside(root: Path, *parts: str) -> Path | None:
    """Return a folder below `root`; None where the names lead elsewhere or there is none."""
    if any(not part or part in (".", "..") or set(part) & set("/\\\0") for part in parts):
        return None
    folder = root.joinpath(*parts)
    try:
        inside = folder.is_dir() and folder.resolve().is_relative_to(root.resolve())
    except OSError:  # a name that no file can have
        return None
    return folder if inside else None


def _run_line(folder: Path) -> str:
    return f"densitometry study run STUDY {shlex.quote(str(folder))}   # STUDY: the folder of the study"


def _read_table(path: Path, columns: Sequence[Column], texts: Texts, notices: list[str]) -> tuple[Row, ...]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        notices.append(texts.word("notice_missing_table", name=path.name))
        return ()
    header = lines[0].rstrip("\r").split("\t")
    missing = [name for name in column_names(tuple(columns)) if name not in header]
    if path.name == VISITS_NAME and set(NEEDED) & set(missing):
        raise OutputError(
            f"{path} is no table of visits",
            f"it lacks the columns {', '.join(name for name in NEEDED if name in missing)}",
            _run_line(path.parent),
        )
    if missing:
        notices.append(texts.word("notice_columns", name=path.name, columns=", ".join(missing)))
    rows: list[Row] = []
    broken = 0
    for line in lines[1:]:
        cells = line.rstrip("\r").split("\t")
        if not any(cells):
            continue
        given = dict(zip(header, cells, strict=False))
        row: dict[str, Any] = {}
        for column in columns:
            row[column.name], readable = _value(given.get(column.name, ""), column)
            broken += not readable
        rows.append(row)
    if broken:
        notices.append(texts.word("notice_cells", name=path.name, count=broken))
    return tuple(rows)


def _value(cell: str, column: Column) -> tuple[Any, bool]:
    """Return the value of a cell and whether it could be read."""
    if column.dtype in ("str", "object"):
        return ("" if cell in MISSING else cell), True
    if cell in MISSING:
        return None, True
    try:
        if column.dtype.startswith("bool"):
            return {"true": True, "false": False}[cell.casefold()], True
        value = float(cell)
        if column.dtype.casefold() == "int64":
            return int(value), value == int(value)
    except (ValueError, KeyError, OverflowError):
        return None, False
    return (value, True) if abs(value) < float("inf") else (None, False)


def _dated(rows: Sequence[Row], dates: Mapping[tuple[str, str], str]) -> tuple[Row, ...]:
    """Return rows with the date of their visit and of the visit that they are compared with."""
    return tuple(
        {
            **row,
            "date": dates.get((row["participant"], row["session"]), ""),
            "baseline_date": dates.get((row["participant"], row.get("baseline_session", "")), ""),
        }
        for row in rows
    )


def _touches(course: Row, site: str) -> bool:
    return course["sites"] == EVERYWHERE or site in course["sites"].split("+")


def _capture(root: Path, row: Row, texts: Texts, notices: list[str]) -> Capture:
    folder = folder_inside(root, f"sub-{row['participant']}", f"ses-{row['session']}", row["picture"])
    summary = read_object(folder / results.SUMMARY_NAME) if folder else None
    if row["status"] in ("measured", "rejected"):
        if summary is None:
            notices.append(texts.word("notice_summary", picture=row["picture"]))
        elif summary.get("schema") != SUMMARY_SCHEMA:
            found = str(summary.get("schema"))
            notices.append(
                texts.word("notice_schema", picture=row["picture"], found=found, wanted=SUMMARY_SCHEMA)
            )
    return Capture(row, folder, summary)


def _whole_notices(person: Person, texts: Texts) -> list[str]:
    statuses = {item.row["status"] for item in person.captures} - {"left_out"}
    measured = [row for spot in person.spots for row in spot.measured]
    changes = [row for spot in person.spots for row in spot.changes.values()]
    if not measured:
        return [texts.word("notice_rejected" if statuses == {"rejected"} else "notice_nothing")]
    if len({row["session"] for row in measured}) == 1:
        return [texts.word("notice_one_visit")]
    if changes and all(row["registration"] != "ok" and row["pairing"] != "hairs" for row in changes):
        return [texts.word("notice_no_pair")]
    return []
