"""Where a place on the baseline's skin lies in the follow-up: affine part, gentle bending, doubt."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.distance import cdist

from densitometry.follow.patch import Field
from densitometry.model import FloatArray

BENDING_SD_UM = 65.0
"""Prior size of the bending per axis: a contact lens pushes skin by up to a tenth of a millimetre."""
BENDING_REACH_UM = 2200.0
"""Distance over which bending stays alike (standard deviation of its Gaussian covariance)."""
SHEAR_SD = 0.04
"""Prior standard deviation of each entry of the affine part beyond a similarity."""
PLACE_FLOOR_UM = 12.0
"""No root is placed better than this."""
INVERSE_STEPS = 6
LATTICE_UM = 250.0


@dataclass(frozen=True, slots=True)
class Deformation:
    """Baseline µm → follow-up µm.

    Attributes:
        affine: (2, 3), the best affine part.
        knots_um: (N, 2) matched roots of the baseline.
        weights: (N, 2) of the bending at the knots.
        precision: (N, N) inverse covariance of the knots' residuals.
        noise_um: standard deviation of a root's place per axis [µm].
    """

    affine: FloatArray
    knots_um: FloatArray
    weights: FloatArray
    precision: FloatArray
    noise_um: float

    def __call__(self, points_um: FloatArray) -> FloatArray:
        """Map (N, 2) baseline places to the follow-up."""
        return apply_affine(self.affine, points_um) + self._bending(points_um)

    def _reach(self, points_um: FloatArray) -> FloatArray:
        return bending_covariance(points_um, self.knots_um)

    def _bending(self, points_um: FloatArray) -> FloatArray:
        return np.asarray(self._reach(points_um) @ self.weights)

    def over_cells(self, field: Field) -> tuple[FloatArray, FloatArray]:
        """Map the True cells of a field: places in the follow-up (M, 2) and their standard error (M,) [µm].

        Bending and its error vary over millimetres: they are computed on a lattice and interpolated.
        """
        left, top, right, bottom = field.extent_um
        columns = max(2, int(np.ceil((right - left) / LATTICE_UM)))
        rows = max(2, int(np.ceil((bottom - top) / LATTICE_UM)))
        x = left + (np.arange(columns) + 0.5) * (right - left) / columns
        y = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
        lattice = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        values = np.column_stack([self._bending(lattice), self.sigma_um(lattice)]).reshape(rows, columns, 3)
        size = field.mask.shape[::-1]
        dense = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR))[field.mask]
        return apply_affine(self.affine, field.cells_um()) + dense[:, :2], dense[:, 2]

    def inverse(self, points_um: FloatArray) -> FloatArray:
        """Map (N, 2) follow-up places to the baseline: fixed-point iteration, as bending is gentle."""
        back = np.linalg.inv(self.affine[:, :2])
        start = (points_um - self.affine[:, 2]) @ back.T
        found = start
        for _ in range(INVERSE_STEPS):
            found = start - self._bending(found) @ back.T
        return found

    def sigma_um(self, points_um: FloatArray) -> FloatArray:
        """Return the standard error per axis of (N, 2) baseline places in the follow-up, (N,) [µm]."""
        reach = self._reach(points_um)
        explained = ((reach @ self.precision) * reach).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(BENDING_SD_UM**2 - explained, 0.0)))


def apply_affine(affine: FloatArray, points_um: FloatArray) -> FloatArray:
    """Map (N, 2) points by a (2, 3) affine matrix."""
    return np.asarray(points_um @ affine[:, :2].T + affine[:, 2])


def similarity(turn_rad: float, scale: float, centre_um: FloatArray, shift_um: FloatArray) -> FloatArray:
    """Return the (2, 3) matrix that turns and scales about `centre_um` and then shifts."""
    c, s = scale * np.cos(turn_rad), scale * np.sin(turn_rad)
    turn = np.array([[c, -s], [s, c]])
    return np.column_stack([turn, centre_um + shift_um - turn @ centre_um])


def fit_similarity(from_um: FloatArray, to_um: FloatArray) -> FloatArray:
    """Fit turn, scale and shift by least squares: (N, 2), (N, 2) → (2, 3).

    Source: Umeyama 1991, doi:10.1109/34.88573 (no reflection).
    """
    middle_from, middle_to = from_um.mean(axis=0), to_um.mean(axis=0)
    a, b = from_um - middle_from, to_um - middle_to
    size = float((a**2).sum())
    if size == 0.0:
        return np.column_stack([np.eye(2), middle_to - middle_from])
    c = float((a * b).sum()) / size
    s = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    turn = np.array([[c, -s], [s, c]])
    return np.column_stack([turn, middle_to - turn @ middle_from])


def fit_affine(from_um: FloatArray, to_um: FloatArray, place_sd_um: float) -> FloatArray:
    """Fit an affine map that departs from a similarity only as far as the points insist: → (2, 3).

    Args:
        from_um: (N, 2) places.
        to_um: (N, 2) where they lie.
        place_sd_um: how far a place may be off, per axis.
    """
    alike = fit_similarity(from_um, to_um)
    middle = from_um.mean(axis=0)
    offset = from_um - middle
    residual = to_um - apply_affine(alike, from_um)
    ridge = (place_sd_um / SHEAR_SD) ** 2
    beyond = np.linalg.solve(offset.T @ offset + ridge * np.eye(2), offset.T @ residual).T
    affine = alike.copy()
    affine[:, :2] += beyond
    affine[:, 2] += residual.mean(axis=0) - beyond @ middle
    return affine


def fit_deformation(
    from_um: FloatArray, to_um: FloatArray, noise_um: float
) -> tuple[Deformation, FloatArray]:
    """Fit affine part and bending to matched roots; also return leave-one-out residuals, (N, 2) [µm].

    The bending is the posterior mean of a Gaussian process on what the affine part leaves over: where no root
    is near, it falls back to the affine part and `sigma_um` grows.

    Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25 and 5.12.
    """
    noise = max(noise_um, PLACE_FLOOR_UM)
    affine = fit_affine(from_um, to_um, float(np.hypot(noise, BENDING_SD_UM / 2)))
    left_over = to_um - apply_affine(affine, from_um)
    covariance = bending_covariance(from_um, from_um) + noise**2 * np.eye(len(from_um))
    precision = np.linalg.inv(covariance)
    weights = precision @ left_over
    without_self = weights / np.diag(precision)[:, None]
    return Deformation(affine, from_um, weights, precision, noise), without_self


def bending_covariance(a_um: FloatArray, b_um: FloatArray) -> FloatArray:
    """Return the prior covariance per axis of the bending at (N, 2) and (K, 2) places, (N, K) [µm²]."""
    gap = cdist(a_um, b_um, "sqeuclidean")
    return np.asarray(BENDING_SD_UM**2 * np.exp(gap * (-0.5 / BENDING_REACH_UM**2)))
