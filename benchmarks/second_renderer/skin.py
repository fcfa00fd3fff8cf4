"""The bare scalp in linear light: pigments, vessels, lines, dots, what shows of roots, and a wet film."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.second_renderer.fields import (
    F32,
    SUBPIXEL_BITS,
    TURN,
    Floats,
    linear,
    smooth,
    subpixel,
    window,
)
from benchmarks.second_renderer.kinds import COLOURS, Kind
from benchmarks.second_renderer.scene import Shaft

HAEMOGLOBIN = (0.25, 1.0, 0.75)
MELANIN = (0.55, 0.8, 1.1)
"""Absorption of the channels relative to each other."""
UNDER_SKIN_TINT = (1.15, 0.92, 0.72)
"""Deeper things look bluer: red is absorbed most."""
UNDER_SKIN_BANDS = 5
MOUTH_TINT = (0.8, 1.0, 1.1)
SPECKS = 6
WHITE_DOTS_UM2 = 7e7
"""Area that `Kind.white_dots` counts on [µm²]."""
VESSEL_STEP_UM = 12
VESSEL_PARTS = 3
FURROW_KERNEL_PX = 15
FURROW_ANGLES = (0, 0.9, 2.0)
FURROW_THRESHOLD = 0.6
"""Noise this far above its mean [standard deviations] makes a line."""
FULL_DARKNESS_UM = 50.0
"""Shafts as wide as this are as dark under the skin as their colour allows."""
FACET_TILT, FACET_SPREAD = 1.1, 0.42
"""Slope of the wet film that meets the mirror angle, and its spread [standard deviations of the slope]."""
FAIR = ("grey", "blond")
DARKEST = 0.002


def bare(kind: Kind, shafts: Sequence[Shaft], rng: np.random.Generator) -> Floats:
    """Return the (H, W, 3) scalp without the shafts above it."""
    tone = linear(kind.skin_tones[rng.integers(len(kind.skin_tones))]) * rng.uniform(0.88, 1.1)
    density = _pigments(kind, rng)
    vessels = cv2.GaussianBlur(_vessels(kind, rng), (0, 0), 9 / kind.um_per_px + 0.3)
    density += vessels[..., None] * np.array(HAEMOGLOBIN) * (0.25 + 0.35 * kind.redness)
    furrows = _furrows(kind, rng)
    skin = (tone * np.exp(-density)).astype(F32)
    skin *= np.exp(-kind.furrow * furrows)[..., None] * F32(1.02)
    fine = smooth(rng, _shape(kind), 12 / kind.um_per_px) * 0.6
    fine = fine + smooth(rng, _shape(kind), 35 / kind.um_per_px) * 0.8
    skin *= (1 + (0.035 if kind.clipped else 0.018) * fine)[..., None]
    _dots(skin, kind, rng)
    _shafts_below(skin, kind, shafts, rng)
    _shadows(skin, kind, shafts, rng)
    skin += _wet_shine(kind, furrows, float(tone.mean()), rng)
    return np.maximum(skin, DARKEST).astype(F32)


def _shape(kind: Kind) -> tuple[int, int]:
    return kind.size_px[1], kind.size_px[0]


def _pigments(kind: Kind, rng: np.random.Generator) -> Floats:
    """Return the (H, W, 3) optical density of blood and melanin."""
    um, shape = kind.um_per_px, _shape(kind)
    blood = 0.45 * smooth(rng, shape, 900 / um) + 0.35 * smooth(rng, shape, 280 / um)
    blood = blood + 0.12 * smooth(rng, shape, 70 / um)
    melanin = 0.5 * smooth(rng, shape, 1500 / um) + 0.3 * smooth(rng, shape, 200 / um)
    density = kind.redness * 0.28 * blood[..., None] * np.array(HAEMOGLOBIN)
    density = density + (0.06 + 0.12 * kind.pigment) * melanin[..., None] * np.array(MELANIN)
    if kind.pigment:  # a honeycomb: the ridges where noise crosses zero
        network = np.exp(-((smooth(rng, shape, 150 / um) / 0.35) ** 2)) - 0.4
        density += kind.pigment * 0.55 * network[..., None] * np.array(MELANIN)
    return np.asarray(density)


def _vessels(kind: Kind, rng: np.random.Generator) -> Floats:
    """Draw short, winding, branching vessels as a (H, W) map of their depth."""
    um = kind.um_per_px
    drawn = np.zeros(_shape(kind), F32)
    for _ in range(rng.integers(kind.vessels[0], kind.vessels[1] + 1)):
        start = rng.uniform([0, 0], kind.size_px)
        parts = [(start, rng.uniform(0, TURN), rng.uniform(10, 26), rng.uniform(200, 900))]
        for _part in range(VESSEL_PARTS):
            if not parts:
                break
            place, angle, width_um, length_um = parts.pop()
            count = int(length_um / VESSEL_STEP_UM)
            angles = angle + np.cumsum(rng.normal(0, 0.16, count))
            steps = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], 1), 0) * VESSEL_STEP_UM / um
            path = place + np.vstack([[0, 0], steps])
            depth, thickness = float(rng.uniform(0.5, 1)), max(1, round(width_um / um))
            cv2.polylines(drawn, [subpixel(path)], False, depth, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
            if rng.random() < 0.6 and count > 8:
                at = rng.integers(4, count - 1)
                turn = rng.choice([-1, 1]) * rng.uniform(0.4, 1.0)
                parts.append((path[at], angles[at] + turn, width_um * 0.7, length_um * 0.5))
    return drawn


def _furrows(kind: Kind, rng: np.random.Generator) -> Floats:
    """Return the (H, W) depth of skin lines that run in three directions and wander."""
    um, shape = kind.um_per_px, _shape(kind)
    depth, reach = np.zeros(shape, F32), FURROW_KERNEL_PX
    first = rng.uniform(0, np.pi)
    for angle in first + np.array(FURROW_ANGLES) + rng.normal(0, 0.15, len(FURROW_ANGLES)):
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(F32)
        long, narrow = max(3.0, rng.uniform(35, 75) / um), max(0.8, rng.uniform(6, 13) / um)
        along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        kernel = np.exp(-(along**2) / 2 / long**2 - across**2 / 2 / narrow**2) * (1 - across**2 / narrow**2)
        lines = cv2.filter2D(rng.standard_normal(shape, dtype=F32), -1, kernel)
        strength = np.clip(0.7 + 0.5 * smooth(rng, shape, 700 / um), 0, 2)
        depth += np.clip(lines / lines.std() - FURROW_THRESHOLD, 0, 3) * strength
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(F32)
    from_x, from_y = (
        axis + smooth(rng, shape, 160 / um) * 22 / um + smooth(rng, shape, 50 / um) * 7 / um
        for axis in (x, y)
    )
    depth = cv2.remap(depth, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), rng.uniform(3, 9) / um + 0.2))


def _dots(skin: Floats, kind: Kind, rng: np.random.Generator) -> None:
    """Add yellow dots, white dots and specks of dirt in place."""
    um, size = kind.um_per_px, kind.size_px
    for _ in range(rng.poisson(kind.yellow_dots)):
        place, radius, depth = rng.uniform([0, 0], size), rng.uniform(40, 110) / um, rng.uniform(0.2, 0.5)
        _blob(skin, place, radius, np.exp(-depth * np.array([0.15, 0.45, 1.2])), rng)
    for _ in range(rng.poisson(kind.white_dots * size[0] * size[1] * um * um / WHITE_DOTS_UM2)):
        place, radius = rng.uniform([0, 0], size), rng.uniform(30, 60) / um
        _blob(skin, place, radius, 1 + rng.uniform(0.25, 0.6) * np.array([0.9, 0.95, 1.1]), rng)
    for _ in range(rng.poisson(SPECKS)):
        place, radius = rng.uniform([0, 0], size), rng.uniform(8, 20) / um
        _blob(skin, place, radius, np.array([0.35, 0.3, 0.2]) * rng.uniform(0.7, 1.6), rng)


def _blob(skin: Floats, place: Floats, radius: float, gain: Floats, rng: np.random.Generator) -> None:
    """Multiply the skin within an irregular soft blob in place."""
    found = window(place, int(2.2 * radius + 3), skin.shape[:2], beyond=1)
    if found is None:
        return
    y, x = np.mgrid[found]
    angle = np.arctan2(y - place[1], x - place[0])
    lobes = 0.15 * np.cos(2 * angle + rng.uniform(0, 6)), 0.1 * np.cos(3 * angle + rng.uniform(0, 6))
    edge = radius * (1 + lobes[0] + lobes[1])
    away = np.hypot(x - place[0], y - place[1]) - edge
    inside = 1 / (1 + np.exp(away / (0.18 * radius + 0.25)))
    skin[found] *= (1 + inside[..., None] * (gain - 1)).astype(F32)


def _shafts_below(skin: Floats, kind: Kind, shafts: Sequence[Shaft], rng: np.random.Generator) -> None:
    """Darken the skin in place over the buried part of each shaft and at the mouth of its follicle.

    The deeper the part, the wider, fainter and bluer it shows.
    """
    um, shape = kind.um_per_px, _shape(kind)
    bands = [np.zeros(shape, F32) for _ in range(UNDER_SKIN_BANDS)]
    mouths = np.zeros(shape, F32)
    depth_um = rng.uniform(60, 110) if kind.clipped else rng.uniform(35, 80)
    for shaft in shafts:
        if shaft.loose:
            continue
        root = shaft.line_px[0]
        out = shaft.line_px[min(len(shaft.line_px) - 1, 12)] - root
        out /= np.linalg.norm(out) + 1e-9
        dark = COLOURS[shaft.colour].under_skin * (min(1, shaft.diameter_um / FULL_DARKNESS_UM) ** 1.3)
        thickness = max(1, round(shaft.diameter_um / um))
        for number, band in enumerate(bands):
            ends = root - out * depth_um * (number - 0.35) / um, root - out * depth_um * (number + 0.9) / um
            first, last = (_cv_point(end) for end in ends)
            cv2.line(band, first, last, dark, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
        radius = int(max(0.5, shaft.diameter_um * 0.75 / um) * 2**SUBPIXEL_BITS)
        cv2.circle(mouths, _cv_point(root), radius, dark, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    patches = np.clip(1 + 0.25 * smooth(rng, shape, 120 / um), 0.3, 2)
    for number, band in enumerate(bands):
        shown = cv2.GaussianBlur(band, (0, 0), (14 + 19 * number) / um) * patches
        strength = kind.under_skin * 1.15 * 0.78**number
        skin *= np.exp(-strength * shown[..., None] * np.array(UNDER_SKIN_TINT))
    mouths = cv2.GaussianBlur(mouths, (0, 0), 16 / um)
    skin *= np.exp(-0.35 * mouths[..., None] * np.array(MOUTH_TINT))


def _cv_point(place: Floats) -> tuple[int, int]:
    x, y = subpixel(place)
    return int(x), int(y)


def _shadows(skin: Floats, kind: Kind, shafts: Sequence[Shaft], rng: np.random.Generator) -> None:
    """Darken the skin in place beside the shafts above it."""
    um, (height, width) = kind.um_per_px, _shape(kind)
    cast = np.zeros((height, width), F32)
    for shaft in shafts:
        thickness = max(1, round(shaft.diameter_um / um))
        cv2.polylines(cast, [subpixel(shaft.line_px[::3])], False, 1.0, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    angle, offset = rng.uniform(0, TURN), rng.uniform(5, 45) / um
    shift = np.array([[1, 0, offset * np.cos(angle)], [0, 1, offset * np.sin(angle)]], F32)
    pale = 0.15 if kind.colours[0][0] in FAIR else 1.0
    strength = rng.uniform(0.06, 0.3) * pale
    moved = cv2.warpAffine(cast, shift, (width, height))
    skin *= 1 - strength * cv2.GaussianBlur(moved, (0, 0), rng.uniform(22, 60) / um)[..., None]


def _wet_shine(kind: Kind, furrows: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Return the (H, W, 3) shine of those facets of a rough wet film that meet the mirror angle."""
    um, shape = kind.um_per_px, _shape(kind)
    relief = smooth(rng, shape, 16 / um) * 5 + smooth(rng, shape, 40 / um) * 14
    relief = (relief + smooth(rng, shape, 130 / um) * 30 - 5 * furrows).astype(F32)
    slope_x, slope_y = cv2.Sobel(relief, -1, 1, 0, ksize=3), cv2.Sobel(relief, -1, 0, 1, ksize=3)
    unit = np.sqrt((slope_x.var() + slope_y.var()) / 2)
    lamp = rng.uniform(0, TURN) + 0.8 * smooth(rng, shape, 2500 / um)
    off_x, off_y = slope_x / unit - FACET_TILT * np.cos(lamp), slope_y / unit - FACET_TILT * np.sin(lamp)
    mirror = np.exp(-(off_x**2 + off_y**2) / (2 * FACET_SPREAD**2))
    wet = 0.35 + 0.55 * smooth(rng, shape, 1100 / um) + 0.4 * smooth(rng, shape, 250 / um)
    wet = np.clip(wet, 0, 3) ** 1.5
    tint = np.array([0.85, 0.92, 1.18]) if rng.random() < 0.7 else np.array([1, 1, 0.95])
    strength = rng.uniform(*kind.sparkle)
    shine = strength * (mirror * wet + 0.25 * wet)[..., None] * tint * level / 0.3
    return np.asarray(shine, F32)
