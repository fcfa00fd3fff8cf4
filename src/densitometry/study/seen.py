"""One picture of a study with what came of it, and the day of a visit: what all tables begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from densitometry.study.entities import Participant, Picture, Session
from densitometry.study.timeline import timeline_of

if TYPE_CHECKING:
    from densitometry import follow


MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture with what came of it: its status, summary and, where measured, its hairs for following."""

    picture: Picture
    status: str
    summary: Mapping[str, Any] | None = None
    patch: follow.Patch | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Visit, site and modality: pictures of one place are replicates."""
        return (self.picture.session, self.picture.site, self.picture.modality)


def day_of(person: Participant, session: Session) -> int | None:
    """Return the days from a participant's baseline to a visit; None where they cannot be told."""
    baseline = person.session(person.baseline) if person.baseline else None
    timeline = timeline_of(person.sessions)
    start = timeline.position_of(baseline) if baseline else None
    there = timeline.position_of(session)
    return None if start is None or there is None else there - start
