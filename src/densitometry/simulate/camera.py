"""Light, lens, sensor and file: from reflectance to the bytes of an 8-bit sRGB picture."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.settings import CameraSettings
from densitometry.simulate.textures import F32

COARSE = 8


def light_field(camera: CameraSettings, shape: tuple[int, int]) -> F32:
    """Return (H, W, 3) relative light: a coloured gradient, darker to the corners."""
    height, width = shape
    x, y = _coarse_grid(shape)
    x *= width / max(width, height)
    y *= height / max(width, height)
    t = 0.5 + 0.5 * (x * np.cos(camera.light_angle_rad) + y * np.sin(camera.light_angle_rad))
    t = np.clip(t, 0, 1)[..., None].astype(np.float32)
    colour = (1 - t) * np.array(camera.light, np.float32) + t * np.array(camera.light_edge, np.float32)
    light = (colour * (1.0 - camera.light_falloff * (x * x + y * y))[..., None]).astype(np.float32)
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _coarse_grid(shape: tuple[int, int]) -> tuple[F32, F32]:
    """Return x and y in [-1, 1] on a grid of about every eighth pixel, for fields that change slowly."""
    rows, columns = max(2, shape[0] // COARSE), max(2, shape[1] // COARSE)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return np.asarray((x + 0.5) * 2 / columns - 1, np.float32), np.asarray(
        (y + 0.5) * 2 / rows - 1, np.float32
    )


def blur(picture: F32, sigma_px: float) -> F32:
    """Blur by a Gaussian of standard deviation `sigma_px`."""
    if sigma_px < 0.05:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32)


def defocus(picture: F32, camera: CameraSettings) -> F32:
    """Blur more towards the corners, and towards one side when the head is tilted."""
    if camera.defocus_px < 0.1:
        return picture
    height, width = picture.shape[:2]
    x, y = _coarse_grid((height, width))
    radial = (x * x + y * y) / 2
    side = 0.5 + 0.5 * (x * np.sin(camera.light_angle_rad) - y * np.cos(camera.light_angle_rad))
    amount = np.clip((1 - camera.tilt) * radial + camera.tilt * side**2, 0, 1).astype(np.float32)
    amount = cv2.resize(amount, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    half, full = blur(picture, 0.5 * camera.defocus_px), blur(picture, camera.defocus_px)
    near = np.clip(amount * 2, 0, 1)
    far = np.clip(amount * 2 - 1, 0, 1)
    return np.asarray((picture * (1 - near) + half * near) * (1 - far) + full * far, np.float32)


def expose(picture: F32, camera: CameraSettings, rng: np.random.Generator) -> F32:
    """Turn linear light into encoded values (0-1, about the sRGB curve) with noise and sharpening."""
    height, width = picture.shape[:2]
    picture = picture * np.float32(camera.exposure)
    if camera.noise > 0 or camera.shot > 0:
        grain = rng.standard_normal(picture.shape, dtype=np.float32)
        if camera.noise_grain_px > 0.2:
            grain = blur(grain, camera.noise_grain_px) * np.float32(2.0 * camera.noise_grain_px + 0.6)
        picture = picture + grain * np.sqrt(camera.noise**2 + camera.shot**2 * np.clip(picture, 0, 4))
    picture = np.clip(picture, 0.0, 4.0).astype(np.float32)
    steps = np.linspace(0.0, 1.0, 4097)
    curve = np.where(steps <= 0.0031308, 12.92 * steps, 1.055 * steps ** (1 / 2.4) - 0.055) ** camera.gamma
    curve = (1 - camera.contrast) * curve + camera.contrast * curve * curve * (3 - 2 * curve)
    # Highlights roll off above 0.8 instead of clipping hard.
    light = np.minimum(picture, 0.8 + 0.2 * (1 - np.exp(-np.maximum(picture - 0.8, 0) / 0.2)))
    encoded = curve.astype(np.float32)[(light * 4096 + 0.5).astype(np.int32)]
    if camera.sharpen > 0:
        encoded = encoded + np.float32(camera.sharpen) * (encoded - blur(encoded, camera.sharpen_px))
    if camera.resample < 0.98:
        small = (max(8, round(width * camera.resample)), max(8, round(height * camera.resample)))
        encoded = cv2.resize(
            cv2.resize(encoded, small, interpolation=cv2.INTER_AREA),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
    return np.asarray(np.clip(encoded, 0, 1), np.float32)


def to_bytes(encoded: F32) -> NDArray[np.uint8]:
    """Round encoded values to 8 bits."""
    return np.asarray(np.rint(encoded * 255.0), np.uint8)


def through_jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Compress and decompress; quality 0 leaves the picture as it is."""
    if quality <= 0:
        return rgb
    ok, packed = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    if not ok:  # pragma: no cover
        msg = "the JPEG encoder failed"
        raise RuntimeError(msg)
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)
    return np.asarray(decoded, np.uint8)
