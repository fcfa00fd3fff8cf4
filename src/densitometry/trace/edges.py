"""The two edges of a shaft in one cross-section: blurred pieces fitted to it, edges moved to where they fit.

What the samples cannot tell (the shape inside a shaft of two pixels) is held by weak priors. Bins that lie
far off the pieces (a flake, a glint) lose their weight. All lengths are native pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.pieces import (
    ALL,
    COLUMNS,
    DERIVATIVES,
    INSIDE,
    N_STREAK,
    OUTSIDE,
    PLACE,
    WIDTHS,
    backward,
    columns,
    edge_equations,
    factorize,
    forward,
    products,
    solve_pieces,
)
from densitometry.trace.sections import NOISE, first_edges, relative
from densitometry.trace.streak import find_streak

Floats = NDArray[np.floating[Any]]

_ITERATIONS = 8
_CONVERGED_PX = 0.01
_OUTLIER = 3.0
_LEAST_BINS = 9
_EDGE_ZONE = 3.5
"""What lies this many standard deviations of the blur inside both edges says nothing about them."""
_RIM_BEND, _RIM_EDGE, _RIM_SPREAD = 0.2, 0.08, 0.1
"""Darker rims of a clear shaft: expected second and fourth Legendre coefficient, over the skin's light."""
_STREAK_SPREAD = 2.0
"""Expected height of a streak, relative to the skin's light."""
_STIFF_START, _STIFF_STEPS = 6.0, 2
"""The first steps hold a shaft's shape this much flatter: edges far off are found before shapes bend."""
_SKIN_SPREAD = (0.1, 0.1, 0.05)
"""Expected difference between both sides, slope and bend of the skin's light over the flank, relative."""
_WORST_DAMPING = 1e3
_SIGMA_RANGE_PX = (0.35, 6.0)
_NARROWEST_PX = 0.4
# Places in the result of one fit.
LEFT, RIGHT, WIDTH_ERROR, SIGMA, SIGMA_ERROR, DENSITY = range(6)
N_RESULTS = 6


@njit(cache=True)
def _priors(
    contrast: float, density: float, stiffness: float, has_streak: bool, out: Floats, pull: Floats
) -> None:
    """Fill what is expected: precision (11, 11) of the coefficients, and that times their mean (11,).

    The clearer a shaft, the more its rims, where light is bent away, are darker than its middle.
    """
    out[:] = 0.0
    pull[:] = 0.0
    clear = min(1.0, math.exp(-max(0.0, density)))
    scale = min(1.0, 0.2 + 2.0 * contrast) / stiffness
    rim = _RIM_SPREAD * clear / stiffness
    spread = (
        10.0,
        scale * (0.05 + 0.15 * clear),
        scale * (0.08 + 0.3 * clear),
        scale * (0.03 + 0.07 * clear),
        scale * (0.06 + 0.14 * clear),
    )
    for i in range(INSIDE):
        out[i, i] = (NOISE / spread[i]) ** 2
    for i, depth in ((2, _RIM_BEND), (4, _RIM_EDGE)):
        out[i, i] = NOISE**2 / (spread[i] ** 2 + rim**2)
        pull[i] = -depth * clear * out[i, i]
    if has_streak:
        for i in (3, 4):
            out[i, i] = (NOISE / _STREAK_SPREAD) ** 2
            pull[i] = 0.0
    for side in range(2):
        first = INSIDE + side * OUTSIDE
        out[first, first] = (NOISE / 10.0) ** 2
        out[first + 1, first + 1] = (NOISE / _SKIN_SPREAD[1]) ** 2
        out[first + 2, first + 2] = (NOISE / _SKIN_SPREAD[2]) ** 2
    tie = (NOISE / _SKIN_SPREAD[0]) ** 2
    left, right = INSIDE, INSIDE + OUTSIDE
    out[left, left] += tie
    out[right, right] += tie
    out[left, right] -= tie
    out[right, left] -= tie


@njit(cache=True)
def _step(matrix: Floats, vector: Floats, damping: float) -> None:
    """Solve the damped 3 x 3 system in place of `vector`; nothing moves where it is singular."""
    a = matrix.copy()
    for i in range(3):
        a[i, i] += damping * a[i, i] + 1e-12
    if factorize(a, 3):
        forward(a, vector, 3)
        backward(a, vector, 3)
    else:
        vector[:] = 0.0


@njit(cache=True)
def _outliers(
    pieces: Floats,
    x: Floats,
    values: Floats,
    share: Floats,
    count: Floats,
    n: int,
    weight: Floats,
    t: Floats,
    a: float,
    b: float,
    zone: float,
    change: bool,
) -> float:
    """Return the residual variance of a pixel; weaken bins that lie far off (a flake, a glint)."""
    total = freedom = deviation = speaking = 0.0
    squares = np.empty(n)
    for j in range(n):
        square = trust = 0.0
        for c in range(3):
            r = values[c, j]
            for i in range(COLUMNS):
                r -= pieces[i, j] * x[c, i]
            square += share[c] * r * r
            trust += share[c]
        squares[j] = count[j] * square / trust
        deviation += weight[j] * math.sqrt(squares[j])
        speaking += weight[j]
        total += weight[j] * square / trust
        freedom += weight[j] / count[j]
    variance = total / max(1.0, freedom - 8.0)
    if change:
        # the mean deviation: the scale of most bins more than of the worst
        limit = _OUTLIER**2 * max((deviation / max(1e-9, speaking)) ** 2 * 1.57, NOISE**2)
        for j in range(n):
            weight[j] = count[j] / (1.0 + squares[j] / limit)
            if t[j] - a > zone and b - t[j] > zone:
                weight[j] = 0.0
    return float(variance)


@njit(cache=True)
def _cost(x: Floats, right: Floats, expected: Floats, share: Floats, power: Floats) -> float:
    """Weighted squares that the pieces leave, priors included."""
    cost = 0.0
    for c in range(3):
        left_over = power[c]
        for i in range(COLUMNS):
            left_over -= x[c, i] * (right[i, c] + expected[i])
        cost += share[c] * left_over
    return cost


@njit(cache=True)
def _limited(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


@njit(cache=True)
def fit_shaft(
    t: Floats,
    values: Floats,
    count: Floats,
    n: int,
    half_width: float,
    sigma: float,
    flank: float,
    see_left: bool,
    see_right: bool,
    free_sigma: bool,
    work: Floats,
    result: Floats,
) -> bool:
    """Fit the edges of one shaft by Gauss-Newton steps, the coefficients of the pieces solved at each.

    Args:
        t: (n,) offsets from the hair's line.
        values: (3, n) linear light of luma, red and blue; scaled in place.
        count: (n,) pixels behind each value.
        n: number of bins used.
        half_width, sigma: starting values; sigma stays unless `free_sigma`.
        flank: distance over which skin is followed.
        see_left, see_right: which edges lie in the samples; an unseen one mirrors the other about the line.
        free_sigma: fit the point spread too.
        work: (15, n) scratch.
        result: filled, see the names of its places above.

    Returns:
        False when the fit failed.

    Source: Golub & Pereyra 1973, doi:10.1137/0710036 (separable least squares).
    """
    if n < _LEAST_BINS or not (see_left or see_right):
        return False
    share = np.empty(3)
    streak = np.zeros(N_STREAK)
    rims = np.array([math.inf, -math.inf])
    reach = 0.0
    if see_left and see_right:
        reach = find_streak(t, values, count, n, half_width, sigma, streak, rims)
    place, has_streak = streak[PLACE], streak[WIDTHS] > 0.0
    contrast, density = relative(t, values, count, n, -half_width, half_width, place, reach, share)
    a, b = first_edges(t, values, count, share, n, half_width, place, reach, rims, see_left, see_right)
    precision, expected = np.empty((COLUMNS, COLUMNS)), np.empty(COLUMNS)
    _priors(contrast, density, _STIFF_START, has_streak, precision, expected)
    weight, scratch, power = count[:n].copy(), np.empty(n), np.empty(3)
    gram, right = np.empty((ALL, ALL)), np.empty((ALL, 3))
    factor, x = np.empty((COLUMNS, COLUMNS)), np.empty((3, COLUMNS))
    projected, remaining = np.empty((DERIVATIVES, COLUMNS)), np.empty((DERIVATIVES, DERIVATIVES))
    matrix, vector = np.empty((3, 3)), np.empty(3)
    solved, step = np.eye(3), np.zeros(3)
    use = (see_left, see_right, free_sigma)
    derivatives = DERIVATIVES if free_sigma else 2
    pull = (NOISE / (1.0 + 0.15 * half_width)) ** 2 if see_left and see_right else 0.0
    damping, best, residual = 1e-3, 1e300, 0.0
    best_a, best_b, best_sigma = a, b, sigma
    done = False
    for iteration in range(_ITERATIONS + 1):
        columns(t, n, a, b, sigma, flank, streak, work)
        products(work, COLUMNS + derivatives, weight, values, n, scratch, gram, right)
        if not solve_pieces(gram, right, precision, expected, derivatives, factor, x, projected, remaining):
            return False
        middle = 0.5 * (a + b)
        edge_equations(
            x, gram, right, remaining, share, a, b, streak, sigma, flank, derivatives, matrix, vector
        )
        for i in range(2):
            vector[i] -= 0.5 * pull * middle
            for k in range(2):
                matrix[i, k] += 0.25 * pull
        for c in range(3):
            power[c] = 0.0
            for j in range(n):
                power[c] += weight[j] * values[c, j] ** 2
        cost = _cost(x, right, expected, share, power) + pull * middle * middle
        if cost > best * (1 + 1e-9):
            damping *= 10.0
            if damping > _WORST_DAMPING:
                break
            a, b, sigma = best_a, best_b, best_sigma
            step *= 0.3
        else:
            best, best_a, best_b, best_sigma = cost, a, b, sigma
            damping = max(1e-6, damping * 0.2)
            for i in range(3):
                for k in range(3):
                    if use[i] and use[k]:
                        solved[i, k] = matrix[i, k]
                    else:
                        solved[i, k] = 1.0 if i == k else 0.0
                step[i] = vector[i] if use[i] else 0.0
            weigh = iteration in (0, _STIFF_STEPS)
            zone = _EDGE_ZONE * sigma + 1.0
            residual = _outliers(work, x, values, share, count, n, weight, t, a, b, zone, weigh)
            if done:
                break
            _step(solved, step, damping)
            if iteration == _STIFF_STEPS:
                _priors(contrast, density, 1.0, has_streak, precision, expected)
            if weigh:
                best = 1e300  # other weights: costs do not compare
        limit = max(0.5, 0.3 * half_width)
        a += _limited(step[0], limit) if see_left else 0.0
        b += _limited(step[1], limit) if see_right else 0.0
        if not see_right:
            b = -a
        if not see_left:
            a = -b
        if free_sigma:
            sigma = sigma * math.exp(_limited(step[2], 0.4))
            sigma = min(_SIGMA_RANGE_PX[1], max(_SIGMA_RANGE_PX[0], sigma))
        if b - a < _NARROWEST_PX:
            a, b = 0.5 * (a + b - _NARROWEST_PX), 0.5 * (a + b + _NARROWEST_PX)
        largest = max(abs(step[0]), abs(step[1]), abs(step[2]))
        done = largest < _CONVERGED_PX and iteration > _STIFF_STEPS
    result[LEFT], result[RIGHT], result[SIGMA], result[DENSITY] = best_a, best_b, best_sigma, density
    _errors(solved, max(residual, 0.3 * NOISE**2), see_left, see_right, result)
    return True


@njit(cache=True)
def _errors(matrix: Floats, variance: float, see_left: bool, see_right: bool, result: Floats) -> None:
    """Fill the standard errors of width and blur."""
    covariance = np.eye(3)
    for i in range(3):
        _step(matrix, covariance[i], 0.0)
    spread = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if not see_right:
        spread = 4 * covariance[0, 0]
    elif not see_left:
        spread = 4 * covariance[1, 1]
    result[WIDTH_ERROR] = math.sqrt(max(0.0, spread * variance))
    result[SIGMA_ERROR] = math.sqrt(max(0.0, covariance[2, 2] * variance))
