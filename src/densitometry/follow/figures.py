"""One figure of a change: from totals over hairs to a value, its variances and its intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import t as student

from densitometry.follow.repeatability import LEVEL, RELATIVE, Repeatability
from densitometry.model import FloatArray

NORMAL_95 = 1.96
# What is summed over hairs by weight: 1, terminal, resolved, resolved × diameter, vellus, diameter.
N_TOTALS = 6
HAIRS, TERMINAL, RESOLVED, RESOLVED_UM, VELLUS, THICKNESS_UM = range(N_TOTALS)


SINGLE_INFLATION = 1.2
"""Region intervals from single pictures are this much wider: sums over few units are skew; without it 6 of 60
simulated pairs with a steady hair cycle were called changed (with it 4 of 240 on other seeds)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One change: value, intervals for this patch and for the region, smallest detectable change.

    Attributes:
        value, low, high: None when undefined (nothing to divide by). Kind "patch": doubt from missed and
            false hairs, widths and scale; kind "region" where no skin is shared.
        region_low, region_high: adds the hair cycle and the sampling of the scalp; verdicts use these.
        equivalence_low, equivalence_high: the region interval at 90 %, for two one-sided tests of "no
            change beyond a margin" (Schuirmann 1987, doi:10.1007/BF01068419).
        sdc: smallest detectable change, same unit; None when the repeatability is not known.
        kind: "patch" or "region": what low and high are for.
        unit: of all numbers.
        n: hairs it rests on.
        working: value on the working scale (logarithm of the ratio for relative figures).
        variances: on the working scale: of the baseline's and the follow-up's capture, of what both share
            (scale), and of the sampling of hairs.
    """

    value: float | None
    low: float | None
    high: float | None
    region_low: float | None
    region_high: float | None
    equivalence_low: float | None
    equivalence_high: float | None
    sdc: float | None
    kind: str
    unit: str
    n: int
    working: float = math.nan
    variances: tuple[float, float, float, float] = (math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Side:
    """One visit's hairs row by row; weight 0 where there is no hair."""

    weight: FloatArray
    diameter_um: FloatArray
    sigma_um: FloatArray
    resolved: NDArray[np.bool_]
    error_rate: float

    def table(self, cutoff_um: float) -> FloatArray:
        """Return what each row adds to the totals, (n, 6)."""
        terminal = self.resolved & (self.diameter_um >= cutoff_um)
        vellus = self.resolved & ~terminal
        thick = self.diameter_um
        columns = [np.ones(len(thick)), terminal, self.resolved, self.resolved * thick, vellus, thick]
        return np.column_stack(columns) * self.weight[:, None]

    def width_variance(self, gradient: FloatArray, cutoff_um: float) -> float:
        """Variance that errors of the diameters bring to a figure of this gradient."""
        slope = gradient[RESOLVED_UM] * self.resolved + gradient[THICKNESS_UM]
        swap = gradient[TERMINAL] - gradient[VELLUS]
        sigma = np.maximum(self.sigma_um, 1e-6)
        thick = ndtr((self.diameter_um - cutoff_um) / sigma)
        flips = self.resolved * thick * (1 - thick) * swap**2
        return float((self.weight**2 * ((slope * self.sigma_um) ** 2 + flips)).sum())


def linearise(
    name: str, totals: Sequence[FloatArray]
) -> tuple[float | None, tuple[FloatArray, FloatArray] | None]:
    """Return a figure on its working scale and its gradients by both visits' totals; None if undefined."""
    gradients = (np.zeros(N_TOTALS), np.zeros(N_TOTALS))
    before, after = totals
    if name in RELATIVE:
        what = {
            "density_change_pct": HAIRS,
            "terminal_density_change_pct": TERMINAL,
            "cumulative_thickness_change_pct": THICKNESS_UM,
        }[name]
        if before[what] <= 0 or after[what] <= 0:
            return None, None
        gradients[0][what], gradients[1][what] = -1 / before[what], 1 / after[what]
        return math.log(after[what] / before[what]), gradients
    what = RESOLVED_UM if name == "mean_diameter_change_um" else VELLUS
    if before[RESOLVED] <= 0 or after[RESOLVED] <= 0:
        return None, None
    means = [t[what] / t[RESOLVED] for t in totals]
    for sign, gradient, total, mean in zip((-1, 1), gradients, totals, means, strict=True):
        gradient[what] = sign / total[RESOLVED]
        gradient[RESOLVED] = -sign * mean / total[RESOLVED]
    return float(means[1] - means[0]), gradients


def detection_variances(
    pull: Sequence[FloatArray], rates: Sequence[float], single: NDArray[np.bool_]
) -> list[float]:
    """Variance that missed and false hairs bring, per visit.

    An error of either visit leaves a hair without a partner, so errors cannot exceed what such hairs (and one
    more) would bring.
    """
    squares = [float((p**2).sum()) for p in pull]
    expected = [rate * square for rate, square in zip(rates, squares, strict=True)]
    allowed = float(((pull[0] + pull[1])[single] ** 2).sum())
    n = max(1, len(pull[0]))
    allowed += sum(squares) / n / 2
    share = min(1.0, allowed / sum(expected)) if sum(expected) > 0 else 1.0
    return [value * share for value in expected]


def cluster_variance(pull: FloatArray, clusters: NDArray[np.int64]) -> float:
    """Variance of a sum over clusters whose sizes and pulls both vary."""
    if not len(pull):
        return 0.0
    known = clusters >= 0
    sums = np.bincount(clusters[known], pull[known])
    used = np.bincount(clusters[known]) > 0
    n = int(used.sum())
    loose = float((pull[~known] ** 2).sum())
    return float((sums[used] ** 2).sum()) * n / max(1, n - 1) + loose


def scale_variance(
    name: str, totals: Sequence[FloatArray], scale_sd: float, *, areas_too: bool = False
) -> float:
    """Return the variance that doubt of `scale_sd` (relative) about the scales brings to a figure."""
    if name == "mean_diameter_change_um":
        return (scale_sd * float(totals[0][RESOLVED_UM] / totals[0][RESOLVED])) ** 2
    if name == "cumulative_thickness_change_pct":
        return scale_sd**2
    if areas_too and name in RELATIVE:
        return (2 * scale_sd) ** 2
    return 0.0


def make_figure(
    name: str,
    working: float,
    variances: tuple[float, float, float, float],
    df: int,
    n: int,
    repeatability: Repeatability | None,
    captures: tuple[int, int],
    kind: str,
) -> Figure:
    """Return a figure from its working value and its variances (see `Figure.variances`)."""
    patch_sd = math.sqrt(sum(variances[:3]))
    region_sd = math.sqrt(sum(variances)) * (SINGLE_INFLATION if min(captures) == 1 else 1.0)
    quantile = float(student.ppf(0.5 + LEVEL / 2, df))
    one_sided = float(student.ppf(LEVEL, df))
    patch = (working - NORMAL_95 * patch_sd, working + NORMAL_95 * patch_sd)
    region = (working - quantile * region_sd, working + quantile * region_sd)
    shown = region if kind == "region" else patch
    sdc = None if repeatability is None else _to_figure(name, repeatability.sdc(*captures))
    return Figure(
        value=_to_figure(name, working),
        low=_to_figure(name, shown[0]),
        high=_to_figure(name, shown[1]),
        region_low=_to_figure(name, region[0]),
        region_high=_to_figure(name, region[1]),
        equivalence_low=_to_figure(name, working - one_sided * region_sd),
        equivalence_high=_to_figure(name, working + one_sided * region_sd),
        sdc=sdc,
        kind=kind,
        unit=_unit(name),
        n=n,
        working=working,
        variances=variances,
    )


def absolute_density(
    relative: Figure, density_per_cm2: float, area_cm2: float, totals: Sequence[FloatArray]
) -> Figure:
    """Return the absolute change of density: counts over the baseline's area, intervals of the ratio."""
    name = "density_change_per_cm2"
    if relative.value is None or not area_cm2:
        return replace(undefined(name), kind=relative.kind)
    exact = float(totals[1][HAIRS] - totals[0][HAIRS]) / area_cm2

    def turn(pct: float | None) -> float | None:
        return None if pct is None else pct / 100 * density_per_cm2

    return Figure(
        value=exact,
        low=turn(relative.low),
        high=turn(relative.high),
        region_low=turn(relative.region_low),
        region_high=turn(relative.region_high),
        equivalence_low=turn(relative.equivalence_low),
        equivalence_high=turn(relative.equivalence_high),
        sdc=turn(relative.sdc),
        kind=relative.kind,
        unit=_unit(name),
        n=relative.n,
        working=exact,
    )


def undefined(name: str) -> Figure:
    """Return a figure without numbers: there was nothing to divide by."""
    return Figure(None, None, None, None, None, None, None, None, "patch", _unit(name), 0)


def _to_figure(name: str, working: float) -> float:
    return 100 * math.expm1(working) if name in RELATIVE else working


def _unit(name: str) -> str:
    if name.endswith("_pct"):
        return "%"
    return {"density_change_per_cm2": "1/cm²", "mean_diameter_change_um": "µm"}.get(name, "")
