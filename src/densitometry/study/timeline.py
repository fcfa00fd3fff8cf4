"""One count of days a participant: dates and day numbers put on it, and the baseline visit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from densitometry.study.cells import Moment
from densitometry.study.entities import Participant, Session, Treatment

DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Timeline:
    """Puts dates and day numbers of one participant on one count of days.

    Attributes:
        day_zero: the date of day 0; None where no visit has both a date and a day.
        uses_dates: whether, without `day_zero`, dates make the count (and day numbers cannot be placed).
        contradiction: labels of two visits whose date and day do not fit together; empty where they do.
    """

    day_zero: date | None = None
    uses_dates: bool = True
    contradiction: tuple[str, ...] = ()

    def position(self, moment: Moment | None) -> int | None:
        """Return the day of `moment` on this count; None where it cannot be placed."""
        if moment is None:
            return None
        if isinstance(moment, date):
            origin = self.day_zero.toordinal() if self.day_zero else 0
            return moment.toordinal() - origin if self.day_zero or self.uses_dates else None
        return moment if self.day_zero or not self.uses_dates else None

    def position_of(self, session: Session) -> int | None:
        """Return the day of a visit."""
        places = [self.position(moment) for moment in session.moments]
        return next((place for place in places if place is not None), None)


def timeline_of(sessions: Sequence[Session]) -> Timeline:
    """Return the count of days that the visits' dates and days agree on."""
    anchors = [
        (session.label, session.date - timedelta(days=session.day))
        for session in sessions
        if isinstance(session.date, date) and session.day is not None
    ]
    if not anchors:
        return Timeline(uses_dates=any(session.date is not None for session in sessions))
    first_label, day_zero = anchors[0]
    odd = [label for label, other in anchors if other != day_zero]
    return Timeline(day_zero, contradiction=(first_label, odd[0]) if odd else ())


def by_time(sessions: Iterable[Session], timeline: Timeline) -> tuple[Session, ...]:
    """Return visits by time; those without a time come last in the order given."""
    placed = [(timeline.position_of(session), session) for session in sessions]
    return tuple(session for _, session in sorted(placed, key=lambda item: (item[0] is None, item[0] or 0)))


def choose_baseline(
    sessions: Sequence[Session], treatments: Sequence[Treatment], timeline: Timeline
) -> tuple[str | None, str]:
    """Return the label of the baseline visit and the rule that chose it.

    The row marked; else the last visit on or before the first treatment; else the first visit.
    None, with the reason, where two are marked or no time tells.
    """
    marked = [session.label for session in sessions if session.baseline_marked]
    if len(marked) > 1:
        return None, f"{' and '.join(marked)} are both marked as baseline"
    if marked:
        return marked[0], "marked in the sessions' table"
    if timeline.contradiction:
        return None, f"dates and days of {' and '.join(timeline.contradiction)} contradict each other"
    placed = [(day, item) for item in sessions if (day := timeline.position_of(item)) is not None]
    if not placed:
        return None, "no visit has a date or a day" if sessions else "there is no visit"
    if len(placed) < len(sessions):
        return None, "a visit without a date or day may be the baseline, and none is marked"
    starts = [day for course in treatments if (day := timeline.position(course.start)) is not None]
    before = [item for item in placed if starts and item[0] <= min(starts)]
    if before:
        return max(before, key=lambda item: item[0])[1].label, "last visit on or before the first treatment"
    return min(placed, key=lambda item: item[0])[1].label, "first visit"


def days_since(participant: Participant, session: Session, moment: Moment | None) -> int | None:
    """Return the days from `moment` (a start, an injection) to a visit; None where they cannot be told."""
    timeline = timeline_of(participant.sessions)
    there, then = timeline.position_of(session), timeline.position(moment)
    return None if there is None or then is None else there - then


def too_early(participant: Participant, session: Session, site: str) -> tuple[Treatment, ...]:
    """Return the treatments of `site` in whose `too_early` window the visit falls.

    A course whose last day lies before the visit still counts: what it set off is not over at once.
    """
    found = []
    for course in participant.treatments:
        window = course.agent.too_early
        days = days_since(participant, session, course.start)
        if window is None or days is None or not course.touches(site):
            continue
        if window.from_week <= days / DAYS_PER_WEEK <= window.to_week:
            found.append(course)
    return tuple(found)


def last_session_of(
    participant: Participant, session: Session, agent_code: str
) -> tuple[Treatment, int] | None:
    """Return the last treatment with this agent on or before a visit, and the days since."""
    given = []
    for course in participant.treatments:
        days = days_since(participant, session, course.start)
        if course.agent.code == agent_code and days is not None and days >= 0:
            given.append((days, course))
    if not given:
        return None
    days, course = min(given, key=lambda item: item[0])
    return course, days
