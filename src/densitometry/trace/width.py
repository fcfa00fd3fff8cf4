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

from densitometry.trace.profiles import SAMPLE_STEP_PX, fit_bar, sample_profiles

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class WidthSettings:
    """How widths are measured, in native pixels.

    Attributes:
        station_px: distance of cross-sections along a hair.
        along_px: half length of the stretch a cross-section is averaged over.
        flank_px: skin seen beside the shaft on each side.
        neighbourhood_px: edges of hairs this near speak for the point spread.
        assumed_psf_px: point spread where no edge can be seen.
        expected_error: relative standard error of the width expected from the evidence maps.
        expected_error_px: absolute part of it.
        section_error: relative standard error of a section beyond its own noise (streak, edge roughness).
        section_error_px: absolute part of it.
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
    believed_sigma: float = 2.5


@dataclass(frozen=True, slots=True)
class WidthProfile:
    """Widths of one hair at its stations: x, y, width, its standard error, whether both edges stood alone."""

    x: Floats
    y: Floats
    width: Floats
    sigma: Floats
    clear: NDArray[np.bool_]
    contrast: float
    psf_px: float


@njit(cache=True)
def _neighbour_limits(
    x: Floats,
    y: Floats,
    nx: Floats,
    ny: Floats,
    owner: NDArray[np.int64],
    px: Floats,
    py: Floats,
    phalf: Floats,
    start: NDArray[np.int64],
    boxes: Floats,
    reach: float,
    near: float,
) -> tuple[Floats, Floats]:
    """Free room on both sides of every station: signed offset of the next hair, or ± reach."""
    left = np.full(len(x), -reach)
    right = np.full(len(x), reach)
    for s in range(len(x)):
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
                dx, dy = px[i] - x[s], py[i] - y[s]
                along = -dx * ny[s] + dy * nx[s]
                if abs(along) > near:
                    continue
                off = dx * nx[s] + dy * ny[s]
                if off >= 0:
                    right[s] = min(right[s], off - phalf[i])
                if off <= 0:
                    left[s] = max(left[s], off + phalf[i])
    return left, right


@njit(cache=True)
def _fit_all(
    values: Floats,
    half: Floats,
    left: Floats,
    right: Floats,
    sigma: Floats,
    free_sigma: bool,
    flank: float,
    out: Floats,
) -> None:
    """Fit every profile; out: left edge, right edge, depth, sigma, error, residual, sides (0 = no fit)."""
    n_side = (values.shape[1] - 1) // 2
    for s in range(len(values)):
        out[s, 6] = 0.0
        h, g = half[s], sigma[s]
        margin = h + 1.2 * g + 0.5
        see_left, see_right = left[s] < -margin, right[s] > margin
        if not (see_left or see_right):
            continue
        lo = max(left[s] + 0.5 * g, -(h + 2.5 * g + flank)) if see_left else -0.1 * h
        hi = min(right[s] - 0.5 * g, h + 2.5 * g + flank) if see_right else 0.1 * h
        first = max(0, int(math.ceil(lo / SAMPLE_STEP_PX)) + n_side)
        last = min(2 * n_side, int(math.floor(hi / SAMPLE_STEP_PX)) + n_side)
        while first <= last and not math.isfinite(values[s, first]):
            first += 1
        while last >= first and not math.isfinite(values[s, last]):
            last -= 1
        if fit_bar(values[s], first, last, 0.0, h, g, see_left, see_right, free_sigma, out[s]):
            out[s, 6] = 2.0 if (see_left and see_right) else 1.0


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


def _project(profiles: Floats, half: Floats) -> tuple[Floats, float]:
    """One number per sample: the colour direction in which this hair differs most from the skin beside it."""
    n_side = (profiles.shape[1] - 1) // 2
    offset = np.abs((np.arange(profiles.shape[1]) - n_side) * SAMPLE_STEP_PX)
    inside, beside = offset[None] < 0.6 * half[:, None] + 0.3, (offset[None] > half[:, None] + 2.0)
    with np.errstate(invalid="ignore"):
        core = np.nanmedian(profiles[inside], axis=0)
        skin = np.nanmedian(profiles[beside], axis=0) if beside.any() else np.ones(3, np.float32)
    difference = np.nan_to_num(core - skin)
    if not np.any(np.abs(difference) > 1e-6):
        difference = np.array([-1.0, -1.0, -1.0])
    weight = difference / np.abs(difference).sum()
    projected = profiles @ weight.astype(np.float32)
    contrast = float(np.mean(np.log(np.maximum(skin, 1e-3)) - np.log(np.maximum(core, 1e-3))))
    return np.asarray(projected, np.float64), contrast


def _local_psf(x: Floats, y: Floats, psf: Floats, settings: WidthSettings) -> Floats:
    """Point spread at each hair: weighted mean of hairs nearby that show edges, and the assumed one."""
    seen = np.isfinite(psf)
    out = np.full(len(x), settings.assumed_psf_px)
    if not seen.any():
        return out
    for i in range(len(x)):
        distance = np.hypot(x[seen] - x[i], y[seen] - y[i]) / settings.neighbourhood_px
        weight = np.clip(1.0 - distance**2, 0.0, None) ** 2
        total = weight.sum()
        if total > 0:
            out[i] = (weight @ psf[seen] + 0.1 * settings.assumed_psf_px) / (total + 0.1)
    return out


def measure_widths(
    pixels: NDArray[Any],
    table: Floats,
    lines: list[Floats],
    half_widths: list[Floats],
    settings: WidthSettings,
) -> list[WidthProfile]:
    """Measure the width of every hair at stations along it.

    Args:
        pixels: (H, W, 3) codes or linear light (see `sample_profiles`).
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
    boxes = np.array([[p[0].min(), p[1].min(), p[0].max(), p[1].max()] for p in parts])
    reach = float(half.max()) + settings.flank_px + 2.5 * 3.0
    left, right = _neighbour_limits(
        x, y, nx, ny, owner, x, y, half, start, boxes, reach, settings.station_px * 0.75 + 1.0
    )
    n_side = int(math.ceil(reach / SAMPLE_STEP_PX))
    profiles = sample_profiles(pixels, table, x, y, nx, ny, n_side, settings.along_px)
    values = np.empty(profiles.shape[:2])
    contrast = np.zeros(len(parts))
    for k, (a, b) in enumerate(pairwise(start)):
        values[a:b], contrast[k] = _project(profiles[a:b], half[a:b])
    psf = np.full(len(x), settings.assumed_psf_px)
    fits = np.zeros((len(x), 7))
    _fit_all(values, half, left, right, psf, True, settings.flank_px, fits)
    wide = (fits[:, 6] > 0) & (fits[:, 1] - fits[:, 0] > 4.0 * fits[:, 3]) & (fits[:, 3] < 5.0)
    own_psf = np.array(
        [np.median(fits[a:b, 3][wide[a:b]]) if wide[a:b].sum() >= 5 else np.nan for a, b in pairwise(start)]
    )
    middle = (start[:-1] + start[1:]) // 2
    local = _local_psf(x[middle], y[middle], own_psf, settings)
    _fit_all(values, half, left, right, np.repeat(local, np.diff(start)), False, settings.flank_px, fits)
    width = np.where(fits[:, 6] > 0, fits[:, 1] - fits[:, 0], np.nan)
    clear = fits[:, 6] == 2.0
    return [
        WidthProfile(
            x=x[a:b],
            y=y[a:b],
            width=width[a:b],
            sigma=np.where(np.isfinite(width[a:b]), fits[a:b, 4], np.nan),
            clear=clear[a:b],
            contrast=float(contrast[k]),
            psf_px=float(local[k]),
        )
        for k, (a, b) in enumerate(pairwise(start))
    ]
