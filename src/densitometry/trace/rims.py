"""Drop lines that come from what hides the scalp: rims of glare, round fields and banners, and drawn lines.

All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment
from densitometry.trace.tone import cells

Floats = NDArray[np.floating[Any]]

_BESIDE_PX, _BESIDE_SHARE = 6.0, 0.8
"""A line of which more than this share lies so near to hidden scalp runs along its rim."""
_BRIDGED_SHARE = 0.5
"""A line of which more than this share lies on filled-in marks is one of them: hairs pass below. On 20 real
frames no hair had more than 0.35 there, four drawn lines 0.95 and more."""


def drop_rims(hairs: Sequence[Segment], valid: NDArray[np.bool_]) -> list[Segment]:
    """Keep the lines that are no rims.

    Args:
        hairs: traced lines.
        valid: (h, w) where scalp is seen; beyond the picture it is taken to go on.
    """
    edged = cv2.copyMakeBorder(valid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    beside = cv2.distanceTransform(edged, cv2.DIST_L2, 5)[1:-1, 1:-1] < _BESIDE_PX
    return [hair for hair in hairs if _share_on(hair.points, beside) <= _BESIDE_SHARE]


def drop_bridged(hairs: Sequence[Segment], bridged: NDArray[np.bool_]) -> list[Segment]:
    """Keep the lines that do not lie on drawn marks.

    Args:
        hairs: traced lines.
        bridged: (h, w) where drawn marks were filled in.
    """
    return [hair for hair in hairs if _share_on(hair.points, bridged) <= _BRIDGED_SHARE]


def _share_on(points: Floats, mask: NDArray[np.bool_]) -> float:
    return float(np.mean(mask[cells(points, mask.shape)]))
