"""Everything summary.json says about the hairs of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from densitometry.measure import density
from densitometry.measure.counting import COUNTING_RULE
from densitometry.measure.hairs import HairTable
from densitometry.measure.intervals import counted_calibres, counted_population
from densitometry.model import Estimate, ScaledImage
from densitometry.settings import MeasureSettings

_SCALE_KNOWN = "the scale's stated error is part of every interval"
_SCALE_UNKNOWN = "nobody stated the scale's error: every interval leaves it out"


def summarize(table: HairTable, image: ScaledImage, settings: MeasureSettings) -> dict[str, Any]:
    """Return the measures of one picture: `schema.SUMMARY_MEASURES` and what intervals mean.

    Fractions and means are unweighted over resolved hairs with count_weight > 0; n_hairs is the sum of the
    weights and density_per_cm2 is n_hairs / area_cm2 exactly.
    """
    estimates = estimate_all(table, image, settings)
    people = counted_population(table, image.area_cm2, settings)
    sampled = estimates.pop("density_sampling")
    measures: dict[str, Any] = {"n_hairs": people.n}
    for name, estimate in estimates.items():
        measures |= _flat(name, estimate)
        if name == "density_per_cm2":
            measures |= {"density_sampling_low": sampled.low, "density_sampling_high": sampled.high}
    counted = table.hairs["count_weight"].to_numpy(np.float64) > 0
    measures["unresolved_fraction"] = float((~table.resolved[counted]).mean()) if counted.any() else None
    measures["by_cutoff"] = [_at_cutoff(cutoff, table, image, settings) for cutoff in settings.cutoffs_um]
    measures["counting_rule"] = COUNTING_RULE
    measures["intervals"] = {
        "level": 0.95,
        "scale": _SCALE_UNKNOWN if image.pixel_size.rel_error is None else _SCALE_KNOWN,
        "estimates": {
            name: _meaning(item) for name, item in {**estimates, "density_sampling": sampled}.items()
        },
    }
    return measures


def estimate_all(table: HairTable, image: ScaledImage, settings: MeasureSettings) -> dict[str, Estimate]:
    """Return every headline number of a picture with its interval, by its name in summary.json."""
    field = _field(image)
    people = counted_population(table, field.area_cm2, settings)
    calibres = counted_calibres(table, people, field.rel_scale_error, settings)
    cutoff = settings.primary_cutoff_um
    return {
        "density_per_cm2": density.hair_density(people, field),
        "density_sampling": density.sampled_density(people, density.clumping(table), field),
        "terminal_density_per_cm2": density.density_above(table, cutoff, field, settings),
        "vellus_fraction": calibres.fraction_below(cutoff),
        "mean_diameter_um": calibres.mean(),
        "median_diameter_um": calibres.median(),
        "diameter_cv": calibres.cv(),
        "cumulative_thickness_mm_per_cm2": density.cumulative_thickness(table, people, calibres, field),
        "follicular_units_per_cm2": density.unit_density(table, people, field, settings),
        "hairs_per_unit": density.hairs_per_unit(table, people, settings),
    }


def _field(image: ScaledImage) -> density.Field:
    return density.Field(image.area_cm2, image.pixel_size.rel_error or 0.0)


def _at_cutoff(
    cutoff_um: float, table: HairTable, image: ScaledImage, settings: MeasureSettings
) -> Mapping[str, Any]:
    field = _field(image)
    people = counted_population(table, field.area_cm2, settings)
    calibres = counted_calibres(table, people, field.rel_scale_error, settings)
    above = density.density_above(table, cutoff_um, field, settings)
    return {
        "cutoff_um": float(cutoff_um),
        **_flat("vellus_fraction", calibres.fraction_below(cutoff_um)),
        **_flat("terminal_density_per_cm2", above),
    }


def _flat(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _meaning(estimate: Estimate) -> dict[str, Any]:
    return {"kind": estimate.kind, "unit": estimate.unit, "n": estimate.n, "method": estimate.method}
