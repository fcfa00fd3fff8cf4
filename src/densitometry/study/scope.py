"""What a problem of a study stops: the pictures it concerns, or the participant's way from visit to visit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from densitometry.study.entities import Picture, Study
from densitometry.study.problems import Problem


def stops_measuring(study: Study, problem: Problem, picture: Picture) -> bool:
    """Whether `problem` is a reason not to measure `picture`."""
    if problem.severity != "error" or problem.prevents != "measuring":
        return False
    if problem.picture:
        return problem.picture == picture.name
    if study.layout == "manifest" and problem.line is not None:
        return problem.line == picture.line
    folder = PurePosixPath(problem.file).parent
    below = problem.participant or folder == PurePosixPath() or folder in PurePosixPath(picture.name).parents
    return bool(below) and _concerns(problem, picture.participant, picture.session)


def stops_following(problem: Problem, participant: str, session: str) -> bool:
    """Whether `problem` is a reason not to compare a visit with the baseline."""
    return (
        problem.severity == "error"
        and problem.prevents == "following"
        and _concerns(problem, participant, session)
    )


def first_reason(study: Study, problems: Iterable[Problem], picture: Picture) -> Problem | None:
    """Return the first reason not to measure a picture."""
    return next((item for item in problems if stops_measuring(study, item, picture)), None)


def without_picture(study: Study, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems about inputs that never became a picture: misplaced files, unusable rows."""
    return [
        item
        for item in problems
        if item.severity == "error"
        and item.prevents == "measuring"
        and (item.picture or (study.layout == "manifest" and item.line is not None))
        and not any(stops_measuring(study, item, picture) for picture in study.pictures)
    ]


def _concerns(problem: Problem, participant: str, session: str) -> bool:
    return problem.participant in ("", participant) and problem.session in ("", session)
