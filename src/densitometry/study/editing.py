"""A study begun and filled: `init` and `add`, each whole or not at all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import ScaleError, StudyEditError, StudyLayoutError, UnreadableImageError
from densitometry.study import cells, columns, sidecars
from densitometry.study.changes import Change
from densitometry.study.check import file_digest
from densitometry.study.code_lists import MODALITIES
from densitometry.study.layout import DESCRIPTION
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.records import read_diagnoses
from densitometry.study.table_edits import TableEdit, new_bytes, open_table
from densitometry.study.tables import TableForm, write_text
from densitometry.study.tree import Scan, scan_tree

BIDS_VERSION = "1.10.0"
LARGEST_DISAGREEMENT = 0.005


@dataclass(frozen=True, slots=True)
class NewPictures:
    """Where pictures belong, and what is known about visit and person.

    Attributes:
        participant: label, with or without `sub-`.
        session: label, with or without `ses-`.
        site: target area; "" for whole-head photographs.
        modality: trich, macro or global.
        visit: column of the sessions' table → text, for a visit that has no row yet.
        person: column of the participants' table → text, for a participant who has no row yet.
        um_per_px: edge of a pixel [µm]; None where a sidecar says it.
        scale_error_pct: its standard error [%].
    """

    participant: str
    session: str
    site: str = ""
    modality: str = "trich"
    visit: Mapping[str, str] = field(default_factory=dict, hash=False)
    person: Mapping[str, str] = field(default_factory=dict, hash=False)
    um_per_px: float | None = None
    scale_error_pct: float | None = None


def init_study(
    root: Path, name: str, *, um_per_px: float | None = None, scale_error_pct: float | None = None
) -> Change:
    """Plan a new study: its description, empty tables and, where a scale is given, the inherited sidecar.

    Raises:
        StudyEditError: `root` is a file, or a folder that is not empty.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise StudyEditError(
            f"{root} is {'not empty' if root.is_dir() else 'a file'}",
            "a study begins in a folder of its own",
            f"densitometry study init {shlex.quote(str(root) + '-study')}",
        )
    description = {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": "raw"}
    change = Change(root)
    change.writes[root / DESCRIPTION] = _json_bytes(description)
    for table, known in (("participants.tsv", columns.PARTICIPANTS), ("treatments.tsv", columns.TREATMENTS)):
        change.writes[root / table] = write_text([column.name for column in known], [], TableForm())
    if um_per_px is not None:
        change.writes[root / "trich.json"] = _json_bytes(_scale_keys(um_per_px, scale_error_pct))
    change.words += [f"write {path.name}" for path in change.writes]
    return change


def add_pictures(root: Path, pictures: Sequence[Path], new: NewPictures) -> Change:
    """Plan copies of `pictures` as the next runs of one site and visit, with the rows that they need.

    Raises:
        StudyEditError: the visit has no row and no time was given, a picture is in the study already, or
            what was given contradicts the tables.
        UnreadableImageError: a file is no picture.
        ScaleError: no scale is stated, or two that disagree.
        TableError, CodeError: a label, date or code has no meaning.
    """
    scan = scan_of(root)
    participant, session = cells.label(new.participant, "sub-"), cells.label(new.session, "ses-")
    modality = MODALITIES.resolve(new.modality).code
    site = cells.label(new.site, "site-") if new.site or modality != WHOLE_HEAD else ""
    _refuse_known(scan, pictures, root)
    change = Change(root)
    last = [
        picture.run
        for picture in scan.pictures
        if (picture.participant, picture.session, picture.site, picture.modality)
        == (participant, session, site, modality)
    ]
    folder = root / f"sub-{participant}" / f"ses-{session}" / modality
    for run, source in enumerate(pictures, max(last, default=0) + 1):
        _check_picture(source)
        entities = {"sub": participant, "ses": session, "site": site, "run": str(run)}
        stem = "_".join(f"{key}-{value}" for key, value in entities.items() if value)
        target = folder / f"{stem}_{modality}{source.suffix.lower()}"
        change.copies[target] = source
        change.words.append(f"copy {source} to {target.relative_to(root).as_posix()}")
        keys = _sidecar_keys(source, new, scan, modality, entities)
        if keys is not None:
            change.writes[_free(target.with_suffix(".json"), root)] = _json_bytes(keys)
    people = open_table(root / "participants", root, columns.PARTICIPANTS)
    visits = open_table(root / f"sub-{participant}" / f"sub-{participant}_sessions", root, columns.SESSIONS)
    _add_row(people, "participant", participant, "sub-", new.person, change)
    if not visits.find("session", session, "ses-") and not (new.visit.get("date") or new.visit.get("day")):
        raise StudyEditError(
            f"ses-{session} of sub-{participant} is a new visit and has no time",
            "visits are set in order, and against treatments, by date or day",
            "add --date YYYY-MM-DD, or --day N where dates are left out",
        )
    _add_row(visits, "session", session, "ses-", new.visit, change)
    change.writes |= new_bytes((people, visits))
    return change


def _free(path: Path, root: Path) -> Path:
    if path.exists():
        raise StudyEditError(
            f"{path.relative_to(root).as_posix()} is there already, without a picture",
            "nothing in a study is overwritten",
            f"rm {shlex.quote(str(path))}   # if it is not needed",
        )
    return path


def scan_of(root: Path) -> Scan:
    """Return what lies in a study's tree.

    Raises:
        StudyEditError: it is a manifest.
        StudyLayoutError: it is no study.
    """
    if root.is_file():
        raise StudyEditError(
            f"{root} is a manifest",
            "pictures of a manifest stay where they are",
            "edit its rows with a spreadsheet or a text editor",
        )
    if not root.is_dir() or not ((root / DESCRIPTION).exists() or any(root.glob("sub-*"))):
        raise StudyLayoutError(
            f"there is no study at {root}",
            f"a study holds {DESCRIPTION} and sub-… folders",
            f"densitometry study init {shlex.quote(str(root))}",
        )
    return scan_tree(root)


def _refuse_known(scan: Scan, pictures: Sequence[Path], root: Path) -> None:
    sizes = {path.stat().st_size for path in pictures if path.is_file()}
    known = {
        file_digest(picture.path): picture.name
        for picture in scan.pictures
        if picture.path.stat().st_size in sizes
    }
    for path in pictures:
        digest = file_digest(path)
        if digest in known:
            raise StudyEditError(
                f"{path} is in the study already, as {known[digest]}",
                "one picture under two names would be counted as two pictures",
                f"densitometry study status {shlex.quote(str(root))}",
            )
        known[digest] = str(path)


def _check_picture(path: Path) -> None:
    from densitometry.capture.header import HeaderError, read_header

    fix = f"file {shlex.quote(str(path))}"
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise UnreadableImageError(
            f"{path} is no picture", f"pictures end in {', '.join(PICTURE_SUFFIXES)}", fix
        )
    try:
        read_header(path.read_bytes())
    except (HeaderError, OSError) as error:
        raise UnreadableImageError(f"{path} is no picture that can be read", str(error), fix) from error


def _sidecar_keys(
    source: Path, new: NewPictures, scan: Scan, modality: str, entities: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return what is written beside the new picture; None where an inherited sidecar says it all."""
    beside = source.with_suffix(".json")
    keys: dict[str, Any] = {}
    if beside.is_file():
        found, problems = sidecars.read_sidecar(beside, str(beside), modality, {})
        if problems:
            raise ScaleError(problems[0].what, problems[0].why, problems[0].fix)
        keys = dict(found.keys or {})
    own = sidecars.scale_of(keys, str(beside)).um_per_px
    if new.um_per_px is not None:
        if own is not None and any(abs(edge / new.um_per_px - 1) > LARGEST_DISAGREEMENT for edge in own):
            raise ScaleError(
                f"two scales for {source}",
                f"--um-per-px says {new.um_per_px:g} µm/px, {beside.name} says {own[0]:g} × {own[1]:g}",
                "find out which is right and give only that one",
            )
        keys |= _scale_keys(new.um_per_px, new.scale_error_pct)
    elif own is None and modality != WHOLE_HEAD:
        inherited, source_file = sidecars.merge(sidecars.in_force(scan.sidecars, modality, entities))
        if sidecars.scale_of(inherited, source_file).um_per_px is None:
            raise ScaleError(
                f"the scale of {source} is not known",
                f"there is no {beside.name} beside it, and the study has no inherited {modality}.json",
                "add --um-per-px with the edge of a pixel in µm",
            )
    return keys or None


def _add_row(
    table: TableEdit, column: str, label: str, prefix: str, given: Mapping[str, str], change: Change
) -> None:
    """Add the row of a new participant or visit; what is given for a known one must agree with its row."""
    given = {name: text for name, text in given.items() if text}
    _check_given(given)
    found = table.find(column, label, prefix)
    if not found:
        table.append({column: table.prefixed(column, label, prefix), **given})
        change.words.append(f"add {prefix}{label} to {table.path.name}")
        return
    row = table.copy_of(found[0])
    for name, text in given.items():
        if row.get(name, "").strip() not in ("", text):
            raise StudyEditError(
                f"{prefix}{label} has the {name} {row[name].strip()!r} in {table.path.name}, not {text!r}",
                "what is recorded is not changed by adding pictures",
                f"leave --{name.replace('_', '-')} out, or correct {table.path.name} first",
            )
        if not row.get(name, "").strip() and name in table.columns:
            table.rename(name, found[:1], text)
            change.words.append(f"write the {name} of {prefix}{label} into {table.path.name}")


def _check_given(given: Mapping[str, str]) -> None:
    if "date" in given:
        cells.iso_date(given["date"])
    if "day" in given:
        cells.whole_number(given["day"])
    if "diagnosis" in given:
        read_diagnoses(given["diagnosis"])


def _scale_keys(um_per_px: float, scale_error_pct: float | None) -> dict[str, Any]:
    keys: dict[str, Any] = {"PixelSize": [um_per_px, um_per_px], "PixelSizeUnits": "um"}
    return keys if scale_error_pct is None else keys | {"PixelSizeErrorPct": scale_error_pct}


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
