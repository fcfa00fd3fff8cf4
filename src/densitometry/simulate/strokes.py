"""Compiled kernels: distance to a polyline, soft strokes, shafts with exact edges, follicles and discs.

All lengths here are pixels of the grid that is painted on. A shaft's cover of a pixel is the overlap of the
pixel's square with the strip between the shaft's edges, so that the cover integrated across the shaft equals
its width at every width and angle, also below one pixel.
"""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]

FAR = np.float32(1e9)


class Board:
    """Scratch of one grid: distance, side and arc position of a curve, and the pixels it touched."""

    __slots__ = ("arc", "dist", "side", "touched")

    def __init__(self, height: int, width: int) -> None:
        self.dist = np.full((height, width), FAR, np.float32)
        self.side = np.zeros((height, width), np.float32)
        self.arc = np.zeros((height, width), np.float32)
        self.touched = np.empty(height * width, np.int64)


@njit(cache=True)
def _field(dist: Any, side: Any, arc: Any, touched: Any, pts: Any, reach: Any, beyond: float) -> int:
    """Fill distance, side and arc position within `reach` of a polyline; return how many pixels were touched.

    The last segment is prolonged by `beyond`, so that a cut end can be placed by arc position.
    """
    height, width = dist.shape
    n = pts.shape[0]
    count = 0
    s0 = 0.0
    for k in range(n - 1):
        x0, y0, x1, y1 = pts[k, 0], pts[k, 1], pts[k + 1, 0], pts[k + 1, 1]
        dx, dy = x1 - x0, y1 - y0
        length = np.sqrt(dx * dx + dy * dy)
        if length < 1e-6:
            continue
        dx /= length
        dy /= length
        r = max(reach[k], reach[k + 1])
        far = length + (beyond if k == n - 2 else 0.0)
        ex, ey = x0 + dx * far, y0 + dy * far
        i0 = max(0, int(np.floor(min(x0, ex) - r)))
        i1 = min(width - 1, int(np.ceil(max(x0, ex) + r)))
        j0 = max(0, int(np.floor(min(y0, ey) - r)))
        j1 = min(height - 1, int(np.ceil(max(y0, ey) + r)))
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                px, py = i - x0, j - y0
                u = px * dx + py * dy
                v = py * dx - px * dy
                if u < 0.0:
                    d = np.sqrt(px * px + py * py)
                    u = 0.0
                elif u > far:
                    d = np.sqrt((u - far) ** 2 + v * v)
                    u = far
                else:
                    d = abs(v)
                if d <= r and d < dist[j, i]:
                    if dist[j, i] >= 1e8:
                        touched[count] = j * width + i
                        count += 1
                    dist[j, i] = d
                    side[j, i] = 1.0 if v >= 0 else -1.0
                    arc[j, i] = s0 + u
        s0 += length
    return count


@njit(cache=True)
def _soft(layer: Any, dist: Any, side: Any, arc: Any, touched: Any, pts: Any, sigma: Any, gain: Any) -> None:
    n = pts.shape[0]
    reach = sigma * 3.0 + 1.0
    count = _field(dist, side, arc, touched, pts, reach, 0.0)
    width = dist.shape[1]
    cum = np.zeros(n)
    for k in range(1, n):
        cum[k] = cum[k - 1] + np.hypot(pts[k, 0] - pts[k - 1, 0], pts[k, 1] - pts[k - 1, 1])
    for t in range(count):
        j, i = touched[t] // width, touched[t] % width
        s = arc[j, i]
        k = min(n - 2, max(0, np.searchsorted(cum, s) - 1))
        w = (s - cum[k]) / max(1e-6, cum[k + 1] - cum[k])
        sg = sigma[k] * (1 - w) + sigma[k + 1] * w
        g = gain[k] * (1 - w) + gain[k + 1] * w
        d = dist[j, i] / sg
        layer[j, i] += g * np.exp(-0.5 * d * d)
        dist[j, i] = 1e9


def soft_stroke(layer: F32, board: Board, pts: NDArray[np.float64], sigma: Any, gain: Any) -> None:
    """Add a stroke of Gaussian cross-section to `layer`; sigma [px] and gain may vary along it."""
    n = len(pts)
    _soft(
        layer,
        board.dist,
        board.side,
        board.arc,
        board.touched,
        np.ascontiguousarray(pts, np.float64),
        np.broadcast_to(np.asarray(sigma, np.float64), (n,)).copy(),
        np.broadcast_to(np.asarray(gain, np.float64), (n,)).copy(),
    )


# Places in the parameter vector of `paint_shaft`.
(
    ROOT_ARC,
    FADE,
    ROOT_SLANT,
    TIP_ARC,
    TIP_SLANT,
    TIP_ROUND,
    SCATTER,
    EDGE_DARK,
    STREAK,
    STREAK_AT,
    STREAK_WIDTH,
    SPARKLE,
    FACE,
    UM,
    TEXTURE_STEP,
    OPACITY,
) = range(16)
N_PARAMETERS = 16


@njit(cache=True)
def _share(x: float, a: float, b: float) -> float:
    """Share of a pixel on one side of a straight edge `x` away; a >= b are |cos|, |sin| of its normal."""
    outer, inner = 0.5 * (a + b), 0.5 * (a - b)
    if x <= -outer:
        return 0.0
    if x >= outer:
        return 1.0
    if b < 1e-4 or abs(x) <= inner:
        return float(min(1.0, max(0.0, 0.5 + x / a)))
    if x < 0.0:
        return (x + outer) ** 2 / (2.0 * a * b)
    return 1.0 - (outer - x) ** 2 / (2.0 * a * b)


@njit(cache=True)
def _shaft(  # noqa: PLR0915 (one compiled loop: calls between kernels cost more than they clear)
    light: Any,
    top: Any,
    number: int,
    dist: Any,
    side: Any,
    arc: Any,
    touched: Any,
    pts: Any,
    half: Any,
    edge: Any,
    texture: Any,
    torn: Any,
    pigment: Any,
    body: Any,
    gloss: Any,
    p: Any,
) -> None:
    n = pts.shape[0]
    width = dist.shape[1]
    slack = 0.0
    for k in range(edge.shape[0]):
        slack = max(slack, abs(edge[k, 0]), abs(edge[k, 1]))
    reach = half + (slack + 1.5)
    cum = np.zeros(n)
    for k in range(1, n):
        cum[k] = cum[k - 1] + np.hypot(pts[k, 0] - pts[k - 1, 0], pts[k, 1] - pts[k - 1, 1])
    beyond = half[n - 1] * abs(p[TIP_SLANT]) + 2.0
    count = _field(dist, side, arc, touched, pts, reach, beyond)
    lanes = texture.shape[1]
    for t in range(count):
        j, i = touched[t] // width, touched[t] % width
        s = arc[j, i]
        d = dist[j, i] * side[j, i]
        dist[j, i] = 1e9
        k = min(n - 2, max(0, np.searchsorted(cum, s) - 1))
        w = min(1.0, max(0.0, (s - cum[k]) / max(1e-6, cum[k + 1] - cum[k])))
        h = half[k] * (1 - w) + half[k + 1] * w
        q = s / p[TEXTURE_STEP]
        a = min(edge.shape[0] - 2, int(q))
        b = min(1.0, q - a)
        left = h + edge[a, 0] * (1 - b) + edge[a + 1, 0] * b
        right = h + edge[a, 1] * (1 - b) + edge[a + 1, 1] * b
        tx, ty = abs(pts[k + 1, 0] - pts[k, 0]), abs(pts[k + 1, 1] - pts[k, 1])
        norm = max(1e-6, np.hypot(tx, ty))
        steep, flat = max(tx, ty) / norm, min(tx, ty) / norm
        cover = _share(right - d, steep, flat) - _share(-left - d, steep, flat)
        if cover <= 0.0:
            continue
        v = min(1.0, max(-1.0, d / max(h, 0.3)))
        lane = (v + 1.0) * 0.5 * (lanes - 1)
        la = min(lanes - 2, int(lane))
        lb = lane - la
        tex = (texture[a, la] * (1 - lb) + texture[a, la + 1] * lb) * (1 - b) + (
            texture[a + 1, la] * (1 - lb) + texture[a + 1, la + 1] * lb
        ) * b
        missing = torn[la] * (1 - lb) + torn[la + 1] * lb
        end = p[TIP_ARC] + p[TIP_SLANT] * d - p[TIP_ROUND] * h * v * v - missing
        cover *= min(1.0, max(0.0, 0.5 + end - s))
        if p[FADE] > 0.0:
            z = (s - p[ROOT_ARC] + p[ROOT_SLANT] * d + p[FADE] * 0.45 * tex) / p[FADE]
            cover *= 1.0 / (1.0 + np.exp(-max(-30.0, min(30.0, 2.0 * z))))
        else:
            cover *= min(1.0, max(0.0, 0.5 + s - p[ROOT_ARC]))
        if cover <= 0.0:
            continue
        c = np.sqrt(max(0.0, 1.0 - v * v))
        path = 2.0 * h * p[UM] * (0.35 + 0.65 * c)
        through = np.exp(-p[SCATTER] * path)
        rim = 1.0 - p[EDGE_DARK] * v * v * v * v
        e = (v - p[STREAK_AT]) / p[STREAK_WIDTH]
        shine = p[STREAK] * np.exp(-e * e) * min(1.0, max(0.0, 0.75 + 0.6 * tex))
        shine += p[SPARKLE] * max(0.0, tex - 1.0)
        if p[FACE] > 0.0:
            f = (end - s) / max(1.0, 0.35 * h) - 1.1
            g = v / 0.6
            shine += p[FACE] * np.exp(-(f * f + g * g))
        shade = (0.6 + 0.4 * c) * (1.0 + 0.12 * tex)
        opacity = cover * p[OPACITY]
        for m in range(3):
            inside = light[j, i, m] * np.exp(-pigment[m] * path) * through * rim
            inside += body[m] * shade * (1.0 - through) + shine * gloss[m]
            light[j, i, m] = light[j, i, m] * (1.0 - opacity) + inside * opacity
        if cover > 0.5:
            top[j, i] = number


def paint_shaft(
    light: F32,
    top: NDArray[np.int32],
    number: int,
    board: Board,
    pts: NDArray[np.float64],
    half: NDArray[np.float64],
    edge: F32,
    texture: F32,
    torn: F32,
    pigment: Any,
    body: Any,
    gloss: Any,
    parameters: NDArray[np.float64],
) -> None:
    """Composite one shaft over `light`; write its number into `top` where it covers over half a pixel.

    `torn` says for each lane of the texture how much of the cut end is missing [px].
    """
    _shaft(
        light,
        top,
        number,
        board.dist,
        board.side,
        board.arc,
        board.touched,
        np.ascontiguousarray(pts, np.float64),
        half,
        edge,
        texture,
        torn,
        np.asarray(pigment, np.float64),
        np.asarray(body, np.float64),
        np.asarray(gloss, np.float64),
        parameters,
    )


@njit(cache=True)
def paint_follicle(
    dark: Any,
    pale: Any,
    wobble: Any,
    x: float,
    y: float,
    ux: float,
    uy: float,
    radius: float,
    pit: float,
    collar: float,
    ring: float,
    period: float,
    reach: float,
    behind: float,
) -> None:
    """Add a follicular opening: dark pit, pale collar, fine concentric folds, mostly behind the shaft."""
    height, width = dark.shape
    for j in range(max(0, int(y - reach)), min(height, int(y + reach) + 2)):
        for i in range(max(0, int(x - reach)), min(width, int(x + reach) + 2)):
            a, b = i - x, j - y
            along = a * ux + b * uy
            across = b * ux - a * uy
            d = np.sqrt(along * along * 0.7 + across * across) * (1.0 + 0.12 * wobble[j, i])
            if d > reach:
                continue
            q = d / radius
            dark[j, i] += pit * np.exp(-q * q)
            side = 1.0 / (1.0 + np.exp(behind * along / radius))
            e = q - 1.8
            pale[j, i] += collar * side * np.exp(-e * e * 2.0)
            fall = np.exp(-max(0.0, d - radius) / (0.35 * reach))
            wave = np.sin(6.2832 * d / period + 0.9 * wobble[j, i])
            dark[j, i] += ring * side * fall * max(0.0, wave) * (1.0 - np.exp(-q * q))


@njit(cache=True)
def paint_disc(
    layer: Any, x: float, y: float, rx: float, ry: float, angle: float, soft: float, gain: float
) -> None:
    """Add a filled ellipse with soft edge; soft is relative to the radius."""
    height, width = layer.shape
    reach = max(rx, ry) * (1.0 + 2.0 * soft) + 1.0
    ca, sa = np.cos(angle), np.sin(angle)
    for j in range(max(0, int(y - reach)), min(height, int(y + reach) + 2)):
        for i in range(max(0, int(x - reach)), min(width, int(x + reach) + 2)):
            a, b = i - x, j - y
            q = np.sqrt(((a * ca + b * sa) / rx) ** 2 + ((b * ca - a * sa) / ry) ** 2)
            layer[j, i] += gain / (1.0 + np.exp(min(30.0, (q - 1.0) * 4.0 / soft)))
