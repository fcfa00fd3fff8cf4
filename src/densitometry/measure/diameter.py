"""Widths along one shaft → its diameter with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from densitometry.model import BoolArray, FloatArray, Trace
from densitometry.settings import MeasureSettings
from densitometry.units import PixelSize

NORMAL_95 = 1.959964
# Huber 1964, doi:10.1214/aoms/1177703732: 95 % efficient on normal errors.
_HUBER_K = 1.345
_MAD_TO_SD = 1.4826
_STEPS = 20
_LEAST_STATIONS = 3
# A hair of less than this between the margins gives them up in part.
_LEAST_MIDDLE_UM = 60.0
# The tip tapers from where the shaft stays below this share of its own middle.
_TAPER_SHARE = 0.8
_TAPER_SEARCH_SHARE = 0.5
# Where no cross-section was seen free of other hairs, its error is this much larger.
_OVERLAPPED_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Diameter:
    """Diameter of one shaft.

    Attributes:
        value_um: robust mean of the outer-edge width.
        own_sd_um: standard error that is this hair's own.
        sd_um: standard error with what the hairs of a picture share (blur, tone) and the scale when known.
        width_sd_um: robust standard deviation of the widths along the shaft; NaN for fewer than two.
        n_widths: cross-sections it rests on.
        shrunk: whether the margins at the ends had to be shrunk.
        overlapped: whether no cross-section free of other hairs was left.
    """

    value_um: float
    own_sd_um: float
    sd_um: float
    width_sd_um: float
    n_widths: int
    shrunk: bool
    overlapped: bool

    @property
    def interval_um(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % interval."""
        half = NORMAL_95 * self.sd_um
        return max(0.0, self.value_um - half), self.value_um + half


def arc_length_px(points_px: FloatArray) -> FloatArray:
    """Return (N,) distance of each point from the first, along the curve."""
    steps = np.hypot(*np.diff(np.asarray(points_px, np.float64), axis=0).T)
    return np.concatenate(([0.0], np.cumsum(steps)))


def shaft_diameter(
    trace: Trace, pixel_size: PixelSize, psf_sigma_px: float, settings: MeasureSettings
) -> Diameter:
    """Return the diameter of one hair: Huber mean of its widths without the ends, the taper and overlaps.

    The ends that are cut by the frame or a mask are no ends of the hair: no margin is left out there. A
    hair without any finite width gets the width of the resolution limit with an interval that says how
    little is known.
    """
    along_um = pixel_size.to_um(1.0) * arc_length_px(trace.points_px)
    width_um = trace.width_px * pixel_size.um_per_px
    error_um = trace.width_sigma_px * pixel_size.um_per_px
    middle, shrunk = _middle(along_um, trace, settings.end_margin_um)
    seen = np.isfinite(width_um) & (width_um > 0)
    use, overlapped = _usable(seen, trace.clear, middle)
    if not use.any():
        limit = pixel_size.to_um(max(settings.resolution_px, settings.resolution_psf * psf_sigma_px))
        return Diameter(limit, 0.5 * limit, 0.5 * limit, math.nan, 0, shrunk, overlapped=True)
    use = _without_taper(use, width_um)
    errors = np.where(np.isfinite(error_um[use]), error_um[use], np.nanmedian(width_um[use]) / 4)
    value, scatter, weight = huber_mean(width_um[use], errors)
    spacing = float(along_um[-1]) / max(1, len(along_um) - 1)
    independent = max(1.0, weight * min(1.0, spacing / settings.width_correlation_um))
    statistical = math.hypot(scatter, float(np.median(errors))) / math.sqrt(independent)
    if overlapped:
        statistical *= _OVERLAPPED_FACTOR
    own = math.hypot(statistical, settings.width_error_um, settings.width_error_pct / 100 * value)
    scale = (pixel_size.rel_error or 0.0) * value
    total = math.hypot(own, settings.shared_width_error_um, scale)
    n_widths = int(np.count_nonzero(use))
    return Diameter(value, own, total, scatter if n_widths > 1 else math.nan, n_widths, shrunk, overlapped)


def huber_mean(values: FloatArray, errors: FloatArray) -> tuple[float, float, float]:
    """Return Huber's mean, the robust standard deviation round it and the effective number of values.

    Values are weighted by 1 / (error² + scatter²), so that a few very sure ones cannot rule.

    Raises:
        ValueError: if there is no value.
    """
    if len(values) == 0:
        raise ValueError("a mean needs at least one value")
    centre = float(np.median(values))
    scatter = _MAD_TO_SD * float(np.median(np.abs(values - centre)))
    spread = np.sqrt(np.square(errors) + scatter**2)
    spread = np.maximum(spread, 1e-6 * max(1.0, abs(centre)))
    precision = np.square(spread.min() / spread)
    weight = precision
    for _ in range(_STEPS):
        pull = np.abs(values - centre) / spread
        weight = precision * np.minimum(1.0, _HUBER_K / np.maximum(pull, 1e-12))
        moved = float(weight @ values / weight.sum())
        if abs(moved - centre) <= 1e-9 * max(1.0, abs(centre)):
            break
        centre = moved
    return centre, scatter, float(weight.sum() ** 2 / np.square(weight).sum())


def _middle(along_um: FloatArray, trace: Trace, margin_um: float) -> tuple[BoolArray, bool]:
    """Return the stations between the margins of the true ends, and whether margins were shrunk."""
    length = float(along_um[-1])
    ends = int(trace.starts_inside) + int(trace.ends_inside)
    room = max(0.0, length - _LEAST_MIDDLE_UM)
    margin = min(margin_um, room / ends) if ends else 0.0
    first = margin if trace.starts_inside else 0.0
    last = length - (margin if trace.ends_inside else 0.0)
    return (along_um >= first - 1e-9) & (along_um <= last + 1e-9), bool(ends and margin < margin_um)


def _usable(seen: BoolArray, clear: BoolArray, middle: BoolArray) -> tuple[BoolArray, bool]:
    """Prefer clear stations of the middle, then clear ones anywhere, then overlapped ones of the middle."""
    for chosen, overlapped in ((seen & clear & middle, False), (seen & clear, False), (seen & middle, True)):
        if np.count_nonzero(chosen) >= _LEAST_STATIONS:
            return chosen, overlapped
    if (seen & clear).any():
        return seen & clear, False
    return seen, True


def _without_taper(use: BoolArray, width_um: FloatArray) -> BoolArray:
    """Drop the stations towards the tip from which on the shaft stays thinner than its middle."""
    places = np.flatnonzero(use)
    if len(places) < 2 * _LEAST_STATIONS:
        return use
    widths = width_um[places]
    body = widths[: max(_LEAST_STATIONS, int(len(widths) * (1 - _TAPER_SEARCH_SHARE / 2)))]
    thick = np.flatnonzero(widths >= _TAPER_SHARE * float(np.median(body)))
    last = (
        max(int(thick[-1]), int(len(widths) * (1 - _TAPER_SEARCH_SHARE))) if thick.size else len(widths) - 1
    )
    kept = use.copy()
    kept[places[last + 1 :]] = False
    return kept
