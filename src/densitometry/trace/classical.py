"""The detector without a learned part: strips between parallel edges, followed, and drawn as evidence maps.

The ridges of `strips` are followed once, to see where each line ends and which of its ends is the root:
beyond the root the shaft goes on under the skin as a diffuse shadow in red light, and neighbours lean alike.
Hair that is neither darker nor lighter than its skin in the mix of channels is not seen.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.curves import FollowSettings, follow_curves
from densitometry.trace.maps import ORIENTATIONS, EvidenceMaps, coded
from densitometry.trace.sampling import sample
from densitometry.trace.strips import find_ridges, mix_channels

Floats = NDArray[np.floating[Any]]
Floats32 = NDArray[np.float32]

_LINE_SIGMA_PX = 1.0
_END_SIGMA_HALF_PX = 1.4
_END_STRENGTH = 0.8
_NO_SHAFT_HALF_PX = 1.0
_LEAST_CURVE_PX = 8
_LEAST_SLENDERNESS = 1.5
"""A shaft is at least this many times longer than thick; shorter lines run across the cut end of one."""
_BESIDE_PX = 3.0
"""Skin beside a shaft is looked at this far beyond its edge."""
_SMOOTH_REACH_PX = 8

_SHADOW_FROM_PX, _SHADOW_TO_PX, _SHADOW_ASIDE_PX = 5, 24, 14
_SHADOW_SIGMA_PX = 2.0
_SHADOW_LIMIT = 0.4
_SURE_SHADOW = 0.12
"""Difference of red log contrast beyond the two ends at which the darker one is likely the root."""
_NEIGHBOUR_SIGMA_PX, _NEIGHBOUR_REACH_PX = 45.0, 100.0
_NEIGHBOUR_PRIOR_PX = 40.0
_NEIGHBOUR_WEIGHT = 3.0
"""Neighbouring hairs lean the same way: weight of their vote, and length of hair at which it counts half."""


@njit(cache=True)
def _draw_lines(points: Floats, sigma: float, lifted: Floats, half: Floats) -> None:
    """Draw ridge points (x, y, theta, evidence, half width) as narrow ridges; the strongest speaks."""
    bins, h, w = lifted.shape
    strongest = np.zeros(half.shape, np.float32)
    for i in range(len(points)):
        x, y, value = points[i, 0], points[i, 1], points[i, 3]
        u = (points[i, 2] % math.pi) / math.pi * bins
        k0, f = int(u) % bins, u - int(u)
        k1 = (k0 + 1) % bins
        cx, cy = int(round(x)), int(round(y))
        for py in range(max(0, cy - 3), min(h, cy + 4)):
            for px in range(max(0, cx - 3), min(w, cx + 4)):
                g = value * math.exp(-((px - x) ** 2 + (py - y) ** 2) / (2 * sigma * sigma))
                lifted[k0, py, px] = max(lifted[k0, py, px], (1 - f) * g)
                lifted[k1, py, px] = max(lifted[k1, py, px], f * g)
                if g > strongest[py // 2, px // 2]:
                    strongest[py // 2, px // 2] = g
                    half[py // 2, px // 2] = points[i, 4]


def _half_at(half: Floats, curve: Floats) -> Floats:
    return sample(half, (curve[:, 0] - 0.5) / 2, (curve[:, 1] - 0.5) / 2)


def _refine_ends(curve: Floats, mix: Floats32, half: Floats) -> Floats:
    """Shorten a followed curve at both ends to where its contrast is half of what it is along it."""
    aside = _half_at(half, curve) + _BESIDE_PX
    nx, ny = -np.sin(curve[:, 3]), np.cos(curve[:, 3])
    middle = sample(mix, curve[:, 0], curve[:, 1])
    beside = [sample(mix, curve[:, 0] + s * aside * nx, curve[:, 1] + s * aside * ny) for s in (-1.0, 1.0)]
    depth = np.abs(0.5 * (beside[0] + beside[1]) - middle)
    strong = np.flatnonzero(depth >= 0.5 * np.median(depth))
    return curve[strong[0] : strong[-1] + 1]


def _smooth(evidence: Floats) -> Floats:
    """Mean evidence over a short stretch of a curve."""
    reach = _SMOOTH_REACH_PX
    padded = np.pad(evidence, reach, mode="edge")
    return np.convolve(padded, np.full(2 * reach + 1, 1.0 / (2 * reach + 1)), mode="valid")


def _is_slender(curve: Floats, half: Floats) -> bool:
    thick = 2 * np.median(_half_at(half, curve))
    return len(curve) >= max(_LEAST_CURVE_PX, _LEAST_SLENDERNESS * float(thick))


def _shadow(red: Floats32, x: float, y: float, theta: float) -> float:
    """How much darker red light is beyond an end, straight on along theta, than on both sides of there."""
    t = np.arange(_SHADOW_FROM_PX, _SHADOW_TO_PX + 1, dtype=float)
    c, s = math.cos(theta), math.sin(theta)
    ahead = sample(red, x + t * c, y + t * s)
    a = _SHADOW_ASIDE_PX
    beside = 0.5 * (
        sample(red, x + t * c - a * s, y + t * s + a * c) + sample(red, x + t * c + a * s, y + t * s - a * c)
    )
    return float(np.clip(beside - ahead, -_SHADOW_LIMIT, _SHADOW_LIMIT).mean())


def _first_is_root(curves: list[Floats], red: Floats32) -> Floats:
    """How sure each curve's first point is its root, in [-1, 1].

    By the shadow of the shaft under the skin, and by the way its neighbours lean.
    """
    own, heading, middle = np.zeros(len(curves)), np.zeros((len(curves), 2)), np.zeros((len(curves), 2))
    for i, c in enumerate(curves):
        first = _shadow(red, c[0, 0], c[0, 1], c[0, 3] + math.pi)
        last = _shadow(red, c[-1, 0], c[-1, 1], c[-1, 3])
        own[i] = math.tanh((first - last) / _SURE_SHADOW)
        way = c[-1, :2] - c[0, :2]
        heading[i] = way / max(float(np.hypot(*way)), 1e-6)
        middle[i] = c[len(c) // 2, :2]
    sure = np.zeros(len(curves))
    for i in range(len(curves)):
        d = np.hypot(*(middle - middle[i]).T)
        near = np.where(d < _NEIGHBOUR_REACH_PX, np.exp(-(d**2) / (2 * _NEIGHBOUR_SIGMA_PX**2)), 0.0)
        near[i] = 0.0
        weight = near * np.array([len(c) for c in curves])
        field = ((own * weight)[:, None] * heading).sum(axis=0) / (weight.sum() + _NEIGHBOUR_PRIOR_PX)
        sure[i] = math.tanh(own[i] + _NEIGHBOUR_WEIGHT * float(field @ heading[i]))
    return sure


@njit(cache=True)
def _draw_shaft(
    curve: Floats,
    sure: float,
    end_sigma: float,
    end_strength: float,
    half: Floats,
    nearest: Floats,
    ends: Floats,
    direction: Floats,
    shaft: Floats,
) -> None:
    """Draw one curve on the half grid: its ends, its direction and its strip; the nearest line speaks."""
    h, w = shaft.shape
    for i in range(len(curve)):
        hx, hy = (curve[i, 0] - 0.5) / 2, (curve[i, 1] - 0.5) / 2
        cx, cy = int(round(hx)), int(round(hy))
        wide = half[min(h - 1, max(0, cy)), min(w - 1, max(0, cx))] / 2
        r = int(math.ceil(max(2.0, wide + 1.0)))
        is_end = i in (0, len(curve) - 1)
        root = 0.5 * (1.0 + sure) if i == 0 else 0.5 * (1.0 - sure)
        r = max(r, 5) if is_end else r
        for py in range(max(0, cy - r), min(h, cy + r + 1)):
            for px in range(max(0, cx - r), min(w, cx + r + 1)):
                d = math.hypot(px - hx, py - hy)
                if is_end:
                    g = end_strength * math.exp(-d * d / (2 * end_sigma * end_sigma))
                    ends[0, py, px] = max(ends[0, py, px], root * g)
                    ends[1, py, px] = max(ends[1, py, px], (1.0 - root) * g)
                shaft[py, px] = max(shaft[py, px], min(1.0, max(0.0, wide - d + 0.5)))
                if d < nearest[py, px] and d <= wide + 1.5:
                    nearest[py, px] = d
                    direction[0, py, px] = sure * math.cos(curve[i, 3])
                    direction[1, py, px] = sure * math.sin(curve[i, 3])


def classical_maps(contrast: Floats) -> EvidenceMaps:
    """Evidence maps of a picture, from edges that face each other.

    Nothing two millimetres (250 px) away from a hair and its neighbours changes what is said of it.

    Args:
        contrast: (h, w, 3) log contrast on the detection grid; half widths up to 11 px are tried.

    Returns:
        Evidence maps; no shaft, no evidence.
    """
    mix, texture = mix_channels(contrast)
    h, w = mix.shape
    size = ((h + 1) // 2, (w + 1) // 2)
    single, half = np.zeros((ORIENTATIONS, h, w), np.float32), np.full(size, _NO_SHAFT_HALF_PX, np.float32)
    _draw_lines(find_ridges(mix, texture), _LINE_SIGMA_PX, single, half)
    found = [_refine_ends(curve, mix, half) for curve in follow_curves(coded(single), half, FollowSettings())]
    curves = [curve for curve in found if _is_slender(curve, half)]
    lifted = np.zeros_like(single)
    smooth = [
        np.column_stack([c[:, 0], c[:, 1], c[:, 3], _smooth(c[:, 2]), _half_at(half, c)]) for c in curves
    ]
    _draw_lines(np.concatenate([np.zeros((0, 5)), *smooth]), _LINE_SIGMA_PX, lifted, half)
    red = cv2.GaussianBlur(np.ascontiguousarray(contrast[..., 0], np.float32), (13, 13), _SHADOW_SIGMA_PX)
    ends, direction = np.zeros((2, *size), np.float32), np.zeros((2, *size), np.float32)
    shaft, nearest = np.zeros(size, np.float32), np.full(size, np.inf, np.float32)
    for curve, sure in zip(curves, _first_is_root(curves, red), strict=True):
        _draw_shaft(
            curve, float(sure), _END_SIGMA_HALF_PX, _END_STRENGTH, half, nearest, ends, direction, shaft
        )
    return EvidenceMaps(
        lifted=coded(lifted),
        root=ends[0],
        tip=ends[1],
        direction=direction,
        half_width_px=half,
        shaft=shaft,
    )
