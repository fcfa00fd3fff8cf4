"""Findings about a participant's visits: rows and folders, times, baseline, protocol."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

from densitometry.errors import StudyKeyError, StudyLayoutError, TimelineError
from densitometry.study.entities import Participant, Session, Study
from densitometry.study.problems import Problem, problem
from densitometry.study.timeline import Timeline, timeline_of

# Beyond this share two scales are two protocols: compared at the coarser resolution or not at all.
LARGEST_SCALE_CHANGE = 0.15
_PROTOCOL = (
    ("clipped", "clipped_on"),
    ("dyed", "dyed"),
    ("immersion", "immersion"),
    ("polarised", "polarised"),
)


def visit_problems(study: Study, person: Participant) -> Iterator[Problem]:
    """Yield the findings about the visits of one participant."""
    timeline = timeline_of(person.sessions)
    yield from _missing(study, person)
    yield from _times(study, person, timeline)
    yield from _baselines(person)
    yield from _order(person, timeline)
    yield from _clipping(person, timeline)
    yield from _protocol(study, person)


def sessions_file(person: Participant) -> str:
    """Return the table of a participant's visits."""
    files = [session.file for session in person.sessions if session.file]
    return files[0] if files else f"sub-{person.label}/sub-{person.label}_sessions.tsv"


def _about(
    person: Participant,
    session: Session,
    what: str,
    why: str,
    fix: str,
    *,
    kind: Any = TimelineError,
    column: str = "",
    warning: bool = False,
) -> Problem:
    return problem(
        kind,
        what,
        why,
        fix,
        file=session.file or sessions_file(person),
        line=session.line or None,
        column=column,
        severity="warning" if warning else "error",
        prevents="nothing" if warning else "following",
        participant=person.label,
        session=session.label,
    )


def _missing(study: Study, person: Participant) -> Iterator[Problem]:
    """Visits with pictures and no row, or with a row and no picture."""
    file = sessions_file(person)
    for session in person.sessions:
        if not session.file:
            yield _about(
                person,
                session,
                f"ses-{session.label} of sub-{person.label} is not in {file}",
                "its date, and what was done to the hair, are not known",
                f"add the row ses-{session.label} with its date to {file}",
                kind=StudyKeyError,
            )
        elif not study.pictures_of(person.label, session.label):
            yield _about(
                person,
                session,
                f"ses-{session.label} of sub-{person.label} has a row and no picture",
                "the visit will be counted as missed",
                f"densitometry study add {shlex.quote(str(study.root))} IMAGE --participant {person.label} "
                f"--session {session.label} --site vertex   # or delete the row",
                kind=StudyKeyError,
                warning=True,
            )


def _times(study: Study, person: Participant, timeline: Timeline) -> Iterator[Problem]:
    """Visits without a place on the participant's count of days."""
    told = {(item.file, item.line) for item in study.problems if item.column in ("date", "day")}
    if timeline.contradiction:
        first, second = timeline.contradiction
        yield _about(
            person,
            next(item for item in person.sessions if item.label == second),
            f"date and day of ses-{first} and ses-{second} do not fit together",
            "the days between the two dates are not the days between the two day numbers",
            "correct one of them, or delete the column day",
            column="day",
        )
    for session in person.sessions:
        if not session.file or (session.file, session.line) in told:
            continue
        if not session.moments:
            yield _about(
                person,
                session,
                f"ses-{session.label} of sub-{person.label} has neither date nor day",
                "without a time the visit can be measured and not compared",
                "write its date (YYYY-MM-DD) or its day number",
                column="date",
            )
        elif timeline.position_of(session) is None:
            yield _about(
                person,
                session,
                f"day {session.day} of ses-{session.label} cannot be set against the dates of other visits",
                "some visits have dates, others day numbers, and no visit has both",
                "write both for one visit of this participant, or dates for all",
                column="day",
            )
    placed = [(timeline.position_of(session), session) for session in person.sessions]
    for (day, session), (next_day, later) in pairwise(placed):
        if day is not None and day == next_day:
            yield _about(
                person,
                later,
                f"ses-{session.label} and ses-{later.label} are on the same day",
                "repeated pictures of one visit are runs, not visits",
                f"put them into ses-{session.label} with the next run, or correct the date",
                column="date",
                warning=True,
            )


def _baselines(person: Participant) -> Iterator[Problem]:
    marked = [session for session in person.sessions if session.baseline_marked]
    for session in marked[1:]:
        yield _about(
            person,
            session,
            f"ses-{marked[0].label} and ses-{session.label} of sub-{person.label} are both marked baseline",
            "a change is counted from one visit",
            "leave y in one row of the column baseline",
            column="baseline",
        )


def _order(person: Participant, timeline: Timeline) -> Iterator[Problem]:
    """Follow-ups older than the baseline, and plans in another order than the visits."""
    placed = [(day, item) for item in person.sessions if (day := timeline.position_of(item)) is not None]
    marked = [(day, item) for day, item in placed if item.baseline_marked]
    too_old = set()
    if len(marked) == 1:
        start, baseline = marked[0]
        for day, session in placed:
            if day < start and not (session.planned_week is not None and session.planned_week < 0):
                too_old.add(session.label)
                yield _about(
                    person,
                    session,
                    f"ses-{session.label} of sub-{person.label} is {start - day} days older than "
                    f"its baseline ses-{baseline.label}",
                    "a follow-up comes after the visit it is compared with",
                    "correct one of the dates or the baseline mark "
                    "(a screening visit has a negative planned_week)",
                    column="date" if session.date is not None else "day",
                )
    planned = [item for _, item in placed if item.planned_week is not None]
    for earlier, later in pairwise(planned):
        if (earlier.planned_week or 0) > (later.planned_week or 0) and not {
            earlier.label,
            later.label,
        } & too_old:
            yield _about(
                person,
                later,
                f"ses-{later.label} (week {later.planned_week:g}) lies after "
                f"ses-{earlier.label} (week {earlier.planned_week:g})",
                "dates and planned weeks give two orders",
                "correct the date or the planned week of one of them",
                column="planned_week",
            )


def _clipping(person: Participant, timeline: Timeline) -> Iterator[Problem]:
    for session in person.sessions:
        day, clipped = timeline.position_of(session), timeline.position(session.clipped_on)
        if day is not None and clipped is not None and clipped > day:
            yield _about(
                person,
                session,
                f"ses-{session.label} of sub-{person.label}: clipped {clipped - day} days after its pictures",
                "growth is counted from the clipping",
                "correct clipped_on or the date",
                column="clipped_on",
            )


def _protocol(study: Study, person: Participant) -> Iterator[Problem]:
    """What was done otherwise than at baseline."""
    baseline = person.session(person.baseline) if person.baseline else None
    if baseline is None:
        return
    for session in person.sessions:
        if session.label == baseline.label:
            continue
        changed = [
            (column, f"{column} differs")
            for name, column in _PROTOCOL
            if None not in (now := (getattr(baseline, name), getattr(session, name)))
            and "" not in now
            and now[0] != now[1]
        ]
        for column, words in chain(changed, _scale_changes(study, person, baseline, session)):
            yield _about(
                person,
                session,
                f"{words} between ses-{baseline.label} and ses-{session.label} of sub-{person.label}",
                "a changed protocol changes counts: compared at the coarser resolution, or not at all",
                "correct the entry if it is wrong; take the next pictures as at baseline",
                kind=StudyLayoutError,
                column=column,
                warning=True,
            )


def _scale_changes(
    study: Study, person: Participant, baseline: Session, session: Session
) -> Iterator[tuple[str, str]]:
    then, now = (
        {
            picture.site: picture.um_per_px[0]
            for picture in study.pictures_of(person.label, visit.label)
            if picture.um_per_px is not None and picture.modality == "trich"
        }
        for visit in (baseline, session)
    )
    for site in sorted(then.keys() & now.keys()):
        if max(then[site], now[site]) / min(then[site], now[site]) > 1 + LARGEST_SCALE_CHANGE:
            yield "", f"the scale of site-{site} differs ({then[site]:g} and {now[site]:g} µm/px)"
