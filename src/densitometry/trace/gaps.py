"""Drop lines that run in the light gap between two dark shafts.

Where two shafts lie close, the skin or the wet film between them is lighter than what surrounds it and looks
like a light hair. A light hair that lies so between two dark ones is far rarer than a gap.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.sampling import beside
from densitometry.trace.segments import Segment
from densitometry.trace.tone import cells, tone_along

Floats = NDArray[np.floating[Any]]

_DARK = -0.6
"""Log contrast of a shaft that is dark beside a gap."""
_LIGHTER = 0.25
"""A gap has less than this share of the log contrast of the darker shafts beside it."""
_NEAR_PX, _FAR_PX = 2.0, 13.0
"""The middles of the shafts on both sides of a gap lie within 100 µm of its own."""
_GAP_SHARE = 0.35
"""A line that runs in a gap for more than this share of its length is one. On 40 real frames that served for
choosing two lines went, none of them a marked hair; of simulated white and dark hair together none."""


def drop_gaps(hairs: Sequence[Segment], contrast: Floats) -> list[Segment]:
    """Keep the lines that are hairs and no gaps.

    Args:
        hairs: traced lines.
        contrast: (h, w, 3) log contrast to the skin; negative where darker.
    """
    tones = [tone_along(hair.points, contrast) for hair in hairs]
    shafts = np.zeros(contrast.shape[:2], np.float32)
    for hair, tone in zip(hairs, tones, strict=True):
        np.minimum.at(shafts, cells(hair.points, shafts.shape), tone.astype(np.float32))
    shafts = np.asarray(cv2.erode(shafts, np.ones((3, 3), np.uint8)))
    return [
        hair
        for hair, tone in zip(hairs, tones, strict=True)
        if _gap_share(hair.points, tone, shafts) <= _GAP_SHARE
    ]


def _gap_share(points: Floats, tone: Floats, shafts: Floats) -> float:
    """Share of a line with a traced shaft on either side that is more than four times as dark."""
    across = np.arange(_NEAR_PX, _FAR_PX + 1)
    sides = [beside(points, shafts, sign * across)[..., 0].min(axis=1) for sign in (1, -1)]
    lighter = [(side < _DARK) & (tone > _LIGHTER * side) for side in sides]
    return float(np.mean(lighter[0] & lighter[1]))
