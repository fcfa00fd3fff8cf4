"""Join the pieces of a hair that something hides in the middle, the likeliest pairs of the picture first.

A piece that stops where no end was seen, in line with another such piece of its width, is the same hair.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment, turned

Floats = NDArray[np.floating[Any]]

_TANGENT_POINTS = 10
_ROUNDS = 3
_STRICTER = 0.7


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """When two pieces are one hair.

    Attributes:
        max_gap_px: longest hidden stretch.
        max_bend_rad: largest angle between a piece's end and the way to the other piece.
        max_width_ratio: largest ratio of the two widths.
        max_end: an end with more end evidence than this is a true end.
    """

    max_gap_px: float = 30.0
    max_bend_rad: float = 0.35
    max_width_ratio: float = 1.7
    max_end: float = 0.5


@dataclass(frozen=True, slots=True)
class _End:
    """One open end: place, outward direction, half width, which piece and which side of it."""

    place: Floats
    outward: Floats
    half_width: float
    piece: int
    is_root: bool


def _open_ends(segments: list[Segment], settings: JoinSettings) -> list[_End]:
    ends = []
    for number, segment in enumerate(segments):
        half = segment.usual_half_width
        reach = min(_TANGENT_POINTS, len(segment.points) - 1)
        for is_root, cut, evidence in (
            (True, segment.root_cut, segment.root_end),
            (False, segment.tip_cut, segment.tip_end),
        ):
            if cut or evidence > settings.max_end:
                continue
            place, inner = (
                (segment.points[0], segment.points[reach])
                if is_root
                else (segment.points[-1], segment.points[-1 - reach])
            )
            step = place - inner
            ends.append(_End(place, step / max(float(np.hypot(*step)), 1e-9), half, number, is_root))
    return ends


def _cost(a: _End, b: _End, settings: JoinSettings) -> float:
    """Cost in [0, 1) of joining two open ends; 1 where they cannot be one hair."""
    between = b.place - a.place
    gap = float(np.hypot(*between))
    ratio = max(a.half_width, b.half_width) / max(min(a.half_width, b.half_width), 0.3)
    if a.piece == b.piece or gap > settings.max_gap_px or ratio > settings.max_width_ratio:
        return 1.0
    bend = math.acos(max(-1.0, min(1.0, -float(a.outward @ b.outward))))
    if gap > 1.5:
        way = between / gap
        bend = max(
            bend,
            math.acos(max(-1.0, min(1.0, float(a.outward @ way)))),
            math.acos(max(-1.0, min(1.0, -float(b.outward @ way)))),
        )
    # the longer the hidden stretch, the fewer pairs lie in line by chance that may be believed
    allowed = settings.max_bend_rad * (1.0 - _STRICTER * gap / settings.max_gap_px)
    if bend > allowed:
        return 1.0
    return (
        0.4 * gap / settings.max_gap_px
        + 0.3 * bend / allowed
        + 0.29 * (ratio - 1) / (settings.max_width_ratio - 1)
    )


def merged(pieces: tuple[Segment, Segment], at_roots: tuple[bool, bool], bridge: Floats) -> Segment:
    """One hair from two pieces and the points (n, 2) between; the surer piece says which end is the root.

    Args:
        pieces: both of them.
        at_roots: whether each is joined at its root end.
        bridge: from the first to the second, without their ends.
    """
    (a, b), (a_root, b_root) = pieces, at_roots
    first, second = turned(a) if a_root else a, b if b_root else turned(b)
    sign = (-1 if a_root else 1) * a.root_margin + (1 if b_root else -1) * b.root_margin
    halves = np.full(len(bridge), (first.half_width[-1] + second.half_width[0]) / 2)
    weights = [len(first.points), len(second.points)]
    whole = Segment(
        points=np.vstack([first.points, bridge, second.points]),
        evidence=np.concatenate([first.evidence, np.zeros(len(bridge)), second.evidence]),
        half_width=np.concatenate([first.half_width, halves, second.half_width]),
        score=first.score + second.score,
        root_margin=abs(sign),
        root_cut=first.root_cut,
        tip_cut=second.tip_cut,
        root_end=first.root_end,
        tip_end=second.tip_end,
        new_share=float(np.average([first.new_share, second.new_share], weights=weights)),
        shaft=float(np.average([first.shaft, second.shaft], weights=weights)),
    )
    return whole if sign >= 0 else turned(whole)


def _straight(a: Floats, b: Floats) -> Floats:
    """Points a pixel apart between two, without them."""
    steps = max(0, int(np.hypot(*(b - a))) - 1)
    return np.asarray(a + (b - a) * ((np.arange(steps) + 1) / (steps + 1))[:, None])


def _join_once(segments: list[Segment], settings: JoinSettings) -> list[Segment]:
    """Join the best pairs of open ends, each piece once."""
    ends = _open_ends(segments, settings)
    if len(ends) < 2:
        return segments
    places = np.array([e.place for e in ends])
    near = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) <= settings.max_gap_px
    pairs = [
        (_cost(ends[i], ends[j], settings), int(i), int(j))
        for i, j in zip(*np.nonzero(near), strict=True)
        if i < j
    ]
    joined: dict[int, Segment | None] = {}
    for cost, i, j in sorted(pairs):
        a, b = ends[i], ends[j]
        if cost >= 1.0 or a.piece in joined or b.piece in joined:
            continue
        pieces = segments[a.piece], segments[b.piece]
        joined[a.piece] = merged(pieces, (a.is_root, b.is_root), _straight(a.place, b.place))
        joined[b.piece] = None
    after = [joined.get(k, s) for k, s in enumerate(segments)]
    return [s for s in after if s is not None]


def join_segments(segments: list[Segment], settings: JoinSettings) -> list[Segment]:
    """Join pieces of the same hair, the likeliest first; every end takes part in one join at most."""
    for _ in range(_ROUNDS):
        joined = _join_once(segments, settings)
        if len(joined) == len(segments):
            break
        segments = joined
    return segments
