"""What a study holds, participant by participant: what `study status` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from densitometry.study.check import problems_of
from densitometry.study.entities import Study
from densitometry.study.problems import errors_only


@dataclass(frozen=True, slots=True)
class ParticipantOverview:
    """One participant in figures and words."""

    participant: str
    diagnosis: str
    sessions: int
    pictures: int
    sites: tuple[str, ...]
    treatments: int
    baseline: str | None
    baseline_rule: str
    errors: int


def overview(study: Study) -> list[ParticipantOverview]:
    """Return one entry a participant, by label."""
    errors = errors_only(problems_of(study))
    found = []
    for person in study.participants:
        pictures = study.pictures_of(person.label)
        found.append(
            ParticipantOverview(
                person.label,
                "+".join(item.code for item in person.diagnoses) or "not recorded",
                len(person.sessions),
                len(pictures),
                tuple(sorted({picture.site for picture in pictures if picture.site})),
                len(person.treatments),
                person.baseline,
                person.baseline_rule,
                sum(item.participant == person.label for item in errors),
            )
        )
    return found


def as_json(entry: ParticipantOverview) -> dict[str, Any]:
    """Return an entry as a JSON object."""
    return asdict(entry)
