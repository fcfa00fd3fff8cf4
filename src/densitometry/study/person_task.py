"""What travels to the processes that follow participants: light here, so that the parent stays small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry.recipe import Recipe
from densitometry.study.entities import Participant
from densitometry.study.problems import Problem
from densitometry.study.seen import MEASURED, Seen

Groups = Mapping[str, Sequence[Sequence[float]]]
"""Figure → groups of replicates, of `following.within_visits`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a participant could not be followed: as an error says it; a traceback where it is our bug."""

    code: str
    what: str
    why: str
    fix: str
    details: str = field(default="", repr=False)


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
        digests: picture's stem → digest of its results, as far as it was measured.
        groups: the participant's own replicates; None until they are known.
        pooled: figure → keyword arguments of `follow.Repeatability` of the whole study.
        failure: what kept the participant from being followed; all rows then say so.
    """

    person: Participant
    seen: tuple[Seen, ...]
    problems: tuple[Problem, ...]
    out: Path
    recipe: Recipe
    overlay: bool
    digests: Mapping[str, str] = field(default_factory=dict)
    groups: Groups | None = None
    pooled: Mapping[str, Mapping[str, Any]] | None = None
    failure: Failure | None = None

    @property
    def folder(self) -> Path:
        """Folder of the participant's results."""
        return self.out / f"sub-{self.person.label}"

    @property
    def replicated(self) -> list[tuple[str, str, str]]:
        """Visit, site and modality of which several pictures were measured, in order."""
        counts = Counter(s.place for s in self.seen if s.status == MEASURED and s.picture.site)
        return [place for place in sorted(counts) if counts[place] > 1]


@dataclass(frozen=True, slots=True)
class PersonRows:
    """Rows of change.tsv and growth.tsv of one participant, and what kept them from being worked out."""

    changes: tuple[Mapping[str, Any], ...]
    growth: tuple[Mapping[str, Any], ...]
    failure: Failure | None = None


def replicates(task: PersonTask) -> Groups | Failure:
    """Return `people.replicates`, imported where it is worked out."""
    from densitometry.study import people

    return people.replicates(task)


def pool(groups: Mapping[str, Groups]) -> dict[str, dict[str, Any]]:
    """Return `people.pool`, imported where it is worked out."""
    from densitometry.study import people

    return people.pool(groups)


def cycles(people: Sequence[tuple[Participant, Sequence[Mapping[str, Any]]]]) -> list[Mapping[str, Any]]:
    """Return rows of cycles.tsv of participants with their rows of change.tsv; imported where it is done."""
    from densitometry.study.cycles import cycle_rows

    return [row for person, changes in people for row in cycle_rows(person, changes)]


def follow_person(task: PersonTask) -> PersonRows:
    """Return `people.follow_person`, imported where it is worked out."""
    from densitometry.study import people

    return people.follow_person(task)
