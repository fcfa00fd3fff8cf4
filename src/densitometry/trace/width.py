"""Shaft width along each hair: blurred bars fitted to cross-sections, blur taken from nearby edges.

Neighbours are kept out of the fits.

All lengths are native pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace import edges
from densitometry.trace.chord import outer_share
from densitometry.trace.edges import fit_shaft
from densitometry.trace.pieces import ALL
from densitometry.trace.profiles import BIN_PX, MOST_BINS, WIDE_BIN_PX, WIDE_HALF_PX, gather
from densitometry.trace.workers import do_all

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class WidthSettings:
    """How widths are measured, in native pixels.

    Attributes:
        station_px: distance of cross-sections along a hair.
        along_px: half length of picture behind a cross-section, for each of the `STATIONS_PER_FIT`.
        flank_px: skin seen beside the shaft on each side.
        neighbourhood_px: edges of hairs this near speak for the point spread.
        assumed_psf_px: point spread where no edge can be seen.
        expected_error: relative standard error of the width expected from the evidence maps.
        expected_error_px: absolute part of it.
        section_error: relative standard error of a section beyond its own noise (streak, edge roughness).
        section_error_px: absolute part of it.
        faint_error: relative error that all sections of a shaft as light as the skin share.
        believed_sigma: a section further than this from the expected width, in standard errors, is dropped.
    """

    station_px: float
    along_px: float
    flank_px: float
    neighbourhood_px: float
    assumed_psf_px: float = 0.9
    expected_error: float = 0.15
    expected_error_px: float = 0.6
    section_error: float = 0.03
    section_error_px: float = 0.15
    faint_error: float = 0.1
    believed_sigma: float = 2.5


@dataclass(frozen=True, slots=True)
class WidthProfile:
    """Widths of one hair at its stations: x, y, width, its standard error, whether both edges stood alone.

    `blur_error` is how far an error of the point spread moves all widths of the hair [px].
    """

    x: Floats
    y: Floats
    width: Floats
    sigma: Floats
    clear: NDArray[np.bool_]
    contrast: float
    psf_px: float
    blur_error: float = 0.0


STATIONS_PER_FIT = 2
"""Cross-sections are read from the pixels of so many stations together."""
STATIONS_ALIKE = 2 * STATIONS_PER_FIT
"""Widths of so many stations err about alike."""
_SIGMA_FITS = 6
"""Cross-sections of a hair that are asked for the point spread."""
_TOGETHER = 1000
"""Cross-sections that one thread fits at a time."""
_ASSUMED_ERROR_PX = 0.4
_PSF_ERROR = 0.05
"""Relative error of a local point spread, however many edges show it: no lens is a Gaussian."""
_BLUR_LEVER, _FREE_EDGES = 12.0, 4.0
"""A width w behind a blur s moves by L / (r (1 + r² / F²)) for an error of s of one, with r = w / s. All that
a shaft much narrower than its blur shows is w² / 12 + s²; from about four s on each edge stands alone."""
_SIGMA_FLOOR_PX = 0.05
_CENTRE_ERROR_PX = 0.35
"""How far a traced line lies beside its hair's axis: twice that is the error of a width from one edge."""


@njit(cache=True, nogil=True)
def _views(
    chosen: NDArray[np.int64],
    x: Floats,
    y: Floats,
    nx: Floats,
    ny: Floats,
    half: Floats,
    owner: NDArray[np.int64],
    start: NDArray[np.int64],
    boxes: Floats,
    psf: Floats,
    flank: float,
    along: float,
    out: Floats,
) -> None:
    """What other hairs leave of each cross-section: first and last offset, whether either edge is free."""
    for row in range(len(chosen)):
        s = chosen[row]
        h, g = half[s], psf[s]
        reach = h + 2.5 * g + flank
        low, high = -reach, reach
        cut_low, cut_high = -reach, reach
        left = right = True
        for k in range(len(start) - 1):
            if k == owner[s]:
                continue
            if (
                x[s] < boxes[k, 0] - reach
                or x[s] > boxes[k, 2] + reach
                or y[s] < boxes[k, 1] - reach
                or y[s] > boxes[k, 3] + reach
            ):
                continue
            for i in range(start[k], start[k + 1]):
                dx, dy = x[i] - x[s], y[i] - y[s]
                gap = max(0.0, abs(-dx * ny[s] + dy * nx[s]) - along)
                if gap >= half[i]:
                    continue
                chord = math.sqrt(half[i] ** 2 - gap**2)
                off = dx * nx[s] + dy * ny[s]
                begin, end = off - chord, off + chord
                if end < -0.7 * h:
                    low = max(low, end + 0.7 * g)
                elif begin < -0.7 * h:
                    left = False
                if begin > 0.7 * h:
                    high = min(high, begin - 0.7 * g)
                elif end > 0.7 * h:
                    right = False
                if begin >= -0.7 * h:
                    cut_high = min(cut_high, begin - 0.7 * g)
                if end <= 0.7 * h:
                    cut_low = max(cut_low, end + 0.7 * g)
        margin = h + 1.2 * g + 0.7
        left = left and low < -margin
        right = right and high > margin
        if left and not right:
            high = min(0.1 * h, cut_high)
            left = high > -0.6 * h
        elif right and not left:
            low = max(-0.1 * h, cut_low)
            right = low < 0.6 * h
        out[row, 0], out[row, 1] = low, high
        out[row, 2], out[row, 3] = left, right


@njit(cache=True, nogil=True)
def _fit_all(
    pixels: NDArray[Any],
    table: Floats,
    chosen: NDArray[np.int64],
    x: Floats,
    y: Floats,
    nx: Floats,
    ny: Floats,
    half: Floats,
    psf: Floats,
    views: Floats,
    free_sigma: bool,
    flank: float,
    along: float,
    out: Floats,
) -> None:
    """Fit the chosen cross-sections; a row of `out` ends with the number of edges seen, 0 for no fit."""
    offset = np.empty(MOST_BINS)
    light = np.empty((MOST_BINS, 3))
    count = np.empty(MOST_BINS)
    t, values, pixels_behind = (
        np.empty(MOST_BINS),
        np.empty((3, MOST_BINS)),
        np.empty(MOST_BINS),
    )
    work = np.empty((ALL, MOST_BINS))
    for row in range(len(chosen)):
        s = chosen[row]
        out[row, edges.N_RESULTS] = 0.0
        low, high = views[row, 0], views[row, 1]
        left, right = views[row, 2] > 0, views[row, 3] > 0
        if not (left or right):
            continue
        reach = max(-low, high)
        width = BIN_PX if half[s] < WIDE_HALF_PX else WIDE_BIN_PX
        bins = gather(pixels, table, x[s], y[s], nx[s], ny[s], reach, along, width, offset, light, count)
        n = 0
        for k in range(bins):
            if count[k] > 0 and low <= offset[k] <= high:
                t[n], pixels_behind[n] = offset[k], count[k]
                for c in range(3):
                    values[c, n] = light[k, c]
                n += 1
        if fit_shaft(
            t,
            values,
            pixels_behind,
            n,
            half[s],
            psf[s],
            flank,
            left,
            right,
            free_sigma,
            work,
            out[row],
        ):
            out[row, edges.N_RESULTS] = 2.0 if (left and right) else 1.0


def _stations(line: Floats, half_width: Floats, step: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Points `step` apart along a line, unit normals and half widths there."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(3, int(along[-1] / step) + 1)
    t = np.linspace(0.0, along[-1], count)
    x, y = np.interp(t, along, line[:, 0]), np.interp(t, along, line[:, 1])
    smooth = np.ones(5) / 5
    xs, ys = (np.convolve(np.pad(c, 2, mode="reflect", reflect_type="odd"), smooth, "valid") for c in (x, y))
    dx, dy = np.gradient(xs), np.gradient(ys)
    norm = np.maximum(np.hypot(dx, dy), 1e-9)
    return xs, ys, -dy / norm, dx / norm, np.interp(t, along, half_width)


def _local_psf(
    x: Floats, y: Floats, psf: Floats, error: Floats, settings: WidthSettings
) -> tuple[Floats, Floats]:
    """Point spread at each hair and its error: mean of hairs nearby that show edges, and the assumed one.

    The assumed one speaks the less, the further off it is from what is seen.
    """
    trust = 1.0 / np.square(np.where(np.isfinite(psf), np.hypot(error, _SIGMA_FLOOR_PX), np.inf))
    known = np.nan_to_num(psf)
    out, spread = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):
        distance = np.hypot(x - x[i], y - y[i]) / settings.neighbourhood_px
        weight = np.clip(1.0 - distance**2, 0.0, None) ** 2 * trust
        mass = float(weight.sum())
        apart = float(weight @ known) / mass - settings.assumed_psf_px if mass > 0 else 0.0
        assumed = 1.0 / (_ASSUMED_ERROR_PX**2 + apart**2)
        out[i] = settings.assumed_psf_px + apart * mass / (mass + assumed)
        spread[i] = math.hypot(_PSF_ERROR * out[i], 1.0 / math.sqrt(mass + assumed))
    return out, spread


def _blur_error(width: Floats, psf: float, error: float) -> float:
    """How far an error of the point spread moves a hair's widths [px]."""
    seen = width[np.isfinite(width)]
    ratio = max(1.0, float(np.median(seen)) / psf) if len(seen) else 1.0
    return error * _BLUR_LEVER / (ratio * (1.0 + (ratio / _FREE_EDGES) ** 2))


def _own_psf(fits: Floats, owner: NDArray[np.int64], count: int) -> tuple[Floats, Floats]:
    """Point spread that each hair's own edges show, and its error; NaN where they show none."""
    psf, error = np.full(count, np.nan), np.full(count, np.nan)
    sure = (
        (fits[:, edges.N_RESULTS] == 2.0)
        & (fits[:, edges.SIGMA] > 0.36)
        & (fits[:, edges.SIGMA] < 5.9)
        & (fits[:, edges.SIGMA_ERROR] > 0)
        & (fits[:, edges.SIGMA_ERROR] < 0.3)
    )
    for k in range(count):
        rows = fits[sure & (owner == k)]
        if len(rows) >= 2:
            value = float(np.median(rows[:, edges.SIGMA]))
            psf[k] = value
            scatter = 1.4826 * float(np.median(np.abs(rows[:, edges.SIGMA] - value)))
            error[k] = math.hypot(scatter, float(np.median(rows[:, edges.SIGMA_ERROR]))) / math.sqrt(
                len(rows)
            )
    return psf, error


def measure_widths(
    pixels: NDArray[Any],
    table: Floats,
    lines: list[Floats],
    half_widths: list[Floats],
    settings: WidthSettings,
) -> list[WidthProfile]:
    """Measure the width of every hair at stations along it.

    Args:
        pixels: (H, W, 3) codes or linear light (see `gather`).
        table: linear light of each code, or empty.
        lines: (N_k, 2) centre lines, root first.
        half_widths: (N_k,) half widths expected from the evidence maps.
        settings: see `WidthSettings`.

    Returns:
        One profile per line, in the same order.
    """
    if not lines:
        return []
    parts = [
        _stations(line, half, settings.station_px) for line, half in zip(lines, half_widths, strict=True)
    ]
    start = np.concatenate([[0], np.cumsum([len(p[0]) for p in parts])]).astype(np.int64)
    x, y, nx, ny, half = (np.concatenate([p[i] for p in parts]) for i in range(5))
    owner = np.repeat(np.arange(len(parts)), np.diff(start))
    largest = [p[4].max() for p in parts]
    boxes = np.array(
        [
            [p[0].min() - m, p[1].min() - m, p[0].max() + m, p[1].max() + m]
            for p, m in zip(parts, largest, strict=True)
        ]
    )
    along = settings.along_px * STATIONS_PER_FIT
    geometry = (x, y, nx, ny, half)

    def fit(chosen: NDArray[np.int64], psf: Floats, free_sigma: bool) -> Floats:
        fits = np.zeros((len(chosen), edges.N_RESULTS + 1))
        reach = settings.flank_px, along

        def fit_part(part: slice) -> None:
            some = chosen[part]
            views = np.empty((len(some), 4))
            _views(some, *geometry, owner, start, boxes, psf, *reach, views)
            _fit_all(pixels, table, some, *geometry, psf, views, free_sigma, *reach, fits[part])

        do_all(fit_part, [slice(k, k + _TOGETHER) for k in range(0, len(chosen), _TOGETHER)])
        return fits

    assumed = np.full(len(x), settings.assumed_psf_px)
    some = np.concatenate(
        [
            np.unique(np.linspace(a, b - 1, 2 * _SIGMA_FITS + 1)[1::2].astype(np.int64))
            for a, b in pairwise(start)
        ]
    )
    own, error = _own_psf(fit(some, assumed, True), owner[some], len(parts))
    middle = (start[:-1] + start[1:]) // 2
    local, doubt = _local_psf(x[middle], y[middle], own, error, settings)
    chosen = np.concatenate(
        [
            np.arange(a + min(STATIONS_PER_FIT // 2, b - a - 1), b, STATIONS_PER_FIT)
            for a, b in pairwise(start)
        ]
    )
    fits = fit(chosen, np.repeat(local, np.diff(start)), False)
    width = np.where(fits[:, -1] > 0, fits[:, edges.RIGHT] - fits[:, edges.LEFT], np.nan)
    sigma = np.where(fits[:, -1] > 0, fits[:, edges.WIDTH_ERROR], np.nan)
    sigma = np.where(fits[:, -1] == 1.0, np.hypot(sigma, 2 * _CENTRE_ERROR_PX), sigma)
    clear = fits[:, -1] == 2.0
    result = []
    for k, (a, b) in enumerate(pairwise(start)):
        first, last = np.searchsorted(chosen, (a, b))
        at = first + np.minimum(np.arange(b - a) // STATIONS_PER_FIT, last - first - 1)
        seen = fits[first:last][fits[first:last, -1] > 0, edges.DENSITY]
        contrast = float(np.median(seen)) if len(seen) else 0.0
        result.append(
            WidthProfile(
                x=x[a:b],
                y=y[a:b],
                width=width[at] * outer_share(contrast),
                sigma=sigma[at],
                clear=clear[at],
                contrast=contrast,
                psf_px=float(local[k]),
                blur_error=_blur_error(width[at], float(local[k]), float(doubt[k])),
            )
        )
    return result
