"""Traces → the table of hairs in µm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from densitometry.measure.counting import Count, count_hair
from densitometry.measure.diameter import Diameter, arc_length_px, shaft_diameter
from densitometry.measure.units import group_units
from densitometry.model import FloatArray, ScaledImage, Trace, TraceResult
from densitometry.schema import HAIRS, column_names, dtypes
from densitometry.settings import MeasureSettings
from densitometry.units import UM_PER_CM, PixelSize

_FEW_WIDTHS = 5
_SURE_PRESENCE = 0.5
_DIRECTION_UM = 150.0


@dataclass(frozen=True, slots=True)
class HairTable:
    """Hairs of one picture: the table and what intervals need beside it, in the same order.

    Attributes:
        hairs: one row per hair, columns of `schema.HAIRS`.
        traces: the K traces that are listed.
        presence: (K,) chance that each is one hair.
        own_sd_um: (K,) standard error of each diameter that is its own, that of the blur near it included.
        alike_sd_um: (K,) what of it moves hairs like it together: blur, light shafts.
        resolved: (K,) bool, thick enough for the resolution.
    """

    hairs: pd.DataFrame
    traces: tuple[Trace, ...]
    presence: FloatArray
    own_sd_um: FloatArray
    alike_sd_um: FloatArray
    resolved: NDArray[np.bool_]

    def length_per_cm(self, area_cm2: float) -> float:
        """Return the length of all listed hair over an area [cm per cm²]; 0 without an area."""
        return float(self.hairs["length_um"].sum()) / UM_PER_CM / area_cm2 if area_cm2 > 0 else 0.0

    @property
    def lines_px(self) -> tuple[FloatArray, ...]:
        """Centre line of each hair, (N, 2) [x, y] [px], root first."""
        return tuple(trace.points_px for trace in self.traces)


def measure_hairs(result: TraceResult, image: ScaledImage, settings: MeasureSettings) -> HairTable:
    """Measure every traced hair that is seen along the least length.

    Args:
        result: traces in native pixels, in a fixed order.
        image: the picture they were traced in: scale and masks.
        settings: margins, cut-off, resolution, errors.

    Returns:
        The table; an empty one has all its columns.
    """
    size = image.pixel_size
    traces = tuple(
        trace
        for trace in result.traces
        if len(trace.points_px) > 1
        and size.to_um(arc_length_px(trace.points_px)[-1]) >= settings.minimum_length_um
    )
    diameters = [shaft_diameter(trace, size, result.psf_sigma_px, settings) for trace in traces]
    counts = [count_hair(trace, image.masked, settings) for trace in traces]
    limit_um = resolution_limit_um(size, result.psf_sigma_px, settings)
    resolved = np.array([d.value_um >= limit_um and d.n_widths > 0 for d in diameters], np.bool_)
    units = _units(traces, counts, size, settings)
    rows = [
        _row(number, trace, diameter, count, bool(sharp), unit, size, settings)
        for number, (trace, diameter, count, sharp, unit) in enumerate(
            zip(traces, diameters, counts, resolved, units, strict=True), start=1
        )
    ]
    hairs = pd.DataFrame(rows, columns=column_names(HAIRS)).astype(dtypes(HAIRS))
    return HairTable(
        hairs,
        traces,
        np.array([trace.presence for trace in traces], np.float64),
        np.array([diameter.own_sd_um for diameter in diameters], np.float64),
        np.array([diameter.alike_sd_um for diameter in diameters], np.float64),
        resolved,
    )


def resolution_limit_um(size: PixelSize, psf_sigma_px: float, settings: MeasureSettings) -> float:
    """Return the width below which the thickness of a hair and its opacity cannot be told apart [µm]."""
    return size.to_um(max(settings.resolution_px, settings.resolution_psf * psf_sigma_px))


def hair_class(diameter: Diameter, *, resolved: bool, settings: MeasureSettings) -> str:
    """Return terminal or vellus at the primary cut-off, uncertain where both are about as likely."""
    if not resolved:
        return "uncertain"
    above = float(ndtr((diameter.value_um - settings.primary_cutoff_um) / max(diameter.sd_um, 1e-9)))
    if max(above, 1.0 - above) < settings.class_certainty:
        return "uncertain"
    return "terminal" if above >= 1.0 - above else "vellus"


def _row(
    number: int,
    trace: Trace,
    diameter: Diameter,
    count: Count,
    resolved: bool,
    unit: int | None,
    size: PixelSize,
    settings: MeasureSettings,
) -> dict[str, Any]:
    low, high = diameter.interval_um
    root = (np.nan, np.nan) if count.root_px is None else count.root_px
    tip = (np.nan, np.nan) if count.tip_px is None else count.tip_px
    return {
        "hair_id": number,
        "diameter_um": diameter.value_um,
        "diameter_low_um": low,
        "diameter_high_um": high,
        "length_um": size.to_um(float(arc_length_px(trace.points_px)[-1])),
        "class": hair_class(diameter, resolved=resolved, settings=settings),
        "root_x_um": size.to_um(float(root[0])),
        "root_y_um": size.to_um(float(root[1])),
        "tip_x_um": size.to_um(float(tip[0])),
        "tip_y_um": size.to_um(float(tip[1])),
        "root_sure": count.root_sure,
        "count_weight": count.weight,
        "counted": count.weight > 0,
        "unit_id": pd.NA if unit is None else unit,
        "width_sd_um": diameter.width_sd_um,
        "n_widths": diameter.n_widths,
        "flags": ";".join(_flags(trace, diameter, count, resolved)),
    }


def _flags(trace: Trace, diameter: Diameter, count: Count, resolved: bool) -> list[str]:
    """Return each flag once, in the order they were found."""
    flags = list(count.flags)
    conditions = {
        "below_resolution": not resolved,
        "few_widths": diameter.n_widths < _FEW_WIDTHS,
        "short": diameter.shrunk,
        "bundled": diameter.overlapped,
        "light_hair": trace.contrast < 0,
        "uncertain_hair": trace.presence < _SURE_PRESENCE,
    }
    return list(dict.fromkeys(flags + [name for name, holds in conditions.items() if holds]))


def _units(
    traces: tuple[Trace, ...], counts: list[Count], size: PixelSize, settings: MeasureSettings
) -> list[int | None]:
    """Group the counted ends into follicular units; a hair that is not counted belongs to none."""
    counted = [k for k, count in enumerate(counts) if count.place_px is not None]
    places = np.array([counts[k].place_px for k in counted], np.float64).reshape(-1, 2) * size.um_per_px
    directions = np.array([_direction(traces[k], counts[k], size) for k in counted], np.float64).reshape(
        -1, 2
    )
    units: list[int | None] = [None] * len(traces)
    for k, unit in zip(counted, group_units(places, directions, settings.unit_radius_um), strict=True):
        units[k] = int(unit)
    return units


def _direction(trace: Trace, count: Count, size: PixelSize) -> FloatArray:
    """Return the unit vector from the counted end along the first stretch of the shaft."""
    points = np.asarray(trace.points_px, np.float64)
    if count.root_px is None:
        points = points[::-1]
    along = arc_length_px(points)
    ahead = points[min(len(points) - 1, int(np.searchsorted(along, size.to_px(_DIRECTION_UM))))]
    step = ahead - points[0]
    return np.asarray(step / max(float(np.hypot(*step)), 1e-9), np.float64)
