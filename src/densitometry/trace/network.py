"""The learned detector: a compact convolutional network, trained on this project's simulator alone.

It reads log contrast on the detection grid (8 µm in training) and says where centre lines run, in which direction, and where they end.
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
    import onnxruntime  # noqa: PLC0415  (slow to import, needed only here)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the same sums in the same order, whatever the machine
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_network(contrast: Floats, weights: Path = WEIGHTS) -> NDArray[np.float32]:
    """Run the network over a picture of any size, in overlapping tiles.

    Args:
        contrast: (h, w, 3) log contrast on the network's grid.
        weights: ONNX file.

    Returns:
        (channels, ceil(h / 2), ceil(w / 2)) raw output.
    """
    h, w = contrast.shape[:2]
    channels = 4 * ORIENTATIONS + HALF_CHANNELS
    out = np.empty((channels, (h + 1) // 2, (w + 1) // 2), np.float32)
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
            padded = np.pad(tile, [*pad, (0, 0)]).transpose(2, 0, 1)[None]
            result = _session(str(weights)).run(None, {"contrast": np.ascontiguousarray(padded, np.float32)})[0][0]
            ye, xe = min(h, y + core) if len(rows) > 1 else h, min(w, x + core) if len(columns) > 1 else w
            out[:, y // 2 : (ye + 1) // 2, x // 2 : (xe + 1) // 2] = result[
                :, (y - y0) // 2 : (ye - y0 + 1) // 2, (x - x0) // 2 : (xe - x0 + 1) // 2
            ]
    return out


def _sigmoid(x: Floats) -> NDArray[np.float32]:
    return np.asarray(1.0 / (1.0 + np.exp(-x)), np.float32)


def maps_from_output(out: Floats, height: int, width: int) -> EvidenceMaps:
    """Turn the raw output into evidence maps of a grid of the given size."""
    n, h, w = 4 * ORIENTATIONS, out.shape[1], out.shape[2]
    lifted = out[:n].reshape(ORIENTATIONS, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(ORIENTATIONS, 2 * h, 2 * w)
    return EvidenceMaps(
        lifted=_sigmoid(lifted[:, :height, :width]),
        root=_sigmoid(out[n]),
        tip=_sigmoid(out[n + 1]),
        direction=np.asarray(out[n + 2 : n + 4], np.float32),
        half_width_px=np.exp(np.clip(out[n + 4], -2.0, 3.5)).astype(np.float32),
        shaft=_sigmoid(out[n + 5]),
    )


def network_maps(contrast: Floats, weights: Path = WEIGHTS) -> EvidenceMaps:
    """Evidence maps of log contrast (h, w, 3) on the network's grid."""
    return maps_from_output(run_network(contrast, weights), contrast.shape[0], contrast.shape[1])
