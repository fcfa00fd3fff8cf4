"""Burned-in marks: coloured lines and text, boxes of text, hairline scale bars; and filling thin ones.

A mark is told from hair and skin by being drawn: colours no skin has beside their surroundings, edges that
step within one pixel along an exact row, lines one pixel wide along an exact row or column. Every test is
local, so a mark or hair elsewhere in the picture changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.model import BoolArray

Grey = NDArray[np.uint8]

# Colour: excess of a primary (or cyan) over the other channels, above its local mean, 8-bit steps. On 70
# natural pictures the excess of red never reached 40, of green 26, of cyan 60; violet glints of wet skin
# reach 90 in blue.
_SEEDS = {"red": 40, "green": 40, "blue": 60, "cyan": 60}
_WEAK_SHARE = 0.5
_LOCAL_WINDOW_PX = 41
_LEAST_SEEDS = 6
_THICKEST_STROKE_PX = 9

# Lines: one pixel wide, exactly along a row or column.
_LINE_STEP = 18
_LINE_NEIGHBOURHOOD_PX = 5
_LINE_SOFTNESS = 0.45
_LINE_RUN_PX = 61
_LINE_GAP_PX = 80
_RUN_FILLED = 0.9
# A first look at some columns finds the rows; a run is then measured on all of them.
_LINE_GLANCE_PX = 6
_LINE_GLANCE_FILLED = 0.78

# Boxes: edges that step within one pixel, exactly along a row.
_BOX_STEP = 7
_BOX_RUN_PX = 25
_BOX_GAP_PX = 80
_BOX_HEIGHT_PX = (9, 220)
_BOX_SIDE_SLACK_PX = 10
_BOX_SIDE_FILLED = 0.6
_BOX_GLANCE_PX = 3
_BOX_GLANCE_FILLED = 0.85
_BOX_SPREAD_PX = 31
_BOX_SPREAD_FILLED = 0.5
_TEXT_STEP = 45
_TEXT_SHARE = 0.04

_FILL_HALF_WIDTH_PX = 5
_FILL_RADIUS_PX = 3.0


def find_marks(rgb: NDArray[np.uint8]) -> BoolArray:
    """Return (H, W) bool: pixels of burned-in lines, text and text boxes of an 8-bit RGB picture."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    marks = _coloured(rgb)
    marks |= _hairlines(luma, np.ascontiguousarray(luma[:, ::_LINE_GLANCE_PX]))
    marks |= _hairlines(luma.T, np.asarray(cv2.transpose(luma[::_LINE_GLANCE_PX]), np.uint8)).T
    for box in _text_boxes(luma):
        marks[box.top : box.bottom, box.left : box.right] = True
    return marks


def fill_masked(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], masked: BoolArray
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the picture with thin masked strokes filled, so that a hair under a line goes on.

    Areas wider than about ten pixels (text boxes, glare) stay as they are: nothing is known of what they
    hide.

    Source: Telea 2004, doi:10.1080/10867651.2004.10487596 (fast-marching inpainting).
    """
    if not masked.any():
        return pixels
    mask = masked.view(np.uint8)
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2 * _FILL_HALF_WIDTH_PX + 1,) * 2, np.uint8))
    thin = cv2.subtract(mask, cv2.dilate(thick, np.ones((3, 3), np.uint8)))
    if not thin.any():
        return pixels
    filled = pixels.copy()
    for rows, columns in _tiles(thin):
        part = thin[rows, columns]
        if pixels.dtype == np.uint8:
            filled[rows, columns] = cv2.inpaint(
                filled[rows, columns], part, _FILL_RADIUS_PX, cv2.INPAINT_TELEA
            )
        else:
            for channel in range(3):
                plane = np.ascontiguousarray(filled[rows, columns, channel])
                filled[rows, columns, channel] = cv2.inpaint(plane, part, _FILL_RADIUS_PX, cv2.INPAINT_TELEA)
    return filled


def _tiles(mask: Grey, side: int = 128, margin: int = 8) -> Iterator[tuple[slice, slice]]:
    """Yield windows that hold masked pixels, so that a long thin line does not cost its bounding box."""
    height, width = mask.shape
    for y in range(0, height, side):
        for x in range(0, width, side):
            if mask[y : y + side, x : x + side].any():
                yield (
                    slice(max(0, y - margin), min(height, y + side + margin)),
                    slice(max(0, x - margin), min(width, x + side + margin)),
                )


def _coloured(rgb: NDArray[np.uint8]) -> BoolArray:
    """Return strokes of pure red, green, blue or cyan."""
    marks = np.zeros(rgb.shape[:2], np.bool_)
    # A thin line still meets every second row and column; most pictures have none and stop here.
    thinned = cv2.split(np.ascontiguousarray(rgb[::2, ::2]))
    names = [
        name for name in _SEEDS if _pure(thinned, name, _LOCAL_WINDOW_PX // 2)[0].sum() >= _LEAST_SEEDS // 2
    ]
    planes = cv2.split(rgb) if names else ()
    for name in names:
        seeds, weak = _pure(planes, name, _LOCAL_WINDOW_PX)
        if int(seeds.sum()) >= _LEAST_SEEDS:
            marks |= _grown(seeds, weak)
    return marks


def _pure(planes: Sequence[Any], name: str, window_px: int) -> tuple[BoolArray, BoolArray]:
    """Return where a colour stands out of its surroundings surely and weakly, both (H, W) bool.

    Args:
        planes: (H, W) red, green and blue.
        name: of the colour.
        window_px: within which its surroundings lie.
    """
    red, green, blue = planes
    excess = {
        "red": lambda: cv2.subtract(red, cv2.max(green, blue)),
        "green": lambda: cv2.subtract(green, cv2.max(red, blue)),
        "blue": lambda: cv2.subtract(blue, cv2.max(red, green)),
        "cyan": lambda: cv2.subtract(cv2.min(green, blue), red),
    }[name]()
    least = _SEEDS[name]
    # The local excess is at most the raw one: where none passes here, none passes below.
    if cv2.minMaxLoc(excess)[1] <= least:
        nothing = np.zeros(excess.shape, np.bool_)
        return nothing, nothing
    local = cv2.subtract(excess, cv2.blur(excess, (window_px, window_px)))
    strongest = cv2.max(cv2.max(red, green), blue)
    pure = cv2.compare(cv2.add(excess, excess), strongest, cv2.CMP_GT)
    seeds = _both(cv2.compare(local, least, cv2.CMP_GT), pure)
    return seeds > 0, local > _WEAK_SHARE * least


def _grown(seeds: BoolArray, weak: BoolArray) -> BoolArray:
    """Return the thin connected strokes of `weak` that hold enough seeds, widened by one pixel."""
    joined = cv2.morphologyEx(weak.view(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    held = np.bincount(labels[seeds], minlength=count)
    thick = cv2.erode(joined, np.ones((_THICKEST_STROKE_PX, _THICKEST_STROKE_PX), np.uint8)).astype(np.bool_)
    fat = np.bincount(labels[thick], minlength=count)
    keep = (held >= _LEAST_SEEDS) & (fat == 0)
    keep[0] = False
    if not keep.any():
        return np.zeros(seeds.shape, np.bool_)
    return np.asarray(cv2.dilate(keep[labels].astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)


def _hairlines(luma: Grey, thinned: Grey) -> BoolArray:
    """Return lines one pixel wide that run exactly along a row, with one pixel on either side.

    Args:
        luma: (H, W) grey picture.
        thinned: every `_LINE_GLANCE_PX`-th column of it.
    """
    height, width = luma.shape
    marks = np.zeros((height, width), np.bool_)
    if width < _LINE_RUN_PX or height < _LINE_NEIGHBOURHOOD_PX:
        return marks
    for sign in (1, -1):
        for y in _dense_rows(_line_hits(thinned, sign), _LINE_RUN_PX // _LINE_GLANCE_PX, _LINE_GLANCE_FILLED):
            rows = np.ascontiguousarray(luma[y : y + _LINE_NEIGHBOURHOOD_PX])
            hits = _line_hits(rows, sign)[0] > 0
            for start, end in _runs(hits, _LINE_RUN_PX, _LINE_GAP_PX):
                marks[y + 1 : y + 4, start:end] = True
    return marks


def _line_hits(luma: Grey, sign: int) -> Grey:
    """Return 255 where row y + 2 is one sharp pixel darker (1) or brighter (-1) than around it."""
    grey = luma if sign == 1 else cv2.bitwise_not(luma)
    middle = grey[2:-2]
    depth = cv2.subtract(cv2.min(grey[1:-3], grey[3:-1]), middle)
    far = cv2.subtract(cv2.max(grey[:-4], grey[4:]), middle)
    # Sharp: most of the depth against the second neighbours is there against the first.
    rest = cv2.subtract(cv2.subtract(far, depth), cv2.convertScaleAbs(depth, alpha=_LINE_SOFTNESS))
    return _both(cv2.compare(depth, _LINE_STEP, cv2.CMP_GE), cv2.compare(rest, 0, cv2.CMP_EQ))


def _both(one: NDArray[Any], other: NDArray[Any]) -> Grey:
    return np.asarray(cv2.bitwise_and(one, other), np.uint8)


def _dense_rows(hits: Grey, length: int, share: float) -> list[int]:
    """Return rows in which some stretch of `length` pixels holds at least a share of hits (0 or 255)."""
    filled = cv2.blur(hits, (length, 1), borderType=cv2.BORDER_CONSTANT)
    highest = filled.max(axis=1)
    return [int(y) for y in np.flatnonzero(highest >= int(share * 255))]


def _runs(hits: BoolArray, length: int, gap: int = 0) -> list[tuple[int, int]]:
    """Return [start, end) of stretches in which at least nine in ten of any `length` pixels hit."""
    total = np.concatenate(([0], np.cumsum(hits)))
    full = np.flatnonzero(total[length:] - total[:-length] >= _RUN_FILLED * length)
    if full.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(full) > length + gap) + 1
    return [(int(part[0]), int(part[-1]) + length) for part in np.split(full, breaks)]


@dataclass(frozen=True, slots=True)
class _Edge:
    """A one-pixel step along row boundary `y` (between rows y - 1 and y): sign +1 brighter below."""

    y: int
    left: int
    right: int
    sign: int


@dataclass(frozen=True, slots=True)
class _Box:
    top: int
    bottom: int
    left: int
    right: int


def _text_boxes(luma: Grey) -> list[_Box]:
    """Return axis-aligned boxes with four one-pixel edges (or the frame's own) that hold text."""
    thinned = np.ascontiguousarray(luma[:, ::_BOX_GLANCE_PX])
    edges = [edge for sign in (1, -1) for edge in _row_edges(luma, thinned, sign)]
    boxes = []
    for lower in edges:
        tops = [
            upper
            for upper in edges
            if upper.sign == -lower.sign
            and _BOX_HEIGHT_PX[0] <= lower.y - upper.y <= _BOX_HEIGHT_PX[1]
            and _shared(upper, lower)
        ]
        candidates = [_with_sides(luma, upper, lower) for upper in sorted(tops, key=lambda edge: -edge.y)]
        if _BOX_HEIGHT_PX[0] <= lower.y <= _BOX_HEIGHT_PX[1] // 3:
            # The frame is no evidence of a box: both sides must then be seen.
            candidates.append(
                _with_sides(luma, _Edge(0, lower.left, lower.right, -lower.sign), lower, strict=True)
            )
        boxes += [_extended(luma, box) for box in candidates if box and _holds_text(luma, box)][:1]
    return boxes


def _row_edges(luma: Grey, thinned: Grey, sign: int) -> list[_Edge]:
    """Return the exact horizontal steps, found on thinned columns and measured on all."""
    edges = []
    for y in _dense_rows(_step_hits(thinned, sign), _BOX_RUN_PX // _BOX_GLANCE_PX, _BOX_GLANCE_FILLED):
        hits = _step_hits(luma[y : y + 4], sign)[0] > 0
        edges += [_Edge(y + 2, left, right, sign) for left, right in _runs(hits, _BOX_RUN_PX, _BOX_GAP_PX)]
    return edges


def _step_hits(luma: Grey, sign: int) -> Grey:
    """Return 255 where the step from row y + 1 to y + 2 outweighs the drift before and behind it."""
    below, above = (luma[2:-1], luma[1:-2]) if sign == 1 else (luma[1:-2], luma[2:-1])
    after, before = (luma[3:], luma[:-3]) if sign == 1 else (luma[:-3], luma[3:])
    step = cv2.subtract(below, above)
    drift = cv2.max(cv2.subtract(after, below), cv2.subtract(above, before))
    return _both(
        cv2.compare(step, _BOX_STEP, cv2.CMP_GE), cv2.compare(step, cv2.add(drift, drift), cv2.CMP_GT)
    )


def _shared(upper: _Edge, lower: _Edge) -> bool:
    common = min(upper.right, lower.right) - max(upper.left, lower.left)
    return common >= 0.6 * max(upper.right - upper.left, lower.right - lower.left)


def _with_sides(luma: Grey, upper: _Edge, lower: _Edge, *, strict: bool = False) -> _Box | None:
    """Set the left and right side at a step near the ends of the two rows, else (not strict) at the ends."""
    ends = (min(upper.left, lower.left), max(upper.right, lower.right))
    signs = (-lower.sign, lower.sign)
    sides = [_side(luma, upper.y, lower.y, end, sign) for end, sign in zip(ends, signs, strict=True)]
    if strict and None in sides:
        return None
    left, right = (end if side is None else side for side, end in zip(sides, ends, strict=True))
    return _Box(upper.y, lower.y, left, right)


def _side(luma: Grey, top: int, bottom: int, near: int, sign: int) -> int | None:
    """Return the column near `near` where most rows step by `sign` within one pixel, or the frame."""
    width = int(luma.shape[1])
    if near <= _BOX_SIDE_SLACK_PX // 2:
        return 0
    if near >= width - _BOX_SIDE_SLACK_PX // 2:
        return width
    low, high = max(1, near - _BOX_SIDE_SLACK_PX), min(width - 1, near + _BOX_SIDE_SLACK_PX)
    rows = luma[top + 1 : bottom - 1, low - 1 : high + 1].astype(np.int16)
    hits = (sign * np.diff(rows, axis=1) >= _BOX_STEP).mean(axis=0)
    best = int(np.argmax(hits))
    return int(low + best) if hits[best] >= _BOX_SIDE_FILLED else None


def _extended(luma: Grey, box: _Box) -> _Box:
    """Widen a box along its own rows, over a hair under it and into its neighbours of a row of boxes."""
    evidence = [
        np.abs(np.diff(luma[y - 1 : y + 1].astype(np.int16), axis=0))[0] >= _BOX_STEP
        for y in (box.top, box.bottom)
        if 0 < y < luma.shape[0]
    ]
    share = cv2.blur(np.mean(evidence, axis=0)[None].astype(np.float32), (_BOX_SPREAD_PX, 1))[0]
    short = np.flatnonzero(share < _BOX_SPREAD_FILLED)
    middle = (box.left + box.right) // 2
    before, after = short[short < min(box.left, middle)], short[short >= max(box.right, middle)]
    left = int(before[-1]) + 1 if before.size else 0
    right = int(after[0]) if after.size else luma.shape[1]
    # The window reaches half its width beyond the last real step.
    reach = _BOX_SPREAD_PX // 2
    return _Box(
        box.top,
        box.bottom,
        min(box.left, left + reach if left else 0),
        max(box.right, right - reach if right < luma.shape[1] else right),
    )


def _holds_text(luma: Grey, box: _Box) -> bool:
    inside = luma[box.top + 2 : box.bottom - 2, box.left + 2 : box.right - 2].astype(np.int16)
    if inside.size == 0 or inside.shape[1] <= 1:
        return False
    return bool((np.abs(np.diff(inside, axis=1)) >= _TEXT_STEP).mean() >= _TEXT_SHARE)
