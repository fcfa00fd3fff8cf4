"""The learned detector: a compact convolutional network, trained on this project's simulator alone.

It reads log contrast on the detection grid (8 µm in training) and says where centre lines run, in which
direction, and where they end.
Its arithmetic is local: what lies beyond its field of view (about 1 mm) changes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.maps import HALF_CHANNELS, ORIENTATIONS, EvidenceMaps

Floats = NDArray[np.floating[Any]]

CONTRAST_WINDOW_PX = 61
"""Window of the local mean in `log_contrast` the network was trained with [px of its grid]."""
MULTIPLE_PX = 16
"""Edge lengths are padded to multiples of this: four halvings."""
TILE_PX = 1024
OVERLAP_PX = 128
"""Pictures larger than a tile are cut into tiles that overlap by more than the field of view."""
WEIGHTS = Path(__file__).with_name("hairnet.onnx")


@lru_cache(maxsize=1)
def _session(path: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the same sums in the same order, whatever the machine
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def network_maps(contrast: Floats, weights: Path = WEIGHTS) -> EvidenceMaps:
    """Run the network over a picture of any size, in overlapping tiles.

    Args:
        contrast: (h, w, 3) log contrast on the detection grid.
        weights: ONNX file.

    Returns:
        Evidence maps of the grid.
    """
    h, w = contrast.shape[:2]
    lifted = np.empty((ORIENTATIONS, h, w), np.float32)
    half = np.empty((HALF_CHANNELS, (h + 1) // 2, (w + 1) // 2), np.float32)
    core = TILE_PX - 2 * OVERLAP_PX
    rows = [0] if h <= TILE_PX else list(range(0, h, core))
    columns = [0] if w <= TILE_PX else list(range(0, w, core))
    for y in rows:
        for x in columns:
            y0, x0 = max(0, y - OVERLAP_PX), max(0, x - OVERLAP_PX)
            y1 = h if len(rows) == 1 else min(h, y + core + OVERLAP_PX)
            x1 = w if len(columns) == 1 else min(w, x + core + OVERLAP_PX)
            tile = contrast[y0:y1, x0:x1]
            pad = [(0, -s % MULTIPLE_PX) for s in tile.shape[:2]]
            padded = np.ascontiguousarray(np.pad(tile, [*pad, (0, 0)]).transpose(2, 0, 1)[None], np.float32)
            full, small = _session(str(weights)).run(None, {"contrast": padded})
            ye, xe = (min(h, y + core) if len(rows) > 1 else h), (min(w, x + core) if len(columns) > 1 else w)
            lifted[:, y:ye, x:xe] = full[0][:, y - y0 : ye - y0, x - x0 : xe - x0]
            half[:, y // 2 : (ye + 1) // 2, x // 2 : (xe + 1) // 2] = small[0][
                :, (y - y0) // 2 : (ye - y0 + 1) // 2, (x - x0) // 2 : (xe - x0 + 1) // 2
            ]
    return EvidenceMaps(lifted, half[0], half[1], half[2:4], half[4], half[5])
