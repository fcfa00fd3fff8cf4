"""Join pieces of a hair that was lost where it bends tightly or dives below another.

Both pieces stop where no end is seen, and an arc leads from one to the other: how smoothly it carries on
their bends, what the maps show along it and how alike the pieces are tells whether they are one hair.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from densitometry.trace.curves import evidence
from densitometry.trace.joins import merged
from densitometry.trace.junctions import bend_misfit, heading
from densitometry.trace.maps import EvidenceMaps
from densitometry.trace.sampling import sample, sample_colours
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

BEND_WEIGHTS = (-0.55, -1.60, -0.93, 2.10, -1.47, -1.79, -4.95, -2.97, 1.85, -1.12, 4.72)
"""Log odds that two pieces are one hair, per unit of `Bend.features`, and a constant last: what
`training/calibrate_bends.py` prints."""

_ROUNDS = 3
_FARTHEST_PX = 40.0
_CLOSE_PX = 3.0
"""Between ends this near no way from one to the other can be told."""
_MOST_TURN_RAD, _MORE_TURN_RAD_PER_PX, _MOST_ANGLE_RAD = 0.7, 0.05, 1.3
"""Hairs turn by no more between two ends: 97 of 100 pairs that are one hair in training pictures."""
_MOST_BARE_PX = 12.0
"""No hair crosses so much bare skin unseen; 95 of 100 such pairs do not."""
_MOST_LOG_WIDTH = 1.2
_END_POINTS, _WIDTH_POINTS, _ARM_POINTS = 16, 12, 24
_SLACK_PX = 4.0
_WORST_MISFIT_PX, _WORST_HUE, _WORST_TONE = 3.0, 0.3, 0.6
_SEEN = 0.3
_FAN_RAD = (0.0, 0.26, -0.26)
"""Directions about that of the arc in which a centre line may show: one bin to either side."""
_LEAST_HALF_PX = 0.3


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a piece that the border does not cut.

    Attributes:
        piece: its number.
        is_root: which end of it.
        arm: (n, 2) points next to it, the end last.
        outward: direction there.
        bend: curvature there, to the left of it [rad/px].
        half_width: of the shaft next to it.
        evidence: that a hair ends there.
    """

    piece: int
    is_root: bool
    arm: Floats
    outward: Floats
    bend: float
    half_width: float
    evidence: float


@dataclass(frozen=True, slots=True)
class Bend:
    """Two ends that an arc may join.

    Attributes:
        pieces: numbers of the two pieces.
        at_roots: whether it is the root end of each.
        arc: (n, 2) from one end to the other, both included.
        features: what speaks for one hair and against it.
    """

    pieces: tuple[int, int]
    at_roots: tuple[bool, bool]
    arc: Floats
    features: tuple[float, ...]

    @property
    def odds(self) -> float:
        """Log odds that both are one hair."""
        told = sum(w * f for w, f in zip(BEND_WEIGHTS, self.features, strict=False))
        return float(told + BEND_WEIGHTS[-1])


def _ends(hairs: Sequence[Segment]) -> list[_End]:
    found = []
    for number, hair in enumerate(hairs):
        for is_root, cut, seen in (
            (True, hair.root_cut, hair.root_end),
            (False, hair.tip_cut, hair.tip_end),
        ):
            if cut:
                continue
            part = slice(_ARM_POINTS - 1, None, -1) if is_root else slice(-_ARM_POINTS, None)
            arm = np.ascontiguousarray(hair.points[part], np.float64)
            x, y, bend = heading(arm[-_END_POINTS:])
            near = hair.half_width[:_WIDTH_POINTS] if is_root else hair.half_width[-_WIDTH_POINTS:]
            half = max(float(np.median(near)), _LEAST_HALF_PX)
            found.append(_End(number, is_root, arm, np.array([x, y]), bend, half, seen))
    return found


def _angle(a: Floats, b: Floats) -> float:
    """Angle from one direction to another, to the left [rad]."""
    return math.atan2(float(a[0] * b[1] - a[1] * b[0]), float(a @ b))


def _arc(a: _End, b: _End, gap: float) -> Floats:
    """Points from one end to the other, a pixel apart, that leave and arrive as the pieces run."""
    n = max(2, int(gap) + 1)
    u = np.linspace(0.0, 1.0, n)[:, None]
    p, q = a.arm[-1], b.arm[-1]
    straight = (2 * u**3 - 3 * u**2 + 1) * p + (3 * u**2 - 2 * u**3) * q
    return np.asarray(straight + gap * ((u**3 - 2 * u**2 + u) * a.outward - (u**3 - u**2) * b.outward))


@njit(cache=True)
def _evidence_along(lifted: NDArray[np.uint8], arc: Floats, fan: tuple[float, ...]) -> Floats:
    """Centre-line evidence (h, w, bins) at each point of an arc, along it or a bin beside."""
    out = np.zeros(len(arc))
    for k in range(len(arc)):
        before, after = max(k - 1, 0), min(k + 1, len(arc) - 1)
        theta = math.atan2(arc[after, 1] - arc[before, 1], arc[after, 0] - arc[before, 0])
        for aside in fan:
            out[k] = max(out[k], evidence(lifted, arc[k, 0], arc[k, 1], theta + aside))
    return out


def _bend(a: _End, b: _End, hairs: Sequence[Segment], maps: EvidenceMaps, contrast: Floats) -> Bend | None:
    """Judge two ends; None where no hair would bend so."""
    way = b.arm[-1] - a.arm[-1]
    gap = float(np.hypot(*way))
    turn, most = _angle(a.outward, -b.outward), _MOST_TURN_RAD + _MORE_TURN_RAD_PER_PX * gap
    width = abs(math.log(a.half_width / b.half_width))
    if a.piece == b.piece or abs(turn) > most or width > _MOST_LOG_WIDTH:
        return None
    uneven = 0.0
    if gap > _CLOSE_PX:
        leaving, arriving = _angle(a.outward, way), _angle(way, -b.outward)
        if max(abs(leaving), abs(arriving)) > _MOST_ANGLE_RAD:
            return None
        turn = leaving + arriving
        uneven = abs(leaving - arriving) * gap / (gap + _CLOSE_PX)
    arc = _arc(a, b, gap)
    x, y = (arc.T - 0.5) / 2
    seen = _evidence_along(maps.lifted.transpose(1, 2, 0), arc, _FAN_RAD)
    unseen = (1.0 - sample(maps.shaft, x, y)) * (1.0 - np.minimum(seen / _SEEN, 1.0))
    bare = float(unseen.mean()) * gap
    if bare > _MOST_BARE_PX:
        return None
    curvature = turn / (gap * (1 + turn**2 / 24) + _SLACK_PX)
    apart = np.median(sample_colours(contrast, a.arm), axis=0)
    apart = apart - np.median(sample_colours(contrast, b.arm), axis=0)
    tone = float(apart.mean())
    first, second = hairs[a.piece], hairs[b.piece]
    misfit, _ = bend_misfit(np.vstack([a.arm, b.arm[::-1]]))
    features = (
        min(misfit, _WORST_MISFIT_PX),
        10.0 * abs(curvature - (a.bend - b.bend) / 2),
        uneven,
        float(1.0 - seen.mean()),
        bare / 10.0,
        min(abs(tone), _WORST_TONE),
        min(float(np.linalg.norm(apart - tone)), _WORST_HUE),
        max(a.evidence, b.evidence),
        min(first.new_share, second.new_share),
        math.log(min(len(first.points), len(second.points))),
    )
    return Bend((a.piece, b.piece), (a.is_root, b.is_root), arc, features)


def bends_between(hairs: Sequence[Segment], maps: EvidenceMaps, contrast: Floats) -> list[Bend]:
    """Return every two ends that may belong to one hair, with what speaks for it.

    Args:
        hairs: of a picture.
        maps: they were followed in.
        contrast: (h, w, 3) log contrast on the detection grid.
    """
    ends = _ends(hairs)
    if len(ends) < 2:
        return []
    places = np.array([end.arm[-1] for end in ends])
    pairs = np.sort(cKDTree(places).query_pairs(_FARTHEST_PX, output_type="ndarray"), axis=1)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    judged = (_bend(ends[i], ends[j], hairs, maps, contrast) for i, j in pairs)
    return [bend for bend in judged if bend is not None]


def join_bends(
    hairs: list[Segment], maps: EvidenceMaps, contrast: Floats, least_odds: float
) -> list[Segment]:
    """Join pieces that are likelier one hair than two, the likeliest first, each once in a round.

    Args:
        hairs: of a picture.
        maps: they were followed in.
        contrast: (h, w, 3) log contrast on the detection grid.
        least_odds: log odds from which on pieces are joined; infinite to leave them alone.
    """
    for _ in range(_ROUNDS):
        bends = sorted(bends_between(hairs, maps, contrast), key=lambda bend: -bend.odds)
        joined: dict[int, Segment | None] = {}
        for bend in bends:
            i, j = bend.pieces
            if bend.odds < least_odds:
                break
            if i in joined or j in joined:
                continue
            joined[i] = merged((hairs[i], hairs[j]), bend.at_roots, bend.arc[1:-1])
            joined[j] = None
        if not joined:
            break
        after = (joined.get(k, hair) for k, hair in enumerate(hairs))
        hairs = [hair for hair in after if hair is not None]
    return hairs
