"""Fit bars with square ends to the darkness of a small straightened stretch of a picture.

A bar is six numbers: offset, slope and bow of its middle across the stretch as a function of the place along
it, the places where it begins and ends, and its half width [px]. Bars cover each other: what either covers is
dark.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

OFFSET, SLOPE, BOW, BEGIN, END, HALF_WIDTH = range(6)
_EDGE_PX = 1.8
"""Half the width of a bar's blurred edge: about that of shafts on the detection grid."""
_THINNEST_PX, _SHORTEST_PX = 1.0, 5.0
_LONGEST_STEP = 3.0
_DAMPING, _DAMPED_MORE, _DAMPED_LESS, _TRIES = 1e-2, 4.0, 0.3, 5
_SETTLED = 1e-3
"""Fitting ends where a step lowers the cost by less than this share."""


@njit(cache=True, nogil=True)
def _edge(x: float) -> tuple[float, float]:
    """Return the share covered at a depth x beyond an edge, and its slope."""
    if x >= _EDGE_PX:
        return 1.0, 0.0
    if x <= -_EDGE_PX:
        return 0.0, 0.0
    z = 0.5 * (x / _EDGE_PX + 1.0)
    return z * z * (3.0 - 2.0 * z), 3.0 * z * (1.0 - z) / _EDGE_PX


@njit(cache=True, nogil=True)
def _row(bar: Floats, s: float, row: Floats) -> None:
    """Write what all places of one cross-section share: middle, cosine, and both ends with their slopes."""
    lean = bar[SLOPE] + 2.0 * bar[BOW] * s
    row[0] = bar[OFFSET] + (bar[SLOPE] + bar[BOW] * s) * s
    row[1] = 1.0 / math.sqrt(1.0 + lean * lean)
    row[2], row[3] = _edge((s - bar[BEGIN]) / row[1])
    row[4], row[5] = _edge((bar[END] - s) / row[1])


@njit(cache=True, nogil=True)
def _normal(
    bars: Floats,
    along: Floats,
    across: Floats,
    fill: Floats,
    weight: Floats,
    step: int,
    square: Floats,
    pull: Floats,
) -> float:
    """Write the normal equations of a fit to every step-th cross-section; return its cost."""
    n = bars.shape[0]
    square[:] = 0.0
    pull[:] = 0.0
    rows = np.empty((n, 6))
    cover, slope = np.empty(n), np.empty(6 * n)
    cost = 0.0
    for i in range(0, along.shape[0], step):
        s = along[i]
        for k in range(n):
            _row(bars[k], s, rows[k])
        for j in range(across.shape[0]):
            w = weight[i, j]
            if w == 0.0:
                continue
            left, moved = 1.0, False
            for k in range(n):
                middle, cosine, first, first_slope, last, last_slope = rows[k]
                apart = (across[j] - middle) * cosine
                one, one_slope = _edge(bars[k, HALF_WIDTH] - apart)
                other, other_slope = _edge(bars[k, HALF_WIDTH] + apart)
                inside = max(0.0, one + other - 1.0)
                cover[k] = inside * first * last
                left *= 1.0 - cover[k]
                shift = (one_slope - other_slope) * cosine * first * last
                slope[6 * k + OFFSET] = shift
                slope[6 * k + SLOPE] = shift * s
                slope[6 * k + BOW] = shift * s * s
                slope[6 * k + BEGIN] = -inside * last * first_slope / cosine
                slope[6 * k + END] = inside * first * last_slope / cosine
                slope[6 * k + HALF_WIDTH] = (one_slope + other_slope) * first * last
                # slopes of edges are never negative
                moved = moved or one_slope + other_slope + first_slope + last_slope > 0.0
            error = fill[i, j] - (1.0 - left)
            cost += w * error * error
            if not moved:
                continue
            for k in range(n):
                alone = 1.0
                for m in range(n):
                    if m != k:
                        alone *= 1.0 - cover[m]
                for m in range(6 * k, 6 * k + 6):
                    slope[m] *= alone
            for a in range(6 * n):
                if slope[a] != 0.0:
                    pull[a] += w * slope[a] * error
                    for b in range(a + 1):
                        square[a, b] += w * slope[a] * slope[b]
    for a in range(6 * n):
        for b in range(a):
            square[b, a] = square[a, b]
    return cost


@njit(cache=True, nogil=True)
def fit_bars(
    bars: Floats,
    along: Floats,
    across: Floats,
    fill: Floats,
    weight: Floats,
    usual: Floats,
    firmness: Floats,
    step: int,
    steps: int,
) -> tuple[Floats, float, float]:
    """Fit bars to a stretch by damped least squares.

    Args:
        bars: (k, 6) where to start.
        along: (n,) places along the stretch [px].
        across: (m,) places across it [px].
        fill: (n, m) in [0, 1]: how dark, as a share of a shaft.
        weight: (n, m) how much a place counts.
        usual: (k, 6) what the numbers of a bar are held to.
        firmness: (k, 6) what a departure from it costs, squared.
        step: every how many cross-sections are looked at.
        steps: most steps of the fit.

    Returns:
        Bars (k, 6), the cost of what they leave, and that cost with what departures cost.
    """
    size = 6 * bars.shape[0]
    square, pull = np.empty((size, size)), np.empty(size)
    trial_square, trial_pull = np.empty((size, size)), np.empty(size)
    cost = _normal(bars, along, across, fill, weight, step, square, pull)
    price = cost + np.sum(firmness * (bars - usual) ** 2)
    damping = _DAMPING
    for _ in range(steps):
        before, better = price, False
        for _try in range(_TRIES):
            damped = square.copy()
            wanted = pull.copy()
            for a in range(size):
                held = firmness[a // 6, a % 6]
                wanted[a] -= held * (bars[a // 6, a % 6] - usual[a // 6, a % 6])
                damped[a, a] = (damped[a, a] + held) * (1.0 + damping) + 1e-9
            move = np.linalg.solve(damped, wanted)
            trial = bars.copy()
            for a in range(size):
                trial[a // 6, a % 6] += max(-_LONGEST_STEP, min(_LONGEST_STEP, move[a]))
            sound = True
            for bar in trial:
                sound = sound and bar[HALF_WIDTH] >= _THINNEST_PX and bar[END] - bar[BEGIN] >= _SHORTEST_PX
            if sound:
                left = _normal(trial, along, across, fill, weight, step, trial_square, trial_pull)
                asked = left + np.sum(firmness * (trial - usual) ** 2)
                if asked < price:
                    better = True
                    bars, cost, price = trial, left, asked
                    square, trial_square = trial_square, square
                    pull, trial_pull = trial_pull, pull
                    damping *= _DAMPED_LESS
                    break
            damping *= _DAMPED_MORE
        if not better or before - price < _SETTLED * before:
            break
    return bars, cost, price


@njit(cache=True, nogil=True)
def best_fit(
    starts: Floats,
    along: Floats,
    across: Floats,
    fill: Floats,
    weight: Floats,
    usual: Floats,
    firmness: Floats,
    step: int,
    steps: int,
) -> Floats:
    """Return the bars (k, 6) of the start, of (n, k, 6), whose fit costs least; see `fit_bars`."""
    best: Floats = starts[0].copy()
    least = math.inf
    for start in starts:
        bars, _, price = fit_bars(start, along, across, fill, weight, usual, firmness, step, steps)
        if price < least:
            best[:] = bars
            least = price
    return best


@njit(cache=True, nogil=True)
def covered(bars: Floats, along: Floats, across: Floats) -> Floats:
    """Return the share (n, m) in [0, 1] of every place that bars cover."""
    out = np.zeros((along.shape[0], across.shape[0]))
    row = np.empty(6)
    for k in range(bars.shape[0]):
        for i in range(along.shape[0]):
            _row(bars[k], along[i], row)
            for j in range(across.shape[0]):
                apart = (across[j] - row[0]) * row[1]
                inside = _edge(bars[k, HALF_WIDTH] - apart)[0] + _edge(bars[k, HALF_WIDTH] + apart)[0] - 1.0
                out[i, j] = 1.0 - (1.0 - out[i, j]) * (1.0 - max(0.0, inside) * row[2] * row[4])
    return out
