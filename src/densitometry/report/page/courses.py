"""Treatments on the axis of time: single ones as marks on their day, courses as bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from densitometry.report.page import axes
from densitometry.report.page.load import Row, Spot
from densitometry.report.page.markup import Markup, plain, tag
from densitometry.report.page.texts import Texts

LANE = 34.0
MOST_LANES = 6
_BAR, _LABEL_MOST = 8.0, 46
_LONGEST_BEFORE = 0.25
"""How far the axis reaches before the first visit for treatments, as a share of the time between visits."""


@dataclass(frozen=True, slots=True)
class Course:
    """One treatment of a site.

    Attributes:
        name: in words.
        marks: days of single treatments.
        spans: first and last day of courses; None where it began before, or went on after, what is known.
        recorded: whether the results hold the course itself, not only that it was running at visits.
    """

    name: str
    marks: tuple[int, ...] = ()
    spans: tuple[tuple[int | None, int | None], ...] = ()
    recorded: bool = True


def courses_of(spot: Spot, name_of_agent: Callable[[str], str]) -> list[Course]:
    """Return the treatments of a site: from their table, or as its comparisons name them."""
    if spot.courses is None:
        return _from_changes(spot, name_of_agent)
    marks: dict[str, set[int]] = {}
    spans: dict[str, list[tuple[int | None, int | None]]] = {}
    for row in spot.courses:
        name = str(row["agent_name"] or name_of_agent(row["agent"]))
        if row["single"]:
            if row["start_day"] is not None:
                marks.setdefault(name, set()).add(row["start_day"])
        elif row["start_day"] is not None or row["end_day"] is not None:
            spans.setdefault(name, []).append((row["start_day"], row["end_day"]))
    found = [Course(name, tuple(sorted(on))) for name, on in sorted(marks.items())]
    return [*found, *(Course(name, (), tuple(of)) for name, of in sorted(spans.items()))]


def axis_days(visits: Sequence[float], courses: Sequence[Course]) -> list[float]:
    """Return the days that the axis has to hold: visits, and treatments that are not long before them."""
    earliest, latest = min(visits), max(visits)
    days = [day for course in courses for day in course.marks]
    days += [day for course in courses for span in course.spans for day in span if day is not None]
    least = earliest - _LONGEST_BEFORE * (latest - earliest)
    return [*visits, *(max(day, least) for day in days if day <= latest)]


def draw(courses: Sequence[Course], across: axes.Scale, top: float) -> list[Markup]:
    """Return one lane a treatment below a chart."""
    parts: list[Markup] = []
    for number, course in enumerate(courses):
        y = top + LANE * number
        about = tag("title", plain(course.name))
        parts.append(axes.text(axes.LEFT, y + 11, course.name, "tick", "start", most=_LABEL_MOST))
        parts.append(axes.line(across.start, y + 22, across.end, y + 22, "grid"))
        for start, end in course.spans:
            left = across.start if start is None else _within(across(start), across)
            right = across.end if end is None else _within(across(end), across)
            parts.append(axes.rect(left, y + 18, right - left, _BAR, "course"))
            if start is not None and across.low <= start:
                parts.append(axes.line(left, y + 15, left, y + 29, "course-end"))
            if end is not None and end <= across.high:
                parts.append(axes.line(right, y + 15, right, y + 29, "course-end"))
        for day in course.marks:
            if across.low <= day <= across.high:
                x = across(day)
                mark = [(x - 6, y + 15), (x + 6, y + 15), (x, y + 28)]
                parts.append(axes.path(mark, "injection", about, closed=True))
    return parts


def not_drawn(courses: Sequence[Course], across: axes.Scale) -> int:
    """Return how many single treatments lie outside the axis."""
    return sum(not across.low <= day <= across.high for course in courses for day in course.marks)


def treatments_of(row: Row, name_of_agent: Callable[[str], str], texts: Texts) -> str:
    """Return what was on record at a visit, in words."""
    parts = [name_of_agent(code) for code in filter(None, row["treatments"].split("+"))]
    if row["last_treatment"] and row["days_since_treatment"] is not None:
        words = texts.word("days_before", days=row["days_since_treatment"])
        parts.append(f"{name_of_agent(row['last_treatment'])} ({words})")
    return ", ".join(parts)


def _within(x: float, across: axes.Scale) -> float:
    return min(max(x, across.start), across.end)


def _from_changes(spot: Spot, name_of_agent: Callable[[str], str]) -> list[Course]:
    marks: dict[str, set[int]] = {}
    seen: dict[str, list[int]] = {}
    days = sorted(row["day"] for row in spot.changes.values() if row["day"] is not None)
    for row in spot.changes.values():
        if row["day"] is None:
            continue
        if row["last_treatment"] and row["days_since_treatment"] is not None:
            marks.setdefault(row["last_treatment"], set()).add(row["day"] - row["days_since_treatment"])
        for code in filter(None, row["treatments"].split("+")):
            seen.setdefault(code, []).append(row["day"])
    found = [
        Course(name_of_agent(code), tuple(sorted(on)), recorded=False) for code, on in sorted(marks.items())
    ]
    spans = {code: _spans(sorted(on), days) for code, on in sorted(seen.items())}
    return [*found, *(Course(name_of_agent(code), (), of, recorded=False) for code, of in spans.items())]


def _spans(on: Sequence[int], days: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return runs of visits, without a visit between at which the course was not on record."""
    spans: list[tuple[int, int]] = []
    for day in on:
        between = spans and any(spans[-1][1] < other < day and other not in on for other in days)
        if spans and not between:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return tuple(spans)
