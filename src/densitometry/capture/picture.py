"""One file or array → `ScaledImage`: the fixed order of capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.capture.decode import TONE_ASSUMED, Samples, decode
from densitometry.capture.field import find_field
from densitometry.capture.quality import assess
from densitometry.capture.scale import ScaleRequest, StatedScale, resolve_scale
from densitometry.errors import ImageSizeError
from densitometry.model import BoolArray, Quality, ScaledImage
from densitometry.settings import CaptureSettings, QualitySettings
from densitometry.units import PixelSize


def read(
    path: str | Path,
    *,
    um_per_px: float | None = None,
    field_width_mm: float | None = None,
    device: str | Path | None = None,
    scale_from: str | None = None,
    scale_error_pct: float | None = None,
    settings: CaptureSettings | None = None,
    quality_settings: QualitySettings | None = None,
) -> ScaledImage:
    """Read one picture with its scale; exactly one way of stating the scale must be given.

    Args:
        path: JPEG, PNG or TIFF file.
        um_per_px: edge of a pixel on the scalp [µm].
        field_width_mm: width of the upright picture on the scalp [mm].
        device: path of a device profile (TOML: um_per_px or field_width_mm, error_pct, source).
        scale_from: "sidecar" to read PixelSize from the JSON file beside the picture.
        scale_error_pct: relative standard error of the scale [%]; widens every interval.
        settings: sizes accepted and how the field is found.
        quality_settings: thresholds of the quality gate.

    Raises:
        UnreadableImageError, ImageSizeError, ScaleError: with what, why and how to mend it.
    """
    request = ScaleRequest(um_per_px, field_width_mm, device, scale_from, scale_error_pct)
    return _judged(_read(Path(path), request, settings or CaptureSettings()), quality_settings)


def read_again(path: Path, scale: Mapping[str, Any], settings: CaptureSettings) -> ScaledImage:
    """Read a picture whose quality was judged before: it is not judged again.

    Args:
        path: the file.
        scale: arguments of `read` that state the scale.
        settings: sizes accepted and how the field is found.

    Raises:
        UnreadableImageError, ImageSizeError, ScaleError: as `read`.
    """
    return _read(path, ScaleRequest(**scale), settings)


def _read(path: Path, request: ScaleRequest, settings: CaptureSettings) -> ScaledImage:
    decoded = decode(path, settings)
    stated = resolve_scale(request, path, decoded.pixels.shape[1])
    identity = (decoded.tone, decoded.sha256, decoded.name)
    return _located(decoded.pixels, decoded.opaque, stated, identity, settings)


def from_array(
    rgb: NDArray[Any],
    pixel_size: PixelSize,
    name: str = "",
    *,
    tone: str = TONE_ASSUMED,
    settings: CaptureSettings | None = None,
    quality_settings: QualitySettings | None = None,
) -> ScaledImage:
    """Take a picture that is already in memory.

    Args:
        rgb: (H, W, 3) or (H, W), uint8 or uint16, upright, origin of rows at the top.
        pixel_size: scale of the square pixels.
        name: name of the result's folder.
        tone: "sRGB assumed", "ICC" or "linear".
        settings: sizes accepted and how the field is found.
        quality_settings: thresholds of the quality gate.

    Raises:
        ValueError: another shape or type of number.
        ImageSizeError: a side shorter than the settings allow.
    """
    settings = settings or CaptureSettings()
    if rgb.dtype not in (np.uint8, np.uint16) or rgb.ndim not in (2, 3) or rgb.shape[2:] not in ((), (3,)):
        msg = f"rgb must be (H, W, 3) or (H, W) of uint8 or uint16, not {rgb.shape} of {rgb.dtype}"
        raise ValueError(msg)
    if min(rgb.shape[:2]) < settings.min_side_px:
        raise ImageSizeError(
            f"the picture is {rgb.shape[1]} × {rgb.shape[0]} px",
            f"no hair can be measured on a picture whose shorter side is under {settings.min_side_px} px",
            "give the picture as the camera stored it, not a thumbnail of it",
        )
    pixels = np.ascontiguousarray(np.repeat(rgb[..., None], 3, axis=2) if rgb.shape[2:] == () else rgb)
    edge = pixel_size.um_per_px
    stated = StatedScale(edge, edge, pixel_size.origin, "the pixel size", pixel_size.rel_error)
    return _judged(_located(pixels, None, stated, (tone, "", name), settings), quality_settings)


def _located(
    pixels: Samples,
    opaque: BoolArray | None,
    stated: StatedScale,
    identity: tuple[str, str, str],
    settings: CaptureSettings,
) -> ScaledImage:
    """Find the field on the pixels as stored, and make them square; the quality is not judged yet."""
    valid, masked = find_field(pixels, opaque, min(stated.x_um, stated.y_um), settings)
    if not stated.square:
        pixels, valid, masked = _squared(pixels, valid, masked, stated)
    return ScaledImage(pixels, stated.pixel_size(), valid, masked, *identity, Quality(""))


def _judged(image: ScaledImage, settings: QualitySettings | None) -> ScaledImage:
    found = assess(image.pixels, image.valid, image.masked, image.pixel_size, settings or QualitySettings())
    return replace(image, quality=found)


def _squared(
    pixels: Samples, valid: BoolArray, masked: BoolArray, stated: StatedScale
) -> tuple[Samples, BoolArray, BoolArray]:
    """Resample the coarser direction so that pixels become squares of the finer edge."""
    edge = min(stated.x_um, stated.y_um)
    height, width = pixels.shape[:2]
    size = (round(width * stated.x_um / edge), round(height * stated.y_um / edge))
    wide = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    masks = [
        cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
        for mask in (valid, masked)
    ]
    return wide, masks[0], masks[1]
