"""Light: from stored pixels to linear light, and from linear light to contrast against local skin.

Only local windows are read: a hair a window away changes nothing here.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

DARK_LIGHT = 0.015
"""Linear light added before logarithms: about the stray light and black level of a contact microscope."""
CONTRAST_LIMIT = 3.0
"""Log contrast is clipped here: e³ = 20 times darker or brighter than its surroundings."""


def srgb_table() -> NDArray[np.float32]:
    """Return the 256 linear-light values of 8-bit sRGB codes, in [0, 1] (IEC 61966-2-1)."""
    code = np.arange(256) / 255.0
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


_SRGB = srgb_table()
_LEAST_WEIGHT = 1e-4
"""Where hardly anything near is valid, its mean is still divided by so much."""
_LUMA = np.array([[0.25, 0.5, 0.25]], np.float32)
"""Weights of red, green and blue in the fine luma the network was trained with."""
_STRIP_PX = 64
"""Rows of fine luma made at a time, even: few enough to lie in memory that is at hand."""


def to_linear(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
    """Convert sRGB-coded pixels of 8 or 16 bits, any shape, to linear light in [0, 1]."""
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, _SRGB), np.float32).reshape(pixels.shape)
    code = pixels.astype(np.float32) / 65535.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _weights(valid: NDArray[np.bool_], window_px: int) -> tuple[Floats, Floats] | None:
    """Weight of every pixel and the mean of that about it; None where all of a picture is valid."""
    if valid.all():
        return None
    weight = valid.astype(np.float32)
    return weight, np.maximum(_smooth(weight, window_px), _LEAST_WEIGHT)


def _local_mean(values: Floats, weights: tuple[Floats, Floats] | None, window_px: int) -> NDArray[np.float32]:
    """Weighted mean of (H, W) values in a smooth local window; what is not valid does not speak."""
    if weights is None:
        return _smooth(values, window_px)
    mean = _smooth(values * weights[0], window_px)
    return np.divide(mean, weights[1], out=mean)


def _smooth(values: Floats, window_px: int) -> NDArray[np.float32]:
    """Three box passes over (H, W) values, edges reflected."""
    top = np.asarray(values, np.float32)
    for _ in range(3):
        top = cv2.blur(top, (window_px, window_px), borderType=cv2.BORDER_REFLECT)
    return top


def log_contrast(linear: Floats, valid: NDArray[np.bool_], window_px: int) -> NDArray[np.float32]:
    """Natural log of linear light over its local mean, clipped; 0 where the field is not valid.

    Unchanged by brightness and white balance; a change of gamma only scales it.

    Args:
        linear: (H, W, 3) linear light.
        valid: (H, W) bool.
        window_px: width of each of three box passes [px], odd.
    """
    weights = _weights(valid, window_px)
    contrast = np.empty(linear.shape, np.float32)
    for colour in range(linear.shape[2]):  # one at a time: large fresh memory costs more than the sums
        logs = _logs(linear[..., colour])
        logs -= _local_mean(logs, weights, window_px)
        np.clip(logs, -CONTRAST_LIMIT, CONTRAST_LIMIT, out=contrast[..., colour])
    contrast[~valid] = 0.0
    return contrast


def fine_contrast(
    fine: NDArray[Any], linear: Floats, valid: NDArray[np.bool_], window_px: int
) -> NDArray[np.float16]:
    """Log contrast of luma at twice the resolution, against the local mean of the coarser picture.

    Args:
        fine: (2h, 2w, 3) linear light, or uint8 or uint16 sRGB codes that become it strip by strip.
        linear: (h, w, 3) linear light of the same picture.
        valid: (h, w) bool.
        window_px: width of each of three box passes [px of the coarser picture].

    Returns:
        (2h, 2w) float16, clipped as `log_contrast`, 0 where the field is not valid.
    """
    logs = _log_luma(linear)
    mean = _local_mean(logs, _weights(valid, window_px), window_px)
    contrast = np.empty(fine.shape[:2], np.float16)
    everywhere = bool(valid.all())
    for first in range(0, len(fine), _STRIP_PX):
        rows = slice(first, first + _STRIP_PX)
        coarse = slice(first // 2, (first + _STRIP_PX) // 2)
        strip = _log_luma(fine[rows] if fine.dtype.kind == "f" else to_linear(fine[rows]))
        strip -= mean[coarse].repeat(2, 0).repeat(2, 1)
        if not everywhere:
            strip[~valid[coarse].repeat(2, 0).repeat(2, 1)] = 0.0
        contrast[rows] = np.clip(strip, -CONTRAST_LIMIT, CONTRAST_LIMIT, out=strip)
    return contrast


def _log_luma(linear: Floats) -> NDArray[np.float32]:
    return _logs(cv2.transform(np.asarray(linear, np.float32), _LUMA))


def _logs(linear: Floats) -> NDArray[np.float32]:
    lifted = cv2.add(np.ascontiguousarray(linear, np.float32), (DARK_LIGHT,) * 4)
    return np.asarray(cv2.log(lifted, dst=lifted), np.float32)
