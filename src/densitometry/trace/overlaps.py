"""How far lines run in the bodies of others: what a piece of a hair, or a second line on it, does most.

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

from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_LEAST_HALF_PX = 2.0
"""Half of a body that is taken for less is taken for this much."""
_ALIKE_COS = 0.9
_END_PX = 1.5
"""An end so near a body's edge lies on it."""
_WITHIN = 10
"""Points of the other on either side of an end that lies within its course."""
# Columns of what is counted for a line: points in any other body, in one that runs alike, in such a one of a
# stronger line; ends on another body, and within another's course.
_IN_BODY, _ALIKE, _STRONGER, _ROOT_ON, _TIP_ON, _ROOT_WITHIN, _TIP_WITHIN = range(7)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Where a line meets others.

    Attributes:
        in_body: share of its points in the body of another line.
        alike: share in the body of one that runs the same way there.
        stronger: share in the body of such a one of a higher score.
        ends_on: how many of its ends lie on another body; ends at the border do not count.
        ends_within: how many lie within the course of another line.
    """

    in_body: float
    alike: float
    stronger: float
    ends_on: int
    ends_within: int


def overlaps(hairs: Sequence[Segment]) -> list[Overlap]:
    """Return where each of the hairs meets the others."""
    if not hairs:
        return []
    start, met, _ = _met(hairs)
    share = met[:, :_ROOT_ON] / np.diff(start)[:, None]
    return [
        Overlap(
            float(of[_IN_BODY]),
            float(of[_ALIKE]),
            float(of[_STRONGER]),
            int(row[_ROOT_ON] + row[_TIP_ON]),
            int(row[_ROOT_WITHIN] + row[_TIP_WITHIN]),
        )
        for of, row in zip(share, met, strict=True)
    ]


def alike_places(hairs: Sequence[Segment]) -> list[NDArray[np.bool_]]:
    """Return for each of the hairs (N,) where it runs in the body of another that runs the same way."""
    if not hairs:
        return []
    start, _, alike = _met(hairs)
    return np.split(alike, start[1:-1])


def _met(hairs: Sequence[Segment]) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Where each hair begins, what is counted for it (columns above), and which points run alike."""
    start = np.concatenate([[0], np.cumsum([len(hair.points) for hair in hairs])]).astype(np.int64)
    points = np.concatenate([hair.points for hair in hairs])
    steps = np.gradient(points, axis=0)
    first, last = start[:-1], start[1:] - 1
    steps[first], steps[last] = points[first + 1] - points[first], points[last] - points[last - 1]
    steps /= np.maximum(np.hypot(*steps.T), 1e-9)[:, None]
    half = np.array([hair.usual_half_width for hair in hairs])
    scores = np.array([hair.score for hair in hairs])
    cut = np.array([[hair.root_cut, hair.tip_cut] for hair in hairs])
    met, alike = np.zeros((len(hairs), _TIP_WITHIN + 1)), np.zeros(len(points), np.bool_)
    low = points.min(axis=0)
    # points are looked up in cells, of an edge that nothing reaches beyond
    cell = max(_LEAST_HALF_PX, float(half.max())) + _END_PX
    _meet((points - low) / cell, cell, steps, start, half, scores, cut, met, alike)
    return start, met, alike


@njit(cache=True, nogil=True)
def _meet(
    points: Floats,
    cell: float,
    steps: Floats,
    start: NDArray[np.int64],
    half: Floats,
    scores: Floats,
    cut: NDArray[np.bool_],
    met: Floats,
    runs_alike: NDArray[np.bool_],
) -> None:
    """Count for each line, in its row of `met` (columns above), where its points [cells] meet other lines.

    `runs_alike` tells of each point whether it lies in the body of one that runs the same way.
    """
    count = len(points)
    width, height = int(points[:, 0].max()) + 1, int(points[:, 1].max()) + 1
    first, following = np.full(width * height, -1), np.full(count, -1)
    owner = np.empty(count, np.int64)
    for k in range(len(start) - 1):
        for i in range(start[k], start[k + 1]):
            owner[i] = k
            place = int(points[i, 1]) * width + int(points[i, 0])
            following[i] = first[place]
            first[place] = i
    for i in range(count):
        k = owner[i]
        end = -1
        if i == start[k] and not cut[k, 0]:
            end = 0
        elif i == start[k + 1] - 1 and not cut[k, 1]:
            end = 1
        column, row = int(points[i, 0]), int(points[i, 1])
        in_body = alike = stronger = on = within = False
        for y in range(max(0, row - 1), min(height, row + 2)):
            for x in range(max(0, column - 1), min(width, column + 2)):
                j = first[y * width + x]
                while j >= 0:
                    other = owner[j]
                    if other != k:
                        apart = cell * math.hypot(points[i, 0] - points[j, 0], points[i, 1] - points[j, 1])
                        if apart < max(_LEAST_HALF_PX, half[other]):
                            in_body = True
                            if abs(steps[i, 0] * steps[j, 0] + steps[i, 1] * steps[j, 1]) > _ALIKE_COS:
                                alike = True
                                stronger = stronger or scores[other] > scores[k]
                        if end >= 0 and apart < half[other] + _END_PX:
                            on = True
                            inside = j - start[other] > _WITHIN and start[other + 1] - j > _WITHIN + 1
                            within = within or inside
                    j = following[j]
        met[k, _IN_BODY] += in_body
        met[k, _ALIKE] += alike
        runs_alike[i] = alike
        met[k, _STRONGER] += stronger
        if end >= 0:
            met[k, _ROOT_ON + end] = on
            met[k, _ROOT_WITHIN + end] = within
