"""How dark a line is. All lengths are pixels of the detection grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.sampling import beside

Floats = NDArray[np.floating[Any]]

MIDDLE_PX = (-1.0, 0.0, 1.0)
"""Places across a line that are the middle of a shaft."""


def cells(points: Floats, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns (n,) of the pixels nearest to points (n, 2) [x, y]."""
    x, y = (np.clip(np.rint(points[:, k]).astype(np.intp), 0, shape[1 - k] - 1) for k in (0, 1))
    return y, x


def tone_along(points: Floats, contrast: Floats) -> Floats:
    """Mean log contrast (h, w, 3) of the middle of a shaft at each of its points (n, 2): (n,)."""
    return np.asarray(beside(points, contrast, MIDDLE_PX).mean(axis=(1, 2)))
