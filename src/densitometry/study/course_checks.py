"""Findings about a participant's treatments: times, doses, sites, repetitions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from densitometry.errors import DensitometryError, StudyKeyError, TableError, TimelineError
from densitometry.study.entities import DONOR, RECIPIENT, Participant, Study, Treatment
from densitometry.study.problems import Problem, Severity, problem
from densitometry.study.timeline import Timeline, timeline_of

_SPELLING_LIKENESS = 0.75
_TRANSPLANT = "hair_transplant"


def treatment_problems(study: Study, person: Participant) -> Iterator[Problem]:
    """Yield the findings about the treatments of one participant."""
    file = next((name for name in study.tables if name.startswith("treatments.")), "treatments.tsv")
    timeline = timeline_of(person.sessions)
    sites = {picture.site for picture in study.pictures_of(person.label)}
    seen: dict[tuple[object, ...], Treatment] = {}
    for course in person.treatments:
        found = (*_times(course, timeline, bool(person.sessions)), *_dose(course), *_sites(course, sites))
        for kind, what, why, fix, column, severity in found:
            yield problem(
                kind,
                f"{what} ({course.agent.english}, sub-{person.label})",
                why,
                fix,
                file=file,
                line=course.line,
                column=column,
                severity=severity,
                prevents="following" if severity == "error" else "nothing",
                participant=person.label,
            )
        key = (course.agent.code, course.text, course.start, course.route, course.sites, course.dose)
        first = seen.setdefault(key, course)
        if first is not course:
            yield problem(
                StudyKeyError,
                f"{course.agent.english} of sub-{person.label} is written twice",
                f"line {first.line} says the same agent, start, route, dose and sites",
                "delete one of the two rows, or correct its start or sites",
                file=file,
                line=course.line,
                prevents="following",
                participant=person.label,
            )


_Finding = tuple[type[DensitometryError], str, str, str, str, Severity]


def _times(course: Treatment, timeline: Timeline, has_visits: bool) -> Iterator[_Finding]:
    if course.start is None:
        yield (
            TimelineError,
            "no start is recorded",
            "which visit is the baseline, and whether a visit is too early, cannot be told from it",
            "write its start (YYYY-MM-DD or the day number), an estimate for one long before the study",
            "start",
            "warning",
        )
        return
    start, end = timeline.position(course.start), timeline.position(course.end)
    if has_visits and start is None:
        yield (
            TimelineError,
            f"the start {course.start} cannot be set against the visits",
            "visits and treatments use dates on one side and day numbers on the other, and no visit has both",
            "write date and day for one visit of this participant, or use one of them throughout",
            "start",
            "error",
        )
    if start is not None and end is not None and end < start:
        yield (
            TimelineError,
            f"it ends {start - end} days before it starts",
            "the end is the last day of the course",
            "exchange start and end, or correct one",
            "end",
            "error",
        )
    if start is not None and end is not None and end > start and course.agent.in_sessions:
        yield (
            TimelineError,
            f"one session lasts {end - start} days",
            "this treatment is given in sessions, and each has its own row, so that cycles can be told",
            "write one row a session, each with its day as start and no end",
            "end",
            "warning",
        )


def _dose(course: Treatment) -> Iterator[_Finding]:
    if course.dose is not None and not course.unit:
        yield (
            TableError,
            f"the dose {course.dose:g} has no unit",
            "5 % and 5 mg are different treatments",
            "write the unit, such as mg, %, U or ml",
            "unit",
            "error",
        )


def _sites(course: Treatment, pictured: set[str]) -> Iterator[_Finding]:
    if course.agent.code == _TRANSPLANT and not (course.sites and all(item.role for item in course.sites)):
        yield (
            TableError,
            "recipient and donor sites are not told apart",
            "hairs leave one and come to the other, and neither may be judged like an untouched site",
            f"write the sites like {RECIPIENT}:frontal + {DONOR}:occiput",
            "sites",
            "error",
        )
    for item in course.sites:
        near = difflib.get_close_matches(item.site, sorted(pictured), 1, _SPELLING_LIKENESS)
        if item.site not in pictured and near:
            yield (
                StudyKeyError,
                f"the site {item.site!r} is not pictured, {near[0]!r} is",
                "a treatment is assigned to pictures by the exact name of the site",
                f"write {near[0]} if that is meant",
                "sites",
                "warning",
            )
