"""What every figure is drawn with: colours, lines at a fraction of a pixel, text, a scale bar."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.model import FloatArray
from densitometry.units import UM_PER_MM

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]

INK: Colour = (35, 35, 40)
PAPER: Colour = (250, 250, 250)
FRACTION_BITS = 4  # cv2 draws at 1/16 px
ONE = 1 << FRACTION_BITS
_DASH_PX = 9.0
_FONT = cv2.FONT_HERSHEY_DUPLEX
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
"""A third of the time of the usual level for pictures of the same size: photographs hold few repeats."""
_SCALE_BARS_UM = (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20)


def encode_png(canvas: Canvas) -> bytes:
    """Return the picture as PNG; the same pixels give the same bytes."""
    done, data = cv2.imencode(".png", canvas[:, :, ::-1], _PNG_OPTIONS)
    if not done:
        msg = "the overlay could not be encoded"
        raise RuntimeError(msg)
    return bytes(data.tobytes())


def encode_jpeg(canvas: Canvas, quality: int) -> bytes:
    """Return the picture as JPEG of a quality of 1 to 100; the same pixels give the same bytes."""
    done, data = cv2.imencode(".jpg", canvas[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        msg = "a picture could not be encoded"
        raise RuntimeError(msg)
    return bytes(data.tobytes())


def to_uint8(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Canvas:
    """Return pixels of 8 or 16 bits as a new array of 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    return (pixels >> 8).astype(np.uint8)


def enlarge(pixels: Canvas, factor: int) -> Canvas:
    """Return a picture enlarged by a whole factor, as a new array: it may be drawn on."""
    if factor == 1:
        return np.array(pixels, order="C")
    size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def to_canvas(points_px: FloatArray, factor: int) -> FloatArray:
    """Map pixel centres of the picture to pixel centres of the enlarged picture."""
    return np.asarray((points_px + 0.5) * factor - 0.5)


def outline(points: FloatArray, width: FloatArray) -> FloatArray:
    """Return both edges as one closed line: out along one side, round the tip, back along the other."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = 0.5 * width[:, None]
    return np.concatenate(
        [points + across * half, (points - across * half)[::-1], (points + across * half)[:1]]
    )


def fixed(points: FloatArray) -> NDArray[np.int32]:
    """Return points in the fixed numbers that cv2 draws fractions of a pixel with."""
    return np.round(points * ONE).astype(np.int32)


def polyline(layer: Canvas, points: FloatArray, colour: Colour, thickness: int, *, dashed: bool) -> None:
    """Draw an open line, whole or in dashes."""
    if not dashed:
        cv2.polylines(layer, [fixed(points)], False, colour, thickness, cv2.LINE_AA, FRACTION_BITS)
        return
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    for start in np.arange(0.0, run[-1], 2 * _DASH_PX):
        at = np.linspace(start, min(start + _DASH_PX, run[-1]), 4)
        piece = np.stack([np.interp(at, run, points[:, axis]) for axis in (0, 1)], axis=1)
        cv2.polylines(layer, [fixed(piece)], False, colour, thickness, cv2.LINE_AA, FRACTION_BITS)


def scale_bar(strip: Canvas, um_per_canvas_px: float, row: int, size: float, left: int) -> None:
    """Draw a scale bar of a round length at the right end of a legend, where there is room beyond `left`."""
    room = strip.shape[1] - left - round(40 * size)
    length_um = next(
        (um for um in _SCALE_BARS_UM if um / um_per_canvas_px <= min(room, strip.shape[1] / 4)), None
    )
    if length_um is None:
        return
    right = strip.shape[1] - round(16 * size)
    start = right - round(length_um / um_per_canvas_px)
    thickness = max(2, round(6 * size))
    cv2.rectangle(strip, (start, 2 * row - thickness), (right, 2 * row), INK, -1)
    label = f"{length_um / UM_PER_MM:g} mm" if length_um >= UM_PER_MM else f"{length_um} µm"
    write(strip, label, (start, 2 * row - 2 * thickness), size * 0.6)


def write(canvas: Canvas, text: str, at: tuple[int, int], size: float) -> int:
    """Write `text` with its baseline at `at`; return where it ends [px]."""
    (width, _), _ = cv2.getTextSize(text, _FONT, size, 1)
    cv2.putText(canvas, text, at, _FONT, size, INK, 1, cv2.LINE_AA)
    return at[0] + int(width)
