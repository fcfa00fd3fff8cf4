"""Cross-sections of shafts in linear light: sampled across each hair, fitted by a blurred bar.

A shaft is a bar with two edges seen through a Gaussian point spread. Blur adds up in linear light, so that is
where the bar is fitted; the bright streak along a shaft lies inside the bar and is left out of the fit of
wide shafts.
All lengths are native pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_ROOT_TWO = math.sqrt(2.0)
_ITERATIONS = 14
SAMPLE_STEP_PX = 0.5
"""Distance of samples across a shaft."""


@njit(cache=True)
def sample_profiles(
    pixels: Floats,
    table: Floats,
    x: Floats,
    y: Floats,
    nx: Floats,
    ny: Floats,
    n_side: int,
    along: float,
) -> Floats:
    """Sample linear light across hairs, averaged over a short stretch along them.

    Args:
        pixels: (H, W, 3) codes, uint8, or linear light if `table` is empty.
        table: linear light of each 8-bit code, or empty.
        x, y, nx, ny: (S,) stations and unit normals.
        n_side: samples on each side, `SAMPLE_STEP_PX` apart.
        along: half length of the stretch averaged over [px].

    Returns:
        (S, 2 * n_side + 1, 3); NaN where the picture ends.
    """
    h, w, _ = pixels.shape
    coded = len(table) > 0
    steps = max(1, int(along * 2))
    out = np.empty((len(x), 2 * n_side + 1, 3), np.float32)
    for s in range(len(x)):
        tx, ty = -ny[s], nx[s]
        for j in range(2 * n_side + 1):
            off = (j - n_side) * SAMPLE_STEP_PX
            r = g = b = 0.0
            n = 0
            for i in range(steps + 1):
                u = -along + 2 * along * i / steps
                px, py = x[s] + off * nx[s] + u * tx, y[s] + off * ny[s] + u * ty
                if not (0.0 <= px < w - 1 and 0.0 <= py < h - 1):
                    continue
                x0, y0 = int(px), int(py)
                fx, fy = px - x0, py - y0
                n += 1
                for dy in range(2):
                    for dx in range(2):
                        weight = (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
                        if coded:
                            r += weight * table[int(pixels[y0 + dy, x0 + dx, 0])]
                            g += weight * table[int(pixels[y0 + dy, x0 + dx, 1])]
                            b += weight * table[int(pixels[y0 + dy, x0 + dx, 2])]
                        else:
                            r += weight * pixels[y0 + dy, x0 + dx, 0]
                            g += weight * pixels[y0 + dy, x0 + dx, 1]
                            b += weight * pixels[y0 + dy, x0 + dx, 2]
            if n == 0:
                out[s, j, 0] = out[s, j, 1] = out[s, j, 2] = np.nan
            else:
                out[s, j, 0], out[s, j, 1], out[s, j, 2] = r / n, g / n, b / n
    return out


@njit(cache=True, inline="always")
def _cdf(z: float) -> float:
    return 0.5 * (1.0 + math.erf(z / _ROOT_TWO))


@njit(cache=True, inline="always")
def _pdf(z: float) -> float:
    return 0.3989422804014327 * math.exp(-0.5 * z * z)


@njit(cache=True)
def _solve(a: Floats, b: Floats, n: int) -> bool:
    """Gauss-Jordan elimination with pivoting, in place, of a small n × n system; False if singular."""
    for i in range(n):
        pivot = i
        for r in range(i + 1, n):
            if abs(a[r, i]) > abs(a[pivot, i]):
                pivot = r
        if abs(a[pivot, i]) < 1e-14:
            return False
        if pivot != i:
            for c in range(n):
                a[i, c], a[pivot, c] = a[pivot, c], a[i, c]
            b[i], b[pivot] = b[pivot], b[i]
        for r in range(n):
            if r != i:
                f = a[r, i] / a[i, i]
                for c in range(i, n):
                    a[r, c] -= f * a[i, c]
                b[r] -= f * b[i]
    for i in range(n):
        b[i] /= a[i, i]
    return True


@njit(cache=True)
def fit_bar(
    values: Floats,
    first: int,
    last: int,
    centre: float,
    half_width: float,
    sigma: float,
    see_left: bool,
    see_right: bool,
    free_sigma: bool,
    result: Floats,
) -> bool:
    """Fit a blurred bar to samples first..last of one profile.

    Args:
        values: (2 n + 1,) projected linear light; offsets run from -n to n steps of `SAMPLE_STEP_PX`.
        first, last: samples used, so that neighbours stay out.
        centre, half_width, sigma: starting values [px].
        see_left, see_right: whether that edge lies in the samples; an unseen edge is the mirror image of the
            other about `centre`.
        free_sigma: fit the point spread too.
        result: filled with left edge, right edge, depth, sigma, standard error of the width, residual SD.

    Returns:
        False when the fit failed.
    """
    n_side = (len(values) - 1) // 2
    count = last - first + 1
    if count < 8 or not (see_left or see_right):
        return False
    both = see_left and see_right
    a, b = centre - half_width, centre + half_width
    # parameters: left, right (or the seen edge), depth, level, slope, log sigma
    n_edges = 2 if both else 1
    n_par = n_edges + 3 + (1 if free_sigma else 0)
    hide = 0.45 if 2 * half_width > 5 * sigma else 0.0
    depth, level, slope = 0.0, 0.0, 0.0
    jac = np.zeros(n_par)
    normal = np.zeros((n_par, n_par))
    grad = np.zeros(n_par)
    work = np.zeros((n_par, n_par))
    step = np.zeros(n_par)
    # linear start for depth and level with the edges given
    s0 = s1 = s2 = t0 = t1 = 0.0
    for j in range(first, last + 1):
        t = (j - n_side) * SAMPLE_STEP_PX
        m = _cdf((t - a) / sigma) - _cdf((t - b) / sigma)
        s0 += 1.0
        s1 += m
        s2 += m * m
        t0 += values[j]
        t1 += values[j] * m
    det = s0 * s2 - s1 * s1
    if det < 1e-9:
        return False
    depth = (s0 * t1 - s1 * t0) / det
    level = (t0 - depth * s1) / s0
    damping = 1e-3
    cost_old = 1e30
    a_old, b_old, depth_old, level_old, slope_old, sigma_old = a, b, depth, level, slope, sigma
    used = 0
    for iteration in range(_ITERATIONS):
        normal[:] = 0.0
        grad[:] = 0.0
        cost = 0.0
        used = 0
        middle, inner = 0.5 * (a + b), hide * 0.5 * (b - a)
        for j in range(first, last + 1):
            t = (j - n_side) * SAMPLE_STEP_PX
            if abs(t - middle) < inner:
                continue
            za, zb = (t - a) / sigma, (t - b) / sigma
            m = _cdf(za) - _cdf(zb)
            pa, pb = _pdf(za), _pdf(zb)
            r = values[j] - (level + slope * t + depth * m)
            if both:
                jac[0], jac[1] = -depth * pa / sigma, depth * pb / sigma
            elif see_left:
                jac[0] = -depth * (pa + pb) / sigma
            else:
                jac[0] = depth * (pa + pb) / sigma
            jac[n_edges], jac[n_edges + 1], jac[n_edges + 2] = m, 1.0, t
            if free_sigma:
                jac[n_edges + 3] = depth * (-pa * za + pb * zb)
            for i in range(n_par):
                grad[i] += jac[i] * r
                for k in range(i, n_par):
                    normal[i, k] += jac[i] * jac[k]
            cost += r * r
            used += 1
        if used < n_par + 2:
            return False
        if cost > cost_old and iteration > 0:
            a, b, depth, level, slope, sigma = a_old, b_old, depth_old, level_old, slope_old, sigma_old
            damping *= 8
            if damping > 1e4:
                break
        else:
            if cost_old - cost < 1e-7 * cost_old and iteration > 2:
                break
            cost_old = cost
            damping = max(1e-7, damping * 0.3)
            a_old, b_old, depth_old, level_old, slope_old, sigma_old = a, b, depth, level, slope, sigma
        for i in range(n_par):
            for k in range(n_par):
                work[i, k] = normal[min(i, k), max(i, k)]
            work[i, i] *= 1 + damping
            work[i, i] += 1e-12
            step[i] = grad[i]
        if not _solve(work, step, n_par):
            return False
        limit = max(0.6, 0.5 * half_width)
        if both:
            a += max(-limit, min(limit, step[0]))
            b += max(-limit, min(limit, step[1]))
        elif see_left:
            a += max(-limit, min(limit, step[0]))
            b = 2 * centre - a
        else:
            b += max(-limit, min(limit, step[0]))
            a = 2 * centre - b
        depth += step[n_edges]
        level += step[n_edges + 1]
        slope += step[n_edges + 2]
        if free_sigma:
            sigma = min(6.0, max(0.3, sigma * math.exp(max(-0.5, min(0.5, step[n_edges + 3])))))
        if b - a < 0.2:
            middle = 0.5 * (a + b)
            a, b = middle - 0.1, middle + 0.1
    a, b, depth, sigma = a_old, b_old, depth_old, sigma_old
    for i in range(n_par):
        for k in range(n_par):
            work[i, k] = normal[min(i, k), max(i, k)]
        work[i, i] += 1e-12
    variance = cost_old / max(1, used - n_par) * 2.0  # samples half a pixel apart are not independent
    step[:] = 0.0
    step[0] = -1.0 if (both or see_left) else 1.0
    if both:
        step[1] = 1.0
    gradient = step.copy()
    if not _solve(work, step, n_par):
        return False
    spread = 0.0
    for i in range(n_par):
        spread += gradient[i] * step[i]
    if not both:
        spread *= 4.0
    result[0], result[1], result[2], result[3] = a, b, depth, sigma
    result[4], result[5] = math.sqrt(max(0.0, spread * variance)), math.sqrt(cost_old / max(1, used - n_par))
    return True
