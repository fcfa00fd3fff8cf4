"""Two visits of one spot, one laid on the other, every hair in the colour of its fate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from densitometry.model import BoolArray, FloatArray
from densitometry.report.canvas import (
    INK,
    PAPER,
    Canvas,
    Colour,
    enlarge,
    outline,
    polyline,
    scale_bar,
    to_canvas,
    write,
)
from densitometry.settings import ReportSettings

# Okabe and Ito's palette for colour-blind readers (2008, "Color universal design"), RGB; told apart by
# lightness, too.
FATE_COLOURS: Mapping[str, Colour] = {
    "matched": (0, 158, 235),
    "gained": (0, 214, 150),
    "lost": (213, 94, 0),
    "uncertain": (240, 228, 66),
}
NOT_COMPARED = "not compared"
_NOT_COMPARED_COLOUR: Colour = (200, 200, 200)
_SHARED_COLOUR: Colour = (255, 255, 255)
_GAP_PX = 12
_WARP_STEP_PX = 16
_LINE_HEIGHT = 1.25


@dataclass(frozen=True, slots=True)
class FateDrawing:
    """One hair: centre line (N, 2) and widths (N,) in pixels of its panel, and a word of FATE_COLOURS."""

    points_px: FloatArray
    width_px: FloatArray
    fate: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One visit as it is drawn.

    Attributes:
        title: what the panel shows.
        pixels: (H, W, 3) uint8 RGB; both panels are of one size.
        drawings: its hairs.
        shared: (h, w) bool, coarse map of the skin that is compared, over the whole panel; None draws none.
    """

    title: str
    pixels: Canvas
    drawings: Sequence[FateDrawing]
    shared: BoolArray | None = None


def draw_fates(
    panels: Sequence[Panel],
    sentence: str,
    counts: Mapping[str, int],
    um_per_px: float,
    settings: ReportSettings,
) -> Canvas:
    """Draw the visits side by side over a legend: the sentence, hairs by fate, a scale bar.

    Args:
        panels: baseline and follow-up.
        sentence: verdict and reason.
        counts: hairs by fate.
        um_per_px: scale of the panels.
        settings: size and strokes.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    width = panels[0].pixels.shape[1]
    factor = max(1, math.ceil(settings.overlay_width_px / 2 / width - 0.25))
    drawn = [_draw_panel(panel, factor, settings.overlay_opacity) for panel in panels]
    gap = np.full((drawn[0].shape[0], _GAP_PX, 3), PAPER, np.uint8)
    pictures = np.hstack([drawn[0], gap, *drawn[1:]])
    return np.vstack([pictures, _legend(pictures.shape[1], sentence, counts, um_per_px / factor)])


def warp_onto(
    pixels: Canvas, place: Callable[[FloatArray], FloatArray], width_px: int, height_px: int
) -> Canvas:
    """Return a picture laid on another one of the given size.

    Args:
        pixels: (H, W, 3) picture to lay.
        place: maps (N, 2) pixels [x, y] of the other picture to pixels of this one.
        width_px: of the other picture.
        height_px: of the other picture.
    """
    columns = np.arange(0, width_px + _WARP_STEP_PX, _WARP_STEP_PX, dtype=float)
    rows = np.arange(0, height_px + _WARP_STEP_PX, _WARP_STEP_PX, dtype=float)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    there = np.asarray(place(grid.reshape(-1, 2)), np.float32).reshape(grid.shape)
    at_x, at_y = np.meshgrid(
        np.arange(width_px, dtype=np.float32) / _WARP_STEP_PX,
        np.arange(height_px, dtype=np.float32) / _WARP_STEP_PX,
    )
    source = cv2.remap(there, at_x, at_y, cv2.INTER_LINEAR)
    return np.asarray(
        cv2.remap(
            pixels, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(40, 40, 40)
        ),
        np.uint8,
    )


def _draw_panel(panel: Panel, factor: int, opacity: float) -> Canvas:
    base = enlarge(panel.pixels, factor)
    layer = base.copy()
    if panel.shared is not None:
        size = (base.shape[1], base.shape[0])
        area = cv2.resize(panel.shared.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(area, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(layer, contours, -1, _SHARED_COLOUR, max(1, factor), cv2.LINE_AA)
    ordered = sorted(panel.drawings, key=lambda drawing: drawing.fate != NOT_COMPARED)
    for drawing in ordered:
        edges = outline(to_canvas(drawing.points_px, factor), drawing.width_px * factor)
        compared = drawing.fate != NOT_COMPARED
        colour = FATE_COLOURS[drawing.fate] if compared else _NOT_COMPARED_COLOUR
        polyline(layer, edges, colour, 2 if compared else 1, dashed=not compared)
    cv2.addWeighted(layer, opacity, base, 1.0 - opacity, 0.0, dst=base)
    size_of_text = _text_size(base.shape[1])
    row = round(34 * size_of_text)
    bar = np.full((round(1.6 * row), base.shape[1], 3), PAPER, np.uint8)
    write(bar, panel.title, (round(10 * size_of_text), row), size_of_text * 0.8)
    return np.vstack([bar, base])


def _text_size(width_px: int) -> float:
    return min(1.0, max(0.35, width_px / 1000.0))


def _legend(width: int, sentence: str, counts: Mapping[str, int], um_per_canvas_px: float) -> Canvas:
    size = min(1.0, max(0.35, width / 1700.0))
    row = round(44 * size)
    margin = round(16 * size)
    lines = _wrapped(sentence, width - 2 * margin, size * 0.7)
    top = round(_LINE_HEIGHT * row * len(lines))
    strip = np.full((top + round(2.2 * row), width, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        write(strip, line, (margin, round((number + 0.8) * _LINE_HEIGHT * row)), size * 0.7)
    block = strip[max(0, top - round(0.6 * row)) :]
    x = margin
    entries = [(f"{fate} {counts.get(fate, 0)}", colour) for fate, colour in FATE_COLOURS.items()]
    for label, colour in [*entries, (NOT_COMPARED, _NOT_COMPARED_COLOUR)]:
        low = 2 * row
        high = low - round(12 * size)
        cv2.rectangle(block, (x, high), (x + round(24 * size), low), colour, -1)
        cv2.rectangle(block, (x, high), (x + round(24 * size), low), INK, 1)
        x = write(block, label, (x + round(32 * size), low), size * 0.6) + round(26 * size)
    scale_bar(block, um_per_canvas_px, row, size, x)
    return strip


def _wrapped(text: str, width_px: int, size: float) -> list[str]:
    lines: list[str] = []
    scratch = np.zeros((4, 4, 3), np.uint8)
    current = ""
    for word in text.split():
        longer = f"{current} {word}".strip()
        if current and write(scratch, longer, (0, 0), size) > width_px:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current] if current else lines
