"""What is usual in the scalp near a place: medians that no distant hair moves.

All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_REACH_PX = 375.0
"""3 mm: how far ahead and aside of a place is looked, as far as for the curl of hair (`curl`)."""
_PRIOR_COUNT = 2
"""Where little is seen, usual values count as so many."""


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
