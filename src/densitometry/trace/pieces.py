"""Skin, shaft, skin: three low polynomials cut at a shaft's edges and seen through a Gaussian point spread.

All three colours share the edges and have levels and shapes of their own, so that shading, a bright streak,
clear rims and a shadow beside the shaft bend a piece and do not move an edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

INSIDE, OUTSIDE = 5, 3
COLUMNS = INSIDE + 2 * OUTSIDE
DERIVATIVES = 4
PLACE, WIDTHS = 0, 1
"""Of a streak: its place [px] and the two widths [px] it lies between; widths of 0 where there is none."""
N_STREAK = 3
ALL = COLUMNS + DERIVATIVES

_EDGE_SIGMAS = 5.0
_TABLE_STEP = 1.0 / 128.0
_HALF_TABLE = int(_EDGE_SIGMAS / _TABLE_STEP) + 2
_Z = np.arange(-_HALF_TABLE, _HALF_TABLE + 1) * _TABLE_STEP
_CDF = np.array([0.5 * math.erfc(-z / math.sqrt(2.0)) for z in _Z])
_PDF = np.exp(-0.5 * _Z * _Z) / math.sqrt(2.0 * math.pi)


@njit(cache=True)
def _look_up(values: Floats, z: float) -> float:
    place = z / _TABLE_STEP + _HALF_TABLE
    if place <= 0.0:
        return float(values[0])
    if place >= 2 * _HALF_TABLE:
        return float(values[2 * _HALF_TABLE])
    k = int(place)
    return float(values[k] + (place - k) * (values[k + 1] - values[k]))


@njit(cache=True)
def columns(
    t: Floats,
    n: int,
    a: float,
    b: float,
    sigma: float,
    scale: float,
    streak: Floats,
    out: Floats,
) -> None:
    """Fill the blurred pieces at offsets t: inside (5), left (3), right (3), edges' derivatives (4).

    Inside: Legendre polynomials of v in [-1, 1] across the shaft; two Gaussians stand in for the highest two
    where there is a streak (`PLACE`, `WIDTHS`). Left and right: 1, u, u² of the distance from the edge over
    `scale`.
    """
    middle, h = 0.5 * (a + b), 0.5 * (b - a)
    s = sigma / h
    so = sigma / scale
    for j in range(n):
        za, zb = (t[j] - a) / sigma, (t[j] - b) / sigma
        ca, cb = _look_up(_CDF, za), _look_up(_CDF, zb)
        pa, pb = _look_up(_PDF, za), _look_up(_PDF, zb)
        v = (t[j] - middle) / h
        # moments of v^k over the shaft under the Gaussian, by parts
        i0 = ca - cb
        i1 = v * i0 - s * (pb - pa)
        i2 = v * i1 + s * s * i0 - s * (pb + pa)
        i3 = v * i2 + 2.0 * s * s * i1 - s * (pb - pa)
        i4 = v * i3 + 3.0 * s * s * i2 - s * (pb + pa)
        out[0, j] = i0
        out[1, j] = i1
        out[2, j] = 1.5 * i2 - 0.5 * i0
        out[3, j] = 2.5 * i3 - 1.5 * i1
        out[4, j] = 4.375 * i4 - 3.75 * i2 + 0.375 * i0
        u = (t[j] - a) / scale
        l0 = 1.0 - ca
        l1 = u * l0 - so * pa
        out[5, j] = l0
        out[6, j] = l1
        out[7, j] = u * l1 + so * so * l0
        u = (t[j] - b) / scale
        r1 = u * cb + so * pb
        out[8, j] = cb
        out[9, j] = r1
        out[10, j] = u * r1 + so * so * cb
        out[11, j] = pa / sigma
        out[12, j] = pb / sigma
        out[13, j] = -za * pa
        out[14, j] = -zb * pb
    if streak[WIDTHS] > 0.0:
        for k in range(2):
            _streak_column(t, n, a, b, sigma, streak[PLACE], streak[WIDTHS + k], out[3 + k])


@njit(cache=True)
def _streak_column(
    t: Floats, n: int, a: float, b: float, sigma: float, place: float, width: float, out: Floats
) -> None:
    """Fill a Gaussian of unit height that ends at the shaft's edges, blurred."""
    whole = math.sqrt(width * width + sigma * sigma)
    share = width / whole
    spread = share * sigma
    for j in range(n):
        z = (t[j] - place) / whole
        middle = place + share * share * (t[j] - place)
        inside = _look_up(_CDF, (b - middle) / spread) - _look_up(_CDF, (a - middle) / spread)
        out[j] = share * math.exp(-0.5 * z * z) * inside


@njit(cache=True)
def inner_values(a: float, b: float, v: float, streak: Floats, value: Floats, slope: Floats) -> None:
    """Fill the sharp pieces of the inside, and their slopes per pixel, at one edge: v is -1 or 1."""
    h = 0.5 * (b - a)
    value[0], value[1], value[2], value[3], value[4] = 1.0, v, 1.0, v, 1.0
    slope[0], slope[1], slope[2], slope[3], slope[4] = 0.0, 1 / h, 3 * v / h, 6 / h, 10 * v / h
    if streak[WIDTHS] > 0.0:
        for k in range(2):
            z = (0.5 * (a + b) + v * h - streak[PLACE]) / streak[WIDTHS + k]
            value[3 + k] = math.exp(-0.5 * z * z)
            slope[3 + k] = -z / streak[WIDTHS + k] * value[3 + k]


@njit(cache=True, fastmath=True)
def products(
    columns: Floats,
    used: int,
    weight: Floats,
    values: Floats,
    n: int,
    scratch: Floats,
    gram: Floats,
    right: Floats,
) -> None:
    """Weighted products of the first `used` columns with one another and with the three colours."""
    for i in range(used):
        for j in range(n):
            scratch[j] = weight[j] * columns[i, j]
        for k in range(i + 1):
            total = 0.0
            for j in range(n):
                total += scratch[j] * columns[k, j]
            gram[i, k] = total
            gram[k, i] = total
        for c in range(3):
            total = 0.0
            for j in range(n):
                total += scratch[j] * values[c, j]
            right[i, c] = total


@njit(cache=True)
def factorize(a: Floats, n: int) -> bool:
    """Cholesky factor in place, lower triangle; False if not positive definite."""
    for i in range(n):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            if i == j:
                if total <= 1e-12:
                    return False
                a[i, i] = math.sqrt(total)
            else:
                a[i, j] = total / a[j, j]
    return True


@njit(cache=True)
def forward(a: Floats, x: Floats, n: int) -> None:
    """Solve L y = x in place of x."""
    for i in range(n):
        total = x[i]
        for k in range(i):
            total -= a[i, k] * x[k]
        x[i] = total / a[i, i]


@njit(cache=True)
def backward(a: Floats, x: Floats, n: int) -> None:
    """Solve Lᵀ y = x in place of x."""
    for i in range(n - 1, -1, -1):
        total = x[i]
        for k in range(i + 1, n):
            total -= a[k, i] * x[k]
        x[i] = total / a[i, i]


@njit(cache=True)
def solve_pieces(
    gram: Floats,
    right: Floats,
    precision: Floats,
    expected: Floats,
    derivatives: int,
    factor: Floats,
    x: Floats,
    projected: Floats,
    remaining: Floats,
) -> bool:
    """Solve the coefficients of each colour, and take out of the derivatives what coefficients can follow.

    Args:
        gram, right: products of all columns with one another and with the colours.
        precision, expected: prior precision (11, 11) and precision times prior mean (11,).
        derivatives: how many of the derivatives are used.
        factor: (11, 11) scratch.
        x: (3, 11) filled with the coefficients.
        projected: (4, 11) scratch.
        remaining: (4, 4) filled with the products of the derivatives that are left.

    Returns:
        False when the system is singular.
    """
    for i in range(COLUMNS):
        for k in range(COLUMNS):
            factor[i, k] = gram[i, k] + precision[i, k]
    if not factorize(factor, COLUMNS):
        return False
    for d in range(derivatives):
        for i in range(COLUMNS):
            projected[d, i] = gram[COLUMNS + d, i]
        forward(factor, projected[d], COLUMNS)
    for d in range(derivatives):
        for e in range(derivatives):
            total = gram[COLUMNS + d, COLUMNS + e]
            for i in range(COLUMNS):
                total -= projected[d, i] * projected[e, i]
            remaining[d, e] = total
    for c in range(3):
        for i in range(COLUMNS):
            x[c, i] = right[i, c] + expected[i]
        forward(factor, x[c], COLUMNS)
        backward(factor, x[c], COLUMNS)
    return True


@njit(cache=True)
def edge_equations(
    x: Floats,
    gram: Floats,
    right: Floats,
    remaining: Floats,
    share: Floats,
    a: float,
    b: float,
    streak: Floats,
    sigma: float,
    scale: float,
    derivatives: int,
    matrix: Floats,
    vector: Floats,
) -> None:
    """Fill the 3 x 3 Gauss-Newton system of left edge, right edge and log sigma.

    An edge moves the light by the jump between its two pieces; blur moves it by jumps and bends.
    """
    matrix[:] = 0.0
    vector[:] = 0.0
    m = np.zeros((DERIVATIVES, 3))
    left, right_end, slopes = np.empty((2, INSIDE)), np.empty((2, INSIDE)), 1
    inner_values(a, b, -1.0, streak, left[0], left[slopes])
    inner_values(a, b, 1.0, streak, right_end[0], right_end[slopes])
    for c in range(3):
        p = x[c]
        at_a = at_b = slope_a = slope_b = 0.0
        for i in range(INSIDE):
            at_a += p[i] * left[0, i]
            at_b += p[i] * right_end[0, i]
            slope_a += p[i] * left[slopes, i]
            slope_b += p[i] * right_end[slopes, i]
        jump_a, jump_b = at_a - p[5], p[8] - at_b
        m[0, 0], m[1, 1] = -jump_a, -jump_b
        m[0, 2] = sigma * sigma * (slope_a - p[6] / scale)
        m[1, 2] = sigma * sigma * (p[9] / scale - slope_b)
        m[2, 2], m[3, 2] = jump_a, jump_b
        for d in range(derivatives):
            left_over = right[COLUMNS + d, c]
            for i in range(COLUMNS):
                left_over -= gram[COLUMNS + d, i] * p[i]
            for i in range(3):
                vector[i] += share[c] * m[d, i] * left_over
                for k in range(3):
                    for e in range(derivatives):
                        matrix[i, k] += share[c] * m[d, i] * remaining[d, e] * m[e, k]
