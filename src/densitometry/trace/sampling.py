"""What planes read between their pixels and along lines. All places are pixels of the detection grid.

Lines are short and many, so that a call costs more than its sums: each call is one compiled loop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def sample(plane: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear samples (n,) of a plane (h, w) at points; coordinates beyond the edge read the edge."""
    return np.asarray(_read(_planes(plane), _places(x), _places(y))[:, 0])


def sample_colours(planes: Floats, points: Floats) -> Floats:
    """Bilinear samples (n, c) of planes (h, w, c) at points (n, 2) [x, y]; beyond the edge as `sample`."""
    return np.asarray(_read(_planes(planes), _places(points[:, 0]), _places(points[:, 1])))


def beside(points: Floats, planes: Floats, across_px: tuple[float, ...] | Floats) -> Floats:
    """Sample planes (h, w) or (h, w, c) across a line (n, 2) at m offsets: (n, m, c)."""
    return np.asarray(_beside(_places(points), _planes(planes), np.asarray(across_px, np.float64)))


def _planes(planes: Floats) -> NDArray[np.float32]:
    """Planes (h, w) or (h, w, c) as (h, w, c), as they lie where they are so already."""
    whole = np.ascontiguousarray(planes, np.float32)
    return whole.reshape(*whole.shape[:2], -1)


def _places(values: Floats) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64)


@njit(cache=True, nogil=True)
def _put(planes: NDArray[np.float32], x: float, y: float, out: Floats) -> None:
    """Write the samples of planes (h, w, c) at one point to `out` (c,)."""
    height, width, count = planes.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    across, down = x - left, y - top
    for c in range(count):
        upper = planes[top, left, c] * (1.0 - across) + planes[top, right, c] * across
        lower = planes[bottom, left, c] * (1.0 - across) + planes[bottom, right, c] * across
        out[c] = upper * (1.0 - down) + lower * down


@njit(cache=True, nogil=True)
def _read(planes: NDArray[np.float32], x: Floats, y: Floats) -> Floats:
    out = np.empty((len(x), planes.shape[2]))
    for i in range(len(x)):
        _put(planes, x[i], y[i], out[i])
    return out


@njit(cache=True, nogil=True)
def _beside(points: Floats, planes: NDArray[np.float32], across_px: Floats) -> Floats:
    n = len(points)
    out = np.empty((n, len(across_px), planes.shape[2]))
    for i in range(n):
        before, after = max(0, i - 1), min(n - 1, i + 1)
        dx, dy = points[after, 0] - points[before, 0], points[after, 1] - points[before, 1]
        length = max(math.hypot(dx, dy), 1e-9)
        for k in range(len(across_px)):
            aside = across_px[k] / length
            _put(planes, points[i, 0] - aside * dy, points[i, 1] + aside * dx, out[i, k])
    return out
