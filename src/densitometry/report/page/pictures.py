"""Pictures as a report carries them: cut out of the overlays, made smaller, encoded as JPEG in the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from densitometry.capture.decode import decode
from densitometry.errors import DensitometryError
from densitometry.report.canvas import Canvas, to_uint8

PANEL_GAP_PX = 12
"""Width of the strip between the two panels of a comparison's overlay."""

_WIDTHS_PX = (1000, 800, 640, 480, 360)
_QUALITIES = (82, 70, 55)
_TITLE_ROW = 34
_TITLE_SHARE = 1.6
_TITLE_FULL_SIZE_PX = 1000.0
_SMALLEST_TITLE = 0.35


@dataclass(frozen=True, slots=True)
class Embedded:
    """One picture in the page: its data URI and size [px]."""

    uri: str
    width_px: int
    height_px: int


def read_picture(path: Path) -> Canvas | None:
    """Return the pixels of an overlay, (H, W, 3) uint8 RGB; None where there is none that can be read."""
    try:
        return to_uint8(decode(path).pixels)
    except DensitometryError:
        return None


def panels_of(overlay: Canvas, width_px: int, height_px: int) -> tuple[Canvas, Canvas] | None:
    """Return both pictures of a comparison's overlay without title and legend.

    Args:
        overlay: (H, W, 3) as `report.fates.draw_fates` lays it out.
        width_px: width of the baseline's picture.
        height_px: its height.

    Returns:
        Baseline and follow-up; None where the overlay has another layout.
    """
    wide = (overlay.shape[1] - PANEL_GAP_PX) // 2
    factor, rest = divmod(wide, width_px)
    row = round(_TITLE_ROW * min(1.0, max(_SMALLEST_TITLE, wide / _TITLE_FULL_SIZE_PX)))
    top = round(_TITLE_SHARE * row)
    bottom = top + factor * height_px
    if rest or factor < 1 or 2 * wide + PANEL_GAP_PX != overlay.shape[1] or bottom > overlay.shape[0]:
        return None
    return overlay[top:bottom, :wide], overlay[top:bottom, wide + PANEL_GAP_PX :]


def picture_of(overlay: Canvas, width_px: int, height_px: int) -> Canvas:
    """Return the picture of a single overlay without its legend; the whole if its layout is another."""
    factor, rest = divmod(overlay.shape[1], width_px)
    if rest or factor < 1 or factor * height_px > overlay.shape[0]:
        return overlay
    return overlay[: factor * height_px]


def embed(picture: Canvas, most_bytes: int) -> Embedded:
    """Return a picture as JPEG of at most `most_bytes` where the smallest size allows it.

    The first of a fixed list of widths and qualities that fits is taken: the same picture and limit give the
    same bytes.
    """
    data = b""
    scaled = picture
    for width in _WIDTHS_PX:
        scaled = _narrowed(picture, width)
        for quality in _QUALITIES:
            data = _jpeg(scaled, quality)
            if len(data) <= most_bytes:
                return _embedded(data, scaled)
    return _embedded(data, scaled)


def _embedded(data: bytes, picture: Canvas) -> Embedded:
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
    return Embedded(uri, picture.shape[1], picture.shape[0])


def _narrowed(picture: Canvas, width_px: int) -> Canvas:
    if picture.shape[1] <= width_px:
        return np.ascontiguousarray(picture)
    height_px = max(1, round(picture.shape[0] * width_px / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(picture: Canvas, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        msg = "a picture could not be encoded"
        raise RuntimeError(msg)
    return bytes(data.tobytes())
