"""What is worked out person by person, in any process: scatter of replicates, visits against baseline."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from densitometry import follow
from densitometry.comparison import follow_settings, record_of
from densitometry.comparison_overlay import write_pictures
from densitometry.errors import DensitometryError
from densitometry.report import changes
from densitometry.report.folders import remove_partials, whole_folder
from densitometry.stored import load_analysis, load_patch
from densitometry.study.entities import Picture
from densitometry.study.following import (
    Followed,
    Follower,
    own_repeatability,
    repeatability_of,
    within_visits,
)
from densitometry.study.person_task import Groups, PersonRows, PersonTask
from densitometry.study.phototrichogram import growth_rows
from densitometry.study.plan import FAILED, scale_of
from densitometry.study.seen import Seen


def replicates(task: PersonTask) -> dict[str, list[list[float]]]:
    """Return how far the participant's pictures of one visit and site differ on the same skin."""
    places = [_place(item.picture) for item in task.seen if item.status == "measured"]
    several = [item for item in task.seen if places.count(_place(item.picture)) > 1]
    return within_visits((_with_patch(task, item) for item in several), follow_settings(task.recipe))


def pool(groups: Mapping[str, Groups]) -> dict[str, dict[str, Any]]:
    """Return figure → fields of the study's `follow.Repeatability`, pooled over its participants."""
    return {name: asdict(belief) for name, belief in repeatability_of(groups).items()}


def follow_person(task: PersonTask) -> PersonRows:
    """Compare the participant's visits with the baseline, and write each comparison into its folder.

    Raises:
        OutputError: a folder cannot be written.
    """
    seen = [_with_patch(task, item) for item in task.seen]
    study = {name: follow.Repeatability(**fields) for name, fields in (task.pooled or {}).items()}
    found = Follower(task.recipe, task.problems).follow(
        task.person, seen, own_repeatability(study, task.groups or {})
    )
    for item in found:
        _write_change(task, item)
    growth = growth_rows(task.person, seen, follow_settings(task.recipe))
    return PersonRows(tuple(item.row for item in found), tuple(growth))


def _place(picture: Picture) -> tuple[str, str, str]:
    return (picture.session, picture.site, picture.modality)


def _with_patch(task: PersonTask, item: Seen) -> Seen:
    """Return a picture with its hairs; what cannot be read any more counts as failed."""
    if item.status != "measured" or not item.picture.site:
        return item
    folder = task.out / item.picture.folder
    try:
        patch = load_patch(folder) or follow.patch_of(_load(task, item.picture))
    except DensitometryError:
        return replace(item, status=FAILED)
    return replace(item, patch=patch)


def _load(task: PersonTask, picture: Picture) -> Any:
    return load_analysis(task.out / picture.folder, picture.path, scale_of(picture), task.recipe)


def _write_change(task: PersonTask, item: Followed) -> None:
    """Write change.json, links.csv and the overlay of one comparison beside the visit's pictures."""
    row = item.row
    stem = f"sub-{row['participant']}_ses-{row['session']}_site-{row['site']}"
    word = "change" if row["modality"] == "trich" else f"{row['modality']}-change"
    target = task.out / f"sub-{row['participant']}" / f"ses-{row['session']}" / f"{stem}_{word}"
    remove_partials(target)
    comparison = item.comparison
    if comparison is None:
        for name in changes.COMPARISON_NAMES:
            (target / name).unlink(missing_ok=True)
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        return
    record = record_of(comparison, task.recipe)
    for name, visit in (("baseline", item.baselines), ("followup", item.followups)):
        record[name] = [seen.picture.stem for seen in visit]
        record[f"{name}_sha256"] = [(seen.summary or {})["image"]["sha256"] for seen in visit]
    links = follow.links_table(comparison)
    if _is_written(target, record, links, drawn=task.overlay):
        return
    with whole_folder(target, changes.COMPARISON_NAMES) as partial:
        if task.overlay:
            primary = comparison.primary
            here, there = item.baselines[primary.baseline], item.followups[primary.followup]
            write_pictures(partial, comparison, _load(task, here.picture), _load(task, there.picture))
        changes.write_comparison(partial, record, links)


def _is_written(target: Path, record: Mapping[str, Any], links: Any, *, drawn: bool) -> bool:
    """Whether an earlier run wrote the same: the pictures, named by their bytes, need not be drawn again."""
    names = changes.COMPARISON_NAMES if drawn else {changes.CHANGE_NAME, changes.LINKS_NAME}
    if not target.is_dir() or {path.name for path in target.iterdir()} != names:
        return False
    with tempfile.TemporaryDirectory() as aside:
        changes.write_comparison(Path(aside), record, links)
        return all(path.read_bytes() == (target / path.name).read_bytes() for path in Path(aside).iterdir())
