"""Results of a blinded copy, put back under the participants and visits they are of, and followed."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from densitometry.batch import RECIPE_NAME, Job, Outcome, outcome_of
from densitometry.errors import BlindingError
from densitometry.executors import local_executor
from densitometry.inputs import Input
from densitometry.recipe import Recipe, load_recipe
from densitometry.report import results
from densitometry.report.folders import move_away, whole_folder
from densitometry.study.blinding import SESSION, read_key
from densitometry.study.check import file_digest
from densitometry.study.entities import Picture, Study
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.plan import FAILED, LEFT_OUT, Plan, scale_of, stopped_row
from densitometry.study.problems import Problem
from densitometry.study.record import record_finish, record_start
from densitometry.study.run import Tables, write_log, write_tables


def unblind_results(
    study: Study, problems: Sequence[Problem], blinded: Path, key: Path, out: Path
) -> tuple[Plan, Tables]:
    """Copy the results of a blinded copy under their true names, and write the tables of the study.

    Args:
        study: the study the copy was made of.
        problems: what is wrong with it.
        blinded: what `study run` wrote for the copy.
        key: of the copy.
        out: new folder of the study's results.

    Raises:
        BlindingError: key, results and study do not belong together.
        OutputError: `out` cannot be written.
    """
    recipe = _recipe_of(blinded)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BlindingError(
            f"{out} is there already", "results are put into a folder of their own", move_away(out)
        )
    pictures = {picture.name: picture for picture in study.pictures}
    job = Job(out, recipe)
    done: dict[str, Outcome] = {}
    started = datetime.now(UTC)
    for code, entry in sorted(read_key(key).items()):
        picture = pictures.get(str(entry.get("name")))
        if picture is None or file_digest(picture.path) != entry.get("sha256"):
            raise BlindingError(
                f"{study.root} is not the study that {key} was made of, or was changed since",
                f"{entry.get('name')} is missing or has other bytes",
                f"densitometry study verify {shlex.quote(str(study.root))}",
            )
        outcome = _put_back(job, blinded, code, entry, picture)
        if outcome is not None:
            done[picture.stem] = outcome
    if not done:
        raise BlindingError(
            f"{blinded} holds no result of the copy that {key} opens",
            "no picture of it has a code of the key",
            f"ls {shlex.quote(str(blinded))}",
        )
    stopped = [
        stopped_row(job, picture.stem, FAILED, "", "not measured in the blinded copy")
        if picture.modality != WHOLE_HEAD
        else stopped_row(job, picture.stem, LEFT_OUT, "", "")
        for picture in study.pictures
        if picture.stem not in done
    ]
    seen = {picture.stem: picture for picture in study.pictures}
    plan = Plan(study, tuple(problems), job, (), done, tuple(stopped), seen)
    record_start(plan, "unblinded", {})
    with closing(local_executor(1)) as executor:
        tables = write_tables(plan, [], executor)
    write_log(plan, [], started)
    record_finish(plan, "unblinded")
    return plan, tables


def _recipe_of(blinded: Path) -> Recipe:
    path = blinded / RECIPE_NAME
    if not path.is_file():
        raise BlindingError(
            f"{blinded} holds no results",
            f"there is no {RECIPE_NAME} in it",
            f"densitometry study run COPY/pictures.csv {shlex.quote(str(blinded))}",
        )
    return load_recipe(str(path))


def _put_back(
    job: Job, blinded: Path, code: str, entry: Mapping[str, Any], picture: Picture
) -> Outcome | None:
    """Copy a picture's results, its summary with the digest of the true file; None where there are none."""
    source = next((blinded / f"sub-{code}" / f"ses-{SESSION}").glob(f"sub-{code}_*_{picture.modality}"), None)
    if source is None or not (source / results.SUMMARY_NAME).is_file():
        return None
    summary = json.loads((source / results.SUMMARY_NAME).read_text(encoding="utf-8"))
    if summary["image"]["sha256"] != entry.get("copy_sha256"):
        raise BlindingError(
            f"{source} is not of the picture that the key names",
            "the copy was changed after it was made",
            "measure an unchanged copy",
        )
    summary["image"]["sha256"] = entry["sha256"]
    with whole_folder(job.out / picture.folder, results.RESULT_NAMES) as partial:
        for path in source.iterdir():
            if path.name != results.SUMMARY_NAME:
                shutil.copyfile(path, partial / path.name)
        (partial / results.SUMMARY_NAME).write_text(
            results.summary_json(summary), encoding="utf-8", newline="\n"
        )
    return outcome_of(job, Input(picture.path, picture.stem, picture.folder, scale_of(picture)), summary)
