"""What a picture is along a line and beside it. All lengths are pixels of the detection grid."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

MIDDLE_PX = (-1.0, 0.0, 1.0)
"""Places across a line that are the middle of a shaft."""


def cells(points: Floats, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns (n,) of the pixels nearest to points (n, 2) [x, y]."""
    x, y = (np.clip(np.rint(points[:, k]).astype(np.intp), 0, shape[1 - k] - 1) for k in (0, 1))
    return y, x


def beside(points: Floats, plane: Floats, across_px: Floats | tuple[float, ...]) -> Floats:
    """Sample a plane (h, w) or (h, w, c) across a line (n, 2) at m offsets: (n, m) or (n, m, c)."""
    step = np.gradient(points, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    at = points[:, None, :] + np.asarray(across_px)[:, None] * normal[:, None, :]
    x, y = (np.ascontiguousarray(at[:, :, k], np.float32) for k in (0, 1))
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def tone_along(points: Floats, contrast: Floats) -> Floats:
    """Mean log contrast (h, w, 3) of the middle of a shaft at each of its points (n, 2): (n,)."""
    return np.asarray(beside(points, contrast, MIDDLE_PX).mean(axis=(1, 2)), np.float64)
