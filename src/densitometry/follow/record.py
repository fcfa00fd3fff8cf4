"""A comparison as the product writes it: the object of change.json and the rows of links.csv."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from densitometry.follow.compare import Comparison
from densitometry.follow.figures import Figure
from densitometry.follow.match import STATUSES
from densitometry.follow.register import Registration
from densitometry.follow.repeatability import FIGURES, Repeatability
from densitometry.follow.response import ENDPOINTS

CHANGE_SCHEMA = "densitometry.change/1"
LINK_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "baseline_hair_id": "Int64",
        "followup_hair_id": "Int64",
        "status": "str",
        "distance_um": "float64",
        "baseline_diameter_um": "float64",
        "followup_diameter_um": "float64",
    }
)
"""Columns of links.csv with their types; ids are those of each picture's hairs.csv, empty without a hair."""


def change_record(comparison: Comparison) -> dict[str, Any]:
    """Return what change.json holds: plain Python values, None for what cannot be said.

    Places are in pixels of the primary pair's pictures; `hairs` counts the rows of `links_table`.
    """
    change, verdict, links = comparison.change, comparison.verdict, comparison.links
    figures = dict.fromkeys(FIGURES) if change is None else {n: _figure(f) for n, f in change.figures.items()}
    endpoint = ENDPOINTS[verdict.endpoint]
    return {
        "schema": CHANGE_SCHEMA,
        "registration": registration_record(comparison),
        "pairing": "hairs" if comparison.paired else "none",
        "hairs": {status: links.count(status) for status in STATUSES},
        **figures,
        "baseline_hairs": None if change is None else _plain(change.baseline_hairs),
        "followup_hairs": None if change is None else _plain(change.followup_hairs),
        "baseline_density_per_cm2": None if change is None else _plain(change.baseline_density_per_cm2),
        "cutoff_um": None if change is None else change.cutoff_um,
        "scale_disagrees": None if change is None else change.scale_disagrees,
        "shade_ratio": None if change is None else change.shade_ratio,
        "pictures": {
            "baseline": len(comparison.baselines),
            "followup": len(comparison.followups),
            "baseline_used": list(comparison.used[0]),
            "followup_used": list(comparison.used[1]),
            "pairs": [
                {
                    "baseline": pair.baseline,
                    "followup": pair.followup,
                    "status": pair.registration.status,
                    "reason": pair.registration.reason or None,
                }
                for pair in comparison.pairs
            ],
        },
        "verdict_endpoint": verdict.endpoint,
        "sdc_source": _sdc_source(comparison.repeatability.get(endpoint)) if comparison.paired else None,
        "verdict": verdict.verdict,
        "reason_code": verdict.reason_code,
        "reason": verdict.reason,
    }


def links_table(comparison: Comparison) -> pd.DataFrame:
    """Return the rows of links.csv for the primary pair: columns of LINK_COLUMNS, in a fixed order."""
    links = comparison.links
    here = comparison.baselines[comparison.primary.baseline]
    there = comparison.followups[comparison.primary.followup]
    table = pd.DataFrame(
        {
            "baseline_hair_id": _ids(here.hair_id, links.baseline),
            "followup_hair_id": _ids(there.hair_id, links.followup),
            "status": links.status,
            "distance_um": links.distance_um,
            "baseline_diameter_um": _values(here.diameter_um, links.baseline),
            "followup_diameter_um": _values(there.diameter_um, links.followup),
        }
    )
    return table.astype(dict(LINK_COLUMNS))


def registration_record(comparison: Comparison) -> dict[str, Any]:
    """Return the `registration` part of change.json.

    `grid` is a list of 9 columns from left to right, each of 7 entries from top to bottom, an entry being
    [[x, y] in the baseline, [x, y] in the follow-up or None] in pixels; None when refused.
    """
    found = comparison.registration
    scales = (
        comparison.baselines[comparison.primary.baseline].um_per_px,
        comparison.followups[comparison.primary.followup].um_per_px,
    )
    affine, ratio = found.affine_px(*scales), found.scale_ratio
    return {
        "status": found.status,
        "reason": found.reason or None,
        "reason_code": found.reason_code or None,
        "affine_px": None if affine is None else affine.tolist(),
        "grid": found.grid_px(*scales),
        "residual_um": _plain(found.residual_um),
        "overlap_cm2": _plain(found.overlap_cm2),
        "overlap_fraction": _plain(found.overlap_fraction),
        "scale_ratio": None
        if ratio is None
        else {"value": ratio.value, "low": ratio.low, "high": ratio.high},
        "evidence": _evidence(found),
    }


def _evidence(found: Registration) -> dict[str, Any] | None:
    evidence = found.evidence
    if evidence is None:
        return None
    return {
        "openings_met": evidence.met,
        "openings_possible": evidence.possible,
        "openings_by_chance": evidence.by_chance,
        "nats": evidence.total,
        "nats_needed": evidence.needed,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    numbers = ("value", "low", "high", "sdc", "region_low", "region_high")
    return {
        **{name: _plain(getattr(figure, name)) for name in numbers},
        "kind": figure.kind,
        "unit": figure.unit,
    }


def _sdc_source(belief: Repeatability | None) -> dict[str, Any] | None:
    if belief is None:
        return None
    return {"source": belief.source, "sd": belief.sd, "df": belief.df, "n": belief.n}


def _plain(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)


def _ids(hair_id: np.ndarray, rows: np.ndarray) -> pd.arrays.IntegerArray:
    there = rows >= 0
    numbers = np.zeros(len(rows), dtype=np.int64)
    numbers[there] = hair_id[rows[there]]
    return pd.arrays.IntegerArray(numbers, ~there)


def _values(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    there = rows >= 0
    values = np.full(len(rows), np.nan)
    values[there] = column[rows[there]]
    return values
