"""Smooth noise fixed to the scalp: the same seed gives the same skin at every scale and pose."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


class SkinMap:
    """Draws noise fields on a pixel grid whose pixels are placed on the scalp by a 2x3 matrix (px → µm).

    Args:
        px_to_um: maps pixel [x, y, 1] of the grid to µm on the scalp.
        shape: (H, W) of the grid.
        field_um: (width, height) of the scene's field, which the noise lattices cover with a margin.
    """

    def __init__(
        self, px_to_um: NDArray[np.float64], shape: tuple[int, int], field_um: tuple[float, float]
    ) -> None:
        self.px_to_um = px_to_um
        self.shape = shape
        self.centre = np.array(field_um) / 2
        self.reach = 0.56 * float(np.hypot(*field_um))

    def noise(
        self, rng: np.random.Generator, cell_um: float, stretch: float = 1.0, angle: float = 0.0
    ) -> F32:
        """Return (H, W) noise, mean 0, variance about 1, correlated over `cell_um`, longer along `angle`."""
        cells = np.array([cell_um * stretch, cell_um])
        size = np.ceil(2 * self.reach / cells).astype(int) + 4
        lattice = rng.standard_normal((int(size[1]), int(size[0])), dtype=np.float32)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / cells[:, None]
        matrix = np.empty((2, 3))
        matrix[:, :2] = turn @ self.px_to_um[:, :2]
        matrix[:, 2] = turn @ (self.px_to_um[:, 2] - self.centre) + size / 2
        out = cv2.warpAffine(
            lattice,
            matrix,
            (self.shape[1], self.shape[0]),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        return np.asarray(out, np.float32)
