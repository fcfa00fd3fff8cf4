"""A picture on the detection grid: what every step before the widths reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.light import fine_contrast, log_contrast, to_linear

Floats = NDArray[np.floating[Any]]

CONTRAST_WINDOW_PX = 61
"""Window of the local mean in `log_contrast` the network was trained with [px of the grid]."""

EDGE_MULTIPLE_PX = 4
"""Edges of the grid are multiples of this: the network then halves a mirrored picture at the same places."""


@dataclass(frozen=True, slots=True)
class GridPicture:
    """A picture brought to the detection grid.

    A pixel centre at native x lies at (x + 0.5) · factor - 0.5 on the grid.

    Attributes:
        contrast: (h, w, 3) log contrast against the local mean.
        fine: (2h, 2w) float16, log contrast of luma at half the grid's pixel, against the same mean.
        valid: (h, w) bool, the field that may hold hair.
        factor: grid px per native px in x and y.
    """

    contrast: Floats
    fine: Floats
    valid: NDArray[np.bool_]
    factor: tuple[float, float]

    def mask(self, native: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Bring a mask of native pixels to the grid, (h, w) bool."""
        return _mask_to(native, self.valid.shape)


def to_grid(pixels: NDArray[Any], valid: NDArray[np.bool_], grid_px: float) -> GridPicture:
    """Bring a picture to the detection grid.

    Args:
        pixels: (H, W, 3) uint8 or uint16 sRGB codes.
        valid: (H, W) bool.
        grid_px: native pixels per pixel of the grid.
    """
    h, w = pixels.shape[:2]
    rows, columns = (EDGE_MULTIPLE_PX * max(1, round(n / grid_px / EDGE_MULTIPLE_PX)) for n in (h, w))
    field = _mask_to(valid, (rows, columns))
    coarse = to_linear(resized(pixels, rows, columns))
    contrast = log_contrast(coarse, field, CONTRAST_WINDOW_PX)
    fine = fine_contrast(resized(pixels, 2 * rows, 2 * columns), coarse, field, CONTRAST_WINDOW_PX)
    return GridPicture(contrast, fine, field, (columns / w, rows / h))


def resized(pixels: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Bring (H, W, 3) pixels to a size, as patches for training are too."""
    how = cv2.INTER_AREA if columns < pixels.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=how))


def _mask_to(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    small = cv2.resize(mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(small > 0, np.bool_)
