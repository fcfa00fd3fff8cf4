"""What a run read and wrote, recorded by its hashes; and whether it is still so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densitometry.batch import RECIPE_NAME
from densitometry.errors import OutputError, StudyLayoutError
from densitometry.exclusive import alone_in
from densitometry.study.audit import AUDIT_NAMES, AuditLog, Finding, Keys
from densitometry.study.entities import Study
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
from densitometry.study.hair_table import CSV_NAME, PARQUET_NAME
from densitometry.study.plan import Plan
from densitometry.study.run import DICTIONARY_NAME, ENVIRONMENT_NAME, LOGS, TABLE_NAMES
from densitometry.study.tree import IGNORED_FOLDERS
from densitometry.study.trial import (
    AUDIT_FOLDER,
    DEVIATED,
    audit_folder,
    cut_findings,
    cuts_of,
    is_held,
    lock_findings,
)

FILES_NAME = "files.tsv"
STARTED, FINISHED, SHARD, RUN = "run started", "run finished", "pictures measured", "run"
_TABLES = (*TABLE_NAMES, RECIPE_NAME, ENVIRONMENT_NAME, DICTIONARY_NAME, CSV_NAME)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what is not as it was recorded."""

    files: int
    lines: int
    findings: tuple[Finding, ...]


def record_start(plan: Plan, reason: str, deviation: Mapping[str, Any]) -> None:
    """Write into the results' log, and into that of a held study where the run deviates, what begins."""
    recipe = {"recipe": plan.job.recipe.name, "recipe_digest": plan.job.recipe.digest}
    counts = {"to_measure": len(plan.todo), "kept": len(plan.done), "stopped": len(plan.stopped)}
    AuditLog(plan.job.out / LOGS).append(STARTED, reason, {**recipe, **counts, "deviation": deviation})
    if deviation:
        AuditLog(audit_folder(plan.study)).append(DEVIATED, reason, {**recipe, "deviation": deviation})


def record_shard(plan: Plan, reason: str) -> None:
    """Write that pictures were measured; the run that writes the tables records the files of all shards."""
    recipe = {"recipe": plan.job.recipe.name, "recipe_digest": plan.job.recipe.digest}
    AuditLog(plan.job.out / LOGS).append(SHARD, reason, {**recipe, "measured": len(plan.todo)})


def record_finish(plan: Plan, reason: str) -> None:
    """Write the digests of what was read and of what lies in the results, subject by subject.

    Files of the size and time they had at the last run are not read again here; `verify` reads all.
    """
    out = plan.job.out
    log = AuditLog(out / LOGS)
    keys = Keys.read(log.folder)
    known = {(item.place, item.name): item for item in read_prints(log.folder / FILES_NAME)}
    prints = [*_inputs(plan.study, keys, known), *_outputs(out, keys, known)]
    with alone_in(log.folder):
        keys.write()
        write_prints(log.folder / FILES_NAME, prints)
    recipe = {"recipe": plan.job.recipe.name, "recipe_digest": plan.job.recipe.digest}
    head = log.append(FINISHED, reason, {**recipe, "files": len(prints), "subjects": by_subject(prints)})
    if is_held(plan.study):
        details = {**recipe, "files": len(prints), "results_log": head}
        AuditLog(audit_folder(plan.study)).append(RUN, reason, details)


def verify(study: Study, out: Path | None) -> Verified:
    """Hash inputs, outputs, locks, cuts and logs again, and return what is not as it was recorded.

    Args:
        study: the study.
        out: folder of its results; None for the study alone.

    Raises:
        OutputError: `out` holds no log.
        StudyLayoutError: neither the study nor any results have a log.
    """
    findings: list[Finding] = []
    files = lines = 0
    if is_held(study) or audit_folder(study).is_dir():
        own = AuditLog(audit_folder(study))
        findings += [Finding(f"{AUDIT_FOLDER}/{item.place}", item.what) for item in own.findings()]
        findings += lock_findings(study)
        lines += len(own.records())
        for cut in cuts_of(study):
            files += len(read_prints(own.folder / cut["table"]))
            findings += cut_findings(study, cut)
    elif out is None:
        raise StudyLayoutError(
            f"{study.root} is neither locked nor cut",
            "there is no record to compare it with",
            f"densitometry study verify {study.root} RESULTS   # or: densitometry study lock {study.root}",
        )
    if out is not None:
        found, count, written = _results_findings(study, out)
        findings, files, lines = findings + found, files + count, lines + written
    return Verified(files, lines, tuple(dict.fromkeys(findings)))


def _results_findings(study: Study, out: Path) -> tuple[list[Finding], int, int]:
    log = AuditLog(out / LOGS)
    record = log.last(FINISHED)
    if not log.path.is_file():
        raise OutputError(
            f"{out} holds no log of a run",
            "there is no record to compare it with",
            f"densitometry study run {study.root} {out}",
        )
    found = [Finding(f"{out / LOGS}/{item.place}", item.what) for item in log.findings()]
    if record is None:
        return [*found, Finding(str(log.path), "tells of no run that finished")], 0, len(log.records())
    found += _foreign_run(study, log, record)
    keys = Keys.read(log.folder)
    path = log.folder / FILES_NAME
    prints = read_prints(path)
    found += table_findings(path, record["subjects"], keys)
    found += file_findings(prints, {"study": study.root, "results": out}, keys)
    return found, len(prints), len(log.records())


def _foreign_run(study: Study, log: AuditLog, record: Mapping[str, Any]) -> list[Finding]:
    """Return a finding where a held study's own log does not know the last run of the results' log."""
    own = AuditLog(audit_folder(study)).records()
    if not own or str(record.get("when")) <= str(own[0].get("when")):
        return []
    known = {item.get("results_log") for item in own if item.get("what") == RUN}
    if log.hash_of(record) in known:
        return []
    return [Finding(str(log.path), f"was replaced: the study's log knows no run like line {record['n']}")]


def _inputs(study: Study, keys: Keys, known: Mapping[tuple[str, str], Print]) -> Iterator[Print]:
    """Yield prints of the study's files: all of a tree, or what a manifest names."""
    if study.layout == "tree":
        names = sorted(_files_below(study.root, (*IGNORED_FOLDERS, AUDIT_FOLDER)))
    else:
        beside = [Path(picture.name).with_suffix(".json").as_posix() for picture in study.pictures]
        wanted = {*study.tables, *(picture.name for picture in study.pictures), *beside}
        names = sorted(name for name in wanted if (study.root / name).is_file())
    owner = {picture.name: picture.participant for picture in study.pictures}
    for name in names:
        label = owner.get(name) or _label_in(name)
        yield print_of_file(study.root, name, "study", _subject(label, keys), known)


def _outputs(out: Path, keys: Keys, known: Mapping[tuple[str, str], Print]) -> Iterator[Print]:
    """Yield prints of what the run wrote; what other commands put beside it is theirs."""
    names = [name for name in _TABLES if (out / name).is_file()]
    for folder in (*sorted(out.glob("sub-*/")), out / PARQUET_NAME, out / LOGS):
        if folder.is_dir():
            names += [f"{folder.name}/{name}" for name in sorted(_files_below(folder, ()))]
    for name in names:
        if Path(name).name not in (*AUDIT_NAMES, FILES_NAME):
            yield print_of_file(out, name, "results", _subject(_label_in(name), keys), known)


def _files_below(folder: Path, left_out: tuple[str, ...]) -> Iterator[str]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and parts[0] not in left_out and not any(part.startswith(".") for part in parts):
            yield "/".join(parts)


def _label_in(name: str) -> str:
    """Return the participant whose a file is by its place: sub-01/…, hairs.parquet/sub-01.parquet."""
    parts = Path(name).parts
    own = next((part for part in parts if part.startswith("sub-")), "")
    return own.removeprefix("sub-").partition(".")[0].partition("_")[0]


def _subject(label: str, keys: Keys) -> str:
    return keys.key_of("subject", label) if label else SHARED
