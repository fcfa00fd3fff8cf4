"""A study held fast: recipe and version locked, inputs cut off at a date and frozen by their hashes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from densitometry._version import __version__
from densitometry.errors import StudyAlteredError, StudyLockedError, TimelineError
from densitometry.recipe import Recipe
from densitometry.report.folders import not_writable, write_whole_file
from densitometry.study.audit import AuditLog, Finding, Keys, digest_of
from densitometry.study.entities import Participant, Session, Study, Treatment
from densitometry.study.fingerprints import (
    SHARED,
    Print,
    by_subject,
    file_findings,
    print_of_file,
    read_prints,
    table_findings,
    write_prints,
)
from densitometry.study.layout import DESCRIPTION

AUDIT_FOLDER = "audit"
LOCK_FILE, LOCKED_RECIPE = "lock.json", "recipe.toml"
LOCKED, CUT, DEVIATED = "locked", "cut", "run that deviates"
_NAMES_SHOWN = 3


def audit_folder(study: Study) -> Path:
    """Return the folder beside the participants' in which a study's lock, cuts and log lie."""
    return study.root / AUDIT_FOLDER


def is_held(study: Study) -> bool:
    """Whether the study is locked, or has a cut: then every run is recorded beside it, too."""
    return (audit_folder(study) / "audit.jsonl").is_file()


def lock_study(study: Study, recipe: Recipe, reason: str = "") -> dict[str, Any]:
    """Fix the recipe and the version that may measure a study; return what lock.json says.

    Raises:
        StudyLockedError: it is locked to something else, and no reason is given.
        OutputError: the study's folder cannot be written.
    """
    before = read_lock(study)
    content = {"recipe": recipe.name, "recipe_digest": recipe.digest, "version": __version__}
    if before is not None and not reason:
        if all(before.get(name) == value for name, value in content.items()):
            return before
        raise StudyLockedError(
            f"{study.root} is locked already, to recipe {before['recipe']} {before['recipe_digest'][:12]} "
            f"and version {before['version']}",
            "a lock that anybody could replace silently would hold nothing",
            'add --reason "why the lock is replaced"   # it is recorded',
        )
    folder = audit_folder(study)
    lock = {**content, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    _make(folder)
    write_whole_file(folder / LOCKED_RECIPE, recipe.to_toml())
    write_whole_file(folder / LOCK_FILE, json.dumps(lock, indent=2) + "\n")
    files = {name: digest_of((folder / name).read_bytes()) for name in (LOCK_FILE, LOCKED_RECIPE)}
    AuditLog(folder).append(LOCKED, reason, {**content, "files": files})
    return lock


def read_lock(study: Study) -> dict[str, Any] | None:
    """Return what lock.json says; None where the study is not locked.

    Raises:
        StudyAlteredError: it cannot be read.
    """
    path = audit_folder(study) / LOCK_FILE
    if not path.exists():
        return None
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(lock[name]) for name in ("recipe", "recipe_digest", "version")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _altered(study, [Finding(str(path), "was altered")]) from error


def locked_recipe(study: Study) -> Path | None:
    """Return the file of the recipe a study is locked to."""
    path = audit_folder(study) / LOCKED_RECIPE
    return path if path.is_file() else None


def check_held(study: Study, reason: str) -> dict[str, Any]:
    """Return how many things a lock or a cut holds are altered, as what a run deviates by; {} for none.

    Raises:
        StudyAlteredError: something is, and no reason is given.
    """
    found: list[Finding] = []
    if is_held(study):
        found = lock_findings(study)
        found += [item for cut in cuts_of(study) for item in cut_findings(study, cut)]
    if found and not reason:
        raise _altered(study, found)
    return {"altered": len(found)} if found else {}


def check_run(study: Study, recipe: Recipe, reason: str) -> dict[str, Any]:
    """Return how a run deviates from the study's lock; {} where it does not.

    Raises:
        StudyLockedError: the recipe or the version is another, and no reason is given.
    """
    lock = read_lock(study)
    now = {"recipe_digest": recipe.digest, "version": __version__}
    deviation = {} if lock is None else {name: value for name, value in now.items() if lock[name] != value}
    if deviation and lock is not None and not reason:
        name = next(iter(deviation))
        own = shlex.quote(str(audit_folder(study) / LOCKED_RECIPE))
        remedy = f"leave --recipe and --set out ({own} is then used)"
        if name == "version":
            remedy = f"pip install densitometry=={lock['version']}"
        raise StudyLockedError(
            f"{study.root} is locked to {name.replace('_', ' ')} {lock[name][:12]}, "
            f"this run has {now[name][:12]}",
            "a locked study is measured one way, or its results are not those that were planned",
            f'{remedy}, or add --reason "why it is right"   # it is recorded',
        )
    return deviation


def cut_study(study: Study, through: date, reason: str = "") -> list[Print]:
    """Freeze, by their hashes, the pictures, sidecars and rows of all visits up to a day.

    Raises:
        TimelineError: a visit has no date.
        StudyLockedError: there is a cut of that day already, and no reason is given.
    """
    undated = [s for p in study.participants for s in p.sessions if not isinstance(s.date, date)]
    if undated:
        first = undated[0]
        raise TimelineError(
            f"ses-{first.label} of sub-{first.participant} has no date",
            "whether it lies before the cut cannot be told",
            f"write its date into sub-{first.participant}_sessions.tsv",
        )
    folder = audit_folder(study)
    path = folder / f"cut-{through.isoformat()}.tsv"
    if path.exists() and not reason:
        raise StudyLockedError(
            f"{study.root} has a cut of {through.isoformat()} already",
            "a cut that anybody could repeat silently would freeze nothing",
            'add --reason "why it is made again"   # it is recorded',
        )
    _make(folder)
    keys = Keys.read(folder)
    prints = list(_frozen(study, through, keys))
    keys.write()
    write_prints(path, prints)
    details = {"through": through.isoformat(), "table": path.name, "subjects": by_subject(prints)}
    AuditLog(folder).append(CUT, reason, details)
    return prints


def cuts_of(study: Study) -> list[dict[str, Any]]:
    """Return the log's lines about cuts, the last of each day."""
    records = [item for item in AuditLog(audit_folder(study)).records() if item.get("what") == CUT]
    return list({item["through"]: item for item in records}.values())


def cut_findings(study: Study, cut: Mapping[str, Any]) -> list[Finding]:
    """Return what of a cut's inputs is missing, or altered since."""
    folder = audit_folder(study)
    keys = Keys.read(folder)
    path = folder / cut["table"]
    found = table_findings(path, cut["subjects"], keys)
    prints = read_prints(path)
    found += file_findings(prints, {"study": study.root}, keys)
    now = {item.name: item.sha256 for item in _rows(study, date.fromisoformat(cut["through"]), keys)}
    for item in prints:
        if item.place == "row" and now.get(item.name) != item.sha256 and not keys.is_erased(item.subject):
            found.append(Finding(item.name, "is missing" if item.name not in now else "was altered"))
    return found


def lock_findings(study: Study) -> list[Finding]:
    """Return which files of the lock are not those that the log speaks of."""
    folder = audit_folder(study)
    record = AuditLog(folder).last(LOCKED)
    found = []
    for name, digest in (record or {}).get("files", {}).items():
        path = folder / name
        if not path.is_file():
            found.append(Finding(str(path), "is missing"))
        elif digest_of(path.read_bytes()) != digest:
            found.append(Finding(str(path), "was altered"))
    return found


def _altered(study: Study, found: list[Finding]) -> StudyAlteredError:
    first = "; ".join(f"{item.place} {item.what}" for item in found[:_NAMES_SHOWN])
    more = f" and {len(found) - _NAMES_SHOWN} more" if len(found) > _NAMES_SHOWN else ""
    return StudyAlteredError(
        f"{first}{more}",
        "the study was locked or cut, and this is not what it was then",
        f'densitometry study verify {shlex.quote(str(study.root))}   # put it back, or add --reason "…"',
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error


def _frozen(study: Study, through: date, keys: Keys) -> Iterator[Print]:
    """Yield prints of the files and rows of all visits up to a day."""
    visits = {
        (s.participant, s.label)
        for p in study.participants
        for s in p.sessions
        if isinstance(s.date, date) and s.date <= through
    }
    for picture in study.pictures:
        if (picture.participant, picture.session) in visits and picture.path.is_file():
            subject = keys.key_of("subject", picture.participant)
            yield print_of_file(study.root, picture.name, "study", subject)
            beside = Path(picture.name).with_suffix(".json").as_posix()
            if (study.root / beside).is_file():
                yield print_of_file(study.root, beside, "study", subject)
    for path in sorted(study.root.glob("*.json")):
        if study.layout == "tree" or path.name == DESCRIPTION:
            yield print_of_file(study.root, path.name, "study", SHARED)
    yield from _rows(study, through, keys)


def _rows(study: Study, through: date, keys: Keys) -> Iterator[Print]:
    """Yield prints of rows: people, their visits and their treatments up to a day."""
    for person in study.participants:
        subject = keys.key_of("subject", person.label)
        own = [s for s in person.sessions if isinstance(s.date, date) and s.date <= through]
        if not own:
            continue
        yield _row(subject, f"participants: sub-{person.label}", _person_cells(person))
        for session in own:
            yield _row(subject, f"sessions: sub-{person.label} ses-{session.label}", _visit_cells(session))
        for number, course in enumerate(person.treatments, 1):
            if course.start is None or (isinstance(course.start, date) and course.start <= through):
                name = f"treatments: sub-{person.label} {course.agent.code} {course.start or number}"
                yield _row(subject, name, _course_cells(course))


def _row(subject: str, name: str, cells: tuple[object, ...]) -> Print:
    return Print(subject, "row", name, digest_of("\t".join(str(cell) for cell in cells).encode()))


def _person_cells(person: Participant) -> tuple[object, ...]:
    codes = "+".join(item.code for item in person.diagnoses)
    return (person.label, person.sex, person.age_years, person.centre, person.arm, codes, person.note)


def _visit_cells(session: Session) -> tuple[object, ...]:
    return (
        *(session.label, session.date, session.day, session.planned_week, session.baseline_marked),
        *(session.clipped, session.clipped_on, session.dyed, session.immersion, session.polarised),
        session.note,
    )


def _course_cells(course: Treatment) -> tuple[object, ...]:
    sites = "+".join(f"{item.role}:{item.site}" for item in course.sites)
    return (
        *(course.agent.code, course.text, course.start, course.end, course.dose, course.unit, course.route),
        *(sites, course.note),
    )
