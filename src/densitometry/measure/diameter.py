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
_STEPS, _SETTLED = 20, 1e-6
_LEAST_STATIONS = 3
# A hair of less than this between the margins gives them up in part.
_LEAST_MIDDLE_UM = 60.0
# The tip tapers from where the shaft stays below this share of its own middle.
_TAPER_SHARE = 0.8
_TAPER_SEARCH_SHARE = 0.5
# Widths beside other hairs rest on one edge and the traced line: such errors run on along the hair.
_LINE_CORRELATION_UM = 100.0
# From this share on, cross-sections clear of other hairs speak for the hair alone.
_ENOUGH_CLEAR = 0.25
# What shading, rims and streak do to the width of a shaft as light as the skin, relative; less on a dark one,
# by so much for each unit of log contrast.
_FAINT_ERROR, _FAINT_FADING = 0.15, 1.5
# A light shaft not much wider than the blur may as well be thinner and darker: error in units of the blur,
# for shafts narrower than so many blurs, less over the last so many.
_AMBIGUOUS_BLURS, _AMBIGUOUS_BELOW, _AMBIGUOUS_FADING = 1.5, 8.0, 4.0
# What of either all light shafts of a picture have alike.
_FAINT_ALIKE, _AMBIGUOUS_ALIKE = 0.45, 0.35
# A line that may be no hair has not its width either, relative.
_DOUBTFUL_ERROR = 0.3
# What hairs beside it do to the width of a shaft that stands nowhere clear of them, relative.
_CROWDED_ERROR = 0.08
# Cross-sections so much less sure than the surest tenth are left out.
_UNSURE = 2.0
_SUREST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Diameter:
    """Diameter of one shaft.

    Attributes:
        value_um: robust mean of the outer-edge width.
        own_sd_um: standard error that is this hair's own, that of the blur near it included.
        alike_sd_um: what of it moves hairs like it together: the blur near it, how light shafts look.
        sd_um: standard error with what all hairs of a picture share and the scale when known.
        width_sd_um: robust standard deviation of the widths along the shaft; NaN for fewer than two.
        n_widths: cross-sections it rests on.
        shrunk: whether the margins at the ends had to be shrunk.
        overlapped: whether no cross-section free of other hairs was left.
    """

    value_um: float
    own_sd_um: float
    alike_sd_um: float
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
    errors = np.where(np.isfinite(error_um), error_um, 0.25 * np.where(seen, width_um, 0.0))
    use = _usable(seen, trace.clear, errors, middle)
    if not use.any():
        limit = pixel_size.to_um(max(settings.resolution_px, settings.resolution_psf * psf_sigma_px))
        return Diameter(limit, 0.5 * limit, 0.0, 0.5 * limit, math.nan, 0, shrunk, overlapped=True)
    use = _without_taper(use, width_um)
    value, scatter, weights = huber_mean(width_um[use], errors[use])
    clear = trace.clear[use]
    spacing = float(along_um[-1]) / max(1, len(along_um) - 1)
    spread = np.hypot(errors[use], scatter) * weights / weights.sum()
    variance = sum(
        float(np.square(spread[which]).sum()) * max(1.0, correlation_um / max(spacing, 1e-9))
        for which, correlation_um in (
            (clear, settings.width_correlation_um),
            (~clear, _LINE_CORRELATION_UM),
        )
    )
    statistical = min(math.sqrt(variance), float(np.median(np.hypot(errors[use], scatter))))
    faint = _FAINT_ERROR * math.exp(-_FAINT_FADING * max(0.0, trace.contrast)) * value
    ambiguous = _ambiguity(value, pixel_size.to_um(psf_sigma_px), trace.contrast)
    doubtful = _DOUBTFUL_ERROR * (1.0 - trace.presence) * value
    blur = pixel_size.to_um(trace.width_shared_px)
    unexplained = math.hypot(settings.width_error_um, settings.width_error_pct / 100 * value)
    crowded = _CROWDED_ERROR * (1.0 - float(np.mean(trace.clear))) * value
    own = math.hypot(statistical, faint, ambiguous, doubtful, crowded, blur, unexplained)
    scale = (pixel_size.rel_error or 0.0) * value
    total = math.hypot(own, settings.shared_width_error_um, scale)
    n_widths = int(np.count_nonzero(use))
    sd_along = scatter if n_widths > 1 else math.nan
    alike = math.hypot(blur, _FAINT_ALIKE * faint, _AMBIGUOUS_ALIKE * ambiguous)
    return Diameter(value, own, alike, total, sd_along, n_widths, shrunk, overlapped=not clear.any())


def _ambiguity(width_um: float, psf_um: float, contrast: float) -> float:
    """Return what a light shaft near the blur may be thinner and darker by [µm]; contrast as of its trace."""
    blurs = width_um / max(psf_um, 1e-9)
    near = min(1.0, max(0.0, (_AMBIGUOUS_BELOW - blurs) / _AMBIGUOUS_FADING))
    return _AMBIGUOUS_BLURS * near * psf_um * math.exp(-max(0.0, contrast))


def huber_mean(values: FloatArray, errors: FloatArray) -> tuple[float, float, FloatArray]:
    """Return Huber's mean, the robust standard deviation round it and the weight of each value.

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
        if abs(moved - centre) <= _SETTLED * max(1.0, abs(centre)):
            break
        centre = moved
    return centre, scatter, weight


def _middle(along_um: FloatArray, trace: Trace, margin_um: float) -> tuple[BoolArray, bool]:
    """Return the stations between the margins of the true ends, and whether margins were shrunk."""
    length = float(along_um[-1])
    ends = int(trace.starts_inside) + int(trace.ends_inside)
    room = max(0.0, length - _LEAST_MIDDLE_UM)
    margin = min(margin_um, room / ends) if ends else 0.0
    first = margin if trace.starts_inside else 0.0
    last = length - (margin if trace.ends_inside else 0.0)
    return (along_um >= first - 1e-9) & (along_um <= last + 1e-9), bool(ends and margin < margin_um)


def _usable(seen: BoolArray, clear: BoolArray, errors: FloatArray, middle: BoolArray) -> BoolArray:
    """Prefer the middle, there what stands clear, and else what is about as sure as the surest.

    A few clear cross-sections (often those of the tip alone) do not speak for a hair that lies along others.
    """
    chosen = seen & middle
    if np.count_nonzero(chosen) < _LEAST_STATIONS:
        chosen = seen
    alone = chosen & clear
    if np.count_nonzero(alone) >= max(_LEAST_STATIONS, _ENOUGH_CLEAR * np.count_nonzero(chosen)):
        return alone
    if not chosen.any():
        return chosen
    ranked = np.sort(errors[chosen])
    surest = ranked[min(len(ranked) - 1, max(_LEAST_STATIONS - 1, int(_SUREST_SHARE * len(ranked))))]
    return np.asarray(chosen & (errors <= _UNSURE * surest), np.bool_)


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
