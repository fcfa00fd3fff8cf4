"""How much changed on the same skin, or between two fields that cannot be paired, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densitometry.follow import constellation
from densitometry.follow.figures import (
    HAIRS,
    N_TOTALS,
    NORMAL_95,
    TERMINAL,
    Figure,
    Side,
    absolute_density,
    cluster_variance,
    detection_variances,
    linearise,
    make_figure,
    scale_variance,
    undefined,
)
from densitometry.follow.match import Links
from densitometry.follow.patch import Patch
from densitometry.follow.register import Registration, ScaleRatio
from densitometry.follow.repeatability import FIGURES, SAME_SKIN_PRIOR, Repeatability

UNSTATED_SCALE_TOLERANCE = 0.02
"""Two scales whose error nobody stated disagree when their ratio departs from 1 by more than this."""
RELOCATION_UM = 1500.0
"""How far apart, in each axis, the middles of two fields "at the same site" may lie when no pairing shows it.
An assumption of this product; 1 mm of shift already swaps an eighth of a field of 0.65 cm²."""


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that changed between two visits of one spot.

    Attributes:
        pairing: "hairs" (same skin) or "none".
        figures: by the names of `repeatability.FIGURES`.
        matched, gained, lost, uncertain: hairs; all 0 without pairing.
        baseline_hairs, followup_hairs: weighted hairs compared.
        baseline_terminal: terminal hairs of the baseline compared.
        baseline_openings, followup_openings: openings with a hair on the compared skin.
        area_cm2: baseline area compared.
        baseline_density_per_cm2: over that area.
        cutoff_um: terminal at or above it.
        scale_disagrees: the pictures' scales contradict each other beyond their stated error.
        n_baseline, n_followup: captures combined.
    """

    pairing: str
    figures: Mapping[str, Figure]
    matched: int
    gained: int
    lost: int
    uncertain: int
    baseline_hairs: float
    followup_hairs: float
    baseline_terminal: float
    baseline_openings: int
    followup_openings: int
    area_cm2: float
    baseline_density_per_cm2: float
    cutoff_um: float
    scale_disagrees: bool
    n_baseline: int = 1
    n_followup: int = 1


def paired_change(
    baseline: Patch,
    followup: Patch,
    registration: Registration,
    links: Links,
    cutoff_um: float = 30.0,
    repeatability: Mapping[str, Repeatability] = SAME_SKIN_PRIOR,
) -> Change:
    """Compare the hairs of the skin that both pictures show.

    Patch intervals carry missed and false hairs at the tracer's rates, but no more than the unmatched hairs
    allow, and errors of widths and scale. Region intervals come from how the change scatters over openings
    (linearised ratios, openings as clusters).

    Source: Cochran 1977, Sampling Techniques, ch. 6 (ratio estimates) and 9 (clusters).

    Args:
        baseline: the earlier patch.
        followup: the later patch.
        registration: of the two, with status "ok".
        links: of the two.
        cutoff_um: a resolved hair is terminal at or above it.
        repeatability: within-visit SD per figure; a figure without one has no `sdc`.

    Raises:
        ValueError: if the registration was refused.
    """
    if registration.shared is None:
        msg = "a refused registration has no shared skin to compare"
        raise ValueError(msg)
    rows = links.shared
    sides = (
        _side(baseline, links.baseline[rows], followup, links.followup[rows]),
        _side(followup, links.followup[rows], baseline, links.baseline[rows]),
    )
    tables = [side.table(cutoff_um) for side in sides]
    totals = [table.sum(axis=0) for table in tables]
    scale_sd, disagrees = _scale_doubt(baseline, followup, registration.scale_ratio)
    single = (links.baseline[rows] < 0) | (links.followup[rows] < 0)
    clusters = links.opening[rows]
    area = registration.shared.area_cm2
    figures = {}
    for name in FIGURES:
        if name == "density_change_per_cm2":
            continue
        working, gradients = linearise(name, totals)
        if working is None or gradients is None:
            figures[name] = undefined(name)
            continue
        pull = [table @ gradient for table, gradient in zip(tables, gradients, strict=True)]
        detection = detection_variances(pull, [side.error_rate for side in sides], single)
        capture = [detection[k] + sides[k].width_variance(gradients[k], cutoff_um) for k in range(2)]
        systematic = scale_variance(name, totals, scale_sd)
        sampling = max(0.0, cluster_variance(pull[0] + pull[1], clusters) - sum(capture))
        n = int(np.count_nonzero(sides[0].weight) + np.count_nonzero(sides[1].weight))
        variances = (capture[0], capture[1], systematic, sampling)
        df = max(1, len(np.unique(clusters)) - 1)
        figures[name] = make_figure(name, working, variances, df, n, repeatability.get(name), (1, 1), "patch")
    density = totals[0][HAIRS] / area if area else math.nan
    figures["density_change_per_cm2"] = absolute_density(figures["density_change_pct"], density, area, totals)
    return Change(
        pairing="hairs",
        figures={name: figures[name] for name in FIGURES},
        matched=links.count("matched"),
        gained=links.count("gained"),
        lost=links.count("lost"),
        uncertain=links.count("uncertain"),
        baseline_hairs=float(totals[0][HAIRS]),
        followup_hairs=float(totals[1][HAIRS]),
        baseline_terminal=float(totals[0][TERMINAL]),
        baseline_openings=len(np.unique(clusters[sides[0].weight > 0])),
        followup_openings=len(np.unique(clusters[sides[1].weight > 0])),
        area_cm2=area,
        baseline_density_per_cm2=density,
        cutoff_um=cutoff_um,
        scale_disagrees=disagrees,
    )


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
        cutoff_um=cutoff_um,
        scale_disagrees=False,
    )


def combine_changes(
    changes: Sequence[Change],
    n_baseline: int,
    n_followup: int,
    repeatability: Mapping[str, Repeatability] = SAME_SKIN_PRIOR,
) -> Change:
    """Average the changes between every replicate of one visit and every replicate of another.

    The captures' own errors shrink with the number of captures; scale and sampling of hairs do not.

    Args:
        changes: of the pairs that could be compared, at least one; all paired or none.
        n_baseline: distinct captures of the earlier visit among them.
        n_followup: distinct captures of the later visit among them.
        repeatability: within-visit SD per figure.

    Raises:
        ValueError: if `changes` is empty or mixes paired and unpaired ones.
    """
    if len({change.pairing for change in changes}) != 1:
        msg = "changes must be one or more, all paired or none"
        raise ValueError(msg)
    first = changes[0]

    def mean_of(name: str) -> float:
        return float(np.mean([getattr(change, name) for change in changes]))

    openings = round(mean_of("baseline_openings"))
    figures = {}
    for name in FIGURES:
        if name == "density_change_per_cm2":
            continue
        known = [c.figures[name] for c in changes if c.figures[name].value is not None]
        if not known:
            figures[name] = first.figures[name]
            continue
        mean = np.mean([figure.variances for figure in known], axis=0)
        variances = (mean[0] / n_baseline, mean[1] / n_followup, float(mean[2]), float(mean[3]))
        working = float(np.mean([figure.working for figure in known]))
        n = round(float(np.mean([figure.n for figure in known])))
        df = max(1, openings - 1)
        spread = repeatability.get(name) if first.pairing == "hairs" else None
        figures[name] = make_figure(
            name, working, variances, df, n, spread, (n_baseline, n_followup), first.figures[name].kind
        )
    totals = [np.full(N_TOTALS, mean_of(name)) for name in ("baseline_hairs", "followup_hairs")]
    figures["density_change_per_cm2"] = absolute_density(
        figures["density_change_pct"], mean_of("baseline_density_per_cm2"), mean_of("area_cm2"), totals
    )
    return replace(
        first,
        figures={name: figures[name] for name in FIGURES},
        matched=round(mean_of("matched")),
        gained=round(mean_of("gained")),
        lost=round(mean_of("lost")),
        uncertain=round(mean_of("uncertain")),
        baseline_hairs=mean_of("baseline_hairs"),
        followup_hairs=mean_of("followup_hairs"),
        baseline_terminal=mean_of("baseline_terminal"),
        baseline_openings=openings,
        followup_openings=round(mean_of("followup_openings")),
        area_cm2=mean_of("area_cm2"),
        baseline_density_per_cm2=mean_of("baseline_density_per_cm2"),
        scale_disagrees=any(change.scale_disagrees for change in changes),
        n_baseline=n_baseline,
        n_followup=n_followup,
    )


def _side(patch: Patch, index: NDArray[np.int64], other: Patch, other_index: NDArray[np.int64]) -> Side:
    here, there = index >= 0, other_index >= 0
    at = np.where(here, index, 0)
    if not len(patch):
        nothing = np.zeros(len(index))
        return Side(nothing, nothing, nothing, nothing > 0, patch.errors.total)
    weight = np.where(here, patch.count_weight[at], 0.0)
    if len(other):
        # A hair seen at both visits weighs the same at both, however its ends were read.
        partner = other.count_weight[np.where(there, other_index, 0)]
        both = here & there & (partner > 0) & (weight > 0)
        weight = np.where(both, (weight + partner) / 2, weight)
    return Side(
        weight, patch.diameter_um[at], patch.diameter_sigma_um[at], patch.resolved[at], patch.errors.total
    )


def _whole_side(patch: Patch) -> Side:
    return Side(
        patch.count_weight, patch.diameter_um, patch.diameter_sigma_um, patch.resolved, patch.errors.total
    )


def _scale_doubt(baseline: Patch, followup: Patch, ratio: ScaleRatio | None) -> tuple[float, bool]:
    """Return the relative SD between the errors of the two scales, and whether they contradict each other."""
    stated = [patch.scale_rel_error for patch in (baseline, followup)]
    known = [value for value in stated if value is not None]
    claimed = math.hypot(*known) if known else 0.0
    if ratio is None or ratio.low <= 0:
        return claimed, False
    seen = math.log(ratio.value)
    doubt = (ratio.high - ratio.low) / (2 * NORMAL_95) / ratio.value
    tolerance = NORMAL_95 * math.hypot(claimed, doubt)
    if None in stated:
        tolerance += UNSTATED_SCALE_TOLERANCE
    if abs(seen) > tolerance:
        return max(claimed, math.hypot(seen, doubt)), True
    # The skin itself tells how far the two scales are apart, whatever was claimed.
    return min(claimed, math.hypot(seen, doubt)), False


def _swapped_share(baseline: Patch, followup: Patch, relocation_um: float) -> float:
    """Return the share of a field that other skin takes when its middle is off by that much in both axes."""
    kept = 1.0
    for low, high in ((0, 2), (1, 3)):
        span = min(p.field.extent_um[high] - p.field.extent_um[low] for p in (baseline, followup))
        kept *= max(0.0, 1.0 - relocation_um / span)
    return 1.0 - kept
