"""How much hair curls around a place, and what bending may cost there.

One price of bending does not serve all hair: what keeps straight hair on its line at a crossing cuts curls to
pieces. The curl is taken from lines that were followed, and only from those near by: a distant hair changes
nothing. All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_CURL_PX = 10
_CURL_EVIDENCE = 0.5
"""Curl is the turn over so many points of a line that is seen that well."""
_CELL_PX = 16
_REACH_CELLS = 24
"""Lines within about 390 px (3 mm) of a place tell its curl."""
_LEAST_POINTS = 100
_LEAST_SHARE = 0.06
_CURL_PER_PX = (0.0045, 0.008)
"""Mean curvature [rad/px] up to which hair is straight, and from which on it is curled. Medians of tuning
pictures: 0.003 to 0.005 for straight hair of either renderer at any scale, 0.008 and 0.015 for curled."""
_CHORD_PX = 6
"""Directions of traced lines are those of chords so far either way: single steps wobble, most where pixels
are coarse."""
_STEPS_PER_RAD = 1e4
"""Turns are summed as whole numbers: sums over windows are then exact, and truly local."""


def price_shares(curves: Sequence[Floats], shape: tuple[int, int], usual_curl_rad_per_px: float) -> Floats:
    """Share of the full price of bending in each cell of 16 px, 1 where hair does not curl more than usual.

    The price stays the same in units of the curl: it falls with the square of the ratio.

    Args:
        curves: (N, 5) as `curves.follow_curves` returns them.
        shape: height and width of the maps.
        usual_curl_rad_per_px: mean curvature that is taken for straight hair.
    """
    curl = curl_near(curves, shape)
    share = np.square(usual_curl_rad_per_px / np.maximum(curl, usual_curl_rad_per_px))
    return np.maximum(share, _LEAST_SHARE)


def curl_near(curves: Sequence[Floats], shape: tuple[int, int]) -> Floats:
    """Mean curvature [rad/px] of the lines about each cell of 16 px, 0 where too little is seen.

    Args:
        curves: (N, 5) as `curves.follow_curves` returns them.
        shape: height and width of the maps.
    """
    cells = (shape[0] // _CELL_PX + 1, shape[1] // _CELL_PX + 1)
    turn, points = np.zeros(cells), np.zeros(cells)
    for curve in curves:
        if len(curve) <= 2 * _CURL_PX:
            continue
        theta = np.unwrap(curve[:, 3])
        steps = np.rint(np.abs(theta[_CURL_PX:] - theta[:-_CURL_PX]) / _CURL_PX * _STEPS_PER_RAD)
        middle = curve[_CURL_PX // 2 : _CURL_PX // 2 + len(steps)]
        clear = (middle[:, 4] > 0) & (middle[:, 2] > _CURL_EVIDENCE)
        at = cell_of(middle[clear, 0], middle[clear, 1])
        np.add.at(turn, at, steps[clear])
        np.add.at(points, at, 1.0)
    side = (2 * _REACH_CELLS + 1,) * 2
    near, seen = (
        cv2.boxFilter(plane, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
        for plane in (turn, points)
    )
    return np.where(seen < _LEAST_POINTS, 0.0, near / np.maximum(seen, 1.0) / _STEPS_PER_RAD)


def curled_near(hairs: Sequence[Segment], shape: tuple[int, ...]) -> Floats:
    """Return how curled hair is about each cell of 16 px: 0 where it is straight, 1 where it is curled.

    Args:
        hairs: traced lines.
        shape: height and width of the maps.
    """
    curves = []
    for hair in hairs:
        points = np.asarray(hair.points, np.float64)
        at = np.arange(len(points))
        ahead, back = np.minimum(at + _CHORD_PX, len(points) - 1), np.maximum(at - _CHORD_PX, 0)
        chord = points[ahead] - points[back]
        theta = np.arctan2(chord[:, 1], chord[:, 0])
        curves.append(np.column_stack([hair.points, hair.evidence, theta, np.ones(len(theta))]))
    straight, curled = _CURL_PER_PX
    curl = curl_near(curves, (shape[0], shape[1]))
    return np.asarray(np.clip((curl - straight) / (curled - straight), 0.0, 1.0))


def curled_along(hairs: Sequence[Segment], shape: tuple[int, ...]) -> list[float]:
    """Return how curled the hair about each of the hairs is, in [0, 1]: the median along its line."""
    curled = curled_near(hairs, shape)
    return [float(np.median(curled[cell_of(hair.points[:, 0], hair.points[:, 1])])) for hair in hairs]


def cell_of(x: Floats, y: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the cells that hold points."""
    return np.asarray(y, np.int64) // _CELL_PX, np.asarray(x, np.int64) // _CELL_PX
