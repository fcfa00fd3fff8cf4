"""A whole study measured and followed: the tables of what came of it."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry import follow
from densitometry._version import __version__
from densitometry.batch import Outcome, row_of
from densitometry.comparison import follow_settings, record_of
from densitometry.comparison_overlay import write_pictures
from densitometry.errors import DensitometryError
from densitometry.report import changes, images, results
from densitometry.report.folders import not_writable, whole_folder, write_whole_file
from densitometry.schema import Column, column_names, dtypes
from densitometry.schema_study import CHANGES, GROWTH, REPEATABILITY, STUDY_HAIRS, STUDY_IMAGES, VISITS
from densitometry.stored import load_analysis, read_hairs
from densitometry.study.background import write_background
from densitometry.study.entities import Picture
from densitometry.study.following import (
    Followed,
    Follower,
    Seen,
    day_of,
    own_repeatability,
    repeatability_of,
    within_visits,
)
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.phototrichogram import growth_rows
from densitometry.study.plan import FAILED, Plan, scale_of
from densitometry.study.visit_table import visit_row

VISITS_NAME, CHANGES_NAME, HAIRS_NAME = "visits.tsv", "change.tsv", "hairs.csv"
REPEATABILITY_NAME, GROWTH_NAME, ENVIRONMENT_NAME = "repeatability.tsv", "growth.tsv", "environment.json"
LOGS = "logs"
_PACKAGES = ("numpy", "scipy", "pandas", "opencv-python-headless", "scikit-image", "numba", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Tables:
    """What a finished run says: rows of visits.tsv and change.tsv."""

    visits: pd.DataFrame
    changes: pd.DataFrame


def record_images(plan: Plan, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write images.tsv: the rows of the pictures just measured, of those kept, and of those stopped."""
    kept = [row_of(plan.job, outcome) for outcome in plan.done.values()]
    whole = []
    for row in (*rows, *kept, *plan.stopped):
        picture = plan.pictures.get(str(row["picture"]))
        whole.append({**_entities(picture), **row})
    there = {picture.stem for picture in plan.study.pictures}
    images.merge(out, whole, STUDY_IMAGES, keep=there)


def write_tables(plan: Plan, outcomes: Sequence[Outcome]) -> Tables:
    """Follow every participant and write what the study came to; each table appears whole.

    Args:
        plan: what was to do.
        outcomes: of the pictures measured now.
    """
    out = plan.job.out
    _remove_results_of_stopped(plan)
    if not plan.todo:
        record_images(plan, out, [])
    seen = _seen(plan, {**plan.done, **{outcome.picture: outcome for outcome in outcomes}})
    settings = follow_settings(plan.job.recipe)
    groups = {label: within_visits(own, settings) for label, own in seen.items()}
    pooled = repeatability_of(groups)
    follower = Follower(plan.job.recipe, plan.problems)
    followed: list[Followed] = []
    growth: list[dict[str, Any]] = []
    for person in plan.study.participants:
        if person.label in seen:
            beliefs = own_repeatability(pooled, groups[person.label])
            found = follower.follow(person, seen[person.label], beliefs)
            for item in found:
                _write_change(plan, item)
            followed += found
            growth += growth_rows(person, seen[person.label], settings)
    tables = Tables(_table(_visit_rows(plan, seen), VISITS), _table([item.row for item in followed], CHANGES))
    write_whole_file(out / VISITS_NAME, results.table_tsv(tables.visits, VISITS))
    write_whole_file(out / CHANGES_NAME, results.table_tsv(tables.changes, CHANGES))
    write_whole_file(out / GROWTH_NAME, results.table_tsv(_table(growth, GROWTH), GROWTH))
    write_whole_file(out / REPEATABILITY_NAME, _repeatability(pooled))
    _write_hairs(plan, seen)
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
    write_whole_file(folder / f"run-{started:%Y%m%dT%H%M%SZ}.log", "\n".join(lines) + "\n")


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _remove_results_of_stopped(plan: Plan) -> None:
    """Remove what an earlier run wrote for pictures that now fail: folders agree with images.tsv."""
    for row in plan.stopped:
        picture = plan.pictures.get(str(row["picture"]))
        if picture is not None and picture.stem == row["picture"]:
            for name in results.RESULT_NAMES:
                (plan.job.out / picture.folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                (plan.job.out / picture.folder).rmdir()


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
        patch = None
        if status == "measured" and picture.site:
            try:
                patch = follow.patch_of(_load(plan, picture))
            except DensitometryError:
                status = FAILED  # the file was changed or removed while the study ran
        found.setdefault(picture.participant, []).append(
            Seen(picture, status, outcome.summary if outcome else None, patch)
        )
    return found


def _load(plan: Plan, picture: Picture) -> Any:
    return load_analysis(plan.job.out / picture.folder, picture.path, scale_of(picture), plan.job.recipe)


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


def _write_change(plan: Plan, item: Followed) -> None:
    """Write change.json, links.csv and the overlay of one comparison beside the visit's pictures."""
    row = item.row
    stem = f"sub-{row['participant']}_ses-{row['session']}_site-{row['site']}"
    word = "change" if row["modality"] == "trich" else f"{row['modality']}-change"
    target = plan.job.out / f"sub-{row['participant']}" / f"ses-{row['session']}" / f"{stem}_{word}"
    comparison = item.comparison
    if comparison is None:
        for name in changes.COMPARISON_NAMES:
            (target / name).unlink(missing_ok=True)
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        return
    with whole_folder(target, changes.COMPARISON_NAMES) as partial:
        if plan.job.overlay:
            primary = comparison.primary
            here, there = item.baselines[primary.baseline], item.followups[primary.followup]
            write_pictures(partial, comparison, _load(plan, here.picture), _load(plan, there.picture))
        record = record_of(comparison, plan.job.recipe)
        names = [[seen.picture.stem for seen in visit] for visit in (item.baselines, item.followups)]
        record["baseline"], record["followup"] = names
        changes.write_comparison(partial, record, follow.links_table(comparison))


def _repeatability(beliefs: Mapping[str, follow.Repeatability]) -> str:
    rows = [
        {"figure": name, "sd": belief.sd, "df": belief.df, "n": belief.n, "source": belief.source}
        for name, belief in beliefs.items()
    ]
    return results.table_tsv(pd.DataFrame(rows, columns=column_names(REPEATABILITY)), REPEATABILITY)


def _write_hairs(plan: Plan, seen: Mapping[str, Sequence[Seen]]) -> None:
    tables = []
    for label in sorted(seen):
        for item in seen[label]:
            if item.status == "measured":
                hairs = read_hairs(plan.job.out / item.picture.folder / results.HAIRS_NAME)
                for position, (name, value) in enumerate(_entities(item.picture).items()):
                    hairs.insert(position, name, value)
                tables.append(hairs.astype(object))
    if tables:
        whole = pd.concat(tables, ignore_index=True)
    else:
        whole = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in dtypes(STUDY_HAIRS).items()})
    write_whole_file(plan.job.out / HAIRS_NAME, results.table_csv(whole, STUDY_HAIRS))
