"""Exchange the tails of hairs that crossed at an acute angle and were followed into each other.

Where two followed hairs run beside each other for a while, their four arms beyond that stretch can be paired
otherwise. Hairs bend smoothly and keep their width and colour, so that pairing is chosen whose halves lie on
smoother curves and look more alike, the surest exchange of the picture first. Where one of the two ends in
the stretch, the same is asked of which one ends there.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.curl import curled_near
from densitometry.trace.junctions import Junction, junctions_between, line_of, near_pairs
from densitometry.trace.segments import Segment, stretch_of, turned, upright

Floats = NDArray[np.floating[Any]]

_ROUNDS = 2
"""No more exchanges than this for each hair of the picture."""


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """When tails are exchanged.

    Attributes:
        least_odds: log odds from which on tails are exchanged; infinite to leave them alone.
    """

    least_odds: float = 0.4


def _between(values: Floats, first: int, last: int, n: int) -> Floats:
    """Sample rows evenly from one index to another."""
    at = np.linspace(first, last, n)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    part = (at - low)[:, None]
    return np.asarray(values[low] * (1 - part) + values[high] * part)


def _spliced(head: Segment, tail: Segment, leave: tuple[int, int], enter: tuple[int, int]) -> Segment:
    """One hair from the head of one and the tail of another, passing over along the stretch they share.

    Its `root_margin` is negative where its root is rather at the end.
    """
    n = max(2, leave[1] - leave[0] + 1, enter[1] - enter[0] + 1)
    share = np.linspace(0.0, 1.0, n)[:, None]
    a, b = (np.column_stack([s.points, s.evidence, s.half_width]) for s in (head, tail))
    middle = _between(a, *leave, n) * (1 - share) + _between(b, *enter, n) * share
    rows = np.vstack([a[: leave[0]], middle, b[enter[1] + 1 :]])
    parts = leave[0] / len(a), 1 - (enter[1] + 1) / len(b)
    return Segment(
        points=rows[:, :2],
        evidence=rows[:, 2],
        half_width=rows[:, 3],
        score=head.score * parts[0] + tail.score * parts[1],
        root_margin=head.root_margin * parts[0] + tail.root_margin * parts[1],
        root_cut=head.root_cut,
        tip_cut=tail.tip_cut,
        root_end=head.root_end,
        tip_end=tail.tip_end,
        new_share=(head.new_share + tail.new_share) / 2,
        shaft=(head.shaft + tail.shaft) / 2,
    )


def exchanged(a: Segment, b: Segment, junction: Junction) -> tuple[Segment, Segment]:
    """Return the two hairs with the tails exchanged at a junction of theirs."""
    if not junction.same_way:
        b = dataclasses.replace(turned(b), root_margin=-b.root_margin)
    (i0, i1), (j0, j1) = junction.first, junction.second
    ab = _spliced(a, b, (i0, i1), (j0, j1))
    ba = _spliced(b, a, (j0, j1), (i0, i1))
    # the arm that has no partner any more ends at the far end of the stretch
    if junction.ending == 1:
        ab = stretch_of(b, j0, len(b.points))
    elif junction.ending == 2:
        ba = stretch_of(b, 0, j1 + 1)
    elif junction.ending == 3:
        ba = stretch_of(a, i0, len(a.points))
    elif junction.ending == 4:
        ab = stretch_of(a, 0, i1 + 1)
    return upright(ab), upright(ba)


def exchange_tails(segments: list[Segment], contrast: Floats, settings: ExchangeSettings) -> list[Segment]:
    """Exchange tails wherever another pairing is clearly likelier, the surest first.

    Args:
        segments: hairs of a picture.
        contrast: (h, w, 3) log contrast on the detection grid.
        settings: see `ExchangeSettings`.

    Returns:
        As many hairs; those that were not touched come first, in their order.
    """
    if len(segments) < 2:
        return segments
    curled = curled_near(segments, contrast.shape)
    lines = {k: line_of(segment, contrast, curled) for k, segment in enumerate(segments)}
    queue: list[tuple[float, int, int, int, Junction]] = []

    def judge(i: int, j: int) -> None:
        for n, junction in enumerate(junctions_between(lines[i], lines[j])):
            if junction.odds > settings.least_odds:
                heapq.heappush(queue, (-junction.odds, i, j, n, junction))

    for i, j in near_pairs(list(lines.values())):
        judge(i, j)
    following = len(segments)
    for _ in range(_ROUNDS * len(segments)):
        while queue and not (queue[0][1] in lines and queue[0][2] in lines):
            heapq.heappop(queue)
        if not queue:
            break
        _, i, j, _, junction = heapq.heappop(queue)
        new = exchanged(lines.pop(i).segment, lines.pop(j).segment, junction)
        for hair in new:
            lines[following] = line = line_of(hair, contrast, curled)
            for k, other in lines.items():
                apart = (line.low > other.high) | (line.high < other.low)
                if k < following - (hair is new[1]) and not apart.any():
                    judge(k, following)
            following += 1
    return [line.segment for line in lines.values()]
