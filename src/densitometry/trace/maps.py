"""Evidence maps: what a detector, learned or classical, says about every place of the detection grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = 12
"""Orientation bins of the lifted centre lines over 180°; crossings above 15° live in different bins."""
HALF_CHANNELS = 6
"""Maps on the half-resolution grid: root, tip, direction x, direction y, log half width, shaft."""

CERTAIN = 255
"""Centre line evidence is stored in whole numbers up to this: a quarter of the memory of floats."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class EvidenceMaps:
    """Evidence on the detection grid (h, w) and on its half (h/2, w/2).

    Attributes:
        lifted: (ORIENTATIONS, h, w) uint8, centre line evidence (`CERTAIN`: 1) split linearly between the two
            nearest orientation bins (bin k is the direction k · 180° / ORIENTATIONS, from x towards y).
        root, tip: (h/2, w/2) in [0, 1], evidence for a root or tip end.
        direction: (2, h/2, w/2) unit vector root → tip (shorter where unsure).
        half_width_px: (h/2, w/2) half width of the shaft [detection px].
        shaft: (h/2, w/2) in [0, 1], share of the cell covered by shaft.
    """

    lifted: NDArray[np.uint8]
    root: Floats
    tip: Floats
    direction: Floats
    half_width_px: Floats
    shaft: Floats


def coded(evidence: Floats) -> NDArray[np.uint8]:
    """Evidence in [0, 1], any shape, as centre lines are stored."""
    return np.round(evidence * CERTAIN).astype(np.uint8)
