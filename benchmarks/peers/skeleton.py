"""From a mask of hair to traces: thin it, cut it at its junctions, take each branch for one hair."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skan import Skeleton, summarize
from skimage.morphology import remove_small_objects, skeletonize

from benchmarks.peers import LEAST_LENGTH_UM

LEAST_AREA_UM2 = 4_000.0
"""A hair of 20 µm along 200 µm: smaller specks of the mask are dropped."""


def branches(mask: NDArray[np.bool_], um_per_px: float) -> list[dict[str, Any]]:
    """Return the branches of a mask's skeleton, as wide as twice the median distance to the edge."""
    least_px = max(1, round(LEAST_AREA_UM2 / um_per_px**2))
    mask = remove_small_objects(mask, max_size=least_px - 1)
    thin = skeletonize(mask)
    if not thin.any():
        return []
    distance = ndimage.distance_transform_edt(mask)
    skeleton = Skeleton(thin)
    table = summarize(skeleton, separator="_")
    lengths_um = table["branch_distance"].to_numpy() * um_per_px
    lines = []
    for index in np.flatnonzero(lengths_um >= LEAST_LENGTH_UM):
        rows, columns = skeleton.path_coordinates(int(index)).T.astype(int)
        lines.append(
            {
                "points": np.stack([columns, rows], axis=1).tolist(),
                "diameter_um": float(2 * np.median(distance[rows, columns]) * um_per_px),
                "length_um": float(lengths_um[index]),
            }
        )
    return lines
