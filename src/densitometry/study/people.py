"""What is worked out person by person, in any process: scatter of replicates, visits against baseline."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from densitometry import follow
from densitometry.batch import BUG_CODE
from densitometry.comparison import follow_settings, record_of
from densitometry.comparison_overlay import write_pictures
from densitometry.errors import DensitometryError, OutputError
from densitometry.interrupts import raise_if_interrupted
from densitometry.report import changes
from densitometry.report.folders import remove_partials, whole_folder
from densitometry.study import followed
from densitometry.study.at_hand import AtHand
from densitometry.study.following import (
    Followed,
    Follower,
    own_repeatability,
    repeatability_of,
    within_visits,
)
from densitometry.study.person_task import Failure, Groups, PersonRows, PersonTask
from densitometry.study.phototrichogram import growth_rows


def replicates(task: PersonTask) -> Groups | Failure:
    """Return how far the participant's pictures of one visit and site differ on the same skin.

    Raises:
        OutputError: what was found cannot be kept.
    """
    try:
        at_hand = AtHand(task)
        visits = (
            [s.patch for s in at_hand.with_patches(i for i in task.seen if i.place == place) if s.patch]
            for place in task.replicated
        )
        groups = within_visits(visits, follow_settings(task.recipe))
    except Exception as error:  # noqa: BLE001  one participant must not lose the others
        raise_if_interrupted()
        return _failure(task, error)
    followed.write_groups(task, groups)
    return groups


def pool(groups: Mapping[str, Groups]) -> dict[str, dict[str, Any]]:
    """Return figure → fields of the study's `follow.Repeatability`, pooled over its participants."""
    return {name: asdict(belief) for name, belief in repeatability_of(groups).items()}


def follow_person(task: PersonTask) -> PersonRows:
    """Compare the participant's visits with the baseline, and write each comparison into its folder.

    Where that fails, every row says why. What was found is kept for later runs.

    Raises:
        OutputError: a folder cannot be written.
    """
    if task.failure is None:
        try:
            rows = _follow(task)
        except OutputError:
            raise
        except Exception as error:  # noqa: BLE001  one participant must not lose the others
            raise_if_interrupted()
            return _refused(task, _failure(task, error))
        return followed.write_rows(task, rows)
    return _refused(task, task.failure)


def _follow(task: PersonTask) -> PersonRows:
    study = {name: follow.Repeatability(**fields) for name, fields in (task.pooled or {}).items()}
    repeatability = own_repeatability(study, task.groups or {})
    at_hand = AtHand(task)
    rows = {}
    for place, item in Follower(task.recipe, task.problems, at_hand).follow(
        task.person, task.seen, repeatability
    ):
        _write_change(task, item, at_hand)
        rows[place] = item.row
    growth = growth_rows(task.person, task.seen, follow_settings(task.recipe), at_hand)
    return PersonRows(tuple(rows[place] for place in sorted(rows)), tuple(growth))


def _refused(task: PersonTask, failure: Failure) -> PersonRows:
    """Return rows that say why the participant was not followed; what earlier runs compared is removed."""
    follower = Follower(task.recipe, task.problems, AtHand(task))
    rows = follower.refused(task.person, task.seen, failure.code, f"{failure.what}: {failure.why}")
    for row in rows:
        followed.remove_comparison(followed.comparison_folder(task, row))
    (task.folder / followed.FOLLOWED_NAME).unlink(missing_ok=True)
    return PersonRows(tuple(rows), (), failure)


def _failure(task: PersonTask, error: Exception) -> Failure:
    if isinstance(error, DensitometryError):
        return Failure(error.code, error.what, error.why, error.fix)
    return Failure(
        BUG_CODE,
        f"sub-{task.person.label} made the program fail: {type(error).__name__}: {error}",
        "this is a bug in densitometry",
        "densitometry doctor   # and report it; -v shows where it failed",
        traceback.format_exc(),
    )


def _write_change(task: PersonTask, item: Followed, at_hand: AtHand) -> None:
    """Write change.json, links.csv and the pictures of one comparison beside the visit's pictures."""
    target = followed.comparison_folder(task, item.row)
    comparison = item.comparison
    if comparison is None:
        followed.remove_comparison(target)
        return
    remove_partials(target)
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
            shown = [at_hand.analysis(seen.picture) for seen in (here, there)]
            write_pictures(partial, comparison, shown[0], shown[1])
        changes.write_comparison(partial, record, links)


def _is_written(target: Path, record: Mapping[str, Any], links: Any, *, drawn: bool) -> bool:
    """Whether an earlier run wrote the same: the pictures, named by their bytes, need not be drawn again."""
    names = changes.COMPARISON_NAMES if drawn else {changes.CHANGE_NAME, changes.LINKS_NAME}
    if not target.is_dir() or {path.name for path in target.iterdir()} != names:
        return False
    with tempfile.TemporaryDirectory() as aside:
        changes.write_comparison(Path(aside), record, links)
        return all(path.read_bytes() == (target / path.name).read_bytes() for path in Path(aside).iterdir())
