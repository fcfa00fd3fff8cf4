"""What the detector is shown beyond the field: what is seen at the edge goes on for a while and fades.

Where it is shown nothing beyond the frame or the field, it takes a hair that is cut there for a dot, believes
in it half as much as in others, and lets its line end before the edge (decision 0022).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

REACH_PX = 32
"""What is seen at the edge goes on for so long [px of the grid], less and less of it."""
_LEAST_CORNERS = 3
"""A round field hides so many corners of the frame, as in `capture.surround`; a line of text hides one."""
_CORNER_SHARE = 0.7
"""What hides a corner of the frame and fills less of the box about it is round; a strip fills it."""


def window(planes: Floats, top: int, left: int, height: int, width: int, reach_px: int) -> Floats:
    """Cut a window, which may reach beyond the frame, out of a picture.

    Args:
        planes: (n, h, w) contrast.
        top, left, height, width: the window [px], some of it inside the picture.
        reach_px: where what goes on beyond the frame has faded to nothing.

    Returns:
        (1, n, height, width) float32.
    """
    rows, columns = planes.shape[1:]
    seen = planes[:, max(0, top) : top + height, max(0, left) : left + width]
    above, below = max(0, -top), max(0, top + height - rows)
    before, after = max(0, -left), max(0, left + width - columns)
    whole = np.pad(seen, ((0, 0), (above, below), (before, after)), "edge").astype(np.float32, copy=False)
    if above or below or before or after:
        down = _share_left(above, seen.shape[1], below, reach_px)
        across = _share_left(before, seen.shape[2], after, reach_px)
        whole *= np.minimum(down[:, None], across[None])
    return whole[None]


def _share_left(before: int, inside: int, after: int, reach_px: int) -> NDArray[np.float32]:
    """Share of the edge's contrast along a row that begins and ends so many pixels beyond the frame."""
    beyond = np.r_[before:0:-1, np.zeros(inside, np.int64), 1 : after + 1]
    return np.asarray(np.maximum(0.0, 1.0 - beyond / reach_px), np.float32)


def surround(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (h, w) bool, where a round field of view ends before the frame does.

    Burned-in marks, flat strips and glare are no surround: their edges are soft and of their own colour, so
    that nothing can be said to go on there.
    """
    outside = np.zeros(valid.shape, np.bool_)
    corners = ((0, 0), (0, -1), (-1, 0), (-1, -1))
    if all(valid[corner] for corner in corners):
        return outside
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((~valid).astype(np.uint8), connectivity=4)
    hidden = [int(labels[corner]) for corner in corners if not valid[corner]]
    round_off = [label for label in hidden if _filled(boxes[label]) < _CORNER_SHARE]
    return np.isin(labels, round_off) if len(round_off) >= _LEAST_CORNERS else outside


def _filled(box: NDArray[np.int32]) -> float:
    """Share of its box that a component fills; the box is OpenCV's: x, y, width, height, area."""
    _, _, width, height, area = box.tolist()
    return float(area / (width * height))


def past_field(contrast: Floats, fine: Floats, outside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Let what is seen at the edge of a round field go on outside it.

    Args:
        contrast: (h, w, 3) log contrast, and of luma at half the pixel, `fine` (2h, 2w).
        outside: (h, w) bool, of `surround`.

    Returns:
        Both, changed there only.
    """
    if not outside.any() or outside.all():
        return contrast, fine
    apart, nearest = cv2.distanceTransformWithLabels(
        outside.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(int(nearest.max()) + 1, np.int64)
    place[nearest[~outside]] = np.flatnonzero(~outside)
    y, x = np.nonzero(outside & (apart < REACH_PX))
    from_y, from_x = np.divmod(place[nearest[y, x]], outside.shape[1])
    left = (1.0 - apart[y, x] / REACH_PX).astype(np.float32)
    contrast, fine = contrast.copy(), fine.copy()
    contrast[y, x] = contrast[from_y, from_x] * left[:, None]
    for down in (0, 1):
        for across in (0, 1):
            fine[2 * y + down, 2 * x + across] = fine[2 * from_y + down, 2 * from_x + across] * left
    return contrast, fine


def nothing_outside(lifted: NDArray[np.uint8], half: Floats, outside: NDArray[np.bool_]) -> None:
    """Take back, in place, what the detector says of places outside a round field, where contrast is made up.

    Args:
        lifted: (2r, 2c, bins) evidence of centre lines.
        half: (n, r, c) maps at half the resolution, root and tip first.
        outside: (h, w) bool, of `surround`, h and w at most 2r and 2c.
    """
    if not outside.any():
        return
    height, width = outside.shape
    lifted[:height, :width][outside] = 0
    # a cell is outside when none of its four places lies in the field
    rows, columns = half.shape[1:]
    cells = np.ones((2 * rows, 2 * columns), np.bool_)
    cells[:height, :width] = outside
    half[:2, cells.reshape(rows, 2, columns, 2).all(axis=(1, 3))] = 0.0
