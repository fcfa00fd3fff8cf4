"""Strips between two edges that face each other: where shafts may run, each place asked alone.

A shaft is a strip, darker or lighter than the skin. Every place of the grid is asked, for every orientation,
at which half width the weaker of its two edges is strongest; ridges of that answer are centre lines.
All lengths are pixels of the detection grid; what is read lies within 100 px, most of it within 20 px.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Floats32 = NDArray[np.float32]

_FINE = 12
"""Orientations asked for: twice the bins of the maps, so that a line is at most 7.5° off at first."""
_EDGE_SIGMA_PX = 1.0
_SOBEL = 0.125
"""Makes the 3 × 3 Sobel operator a slope per pixel."""
_ALONG_SIGMA_PX = 3.5
_ALONG_REACH_PX = 8
_WIDEST_HALF_PX = 11
_WIDEST_LIGHT_HALF_PX = 7
_BUNDLE_HALF_PX = 6.8
"""A strip with a larger half width (110 µm thick on an 8 µm grid) is two shafts, fused side by side."""
_SEAM_WEIGHT = 0.6
"""Share of an edge inside the strip that faces the wrong way, and so parts it, taken off its answer."""
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
"""Edge strength at which evidence is one half: so many times local texture, at least so much per pixel."""
_LEAST_EVIDENCE = 0.05
_BESIDE_PX = 3.0


def _coarse_size(h: int, w: int) -> tuple[int, int]:
    """Width and height of the coarse grid."""
    return max(1, -(-w // _COARSE)), max(1, -(-h // _COARSE))


def mix_channels(contrast: Floats) -> tuple[Floats32, Floats32]:
    """Mix the channels by the inverse of their local noise; return the mix and local texture, (h, w) each.

    Texture is the local mean slope, in log contrast per pixel.
    """
    h, w = contrast.shape[:2]
    small = _coarse_size(h, w)
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


@njit(cache=True)
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


@njit(cache=True, inline="always")
def _at(plane: Floats, x: float, y: float) -> float:
    h, w = plane.shape
    if not (0.0 <= x < w - 1 and 0.0 <= y < h - 1):
        return 0.0
    x0, y0 = int(x), int(y)
    fx, fy = x - x0, y - y0
    top = plane[y0, x0] * (1 - fx) + plane[y0, x0 + 1] * fx
    low = plane[y0 + 1, x0] * (1 - fx) + plane[y0 + 1, x0 + 1] * fx
    return float(top * (1 - fy) + low * fy)


@njit(cache=True)
def _shares(dx: float, dy: float, into: Floats) -> tuple[int, int]:
    """Whole part of an offset, and the bilinear weights of its four pixels."""
    ix, iy = math.floor(dx), math.floor(dy)
    fx, fy = dx - ix, dy - iy
    into[0], into[1], into[2], into[3] = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    return ix, iy


@njit(cache=True, inline="always")
def _mixed(plane: Floats, x: int, y: int, share: Floats) -> float:
    top = share[0] * plane[y, x] + share[1] * plane[y, x + 1]
    return float(top + share[2] * plane[y + 1, x] + share[3] * plane[y + 1, x + 1])


@njit(cache=True)
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
    """Fill strength (the weaker edge of the best strip) and its half width at every place that has a side.

    The plane of edges has a border of its own; the offsets of one orientation are the same everywhere.
    """
    h, w = side.shape
    most = max(widest)
    answers = np.zeros(most + 2)
    share = np.zeros((2, most + 1, 4), np.float32)
    step = np.zeros((2, most + 1, 2), np.int64)
    for r in range(1, most + 1):
        for j in range(2):
            way = 1 - 2 * j
            dx, dy = _shares(way * r * nx, way * r * ny, share[j, r])
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
                wrong = max(wrong, -left, -right)
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


@njit(cache=True)
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


def find_ridges(mix: Floats32, texture: Floats32) -> Floats:
    """Centre-line points, each found alone.

    Args:
        mix: (h, w) mixed log contrast, lightly smoothed, from `mix_channels`.
        texture: (h, w) local mean slope of the skin around [log contrast per pixel].

    Returns:
        (N, 5): x, y, direction [rad], evidence in [0, 1], half width [px].
    """
    h, w = mix.shape
    small = cv2.resize(mix, _coarse_size(h, w), interpolation=cv2.INTER_AREA)
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
    off_x, off_y = -aside * np.sin(points[:, 2]), aside * np.cos(points[:, 2])
    beside = [_nearest(mix, points[:, 0] + s * off_x, points[:, 1] + s * off_y) for s in (-1.0, 1.0)]
    seen[light & (np.minimum(*beside) < -_DARK_BESIDE)] = 0.0
    at_half = np.maximum(_NOISES_AT_HALF * _nearest(texture, points[:, 0], points[:, 1]), _LEAST_AT_HALF)
    points[:, 3] = seen**2 / (seen**2 + at_half**2)
    return _split_bundles(points[points[:, 3] > _LEAST_EVIDENCE])
