"""A whole study measured and followed: the tables of what came of it, written by one process."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import pandas as pd

from densitometry._version import __version__
from densitometry.batch import RECIPE_NAME, Job, Outcome, row_of
from densitometry.exclusive import alone_in
from densitometry.executors import Executor
from densitometry.report import images, results
from densitometry.report.folders import not_writable, remove_partials, write_whole_file
from densitometry.schema import Column, column_names
from densitometry.schema_study import (
    CHANGES,
    CYCLES,
    GROWTH,
    REPEATABILITY,
    STUDY_IMAGES,
    VISITS,
    data_dictionary,
)
from densitometry.study.background import write_background
from densitometry.study.entities import Picture
from densitometry.study.hair_table import has_parquet, write_hair_table
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.people_run import Advance, cycles_of, follow_people
from densitometry.study.person_task import Failure
from densitometry.study.plan import FAILED, Plan
from densitometry.study.seen import Seen, day_of
from densitometry.study.visit_table import visit_row

VISITS_NAME, CHANGES_NAME = "visits.tsv", "change.tsv"
REPEATABILITY_NAME, GROWTH_NAME, CYCLES_NAME = "repeatability.tsv", "growth.tsv", "cycles.tsv"
ENVIRONMENT_NAME, DICTIONARY_NAME = "environment.json", "data_dictionary.tsv"
TABLE_NAMES = (
    *(images.IMAGES_NAME, VISITS_NAME, CHANGES_NAME),
    *(REPEATABILITY_NAME, GROWTH_NAME, CYCLES_NAME),
)
LOGS = "logs"
_PACKAGES = (
    *("numpy", "scipy", "pandas", "opencv-python-headless", "scikit-image", "numba", "onnxruntime", "pillow"),
    *("pyarrow", "distributed"),
)


@dataclass(frozen=True, slots=True)
class Tables:
    """What a finished run says: rows of visits.tsv and change.tsv, and who could not be followed."""

    visits: pd.DataFrame
    changes: pd.DataFrame
    failures: tuple[Failure, ...] = ()


def record_images(plan: Plan, job: Job, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write images.tsv and recipe.toml: rows of pictures just measured, of those kept, and of those stopped.

    Runs over parts of one study may end at the same time: each waits for its turn.
    """
    kept = [row_of(job, outcome) for outcome in plan.done.values()]
    whole = []
    for row in (*rows, *kept, *plan.stopped):
        picture = plan.pictures.get(str(row["picture"]))
        whole.append({**_entities(picture), **row})
    there = {picture.stem for picture in plan.study.pictures}
    with alone_in(job.out / LOGS):
        images.merge(job.out, whole, STUDY_IMAGES, keep=there)
        write_whole_file(job.out / RECIPE_NAME, job.recipe.to_toml())


def write_tables(
    plan: Plan,
    outcomes: Sequence[Outcome],
    executor: Executor,
    apart: Executor | None = None,
    advance: Advance | None = None,
) -> Tables:
    """Follow every participant and write what the study came to; each table appears whole.

    Args:
        plan: what was to do.
        outcomes: of the pictures measured now.
        executor: works out what is particular to a participant.
        apart: does so in its place where the output folder cannot be reached.
        advance: called with the participants followed so far, and with how many there are to follow.

    Raises:
        OutputError: a table cannot be written.
    """
    out = plan.job.out
    remove_results_of_stopped(plan)
    if not plan.todo:
        record_images(plan, plan.job, [])
    seen = _seen(plan, {**plan.done, **{outcome.picture: outcome for outcome in outcomes}})
    found = follow_people(plan, seen, executor, apart, advance)
    cycles = cycles_of(plan, found.changes, executor)
    tables = Tables(_table(_visit_rows(plan, seen), VISITS), _table(found.changes, CHANGES), found.failures)
    with alone_in(out / LOGS):
        for name in (*TABLE_NAMES, RECIPE_NAME, ENVIRONMENT_NAME, DICTIONARY_NAME):
            remove_partials(out / name)
        write_whole_file(out / VISITS_NAME, results.table_tsv(tables.visits, VISITS))
        write_whole_file(out / CHANGES_NAME, results.table_tsv(tables.changes, CHANGES))
        write_whole_file(out / GROWTH_NAME, results.table_tsv(_table(found.growth, GROWTH), GROWTH))
        write_whole_file(out / CYCLES_NAME, results.table_tsv(_table(cycles, CYCLES), CYCLES))
        write_whole_file(out / REPEATABILITY_NAME, _repeatability(found.pooled))
        write_hair_table(out, _measured(seen), parquet=has_parquet())
        write_whole_file(out / DICTIONARY_NAME, data_dictionary())
        write_background(plan.study, out)
        write_whole_file(out / ENVIRONMENT_NAME, json.dumps(environment(), indent=2) + "\n")
    return tables


def environment() -> dict[str, Any]:
    """Return versions of what measured, and on what."""
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": {name: _version_of(name) for name in _PACKAGES},
    }


def write_log(plan: Plan, outcomes: Sequence[Outcome], started: datetime) -> None:
    """Write what a run did, with times, into a file of its own below logs/."""
    folder = plan.job.out / LOGS
    lines = [f"densitometry {__version__}, recipe {plan.job.recipe.name} {plan.job.recipe.digest}"]
    lines += [f"started {started.isoformat()}", f"finished {datetime.now(UTC).isoformat()}"]
    lines += [f"kept {name}" for name in sorted(plan.done)]
    lines += [f"{outcome.status} {outcome.picture}" for outcome in outcomes]
    lines += [f"{row['status']} {row['picture']}: {row['error']}" for row in plan.stopped]
    lines += [f"{item.severity} {item.code} {item.place}: {item.what}" for item in plan.problems]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    write_whole_file(folder / f"run-{started:%Y%m%dT%H%M%S%fZ}.log", "\n".join(lines) + "\n")


def remove_results_of_stopped(plan: Plan) -> None:
    """Remove what an earlier run wrote for pictures that now fail: folders agree with images.tsv."""
    for row in plan.stopped:
        picture = plan.pictures.get(str(row["picture"]))
        if picture is not None and picture.stem == row["picture"]:
            for name in results.RESULT_NAMES:
                (plan.job.out / picture.folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                (plan.job.out / picture.folder).rmdir()


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _entities(picture: Picture | None) -> dict[str, Any]:
    if picture is None:
        return {"participant": "", "session": "", "site": "", "run": pd.NA, "modality": ""}
    names = ("participant", "session", "site", "run", "modality")
    return {name: getattr(picture, name) for name in names}


def _seen(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, list[Seen]]:
    """Return the pictures of each participant with what came of them, in the order of the study."""
    stopped = {str(row["picture"]): str(row["status"]) for row in plan.stopped}
    found: dict[str, list[Seen]] = {}
    for name, picture in plan.pictures.items():
        if picture.modality == WHOLE_HEAD:
            continue
        outcome = outcomes.get(name)
        status = outcome.status if outcome else stopped.get(name, FAILED)
        summary = outcome.summary if outcome else None
        found.setdefault(picture.participant, []).append(Seen(picture, status, summary))
    return found


def _measured(seen: Mapping[str, Sequence[Seen]]) -> dict[str, list[Picture]]:
    return {label: [s.picture for s in seen[label] if s.status == "measured"] for label in sorted(seen)}


def _visit_rows(plan: Plan, seen: Mapping[str, Sequence[Seen]]) -> list[dict[str, Any]]:
    rows = []
    for person in plan.study.participants:
        own = seen.get(person.label, ())
        spots = sorted({(item.picture.site, item.picture.modality) for item in own})
        for session in person.sessions:
            for site, modality in spots:
                there = [
                    (item.status, item.summary)
                    for item in own
                    if (item.picture.session, item.picture.site, item.picture.modality)
                    == (session.label, site, modality)
                ]
                place = (person.label, session.label, site, modality)
                is_baseline = session.label == person.baseline
                rows.append(visit_row(place, day_of(person, session), there, baseline=is_baseline))
    return rows


def _table(rows: Sequence[Mapping[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return rows as a table of objects: a whole number stays one where other rows have none."""
    cells = {
        name: pd.Series(
            [None if pd.isna(value := row.get(name)) else value for row in rows], dtype=object, name=name
        )
        for name in column_names(columns)
    }
    return pd.DataFrame(cells)


def _repeatability(pooled: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [{"figure": name, **fields} for name, fields in pooled.items()]
    return results.table_tsv(pd.DataFrame(rows, columns=column_names(REPEATABILITY)), REPEATABILITY)
