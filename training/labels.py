"""What the network is asked to say about a patch, drawn from exact hair geometry.

Grid: one pixel is 8 µm; maps marked half are on the 16 µm grid. Directions run root to tip.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.maps import ORIENTATIONS

CENTRE_SIGMA_PX = 1.0
END_SIGMA_HALF_PX = 1.4

Floats = NDArray[np.float32]


@njit(cache=True)
def _draw_hair(
    x: Floats,
    y: Floats,
    half_width: Floats,
    required: bool,
    lifted: Floats,
    half: Floats,
    nearest: Floats,
    ignore: Floats,
) -> None:
    """Draw one hair, given by samples about half a pixel apart, into the label maps."""
    k_bins, size_y, size_x = lifted.shape
    n = len(x)
    for i in range(n):
        a, b = max(0, i - 3), min(n - 1, i + 3)
        dx, dy = x[b] - x[a], y[b] - y[a]
        norm = math.hypot(dx, dy)
        if norm < 1e-6:
            continue
        dx, dy = dx / norm, dy / norm
        u = (math.atan2(dy, dx) % math.pi) / math.pi * k_bins
        k0 = int(u) % k_bins
        k1 = (k0 + 1) % k_bins
        f = u - int(u)
        cx, cy = int(round(x[i])), int(round(y[i]))
        for py in range(max(0, cy - 4), min(size_y, cy + 5)):
            for px in range(max(0, cx - 4), min(size_x, cx + 5)):
                d2 = (px - x[i]) ** 2 + (py - y[i]) ** 2
                if not required:
                    if d2 < 9.0:
                        ignore[py, px] = 1.0
                    continue
                g = math.exp(-d2 / (2 * CENTRE_SIGMA_PX**2))
                lifted[k0, py, px] = max(lifted[k0, py, px], (1 - f) * g)
                lifted[k1, py, px] = max(lifted[k1, py, px], f * g)
        if not required:
            continue
        hx, hy, hw = (x[i] - 0.5) / 2, (y[i] - 0.5) / 2, half_width[i] / 2
        radius = int(max(2.0, hw + 1.5))
        cx, cy = int(round(hx)), int(round(hy))
        for py in range(max(0, cy - radius), min(size_y // 2, cy + radius + 1)):
            for px in range(max(0, cx - radius), min(size_x // 2, cx + radius + 1)):
                d = math.hypot(px - hx, py - hy)
                if d < nearest[py, px]:
                    nearest[py, px] = d
                    half[2, py, px] = dx
                    half[3, py, px] = dy
                    half[4, py, px] = math.log(max(half_width[i], 0.3))
                half[5, py, px] = max(half[5, py, px], min(1.0, max(0.0, hw - d + 0.5)))


@njit(cache=True)
def _draw_end(x: float, y: float, channel: int, half: Floats) -> None:
    hx, hy = (x - 0.5) / 2, (y - 0.5) / 2
    for py in range(max(0, int(hy) - 5), min(half.shape[1], int(hy) + 7)):
        for px in range(max(0, int(hx) - 5), min(half.shape[2], int(hx) + 7)):
            d2 = (px - hx) ** 2 + (py - hy) ** 2
            half[channel, py, px] = max(half[channel, py, px], math.exp(-d2 / (2 * END_SIGMA_HALF_PX**2)))


def draw_labels(hairs: list[dict[str, Any]], size: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw the label maps of one patch.

    Args:
        hairs: dicts with `line` (N, 2) root first and `width` (N,), both in patch pixels; `required` bool
            (False: too hidden or too faint to be asked for; it is neither right nor wrong).
        size: edge of the patch [8 µm px], even.

    Returns:
        lifted (ORIENTATIONS, size, size), half maps (6, size/2, size/2: root, tip, direction x, direction y,
        log half width, shaft), near (size/2, size/2) 1 where direction and width are defined,
        ignore (size, size).
    """
    lifted = np.zeros((ORIENTATIONS, size, size), np.float32)
    half = np.zeros((6, size // 2, size // 2), np.float32)
    nearest = np.full((size // 2, size // 2), 1e6, np.float32)
    ignore = np.zeros((size, size), np.float32)
    for hair in hairs:
        line, width = hair["line"].astype(np.float64), hair["width"].astype(np.float64)
        if (
            line[:, 0].max() < -8
            or line[:, 1].max() < -8
            or line[:, 0].min() > size + 8
            or line[:, 1].min() > size + 8
        ):
            continue
        along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        if along[-1] < 1:
            continue
        t = np.linspace(0, along[-1], max(3, int(along[-1] * 2)))
        x = np.interp(t, along, line[:, 0]).astype(np.float32)
        y = np.interp(t, along, line[:, 1]).astype(np.float32)
        w = np.interp(t, along, width).astype(np.float32) / 2
        _draw_hair(x, y, w, bool(hair["required"]), lifted, half, nearest, ignore)
        if hair["required"]:
            _draw_end(float(x[0]), float(y[0]), 0, half)
            _draw_end(float(x[-1]), float(y[-1]), 1, half)
    ignore[lifted.max(0) > 0.2] = 0.0
    return lifted, half, (nearest < 2.0).astype(np.float32), ignore
