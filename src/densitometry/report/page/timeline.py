"""One measure of one site over time, with the band of measurement noise and the treatments below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from densitometry.report.page import axes
from densitometry.report.page.load import Row, Spot
from densitometry.report.page.markup import Markup, tag
from densitometry.report.page.texts import Texts
from densitometry.schema_study import VISIT_MEASURES

MEASURES: Mapping[str, str] = {
    "terminal_density_per_cm2": "terminal_density_change_pct",
    "cumulative_thickness_mm_per_cm2": "cumulative_thickness_change_pct",
    "density_per_cm2": "density_change_pct",
    "mean_diameter_um": "mean_diameter_change_um",
    "vellus_fraction": "vellus_fraction_change",
}
"""Measures drawn over time, in this order → the figure whose smallest detectable change is the band."""

_TOP, _PLOT, _AXIS, _LANE = 30.0, 150.0, 40.0, 22.0
_DAYS_OF_UNKNOWN = 28
_LABEL_WIDTH = 7.5
_MOST_LANES = 6


@dataclass(frozen=True, slots=True)
class Course:
    """One treatment as the results record it: marks on days, or spans over visits."""

    code: str
    marks: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def days_of(spot: Spot) -> dict[str, float]:
    """Return visit → place on the axis of time: its day, or its rank where days are not all known."""
    if all(row["day"] is not None for row in spot.visits):
        return {row["session"]: float(row["day"]) for row in spot.visits}
    return {row["session"]: float(number * _DAYS_OF_UNKNOWN) for number, row in enumerate(spot.visits)}


def has_days(spot: Spot) -> bool:
    """Whether every visit has a day."""
    return all(row["day"] is not None for row in spot.visits)


def courses_of(spot: Spot) -> list[Course]:
    """Return treatments that the site's comparisons name: courses over visits, single ones on their day."""
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
    found = [Course(code, tuple(sorted(on)), ()) for code, on in sorted(marks.items())]
    return [
        *found,
        *(Course(code, (), _spans(sorted(on), days)) for code, on in sorted(seen.items())),
    ]


def timeline(
    spot: Spot, measure: str, drift: Spot | None, name_of_agent: Callable[[str], str], texts: Texts
) -> Markup:
    """Return the chart of one measure of one site over time.

    Args:
        spot: the site.
        measure: key of MEASURES.
        drift: the untreated check site, drawn in grey; None where there is none.
        name_of_agent: code of a treatment → words.
        texts: catalogue.
    """
    courses = courses_of(spot)[:_MOST_LANES] if has_days(spot) else []
    height = _TOP + _PLOT + _AXIS + _LANE * len(courses)
    places = days_of(spot)
    drift = drift if drift is not None and has_days(spot) and has_days(drift) else None
    own, other = _points(spot, measure, places), _points(drift, measure, days_of(drift)) if drift else []
    band = _band(spot, measure, places)
    numbers = [value for point in (*own, *other) for value in point[1:] if value is not None]
    numbers += [edge for item in band for edge in item[1:]]
    marks = [day for course in courses for day in course.marks]
    whole = axes.value_scale([*places.values(), *marks], axes.LEFT + 14, axes.WIDTH - axes.RIGHT - 14)
    across = axes.Scale(whole.low, whole.high, axes.LEFT, axes.WIDTH - axes.RIGHT)
    up = axes.value_scale(numbers, _TOP + _PLOT, _TOP, zero=measure == "vellus_fraction")
    unit = VISIT_MEASURES[measure][0] or "%"
    title = texts.word(measure)
    parts: list[Markup] = [axes.text(axes.LEFT, 18, f"{title} [{unit}]", "axis", "start")]
    parts += axes.value_axis(up, axes.LEFT, axes.WIDTH - axes.RIGHT)
    parts += _draw_band(band, across, up)
    parts += _draw_series(other, across, up, "drift")
    parts += _draw_series(own, across, up, "own")
    parts += _draw_visits(spot, places, across)
    parts += _draw_courses(courses, across, name_of_agent)
    name = texts.word("chart_time", measure=title, site=spot.title)
    return axes.drawing(name, texts.word("chart_time_about"), axes.WIDTH, height, *parts)


Point = tuple[float, float, float | None, float | None]


def _points(spot: Spot, measure: str, places: Mapping[str, float]) -> list[Point]:
    factor = _factor(measure)

    def shown(row: Row, name: str) -> float | None:
        return None if row[name] is None else factor * row[name]

    return [
        (
            places[row["session"]],
            factor * row[measure],
            shown(row, f"{measure}_low"),
            shown(row, f"{measure}_high"),
        )
        for row in spot.visits
        if row[measure] is not None
    ]


def _band(spot: Spot, measure: str, places: Mapping[str, float]) -> list[tuple[float, float, float]]:
    """Return place, lower and upper edge of the noise around the baseline, from the baseline on."""
    start = spot.baseline
    if start is None or start[measure] is None:
        return []
    figure, value, factor = MEASURES[measure], start[measure], _factor(measure)
    found = []
    for row in spot.visits:
        change = spot.changes.get(row["session"])
        sdc = None if change is None else change[f"{figure}_sdc"]
        if sdc is not None:
            half = value * sdc / 100 if figure.endswith("_pct") else sdc
            found.append((places[row["session"]], factor * max(0.0, value - half), factor * (value + half)))
    return [(places[start["session"]], *found[0][1:]), *found] if found else []


def _factor(measure: str) -> float:
    """Return what a value is multiplied by for the axis: shares are shown in per cent."""
    return 1.0 if VISIT_MEASURES[measure][0] else 100.0


def _draw_band(
    band: Sequence[tuple[float, float, float]], across: axes.Scale, up: axes.Scale
) -> list[Markup]:
    if not band:
        return []
    upper = [(across(x), up(high)) for x, _, high in band]
    lower = [(across(x), up(low)) for x, low, _ in reversed(band)]
    return [axes.path([*upper, *lower], "band", closed=True)]


def _draw_series(points: Sequence[Point], across: axes.Scale, up: axes.Scale, kind: str) -> list[Markup]:
    parts = []
    if len(points) > 1:
        parts.append(axes.path([(across(p[0]), up(p[1])) for p in points], f"series {kind}"))
    for place, value, low, high in points:
        x = across(place)
        if low is not None and high is not None:
            parts.append(axes.line(x, up(low), x, up(high), f"range {kind}"))
            parts += [axes.line(x - 4, up(edge), x + 4, up(edge), f"range {kind}") for edge in (low, high)]
        if kind == "own":
            parts.append(axes.circle(x, up(value), 5, "dot own"))
        else:
            parts.append(axes.rect(x - 3.5, up(value) - 3.5, 7, 7, "dot drift"))
    return parts


def _draw_visits(spot: Spot, places: Mapping[str, float], across: axes.Scale) -> list[Markup]:
    bottom = _TOP + _PLOT
    parts = [axes.line(axes.LEFT, bottom, axes.WIDTH - axes.RIGHT, bottom, "axis-line")]
    free = 0.0
    for row in spot.visits:
        x = across(places[row["session"]])
        parts.append(axes.line(x, bottom, x, bottom + 5, "axis-line"))
        label = str(row["session"])
        wide = _LABEL_WIDTH * min(len(label), 7) / 2 + 2
        if x - wide < free:
            continue
        free = x + wide
        parts.append(axes.text(x, bottom + 19, label, most=7))
        if row["day"] is not None:
            parts.append(axes.text(x, bottom + 34, f"d{row['day']}", "tick faint"))
    return parts


def _draw_courses(
    courses: Sequence[Course], across: axes.Scale, name_of_agent: Callable[[str], str]
) -> list[Markup]:
    parts: list[Markup] = []
    for number, course in enumerate(courses):
        y = _TOP + _PLOT + _AXIS + _LANE * number
        about = tag("title", name_of_agent(course.code))
        for start, end in course.spans:
            left, right = across(start), across(end)
            parts.append(axes.rect(left - 6, y + 3, right - left + 12, 8, "course"))
        for day in course.marks:
            x = across(day)
            parts.append(axes.path([(x - 6, y), (x + 6, y), (x, y + 12)], "injection", about, closed=True))
        ends = [*course.marks, *(end for span in course.spans for end in span)]
        last, first = across(max(ends)) + 12, across(min(ends)) - 12
        words = name_of_agent(course.code)
        most_right = int((axes.WIDTH - last) / _LABEL_WIDTH)
        if most_right >= min(len(words), 18):
            parts.append(axes.text(last, y + 12, words, "tick", "start", most=max(4, most_right)))
        else:
            parts.append(
                axes.text(first, y + 12, words, "tick", "end", most=max(4, int(first / _LABEL_WIDTH)))
            )
    return parts


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


def legend_needs_drift(spot: Spot, drift: Spot | None) -> bool:
    """Whether the check site is drawn in the charts of this site."""
    return drift is not None and drift is not spot and has_days(spot) and has_days(drift)


def treatments_of(row: Row, name_of_agent: Callable[[str], str]) -> str:
    """Return what was on record at a visit, in words."""
    parts = [name_of_agent(code) for code in filter(None, row["treatments"].split("+"))]
    if row["last_treatment"] and row["days_since_treatment"] is not None:
        parts.append(f"{name_of_agent(row['last_treatment'])} (−{row['days_since_treatment']} d)")
    return ", ".join(parts)
