"""Cross-sections of shafts in linear light: the pixels beside a hair, binned by their distance from its line.

All lengths are native pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

BIN_PX, WIDE_BIN_PX, WIDE_HALF_PX = 0.5, 0.8, 6.0
"""Pixels of a cross-section are averaged in bins of this width; the second from this half width on."""
MOST_BINS = 256


@njit(cache=True)
def gather(
    pixels: NDArray[Any],
    table: Floats,
    x: float,
    y: float,
    nx: float,
    ny: float,
    reach: float,
    along: float,
    bin_px: float,
    offset: Floats,
    light: Floats,
    count: Floats,
) -> int:
    """Bin the pixels of an oriented box by their distance from a hair's line.

    Every pixel speaks once, where it is: nothing is interpolated, so the picture's blur and noise stay as
    they are.

    Args:
        pixels: (H, W, 3) codes, uint8, or linear light if `table` is empty.
        table: linear light of each 8-bit code, or empty.
        x, y, nx, ny: middle of the box and unit normal of the hair.
        reach: half width of the box across the hair.
        along: half length of the box along the hair.
        bin_px: width of a bin.
        offset, light, count: (B,), (B, 3), (B,) filled with the mean offset, the mean linear light of luma,
            red and blue, and the pixels of each bin.

    Returns:
        Number of bins, empty ones (count 0) included.
    """
    height, width, _ = pixels.shape
    coded = len(table) > 0
    n_side = min(int(reach / bin_px) + 1, (MOST_BINS - 1) // 2)
    bins = 2 * n_side + 1
    count[:bins] = 0.0
    offset[:bins] = 0.0
    light[:bins] = 0.0
    extent = reach * abs(ny) + along * abs(nx)
    for row in range(max(0, int(math.ceil(y - extent))), min(height - 1, int(math.floor(y + extent))) + 1):
        dy = row - y
        low, high = -1e9, 1e9
        if abs(nx) > 1e-6:
            p, q = (-reach - dy * ny) / nx, (reach - dy * ny) / nx
            low, high = max(low, min(p, q)), min(high, max(p, q))
        elif abs(dy * ny) > reach:
            continue
        if abs(ny) > 1e-6:
            p, q = (dy * nx - along) / ny, (dy * nx + along) / ny
            low, high = max(low, min(p, q)), min(high, max(p, q))
        elif abs(dy * nx) > along:
            continue
        first = max(0, int(math.ceil(max(-1e6, x + low))))
        last = min(width - 1, int(math.floor(min(1e6, x + high))))
        for column in range(first, last + 1):
            off = (column - x) * nx + dy * ny
            k = int(math.floor(off / bin_px + 0.5)) + n_side
            if k < 0 or k >= bins:
                continue
            count[k] += 1.0
            offset[k] += off
            red, green, blue = pixels[row, column, 0], pixels[row, column, 1], pixels[row, column, 2]
            if coded:
                luma = int(0.299 * red + 0.587 * green + 0.114 * blue + 0.5)
                light[k, 0] += table[luma]
                light[k, 1] += table[int(red)]
                light[k, 2] += table[int(blue)]
            else:
                light[k, 0] += 0.299 * red + 0.587 * green + 0.114 * blue
                light[k, 1] += red
                light[k, 2] += blue
    for k in range(bins):
        if count[k] > 0:
            offset[k] /= count[k]
            for c in range(3):
                light[k, c] /= count[k]
    return bins
