"""The valid field of view: where scalp can be seen, and what inside it is hidden."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.capture.marks import find_marks
from densitometry.capture.surround import dark_surround
from densitometry.model import BoolArray
from densitometry.settings import CaptureSettings

# Strips along the frame: flat to a few 8-bit steps from end to end, at most a quarter of the picture deep.
_STRIP_STEP = 5
_STRIP_FLAT_SHARE = 0.97
_STRIP_DEEPEST = 0.25
_STRIP_THINNEST_PX = 2
_STRIP_SOFT_PX = 2
# All three channels at the top of the scale: whatever lies there left no trace in the samples.
_SATURATED = 248
# Most pixels between samples of the thinned copy in which patches are looked for.
_GLANCE_PX = 4


def find_field(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    opaque: BoolArray | None,
    um_per_px: float,
    settings: CaptureSettings,
) -> tuple[BoolArray, BoolArray]:
    """Return the valid field and what is hidden inside the field, both (H, W) bool.

    Flat strips along the frame, a dark surround and transparent pixels are outside the field. Burned-in
    marks and saturated glare are inside it, hidden, and not valid. Hair, vessels, flakes and glints are
    valid.
    """
    rgb = as_bytes(pixels)
    top, bottom, left, right = flat_strips(rgb)
    inside = np.zeros(rgb.shape[:2], np.bool_)
    inside[top:bottom, left:right] = True
    core = np.ascontiguousarray(rgb[top:bottom, left:right], np.uint8)
    surround = dark_surround(core)
    if surround is not None:
        inside[top:bottom, left:right] &= ~surround
    if opaque is not None:
        inside &= opaque
    masked = np.zeros_like(inside)
    if settings.find_marks:
        masked[top:bottom, left:right] = find_marks(core)
    masked |= _glare(rgb, settings.glare_patch_um / um_per_px)
    masked &= inside
    return inside & ~masked, masked


def as_bytes(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return the upper eight bits of each sample."""
    return np.asarray(pixels if pixels.dtype == np.uint8 else pixels >> 8, np.uint8)


def flat_strips(rgb: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return [top, bottom), [left, right) of what remains without flat strips along the frame."""
    top = _strip_depth(rgb)
    bottom = rgb.shape[0] - _strip_depth(rgb[::-1])
    turned = rgb.transpose(1, 0, 2)
    left = _strip_depth(turned)
    right = rgb.shape[1] - _strip_depth(turned[::-1])
    return top, bottom, left, right


def _strip_depth(rgb: NDArray[np.uint8]) -> int:
    """Return how many rows from the first belong to a strip of one colour (a soft last row included)."""
    reference = np.median(rgb[0], axis=0)
    deepest = int(_STRIP_DEEPEST * rgb.shape[0])
    depth = 0
    while depth <= deepest:
        near = np.abs(rgb[depth].astype(np.int16) - reference).max(axis=1) <= _STRIP_STEP
        if near.mean() < _STRIP_FLAT_SHARE:
            break
        depth += 1
    if depth < _STRIP_THINNEST_PX or depth > deepest:
        return 0
    return depth + _STRIP_SOFT_PX


def _glare(rgb: NDArray[np.uint8], patch_px: float) -> BoolArray:
    """Return saturated patches at least `patch_px` across; smaller glints of wet skin hide nothing.

    A thinned copy finds where such a patch could be; only there are the pixels themselves asked.
    """
    patches = np.zeros(rgb.shape[:2], np.bool_)
    side = max(3, round(patch_px) | 1)
    step = max(1, min(_GLANCE_PX, side // 4))
    glance = _saturated(rgb[::step, ::step])
    if not glance.any():
        return patches
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    fits = max(1, side // step - 2)
    smaller = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (fits, fits))
    candidates = cv2.dilate(cv2.morphologyEx(glance, cv2.MORPH_OPEN, smaller), np.ones((3, 3), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(candidates, connectivity=8)
    for x, y, w, h, _ in boxes[1:]:
        # what the window's edge cuts may look like a patch, up to half a disc from the edge
        outer, inner = (
            _window(rgb.shape, step * x, step * y, step * w, step * h, m) for m in (2 * side, side)
        )
        opened = cv2.morphologyEx(_saturated(rgb[outer]), cv2.MORPH_OPEN, disc)
        rows, columns = (
            slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
        )
        patches[inner] |= opened[rows, columns].astype(np.bool_)
    return patches


def _window(
    shape: tuple[int, ...], x: int, y: int, width: int, height: int, margin: int
) -> tuple[slice, slice]:
    """Return rows and columns of a box with a margin, inside the picture."""
    return (
        slice(max(0, y - margin), min(shape[0], y + height + margin)),
        slice(max(0, x - margin), min(shape[1], x + width + margin)),
    )


def _saturated(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    red, green, blue = cv2.split(np.ascontiguousarray(rgb))
    return np.asarray(cv2.compare(cv2.min(cv2.min(red, green), blue), _SATURATED, cv2.CMP_GE), np.uint8)
