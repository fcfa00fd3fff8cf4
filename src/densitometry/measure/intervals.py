"""Interval arithmetic of a picture's numbers: counts, means and fractions, as `Estimate`s.

All are 95 % intervals. "patch" intervals speak of this patch of scalp: missed and false hairs, width error
and the scale's error when somebody stated it. "region" intervals add the sampling of the scalp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from densitometry.measure.completeness import count_variance, hairs_per_counted
from densitometry.measure.detection import FOUND_SLOPE, FOUND_SLOPE_SD, stands_for
from densitometry.measure.diameter import NORMAL_95
from densitometry.measure.hairs import HairTable
from densitometry.model import Estimate, FloatArray
from densitometry.settings import MeasureSettings

# With none found, at most three hairs at 95 %: Hanley & Lippman-Hand 1983,
# doi:10.1001/jama.1983.03330370053031.
RULE_OF_THREE = 3.0
# Asymptotic efficiency of the median against the mean of normal values: π / 2.
_MEDIAN_FACTOR = math.sqrt(math.pi / 2)
_HOW_FOUND = "error propagation, chances of being found"


@dataclass(frozen=True, slots=True)
class Population:
    """Counted hairs of one picture and what is uncertain about their number.

    Attributes:
        weight, presence: (K,) of the counted hairs.
        expected: expected true number, of which some are missed and some counted are none.
        variance: variance of the true number round it.
    """

    weight: FloatArray
    presence: FloatArray
    expected: float
    variance: float

    @property
    def n(self) -> float:
        """Sum of the count weights."""
        return float(self.weight.sum())

    def interval(self, rel_scale_error: float = 0.0) -> tuple[float, float]:
        """Return the 95 % interval of the number, widened by a relative error of the area."""
        if self.n == 0:
            return 0.0, RULE_OF_THREE
        spread = NORMAL_95 * math.sqrt(self.variance + (rel_scale_error * self.n) ** 2)
        return max(0.0, min(self.n, self.expected - spread)), max(self.n, self.expected + spread)

    @property
    def rel_sd(self) -> float:
        """Relative standard error of the number, its bias included; 0 without hairs."""
        return math.hypot(math.sqrt(self.variance), self.expected - self.n) / self.n if self.n else 0.0


def population(
    weight: FloatArray, presence: FloatArray, length_per_cm: float, settings: MeasureSettings
) -> Population:
    """Return counted hairs with the number that is to be expected of them.

    Args:
        weight: (K,) count weights.
        presence: (K,) chance that each is one hair.
        length_per_cm: length of all hair in view over the area of the field [cm per cm²].
        settings: error of the count.
    """
    count = float(weight.sum())
    doubt = float(np.square(weight) @ (presence * (1.0 - presence)))
    variance = count_variance(count, doubt, length_per_cm, settings.count_error_pct / 100)
    # A hair of weight one half stands for one or none.
    halves = float((weight * (1.0 - weight)) @ presence)
    return Population(weight, presence, hairs_per_counted(length_per_cm) * count, variance + halves)


def selection_share(people: Population) -> float:
    """Return the share of hairs that are false or missed, which a mean over the found ones bears."""
    if not people.n:
        return 0.0
    true = float(people.weight @ people.presence)
    return 1.0 - true / people.n + max(0.0, 1.0 - true / people.expected)


def patch_estimate(
    value: float,
    sd: float,
    unit: str,
    n: int,
    method: str,
    of_all: float | None = None,
    ceiling: float = math.inf,
) -> Estimate:
    """Return a value of the found hairs with its 95 % interval, within 0 and `ceiling`.

    Args:
        value: what the found hairs say; always within the interval.
        sd: standard error of it.
        unit: of value.
        n: hairs it rests on.
        method: how the interval was made.
        of_all: what it is expected to be for all hairs of the scalp; the same where not given.
        ceiling: largest value that can be.
    """
    middle, half = value if of_all is None else of_all, NORMAL_95 * sd
    low, high = max(0.0, min(value, middle - half)), min(ceiling, max(value, middle + half))
    return Estimate(value, low, high, "patch", unit, n, method)


def undefined(unit: str, kind: str = "patch") -> Estimate:
    """Return an estimate of what cannot be said: nothing resolved, no hair."""
    return Estimate(None, None, None, kind, unit, 0, "undefined")


@dataclass(frozen=True, slots=True)
class Calibres:
    """Diameters of the resolved counted hairs with their errors.

    Attributes:
        diameter_um, own_sd_um: (K,) values and the errors that are each hair's own.
        presence: (K,) chance that it is one hair.
        shared_sd_um: (K,) what an error that all share, or all hairs like it, moves each.
        rel_scale_error: relative error of the scale, 0 when nobody stated it.
        selection: share of hairs missed or false.
    """

    diameter_um: FloatArray
    own_sd_um: FloatArray
    presence: FloatArray
    shared_sd_um: FloatArray
    rel_scale_error: float
    selection: float

    @property
    def n(self) -> int:
        """Number of hairs."""
        return len(self.diameter_um)

    def _of_all(self, statistic: Callable[[FloatArray], float]) -> tuple[float, float]:
        """What a statistic is for the hairs of the scalp, by how likely they are found, and its doubt."""
        usual, low, high = (
            statistic(stands_for(self.diameter_um, self.presence, FOUND_SLOPE + step))
            for step in (0.0, -FOUND_SLOPE_SD, FOUND_SLOPE_SD)
        )
        return usual, abs(high - low) / 2

    def _mean_sd(self) -> float:
        mean = float(self.diameter_um.mean())
        own = math.sqrt(float(np.square(self.own_sd_um).sum())) / self.n
        picked = float(self.diameter_um.std()) * math.sqrt(self.selection / self.n)
        shared = float(self.shared_sd_um.mean())
        return math.hypot(own, picked, shared, self.rel_scale_error * mean)

    def mean(self) -> Estimate:
        """Mean diameter."""
        if not self.n:
            return undefined("µm")
        value = float(self.diameter_um.mean())
        of_all, doubt = self._of_all(lambda share: float(share @ self.diameter_um))
        return patch_estimate(value, math.hypot(self._mean_sd(), doubt), "µm", self.n, _HOW_FOUND, of_all)

    def median(self) -> Estimate:
        """Median diameter."""
        if not self.n:
            return undefined("µm")
        order = np.argsort(self.diameter_um, kind="stable")
        sorted_um = self.diameter_um[order]
        of_all, doubt = self._of_all(
            lambda share: float(np.interp(0.5, np.cumsum(share[order]) - 0.5 * share[order], sorted_um))
        )
        sd = math.hypot(_MEDIAN_FACTOR * self._mean_sd(), doubt)
        return patch_estimate(float(np.median(self.diameter_um)), sd, "µm", self.n, _HOW_FOUND, of_all)

    def cv(self) -> Estimate:
        """Standard deviation over mean; its lower end also takes the measuring error out of the spread.

        Its upper end is that of all hairs of the scalp, of which the thinnest are found least.
        """
        if self.n <= 1:
            return undefined("")
        mean, sd = float(self.diameter_um.mean()), float(self.diameter_um.std(ddof=1))
        if sd == 0:
            return patch_estimate(0.0, float(self.own_sd_um.mean()) / mean, "", self.n, "error propagation")
        pull = (self.diameter_um - mean) / ((self.n - 1) * sd)
        own = math.sqrt(float(np.square(pull) @ np.square(self.own_sd_um)))
        picked = sd * math.sqrt(self.selection / (2 * self.n))
        moved = [self.diameter_um + sign * self.shared_sd_um for sign in (1, -1)]
        shared = abs(moved[0].std() / moved[0].mean() - moved[1].std() / moved[1].mean()) / 2
        error = math.hypot(own / mean, picked / mean, shared)
        noise_free = math.sqrt(max(0.0, sd**2 - float(np.square(self.own_sd_um).mean()))) / mean
        value = sd / mean
        low = max(0.0, min(value, noise_free) - NORMAL_95 * error)
        of_all, doubt = self._of_all(self._cv_of)
        high = max(value, of_all) + NORMAL_95 * math.hypot(error, doubt)
        return Estimate(value, low, high, "patch", "", self.n, _HOW_FOUND)

    def _cv_of(self, share: FloatArray) -> float:
        mean = float(share @ self.diameter_um)
        return math.sqrt(float(share @ np.square(self.diameter_um - mean))) / mean

    def fraction_below(self, cutoff_um: float) -> Estimate:
        """Share of hairs thinner than a cut-off, each hair being thinner by the chance its error leaves."""
        if not self.n:
            return undefined("")
        value = float((self.diameter_um < cutoff_um).mean())
        sd = np.maximum(self.own_sd_um, 1e-9)
        chance = ndtr((cutoff_um - self.diameter_um) / sd)
        shared = np.hypot(self.shared_sd_um, self.rel_scale_error * cutoff_um)
        slope = (
            ndtr((cutoff_um + shared - self.diameter_um) / sd)
            - ndtr((cutoff_um - shared - self.diameter_um) / sd)
        ).mean() / 2
        picked = max(value * (1 - value), 0.25 / self.n) * self.selection / self.n
        of_all, doubt = self._of_all(lambda share: float(share @ chance))
        own = float((chance * (1 - chance)).sum()) / self.n**2
        spread = math.sqrt(own + float(slope) ** 2 + picked + doubt**2)
        return patch_estimate(value, spread, "", self.n, _HOW_FOUND, of_all, ceiling=1.0)


def counted_population(table: HairTable, area_cm2: float, settings: MeasureSettings) -> Population:
    """Return all counted hairs of a table as a population."""
    weight = table.hairs["count_weight"].to_numpy(np.float64)
    counted = weight > 0
    return population(weight[counted], table.presence[counted], table.length_per_cm(area_cm2), settings)


def counted_calibres(
    table: HairTable, people: Population, rel_scale_error: float, settings: MeasureSettings
) -> Calibres:
    """Return the diameters of the resolved counted hairs of a table, which are those of `people`."""
    chosen = (table.hairs["count_weight"].to_numpy(np.float64) > 0) & table.resolved
    return Calibres(
        table.hairs["diameter_um"].to_numpy(np.float64)[chosen],
        table.own_sd_um[chosen],
        table.presence[chosen],
        np.hypot(settings.shared_width_error_um, table.alike_sd_um[chosen]),
        rel_scale_error,
        selection_share(people),
    )
