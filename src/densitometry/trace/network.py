"""The learned detector: a compact convolutional network, trained on this project's simulator alone.

It reads log contrast on the detection grid (8 µm in training) and says where centre lines run, in which
direction, and where they end.
Its arithmetic is local: what lies beyond its field of view (about 1 mm) changes nothing.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import product
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
OVERLAP_PX = 96
"""Pictures larger than a tile are cut into tiles that overlap by more than the field of view (86 px)."""
_WORKERS = 2
_Span = tuple[int, int, int, int]
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
    # stored as the follower reads it, all bins of a place side by side: no second copy of the largest array
    lifted = np.empty((h, w, ORIENTATIONS), np.float32).transpose(2, 0, 1)
    half = np.empty((HALF_CHANNELS, (h + 1) // 2, (w + 1) // 2), np.float32)
    session = _session(str(weights))

    def fill(place: tuple[_Span, _Span]) -> None:
        (y0, y, ye, y1), (x0, x, xe, x1) = place
        tile = contrast[y0:y1, x0:x1]
        pad = [(0, -s % MULTIPLE_PX) for s in tile.shape[:2]]
        padded = np.ascontiguousarray(np.pad(tile, [*pad, (0, 0)]).transpose(2, 0, 1)[None], np.float32)
        full, small = session.run(None, {"contrast": padded})
        lifted[:, y:ye, x:xe] = full[0][:, y - y0 : ye - y0, x - x0 : xe - x0]
        half[:, y // 2 : (ye + 1) // 2, x // 2 : (xe + 1) // 2] = small[0][
            :, (y - y0) // 2 : (ye - y0 + 1) // 2, (x - x0) // 2 : (xe - x0 + 1) // 2
        ]

    tiles = list(product(_spans(h), _spans(w)))
    if len(tiles) > 1 and _may_share_work():
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(fill, tiles))
    else:
        for tile in tiles:
            fill(tile)
    return EvidenceMaps(lifted, half[0], half[1], half[2:4], half[4], half[5])


def _spans(size: int) -> list[_Span]:
    """Tiles along one side: where reading begins, where the own part begins and ends, where reading ends."""
    if size <= TILE_PX:
        return [(0, 0, size, size)]
    core = TILE_PX - 2 * OVERLAP_PX
    return [
        (max(0, at - OVERLAP_PX), at, min(size, at + core), min(size, at + core + OVERLAP_PX))
        for at in range(0, size, core)
    ]


def _may_share_work() -> bool:
    """Whether a second thread may help: every tile is the same sums, so the maps are the same either way."""
    return multiprocessing.parent_process() is None
