"""What lies in an output folder from before: results of something else, or of pictures that are gone."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from densitometry.errors import OutputError
from densitometry.report import changes, images, results
from densitometry.schema_study import STUDY_IMAGES
from densitometry.study.entities import Picture
from densitometry.study.followed import KEPT_NAMES
from densitometry.study.plan import Plan


def take_over(plan: Plan, *, force: bool) -> None:
    """Make the output folder fit for the results of `plan`, before any work.

    Results of pictures that are no longer in the study are removed, pages about people who are no longer
    in it, too: folders agree with images.tsv, and images.tsv with the study.

    Args:
        plan: what will be done.
        force: take over results of another study.

    Raises:
        OutputError: the folder holds results that are not of a study, or of another study.
    """
    out = plan.job.out
    if not images.is_there(out):
        return
    images.check_kind(out, STUDY_IMAGES, "study run")
    table = images.read(out, STUDY_IMAGES)
    rows = [] if table is None else table.to_dict("records")
    there = {picture.stem for picture in plan.study.pictures}
    measured = {str(row["picture"]) for row in rows if row["sha256"]}
    if measured and not measured & there and not force:
        new = shlex.quote(f"{plan.study.root}-results")
        raise OutputError(
            f"{out} holds results of another study",
            f"none of its {len(measured)} measured pictures is in {plan.study.root}",
            f"densitometry study run {shlex.quote(str(plan.study.root))} {new}   # or --force removes them",
        )
    gone = [(str(row["participant"]), str(row["session"]), str(row["picture"])) for row in rows]
    gone = [row for row in gone if row[2] not in there and row[0] and row[1]]
    for participant, session, picture in gone:
        _remove(out / f"sub-{participant}" / f"ses-{session}" / picture, results.RESULT_NAMES)
    _remove_comparisons(out, {row[:2] for row in gone}, plan.study.pictures)
    for label in {row[0] for row in gone} - {picture.participant for picture in plan.study.pictures}:
        (out / f"sub-{label}.html").unlink(missing_ok=True)
        _remove(out / f"sub-{label}", KEPT_NAMES)
    if gone:
        images.merge(out, [], STUDY_IMAGES, keep=there)


def _remove_comparisons(out: Path, visits: Iterable[tuple[str, str]], pictures: Iterable[Picture]) -> None:
    """Remove what was compared of a visit's sites that have no picture any more."""
    left = {(picture.participant, picture.session, picture.site) for picture in pictures}
    for participant, session in visits:
        start = f"sub-{participant}_ses-{session}_site-"
        for folder in (out / f"sub-{participant}" / f"ses-{session}").glob(f"{start}*change"):
            site = folder.name.removeprefix(start).rpartition("_")[0]
            if (participant, session, site) not in left:
                _remove(folder, changes.COMPARISON_NAMES)


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove our files from a folder, and the folders that are empty then."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for place in (folder, folder.parent, folder.parent.parent):
        with contextlib.suppress(OSError):
            place.rmdir()
