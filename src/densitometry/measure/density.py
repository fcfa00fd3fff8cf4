"""Numbers per area: hairs, terminal hairs, thickness, follicular units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from densitometry.measure.diameter import NORMAL_95
from densitometry.measure.hairs import HairTable
from densitometry.measure.intervals import (
    RULE_OF_THREE,
    Calibres,
    Population,
    patch_estimate,
    population,
    undefined,
)
from densitometry.model import Estimate
from densitometry.settings import MeasureSettings
from densitometry.units import UM_PER_MM

_PER_CM2 = "1/cm²"
_CALIBRATED = "calibrated count"


@dataclass(frozen=True, slots=True)
class Field:
    """Area of the valid field [cm²] and the relative error of the scale (0 when nobody stated it)."""

    area_cm2: float
    rel_scale_error: float

    @property
    def rel_area_error(self) -> float:
        """An area has twice the relative error of a length."""
        return 2.0 * self.rel_scale_error


def hair_density(people: Population, field: Field) -> Estimate:
    """Counted hairs per area, for this patch of scalp."""
    if field.area_cm2 <= 0:
        return undefined(_PER_CM2)
    low, high = people.interval(field.rel_area_error)
    method = _CALIBRATED if people.n else "rule of three"
    count = len(people.weight)
    return Estimate(
        people.n / field.area_cm2,
        low / field.area_cm2,
        high / field.area_cm2,
        "patch",
        _PER_CM2,
        count,
        method,
    )


def sampled_density(people: Population, hairs_per_unit: float | None, field: Field) -> Estimate:
    """The same number for the region: adds the chance of which openings a field of this size meets.

    Hairs come in units, so their number scatters more than a Poisson number: by the mean number of hairs
    that share a hair's unit.
    """
    if field.area_cm2 <= 0:
        return undefined(_PER_CM2, "region")
    if not people.n:
        return Estimate(0.0, 0.0, RULE_OF_THREE / field.area_cm2, "region", _PER_CM2, 0, "rule of three")
    clumping = max(1.0, hairs_per_unit or 1.0)
    variance = people.variance + clumping * people.n + (field.rel_area_error * people.n) ** 2
    spread = NORMAL_95 * math.sqrt(variance)
    low = max(0.0, min(people.n, people.expected - spread))
    high = max(people.n, people.expected + spread)
    return Estimate(
        people.n / field.area_cm2,
        low / field.area_cm2,
        high / field.area_cm2,
        "region",
        _PER_CM2,
        len(people.weight),
        "overdispersed count",
    )


def clumping(table: HairTable) -> float | None:
    """Return the mean number of hairs in a hair's own unit; None without units."""
    units = table.hairs["unit_id"].dropna()
    if units.empty:
        return None
    sizes = units.value_counts().to_numpy(np.float64)
    return float(np.square(sizes).sum() / sizes.sum())


def density_above(table: HairTable, cutoff_um: float, field: Field, settings: MeasureSettings) -> Estimate:
    """Resolved counted hairs at or above a cut-off per area."""
    if field.area_cm2 <= 0:
        return undefined(_PER_CM2)
    weight = table.hairs["count_weight"].to_numpy(np.float64)
    diameter = table.hairs["diameter_um"].to_numpy(np.float64)
    chosen = (weight > 0) & table.resolved
    thick = chosen & (diameter >= cutoff_um)
    if not thick.any():
        below = float(weight[chosen].sum())
        upper = RULE_OF_THREE if not below else min(RULE_OF_THREE, below)
        return Estimate(0.0, 0.0, upper / field.area_cm2, "patch", _PER_CM2, 0, "rule of three")
    people = population(weight[thick], table.presence[thick], table.length_per_cm(field.area_cm2), settings)
    # Both sorts of wrong side: hairs close to the cut-off may belong to the other class.
    chance = ndtr((diameter[chosen] - cutoff_um) / np.maximum(table.own_sd_um[chosen], 1e-9))
    other_side = float(np.square(weight[chosen]) @ (chance * (1 - chance)))
    shift = float(weight[chosen] @ chance) - people.n
    n = people.n
    variance = people.variance + other_side + (field.rel_area_error * n) ** 2
    variance += _shared_crossing(table, chosen, cutoff_um, settings) ** 2
    spread = NORMAL_95 * math.sqrt(variance)
    low = max(0.0, min(n, people.expected + shift - spread))
    high = max(n, people.expected + shift + spread)
    return Estimate(
        n / field.area_cm2,
        low / field.area_cm2,
        high / field.area_cm2,
        "patch",
        _PER_CM2,
        int(np.count_nonzero(thick)),
        f"{_CALIBRATED}, chances of each hair",
    )


def _shared_crossing(
    table: HairTable,
    chosen: np.ndarray[tuple[int], np.dtype[np.bool_]],
    cutoff_um: float,
    settings: MeasureSettings,
) -> float:
    """Return how many hairs cross the cut-off when all diameters move by the errors they share."""
    diameter = table.hairs["diameter_um"].to_numpy(np.float64)[chosen]
    sd = np.maximum(table.own_sd_um[chosen], 1e-9)
    shared = np.hypot(settings.shared_width_error_um, table.alike_sd_um[chosen])
    moved = ndtr((diameter + shared - cutoff_um) / sd) - ndtr((diameter - shared - cutoff_um) / sd)
    return float(table.hairs["count_weight"].to_numpy(np.float64)[chosen] @ moved) / 2


def cumulative_thickness(table: HairTable, people: Population, calibres: Calibres, field: Field) -> Estimate:
    """Sum of weight times diameter over the area: how much hair a patch bears [mm/cm²]."""
    unit = "mm/cm²"
    if field.area_cm2 <= 0:
        return undefined(unit)
    weight = table.hairs["count_weight"].to_numpy(np.float64)
    total_mm = float(weight @ table.hairs["diameter_um"].to_numpy(np.float64)) / UM_PER_MM
    if not people.n:
        return Estimate(0.0, 0.0, None, "patch", unit, 0, "no hair")
    mean = calibres.mean()
    rel_mean = 0.0
    if mean.value and mean.high is not None:
        # The scale enters once as thickness over area: taken out of the mean, put in below.
        rel_mean = (mean.high - mean.value) / NORMAL_95 / mean.value
        rel_mean = math.sqrt(max(0.0, rel_mean**2 - field.rel_scale_error**2))
    rel = math.hypot(people.rel_sd, rel_mean, field.rel_scale_error)
    value = total_mm / field.area_cm2
    return patch_estimate(value, rel * value, unit, len(people.weight), "error propagation")


def unit_density(table: HairTable, people: Population, field: Field, settings: MeasureSettings) -> Estimate:
    """Follicular units per area; a unit known by half-counted hairs only weighs one half."""
    if field.area_cm2 <= 0:
        return undefined(_PER_CM2)
    n_units = unit_count(table)
    if not n_units:
        return Estimate(0.0, 0.0, RULE_OF_THREE / field.area_cm2, "patch", _PER_CM2, 0, "rule of three")
    rel = math.hypot(people.rel_sd, settings.unit_error_pct / 100, field.rel_area_error)
    value = n_units / field.area_cm2
    return patch_estimate(value, rel * value, _PER_CM2, round(n_units), "error propagation")


def hairs_per_unit(table: HairTable, people: Population, settings: MeasureSettings) -> Estimate:
    """Counted hairs per follicular unit."""
    n_units = unit_count(table)
    if not n_units:
        return undefined("")
    value = people.n / n_units
    rel = math.hypot(settings.unit_error_pct / 100, people.rel_sd / 2)
    return patch_estimate(value, rel * value, "", round(n_units), "error propagation")


def unit_count(table: HairTable) -> float:
    """Return the number of units, each with the largest weight of its hairs."""
    rooted = table.hairs[table.hairs["unit_id"].notna()]
    return float(rooted.groupby("unit_id")["count_weight"].max().sum()) if len(rooted) else 0.0
