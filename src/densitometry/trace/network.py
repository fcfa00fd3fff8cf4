"""The learned detector: a compact convolutional network, trained on this project's simulator alone.

It reads log contrast on the detection grid (8 µm in training) and, so that thin gaps between shafts are seen,
that of luma at half its pixel. It says where centre lines run, in which direction, and where they end: the
mean of what it says of the picture upright and, where more readings are asked for, turned by a quarter (of
chances, the mean of their logits), turned by a half and mirrored. With eight a picture that is mirrored or
turned by a half gives the same maps, and one turned by a quarter nearly the same.
Its arithmetic is local: what lies beyond its field of view (about 1 mm) changes nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.beyond import REACH_PX, nothing_outside, past_field, surround, window
from densitometry.trace.maps import HALF_CHANNELS, ORIENTATIONS, EvidenceMaps
from densitometry.trace.workers import WORKERS, may_share_work

Floats = NDArray[np.floating[Any]]

MULTIPLE_PX = 16
"""Edge lengths are padded to multiples of this: four halvings."""
WHOLE_PX = 1200
"""A picture of sides up to this is read whole."""
TILE_AREA_PX, OVERLAP_PX = 450_000, 64
"""Larger ones are cut into tiles, small ones for the sake of memory and cache. They reach so far beyond what
is kept of them that no byte of it hangs on where they are cut, on noise either; with 56 some do."""
_CELL = (2, 2, ORIENTATIONS)
"""What the network says of centre lines in one 16 µm cell: its four 8 µm cells (y, x), every bin of each."""
WEIGHTS, WEIGHTS_ONCE = (Path(__file__).with_name(name) for name in ("hairnet.onnx", "hairnet_once.onnx"))
READINGS = {
    1: (WEIGHTS_ONCE, ((1, 1),)),
    2: (WEIGHTS, ((1, 1),)),
    4: (WEIGHTS, ((1, 1), (-1, -1))),
    8: (WEIGHTS, ((1, 1), (-1, -1), (1, -1), (-1, 1))),
}
"""By number: the file, and steps down and across by which it reads a tile. One file holds the upright
reading, the other that and one turned by a quarter; more come of the tile turned by a half, mirrored, and
both."""
_READ_BACKWARDS = {
    (down, across): np.array([1, 1, across, down, 1, 1], np.float32)[:, None, None]
    for down, across in product((1, -1), repeat=2)
}
"""What becomes of root, tip, direction x and y, half width and shaft where a tile is read backwards."""
_Span = tuple[int, int, int, int]


@lru_cache(maxsize=1)
def _session(path: str, height: int, width: int, threads: int) -> Any:
    """The network for tiles of this size [px]: where sizes are known, sums become a part of convolutions.

    Threads share the places of a map, so that the sums are the same however many there are.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # with patterns a third more memory, in the same time
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, size in (("height", height), ("width", width)):
        options.add_free_dimension_override_by_name(name, size)
        options.add_free_dimension_override_by_name(f"fine_{name}", 2 * size)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def network_maps(contrast: Floats, fine: Floats, valid: NDArray[np.bool_], readings: int) -> EvidenceMaps:
    """Run the network over a picture of any size, in overlapping tiles.

    Args:
        contrast: (h, w, 3) log contrast on the detection grid.
        fine: (2h, 2w) log contrast of luma at half its pixel.
        valid: (h, w) bool, the field; outside a round one nothing is read.
        readings: 1, 2, 4 or 8, of which the mean is taken; twice as many take twice as long.

    Returns:
        Evidence maps of the grid.
    """
    outside = surround(valid)
    contrast, fine = past_field(contrast, fine, outside)
    h, w = contrast.shape[:2]
    rows, columns = (h + 1) // 2, (w + 1) // 2
    # stored as the follower reads it, all bins of a place side by side: no second copy of the largest array
    lifted = np.empty((2 * rows, 2 * columns, ORIENTATIONS), np.uint8)
    cells = lifted.reshape(rows, 2, columns, *_CELL[1:]).transpose(0, 2, 1, 3, 4)
    half = np.empty((HALF_CHANNELS, rows, columns), np.float32)
    down, across = _layout(rows, columns)
    height, width = (_read_px(spans) for spans in (down, across))
    weights, views = READINGS[readings]
    session = _session(str(weights), height, width, WORKERS if may_share_work() else 1)
    # One tile after another, each by all threads: two at a time would take twice the memory and save no time.
    for (y0, y, ye, _), (x0, x, xe, _) in product(down, across):
        tile = window(contrast.transpose(2, 0, 1), 2 * y0, 2 * x0, height, width, REACH_PX)
        luma = window(fine[None], 4 * y0, 4 * x0, 2 * height, 2 * width, 2 * REACH_PX)
        centre, rest = _read(session, tile, luma, views)
        inside = slice(y - y0, ye - y0), slice(x - x0, xe - x0)
        cells[y:ye, x:xe] = centre[inside]
        half[:, y:ye, x:xe] = rest[:, *inside]
    if len(down) * len(across) > 1:
        _session.cache_clear()  # what it holds for large tiles would lie beside all that follows
    nothing_outside(lifted, half, outside)
    planes = lifted[:h, :w].transpose(2, 0, 1)
    return EvidenceMaps(planes, half[0], half[1], half[2:4], half[4], half[5])


def _read(
    session: Any, tile: Floats, luma: Floats, views: tuple[tuple[int, int], ...]
) -> tuple[NDArray[np.uint8], Floats]:
    """What the network says of a tile, the mean over views: centre lines (h, w, *_CELL), rest (6, h, w)."""
    size = tile.shape[2] // 2, tile.shape[3] // 2
    inputs = {"contrast": tile, "fine": luma}
    if len(views) == 1:
        lifted, half = (out[0] for out in session.run(None, inputs))
        return lifted.reshape(*size, *_CELL), half
    centre = np.full((*size, *_CELL), len(views) // 2, np.uint16)
    rest = np.zeros((HALF_CHANNELS, *size), np.float32)
    for down, across in views:
        seen = {name: np.ascontiguousarray(each[..., ::down, ::across]) for name, each in inputs.items()}
        lifted, half = (out[0] for out in session.run(None, seen))
        lifted = lifted.reshape(*size, *_CELL)[::down, ::across, ::down, ::across]
        if down != across:  # in a mirror directions run the other way round
            lifted = lifted[..., -np.arange(ORIENTATIONS)]
        centre += lifted
        rest += half[:, ::down, ::across] * _READ_BACKWARDS[down, across]
    return (centre // len(views)).astype(np.uint8), rest / len(views)


def _layout(rows: int, columns: int) -> tuple[list[_Span], list[_Span]]:
    """Tiles down and across of a picture of so many 16 µm cells.

    Of the tiles that are small enough, those that together are the least to read.
    """
    if 2 * max(rows, columns) <= WHOLE_PX:
        return _spans(rows, 1), _spans(columns, 1)
    down, across = (
        [_spans(cells, count) for count in range(1, cells // OVERLAP_PX + 2)] for cells in (rows, columns)
    )
    small = [pair for pair in product(down, across) if math.prod(map(_read_px, pair)) <= TILE_AREA_PX]
    return min(small, key=lambda pair: math.prod(len(spans) * _read_px(spans) for spans in pair))


def _read_px(spans: list[_Span]) -> int:
    """Length of what is read along one side [px of the grid]."""
    return 2 * (spans[0][3] - spans[0][0])


def _spans(cells: int, count: int) -> list[_Span]:
    """Tiles along one side, in 16 µm cells: first read, first of its own, end of its own, end of reading.

    All read the same number of cells, so that one session serves them, some of them beyond the picture.
    Where the network halves is counted from the middle: a mirrored picture is halved at the same places.
    """
    overlap = OVERLAP_PX // 2
    at = [cells * k // count for k in range(count + 1)]
    grain = MULTIPLE_PX // 2
    reach = REACH_PX // 2
    beyond = reach + -(cells + 2 * reach) % grain // 2
    begins = [(max(-reach, a - overlap) + beyond) // grain * grain - beyond for a in at[:-1]]
    ends = [-(-(min(cells + reach, b + overlap) + beyond) // grain) * grain - beyond for b in at[1:]]
    size = max(end - begin for begin, end in zip(begins, ends, strict=True))
    firsts = [max(-beyond, min(begin, ends[-1] - size)) for begin in begins]
    return [(first, a, b, first + size) for first, (a, b) in zip(firsts, pairwise(at), strict=True)]
