"""The bright streak along a shaft in one cross-section: found between two rims darker than the skin.

Light that a shaft's surface throws back is often brighter than the skin beside a dark shaft, and narrow; the
bright middle of a clear shaft, between rims where light is bent away, looks alike. Neither is part of the
shaft's tone, and their edges are none of the shaft's: those lie outside the rims. All lengths are native
pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.pieces import PLACE, WIDTHS

Floats = NDArray[np.floating[Any]]

_INNER, _OUTER = 0.8, 1.6
"""Share of the expected half width within which a streak lies, and within which its rims do."""
_LEAST_RELIEF, _LEAST_RIM = 0.12, 0.1
"""A streak rises so much above both rims, and they lie so much below the skin, relative to its light. With
rims of 0.05 grey hair of the second renderer loses 0.4 µm of bias, the simulator's gains 0.4 µm of error."""
_NARROWER, _WIDER = 0.75, 1.35
"""A streak lies between two Gaussians of these widths, relative to that read off its upper half."""
_FWHM = 2.3548
_NARROWEST_PX = 0.3
_CLEAR_OF = 1.5
"""Bins within so many widths of a streak do not tell the shaft's tone."""


@njit(cache=True)
def find_streak(
    t: Floats,
    values: Floats,
    count: Floats,
    n: int,
    half_width: float,
    sigma: float,
    streak: Floats,
    rims: Floats,
) -> float:
    """Find the streak in the colour that shows it best, if luma shows dark rims.

    Args:
        t: (n,) offsets from the hair's line, growing.
        values: (3, n) linear light, luma first.
        count: (n,) pixels behind each value.
        n: number of bins used.
        half_width, sigma: expected half width and blur.
        streak: filled with its place and the two widths it lies between; widths of 0 where there is none.
        rims: filled with the darkest places on either side of it; +inf and -inf where there is none.

    Returns:
        Half the width of what the streak covers, as seen through the blur; 0 where there is none.
    """
    streak[:] = 0.0
    rims[0], rims[1] = math.inf, -math.inf
    best = reach = 0.0
    for c in range(3):
        light = values[c]
        peak = -1
        for j in range(n):
            if abs(t[j]) <= _INNER * half_width and (peak < 0 or light[j] > light[peak]):
                peak = j
        if peak < 0:
            return 0.0
        left = right = peak
        skin = beside = 0.0
        for j in range(n):
            if abs(t[j]) > _OUTER * half_width:
                skin += count[j] * light[j]
                beside += count[j]
            elif j < peak and light[j] <= light[left]:
                left = j
            elif j > peak and light[j] < light[right]:
                right = j
        found = peak not in (left, right) and skin > 0.0
        skin /= max(beside, 1e-9)
        rim = max(light[left], light[right])
        if c == 0 and (not found or rim > (1.0 - _LEAST_RIM) * skin):
            return 0.0
        relief = (light[peak] - rim) / max(skin, 1e-9)
        if not found or relief < max(_LEAST_RELIEF, best):
            continue
        best = relief
        middle = 0.5 * (light[peak] + rim)
        first = _crossing(t, light, peak, left, -1, middle)
        last = _crossing(t, light, peak, right, 1, middle)
        seen = (last - first) / _FWHM
        width = math.sqrt(max(_NARROWEST_PX**2, seen * seen - sigma * sigma))
        streak[PLACE] = 0.5 * (first + last)
        rims[0], rims[1] = t[left], t[right]
        streak[WIDTHS], streak[WIDTHS + 1] = _NARROWER * width, _WIDER * width
        reach = _CLEAR_OF * max(seen, 0.5 * sigma)
    return reach


@njit(cache=True)
def _crossing(t: Floats, light: Floats, peak: int, end: int, way: int, level: float) -> float:
    """Return where the light, going from the peak to one rim, falls to a level."""
    j = peak
    while j != end and light[j + way] > level:
        j += way
    if j == end:
        return float(t[end])
    drop = light[j] - light[j + way]
    return float(t[j] + (t[j + way] - t[j]) * (light[j] - level) / max(drop, 1e-9))
