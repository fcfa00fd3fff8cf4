"""The study as a tree of folders: which participants, visits, pictures and sidecars lie in it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import DensitometryError, ScaleError, StudyLayoutError, TableError
from densitometry.report.folders import PARTIAL_PREFIX
from densitometry.study import names, sidecars
from densitometry.study.cells import label
from densitometry.study.entities import Picture
from densitometry.study.problems import Prevents, Problem, from_error, problem
from densitometry.study.sidecars import Sidecar

KNOWN_FILES = (
    *("dataset_description.json", "participants.json", "treatments.json", "CITATION.cff", ".bidsignore"),
    *("participants.tsv", "participants.csv", "treatments.tsv", "treatments.csv"),
)
KNOWN_STARTS = ("README", "CHANGES", "LICENSE", ".")
IGNORED_FOLDERS = ("derivatives", "sourcedata", "code", "audit")


@dataclass(slots=True)
class Scan:
    """What lies in a tree; filled while walking.

    Attributes:
        root: folder of the study.
        participants: labels of the `sub-` folders.
        visits: (participant, session) of the `ses-` folders.
        session_tables: participant → its sessions' tables.
        pictures: found so far, without scale.
        sidecars: found so far.
        problems: findings.
    """

    root: Path
    participants: list[str] = field(default_factory=list)
    visits: list[tuple[str, str]] = field(default_factory=list)
    session_tables: dict[str, list[Path]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    sidecars: list[Sidecar] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def file(self, path: Path) -> str:
        """Return a path below the study's folder, with `/`."""
        return path.relative_to(self.root).as_posix()

    def refuse(
        self, path: Path, error: DensitometryError, participant: str = "", prevents: Prevents = "measuring"
    ) -> None:
        """Add a finding about a file or folder."""
        finding = from_error(error, self.file(path), prevents)
        self.problems.append(replace(finding, participant=participant, picture=self.file(path)))

    def not_read(self, path: Path, why: str) -> None:
        """Say that something is left alone; a picture left alone is an error."""
        picture = path.suffix.lower() in PICTURE_SUFFIXES
        partial = path.name.startswith(PARTIAL_PREFIX)
        fix = f"rm -r {shlex.quote(str(path))}" if partial else f"place pictures like {_PLACE}"
        self.problems.append(
            problem(
                StudyLayoutError,
                f"{self.file(path)} is not read",
                "an interrupted change left it behind" if partial else why,
                fix,
                file=self.file(path),
                severity="error" if picture and not partial else "warning",
                prevents="measuring" if picture and not partial else "nothing",
                picture=self.file(path) if picture else "",
            )
        )


_PLACE = f"sub-01/ses-w00/trich/{names.EXAMPLE}"


def scan_tree(root: Path) -> Scan:
    """Walk a study's folder and return what lies in it, pictures with the scale their sidecars state."""
    scan = Scan(root)
    for path in _entries(root):
        if path.is_dir():
            if path.name.startswith("sub-"):
                _scan_participant(scan, path)
            elif path.name.startswith(PARTIAL_PREFIX):
                scan.not_read(path, "")
            elif path.name not in IGNORED_FOLDERS and not path.name.startswith("."):
                scan.not_read(path, "only sub-… folders hold a study's pictures")
        elif not _take_sidecar(scan, path, {}) and path.name not in KNOWN_FILES and not _is_quiet(path):
            scan.not_read(path, "it is no file of a study")
    _apply_sidecars(scan)
    scan.pictures.sort(key=lambda picture: (picture.key, picture.name))
    return scan


def _entries(folder: Path) -> list[Path]:
    with os.scandir(folder) as found:
        return sorted(Path(entry.path) for entry in found)


def _scan_participant(scan: Scan, folder: Path) -> None:
    participant = _folder_label(scan, folder, "sub-")
    if participant is None:
        return
    scan.participants.append(participant)
    tables = {f"sub-{participant}_sessions{suffix}" for suffix in (".tsv", ".csv")}
    for path in _entries(folder):
        if path.is_dir():
            if path.name.startswith("ses-"):
                _scan_visit(scan, path, participant)
            else:
                scan.not_read(path, "a participant's folder holds ses-… folders")
        elif path.name in tables:
            scan.session_tables.setdefault(participant, []).append(path)
        elif not _take_sidecar(scan, path, {"sub": participant}) and not _is_quiet(path):
            scan.not_read(
                path, f"a participant's folder holds sub-{participant}_sessions.tsv and ses-… folders"
            )


def _scan_visit(scan: Scan, folder: Path, participant: str) -> None:
    session = _folder_label(scan, folder, "ses-", participant)
    if session is None:
        return
    scan.visits.append((participant, session))
    place = {"sub": participant, "ses": session}
    for path in _entries(folder):
        if path.is_dir():
            if path.name in names.MODALITY_CODES:
                for file in _entries(path):
                    _take_file(scan, file, place)
            else:
                scan.not_read(path, f"a visit's folder holds {', '.join(names.MODALITY_CODES)}")
        elif not _take_sidecar(scan, path, place) and not _is_quiet(path):
            scan.not_read(path, f"a visit's folder holds the folders {', '.join(names.MODALITY_CODES)}")


def _take_file(scan: Scan, path: Path, place: dict[str, str]) -> None:
    if path.is_dir() or path.suffix.lower() not in (*PICTURE_SUFFIXES, ".json"):
        if not _is_quiet(path):
            scan.not_read(
                path, f"pictures that end in {', '.join(PICTURE_SUFFIXES)} and their .json are read"
            )
        return
    if path.suffix.lower() == ".json":
        _take_sidecar(scan, path, place)
        return
    try:
        parsed = names.parse(path.stem)
        _check_place(parsed, path, place)
    except DensitometryError as error:
        scan.refuse(path, error, place["sub"])
        return
    scan.pictures.append(
        Picture(
            path,
            scan.file(path),
            place["sub"],
            place["ses"],
            parsed.entities.get("site", ""),
            int(parsed.entities.get("run", "1")),
            parsed.suffix,
        )
    )


def _check_place(parsed: names.ParsedName, path: Path, place: dict[str, str]) -> None:
    for key, wanted in place.items():
        named = parsed.entities.get(key)
        if named != wanted:
            said = f"{key}-{named}" if named else f"no {key}-"
            raise StudyLayoutError(
                f"{path.name} lies in the folder of {key}-{wanted} and says {said}",
                "name and folder must agree, or pictures end up with another person or visit",
                f"rename it, or move it to its own folder: {_PLACE} shows the pattern",
            )
    if parsed.suffix != path.parent.name:
        raise StudyLayoutError(
            f"{path.name} lies in the folder {path.parent.name}",
            "pictures of different modalities are measured differently and never compared",
            f"move it to {path.parent.parent.name}/{parsed.suffix}/, or correct its last word",
        )
    if "site" not in parsed.entities and parsed.suffix != names.WHOLE_HEAD:
        raise names.refused(path.stem, "it names no site, and visits are compared site by site")


def _take_sidecar(scan: Scan, path: Path, place: dict[str, str]) -> bool:
    """Take a sidecar in; whether the file was one."""
    stem, suffix = path.stem, path.suffix.lower()
    if suffix != ".json" or stem.split("_")[-1] not in names.MODALITY_CODES:
        if suffix == ".json" and path.parent.name in names.MODALITY_CODES:
            scan.not_read(path, "the name of a sidecar ends like that of its picture")
            return True
        return False
    try:
        parsed = names.parse(stem)
    except StudyLayoutError as error:
        scan.refuse(path, error, prevents="nothing")
        return True
    entities = {**parsed.entities, **place}
    if "run" in entities:
        entities["run"] = str(int(entities["run"]))
    if any(parsed.entities.get(key, value) != value for key, value in place.items()):
        entities["sub"] = ""  # it holds for nothing here and is named below
    found, problems = sidecars.read_sidecar(path, scan.file(path), parsed.suffix, entities)
    scan.sidecars.append(found)
    scan.problems += problems
    return True


def _apply_sidecars(scan: Scan) -> None:
    general = [item for item in scan.sidecars if "sub" not in item.entities]
    by_person: dict[str, list[Sidecar]] = {}
    for item in scan.sidecars:
        if "sub" in item.entities:
            by_person.setdefault(item.entities["sub"], []).append(item)
    used: set[str] = set()
    rivals: dict[tuple[str, str], Problem] = {}
    for index, picture in enumerate(scan.pictures):
        entities = {
            "sub": picture.participant,
            "ses": picture.session,
            "site": picture.site,
            "run": str(picture.run),
        }
        near = [*general, *by_person.get(picture.participant, [])]
        applied = sidecars.in_force(near, picture.modality, entities)
        used |= {item.file for item in applied}
        for first, second in sidecars.rivals(applied):
            rivals[first.file, second.file] = sidecars.rivalry(first, second)
        scan.pictures[index] = _with_sidecars(scan, picture, applied)
    scan.problems += rivals.values()
    for item in scan.sidecars:
        for_a_group = set(item.entities) <= {"sub", "ses"} and item.folder.name not in names.MODALITY_CODES
        if item.file not in used and not for_a_group:
            scan.problems.append(sidecars.orphan(item))


def _with_sidecars(scan: Scan, picture: Picture, applied: list[Sidecar]) -> Picture:
    keys, source = sidecars.merge(applied)
    try:
        sidecars.refuse_broken(applied, picture.name)
        scale = sidecars.scale_of(keys, source)
    except ScaleError as error:
        finding = from_error(error, picture.name, "measuring")
        scan.problems.append(
            replace(finding, participant=picture.participant, session=picture.session, picture=picture.name)
        )
        return replace(picture, sidecar=keys, scale_source=source)
    return replace(
        picture,
        sidecar=keys,
        um_per_px=scale.um_per_px,
        scale_error_pct=scale.error_pct,
        scale_source=scale.source,
    )


def _folder_label(scan: Scan, folder: Path, prefix: str, participant: str = "") -> str | None:
    try:
        return label(folder.name, prefix)
    except TableError as error:
        fix = f"{error.fix}: mv {shlex.quote(folder.name)} …"
        scan.refuse(folder, StudyLayoutError(f"the folder {error.what}", error.why, fix), participant)
        return None


def _is_quiet(path: Path) -> bool:
    return path.name.startswith(KNOWN_STARTS) and not path.name.startswith(PARTIAL_PREFIX)
