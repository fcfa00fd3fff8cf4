"""The only plotting: the overlay of one picture, drawn so that it can be put before a patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from densitometry.model import FloatArray, ScaledImage
from densitometry.settings import ReportSettings
from densitometry.units import UM_PER_MM

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe and Ito's palette for colour-blind readers (2008, "Color universal design"), RGB.
CLASS_COLOURS: Mapping[str, Colour] = {
    "terminal": (0, 158, 235),
    "vellus": (240, 228, 66),
    "uncertain": (230, 120, 200),
}
NOT_COUNTED_COLOUR: Colour = (200, 200, 200)
ROOT_COLOUR: Colour = (255, 255, 255)
FRAME_COLOUR: Colour = (0, 214, 150)
MASK_COLOUR: Colour = (213, 94, 0)
_INK: Colour = (35, 35, 40)
_PAPER: Colour = (250, 250, 250)
_FRACTION_BITS = 4  # cv2 draws at 1/16 px
_ONE = 1 << _FRACTION_BITS
_MAX_STROKE_PX = 2
_FONT = cv2.FONT_HERSHEY_DUPLEX
_SCALE_BARS_UM = (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20)


@dataclass(frozen=True, slots=True)
class HairDrawing:
    """One hair as it is drawn: the two measured edges follow `points_px` at half of `width_px` each side."""

    points_px: FloatArray
    width_px: FloatArray
    kind: str
    counted: bool
    root_px: tuple[float, float] | None
    root_sure: bool


def overlay(
    image: ScaledImage,
    hairs: pd.DataFrame,
    drawings: Sequence[HairDrawing],
    summary: Mapping[str, Any],
    settings: ReportSettings,
) -> Canvas:
    """Draw the picture with each hair along its measured edges, the roots, the valid field, a legend.

    Args:
        image: the picture with its scale.
        hairs: columns of `schema.HAIRS`.
        drawings: one per row of `hairs`.
        summary: summary of the picture, for the legend.
        settings: size and strokes.

    Returns:
        (H', W', 3) uint8 RGB, at least as large as the picture.
    """
    factor = max(1, math.ceil(settings.overlay_width_px / max(image.width_px, 1) - 0.25))
    base = _enlarge(_to_uint8(image.pixels), factor)
    _draw_field(base, image, factor)
    _draw_hairs(base, drawings, factor, settings.overlay_opacity)
    strip = _legend(base.shape[1], hairs, summary, image, factor)
    return np.vstack([base, strip])


def encode_png(canvas: Canvas) -> bytes:
    """Return the picture as PNG; the same pixels give the same bytes."""
    done, data = cv2.imencode(".png", canvas[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        msg = "the overlay could not be encoded"
        raise RuntimeError(msg)
    return bytes(data.tobytes())


def _to_uint8(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Canvas:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8)
    return (pixels >> 8).astype(np.uint8)


def _enlarge(pixels: Canvas, factor: int) -> Canvas:
    if factor == 1:
        return np.ascontiguousarray(pixels)
    size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _draw_field(canvas: Canvas, image: ScaledImage, factor: int) -> None:
    """Shade what is outside the valid field and line its edge."""
    height, width = canvas.shape[:2]
    if bool(image.valid.all()):
        cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), FRAME_COLOUR, max(1, factor))
        return
    outside = cv2.resize((~image.valid).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    masked = cv2.resize(image.masked.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    surround = (outside == 1) & (masked == 0)
    canvas[surround] = (canvas[surround] * 0.55).astype(np.uint8)
    hidden = masked == 1
    canvas[hidden] = (canvas[hidden] * 0.6 + np.array(MASK_COLOUR) * 0.4).astype(np.uint8)
    for area, colour in ((1 - surround.astype(np.uint8), FRAME_COLOUR), (masked, MASK_COLOUR)):
        contours, _ = cv2.findContours(np.ascontiguousarray(area), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(canvas, contours, -1, colour, max(1, factor), cv2.LINE_AA)


def _draw_hairs(canvas: Canvas, drawings: Sequence[HairDrawing], factor: int, opacity: float) -> None:
    layer = canvas.copy()
    for drawing in drawings:
        points = _to_canvas(drawing.points_px, factor)
        colour = CLASS_COLOURS[drawing.kind] if drawing.counted else NOT_COUNTED_COLOUR
        outline = _outline(points, drawing.width_px * factor)
        _polyline(layer, outline, colour, min(factor, _MAX_STROKE_PX), dashed=not drawing.counted)
    for drawing in drawings:
        if drawing.root_px is not None:
            _draw_root(layer, drawing, factor)
    cv2.addWeighted(layer, opacity, canvas, 1.0 - opacity, 0.0, dst=canvas)


def _draw_root(layer: Canvas, drawing: HairDrawing, factor: int) -> None:
    centre = _fixed(_to_canvas(np.array([drawing.root_px], float), factor))[0]
    colour = CLASS_COLOURS[drawing.kind] if drawing.counted else NOT_COUNTED_COLOUR
    radius = int((2.5 + factor) * _ONE)
    at = (int(centre[0]), int(centre[1]))
    cv2.circle(layer, at, radius, _INK, -1 if drawing.root_sure else 3, cv2.LINE_AA, _FRACTION_BITS)
    cv2.circle(
        layer,
        at,
        radius - _ONE,
        ROOT_COLOUR if drawing.root_sure else colour,
        -1 if drawing.root_sure else 1,
        cv2.LINE_AA,
        _FRACTION_BITS,
    )


def _to_canvas(points_px: FloatArray, factor: int) -> FloatArray:
    """Map pixel centres of the picture to pixel centres of the enlarged picture."""
    return np.asarray((points_px + 0.5) * factor - 0.5)


def _outline(points: FloatArray, width: FloatArray) -> FloatArray:
    """Return both edges as one closed line: out along one side, round the tip, back along the other."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = 0.5 * width[:, None]
    return np.concatenate(
        [points + across * half, (points - across * half)[::-1], (points + across * half)[:1]]
    )


def _fixed(points: FloatArray) -> NDArray[np.int32]:
    return np.round(points * _ONE).astype(np.int32)


def _polyline(layer: Canvas, points: FloatArray, colour: Colour, thickness: int, *, dashed: bool) -> None:
    if not dashed:
        cv2.polylines(layer, [_fixed(points)], False, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)
        return
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    dash = 9.0
    for start in np.arange(0.0, run[-1], 2 * dash):
        at = np.linspace(start, min(start + dash, run[-1]), 4)
        piece = np.stack([np.interp(at, run, points[:, axis]) for axis in (0, 1)], axis=1)
        cv2.polylines(layer, [_fixed(piece)], False, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _legend(
    width: int, hairs: pd.DataFrame, summary: Mapping[str, Any], image: ScaledImage, factor: int
) -> Canvas:
    """Return the strip below the picture: the headline numbers, the colours and a scale bar."""
    size = min(1.0, max(0.35, width / 1700.0))
    row = round(44 * size)
    strip = np.full((round(2.5 * row), width, 3), _PAPER, np.uint8)
    margin = round(16 * size)
    _text(strip, headline(summary), (margin, row), size * 0.8)
    x = margin
    counted = hairs["counted"].to_numpy(dtype=bool)
    classes = hairs["class"].to_numpy()
    entries = [
        (f"{name} {int(np.sum(counted & (classes == name)))}", colour)
        for name, colour in CLASS_COLOURS.items()
    ]
    entries.append((f"not counted {int(np.sum(~counted))}", NOT_COUNTED_COLOUR))
    for label, colour in entries:
        top = 2 * row - round(12 * size)
        cv2.rectangle(strip, (x, top), (x + round(24 * size), 2 * row), colour, -1)
        cv2.rectangle(strip, (x, top), (x + round(24 * size), 2 * row), _INK, 1)
        x = _text(strip, label, (x + round(32 * size), 2 * row), size * 0.6) + round(26 * size)
    _scale_bar(strip, image.pixel_size.um_per_px / factor, row, size, x)
    return strip


def headline(summary: Mapping[str, Any]) -> str:
    """Return the legend's first line."""
    if summary.get("n_hairs") is None or summary.get("density_per_cm2") is None:
        return "not measured: " + "; ".join(summary["quality"]["reasons"])
    parts = [f"{summary['density_per_cm2']:.0f} hairs/cm²" + _range(summary, "density_per_cm2", ".0f")]
    if summary.get("mean_diameter_um") is not None:
        parts.append(
            f"mean {summary['mean_diameter_um']:.1f} µm" + _range(summary, "mean_diameter_um", ".1f")
        )
    parts.append(f"{summary['n_hairs']:g} hairs on {summary['area_cm2']:.3f} cm²")
    return "   ".join(parts)


def _range(summary: Mapping[str, Any], name: str, form: str) -> str:
    low, high = summary.get(f"{name}_low"), summary.get(f"{name}_high")
    return "" if low is None or high is None else f" ({low:{form}}–{high:{form}})"


def _scale_bar(strip: Canvas, um_per_canvas_px: float, row: int, size: float, left: int) -> None:
    room = strip.shape[1] - left - round(40 * size)
    length_um = next(
        (um for um in _SCALE_BARS_UM if um / um_per_canvas_px <= min(room, strip.shape[1] / 4)), None
    )
    if length_um is None:
        return
    right = strip.shape[1] - round(16 * size)
    start = right - round(length_um / um_per_canvas_px)
    thickness = max(2, round(6 * size))
    cv2.rectangle(strip, (start, 2 * row - thickness), (right, 2 * row), _INK, -1)
    label = f"{length_um / UM_PER_MM:g} mm" if length_um >= UM_PER_MM else f"{length_um} µm"
    _text(strip, label, (start, 2 * row - 2 * thickness), size * 0.6)


def _text(canvas: Canvas, text: str, at: tuple[int, int], size: float) -> int:
    """Write `text` with its baseline at `at`; return where it ends [px]."""
    (width, _), _ = cv2.getTextSize(text, _FONT, size, 1)
    cv2.putText(canvas, text, at, _FONT, size, _INK, 1, cv2.LINE_AA)
    return at[0] + int(width)
