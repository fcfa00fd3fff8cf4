"""What travels to the processes that follow participants: light here, so that the parent stays small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densitometry.recipe import Recipe
from densitometry.study.entities import Participant
from densitometry.study.problems import Problem
from densitometry.study.seen import Seen

Groups = Mapping[str, Sequence[Sequence[float]]]
"""Figure → groups of replicates, of `following.within_visits`."""


@dataclass(frozen=True, slots=True)
class PersonTask:
    """One participant with all there is to know about the pictures; travels to worker processes.

    Attributes:
        person: who.
        seen: pictures in the order of the study, without patches.
        problems: of the study, those that concern the participant.
        out: folder of the results.
        recipe: that measured all pictures.
        overlay: whether comparisons are drawn.
        groups: the participant's own replicates; empty until they are known.
        pooled: figure → keyword arguments of `follow.Repeatability` of the whole study.
    """

    person: Participant
    seen: tuple[Seen, ...]
    problems: tuple[Problem, ...]
    out: Path
    recipe: Recipe
    overlay: bool
    groups: Groups | None = None
    pooled: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class PersonRows:
    """Rows of change.tsv and growth.tsv of one participant."""

    changes: tuple[Mapping[str, Any], ...]
    growth: tuple[Mapping[str, Any], ...]


def replicates(task: PersonTask) -> dict[str, list[list[float]]]:
    """Return `people.replicates`, imported where it is worked out."""
    from densitometry.study import people

    return people.replicates(task)


def pool(groups: Mapping[str, Groups]) -> dict[str, dict[str, Any]]:
    """Return `people.pool`, imported where it is worked out."""
    from densitometry.study import people

    return people.pool(groups)


def follow_person(task: PersonTask) -> PersonRows:
    """Return `people.follow_person`, imported where it is worked out."""
    from densitometry.study import people

    return people.follow_person(task)
