"""How much changed on the same skin, or between two fields that cannot be paired, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densitometry.follow.consensus import Capture, Places, gather_places
from densitometry.follow.figures import (
    HAIRS,
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
from densitometry.follow.match import Links, openings_at
from densitometry.follow.pairing import MatchSettings
from densitometry.follow.patch import Patch
from densitometry.follow.presence import Presence, presence_of
from densitometry.follow.register import Registration, ScaleRatio
from densitometry.follow.repeatability import FIGURES, SAME_SKIN_PRIOR, Repeatability
from densitometry.model import FloatArray

UNSTATED_SCALE_TOLERANCE = 0.02
"""Two scales whose error nobody stated disagree when their ratio departs from 1 by more than this."""
LEAST_CHANCE = 1e-6
UNSEEN_DOUBT = 2.2
"""How many hairs came or went unseen rests on estimated rates: simulated visits scatter by this much more
(variance). The chances of the hairs that are seen need no more: on 120 tuning pairs (seeds 500 to 563) errors
were 0.83 (nothing changed), 0.95 (steady cycle), 0.84 (+25 %) and 1.08 (−20 %) of what is stated."""
CHANGED_DOUBT = 0.09
"""Variance of its own that a hair told to have come or gone brings, before `UNSEEN_DOUBT` widens it: in a
bundle a sibling may have been told instead, or with it. Without, the intervals of 119 of 135 simulated pairs
(seeds 901000 on) held the truth."""
PRESENT = 0.25
"""From this weight on a hair is taken for being there where openings and hairs are only counted."""


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
        followup_density_per_cm2: over the same area, or over its own field without pairing.
        cutoff_um: terminal at or above it.
        scale_disagrees: the pictures' scales contradict each other beyond their stated error.
        n_baseline, n_followup: captures combined.
        shade_ratio: how many times as dark against the skin the same hairs are at the follow-up.
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
    followup_density_per_cm2: float
    cutoff_um: float
    scale_disagrees: bool
    n_baseline: int = 1
    n_followup: int = 1
    shade_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class _Compared:
    """Hairs of the shared skin, row by row at both visits.

    Attributes:
        sides: weights and diameters of either visit.
        openings: (n,) follicular opening of each row.
        capture: variance that missed and false hairs bring, from what each row adds if its hair is there.
        area_cm2: of the shared skin.
    """

    sides: tuple[Side, Side]
    openings: NDArray[np.int64]
    capture: Callable[[FloatArray, FloatArray], tuple[float, float]]
    area_cm2: float


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
    if links.presence is None:
        single = (links.baseline[rows] < 0) | (links.followup[rows] < 0)
        capture = _capture_of_tracing(sides, single)
    else:
        presence = links.presence.take(rows)
        sides, capture = _looked_at(sides, presence), _capture_of(presence)
    compared = _Compared(sides, links.opening[rows], capture, registration.shared.area_cm2)
    scale = _scale_doubt(baseline, followup, registration.scale_ratio)
    counts = (links.count("matched"), links.count("gained"), links.count("lost"), links.count("uncertain"))
    change = _change(compared, counts, scale, cutoff_um, repeatability, (1, 1))
    return replace(change, shade_ratio=links.shade_ratio)


def consensus_change(
    visits: Sequence[Sequence[Capture]],
    cutoff_um: float = 30.0,
    repeatability: Mapping[str, Repeatability] = SAME_SKIN_PRIOR,
    settings: MatchSettings | None = None,
) -> Change:
    """Compare visits of which at least one has several pictures, hair by hair over all of them.

    A hair counts at a visit by the chance that it is there, given how many pictures show it: what one picture
    misses or makes up hardly matters.

    Args:
        visits: pictures of the earlier and of the later visit; the first of all is the reference.
        cutoff_um: a resolved hair is terminal at or above it.
        repeatability: within-visit SD per figure of one picture.
        settings: what makes two roots the same hair.
    """
    places = gather_places(visits, settings)
    presence = presence_of(places.seen, places.could, places.hints)
    hairs = presence.hairs
    sides = (_place_side(places, 0, hairs[0]), _place_side(places, 1, hairs[1]))
    opening = openings_at(places.place_um)
    compared = _Compared(sides, opening, _capture_of(presence), places.shared.area_cm2)
    there = [chance >= 0.5 for chance in (presence.before, presence.after)]  # noqa: PLR2004 (likely)
    counts = (
        int((there[0] & there[1]).sum()),
        int((~there[0] & there[1]).sum()),
        int((there[0] & ~there[1]).sum()),
        0,
    )
    scales = [
        _scale_doubt(visits[0][0].patch, capture_.patch, capture_.registration.scale_ratio)
        for capture_ in visits[1]
        if capture_.registration is not None
    ]
    scale = (float(np.mean([sd for sd, _ in scales])), any(bad for _, bad in scales))
    captures = (len(visits[0]), len(visits[1]))
    change = _change(compared, counts, scale, cutoff_um, repeatability, captures)
    return replace(change, shade_ratio=places.shade_ratio)


def _change(
    compared: _Compared,
    counts: tuple[int, int, int, int],
    scale: tuple[float, bool],
    cutoff_um: float,
    repeatability: Mapping[str, Repeatability],
    captures: tuple[int, int],
) -> Change:
    """Return all figures of hairs compared on the same skin; `scale`: relative SD, contradiction."""
    sides, area = compared.sides, compared.area_cm2
    tables = [side.table(cutoff_um) for side in sides]
    totals = [table.sum(axis=0) for table in tables]
    there = [np.unique(compared.openings[side.weight > PRESENT]) for side in sides]
    df = max(1, len(np.unique(compared.openings)) - 1)
    n = int(sum(np.count_nonzero(side.weight > PRESENT) for side in sides))
    figures = {}
    for name in FIGURES:
        if name == "density_change_per_cm2":
            continue
        working, gradients = linearise(name, totals)
        if working is None or gradients is None:
            figures[name] = undefined(name)
            continue
        pull = [table @ gradient for table, gradient in zip(tables, gradients, strict=True)]
        missed = compared.capture(pull[0], pull[1])
        capture = [missed[k] + sides[k].width_variance(gradients[k], cutoff_um) for k in range(2)]
        systematic = scale_variance(name, totals, scale[0])
        sampling = max(0.0, cluster_variance(pull[0] + pull[1], compared.openings) - sum(capture))
        variances = (capture[0], capture[1], systematic, sampling)
        figures[name] = make_figure(
            name, working, variances, df, n, repeatability.get(name), captures, "patch"
        )
    density = totals[0][HAIRS] / area if area else math.nan
    figures["density_change_per_cm2"] = absolute_density(figures["density_change_pct"], density, area, totals)
    return Change(
        pairing="hairs",
        figures={name: figures[name] for name in FIGURES},
        matched=counts[0],
        gained=counts[1],
        lost=counts[2],
        uncertain=counts[3],
        baseline_hairs=float(totals[0][HAIRS]),
        followup_hairs=float(totals[1][HAIRS]),
        baseline_terminal=float(totals[0][TERMINAL]),
        baseline_openings=len(there[0]),
        followup_openings=len(there[1]),
        area_cm2=area,
        baseline_density_per_cm2=density,
        followup_density_per_cm2=totals[1][HAIRS] / area if area else math.nan,
        cutoff_um=cutoff_um,
        scale_disagrees=scale[1],
        n_baseline=captures[0],
        n_followup=captures[1],
    )


def _capture_of_tracing(
    sides: tuple[Side, Side], single: NDArray[np.bool_]
) -> Callable[[FloatArray, FloatArray], tuple[float, float]]:
    """Return the variance that missed and false hairs bring at the tracer's rates."""

    def capture(before: FloatArray, after: FloatArray) -> tuple[float, float]:
        first, second = detection_variances([before, after], [side.error_rate for side in sides], single)
        return first, second

    return capture


def _capture_of(presence: Presence) -> Callable[[FloatArray, FloatArray], tuple[float, float]]:
    """Return the variance that doubt of presence brings, from what each hair adds weighed by its chance."""
    chances = (presence.before, presence.after)
    known = [np.maximum(hairs, LEAST_CHANCE) for hairs in presence.hairs]
    unseen = [
        (share + CHANGED_DOUBT) * changed
        for share, changed in zip(presence.unseen, presence.changed, strict=True)
    ]

    def capture(before: FloatArray, after: FloatArray) -> tuple[float, float]:
        # What is added if the hair is there for sure; its presence is a chance, alike before and after.
        pull = [before / known[0], after / known[1]]
        spread = [float((pull[k] ** 2 * chances[k] * (1 - chances[k])).sum()) for k in (0, 1)]
        common = float((pull[0] * pull[1] * (presence.both - chances[0] * chances[1])).sum())
        # How many came or went unseen is a count of rare events: as much variance as mean.
        came = [UNSEEN_DOUBT * float((pull[k] ** 2 * unseen[k]).sum()) for k in (0, 1)]
        return max(0.0, spread[0] + common + came[0]), max(0.0, spread[1] + common + came[1])

    return capture


def _looked_at(sides: tuple[Side, Side], presence: Presence) -> tuple[Side, Side]:
    """Return both visits with each hair weighed by its chance; one traced once is as thick at both."""
    once = [side.weight == 0 for side in sides]
    looked = []
    for k, hairs in enumerate(presence.hairs):
        own, other = sides[k], sides[1 - k]
        looked.append(
            Side(
                np.where(once[k], other.weight, own.weight) * np.maximum(hairs, LEAST_CHANCE),
                np.where(once[k], other.diameter_um, own.diameter_um),
                np.where(once[k], other.sigma_um, own.sigma_um),
                np.where(once[k], other.resolved, own.resolved),
                0.0,
            )
        )
    return looked[0], looked[1]


def _place_side(places: Places, visit: int, hairs: FloatArray) -> Side:
    weight = places.weight * np.maximum(hairs, LEAST_CHANCE)
    return Side(weight, places.diameter_um[:, visit], places.sigma_um[:, visit], places.resolved, 0.0)


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
