"""Treatments given in sessions (injections) as cycles: change per cycle and slope: rows of cycles.tsv."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from densitometry.follow.repeatability import LEVEL, RELATIVE
from densitometry.follow.response import ENDPOINTS
from densitometry.study.entities import Participant, Session
from densitometry.study.timeline import timeline_of

LEAST_FOR_INTERVAL = 3
"""A line through so many points, the baseline included, leaves something over to judge its error by."""


def cycle_rows(person: Participant, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each cycle of each site that was injected: how it stood at the cycle's last visit.

    A cycle begins with an injection and ends with the next one; a visit on the day of an injection belongs to
    the cycle before, as pictures are taken first. Changes are those of the verdict's endpoint. The slope is a
    straight line through the last visits of the cycles, the baseline being cycle 0.

    Args:
        person: who.
        changes: the participant's rows of change.tsv.
    """
    sessions = {session.label: session for session in person.sessions}
    rows = []
    for agent, site, days in _injections(person, changes):
        for modality in sorted({row["modality"] for row in changes if row["site"] == site}):
            own = [row for row in changes if (row["site"], row["modality"]) == (site, modality)]
            rows += _rows_of(person, (agent, site, modality), days, own, sessions)
    return rows


def _injections(
    person: Participant, changes: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return agent, site and days of injection, where any are known."""
    timeline = timeline_of(person.sessions)
    found: dict[tuple[str, str], set[int]] = {}
    for site in sorted({str(row["site"]) for row in changes if row["site"]}):
        for course in person.treatments:
            day = timeline.position(course.start)
            if course.agent.in_sessions and course.touches(site) and day is not None:
                found.setdefault((course.agent.code, site), set()).add(day)
    return [(agent, site, tuple(sorted(days))) for (agent, site), days in sorted(found.items())]


def _rows_of(
    person: Participant,
    place: tuple[str, str, str],
    injections: tuple[int, ...],
    changes: Sequence[Mapping[str, Any]],
    sessions: Mapping[str, Session],
) -> list[dict[str, Any]]:
    """Return the cycles of one site and agent."""
    timeline = timeline_of(person.sessions)
    last: dict[int, tuple[int, Mapping[str, Any]]] = {}
    for row in changes:
        day = timeline.position_of(sessions[row["session"]])
        cycle = 0 if day is None else sum(start < day for start in injections)
        if day is not None and cycle and _value(row) is not None and day >= last.get(cycle, (day, {}))[0]:
            last[cycle] = (day, row)
    baseline = person.session(person.baseline) if person.baseline else None
    start = timeline.position_of(baseline) if baseline else None
    rows: list[dict[str, Any]] = []
    points = {0: 0.0}
    for cycle, (day, row) in sorted(last.items()):
        name, value = ENDPOINTS[row["verdict_endpoint"]], _value(row)
        assert value is not None  # noqa: S101 (only rows with a value are kept)
        points[cycle] = _working(name, value)
        step = points[cycle] - points.get(cycle - 1, math.nan)
        slope = _slope(points)
        began = injections[cycle - 1]
        rows.append(
            {
                "participant": person.label,
                "site": place[1],
                "modality": place[2],
                "agent": place[0],
                "cycle": cycle,
                "injection_day": None if start is None else began - start,
                "session": row["session"],
                "days_since_treatment": day - began,
                "figure": name,
                "change": value,
                "change_in_cycle": _shown(name, step),
                "slope_per_cycle": _shown(name, slope[0]),
                "slope_low": _shown(name, slope[1]),
                "slope_high": _shown(name, slope[2]),
            }
        )
    return rows


def _value(row: Mapping[str, Any]) -> float | None:
    """Return the change of the verdict's endpoint; None where there is none."""
    value = row.get(ENDPOINTS.get(str(row.get("verdict_endpoint")), ""))
    return None if value is None or pd.isna(value) else float(value)


def _slope(points: Mapping[int, float]) -> tuple[float, float, float]:
    """Return the slope through (cycle, working value) points with its 95 % interval; NaN where unknown.

    Source: Draper & Smith 1998, Applied Regression Analysis, ch. 1.
    """
    x, y = np.array(list(points), float), np.array(list(points.values()), float)
    n = len(x)
    if n < 2:  # noqa: PLR2004 (a line takes two points)
        return math.nan, math.nan, math.nan
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    if n < LEAST_FOR_INTERVAL:
        return slope, math.nan, math.nan
    left = y - y.mean() - slope * (x - x.mean())
    error = math.sqrt(float((left**2).sum()) / (n - 2) / spread)
    reach = float(student.ppf(0.5 + LEVEL / 2, n - 2)) * error
    return slope, slope - reach, slope + reach


def _working(name: str, value: float) -> float:
    """Return a figure on its working scale: changes in per cent follow on one another as factors."""
    return math.log1p(max(value, -99.9) / 100) if name in RELATIVE else value


def _shown(name: str, working: float) -> float | None:
    if math.isnan(working):
        return None
    return 100 * math.expm1(working) if name in RELATIVE else working
