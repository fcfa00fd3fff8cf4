"""What a run over a study will do: which pictures are measured, kept or stopped, and why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densitometry._version import __version__
from densitometry.batch import Job, Outcome, written_outcome
from densitometry.errors import OutputError, ScaleError, StudyKeyError, StudyLayoutError
from densitometry.inputs import Input
from densitometry.report import results
from densitometry.study.check import file_digest
from densitometry.study.entities import Picture, Study
from densitometry.study.lean import lean_outcome
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.problems import Problem
from densitometry.study.scope import first_reason, without_picture

LEFT_OUT, FAILED = "left_out", "failed"
PERCENT = 100
_SQUARE_TOLERANCE = 1e-4
_ROUNDING = 1e-9
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do.

    Attributes:
        study: the study.
        problems: what is wrong with it.
        job: how pictures are measured.
        todo: pictures to measure.
        done: pictures whose results are there, with them.
        stopped: pictures, and inputs that are none, that will not be measured: their rows.
        pictures: every picture in scope by the name of its row.
    """

    study: Study
    problems: tuple[Problem, ...]
    job: Job
    todo: tuple[Input, ...]
    done: Mapping[str, Outcome]
    stopped: tuple[Mapping[str, Any], ...]
    pictures: Mapping[str, Picture]


def plan_run(
    study: Study,
    problems: tuple[Problem, ...],
    job: Job,
    participants: Sequence[str] = (),
    sessions: Sequence[str] = (),
    *,
    force: bool = False,
) -> Plan:
    """Return what is to do; a picture's results are kept if file, scale, recipe and version are the same.

    Args:
        study: the study.
        problems: what is wrong with it; errors stop what they concern.
        job: output folder, recipe and what is written.
        participants: labels; empty for all.
        sessions: labels; empty for all.
        force: measure everything again.

    Raises:
        StudyKeyError: a participant or session that is not in the study.
        StudyLayoutError: the study holds no picture.
        OutputError: the results would lie among the pictures.
    """
    if not study.pictures:
        raise StudyLayoutError(
            f"{study.root} holds no picture",
            "there is nothing to measure",
            f"densitometry study add {shlex.quote(str(study.root))} a.jpg --participant 01 "
            "--session w00 --site vertex",
        )
    _refuse_output_in_study(job.out, study.root)
    people, visits = _chosen(study, participants, sessions)
    todo: list[Input] = []
    done: dict[str, Outcome] = {}
    stopped: list[Mapping[str, Any]] = []
    pictures: dict[str, Picture] = {}
    for picture in study.pictures:
        name = picture.stem if picture.stem not in pictures else picture.name
        selected = picture.participant in people and picture.session in visits
        found = _decide(study, problems, job, picture, name, again=force and selected)
        if not selected and not isinstance(found, Outcome):
            continue
        pictures[name] = picture
        if isinstance(found, Outcome):
            done[name] = lean_outcome(found)
        elif isinstance(found, Input):
            todo.append(found)
        else:
            stopped.append(found)
    for item in without_picture(study, problems):
        if not (participants or sessions) or item.participant in participants:
            name = item.picture or item.place
            stopped.append(stopped_row(job, name, FAILED, item.code, f"{item.what}: {item.why}"))
    return Plan(study, problems, job, tuple(todo), done, tuple(stopped), pictures)


def _refuse_output_in_study(out: Path, root: Path) -> None:
    place, study = out.resolve(), root.resolve()
    below = place.relative_to(study).parts if place.is_relative_to(study) else None
    if below is not None and (not below or below[0].startswith("sub-")):
        raise OutputError(
            f"{out} lies in the study itself",
            "results and pictures in one folder could not be told apart",
            f"densitometry study run {shlex.quote(str(root))} {shlex.quote(str(root) + '-results')}",
        )


def _decide(
    study: Study, problems: Sequence[Problem], job: Job, picture: Picture, name: str, *, again: bool
) -> Outcome | Input | Mapping[str, Any]:
    """Return what an earlier run wrote, or what is to measure, or the row of a picture that is not."""
    if picture.modality == WHOLE_HEAD:
        return stopped_row(job, name, LEFT_OUT, "", "")
    reason = first_reason(study, problems, picture)
    if reason is not None:
        return stopped_row(job, name, FAILED, reason.code, f"{reason.what}: {reason.why}")
    try:
        item = Input(picture.path, picture.stem, picture.folder, scale_of(picture))
    except ScaleError as error:
        return stopped_row(job, name, FAILED, error.code, f"{error.what}: {error.why}")
    kept = None if again else _kept(job, picture, item)
    return item if kept is None else kept


def _chosen(study: Study, participants: Sequence[str], sessions: Sequence[str]) -> tuple[set[str], set[str]]:
    people = {person.label for person in study.participants}
    people |= {picture.participant for picture in study.pictures}
    visits = {picture.session for picture in study.pictures}
    visits |= {session.label for person in study.participants for session in person.sessions}
    for noun, wanted, known in (("participant", participants, people), ("session", sessions, visits)):
        for label in wanted:
            if label not in known:
                raise StudyKeyError(
                    f"there is no {noun} {label!r} in {study.root}",
                    f"there are {', '.join(sorted(known)[:_NAMES_SHOWN]) or 'none'}",
                    f"densitometry study status {shlex.quote(str(study.root))}",
                )
    return set(participants) or people, set(sessions) or visits


def scale_of(picture: Picture) -> dict[str, Any]:
    """Return the arguments of `read` for what the study says about a picture's scale.

    Raises:
        ScaleError: nothing is said, or what is inherited is not square.
    """
    if picture.scale_source == str(Path(picture.name).with_suffix(".json").as_posix()):
        return {"scale_from": "sidecar"}
    if picture.um_per_px is None:
        raise ScaleError(
            f"the scale of {picture.name} is not known",
            "no sidecar states PixelSize",
            'write {"PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"} with your numbers beside it',
        )
    x_um, y_um = picture.um_per_px
    if abs(x_um / y_um - 1) > _SQUARE_TOLERANCE:
        raise ScaleError(
            f"the inherited scale of {picture.name} is {x_um:g} × {y_um:g} µm",
            "pixels that are not square are only read from the sidecar of the picture itself",
            f"write PixelSize into {Path(picture.name).with_suffix('.json').name}, beside the picture",
        )
    error = picture.scale_error_pct
    return {"um_per_px": x_um} | ({} if error is None else {"scale_error_pct": error})


def _kept(job: Job, picture: Picture, item: Input) -> Outcome | None:
    """Return what an earlier run wrote for a picture, if it would write the same again."""
    if picture.um_per_px is None or not (job.out / picture.folder).is_dir():
        return None
    outcome = written_outcome(job, item)
    if outcome is None or outcome.summary is None:
        return None
    summary = outcome.summary
    error = None if picture.scale_error_pct is None else picture.scale_error_pct / PERCENT
    same = (
        summary.get("version") == __version__
        and summary["image"]["sha256"] == file_digest(picture.path)
        and _equal(summary["scale"]["um_per_px"], min(picture.um_per_px))
        and _equal(summary["scale"]["rel_error"], error)
    )
    drawn = not job.overlay or (job.out / picture.folder / results.OVERLAY_NAME).is_file()
    return outcome if same and drawn else None


def _equal(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _ROUNDING * max(abs(first), abs(second), _ROUNDING)


def stopped_row(job: Job, name: str, status: str, code: str, what: str) -> dict[str, Any]:
    """Return the row of images.tsv of an input that is not measured."""
    return {
        "picture": name,
        "status": status,
        "error_code": code,
        "error": what,
        "sha256": "",
        "recipe_digest": job.recipe.digest,
        "quality": "",
    }
