"""One measure of one site over time, with the band of measurement noise and the treatments below."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from densitometry.report.page import axes, courses
from densitometry.report.page.load import Row, Spot
from densitometry.report.page.markup import Markup
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

_TOP, _PLOT, _AXIS = 30.0, 150.0, 42.0
_DAYS_OF_UNKNOWN = 28
_LABEL_WIDTH = 7.5
_DATE_WIDTH = 84.0


def days_of(spot: Spot) -> dict[str, float]:
    """Return visit → place on the axis of time: its day, or its rank where days are not all known."""
    if all(row["day"] is not None for row in spot.visits):
        return {row["session"]: float(row["day"]) for row in spot.visits}
    return {row["session"]: float(number * _DAYS_OF_UNKNOWN) for number, row in enumerate(spot.visits)}


def has_days(spot: Spot) -> bool:
    """Whether every visit has a day."""
    return all(row["day"] is not None for row in spot.visits)


def timeline(
    spot: Spot, measure: str, drift: Spot | None, treated: Sequence[courses.Course], texts: Texts
) -> Markup:
    """Return the chart of one measure of one site over time.

    Args:
        spot: the site.
        measure: key of MEASURES.
        drift: the untreated check site, drawn in grey; None where there is none.
        treated: treatments of the site.
        texts: catalogue.
    """
    treated = treated[: courses.MOST_LANES] if has_days(spot) else ()
    height = _TOP + _PLOT + _AXIS + courses.LANE * len(treated)
    places = days_of(spot)
    drift = drift if drift is not None and has_days(spot) and has_days(drift) else None
    own, other = _points(spot, measure, places), _points(drift, measure, days_of(drift)) if drift else []
    band = _band(spot, measure, places)
    numbers = [value for point in (*own, *other) for value in point[1:] if value is not None]
    numbers += [edge for item in band for edge in item[1:]]
    held = courses.axis_days(list(places.values()) or [0.0], treated)
    whole = axes.value_scale(held, axes.LEFT + 14, axes.WIDTH - axes.RIGHT - 14)
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
    parts += courses.draw(treated, across, _TOP + _PLOT + _AXIS)
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
    dated = _room_for_dates(spot, places, across)
    for row in spot.visits:
        x = across(places[row["session"]])
        parts.append(axes.line(x, bottom, x, bottom + 5, "axis-line"))
        label = str(row["session"])
        wide = _LABEL_WIDTH * min(len(label), 7) / 2 + 2
        if x - wide < free:
            continue
        free = x + wide
        parts.append(axes.text(x, bottom + 19, label, most=7))
        if dated:
            parts.append(
                axes.text(min(x, axes.WIDTH - _DATE_WIDTH / 2), bottom + 34, row["date"], "tick faint")
            )
        elif row["day"] is not None:
            parts.append(axes.text(x, bottom + 34, f"d{row['day']}", "tick faint"))
    return parts


def _room_for_dates(spot: Spot, places: Mapping[str, float], across: axes.Scale) -> bool:
    """Whether every visit has a date and they can stand beside each other."""
    places_of = sorted(across(places[row["session"]]) for row in spot.visits)
    apart = all(after - before >= _DATE_WIDTH for before, after in itertools.pairwise(places_of))
    return apart and all(row["date"] for row in spot.visits)


def legend_needs_drift(spot: Spot, drift: Spot | None) -> bool:
    """Whether the check site is drawn in the charts of this site."""
    return drift is not None and drift is not spot and has_days(spot) and has_days(drift)
