"""The detector without a learned part: pairs of parallel edges, found at twelve orientations.

A shaft is a strip, darker or lighter than the skin, between two edges that face each other. Every place of the grid is asked,
for every orientation, at which half width the weaker of its two edges is strongest; ridges of that answer are the centre lines.
They are followed once, to see where each ends and which of its ends is the root, and all of it is drawn as
evidence maps. What is read lies within about a millimetre of the place spoken of.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.curves import FollowSettings, follow_curves
from densitometry.trace.maps import ORIENTATIONS, EvidenceMaps
from densitometry.trace.segments import sample

Floats = NDArray[np.floating[Any]]
Floats32 = NDArray[np.float32]

_FINE = 12
"""Orientations asked for: twice the bins of the maps, so that a line is found within 7.5° before it is refined."""
_EDGE_SIGMA_PX = 1.0
_SOBEL = 0.125
"""Makes the 3 × 3 Sobel operator a slope per pixel."""
_ALONG_SIGMA_PX = 3.5
_ALONG_REACH_PX = 8
_WIDEST_HALF_PX = 11
_WIDEST_LIGHT_HALF_PX = 7
_BUNDLE_HALF_PX = 6.8
"""A strip with a larger half width (110 µm thick on the 8 µm grid) is two shafts side by side, fused in the picture."""
_SEAM_WEIGHT = 0.6
"""Share of an edge inside the strip that faces the wrong way, and hence parts it, that is taken off its answer."""
_LEAST_EDGE = 0.012
"""Weaker edges [log contrast per pixel] are not looked at."""

_COARSE = 4
_SURROUND_SIGMA_PX = 2.0
"""On the coarse grid."""
_NOISE_SIGMA_PX = 8.0
"""On the coarse grid."""
_CHANNEL_NOISE_FLOOR = 0.004
_GRADIENT_LIMIT = 0.06
"""Log contrast per pixel; steeper is shaft, not the texture of skin, and counts as this much."""
_DARK_RELIEF, _LIGHT_RELIEF = 3.0, 4.0
"""Places that stand out from their surround by this many times local texture may be inside a shaft."""
_LIGHT_SHARE = 0.8
"""Share of its answer that a lighter strip keeps: glints and flakes on skin are lighter strips, too."""
_DARK_BESIDE = 0.2
"""Log contrast; skin beside a light hair is not darker than this below its surroundings."""
_NOISES_AT_HALF = 3.2
_LEAST_AT_HALF = 0.02
"""Edge strength at which evidence is one half: this many times local texture, but at least this log contrast per pixel."""
_LEAST_EVIDENCE = 0.05

_LINE_SIGMA_PX = 1.0
_END_SIGMA_HALF_PX = 1.4
_END_STRENGTH = 0.8
_NO_SHAFT_HALF_PX = 1.0
_LEAST_CURVE_PX = 8
_LEAST_SLENDERNESS = 1.5
"""A shaft is at least this many times longer than thick; shorter lines run across the cut end of one."""
_BESIDE_PX = 3.0

_SHADOW_FROM_PX, _SHADOW_TO_PX, _SHADOW_ASIDE_PX = 5, 24, 14
_SHADOW_SIGMA_PX = 2.0
_SHADOW_LIMIT = 0.4
_SURE_SHADOW = 0.12
"""Difference of red log contrast beyond the two ends at which the darker one is likely the root."""
_NEIGHBOUR_SIGMA_PX, _NEIGHBOUR_REACH_PX = 45.0, 100.0
_NEIGHBOUR_PRIOR_PX = 40.0
_NEIGHBOUR_WEIGHT = 3.0
"""Neighbouring hairs lean the same way: weight of their vote, and length of hair at which it counts half."""


def _grey(contrast: Floats) -> tuple[Floats32, Floats32]:
    """Mix the channels by the inverse of their local noise; return the mix (h, w) and its local texture (h, w).

    Texture is the local mean slope, in log contrast per pixel.
    """
    h, w = contrast.shape[:2]
    small = (max(1, -(-w // _COARSE)), max(1, -(-h // _COARSE)))
    reach = 2 * round(2.5 * _NOISE_SIGMA_PX) + 1

    def local(values: Floats) -> Floats32:
        coarse = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        coarse = cv2.GaussianBlur(coarse, (reach, reach), _NOISE_SIGMA_PX)
        return np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)

    values = np.ascontiguousarray(contrast, np.float32)
    fine = np.minimum(np.abs(values - cv2.GaussianBlur(values, (5, 5), _EDGE_SIGMA_PX)), _GRADIENT_LIMIT)
    weight = 1.0 / (local(fine) + _CHANNEL_NOISE_FLOOR)
    mix = (values * weight).sum(axis=2) / weight.sum(axis=2)
    mix = np.asarray(cv2.GaussianBlur(mix, (7, 7), _EDGE_SIGMA_PX), np.float32)
    slope = np.abs(cv2.Sobel(mix, cv2.CV_32F, 1, 0, scale=_SOBEL)) + np.abs(
        cv2.Sobel(mix, cv2.CV_32F, 0, 1, scale=_SOBEL)
    )
    return mix, local(np.minimum(slope, _GRADIENT_LIMIT))


def _line_taps(theta: float) -> tuple[NDArray[np.int64], Floats32]:
    """Offsets (n, 2: dy, dx) and weights of a short Gaussian line of pixels along theta."""
    t = np.arange(-_ALONG_REACH_PX, _ALONG_REACH_PX + 1)
    weight = np.exp(-(t**2) / (2 * _ALONG_SIGMA_PX**2))
    offsets = np.stack([np.round(t * math.sin(theta)), np.round(t * math.cos(theta))], axis=1)
    return offsets.astype(np.int64), np.asarray(weight / weight.sum(), np.float32)


@njit(cache=True)  # type: ignore[misc]
def _run_along(slope: Floats, taps: NDArray[np.int64], weights: Floats, border: int) -> Floats:
    """Sum a plane over the taps of a line; the answer has a border of zeros."""
    h, w = slope.shape
    out = np.zeros((h + 2 * border, w + 2 * border), np.float32)
    for y in range(h):
        row = out[border + y, border : border + w]
        for t in range(len(weights)):
            sy, dx, weight = y + taps[t, 0], taps[t, 1], weights[t]
            if 0 <= sy < h:
                first, last = max(0, -dx), min(w, w - dx)
                source, into = slope[sy, first + dx : last + dx], row[first:last]
                for x in range(last - first):
                    into[x] += weight * source[x]
    return out


@njit(cache=True, inline="always")  # type: ignore[misc]
def _at(plane: Floats, x: float, y: float) -> float:
    h, w = plane.shape
    if not (0.0 <= x < w - 1 and 0.0 <= y < h - 1):
        return 0.0
    x0, y0 = int(x), int(y)
    fx, fy = x - x0, y - y0
    top = plane[y0, x0] * (1 - fx) + plane[y0, x0 + 1] * fx
    low = plane[y0 + 1, x0] * (1 - fx) + plane[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + low * fy


@njit(cache=True)  # type: ignore[misc]
def _shares(dx: float, dy: float, into: Floats) -> tuple[int, int]:
    """Whole part of an offset, and the bilinear weights of its four pixels."""
    ix, iy = math.floor(dx), math.floor(dy)
    fx, fy = dx - ix, dy - iy
    into[0], into[1], into[2], into[3] = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    return ix, iy


@njit(cache=True, inline="always")  # type: ignore[misc]
def _mixed(plane: Floats, x: int, y: int, share: Floats) -> float:
    return (
        share[0] * plane[y, x]
        + share[1] * plane[y, x + 1]
        + share[2] * plane[y + 1, x]
        + share[3] * plane[y + 1, x + 1]
    )


@njit(cache=True)  # type: ignore[misc]
def _pair_edges(
    edge: Floats,
    border: int,
    side: NDArray[np.int8],
    nx: float,
    ny: float,
    widest: tuple[int, int],
    seam: float,
    least: float,
    strength: Floats,
    half: Floats,
) -> None:
    """Fill the strength of the weaker edge of the best strip, and its half width, at every place that has a side.

    The plane of edges has a border of its own; the offsets of one orientation are the same everywhere.
    """
    h, w = side.shape
    most = max(widest)
    answers = np.zeros(most + 2)
    share = np.zeros((2, most + 1, 4), np.float32)
    step = np.zeros((2, most + 1, 2), np.int64)
    for r in range(1, most + 1):
        for j in range(2):
            sign = 1 - 2 * j
            dx, dy = _shares(sign * r * nx, sign * r * ny, share[j, r])
            step[j, r, 0], step[j, r, 1] = border + dx, border + dy
    for y in range(h):
        for x in range(w):
            if side[y, x] == 0:
                continue
            sign = float(side[y, x])
            last = widest[0] if side[y, x] > 0 else widest[1]
            wrong, best, at, tried = 0.0, 0.0, 0, 0
            for r in range(1, last + 1):
                # counted from the middle outwards: the picture brightens on both sides of a dark shaft
                right = sign * _mixed(edge, x + step[0, r, 0], y + step[0, r, 1], share[0, r])
                left = -sign * _mixed(edge, x + step[1, r, 0], y + step[1, r, 1], share[1, r])
                value = min(left, right) - seam * wrong
                answers[r] = value
                tried = r
                if value > best:
                    best, at = value, r
                wrong = max(wrong, max(-left, -right))
                if wrong > least and wrong > best:
                    break
            if best < least:
                continue
            shift = 0.0
            if 1 < at < tried:
                bend = answers[at - 1] - 2 * answers[at] + answers[at + 1]
                if bend < 0:
                    shift = max(-0.5, min(0.5, 0.5 * (answers[at - 1] - answers[at + 1]) / bend))
            strength[y, x] = best
            half[y, x] = at + shift


@njit(cache=True)  # type: ignore[misc]
def _ridges(strength: Floats, half: Floats) -> Floats:
    """Ridge points (x, y, theta, strength, half width): maxima across the line and over orientation."""
    fine, h, w = strength.shape
    found = []
    for y in range(1, h - 1):
        for x in range(1, w - 1):
            for k in range(fine):
                value = strength[k, y, x]
                if value <= 0.0:
                    continue
                before, after = strength[(k - 1) % fine, y, x], strength[(k + 1) % fine, y, x]
                if value < before or value <= after:
                    continue
                theta = k * math.pi / fine
                nx, ny = -math.sin(theta), math.cos(theta)
                left = _at(strength[k], x - nx, y - ny)
                right = _at(strength[k], x + nx, y + ny)
                if value < left or value < right:
                    continue
                bend = left - 2 * value + right
                off = 0.0 if bend >= 0 else max(-0.6, min(0.6, 0.5 * (left - right) / bend))
                turn = before - 2 * value + after
                tilt = 0.0 if turn >= 0 else max(-0.5, min(0.5, 0.5 * (before - after) / turn))
                found.append(
                    (
                        x + off * nx,
                        y + off * ny,
                        theta + tilt * math.pi / fine,
                        np.float64(value),
                        np.float64(half[k, y, x]),
                    )
                )
    out = np.zeros((len(found), 5))
    for i in range(len(found)):
        for j in range(5):
            out[i, j] = found[i][j]
    return out


@njit(cache=True)  # type: ignore[misc]
def _draw_lines(points: Floats, sigma: float, lifted: Floats, half: Floats) -> None:
    """Draw ridge points (x, y, theta, evidence, half width) as narrow ridges; the strongest at a place speaks."""
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


def _split_bundles(points: Floats) -> Floats:
    """Replace a ridge too wide for one shaft by two, each in the middle of its half of the strip."""
    wide = points[:, 4] > _BUNDLE_HALF_PX
    pair = [points[~wide]]
    for sign in (-1.0, 1.0):
        part = points[wide].copy()
        part[:, 4] /= 2
        part[:, 0] -= sign * part[:, 4] * np.sin(part[:, 2])
        part[:, 1] += sign * part[:, 4] * np.cos(part[:, 2])
        pair.append(part)
    return np.concatenate(pair)


def _nearest(plane: NDArray[Any], x: Floats, y: Floats) -> NDArray[Any]:
    h, w = plane.shape
    return np.asarray(plane[np.round(y).astype(int).clip(0, h - 1), np.round(x).astype(int).clip(0, w - 1)])


def _find_ridges(mix: Floats32, texture: Floats32) -> Floats:
    """Centre-line points, each found alone: x, y, direction [rad], evidence in [0, 1], half width [px]."""
    h, w = mix.shape
    small = cv2.resize(
        mix, (max(1, -(-w // _COARSE)), max(1, -(-h // _COARSE))), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (11, 11), _SURROUND_SIGMA_PX)
    relief = mix - cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)
    side = np.where(
        relief < -_DARK_RELIEF * texture, 1, np.where(relief > _LIGHT_RELIEF * texture, -1, 0)
    ).astype(np.int8)
    slope_x = cv2.Sobel(mix, cv2.CV_32F, 1, 0, scale=_SOBEL)
    slope_y = cv2.Sobel(mix, cv2.CV_32F, 0, 1, scale=_SOBEL)
    strength = np.zeros((_FINE, h, w), np.float32)
    half = np.zeros((_FINE, h, w), np.float32)
    border = _WIDEST_HALF_PX + 1
    widest = (_WIDEST_HALF_PX, _WIDEST_LIGHT_HALF_PX)
    for k in range(_FINE):
        theta = k * math.pi / _FINE
        nx, ny = -math.sin(theta), math.cos(theta)
        edge = _run_along(np.float32(nx) * slope_x + np.float32(ny) * slope_y, *_line_taps(theta), border)
        _pair_edges(edge, border, side, nx, ny, widest, _SEAM_WEIGHT, _LEAST_EDGE, strength[k], half[k])
    points = _ridges(strength, half)
    if not len(points):
        return points
    light = _nearest(side, points[:, 0], points[:, 1]) < 0
    seen = points[:, 3] * np.where(light, _LIGHT_SHARE, 1.0)
    # what is lighter than the dark shafts beside it is skin between them
    aside = points[:, 4] + _BESIDE_PX
    nx, ny = -np.sin(points[:, 2]), np.cos(points[:, 2])
    beside = [
        _nearest(mix, points[:, 0] + s * aside * nx, points[:, 1] + s * aside * ny) for s in (-1.0, 1.0)
    ]
    seen[light & (np.minimum(*beside) < -_DARK_BESIDE)] = 0.0
    at_half = np.maximum(_NOISES_AT_HALF * _nearest(texture, points[:, 0], points[:, 1]), _LEAST_AT_HALF)
    points[:, 3] = seen**2 / (seen**2 + at_half**2)
    return _split_bundles(points[points[:, 3] > _LEAST_EVIDENCE])


def _half_at(half: Floats, curve: Floats) -> Floats:
    return sample(half, (curve[:, 0] - 0.5) / 2, (curve[:, 1] - 0.5) / 2)


def _refine_ends(curve: Floats, mix: Floats32, half: Floats) -> Floats:
    """Shorten a followed curve at both ends to where its darkness, or lightness, is half of what it is along it."""
    aside = _half_at(half, curve) + _BESIDE_PX
    nx, ny = -np.sin(curve[:, 3]), np.cos(curve[:, 3])
    middle = sample(mix, curve[:, 0], curve[:, 1])
    beside = [sample(mix, curve[:, 0] + s * aside * nx, curve[:, 1] + s * aside * ny) for s in (-1.0, 1.0)]
    depth = np.abs(0.5 * (beside[0] + beside[1]) - middle)
    strong = np.flatnonzero(depth >= 0.5 * np.median(depth))
    return curve[strong[0] : strong[-1] + 1]


def _smooth(evidence: Floats) -> Floats:
    """Mean evidence over a short stretch of a curve."""
    reach = _ALONG_REACH_PX
    padded = np.pad(evidence, reach, mode="edge")
    return np.convolve(padded, np.full(2 * reach + 1, 1.0 / (2 * reach + 1)), mode="valid")


def _is_slender(curve: Floats, half: Floats) -> bool:
    thick = 2 * np.median(_half_at(half, curve))
    return len(curve) >= max(_LEAST_CURVE_PX, _LEAST_SLENDERNESS * float(thick))


def _shadow(red: Floats32, x: float, y: float, theta: float) -> float:
    """How much darker red light is just beyond an end, straight on along theta, than on both sides of there."""
    t = np.arange(_SHADOW_FROM_PX, _SHADOW_TO_PX + 1, dtype=float)
    c, s = math.cos(theta), math.sin(theta)
    ahead = sample(red, x + t * c, y + t * s)
    a = _SHADOW_ASIDE_PX
    beside = 0.5 * (
        sample(red, x + t * c - a * s, y + t * s + a * c) + sample(red, x + t * c + a * s, y + t * s - a * c)
    )
    return float(np.clip(beside - ahead, -_SHADOW_LIMIT, _SHADOW_LIMIT).mean())


def _first_is_root(curves: list[Floats], red: Floats32) -> Floats:
    """How sure each curve's first point is its root, in [-1, 1]: by the shadow of the shaft under skin, and by its neighbours."""
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


@njit(cache=True)  # type: ignore[misc]
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
    """Draw one curve on the half grid: its two ends, its direction and its strip, the nearest line speaking."""
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
    """Evidence maps of a picture, by edges that face each other; what lies beyond about two millimetres changes nothing.

    Args:
        contrast: (h, w, 3) log contrast on the detection grid (about 8 µm per pixel, as half widths up to 88 µm are tried).

    Returns:
        Evidence maps; no shaft, no evidence.
    """
    mix, texture = _grey(contrast)
    h, w = mix.shape
    size = ((h + 1) // 2, (w + 1) // 2)
    single, half = np.zeros((ORIENTATIONS, h, w), np.float32), np.full(size, _NO_SHAFT_HALF_PX, np.float32)
    _draw_lines(_find_ridges(mix, texture), _LINE_SIGMA_PX, single, half)
    found = [_refine_ends(curve, mix, half) for curve in follow_curves(single, half, FollowSettings())]
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
        lifted=lifted,
        root=ends[0],
        tip=ends[1],
        direction=direction,
        half_width_px=half,
        shaft=shaft,
    )
