"""Smooth random fields and the colour curve of a screen: the stuff that skin, shafts and film are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
"""Any array of floats; pictures are (H, W, 3), linear RGB, about 0 to 1."""
F32 = np.float32
GRAIN_PX = 1.5
"""Features up to this size are drawn per pixel and blurred; larger ones are drawn coarsely and enlarged."""
SUBPIXEL_BITS = 4
"""OpenCV draws to 1/16 px."""
TURN = 6.28


def linear(codes: Sequence[float]) -> Floats:
    """Return linear light (0–1) of sRGB codes (0–255); IEC 61966-2-1."""
    share = np.asarray(codes, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def encoded(light: Floats) -> Floats:
    """Return sRGB (0–1) of linear light (0–1); IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    curve = 1.055 * np.power(np.maximum(light, 1e-6), F32(1 / 2.4)) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve)


def smooth(rng: np.random.Generator, shape: tuple[int, int], cell_px: float) -> Floats:
    """Return a (H, W) field of mean 0 and variance 1 with features of a size [px]."""
    height, width = shape
    if cell_px <= GRAIN_PX:
        drawn = rng.standard_normal(shape, dtype=F32)
        field = cv2.GaussianBlur(drawn, (0, 0), max(0.3, cell_px / 2))
    else:
        rows, columns = max(4, int(np.ceil(height / cell_px)) + 3), max(4, int(np.ceil(width / cell_px)) + 3)
        coarse = rng.standard_normal((rows, columns), dtype=F32)
        size = (int(columns * cell_px), int(rows * cell_px))
        field = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        top, left = (field.shape[0] - height) // 2, (field.shape[1] - width) // 2
        field = field[top : top + height, left : left + width]
        if field.shape != shape:
            field = cv2.resize(field, (width, height))
    return np.asarray((field - field.mean()) / (field.std() + 1e-9))


def smooth_line(rng: np.random.Generator, count: int, cell: float) -> Floats:
    """Return `count` values along a line, about unit variance, that change over `cell` values."""
    knots = max(4, int(count / cell) + 4)
    return np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.standard_normal(knots))


def subpixel(points: Floats) -> NDArray[np.int32]:
    """Return points as OpenCV's drawing functions take them with `SUBPIXEL_BITS`."""
    return np.asarray(np.round(points * 2**SUBPIXEL_BITS), np.int32)


def window(centre: Floats, reach: int, shape: tuple[int, int], beyond: int = 0) -> tuple[slice, slice] | None:
    """Return the rows and columns within `reach` px of a point that lie in the picture; None for none."""
    x0, x1 = max(0, int(centre[0]) - reach), min(shape[1], int(centre[0]) + reach + beyond)
    y0, y1 = max(0, int(centre[1]) - reach), min(shape[0], int(centre[1]) + reach + beyond)
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None
