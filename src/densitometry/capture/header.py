"""What a picture's bytes say before anything is decoded: format, size, depth, whether whole."""

from __future__ import annotations

import io
import struct
import typing
import warnings
from dataclasses import dataclass

from PIL import TiffImagePlugin

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_TIFF_CLASSIC_HEADER = 8
_TIFF_BIG_HEADER = 16
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_MARKER, _START_OF_SCAN, _END_OF_IMAGE = 0xFF, 0xDA, 0xD9
_FLOATING_POINT = 3
_PNG_LINEAR_GAMMA = 100_000
_REDUCED_RESOLUTION = 1


class HeaderError(ValueError):
    """The header does not describe a whole picture; the text says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class Header:
    """Format and layout of a picture file.

    Attributes:
        format: "JPEG", "PNG" or "TIFF".
        width_px, height_px: size as stored, before the EXIF orientation.
        bits: bits of one sample.
        channels: samples of one pixel as stored (a palette counts as one).
        plain: True when the samples are grey or RGB without palette, alpha or CMYK.
        icc: embedded ICC profile when the header itself holds it (TIFF), else None.
        linear: True when the file states that its samples are linear light (PNG gAMA of 1).
    """

    format: str
    width_px: int
    height_px: int
    bits: int
    channels: int
    plain: bool
    icc: bytes | None = None
    linear: bool = False


def read_header(data: bytes) -> Header:
    """Return the header of a JPEG, PNG or TIFF file.

    Raises:
        HeaderError: if the bytes are no such picture, or are cut short.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(PNG_SIGNATURE):
            return _png(data)
        if data.startswith(_TIFF_SIGNATURES):
            return _tiff(data)
    except (struct.error, IndexError) as error:
        raise HeaderError("the file ends within its header") from error
    raise HeaderError("the file does not begin like a JPEG, PNG or TIFF picture")


def _jpeg(data: bytes) -> Header:
    """Walk the marker segments up to the first scan, then look for the end-of-image marker behind it."""
    position, frame = 2, None
    while True:
        if data[position] != _MARKER:
            raise HeaderError("the JPEG's segments are damaged")
        marker = data[position + 1]
        if marker == _MARKER:
            position += 1
            continue
        if marker in _JPEG_ALONE:
            position += 2
            continue
        length = struct.unpack_from(">H", data, position + 2)[0]
        if marker in _JPEG_FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, position + 4)
            frame = Header("JPEG", width, height, bits, channels, plain=channels in (1, 3))
        if marker == _START_OF_SCAN:
            break
        if marker == _END_OF_IMAGE:
            raise HeaderError("the JPEG ends before any picture data")
        position += 2 + length
    if frame is None:
        raise HeaderError("the JPEG has no frame header")
    if data.find(b"\xff\xd9", position) < 0:
        raise HeaderError("the JPEG is cut short: its end marker is missing")
    return frame


def _png(data: bytes) -> Header:
    """Read IHDR and the chunks before the picture data; the closing chunk must be there."""
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR":
        raise HeaderError("the PNG's first chunk is damaged")
    linear = transparent = False
    position = len(PNG_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"gAMA":
            linear = struct.unpack_from(">I", data, position + 8)[0] == _PNG_LINEAR_GAMMA
        transparent |= kind == b"tRNS"
        if kind == b"IEND":
            break
        position += 12 + length
        if position + 8 > len(data):
            raise HeaderError("the PNG is cut short: its closing chunk is missing")
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    if channels is None:
        raise HeaderError("the PNG's colour type is unknown")
    return Header("PNG", width, height, bits, channels, colour in (0, 2) and not transparent, linear=linear)


def _tiff(data: bytes) -> Header:
    """Read the tags of the first page; a second page of full size is refused rather than skipped."""
    stream = io.BytesIO(data)
    big = data[2:3] == b"+" or data[3:4] == b"+"
    directory = TiffImagePlugin.ImageFileDirectory_v2(
        stream.read(_TIFF_BIG_HEADER if big else _TIFF_CLASSIC_HEADER)
    )
    tags, later = _tiff_page(stream, directory)
    if later:
        second, _ = _tiff_page(stream, directory)
        if not second.get(254, 0) & _REDUCED_RESOLUTION and second.get(256) == tags.get(256):
            raise HeaderError("the TIFF holds several pages, and which one is meant cannot be told")
    try:
        width, height = int(tags[256]), int(tags[257])
    except KeyError as error:
        raise HeaderError("the TIFF does not state its width and height") from error
    bits = tags.get(258, (1,))
    samples = int(tags.get(277, 1))
    if tags.get(339, (1,))[0] == _FLOATING_POINT:
        raise HeaderError("the TIFF holds floating-point samples")
    icc = tags.get(34675)
    plain = samples in (1, 3) and int(tags.get(262, 1)) in (0, 1, 2, 6)
    return Header("TIFF", width, height, int(bits[0]), samples, plain, bytes(icc) if icc else None)


def _tiff_page(
    stream: io.BytesIO, directory: TiffImagePlugin.ImageFileDirectory_v2
) -> tuple[dict[int, typing.Any], bool]:
    if not directory.next:
        raise HeaderError("the TIFF has no page")
    stream.seek(directory.next)
    try:
        with warnings.catch_warnings():
            # A damaged directory loads with a warning and then lacks the tags asked for below.
            warnings.simplefilter("ignore")
            directory.load(stream)
        tags = {
            number: directory[number]
            for number in (254, 256, 257, 258, 262, 277, 339, 34675)
            if number in directory
        }
    except (OSError, ValueError, SyntaxError, TypeError) as error:
        raise HeaderError("the TIFF's tags are damaged or cut short") from error
    return tags, bool(directory.next)
