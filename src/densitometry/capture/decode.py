"""File → upright RGB samples, with nothing else of the file travelling on."""

from __future__ import annotations

import hashlib
import io
import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from densitometry.capture.header import Header, HeaderError, read_header
from densitometry.errors import ImageSizeError, UnreadableImageError
from densitometry.model import BoolArray
from densitometry.settings import CaptureSettings

Samples = NDArray[np.uint8] | NDArray[np.uint16]

TONE_ASSUMED, TONE_ICC, TONE_LINEAR = "sRGB assumed", "ICC", "linear"
_EXIF_ORIENTATION = 274
_BYTE_BITS = 8
_RGBA = 4
_HALF_OPAQUE = 127
# 8-bit steps by which a profile may differ from sRGB and still be it.
_SAME_PROFILE = 2
_PILLOW_FORMATS = ("JPEG", "PNG", "TIFF")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Upright samples of one file.

    Attributes:
        pixels: (H, W, 3) uint8 or uint16, RGB.
        opaque: (H, W) bool, False where an alpha channel makes the picture more than half transparent;
            None when the file has no alpha channel.
        tone: "sRGB assumed", "ICC" or "linear".
        sha256: hexadecimal digest of the file's bytes.
        name: stem of the file's name.
    """

    pixels: Samples
    opaque: BoolArray | None
    tone: str
    sha256: str
    name: str


def decode(path: Path, settings: CaptureSettings | None = None) -> Decoded:
    """Read a JPEG, PNG or TIFF file: 8 or 16 bit; grey, RGB, palette or CMYK, with or without alpha.

    The EXIF orientation is applied. An embedded ICC profile is converted to sRGB, at 8 bits a sample when it
    is not sRGB already. The size is checked in the header, before anything is decoded.

    Raises:
        UnreadableImageError: the file is missing, empty, cut short, damaged or no such picture.
        ImageSizeError: the picture is smaller or larger than the settings allow.
    """
    settings = settings or CaptureSettings()
    data = _file_bytes(path)
    try:
        header = read_header(data)
    except HeaderError as error:
        raise _unreadable(path, str(error)) from error
    _check_size(path, header, settings)
    try:
        pixels, opaque, orientation, icc = _samples(data, header)
    except (OSError, ValueError, SyntaxError, cv2.error) as error:
        raise _unreadable(
            path, "its picture data are damaged, or stored in a way that is not supported"
        ) from error
    pixels, tone = _to_srgb(pixels, icc, linear=header.linear)
    return Decoded(
        pixels=np.ascontiguousarray(upright(pixels, orientation)),
        opaque=None if opaque is None else np.ascontiguousarray(upright(opaque, orientation)),
        tone=tone,
        sha256=hashlib.sha256(data).hexdigest(),
        name=path.stem,
    )


def compression_of(path: Path) -> str:
    """Return the same word for files that were stored alike: the format, and for JPEG its tables.

    What was lost in storing shows in the samples. "" where the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_PILLOW_FORMATS) as picture:
                tables = getattr(picture, "quantization", None)
                return f"{picture.format} {sorted(tables.items()) if tables else ''}"
    except (OSError, ValueError, SyntaxError):
        return ""


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a picture as it is meant to be seen, for an EXIF orientation 1-8 (else unchanged)."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _file_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise _unreadable(path, "it is no file but a pipe or a device", f"ls -l {_quoted(path)}")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", f"ls {_quoted(path.parent)}") from error
    except IsADirectoryError as error:
        raise _unreadable(path, "it is a folder, not a picture", f"ls {_quoted(path)}") from error
    except OSError as error:
        why = f"the system refuses to read it ({error.strerror or 'input/output error'})"
        raise _unreadable(path, why, f"ls -l {_quoted(path)}") from error
    if not data:
        raise _unreadable(path, "the file is empty (0 bytes)")
    return data


def _unreadable(path: Path, why: str, fix: str = "") -> UnreadableImageError:
    fix = (
        fix or "export or copy the picture again as JPEG, PNG or TIFF (8 or 16 bit), then repeat the command"
    )
    return UnreadableImageError(f"cannot read {path.name}", why, fix)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _check_size(path: Path, header: Header, settings: CaptureSettings) -> None:
    width, height = header.width_px, header.height_px
    size = f"{path.name} is {width} × {height} px"
    if min(width, height) < settings.min_side_px:
        raise ImageSizeError(
            size,
            f"no hair can be measured on a picture whose shorter side is under {settings.min_side_px} px",
            "give the picture as the camera stored it, not a thumbnail of it",
        )
    megapixels = width * height / 1e6
    if megapixels > settings.max_megapixels:
        raise ImageSizeError(
            size,
            f"{megapixels:,.0f} megapixels are more than the {settings.max_megapixels:g} that are accepted",
            f"if this size is right, add: --set capture.max_megapixels={int(megapixels) + 1}",
        )


def _samples(data: bytes, header: Header) -> tuple[Samples, BoolArray | None, int, bytes | None]:
    """Decode to RGB: pixels, opaque, EXIF orientation still to be applied, ICC profile."""
    if header.format == "TIFF" and header.bits != 1 and (header.bits > _BYTE_BITS or header.plain):
        # OpenCV turns a TIFF upright by itself, whatever it is asked.
        pixels, opaque = _by_opencv(data, header)
        return pixels, opaque, 1, header.icc
    with warnings.catch_warnings():
        # Pillow warns of large or unusual files; size was checked and damage raises.
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS) as picture:
            icc = picture.info.get("icc_profile")
            if header.bits > _BYTE_BITS or header.plain:
                pixels, opaque = _by_opencv(data, header)
            else:
                pixels, opaque = _by_pillow(picture)
            # Read last: Pillow turns a TIFF upright on loading, and then drops the tag.
            orientation = int(picture.getexif().get(_EXIF_ORIENTATION, 1))
    return pixels, opaque, orientation, icc


def _by_opencv(data: bytes, header: Header) -> tuple[Samples, BoolArray | None]:
    """Decode whole samples of 8 or 16 bits; the fast way, and the only one that keeps 16 bits of colour."""
    buffer = np.frombuffer(data, np.uint8)
    if header.bits == _BYTE_BITS and header.plain:
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        raw = cv2.imdecode(buffer, flags)
    else:
        raw = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype not in (np.uint8, np.uint16):
        raise ValueError("not decoded")
    channels = raw.shape[2] if raw.ndim > 2 else 1  # noqa: PLR2004
    if channels == 1:
        return cv2.cvtColor(raw, cv2.COLOR_GRAY2RGB), None
    if header.bits == _BYTE_BITS and header.plain:
        return raw, None
    if channels == _RGBA:
        half = np.iinfo(raw.dtype).max // 2
        return cv2.cvtColor(raw, cv2.COLOR_BGRA2RGB), raw[..., 3] > half
    return cv2.cvtColor(raw, cv2.COLOR_BGR2RGB), None


def _by_pillow(picture: Image.Image) -> tuple[Samples, BoolArray | None]:
    """Decode palettes, alpha, bilevel and CMYK at 8 bits."""
    if picture.mode in ("PA", "LA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
        rgba = np.asarray(picture.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] > _HALF_OPAQUE
    return np.array(picture.convert("RGB")), None


def _to_srgb(pixels: Samples, icc: bytes | None, *, linear: bool) -> tuple[Samples, str]:
    """Convert by the embedded profile, and say in one word what the samples now mean."""
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space.strip() == "RGB":
                return _converted(pixels, profile), TONE_ICC
        except (OSError, ImageCms.PyCMSError):
            pass  # a damaged profile states nothing: the tone then reads "sRGB assumed"
    return pixels, TONE_LINEAR if linear else TONE_ASSUMED


def _converted(pixels: Samples, profile: ImageCms.ImageCmsProfile) -> Samples:
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(27, 27, 3)
    moved = np.asarray(_applied(transform, cube)).astype(int) - cube
    if np.abs(moved).max() <= _SAME_PROFILE:
        return pixels
    narrow = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
    return np.array(_applied(transform, np.ascontiguousarray(narrow)))


def _applied(transform: ImageCms.ImageCmsTransform, pixels: NDArray[np.uint8]) -> Image.Image:
    return transform.apply(Image.fromarray(pixels))
