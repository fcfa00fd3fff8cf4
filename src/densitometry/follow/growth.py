"""Phototrichogram: two pictures of one clipped spot a few days apart tell growing hairs from resting ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import chi2

from densitometry.errors import InputLayoutError
from densitometry.follow.match import MATCHED, Links
from densitometry.follow.patch import Patch
from densitometry.model import FloatArray

ABNORMAL_RESTING_FRACTION = 0.20
"""A share of resting hairs above this is called abnormal, if even the interval's lower end is."""
LEAST_HAIRS = 15
STEPS = 300
LENGTH_SD_RANGE_UM = (8.0, 120.0)
LEAST_GROWTH_UM = 60.0
"""Mean growth over the interval below which growing and resting hairs cannot be told apart."""
LARGEST_SPREAD = 0.6
LEAST_SPREAD = 0.08
OUTLIER_SHARE = 0.02
OUTLIER_SPAN_UM = 3000.0
INTERVAL_DROP = float(chi2.ppf(0.95, 1)) / 2
UM_PER_MM = 1000.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What the lengths of matched hairs say.

    Attributes:
        n: matched hairs with both ends in both pictures.
        growth_um: (n,) longer by [µm]; growing_chance: (n,) that the hair grows; hair: (n,) row in `Links`.
        growing_fraction, growing_low, growing_high: anagen share with its 95 % interval; None when undefined.
        resting_fraction, resting_low, resting_high: telogen share.
        rate_mm_per_day, rate_sd_mm_per_day: mean of the growing hairs and their scatter.
        length_sd_um: error of a difference of lengths, from the hairs at rest.
        abnormal: even the lower end of the resting share lies above 20 %; None when undefined.
        reason: why the shares are undefined; "" otherwise.
    """

    n: int
    growth_um: FloatArray
    growing_chance: FloatArray
    hair: NDArray[np.int64]
    growing_fraction: float | None = None
    growing_low: float | None = None
    growing_high: float | None = None
    resting_fraction: float | None = None
    resting_low: float | None = None
    resting_high: float | None = None
    rate_mm_per_day: float | None = None
    rate_sd_mm_per_day: float | None = None
    length_sd_um: float | None = None
    abnormal: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Growing share, mean and SD of growth, SD of the error of a length difference [µm]."""

    share: float
    mean: float
    spread: float
    error: float


def phototrichogram(baseline: Patch, followup: Patch, links: Links, days: float) -> Growth:
    """Tell growing from resting hairs by how much longer each matched hair became.

    No length is a threshold: the differences are explained as a mixture of hairs that did not grow, known up
    to the error of a length, and hairs that grew at their own rates; intervals come from the profile
    likelihood.

    Source: McLachlan & Peel 2000, Finite Mixture Models, ch. 2 and 3.

    Args:
        baseline: the earlier picture of the clipped spot.
        followup: the later one.
        links: of the two.
        days: between them, > 0; 1 to 3 is usual.

    Raises:
        InputLayoutError: if `days` is not positive.
    """
    if not (math.isfinite(days) and days > 0):
        raise InputLayoutError(
            "a phototrichogram needs two pictures some days apart",
            f"the time between them is {days:g} days",
            "state the dates of both sessions, the earlier one as the baseline",
        )
    rows = np.flatnonzero((links.status == MATCHED) & links.shared)
    a, b = links.baseline[rows], links.followup[rows]
    whole = baseline.length_known[a] & followup.length_known[b]
    rows, a, b = rows[whole].astype(np.int64), a[whole], b[whole]
    growth = followup.length_um[b] - baseline.length_um[a]
    unknown = Growth(len(rows), growth, np.full(len(rows), np.nan), rows)
    if len(rows) < LEAST_HAIRS:
        reason = f"only {len(rows)} hairs show both ends in both pictures; {LEAST_HAIRS} are needed"
        return Growth(len(rows), growth, unknown.growing_chance, rows, reason=reason)
    mixture = _best_mixture(growth)
    if mixture.mean < max(LEAST_GROWTH_UM, 2 * mixture.error):
        reason = f"hairs grew by {mixture.mean:.0f} µm, too little beside the error of a length"
        return Growth(len(rows), growth, unknown.growing_chance, rows, reason=reason)
    low, high = _share_interval(growth, mixture)
    if low <= 0.0:
        reason = "no hair clearly grew: there is nothing to set the resting ones against"
        return Growth(len(rows), growth, unknown.growing_chance, rows, reason=reason)
    chance = _growing_chance(growth, mixture)
    return Growth(
        n=len(rows),
        growth_um=growth,
        growing_chance=chance,
        hair=rows,
        growing_fraction=mixture.share,
        growing_low=low,
        growing_high=high,
        resting_fraction=1 - mixture.share,
        resting_low=1 - high,
        resting_high=1 - low,
        rate_mm_per_day=mixture.mean / days / UM_PER_MM,
        rate_sd_mm_per_day=mixture.spread / days / UM_PER_MM,
        length_sd_um=mixture.error,
        abnormal=1 - high > ABNORMAL_RESTING_FRACTION,
    )


def _best_mixture(growth_um: FloatArray) -> _Mixture:
    """Return the likeliest of several fits started at different shares."""
    top = max(float(np.percentile(growth_um, 75)), LEAST_GROWTH_UM)
    starts = [_Mixture(share, top, 0.25 * top, 40.0) for share in (0.3, 0.6, 0.9)]
    fits = [_climb(growth_um, start) for start in starts]
    return max(fits, key=lambda fit: _log_likelihood(growth_um, fit))


def _climb(growth_um: FloatArray, start: _Mixture, fixed_share: float | None = None) -> _Mixture:
    """Climb the likelihood by expectation and maximisation."""
    now = start if fixed_share is None else _Mixture(fixed_share, start.mean, start.spread, start.error)
    for _ in range(STEPS):
        resting, growing, odd = _parts(growth_um, now)
        total = resting + growing + odd
        at_rest, grew = resting / total, growing / total
        weight_rest, weight_grew = float(at_rest.sum()), float(grew.sum())
        error, mean, spread = now.error, now.mean, now.spread
        if weight_rest > 1:
            error = float(
                np.clip(math.sqrt(float(at_rest @ growth_um**2) / weight_rest), *LENGTH_SD_RANGE_UM)
            )
        if weight_grew > 1:
            mean = max(float(grew @ growth_um) / weight_grew, 1.0)
            seen = math.sqrt(float(grew @ (growth_um - mean) ** 2) / weight_grew)
            spread = float(np.clip(seen, math.hypot(LEAST_SPREAD * mean, 1.0), LARGEST_SPREAD * mean))
        share = weight_grew / max(weight_rest + weight_grew, 1e-9) if fixed_share is None else fixed_share
        later = _Mixture(share, mean, spread, error)
        if abs(later.share - now.share) < 1e-6 and abs(later.mean - now.mean) < 1e-3:  # noqa: PLR2004
            return later
        now = later
    return now


def _parts(growth_um: FloatArray, m: _Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the densities of resting, growing and mistaken hairs."""
    resting = (1 - OUTLIER_SHARE) * (1 - m.share) * _normal(growth_um, 0.0, m.error)
    # A hair that grows gets longer: the part of the bell below zero is left out.
    above = float(ndtr(m.mean / m.spread))
    growing = (1 - OUTLIER_SHARE) * m.share * _normal(growth_um, m.mean, m.spread) / above
    return resting, growing, np.full(len(growth_um), OUTLIER_SHARE / OUTLIER_SPAN_UM)


def _normal(x: FloatArray, mean: float, sd: float) -> FloatArray:
    return np.asarray(np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi)))


def _log_likelihood(growth_um: FloatArray, m: _Mixture) -> float:
    return float(np.log(sum(_parts(growth_um, m))).sum())


def _growing_chance(growth_um: FloatArray, m: _Mixture) -> FloatArray:
    resting, growing, _ = _parts(growth_um, m)
    return growing / (resting + growing)


def _share_interval(growth_um: FloatArray, best: _Mixture) -> tuple[float, float]:
    """Return the shares whose profile likelihood lies within the 95 % drop of the best."""
    top = _log_likelihood(growth_um, best)

    def fits(share: float) -> bool:
        profile = _climb(growth_um, best, fixed_share=share)
        return _log_likelihood(growth_um, profile) >= top - INTERVAL_DROP

    def edge(inside: float, outside: float) -> float:
        if fits(outside):
            return outside
        for _ in range(12):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if fits(middle) else (inside, middle)
        return inside

    return edge(best.share, 0.0), edge(best.share, 1.0)
