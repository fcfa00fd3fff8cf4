"""What a picture allows: focus, exposure, glare, light, resolution and field, judged region by region."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.model import BoolArray, FloatArray, Quality
from densitometry.settings import QualitySettings
from densitometry.units import PixelSize

FINE_HAIR_UM = 30.0

_FOCUS_WINDOW_PX = 128
_FOCUS_WINDOWS = (6, 8)
_FOCUS_SIGMAS_PX = (1.0, 2.0)
# A step of this many 8-bit levels per pixel at the finer scale is an edge and not noise.
_EDGE_SLOPE = 5.0
_EDGES_PER_WINDOW = 60
_TYPICAL, _WORST = 50.0, 90.0
_LARGEST_BLUR_PX = 30.0
_WORK_PIXELS = 100_000
_TILE_PX = 24
_TILE_VALID_SHARE = 0.5
_LEAST_TILES = 4
_CLIPPED = (1, 254)
_GLARE = 248


def assess(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    valid: BoolArray,
    masked: BoolArray,
    pixel_size: PixelSize,
    settings: QualitySettings,
) -> Quality:
    """Return verdict, reasons in sentences, and metrics.

    "warn" says what to mind and measures all the same; "reject" is kept for pictures on which any number
    would be made up. Metrics that the picture gives no ground for (focus without an edge) are left out.
    """
    metrics = {
        "valid_share": float(valid.mean()),
        "glare_share": _glare_share(pixels, valid, masked),
        "fine_hair_px": pixel_size.to_px(FINE_HAIR_UM),
    }
    metrics |= _light(pixels, valid) | _focus(pixels, valid, pixel_size)
    refused = list(_grounds_to_reject(metrics, settings))
    if refused:
        return Quality("reject", tuple(refused), metrics)
    warned = list(_grounds_to_warn(metrics, settings))
    return Quality("warn" if warned else "accept", tuple(warned), metrics)


def _grounds_to_reject(metrics: dict[str, float], settings: QualitySettings) -> list[str]:
    reasons = []
    if metrics["valid_share"] < settings.reject_valid_share:
        reasons.append(f"Only {100 * metrics['valid_share']:.1f} % of the frame shows scalp.")
    if metrics.get("bright_level", 255.0) < settings.reject_black_level:
        reasons.append("The picture is nearly black.")
    if metrics.get("dark_level", 0.0) > settings.reject_white_level:
        reasons.append("The picture is nearly white.")
    if metrics.get("focus_blur_um", 0.0) > settings.reject_blur_um:
        reasons.append(
            f"Even the sharpest edges are blurred over {metrics['focus_blur_um']:.0f} µm: no shaft is seen."
        )
    return reasons


def _grounds_to_warn(metrics: dict[str, float], settings: QualitySettings) -> list[str]:
    reasons = []
    if metrics.get("focus_blur_um", 0.0) > settings.warn_blur_um:
        reasons.append(
            f"The sharpest edges are blurred over {metrics['focus_blur_um']:.0f} µm (standard deviation): "
            "fine hairs may be missed and diameters are less sure; refocus and press evenly."
        )
    if metrics.get("clipped_share", 0.0) > settings.warn_clipped_share:
        reasons.append(
            f"{100 * metrics['clipped_share']:.0f} % of the field is over- or underexposed: change it."
        )
    if metrics["glare_share"] > settings.warn_glare_share:
        reasons.append(
            f"Glare hides {100 * metrics['glare_share']:.0f} % of the field; "
            "use polarised light or immersion fluid."
        )
    if metrics["valid_share"] < settings.warn_valid_share:
        reasons.append(f"Only {100 * metrics['valid_share']:.0f} % of the frame shows scalp.")
    if metrics["fine_hair_px"] < settings.warn_fine_hair_px:
        reasons.append(
            f"A hair of {FINE_HAIR_UM:.0f} µm is {metrics['fine_hair_px']:.1f} pixels wide: "
            "fine hairs are not resolved; use a higher magnification."
        )
    if metrics.get("light_evenness", 1.0) < settings.warn_light_evenness:
        reasons.append("The light is very uneven: parts of the skin are much darker than others.")
    if abs(metrics.get("colour_cast", 0.0)) > settings.warn_colour_cast:
        tint = "blue" if metrics["colour_cast"] > 0 else "red or yellow"
        reasons.append(f"The picture has a strong {tint} cast; set the white balance.")
    return reasons


def _glare_share(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], valid: BoolArray, masked: BoolArray
) -> float:
    """Share of the field that is hidden and bright in every channel."""
    field = int(np.count_nonzero(valid)) + int(np.count_nonzero(masked))
    if not masked.any() or not field:
        return 0.0
    hidden = pixels[masked]
    bright = hidden.min(axis=1) >= (_GLARE if pixels.dtype == np.uint8 else _GLARE * 257)
    return float(np.count_nonzero(bright)) / field


def _light(pixels: NDArray[np.uint8] | NDArray[np.uint16], valid: BoolArray) -> dict[str, float]:
    """Exposure, evenness and cast from a thinned copy of the valid field."""
    step = max(1, int(np.sqrt(valid.size / _WORK_PIXELS)))
    thin = pixels[::step, ::step]
    rgb = thin if thin.dtype == np.uint8 else (thin >> 8).astype(np.uint8)
    seen = valid[::step, ::step]
    if not seen.any():
        return {}
    samples = rgb[seen].astype(np.float32)
    luma = samples @ np.array((0.299, 0.587, 0.114), np.float32)
    clipped = (samples >= _CLIPPED[1]).any(axis=1) | (samples <= _CLIPPED[0]).all(axis=1)
    means = np.median(samples, axis=0)
    metrics = {
        "clipped_share": float(clipped.mean()),
        "dark_level": float(np.percentile(luma, 5)),
        "bright_level": float(np.percentile(luma, 95)),
        "colour_cast": float((means[2] - means[0]) / max(1.0, 0.5 * (means[2] + means[0]))),
    }
    levels = _skin_levels(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), seen)
    if len(levels) >= _LEAST_TILES:
        low, high = np.percentile(levels, (5, 95))
        metrics["light_evenness"] = float(low / max(1.0, high))
    return metrics


def _skin_levels(luma: NDArray[np.uint8], seen: BoolArray) -> FloatArray:
    """Return the brighter level of each tile, which is skin even where hair covers most of it."""
    rows, columns = luma.shape[0] // _TILE_PX, luma.shape[1] // _TILE_PX
    if rows * columns == 0:
        return np.empty(0)
    cut = (slice(0, rows * _TILE_PX), slice(0, columns * _TILE_PX))
    shape = (rows, _TILE_PX, columns, _TILE_PX)
    tiles = luma[cut].reshape(shape).swapaxes(1, 2).reshape(rows * columns, -1)
    shown = (
        seen[cut].reshape(shape).swapaxes(1, 2).reshape(rows * columns, -1).mean(axis=1) >= _TILE_VALID_SHARE
    )
    return np.asarray(np.percentile(tiles[shown], 75, axis=1), np.float64) if shown.any() else np.empty(0)


def _focus(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], valid: BoolArray, pixel_size: PixelSize
) -> dict[str, float]:
    """Measure the blur of the steepest edges in windows over the picture: typical and worst."""
    height, width = valid.shape
    side = min(_FOCUS_WINDOW_PX, height, width)
    blurs = []
    for top in np.linspace(0, height - side, _FOCUS_WINDOWS[0]).astype(int):
        for left in np.linspace(0, width - side, _FOCUS_WINDOWS[1]).astype(int):
            window = (slice(top, top + side), slice(left, left + side))
            blur = _window_blur(pixels[window], valid[window])
            if blur is not None:
                blurs.append(blur)
    if not blurs:
        return {}
    typical, worst = np.percentile(blurs, (_TYPICAL, _WORST))
    return {
        "focus_blur_px": float(typical),
        "focus_blur_um": pixel_size.to_um(float(typical)),
        "focus_blur_worst_um": pixel_size.to_um(float(worst)),
    }


def _window_blur(rgb: NDArray[np.uint8] | NDArray[np.uint16], valid: BoolArray) -> float | None:
    """Estimate blur at the steepest edges by blurring again.

    A step blurred by s has slope ∝ 1 / sqrt(s² + σ²) after a further Gaussian σ; two σ give s.
    Source: Zhuo & Sim 2011, doi:10.1016/j.patcog.2011.03.009 (gradient ratio of a re-blurred edge).
    """
    grey = rgb[..., 1].astype(np.float32)
    if rgb.dtype != np.uint8:
        grey /= 257.0
    slopes = []
    for sigma in _FOCUS_SIGMAS_PX:
        smooth = cv2.GaussianBlur(grey, (0, 0), sigma)
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        slopes.append(cv2.magnitude(across, down))
    fine, coarse = slopes
    # The crest of an edge only: the neighbouring pixels of one row of slopes are lower.
    crest = (fine >= cv2.dilate(fine, np.ones((3, 3), np.uint8))) & (fine >= _EDGE_SLOPE) & valid
    if int(crest.sum()) < _EDGES_PER_WINDOW // 4:
        return None
    steepest = np.sort(fine[crest])[-_EDGES_PER_WINDOW:][0]
    chosen = crest & (fine >= steepest)
    ratio = float(np.median(fine[chosen] / np.maximum(coarse[chosen], 1e-6))) ** 2
    near, far = (sigma**2 for sigma in _FOCUS_SIGMAS_PX)
    if ratio <= 1.0:
        return _LARGEST_BLUR_PX
    return float(np.sqrt(np.clip((far - ratio * near) / (ratio - 1.0), 0.0, _LARGEST_BLUR_PX**2)))
