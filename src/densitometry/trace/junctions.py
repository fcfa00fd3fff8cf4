"""Where two hairs run beside each other, and whose arms belong together beyond.

The four arms of a junction can be paired in two ways; where one of the two hairs ends in the stretch, the
question is which of them does. Hairs bend smoothly and keep their width and colour: what speaks for the
pairing that was not followed is measured here.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from densitometry.trace.curl import cell_of, curled_near
from densitometry.trace.sampling import sample_colours
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_ARM_PX = 45
"""Points of an arm that are looked at: longer arms tell smooth curves better (20, 32, 45, 60 were tried)."""
_LEAST_ARM = 8
_BESIDE_PX = 3.0
_BESIDE_SHARE = 0.8
"""Hairs run beside each other where they are no further apart than this share of their half widths' sum."""
_PASSED_POINTS = 3
_UNEVEN_PX, _UNEVEN_SHARE = 16, 0.5
"""By so much the stretches of two hairs beside each other may differ. Where one comes by twice, in a curl or
a loop, an exchange would make it longer than both were."""
_PARALLEL_COS = math.cos(math.radians(50.0))
_TANGENT_POINTS = 5
_WIDTH_POINTS = 7
_FLAT = 1e-9
"""Kept off zero where points tell nothing of a bend."""
_JUNCTION_POINTS = 12
"""Points next to the stretch whose half width is compared."""
_TIP_POINTS = 6
_HEADING_POINTS = 16
_WORST_TURN_RAD = 1.5
_WORST_MISFIT_PX = 3.0
_LEAST_HALF_PX = 0.3
_WORST_COLOUR = 0.3
_LOOKUP_STEP = 3
_FAR_PX2, _SKIP = 400.0, 0.8
_LOOKUP_PX = 10.0

CROSSING_WEIGHTS = (
    *(-1.46, -0.02, -16, -2.46, -7.58, 0, 0),
    *(-1.65, 0.43, 2.31, -3.47, -7.58, -1.66, -0.5),
)
"""Log odds of exchanging both tails, per unit of `_chain` features, new pairing less old: in straight hair,
fitted on 17 rendered pictures, then in curled hair, on 300 of those of `training/calibrate_exchange.py`."""
ENDING_WEIGHTS = (
    *(-3.46, 0.39, -11.91, -0.1, -7.61, 0, 0, -0.86),
    *(-1.65, 0.4, 4.43, -1.81, -4.44, -2.17, -0.91, -1.33),
    -0.4,
)
"""The same where one hair ends in the stretch: then also the taper of the ending arm, and a constant last."""


@dataclass(frozen=True, slots=True)
class Junction:
    """Two hairs beside each other: places on the first and on the second walked the same way.

    Attributes:
        first: index of the first and of the last point beside the other on the first hair.
        second: the same on the second hair, counted the way the first one runs.
        same_way: whether both run the same way from root to tip.
        features: what speaks for another pairing, new less old: shared out between straight and curled hair.
        ending: 0 for four arms; else 1 + number of the missing arm (before, after; first, second hair).
    """

    first: tuple[int, int]
    second: tuple[int, int]
    same_way: bool
    features: tuple[float, ...]
    ending: int

    @property
    def odds(self) -> float:
        """Log odds of the other pairing."""
        weights = ENDING_WEIGHTS if self.ending else CROSSING_WEIGHTS
        return float(sum(w * f for w, f in zip(weights, self.features, strict=False))) + (
            weights[-1] if self.ending else 0.0
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A hair with what junctions ask of it.

    Attributes:
        segment: the hair.
        look: (n, 6) x, y, smooth half width, three colours.
        tangent: (n, 2).
        curled: (n,) how curled the hair near by is: 0 where a parabola follows it, 1 where it tells nothing.
        low, high: corners [x, y] of all that may be near it.
    """

    segment: Segment
    look: Floats
    tangent: Floats
    curled: Floats
    low: Floats
    high: Floats


@njit(cache=True)
def _smooth(values: Floats, points: int) -> Floats:
    """Running means of rows over so many of them, the outermost rows repeated beyond the ends."""
    n, reach = len(values), points // 2
    out = np.zeros(values.shape)
    for i in range(n):
        for k in range(i - reach, i + reach + 1):
            for column in range(values.shape[1]):
                out[i, column] += values[min(max(k, 0), n - 1), column]
    return out / points


def line_of(segment: Segment, contrast: Floats, curled: Floats) -> Line:
    """Look at a hair; contrast is (h, w, 3), and `curled` is that of the hair near by."""
    points = np.asarray(segment.points, np.float64)
    step = _smooth(np.gradient(points, axis=0), _TANGENT_POINTS)
    half = _smooth(np.asarray(segment.half_width, np.float64)[:, None], _WIDTH_POINTS)
    tangent = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    look = np.ascontiguousarray(np.column_stack([points, half, sample_colours(contrast, points)]))
    low, high = points.min(axis=0) - _LOOKUP_PX, points.max(axis=0) + _LOOKUP_PX
    return Line(segment, look, tangent, curled[cell_of(points[:, 0], points[:, 1])], low, high)


@njit(cache=True)
def _beside(a: Floats, along_a: Floats, b: Floats, along_b: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Nearest point of b to every point of a, and the cosine of their directions; 0 where not beside it."""
    at = np.zeros(len(a), np.int64)
    cosine = np.zeros(len(a))
    for i in range(len(a)):
        best, where, j = 1e18, 0, 0
        while j < len(b):
            apart = (a[i, 0] - b[j, 0]) ** 2 + (a[i, 1] - b[j, 1]) ** 2
            if apart < best:
                best, where = apart, j
            # points are a pixel apart: from far away none of the next ones is near
            j += max(1, int(_SKIP * math.sqrt(apart) - _LOOKUP_PX)) if apart > _FAR_PX2 else 1
        at[i] = where
        reach = max(_BESIDE_PX, _BESIDE_SHARE * (a[i, 2] + b[where, 2]))
        dot = along_a[i, 0] * along_b[where, 0] + along_a[i, 1] * along_b[where, 1]
        if best < reach * reach and abs(dot) > _PARALLEL_COS:
            cosine[i] = dot
    return at, cosine


def _stretches(a: Line, b: Line) -> list[tuple[int, int, int, int, bool]]:
    """Where a runs beside b: first and last index on a, on b, and whether they run the same way."""
    at, cosine = _beside(a.look, a.tangent, b.look, b.tangent)
    beside = np.flatnonzero(cosine)
    if not len(beside):
        return []
    parts = np.split(beside, np.flatnonzero(np.diff(beside) > _PASSED_POINTS + 1) + 1)
    found = [
        (int(p[0]), int(p[-1]), int(at[p].min()), int(at[p].max()), bool(cosine[p].sum() > 0)) for p in parts
    ]
    return [place for place in found if _side_by_side(place[1] - place[0], place[3] - place[2])]


def _side_by_side(first_px: int, second_px: int) -> bool:
    """Whether two hairs are about as long where they run beside each other, and none comes by twice."""
    return abs(first_px - second_px) <= max(_UNEVEN_PX, _UNEVEN_SHARE * min(first_px, second_px))


@njit(cache=True)
def bend_misfit(points: Floats) -> tuple[float, float]:
    """Root mean square distance of points from the parabola through them, and its curvature."""
    n = len(points)
    cx, cy = points[n - 1, 0] - points[0, 0], points[n - 1, 1] - points[0, 1]
    length = math.hypot(cx, cy)
    if length < 6.0:
        return _WORST_MISFIT_PX, 0.1
    ux, uy = cx / length, cy / length
    t1 = t2 = t3 = t4 = y0 = y1 = y2 = squares = 0.0
    for i in range(n):
        dx, dy = points[i, 0] - points[0, 0], points[i, 1] - points[0, 1]
        t, y = (dx * ux + dy * uy) / length, dy * ux - dx * uy
        tt = t * t
        t1, t2, t3, t4 = t1 + t, t2 + tt, t3 + tt * t, t4 + tt * tt
        y0, y1, y2, squares = y0 + y, y1 + y * t, y2 + y * tt, squares + y * y
    # normal equations of y = a + b t + c t², solved by elimination
    b1, b2, r1 = t2 - t1 * t1 / n, t3 - t1 * t2 / n, y1 - t1 * y0 / n
    c2, r2 = t4 - t2 * t2 / n, y2 - t2 * y0 / n
    b1 = max(b1, _FLAT)
    c2, r2 = max(c2 - b2 * b2 / b1, _FLAT), r2 - b2 * r1 / b1
    c = r2 / c2
    rest = max(0.0, squares - y0 * y0 / n - r1 * r1 / b1 - c * r2)
    return math.sqrt(rest / n), abs(2 * c) / length**2


@njit(cache=True)
def heading(points: Floats) -> tuple[float, float, float]:
    """Direction (x, y) and curvature at the last of some points, by the parabolas through them."""
    n = len(points)
    s = np.zeros(n)
    for k in range(n - 2, -1, -1):
        s[k] = s[k + 1] - math.hypot(points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1])
    s1, s2, s3, s4 = s.sum(), (s**2).sum(), (s**3).sum(), (s**4).sum()
    table = np.array([[n, s1, s2], [s1, s2, s3], [s2, s3, s4]]) + _FLAT * np.eye(3)
    sums = np.zeros((3, 2))
    for k in range(n):
        for c in range(2):
            value = points[k, c] - points[n - 1, c]
            sums[0, c] += value
            sums[1, c] += value * s[k]
            sums[2, c] += value * s[k] ** 2
    fit = np.linalg.solve(table, sums)
    speed = max(math.hypot(fit[1, 0], fit[1, 1]), _FLAT)
    turn = 2.0 * (fit[1, 0] * fit[2, 1] - fit[1, 1] * fit[2, 0]) / speed**3
    return fit[1, 0] / speed, fit[1, 1] / speed, turn


@njit(cache=True)
def _cubic_misfit(before: Floats, after: Floats) -> float:
    """Root mean square distance of two arms from the cubic in arc length through both."""
    points = np.vstack((before, after))
    n = len(points)
    s = np.zeros(n)
    for k in range(1, n):
        s[k] = s[k - 1] + math.hypot(points[k, 0] - points[k - 1, 0], points[k, 1] - points[k - 1, 1])
    s = 2.0 * s / max(s[-1], _FLAT) - 1.0
    design = np.ones((n, 4))
    for power in range(1, 4):
        design[:, power] = design[:, power - 1] * s
    table = design.T @ design + _FLAT * np.eye(4)
    rest = points - design @ np.linalg.solve(table, design.T @ points)
    return math.sqrt((rest**2).sum() / n)


@njit(cache=True)
def _odd_turn(before: Floats, after: Floats) -> float:
    """How far the turn from one arm to the next differs from what their curvatures foretell [rad]."""
    x, y, leaving = heading(before[-_HEADING_POINTS:])
    u, v, arriving = heading(after[:_HEADING_POINTS][::-1])
    gap = math.hypot(after[0, 0] - before[-1, 0], after[0, 1] - before[-1, 1])
    turn = math.atan2(y * u - x * v, -x * u - y * v)
    return min(abs(turn - (leaving - arriving) / 2 * gap), _WORST_TURN_RAD)


@njit(cache=True)
def _log_half(part: Floats) -> float:
    return math.log(max(float(np.median(part[:, 2])), _LEAST_HALF_PX))


@njit(cache=True)
def _chain(before: Floats, after: Floats) -> Floats:
    """How badly two arms make one hair.

    Misfit of a parabola [px], its square, curvature [1/10 px], log width, colour, misfit of a cubic [px], odd
    turn between them [rad].
    """
    first, second = np.ascontiguousarray(before[:, :2]), np.ascontiguousarray(after[:, :2])
    misfit, curvature = bend_misfit(np.vstack((first, second)))
    misfit = min(misfit, _WORST_MISFIT_PX)
    cubic = min(_cubic_misfit(first, second), _WORST_MISFIT_PX)
    width = abs(_log_half(before[-_JUNCTION_POINTS:]) - _log_half(after[:_JUNCTION_POINTS]))
    channels = before.shape[1] - 3
    apart = np.zeros(channels)
    for k in range(channels):
        apart[k] = np.median(before[:, 3 + k]) - np.median(after[:, 3 + k])
    hue = math.sqrt(((apart - apart.mean()) ** 2).sum())
    turn = _odd_turn(first, second)
    return np.array([misfit, misfit**2, 10.0 * curvature, width, min(hue, _WORST_COLOUR), cubic, turn])


def _taper(arm: Floats) -> float:
    """Log ratio of the half width at the last points of an arm to the half width before them."""
    body = arm[:-_TIP_POINTS] if len(arm) > 2 * _TIP_POINTS else arm
    return _log_half(arm[-_TIP_POINTS:]) - _log_half(body)


_Arms = tuple[Floats, Floats, Floats, Floats]
"""Before and after the stretch on the first hair, before and after it on the second."""


def _crossing(arms: _Arms) -> Floats:
    """What speaks for exchanging both tails."""
    old = _chain(arms[0], arms[1]) + _chain(arms[2], arms[3])
    return np.asarray(_chain(arms[0], arms[3]) + _chain(arms[2], arms[1]) - old)


def _ending(arms: _Arms, missing: int) -> Floats:
    """What speaks for the rival's ending in the stretch instead of the arm that lacks its partner."""
    ends = missing ^ 1  # the other arm of the same hair
    rival = ends ^ 2  # the arm on the same side of the other hair
    through = arms[rival ^ 1]
    if ends in (0, 2):
        gain = _chain(arms[ends], through) - _chain(arms[rival], through)
    else:
        gain = _chain(through, arms[ends]) - _chain(through, arms[rival])
    inwards = [arms[k] if k in (0, 2) else np.ascontiguousarray(arms[k][::-1]) for k in (rival, ends)]
    return np.append(gain, _taper(inwards[0]) - _taper(inwards[1]))


def _junction(a: Line, b: Line, place: tuple[int, int, int, int, bool]) -> Junction | None:
    """Judge one stretch; None where too few arms reach beyond it."""
    i0, i1, j0, j1, same = place
    other = b.look if same else np.ascontiguousarray(b.look[::-1])
    if not same:
        j0, j1 = len(other) - 1 - j1, len(other) - 1 - j0
    arms = (
        a.look[max(0, i0 - _ARM_PX) : i0],
        a.look[i1 + 1 : i1 + 1 + _ARM_PX],
        other[max(0, j0 - _ARM_PX) : j0],
        other[j1 + 1 : j1 + 1 + _ARM_PX],
    )
    there = [len(arm) >= _LEAST_ARM for arm in arms]
    missing = there.index(False) if sum(there) == 3 else -1
    if all(there):
        features = _crossing(arms)
    elif missing >= 0:
        features = _ending(arms, missing)
    else:
        return None
    curled = float(a.curled[(i0 + i1) // 2])
    features = np.concatenate([features * (1 - curled), features * curled])
    return Junction((i0, i1), (j0, j1), same, tuple(features.tolist()), missing + 1)


def junctions_between(a: Line, b: Line) -> list[Junction]:
    """Return every stretch two hairs share, with what speaks for pairing its arms otherwise."""
    judged = (_junction(a, b, place) for place in _stretches(a, b))
    return [junction for junction in judged if junction is not None]


def near_pairs(lines: list[Line]) -> list[tuple[int, int]]:
    """Pairs of hairs that come near each other."""
    owner = np.concatenate([np.full(len(s.look[::_LOOKUP_STEP]), k) for k, s in enumerate(lines)])
    places = np.vstack([s.look[::_LOOKUP_STEP, :2] for s in lines])
    near = owner[cKDTree(places).query_pairs(_LOOKUP_PX, output_type="ndarray")]
    near = np.unique(np.sort(near[near[:, 0] != near[:, 1]], axis=1), axis=0)
    return [(int(i), int(j)) for i, j in near]


def find_junctions(segments: list[Segment], contrast: Floats) -> list[tuple[int, int, Junction]]:
    """Return every junction of a picture with the numbers of its two hairs.

    Args:
        segments: hairs of a picture.
        contrast: (h, w, 3) log contrast on the detection grid.
    """
    if len(segments) < 2:
        return []
    planes = np.ascontiguousarray(contrast, np.float32)
    curled = curled_near(segments, contrast.shape)
    lines = [line_of(segment, planes, curled) for segment in segments]
    return [
        (i, j, junction) for i, j in near_pairs(lines) for junction in junctions_between(lines[i], lines[j])
    ]
