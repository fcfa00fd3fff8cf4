"""The only plotting: the overlay of one picture, drawn so that it can be put before a patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from densitometry.model import FloatArray, ScaledImage
from densitometry.report.canvas import (
    FRACTION_BITS,
    INK,
    ONE,
    PAPER,
    Canvas,
    Colour,
    enlarge,
    fixed,
    outline,
    polyline,
    scale_bar,
    to_canvas,
    to_uint8,
    write,
)
from densitometry.settings import ReportSettings

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
_MAX_STROKE_PX = 2


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
    base = enlarge(to_uint8(image.pixels), factor)
    _draw_field(base, image, factor)
    _draw_hairs(base, drawings, factor, settings.overlay_opacity)
    strip = _legend(base.shape[1], hairs, summary, image, factor)
    return np.vstack([base, strip])


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
        points = to_canvas(drawing.points_px, factor)
        colour = CLASS_COLOURS[drawing.kind] if drawing.counted else NOT_COUNTED_COLOUR
        edges = outline(points, drawing.width_px * factor)
        polyline(layer, edges, colour, min(factor, _MAX_STROKE_PX), dashed=not drawing.counted)
    for drawing in drawings:
        if drawing.root_px is not None:
            _draw_root(layer, drawing, factor)
    cv2.addWeighted(layer, opacity, canvas, 1.0 - opacity, 0.0, dst=canvas)


def _draw_root(layer: Canvas, drawing: HairDrawing, factor: int) -> None:
    centre = fixed(to_canvas(np.array([drawing.root_px], float), factor))[0]
    colour = CLASS_COLOURS[drawing.kind] if drawing.counted else NOT_COUNTED_COLOUR
    radius = int((2.5 + factor) * ONE)
    at = (int(centre[0]), int(centre[1]))
    cv2.circle(layer, at, radius, INK, -1 if drawing.root_sure else 3, cv2.LINE_AA, FRACTION_BITS)
    cv2.circle(
        layer,
        at,
        radius - ONE,
        ROOT_COLOUR if drawing.root_sure else colour,
        -1 if drawing.root_sure else 1,
        cv2.LINE_AA,
        FRACTION_BITS,
    )


def _legend(
    width: int, hairs: pd.DataFrame, summary: Mapping[str, Any], image: ScaledImage, factor: int
) -> Canvas:
    """Return the strip below the picture: the headline numbers, the colours and a scale bar."""
    size = min(1.0, max(0.35, width / 1700.0))
    row = round(44 * size)
    strip = np.full((round(2.5 * row), width, 3), PAPER, np.uint8)
    margin = round(16 * size)
    write(strip, headline(summary), (margin, row), size * 0.8)
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
        cv2.rectangle(strip, (x, top), (x + round(24 * size), 2 * row), INK, 1)
        x = write(strip, label, (x + round(32 * size), 2 * row), size * 0.6) + round(26 * size)
    scale_bar(strip, image.pixel_size.um_per_px / factor, row, size, x)
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
