"""Before the fit of a cross-section: its tones, relative to the skin beside it, and the first cuts.

All lengths are native pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

NOISE = 0.02
"""Texture of skin and roughness of shafts, relative to the skin's light, in one bin."""
_SENSOR_NOISE = 0.006
"""Noise of a sample, as a share of full scale."""
_COLOUR_SHARE = 0.05
"""What red and blue count beside the luma of a dark shaft: most files keep colour at half the resolution
(JPEG 4:2:0). A shaft not darker than skin by `_DARK` may show in colour alone, which then counts in full."""
_DARK = 0.25
_CORE = 0.6
_BESIDE_STREAK = (0.35, 0.8)
"""Parts of the half width: where a shaft's own tone is read, and where its streak seldom lies."""
_EXPECTED_SPREAD, _DOUBT, _STREAK_TRUST, _FOUND_STREAK_TRUST = 0.2, 0.06, 0.25, 1e-3
"""First cuts: log spread of the expected width, and what share of the variance it weighs."""


@njit(cache=True)
def relative(
    t: Floats,
    values: Floats,
    count: Floats,
    n: int,
    a: float,
    b: float,
    place: float,
    reach: float,
    share: Floats,
) -> tuple[float, float]:
    """Divide each colour by the skin's light beside the shaft; return contrast and optical density.

    Bins within `reach` of `place`, where a streak lies, do not tell the shaft's tone. `share` is filled with
    how much a colour is to be believed beside the sensor's noise.
    """
    contrast = density = 0.0
    colour = 1.0
    for c in range(3):
        skin = beside = core = inside = flank = aside = 0.0
        for j in range(n):
            v = abs(2.0 * t[j] - a - b) / (b - a)
            if v > 1.0:
                skin += count[j] * values[c, j]
                beside += count[j]
            elif abs(t[j] - place) < reach:
                continue
            elif v < _CORE or reach > 0.0:
                core += count[j] * values[c, j]
                inside += count[j]
            if _BESIDE_STREAK[0] < v < _BESIDE_STREAK[1]:
                flank += count[j] * values[c, j]
                aside += count[j]
        level = max(0.01, skin / max(beside, 1e-9)) if beside > 0 else 0.5
        middle = core / inside if inside > 0 else level
        share[c] = 1.0 / (1.0 + (_SENSOR_NOISE / (level * NOISE)) ** 2)
        if c == 0:
            unseen = 1.0 if reach > 0.0 else 0.0
            depth = 1.0 - flank / aside / level if aside > 0 else unseen
            colour = _COLOUR_SHARE + (1.0 - _COLOUR_SHARE) / (1.0 + math.exp((depth - _DARK) / 0.04))
        else:
            share[c] *= colour
        contrast += (middle / level - 1.0) ** 2 / 3.0
        density += (math.log(level) - math.log(max(middle, 1e-3))) / 3.0
        for j in range(n):
            values[c, j] /= level
    return math.sqrt(contrast), density


@njit(cache=True)
def first_edges(
    t: Floats,
    values: Floats,
    count: Floats,
    share: Floats,
    n: int,
    half_width: float,
    place: float,
    reach: float,
    rims: Floats,
    see_left: bool,
    see_right: bool,
) -> tuple[float, float]:
    """Return the two cuts that split a cross-section into its most even pieces, near where they are expected.

    All pairs of cuts are tried, so that a width expected far too large or small does not trap the fit. Edges
    lie outside the rims of a streak: `rims` holds both places.
    """
    mass = np.zeros(n + 1)
    sums = np.zeros((3, n + 1))
    total = 0.0
    for j in range(n):
        # the middle may hold a bright streak
        trust = count[j] * (1.0 if abs(t[j]) > 0.5 * half_width or reach > 0.0 else _STREAK_TRUST)
        if abs(t[j] - place) < reach:
            trust = _FOUND_STREAK_TRUST
        mass[j + 1] = mass[j] + trust
        for c in range(3):
            sums[c, j + 1] = sums[c, j] + trust * values[c, j]
            total += share[c] * trust * values[c, j] ** 2
    for c in range(3):
        total -= share[c] * sums[c, n] ** 2 / mass[n]
    slack = 0.5 * half_width + 1.0
    centre_spread = 1.0 + 0.15 * half_width
    best = 1e300
    best_a, best_b = -half_width, half_width
    for i in range(1, n if see_left else 2):
        a = 0.5 * (t[i - 1] + t[i]) if see_left else -half_width
        first = i if see_left else 0
        if see_left and (abs(a + half_width) > slack or a > rims[0]):
            continue
        for k in range(first + 1, n if see_right else first + 2):
            b = 0.5 * (t[k - 1] + t[k]) if see_right else -a
            last = k if see_right else n
            if not see_left:
                a = -b
            if see_right and (abs(b - half_width) > slack or b < rims[1]):
                continue
            if b - a < 0.5 * half_width or last <= first:
                continue
            gain = 0.0
            for c in range(3):
                if first > 0:
                    gain += share[c] * sums[c, first] ** 2 / mass[first]
                gain += share[c] * (sums[c, last] - sums[c, first]) ** 2 / (mass[last] - mass[first])
                if last < n:
                    gain += share[c] * (sums[c, n] - sums[c, last]) ** 2 / (mass[n] - mass[last])
                gain -= share[c] * sums[c, n] ** 2 / mass[n]
            stretch = math.log(0.5 * (b - a) / half_width) / _EXPECTED_SPREAD
            shift = 0.5 * (a + b) / centre_spread
            score = total * _DOUBT * (stretch * stretch + shift * shift) - gain
            if score < best:
                best, best_a, best_b = score, a, b
    return best_a, best_b
