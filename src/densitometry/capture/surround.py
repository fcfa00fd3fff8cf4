"""The dark surround of a round field of view (vignette), or of a field of another shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.model import BoolArray, FloatArray

_WORK_SIDE_PX = 512
# 8-bit level of a surround: sensor floor and stray light stay below.
_DARK_LEVEL = 55
# Without a circle as evidence, only what is darker than any skin.
_BLACK_LEVEL = 25
_LIT_STEP = 15
_CORNER_SHARE = 0.03
_CORNER_DARK_SHARE = 0.97
_LEAST_CORNERS = 3
_RAYS = 360
# The field begins where nine tenths of the light inside is reached: a soft edge shows no fine hair.
_LIT_SHARE = 0.9
_INNER_BAND = (0.80, 0.94)
_FIT_TOLERANCE = 0.015
_LEAST_AGREEING = 0.6
_LEAST_RAYS = 90
_RADIUS_RANGE = (0.25, 0.75)
# Fallback for other shapes: hairs that touch the surround are thinner than this share of the shorter side.
_OPENING_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class Circle:
    """Centre [x, y] and radius [px]."""

    x: float
    y: float
    radius: float


def dark_surround(rgb: NDArray[np.uint8]) -> BoolArray | None:
    """Return (H, W) bool, True outside the field of view; None when the picture has no dark surround.

    A surround needs at least three dark corners; its edge is fitted as a circle, robust to hairs that cross
    it. Where no circle fits, the dark area that touches the frame is taken, less what is as thin as hair.
    """
    corners = _corner_levels(rgb)
    if len(corners) < _LEAST_CORNERS:
        return None
    height, width = rgb.shape[:2]
    factor = min(1.0, _WORK_SIDE_PX / max(height, width))
    small = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else rgb
    red, green, blue = cv2.split(small)
    bright = np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
    circle = _fit(bright, float(np.median(corners)) + _LIT_STEP)
    if circle is None:
        return _other_shape(bright, (width, height))
    # Centres of pixels: (x + 1/2) scales, not x.
    scale_x, scale_y = width / small.shape[1], height / small.shape[0]
    x, y = (circle.x + 0.5) * scale_x - 0.5, (circle.y + 0.5) * scale_y - 0.5
    radius = circle.radius * 0.5 * (scale_x + scale_y)
    rows = (np.arange(height, dtype=np.float32) - np.float32(y))[:, None]
    columns = (np.arange(width, dtype=np.float32) - np.float32(x))[None, :]
    return np.asarray(rows * rows + columns * columns > np.float32(radius**2), np.bool_)


def _corner_levels(rgb: NDArray[np.uint8]) -> list[float]:
    """Return the level of each dark corner of the frame."""
    side = max(4, round(_CORNER_SHARE * min(rgb.shape[:2])))
    triangle = np.add.outer(np.arange(side), np.arange(side)) < side
    levels = []
    for corner in (rgb, rgb[:, ::-1], rgb[::-1], rgb[::-1, ::-1]):
        samples = corner[:side, :side][triangle].max(axis=1)
        if (samples < _DARK_LEVEL).mean() >= _CORNER_DARK_SHARE:
            levels.append(float(np.median(samples)))
    return levels


def _fit(bright: NDArray[np.uint8], lit_level: float) -> Circle | None:
    """Fit the edge twice: from the picture's middle, then from the circle found."""
    height, width = bright.shape
    smooth = cv2.GaussianBlur(bright, (0, 0), 1.0)
    circle = Circle((width - 1) / 2, (height - 1) / 2, 0.5 * min(height, width))
    for share in (0.5, _LIT_SHARE, _LIT_SHARE):
        points = _edge_points(smooth, circle, lit_level, share)
        found = _robust_circle(points, circle) if len(points) >= _LEAST_RAYS else None
        if found is None:
            return None
        circle = found
    low, high = (share * max(height, width) for share in _RADIUS_RANGE)
    return circle if low <= circle.radius <= high else None


def _edge_points(smooth: NDArray[np.uint8], circle: Circle, lit_level: float, lit_share: float) -> FloatArray:
    """Return (N, 2) points [x, y] where rays from the centre leave the light for good, inside the frame."""
    height, width = smooth.shape
    reach = float(np.hypot(max(circle.x, width - circle.x), max(circle.y, height - circle.y)))
    steps = np.arange(0.0, reach, 0.5)
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    x = (circle.x + np.outer(np.cos(angles), steps)).astype(np.float32)
    y = (circle.y + np.outer(np.sin(angles), steps)).astype(np.float32)
    rays = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0).astype(
        np.float32
    )
    within = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    points = []
    for ray, shown, xs, ys in zip(rays, within, x, y, strict=True):
        last = int(np.count_nonzero(shown)) - 1
        lit = np.flatnonzero(ray[: last + 1] >= lit_level)
        if lit.size == 0 or lit[-1] >= last - 4:
            continue
        outer = int(lit[-1])
        band = ray[
            int(_INNER_BAND[0] * outer) : max(int(_INNER_BAND[1] * outer), int(_INNER_BAND[0] * outer) + 1)
        ]
        floor = float(np.median(ray[outer + 2 : last + 1]))
        level = floor + lit_share * (float(np.median(band)) - floor)
        inner = np.flatnonzero(ray[: outer + 1] >= level)
        if inner.size:
            points.append((xs[inner[-1]], ys[inner[-1]]))
    return np.asarray(points, np.float64).reshape(-1, 2)


def _robust_circle(points: FloatArray, start: Circle) -> Circle | None:
    """Fit by algebraic least squares (Kåsa), dropping what lies far from the circle found so far."""
    keep = np.ones(len(points), np.bool_)
    circle = start
    for _ in range(8):
        x, y = points[keep].T
        system = np.column_stack((x, y, np.ones_like(x)))
        a, b, c = np.linalg.lstsq(system, x * x + y * y, rcond=None)[0]
        squared = c + (a * a + b * b) / 4
        if squared <= 0:
            return None
        circle = Circle(float(a / 2), float(b / 2), float(np.sqrt(squared)))
        miss = np.abs(np.hypot(points[:, 0] - circle.x, points[:, 1] - circle.y) - circle.radius)
        keep = miss <= max(_FIT_TOLERANCE * circle.radius, float(np.median(miss)) * 1.5)
        if keep.sum() < _LEAST_RAYS // 2:
            return None
    agreeing = miss <= _FIT_TOLERANCE * circle.radius
    return circle if agreeing.mean() >= _LEAST_AGREEING else None


def _other_shape(bright: NDArray[np.uint8], size: tuple[int, int]) -> BoolArray | None:
    dark = (bright < _BLACK_LEVEL).astype(np.uint8)
    side = max(3, round(_OPENING_SHARE * min(bright.shape)))
    # The frame continues the dark, or an opening would free a thin border.
    wide = cv2.copyMakeBorder(dark, side, side, side, side, cv2.BORDER_CONSTANT, value=1)
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))[side:-side, side:-side]
    count, labels = cv2.connectedComponents(np.ascontiguousarray(opened), connectivity=4)
    border = np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
    touching = np.isin(np.arange(count), border)
    touching[0] = False
    if not touching.any():
        return None
    mask = touching[labels].astype(np.uint8)
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.bool_)
