"""Pictures of one visit and site → one row of visits.tsv: the mean of the runs and how far they differ."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from densitometry.schema import column_names
from densitometry.schema_study import VISIT_MEASURES, VISITS

MISSED = "missed"
Place = tuple[str, str, str, str]
"""Participant, session, site, modality."""


def visit_row(
    place: Place, day: int | None, outcomes: Sequence[tuple[str, Mapping[str, Any] | None]], *, baseline: bool
) -> dict[str, Any]:
    """Return the row of one visit and site.

    Args:
        place: participant, session, site and modality.
        day: days since the baseline; None where it is not known.
        outcomes: status and summary of each picture; none for a missed visit.
        baseline: whether the visit is the baseline.
    """
    summaries = [summary for status, summary in outcomes if status == "measured" and summary is not None]
    row: dict[str, Any] = dict.fromkeys(column_names(VISITS))
    row |= dict(zip(("participant", "session", "site", "modality"), place, strict=True))
    row |= {
        "day": pd.NA if day is None else day,
        "baseline": baseline,
        "status": _status([status for status, _ in outcomes]),
        "n_pictures": len(outcomes),
        "n_accepted": len(summaries),
        "area_cm2": _mean([summary["area_cm2"] for summary in summaries]),
        "n_hairs": _mean([summary["n_hairs"] for summary in summaries]),
    }
    for name in VISIT_MEASURES:
        for end in ("", "_low", "_high"):
            row[name + end] = _mean([summary.get(name + end) for summary in summaries])
        values = [value for summary in summaries if (value := summary.get(name)) is not None]
        row[f"{name}_sd"] = statistics.stdev(values) if len(values) > 1 else None
    return row


def _status(statuses: Sequence[str]) -> str:
    for word in ("measured", "rejected", "failed"):
        if word in statuses:
            return word
    return MISSED


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
