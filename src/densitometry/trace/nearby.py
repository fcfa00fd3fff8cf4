"""What is usual in the scalp near a place: medians that no distant hair moves.

All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    prior = np.tile(np.asarray(usual, np.float64), (_PRIOR_COUNT, 1))
    found = np.empty(values.shape)
    for row, place in enumerate(places):
        near = (np.abs(places - place) < _REACH_PX).all(axis=1)
        found[row] = np.median(np.vstack([values[near], prior]), axis=0)
    return found


def usual_log_lengths(hairs: Sequence[Segment]) -> list[float]:
    """Return the log of the length of hair that is usual near each line."""
    places = np.array([hair.points[len(hair.points) // 2] for hair in hairs], np.float64).reshape(-1, 2)
    lengths = np.log([len(hair.points) for hair in hairs]).reshape(-1, 1)
    return [float(x) for x in medians_near(places, lengths, (_LONG_LOG,))[:, 0]]


def shortness(usual_log_length: float) -> float:
    """Return how short hair of a usual length is: 1 where it was clipped short, 0 where it is long."""
    return min(max((_LONG_LOG - usual_log_length) / (_LONG_LOG - _SHORT_LOG), 0.0), 1.0)
