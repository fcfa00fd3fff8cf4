"""What is usual in the scalp near a place: medians that no distant hair moves, and the sort of hair.

All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.curl import curled_along
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_REACH_PX = 375.0
"""3 mm: how far ahead and aside of a place is looked, as far as for the curl of hair (`curl`)."""
_PRIOR_COUNT = 2
"""Where little is seen, usual values count as so many."""
_SHORT_LOG, _LONG_LOG = 4.2, 4.8
"""Log of usual lengths up to which, and from which on, hair is short and long: 0.54 and 0.97 mm."""


def medians_near(places: Floats, values: Floats, usual: Sequence[float]) -> Floats:
    """Return the medians (n, k) of what is seen near each place, itself included.

    Args:
        places: (n, 2) x, y.
        values: (n, k) seen there.
        usual: (k,) of other pictures, which count as a few places more.
    """
    return _medians(
        np.ascontiguousarray(places, np.float64),
        np.ascontiguousarray(values, np.float64),
        np.asarray(usual, np.float64),
    )


@njit(cache=True, nogil=True)
def _medians(places: Floats, values: Floats, usual: Floats) -> Floats:
    count = len(places)
    found = np.empty(values.shape)
    near = np.empty(count, np.int64)
    seen = np.empty(count + _PRIOR_COUNT)
    for row in range(count):
        n = 0
        for other in range(count):
            if (
                abs(places[other, 0] - places[row, 0]) < _REACH_PX
                and abs(places[other, 1] - places[row, 1]) < _REACH_PX
            ):
                near[n] = other
                n += 1
        for column in range(values.shape[1]):
            for k in range(n):
                seen[k] = values[near[k], column]
            seen[n : n + _PRIOR_COUNT] = usual[column]
            found[row, column] = np.median(seen[: n + _PRIOR_COUNT])
    return found


def usual_log_lengths(hairs: Sequence[Segment]) -> list[float]:
    """Return the log of the length of hair that is usual near each line."""
    places = np.array([hair.points[len(hair.points) // 2] for hair in hairs], np.float64).reshape(-1, 2)
    lengths = np.log([len(hair.points) for hair in hairs]).reshape(-1, 1)
    return [float(x) for x in medians_near(places, lengths, (_LONG_LOG,))[:, 0]]


def shortness(usual_log_length: float) -> float:
    """Return how short hair of a usual length is: 1 where it was clipped short, 0 where it is long."""
    return min(max((_LONG_LOG - usual_log_length) / (_LONG_LOG - _SHORT_LOG), 0.0), 1.0)


def hair_near(hairs: Sequence[Segment], shape: tuple[int, ...]) -> list[tuple[float, float, float]]:
    """Return how much the hair near each line is long and straight, long and curled, and short; sum 1.

    Args:
        hairs: traced lines.
        shape: height and width of the maps.
    """
    short = [shortness(usual) for usual in usual_log_lengths(hairs)]
    curled = curled_along(hairs, shape)
    return [((1 - s) * (1 - c), (1 - s) * c, s) for s, c in zip(short, curled, strict=True)]
