"""Pictures as a report carries them: without legend, made smaller, encoded as JPEG in the page."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from densitometry.capture.decode import decode
from densitometry.errors import DensitometryError
from densitometry.report.canvas import Canvas, encode_jpeg, to_uint8
from densitometry.report.page.markup import Markup

PAGE_BYTES = 6_000_000
"""Size of a page that is aimed at [bytes]."""

_MOST_PICTURE_BYTES = 400_000
_LEAST_PICTURE_BYTES = 30_000
_BASE64_SHARE = 0.74
_ROOM_BYTES = 20_000
_WIDTHS_PX = (1400, 1120, 900, 720, 560, 440, 360)
_QUALITIES = (85, 72, 58)
_SURE_TO_FAIL = 2.5
"""Lower quality at most halves the bytes: widths this far above the limit are passed over."""

# no text can hold a NUL: `markup.escape` replaces it
_SLOT = "\0{number}\0"
_SLOTS = re.compile("\0([0-9]+)\0")


@dataclass(frozen=True, slots=True)
class Embedded:
    """One picture in the page: what stands for its data URI, and its size [px]."""

    slot: str
    width_px: int
    height_px: int


@dataclass(slots=True)
class Album:
    """The pictures of one page, which share its size: put in when the rest of the page is known."""

    _pictures: list[Canvas] = field(default_factory=list)

    def add(self, picture: Canvas) -> Embedded:
        """Take a picture, (H, W, 3) uint8 RGB."""
        self._pictures.append(_narrowed(picture, _WIDTHS_PX[0]))
        slot = _SLOT.format(number=len(self._pictures) - 1)
        return Embedded(slot, picture.shape[1], picture.shape[0])

    def fill(self, page: Markup) -> Markup:
        """Return the page with its pictures, as large as its size allows."""
        rest = PAGE_BYTES - len(page.encode("utf-8", "replace")) - _ROOM_BYTES
        each = int(rest * _BASE64_SHARE / max(1, len(self._pictures)))
        limit = min(_MOST_PICTURE_BYTES, max(_LEAST_PICTURE_BYTES, each))
        return Markup(_SLOTS.sub(lambda slot: data_uri(self._pictures[int(slot[1])], limit), page))


def read_picture(path: Path) -> Canvas | None:
    """Return the pixels of a picture, (H, W, 3) uint8 RGB; None where there is none that can be read."""
    try:
        return to_uint8(decode(path).pixels)
    except DensitometryError:
        return None


def picture_of(overlay: Canvas, width_px: int, height_px: int) -> Canvas:
    """Return the picture of a single overlay without its legend; the whole if its layout is another."""
    factor, rest = divmod(overlay.shape[1], width_px)
    if rest or factor < 1 or factor * height_px > overlay.shape[0]:
        return overlay
    return overlay[: factor * height_px]


def data_uri(picture: Canvas, most_bytes: int) -> str:
    """Return a picture as JPEG of at most `most_bytes` where the smallest size allows it, as a data URI.

    The first of a fixed list of widths and qualities that fits is taken: the same picture and limit give the
    same bytes.
    """
    data = b""
    widths = [width for width in _WIDTHS_PX if width < picture.shape[1]]
    bytes_per_px = 0.0
    for width in (picture.shape[1], *widths):
        scaled = _narrowed(picture, width)
        if bytes_per_px * scaled[..., 0].size > _SURE_TO_FAIL * most_bytes:
            continue
        for quality in _QUALITIES:
            data = encode_jpeg(scaled, quality)
            if len(data) <= most_bytes:
                return _uri(data)
            if len(data) > _SURE_TO_FAIL * most_bytes:
                bytes_per_px = len(data) / scaled[..., 0].size
                break
    return _uri(data)


def _uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _narrowed(picture: Canvas, width_px: int) -> Canvas:
    if picture.shape[1] <= width_px:
        return np.ascontiguousarray(picture)
    height_px = max(1, round(picture.shape[0] * width_px / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
