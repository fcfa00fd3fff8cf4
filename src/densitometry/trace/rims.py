"""Drop lines that run along the rim of what hides the scalp: of a glare spot, a round field, a banner.

All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_BESIDE_PX, _BESIDE_SHARE = 6.0, 0.5
"""A line of which more than this share lies so near to hidden scalp runs along its rim."""


def drop_rims(hairs: Sequence[Segment], valid: NDArray[np.bool_]) -> list[Segment]:
    """Keep the lines that are no rims.

    Args:
        hairs: traced lines.
        valid: (h, w) where scalp is seen; beyond the picture it is taken to go on.
    """
    edged = cv2.copyMakeBorder(valid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    far = cv2.distanceTransform(edged, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return [hair for hair in hairs if _share_beside(hair.points, far) <= _BESIDE_SHARE]


def _share_beside(points: Floats, far: Floats) -> float:
    x, y = (np.clip(np.rint(points[:, k]).astype(int), 0, far.shape[1 - k] - 1) for k in (0, 1))
    return float(np.mean(far[y, x] < _BESIDE_PX))
