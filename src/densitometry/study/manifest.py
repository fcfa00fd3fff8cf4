"""The flat manifest: one row a picture, with its participant, visit, site and scale."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import ScaleError, StudyKeyError, StudyLayoutError, TableError
from densitometry.study import sidecars
from densitometry.study.code_lists import MODALITIES
from densitometry.study.entities import Participant, Picture, Session
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.problems import Problem
from densitometry.study.records import RowReader, read_participant, read_session
from densitometry.study.sidecars import Scale
from densitometry.study.tables import Table

SMALLEST_UM_PER_PX, LARGEST_UM_PER_PX = 0.01, 1_000.0
MOST_RUNS = 10_000
# As for one picture: rounding of printed digits passes, another lens does not.
LARGEST_DISAGREEMENT = 0.005

_PERSON_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {"sex": "sex", "age_years": "age", "centre": "centre", "arm": "arm", "diagnoses": "diagnosis"}
)
_VISIT_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "date": "date",
        "day": "day",
        "planned_week": "planned_week",
        "baseline_marked": "baseline",
        "clipped": "clipped_on",
        "clipped_on": "clipped_on",
        "dyed": "dyed",
        "immersion": "immersion",
        "polarised": "polarised",
    }
)

E = TypeVar("E", Participant, Session)


@dataclass(slots=True)
class ManifestContent:
    """What a manifest says."""

    participants: dict[str, Participant] = field(default_factory=dict)
    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_rows(table: Table, root: Path) -> ManifestContent:
    """Return participants, visits and pictures of a manifest that lies in `root`."""
    content = ManifestContent()
    for row in table.rows:
        _read_row(RowReader(table, row, content.problems, prevents="measuring"), content, root)
    return content


def _read_row(reader: RowReader, content: ManifestContent, root: Path) -> None:
    if not reader.text("image"):
        error = TableError(
            "the row names no image", "nothing can be measured", "write its path, or delete the row"
        )
        reader.refuse(error, "image")
        return
    person = read_participant(reader)
    if person is None:
        return
    person = replace(person, note="")  # the note of a manifest is about the picture
    reader = replace(reader, participant=person.label)
    content.participants[person.label] = _merged(
        content.participants.get(person.label), person, _PERSON_ATTRIBUTES, reader
    )
    session = read_session(reader, person.label)
    if session is None:
        return
    session = replace(session, note="")
    key = (person.label, session.label)
    content.sessions[key] = _merged(content.sessions.get(key), session, _VISIT_ATTRIBUTES, reader)
    picture = _picture(replace(reader, session=session.label), root)
    if picture is not None:
        content.pictures.append(picture)


def _merged(kept: E | None, new: E, attributes: Mapping[str, str], reader: RowReader) -> E:
    """Fill what earlier rows left open; a row that contradicts them is a finding, and they hold."""
    if kept is None:
        return new
    filled = {}
    for name, column in attributes.items():
        before, now = getattr(kept, name), getattr(new, name)
        if _says_nothing(name, now) or before == now:
            continue
        if _says_nothing(name, before):
            filled[name] = now
            continue
        reader.refuse(
            StudyKeyError(
                f"{column} is {reader.text(column)!r} here and something else in line {kept.line}",
                "both rows are about the same participant and visit",
                "correct one of the two",
            ),
            column,
        )
    return replace(kept, **filled)


def _says_nothing(name: str, value: object) -> bool:
    return value in (None, "", ()) or (name == "baseline_marked" and not value)


def _picture(reader: RowReader, root: Path) -> Picture | None:
    image = reader.text("image").replace("\\", "/")
    path = root / image
    before = len(reader.problems)
    modality = reader.code("modality", MODALITIES) or "trich"
    site = "" if modality == WHOLE_HEAD and not reader.text("site") else reader.label("site", "site-")
    run = reader.number("run", 1, MOST_RUNS)
    if run is not None and run != int(run):
        reader.refuse(
            TableError(f"run {run:g} is not a whole number", "runs are counted", "write 1, 2, …"), "run"
        )
    _check_file(reader, path, image)
    scale = _scale(reader, path, image)
    if site is None or len(reader.problems) > before:
        return None
    return Picture(
        path,
        image,
        reader.participant,
        reader.session,
        site,
        1 if run is None else int(run),
        modality,
        um_per_px=scale.um_per_px,
        scale_error_pct=scale.error_pct,
        scale_source=scale.source,
        line=reader.row.line,
    )


def _check_file(reader: RowReader, path: Path, image: str) -> None:
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        what, why = f"{image} is no picture", f"pictures end in {', '.join(PICTURE_SUFFIXES)}"
    elif not path.is_file():
        what, why = (
            f"there is no picture {image}",
            f"paths are taken from the manifest's folder, {path.parent}",
        )
    else:
        return
    reader.refuse(
        StudyLayoutError(what, why, f"ls {shlex.quote(str(path.parent))}   # and correct the path"), "image"
    )


def _scale(reader: RowReader, path: Path, image: str) -> Scale:
    """Return the scale of a row: its own columns, its sidecar, or both where they agree."""
    edge = reader.number("um_per_px", SMALLEST_UM_PER_PX, LARGEST_UM_PER_PX)
    error_pct = reader.number("scale_error_pct", 0, sidecars.LARGEST_ERROR_PCT)
    source = f"{reader.table.file}, line {reader.row.line}"
    stated = Scale() if edge is None else Scale((edge, edge), error_pct, source)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return stated
    file = Path(image).with_suffix(".json").as_posix()
    found, problems = sidecars.read_sidecar(beside, file, "trich", {})
    reader.problems.extend(problems)
    try:
        own = sidecars.scale_of(*sidecars.merge([found]))
    except ScaleError as error:
        reader.refuse(error, "image")
        return stated
    if own.um_per_px is None or stated.um_per_px is None:
        return stated if own.um_per_px is None else own
    if any(
        abs(mine / theirs - 1) > LARGEST_DISAGREEMENT
        for mine, theirs in zip(stated.um_per_px, own.um_per_px, strict=True)
    ):
        reader.refuse(
            ScaleError(
                f"two scales for {image}",
                f"the manifest says {edge:g} µm/px, {file} says {own.um_per_px[0]:g} × {own.um_per_px[1]:g}",
                "find out which is right and correct the other",
            ),
            "um_per_px",
        )
    return stated if stated.error_pct is not None else replace(stated, error_pct=own.error_pct)
