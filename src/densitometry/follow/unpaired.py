"""How much changed between two fields of one site that cannot be laid on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from densitometry.follow import constellation
from densitometry.follow.change import Change
from densitometry.follow.figures import (
    HAIRS,
    N_TOTALS,
    TERMINAL,
    Side,
    absolute_density,
    cluster_variance,
    linearise,
    make_figure,
    scale_variance,
    undefined,
)
from densitometry.follow.patch import Patch
from densitometry.follow.repeatability import FIGURES

RELOCATION_UM = 1500.0
"""How far apart, in each axis, the middles of two fields "at the same site" may lie when no pairing shows it.
An assumption of this product; 1 mm of shift already swaps an eighth of a field of 0.65 cm²."""


def unpaired_change(
    baseline: Patch,
    followup: Patch,
    cutoff_um: float = 30.0,
    relocation_um: float | None = RELOCATION_UM,
) -> Change:
    """Compare two fields of one site that cannot be paired: the intervals carry the error of relocation.

    Args:
        baseline: the earlier patch.
        followup: the later patch.
        cutoff_um: a resolved hair is terminal at or above it.
        relocation_um: shift of the field's middle to allow for, per axis; None: other skin altogether.
    """
    sides = tuple(_whole_side(patch) for patch in (baseline, followup))
    areas = [patch.field.area_cm2 for patch in (baseline, followup)]
    tables = [side.table(cutoff_um) / area for side, area in zip(sides, areas, strict=True)]
    totals = [table.sum(axis=0) for table in tables]
    clusters = [constellation.openings_of(patch).of_root for patch in (baseline, followup)]
    swapped = 1.0 if relocation_um is None else _swapped_share(baseline, followup, relocation_um)
    figures = {}
    for name in FIGURES:
        if name == "density_change_per_cm2":
            continue
        working, gradients = linearise(name, totals)
        if working is None or gradients is None:
            figures[name] = replace(undefined(name), kind="region")
            continue
        pull = [table @ gradient for table, gradient in zip(tables, gradients, strict=True)]
        capture = [
            sides[k].error_rate * float((pull[k] ** 2).sum())
            + sides[k].width_variance(gradients[k] / areas[k], cutoff_um)
            for k in range(2)
        ]
        sampling = swapped * sum(cluster_variance(pull[k], clusters[k]) for k in range(2))
        scale_sd = math.hypot(baseline.scale_rel_error or 0.0, followup.scale_rel_error or 0.0)
        systematic = scale_variance(name, totals, scale_sd, areas_too=True)
        n = len(baseline) + len(followup)
        df = max(1, min(len(np.unique(c)) for c in clusters) - 1)
        variances = (capture[0], capture[1], systematic, sampling)
        figures[name] = make_figure(name, working, variances, df, n, None, (1, 1), "region")
    figures["density_change_per_cm2"] = absolute_density(
        figures["density_change_pct"], float(totals[0][HAIRS]), 1.0, totals
    )
    return Change(
        pairing="none",
        figures={name: figures[name] for name in FIGURES},
        matched=0,
        gained=0,
        lost=0,
        uncertain=0,
        baseline_hairs=float(totals[0][HAIRS] * areas[0]),
        followup_hairs=float(totals[1][HAIRS] * areas[1]),
        baseline_terminal=float(totals[0][TERMINAL] * areas[0]),
        baseline_openings=len(np.unique(clusters[0][clusters[0] >= 0])),
        followup_openings=len(np.unique(clusters[1][clusters[1] >= 0])),
        area_cm2=areas[0],
        baseline_density_per_cm2=float(totals[0][HAIRS]),
        followup_density_per_cm2=float(totals[1][HAIRS]),
        cutoff_um=cutoff_um,
        scale_disagrees=False,
    )


def combine_changes(changes: Sequence[Change], n_baseline: int, n_followup: int) -> Change:
    """Average unpaired changes between every picture of one visit and every picture of another.

    The captures' own errors shrink with the number of captures; scale and sampling of hairs do not.

    Args:
        changes: at least one, none of them paired.
        n_baseline: pictures of the earlier visit.
        n_followup: pictures of the later visit.

    Raises:
        ValueError: if `changes` is empty or holds paired ones.
    """
    if {change.pairing for change in changes} != {"none"}:
        msg = "changes must be one or more, none of them paired"
        raise ValueError(msg)
    first = changes[0]

    def mean_of(name: str) -> float:
        return float(np.mean([getattr(change, name) for change in changes]))

    openings = round(mean_of("baseline_openings"))
    figures = {}
    for name in FIGURES:
        known = [c.figures[name] for c in changes if c.figures[name].value is not None]
        if not known or name == "density_change_per_cm2":
            figures[name] = first.figures[name]
            continue
        mean = np.mean([figure.variances for figure in known], axis=0)
        variances = (mean[0] / n_baseline, mean[1] / n_followup, float(mean[2]), float(mean[3]))
        working = float(np.mean([figure.working for figure in known]))
        n = round(float(np.mean([figure.n for figure in known])))
        df = max(1, openings - 1)
        figures[name] = make_figure(name, working, variances, df, n, None, (n_baseline, n_followup), "region")
    density, after = mean_of("baseline_density_per_cm2"), mean_of("followup_density_per_cm2")
    totals = [np.full(N_TOTALS, value) for value in (density, after)]
    figures["density_change_per_cm2"] = absolute_density(figures["density_change_pct"], density, 1.0, totals)
    return replace(
        first,
        figures={name: figures[name] for name in FIGURES},
        baseline_hairs=mean_of("baseline_hairs"),
        followup_hairs=mean_of("followup_hairs"),
        baseline_terminal=mean_of("baseline_terminal"),
        baseline_openings=openings,
        followup_openings=round(mean_of("followup_openings")),
        area_cm2=mean_of("area_cm2"),
        baseline_density_per_cm2=density,
        followup_density_per_cm2=after,
        n_baseline=n_baseline,
        n_followup=n_followup,
    )


def _whole_side(patch: Patch) -> Side:
    return Side(
        patch.count_weight, patch.diameter_um, patch.diameter_sigma_um, patch.resolved, patch.errors.total
    )


def _swapped_share(baseline: Patch, followup: Patch, relocation_um: float) -> float:
    """Return the share of a field that other skin takes when its middle is off by that much in both axes."""
    kept = 1.0
    for low, high in ((0, 2), (1, 3)):
        span = min(p.field.extent_um[high] - p.field.extent_um[low] for p in (baseline, followup))
        kept *= max(0.0, 1.0 - relocation_um / span)
    return 1.0 - kept
