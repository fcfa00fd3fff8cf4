"""What lies above the shafts: flakes at the roots, bubbles in the contact fluid, glare of the lamp."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.second_renderer.fields import F32, SUBPIXEL_BITS, TURN, Floats, smooth, subpixel, window
from benchmarks.second_renderer.kinds import Kind
from benchmarks.second_renderer.scene import Shaft

Bools = NDArray[np.bool_]

FLAKE = (0.62, 0.62, 0.60)
FLAKE_CORNERS = 7
BUBBLE_UM, BUBBLE_SPREAD, BUBBLE_RANGE_UM = 90.0, 0.65, (25.0, 420.0)
BUBBLE_TINT = (0.95, 1.0, 1.05)
CLUSTERS = 3
GLARE_UM, GLARE_SPREAD, GLARE_RANGE_UM = 45.0, 0.6, (15.0, 220.0)
HIDING = 0.5
"""Where a bubble or glare takes or adds more than this share of the light, nothing can be seen under it."""


def flakes(
    picture: Floats, kind: Kind, shafts: Sequence[Shaft], light: float, rng: np.random.Generator
) -> Floats:
    """Lay whitish flakes and lips of skin near some roots; return the (H, W, 3) picture."""
    um, shape = kind.um_per_px, (picture.shape[0], picture.shape[1])
    cover = np.zeros(shape, F32)
    for shaft in shafts:
        if rng.random() > (0.28 if kind.clipped else 0.06):
            continue
        for _ in range(rng.integers(1, 4)):
            place, radius = shaft.line_px[0] + rng.normal(0, 28, 2) / um, rng.uniform(8, 24) / um
            angles = np.sort(rng.uniform(0, TURN, FLAKE_CORNERS))
            reach = radius * rng.uniform(0.5, 1.3, FLAKE_CORNERS)
            corners = place + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
            cv2.fillPoly(
                cover, [subpixel(corners)], float(rng.uniform(0.15, 0.6)), cv2.LINE_AA, SUBPIXEL_BITS
            )
    texture = np.clip(0.8 + 0.5 * smooth(rng, shape, 10 / um), 0, 1.3)
    cover = (cv2.GaussianBlur(cover, (0, 0), max(0.4, 3 / um)) * texture)[..., None]
    return np.asarray(picture + cover * (light * np.array(FLAKE) - picture) * 0.8)


def bubbles(picture: Floats, kind: Kind, light: float, rng: np.random.Generator) -> Bools:
    """Add air bubbles in place, half of them in clusters; return the (H, W) pixels they hide."""
    um, shape = kind.um_per_px, (picture.shape[0], picture.shape[1])
    hidden = np.zeros(shape, np.bool_)
    count = rng.integers(kind.bubbles[0], kind.bubbles[1] + 1)
    clusters = rng.uniform([0, 0], kind.size_px, (CLUSTERS, 2))
    for _ in range(count):
        size_um = BUBBLE_UM * np.exp(BUBBLE_SPREAD * rng.standard_normal())
        radius = float(np.clip(size_um, *BUBBLE_RANGE_UM)) / um
        if rng.random() < 0.5:
            place = rng.uniform([0, 0], kind.size_px)
        else:
            place = clusters[rng.integers(CLUSTERS)] + rng.normal(0, 700 / um, 2)
        found = window(place, int(radius * 1.4 + 6), shape)
        if found is not None:
            hidden[found] |= _bubble(picture, found, place, radius, light, rng)
    return hidden


def _bubble(
    picture: Floats,
    found: tuple[slice, slice],
    place: Floats,
    radius: float,
    light: float,
    rng: np.random.Generator,
) -> Bools:
    """Add one bubble in place: a dark ring, a bright inner arc, a highlight; return what it hides."""
    y, x = np.mgrid[found].astype(F32)
    dx, dy = (x - place[0]) / radius, (y - place[1]) / radius
    away = np.hypot(dx, dy)
    edge = max(0.035, 0.8 / radius)
    lamp = rng.uniform(0, TURN)
    side = (dx * np.cos(lamp) + dy * np.sin(lamp)) / (away + 1e-3)
    ring = np.exp(-(((away - 0.93) / (edge + 0.05)) ** 2)) * (0.75 - 0.25 * side)
    arc = np.exp(-(((away - 0.78) / 0.09) ** 2)) * np.clip(0.4 + 0.6 * side, 0, 1)
    to_x, to_y = dx + 0.45 * np.cos(lamp), dy + 0.45 * np.sin(lamp)
    highlight = np.exp(-((to_x**2 + to_y**2) / (0.012 + 0.02 * rng.random())))
    halo = np.exp(-(((away - 1.06) / (edge + 0.03)) ** 2))
    depth = rng.uniform(0.45, 0.85)
    inside = 1 / (1 + np.exp((away - 0.95) / edge))
    under = picture[found] * (1 + 0.06 * inside)[..., None] * (1 - depth * ring)[..., None]
    added = 0.25 * arc * depth + 0.9 * highlight * rng.uniform(0.4, 1) + 0.12 * halo
    picture[found] = under + light * added[..., None] * np.array(BUBBLE_TINT)
    return np.asarray((depth * ring > HIDING) | (highlight > HIDING), np.bool_)


def glare(picture: Floats, kind: Kind, light: float, rng: np.random.Generator) -> Bools:
    """Add blown-out reflections of the lamp in place; return the (H, W) pixels they hide."""
    um, shape = kind.um_per_px, (picture.shape[0], picture.shape[1])
    hidden = np.zeros(shape, np.bool_)
    for _ in range(rng.integers(kind.glares[0], kind.glares[1] + 1)):
        size_um = GLARE_UM * np.exp(GLARE_SPREAD * rng.standard_normal())
        radius = float(np.clip(size_um, *GLARE_RANGE_UM)) / um
        place = rng.uniform([0, 0], kind.size_px)
        found = window(place, int(4 * radius + 4), shape)
        if found is None:
            continue
        y, x = np.mgrid[found].astype(F32)
        angle, stretch = rng.uniform(0, 3.14), rng.uniform(1, 2.6)
        dx, dy = x - place[0], y - place[1]
        along, across = dx * np.cos(angle) + dy * np.sin(angle), -dx * np.sin(angle) + dy * np.cos(angle)
        away = np.hypot(along / stretch, across) / radius
        ragged = away + 0.22 * smooth(rng, away.shape, max(3.0, radius * 1.1))
        blown = 1 / (1 + np.exp((ragged - 0.8) / 0.07))
        strength = light * rng.uniform(0.5, 1.4)
        picture[found] += (strength * (blown + 0.12 * np.exp(-away)))[..., None].astype(F32)
        hidden[found] |= blown > HIDING
    return hidden
