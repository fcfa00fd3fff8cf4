"""Follow hairs through the lifted centre-line maps: by direction, with bounded curvature.

Crossing hairs live in different orientation bins, so a follower passes a crossing as if it were alone.
All lengths here are pixels of the detection grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.curl import cell_of, price_shares
from densitometry.trace.maps import CERTAIN
from densitometry.trace.workers import do_all

Floats = NDArray[np.floating[Any]]
Lifted = NDArray[np.uint8]

_BINS = 12
_BIN_RAD = math.pi / _BINS
_STEP_PX = 1.0
_LOOK_POINTS = 13
_LOOK_STEP_PX = 2.0
"""Lines that cross at 20° are told apart some 8 px from the crossing: 26 px ahead is well beyond."""
_ROUNDING = 1e-6
_TURNS = (0.0, -0.1, 0.1, -0.25, 0.25)
"""Changes of curvature that are tried at every step, as shares of the bound on curvature."""
_TURN_PRICE = 500.0
_CHANGE_PRICE = 4000.0
"""Prices of curvature and of its change, both squared: small corrections are free, leaving a line is dear."""
_AIMS = 4
_AIM_RAD = 0.05
_BENDS = 2
_BEND_RAD_PER_PX = 0.008
"""Directions and curvatures tried at a seed, on either side of the first guess."""
_SEEN_AHEAD = 0.3
_BRIDGED = 4.0
"""Where the arc ahead shows this evidence, a hidden stretch may be so many times longer."""
_MAX_POINTS = 3000
_FULL_CIRCLE_RAD = 2 * math.pi
"""Whoever turned so far goes round a bubble."""
_WIDEST_COVER_PX = 4.0
_SAFE_DIGITS = 4
"""Of the order of seeds: in a mirrored picture sums differ in the last digits, and the order should not."""
_ROWS_TOGETHER = 768
"""Rows in which one thread looks for seeds at a time."""


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """How curves are followed, on the detection grid.

    Attributes:
        seed_evidence: least evidence at a seed.
        stop_evidence: a curve stops where the evidence ahead stays below this.
        max_gap_px: longest stretch without evidence that is passed straight on.
        max_turn_rad_per_px: bound on curvature.
        usual_curl_rad_per_px: mean curvature of the lines near by beyond which bending costs less.
        min_length_px: shorter curves are dropped.
        min_new_px: least length along which a curve runs where no stronger curve ran before it.
        cover_px: least half width of the strip around a followed curve in which no parallel curve may start.
        cover_share: the same as a share of the half width of the shaft.
    """

    seed_evidence: float = 0.5
    stop_evidence: float = 0.12
    max_gap_px: float = 4.0
    max_turn_rad_per_px: float = 0.04
    usual_curl_rad_per_px: float = 8 / 2000
    min_length_px: float = 12.0
    min_new_px: float = 10.0
    cover_px: float = 1.6
    cover_share: float = 0.8


@njit(cache=True)
def evidence(lifted: Lifted, x: float, y: float, theta: float) -> float:
    """Evidence of a centre line through (x, y) along theta, from maps (h, w, bins).

    A bin counts fully within half a bin of theta, and not at all beyond one and a half.
    """
    h, w, bins = lifted.shape
    if not (0.0 <= x < w - 1 and 0.0 <= y < h - 1):
        return 0.0
    x0, y0 = int(x), int(y)
    fx, fy = x - x0, y - y0
    along = theta / _BIN_RAD
    nearest = math.floor(along + 0.5)
    beyond = along - nearest
    total = 0.0
    for j in range(-1, 2):
        weight = 1.0 if j == 0 else 0.5 + j * beyond
        k = (nearest + j) % bins
        top = lifted[y0, x0, k] * (1 - fx) + lifted[y0, x0 + 1, k] * fx
        low = lifted[y0 + 1, x0, k] * (1 - fx) + lifted[y0 + 1, x0 + 1, k] * fx
        total += weight * (top * (1 - fy) + low * fy)
    return min(total / CERTAIN, 1.0)


@njit(cache=True)
def _ahead(lifted: Lifted, x: float, y: float, theta: float, turn: float, least: float) -> float:
    """Mean evidence along the arc of constant curvature that lies ahead; -1 if it cannot be above `least`."""
    total = 0.0
    short = _LOOK_POINTS * (1.0 - least) + _ROUNDING
    bend = turn * _LOOK_STEP_PX
    dx, dy = _LOOK_STEP_PX * math.cos(theta + bend / 2), _LOOK_STEP_PX * math.sin(theta + bend / 2)
    c, s = math.cos(bend), math.sin(bend)
    for seen in range(_LOOK_POINTS):
        if seen - total > short:
            return -1.0
        x, y, theta = x + dx, y + dy, theta + bend
        dx, dy = c * dx - s * dy, s * dx + c * dy
        total += evidence(lifted, x, y, theta)
    return total / _LOOK_POINTS


@njit(cache=True)
def _follow(
    lifted: Lifted,
    x: float,
    y: float,
    theta: float,
    turn: float,
    stop: float,
    max_gap: float,
    max_turn: float,
    price_share: float,
    out: Floats,
) -> int:
    """Walk from (x, y) along theta; write x, y, evidence, theta; return the number of points written."""
    n, gap, turned = 0, 0, 0.0
    while n < out.shape[0] and abs(turned) < _FULL_CIRCLE_RAD:
        best, best_turn = -1.0, 0.0
        for share in _TURNS:
            option = max(-max_turn, min(max_turn, turn + share * max_turn))
            price = price_share * (_TURN_PRICE * option**2 + _CHANGE_PRICE * (option - turn) ** 2)
            if best >= 1.0 - price:  # even perfect evidence would not pay for it
                continue
            value = _ahead(lifted, x, y, theta, option, best + price) - price
            if value > best:
                best, best_turn = value, option
        turn = 0.5 * turn + 0.5 * best_turn
        theta += turn * _STEP_PX
        turned += turn * _STEP_PX
        x += _STEP_PX * math.cos(theta)
        y += _STEP_PX * math.sin(theta)
        nx, ny = -math.sin(theta), math.cos(theta)
        left = evidence(lifted, x - nx, y - ny, theta)
        here = evidence(lifted, x, y, theta)
        right = evidence(lifted, x + nx, y + ny, theta)
        curve = left - 2 * here + right
        if curve < -0.02:
            shift = max(-0.35, min(0.35, 0.5 * (left - right) / curve))
            x += shift * nx
            y += shift * ny
        elif left > here or right > here:
            sign = 0.3 if right > left else -0.3
            x += sign * nx
            y += sign * ny
        value = evidence(lifted, x, y, theta)
        gap = gap + 1 if value < stop else 0
        out[n, 0], out[n, 1], out[n, 2], out[n, 3] = x, y, value, theta
        n += 1
        if gap > (max_gap if best < _SEEN_AHEAD else _BRIDGED * max_gap):
            break
        h, w, _ = lifted.shape
        if not (0.0 <= x < w - 1 and 0.0 <= y < h - 1):
            break
    while n > 0 and out[n - 1, 2] < stop:
        n -= 1
    return n


@njit(cache=True)
def _aim(lifted: Lifted, x: float, y: float, theta: float, price_share: float) -> tuple[float, float]:
    """Direction and curvature of the arc through a seed that sees most evidence on both sides."""
    best, aimed, bent = -1.0, theta, 0.0
    for j in range(-_AIMS, _AIMS + 1):
        option = theta + j * _AIM_RAD
        for i in range(-_BENDS, _BENDS + 1):
            turn = i * _BEND_RAD_PER_PX
            price = 2 * price_share * _TURN_PRICE * turn**2
            if best >= 2.0 - price:
                continue
            value = _ahead(lifted, x, y, option, turn, best + price - 1.0) - price
            value += _ahead(lifted, x, y, option + math.pi, -turn, best - value)
            if value > best + 1e-6:
                best, aimed, bent = value, option, turn
    return aimed, bent


@njit(cache=True, nogil=True)
def _seeds(lifted: Lifted, least: float, first: int, last: int) -> Floats:
    """Maxima across the dominant direction in some rows: x, y, theta, evidence, and that along the line."""
    h, w, bins = lifted.shape
    found = []
    for y in range(max(1, first), min(last, h - 1)):
        for x in range(1, w - 1):
            for k in range(bins):
                value = float(lifted[y, x, k])
                before, after = float(lifted[y, x, (k - 1) % bins]), float(lifted[y, x, (k + 1) % bins])
                if value < 0.3 * least * CERTAIN or value < before or value <= after:
                    continue
                theta = (k + (after - before) / (before + value + after + 1e-6)) * _BIN_RAD
                here = evidence(lifted, float(x), float(y), theta)
                if here < least:
                    continue
                nx, ny = -math.sin(theta), math.cos(theta)
                if here < evidence(lifted, x - nx, y - ny, theta) or here <= evidence(
                    lifted, x + nx, y + ny, theta
                ):
                    continue
                total = 0.0
                for j in range(bins):
                    total += lifted[y, x, j] / CERTAIN
                # a place where hairs cross is a bad start: its direction is mixed
                clear = here * min(1.0, here / (total + 1e-6))
                sight = _ahead(lifted, float(x), float(y), theta, 0.0, 0.0)
                sight += _ahead(lifted, float(x), float(y), theta + math.pi, 0.0, 0.0)
                found.append((float(x), float(y), theta, clear, sight / 2))
    out = np.zeros((len(found), 5))
    for i in range(len(found)):
        for j in range(5):
            out[i, j] = found[i][j]
    return out


@njit(cache=True)
def _is_covered(visited: NDArray[np.uint8], x: float, y: float, theta: float) -> bool:
    h, w, bins = visited.shape
    px, py = int(round(x)), int(round(y))
    if not (0 <= px < w and 0 <= py < h):
        return False
    return bool(visited[py, px, int(round(theta / _BIN_RAD)) % bins] > 0)


@njit(cache=True)
def _cover(
    visited: NDArray[np.uint8], points: Floats, half_width: Floats, least: float, share: float
) -> None:
    """Remember a followed line: a strip as wide as a share of its shaft, in three bins."""
    h, w, bins = visited.shape
    for i in range(len(points)):
        hy = min(half_width.shape[0] - 1, max(0, int(points[i, 1] / 2)))
        hx = min(half_width.shape[1] - 1, max(0, int(points[i, 0] / 2)))
        radius = min(_WIDEST_COVER_PX, max(least, share * half_width[hy, hx]))
        r = int(math.ceil(radius))
        k = int(round(points[i, 3] / _BIN_RAD)) % bins
        cx, cy = int(round(points[i, 0])), int(round(points[i, 1]))
        for py in range(max(0, cy - r), min(h, cy + r + 1)):
            for px in range(max(0, cx - r), min(w, cx + r + 1)):
                if (px - points[i, 0]) ** 2 + (py - points[i, 1]) ** 2 <= radius * radius:
                    for j in (k - 1, k, k + 1):
                        visited[py, px, j % bins] = 1


@njit(cache=True)
def _follow_all(
    lifted: Lifted,
    half_width: Floats,
    seeds: Floats,
    price_shares: Floats,
    stop: float,
    max_gap: float,
    max_turn: float,
    min_length: float,
    min_new: float,
    cover_px: float,
    cover_share: float,
) -> tuple[Floats, NDArray[np.int64]]:
    visited = np.zeros(lifted.shape, np.uint8)
    forward = np.zeros((_MAX_POINTS, 4))
    backward = np.zeros((_MAX_POINTS, 4))
    chunks = []
    sizes = []
    for s in range(len(seeds)):
        x, y, theta = seeds[s, 0], seeds[s, 1], seeds[s, 2]
        if _is_covered(visited, x, y, theta):
            continue
        share = price_shares[s]
        theta, turn = _aim(lifted, x, y, theta, share)
        nf = _follow(lifted, x, y, theta, turn, stop, max_gap, max_turn, share, forward)
        nb = _follow(lifted, x, y, theta + math.pi, -turn, stop, max_gap, max_turn, share, backward)
        n = nf + nb + 1
        line = np.zeros((n, 5))
        for i in range(nb):
            line[i, 0], line[i, 1], line[i, 2] = (
                backward[nb - 1 - i, 0],
                backward[nb - 1 - i, 1],
                backward[nb - 1 - i, 2],
            )
            line[i, 3] = backward[nb - 1 - i, 3] - math.pi
        line[nb, 0], line[nb, 1], line[nb, 2], line[nb, 3] = x, y, seeds[s, 3], theta
        line[nb + 1 :, :4] = forward[:nf]
        new = 0
        for i in range(n):
            if not _is_covered(visited, line[i, 0], line[i, 1], line[i, 3]):
                new += 1
                line[i, 4] = 1.0
        _cover(visited, line[nb : nb + 1], half_width, cover_px, 0.0)
        if n < min_length or new < min_new:
            continue
        _cover(visited, line, half_width, cover_px, cover_share)
        chunks.append(line)
        sizes.append(n)
    total = 0
    for size in sizes:
        total += size
    pool = np.zeros((total, 5))
    at = 0
    for line in chunks:
        pool[at : at + len(line)] = line
        at += len(line)
    return pool, np.array(sizes, np.int64)


def follow_curves(lifted: Lifted, half_width_px: Floats, settings: FollowSettings) -> list[Floats]:
    """Follow every centre line of the lifted maps once; where hair curls, with lower prices of bending.

    Args:
        lifted: (bins, h, w) as in `EvidenceMaps`.
        half_width_px: (h/2, w/2) half width of the shaft.
        settings: see `FollowSettings`.

    Returns:
        Curves (N, 5), points about 1 px apart: x, y, evidence, direction [rad], 1 where new.
    """
    maps = np.ascontiguousarray(lifted.transpose(1, 2, 0), dtype=np.uint8)
    half_width = np.ascontiguousarray(half_width_px, dtype=np.float32)
    seeds = _all_seeds(maps, settings.seed_evidence)
    if not len(seeds):
        return []
    # the middle of a strong line is the safest start: order by the evidence there and along the line
    safe = np.round(seeds[:, 3] * seeds[:, 4], _SAFE_DIGITS)
    seeds = seeds[np.lexsort((seeds[:, 0], seeds[:, 1], -safe))]
    curves = _followed(maps, half_width, seeds, np.ones(len(seeds)), settings)
    shares = price_shares(curves, lifted.shape[1:], settings.usual_curl_rad_per_px)
    own = shares[cell_of(seeds[:, 0], seeds[:, 1])]
    return curves if own.min() == 1.0 else _followed(maps, half_width, seeds, own, settings)


def _all_seeds(maps: Lifted, least: float) -> Floats:
    found: dict[int, Floats] = {}

    def find(first: int) -> None:
        found[first] = _seeds(maps, least, first, first + _ROWS_TOGETHER)

    starts = range(0, len(maps), _ROWS_TOGETHER)
    do_all(find, starts)
    return np.concatenate([found[first] for first in starts])


def _followed(
    maps: Lifted, half_width: Floats, seeds: Floats, price_shares: Floats, settings: FollowSettings
) -> list[Floats]:
    pool, sizes = _follow_all(
        maps,
        half_width,
        seeds,
        price_shares,
        settings.stop_evidence,
        settings.max_gap_px,
        settings.max_turn_rad_per_px,
        settings.min_length_px,
        settings.min_new_px,
        settings.cover_px,
        settings.cover_share,
    )
    return [np.array(part) for part in np.split(pool, np.cumsum(sizes)[:-1])] if len(sizes) else []
