"""What lies over the scalp: bubbles, glare, a round dark surround, burned-in marks."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.settings import CoverSettings
from densitometry.simulate.textures import F32

CIRCLE_RADIUS = 0.48
MARK_RED = (226, 24, 32)
MARK_BLUE = (20, 20, 190)


def in_circle(x: NDArray[np.float64], y: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """Return which points lie in the valid circle of a round field."""
    return np.asarray(np.hypot(x - width / 2, y - height / 2) < CIRCLE_RADIUS * height, np.bool_)


def lay_bubbles(
    light: F32, hidden: NDArray[np.bool_], cover: CoverSettings, um_per_px: float, rng: np.random.Generator
) -> None:
    """Lay air bubbles (dark rim, bright highlight, clear inside) and saturated glare over the light."""
    height, width = light.shape[:2]
    cm2 = height * width * um_per_px**2 / 1e8
    for _ in range(rng.poisson(cover.bubbles_per_cm2 * cm2) if cover.bubbles_per_cm2 > 0 else 0):
        radius = float(rng.uniform(30, 260)) / um_per_px
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        window, yy, xx = _window(x, y, radius * 1.5, width, height)
        if xx.size == 0:
            continue
        q = np.hypot(xx - x, yy - y) / radius
        rim = np.exp(-(((q - 1.0) / 0.07) ** 2))
        part = light[window]
        part *= (1.0 - rng.uniform(0.4, 0.85) * rim)[..., None].astype(np.float32)
        angle, size = rng.uniform(0, 6.28), rng.uniform(0.12, 0.3)
        spot = np.hypot(xx - x - 0.62 * radius * np.cos(angle), yy - y - 0.62 * radius * np.sin(angle)) / (
            size * radius
        )
        glow = np.exp(-(spot**2) * 1.5) + 0.5 * np.exp(-(((q - 0.9) / 0.06) ** 2)) * rng.uniform(0, 1)
        part += (rng.uniform(0.6, 1.6) * glow)[..., None].astype(np.float32)
        hidden[window] |= (rim > 0.4) | (spot < 0.8)
    for _ in range(rng.poisson(cover.glare_per_cm2 * cm2) if cover.glare_per_cm2 > 0 else 0):
        radius = float(rng.uniform(40, 350)) / um_per_px
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        window, yy, xx = _window(x, y, radius * 2.2, width, height)
        if xx.size == 0:
            continue
        turn, flat = rng.uniform(0, 3.14), rng.uniform(0.25, 1.0)
        a = (xx - x) * np.cos(turn) + (yy - y) * np.sin(turn)
        b = ((yy - y) * np.cos(turn) - (xx - x) * np.sin(turn)) / flat
        q = (
            np.hypot(a, b)
            / radius
            * (
                1
                + rng.uniform(0, 0.15) * np.sin(rng.integers(2, 6) * np.arctan2(b, a) + rng.uniform(0, 6.28))
            )
        )
        glow = rng.uniform(0.6, 2.0) / (1 + np.exp(np.clip((q - 1) * rng.uniform(3, 14), -30, 30)))
        light[window] += glow[..., None].astype(np.float32)
        hidden[window] |= glow > 0.55


def _window(
    x: float, y: float, reach: float, width: int, height: int
) -> tuple[tuple[slice, slice], F32, F32]:
    rows = slice(max(0, int(y - reach)), max(0, min(height, int(y + reach) + 1)))
    columns = slice(max(0, int(x - reach)), max(0, min(width, int(x + reach) + 1)))
    yy, xx = np.mgrid[rows, columns].astype(np.float32)
    return (rows, columns), yy, xx


def lay_surround(light: F32, hidden: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Darken everything outside the round field, with a soft edge."""
    height, width = light.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    q = np.hypot(x - width / 2, y - height / 2) - CIRCLE_RADIUS * height
    soft = 0.004 * height + 0.5
    inside = 1.0 / (1.0 + np.exp(np.clip((q - 2 * soft) / soft, -30, 30)))
    floor = rng.uniform(0.0, 0.012)
    light *= inside[..., None].astype(np.float32)
    light += (floor * (1 - inside))[..., None].astype(np.float32)
    hidden |= q >= 0


def burn_in(
    rgb: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
    cover: CoverSettings,
    um_per_px: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draw text banner, measuring circle, text box and scale bar over the finished picture."""
    if not (cover.banner or cover.drawn_circle or cover.scale_bar or cover.text_box):
        return rgb
    before = rgb
    rgb = np.ascontiguousarray(rgb.copy())
    height, width = rgb.shape[:2]
    thin, line = 1, cv2.LINE_AA
    if cover.banner:
        deep = int(np.clip(height * 0.02, 9, 24))
        end = int(width * rng.uniform(0.4, 0.9))
        rgb[:deep, :end] = rgb[:deep, :end] // 3
        cv2.putText(
            rgb,
            "1280x1024 2031/05/17 10:22:31 WB auto 70x s/n 00271",
            (3, deep - 3),
            cv2.FONT_HERSHEY_SIMPLEX,
            deep / 34,
            (225, 225, 225),
            thin,
            line,
        )
    if cover.drawn_circle:
        centre = (int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.2, 0.8)))
        colour = MARK_RED if rng.random() < 0.8 else (20, 200, 40)
        radius = int(min(height, width) * rng.uniform(0.25, 0.6))
        cv2.circle(rgb, centre, radius, colour, thin, line)
        turn = rng.uniform(0, 6.28)
        cv2.line(
            rgb,
            centre,
            (int(centre[0] + radius * np.cos(turn)), int(centre[1] + radius * np.sin(turn))),
            colour,
            thin,
            line,
        )
    if cover.text_box:
        x, y = int(width * rng.uniform(0.1, 0.75)), int(height * rng.uniform(0.1, 0.8))
        high, wide = 78, 120
        box = rgb[y : y + high, x : x + wide].astype(np.float32)
        rgb[y : y + high, x : x + wide] = (0.35 * box + 0.65 * 200).astype(np.uint8)
        for k, text in enumerate(("RC0", "C=15.8 mm", "A=19.9 mm^2", "r=2.5 mm")):
            cv2.putText(
                rgb, text, (x + 4, y + 16 + 18 * k), cv2.FONT_HERSHEY_SIMPLEX, 0.45, MARK_BLUE, thin, line
            )
    if cover.scale_bar:
        length = int(1000 / um_per_px)
        x, y = int(rng.uniform(0.02, 0.5) * width), int(rng.uniform(0.85, 0.97) * height)
        dark = (25, 25, 30)
        cv2.line(rgb, (x, y), (x + length, y), dark, thin)
        cv2.line(rgb, (x, y), (x, max(0, y - length)), dark, thin)
        rgb[max(0, y - 12) : y + 10, x + length : x + length + 62] = (38, 38, 38)
        cv2.putText(
            rgb,
            "1.0 mm",
            (x + length + 4, y + 4),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.42,
            (240, 240, 240),
            thin,
            line,
        )
    hidden |= np.abs(rgb.astype(np.int16) - before).max(-1) > 24
    return rgb
