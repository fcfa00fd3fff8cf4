"""Paint bare skin in linear reflectance: tone, blotches, mottle, lines, vessels, dots, and its wet shine."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.scene import Scene
from densitometry.simulate.settings import Colour, SkinSettings
from densitometry.simulate.strokes import F32, Board, paint_disc, paint_follicle, soft_stroke
from densitometry.simulate.textures import SkinMap
from densitometry.simulate.wet import lay_film, lay_folds

# Relative absorption of red, green and blue (linear) by what colours skin, per unit of the layer.
BLOOD = (0.12, 0.95, 0.75)
MELANIN = (0.45, 0.8, 1.1)
SHADE = (1.0, 1.0, 1.0)
BURIED = (1.1, 0.72, 0.34)
YELLOW = (0.05, 0.2, 0.8)
SHINE = (0.82, 0.9, 1.15)
FLAKE = (0.72, 0.74, 0.78)


@dataclass(slots=True)
class SkinLayers:
    """What hair is painted on: reflectance, shine and the map of flakes that come to lie over the hair."""

    reflectance: F32
    shine: F32
    flakes: F32
    lumps: F32


def to_linear(colour: Colour) -> NDArray[np.float64]:
    """Convert an sRGB colour (0-1) to linear light (IEC 61966-2-1)."""
    c = np.asarray(colour, float)
    return np.asarray(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), np.float64)


def paint_skin(
    scene: Scene, um_to_px: NDArray[np.float64], shape: tuple[int, int], um_per_px: float, board: Board
) -> SkinLayers:
    """Paint the skin of `scene` on a grid; shafts under the skin included, shafts above it not."""
    skin = scene.settings.skin
    rng = np.random.default_rng(scene.skin_seed)
    px_to_um = np.asarray(cv2.invertAffineTransform(um_to_px), np.float64)
    place = SkinMap(px_to_um, shape, scene.settings.size_um)
    grain = place.noise(rng, 9.0)
    streaks = place.noise(rng, 22.0, skin.shine_stretch, skin.shine_angle_rad)
    hatch = place.noise(rng, 14.0, 1.2 + skin.shine_stretch, skin.shine_angle_rad + 1.9)
    cells = place.noise(rng, 70.0, 1.4, skin.shine_angle_rad + 1.0)
    broad = place.noise(rng, 420.0)
    blood = np.float32(skin.redness) * (
        np.float32(0.6) * place.noise(rng, 700.0) + np.float32(0.4) * place.noise(rng, 180.0)
    )
    melanin = skin.blotch * place.noise(rng, 900.0)
    dark = (
        skin.grain * grain
        + skin.mottle * (0.4 * hatch + 0.55 * streaks + 0.8 * cells)
        + 0.5 * skin.blotch * broad
    )
    dark += _furrows(skin, place, rng, streaks)
    lay_folds(dark, scene, um_to_px, um_per_px, board)
    pale = np.zeros(shape, np.float32)
    flakes = np.zeros(shape, np.float32)
    yellow = np.zeros(shape, np.float32)
    _vessels(skin, scene, um_to_px, um_per_px, blood, board, rng)
    _dots(skin, scene, um_to_px, um_per_px, (dark, melanin, yellow, pale, flakes), rng)
    _follicles(skin, scene, um_to_px, um_per_px, (dark, pale, flakes), cells, rng)
    buried = np.zeros(shape, np.float32)
    _buried(scene, um_to_px, um_per_px, (buried, dark), board, rng)
    buried *= np.clip(1.0 + 0.3 * streaks + 0.25 * hatch + 0.15 * grain, 0.1, 2.2)
    dark -= 0.22 * pale
    layers = np.stack([blood, melanin, dark, buried, yellow], -1).reshape(-1, 5)
    absorption = np.array([BLOOD, MELANIN, SHADE, BURIED, YELLOW], np.float32)
    depth = (-(layers @ absorption)).reshape(*shape, 3).astype(np.float32)
    reflectance = cv2.exp(depth) * to_linear(skin.tone).astype(np.float32)
    # Wet skin: countless faint short glints, some bright ones, gathered in patches and on the pale cuffs.
    patch = np.clip(0.55 + skin.shine_patch * (0.8 * broad + 0.35 * cells), 0.06, 3.0)
    relief = 0.5 * grain + 0.6 * streaks + 0.45 * hatch + 0.25 * cells + 0.5 * pale
    speckle = np.clip(relief + 0.6, 0.0, 4.0)
    bright = np.clip(relief - 0.9, 0.0, 3.0)
    shine = (skin.shine * patch * (0.03 + 0.11 * speckle + 0.02 * speckle * speckle + 0.09 * bright)).astype(
        np.float32
    )
    lay_film(reflectance, shine, 0.35 * streaks + 0.3 * grain, scene, um_to_px, um_per_px, board)
    return SkinLayers(
        np.asarray(reflectance, np.float32), shine, flakes, 0.4 * grain + 0.7 * streaks + 0.6 * hatch
    )


def _furrows(skin: SkinSettings, place: SkinMap, rng: np.random.Generator, streaks: F32) -> F32:
    """Lines where smooth noise passes zero: a network of two directions, here and there faint."""
    total = np.zeros(place.shape, np.float32)
    if skin.furrow <= 0.0:
        return total
    first = rng.uniform(0, np.pi)
    for turn, share, scale in (
        (first, 0.6, 1.0),
        (first + rng.uniform(0.8, 1.6), 0.5, 0.9),
        (first, 0.35, 0.4),
    ):
        field = place.noise(rng, skin.furrow_um * scale, rng.uniform(1.5, 4.0), turn) + 0.12 * streaks * scale
        strength = np.clip(0.6 + 0.8 * place.noise(rng, 600.0), 0.0, 2.0)
        total += share * strength * np.exp(-((field / (skin.furrow_width / scale)) ** 2))
    return np.asarray(skin.furrow * total, np.float32)


def _vessels(
    skin: SkinSettings,
    scene: Scene,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
    blood: F32,
    board: Board,
    rng: np.random.Generator,
) -> None:
    for _ in range(scene.count(skin.vessels_per_cm2, rng)):
        start = um_to_px @ np.append(scene.somewhere_um(rng), 1.0)
        n, step = int(rng.integers(8, 30)), 40.0 / um_per_px
        heading = rng.uniform(0, 6.28) + np.cumsum(rng.normal(0, 0.35, n))
        pts = start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * step, 0)
        sigma = rng.uniform(6.0, 35.0) / um_per_px * np.linspace(1.2, 0.6, n)
        gain = skin.vessel_strength * rng.uniform(0.4, 1.4) * np.sin(np.linspace(0.3, 2.9, n))
        soft_stroke(blood, board, pts, np.maximum(sigma, 0.6), gain)


def _dots(
    skin: SkinSettings,
    scene: Scene,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
    layers: tuple[F32, F32, F32, F32, F32],
    rng: np.random.Generator,
) -> None:
    dark, melanin, yellow, pale, flakes = layers
    kinds = (
        (skin.white_dots_per_cm2, pale, (25, 70), 0.5, (2.0, 6.0)),
        (skin.yellow_dots_per_cm2, yellow, (60, 220), 0.7, (0.3, 0.9)),
        (skin.black_dots_per_cm2, dark, (15, 70), 0.35, (0.5, 3.0)),
        (skin.nevi_per_cm2, melanin, (80, 400), 0.4, (0.3, 1.2)),
        (skin.specks_per_cm2, dark, (4, 22), 0.3, (0.3, 2.0)),
        (skin.scale_per_cm2, flakes, (20, 150), 0.5, (0.4, 1.2)),
    )
    for per_cm2, layer, size, soft, gain in kinds:
        for _ in range(scene.count(per_cm2, rng)):
            x, y = um_to_px @ np.append(scene.somewhere_um(rng), 1.0)
            r = max(0.5, rng.uniform(*size) / um_per_px)
            paint_disc(
                layer, x, y, r, r * rng.uniform(0.5, 1.0), rng.uniform(0, 3.14), soft, rng.uniform(*gain)
            )


def _follicles(
    skin: SkinSettings,
    scene: Scene,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
    layers: tuple[F32, F32, F32],
    wobble: F32,
    rng: np.random.Generator,
) -> None:
    dark, pale, flakes = layers
    turn = np.arctan2(um_to_px[1, 0], um_to_px[0, 0])
    height, width = dark.shape
    for unit in scene.units:
        x, y = um_to_px @ np.array([unit.x_um, unit.y_um, 1.0])
        a = unit.angle_rad + turn
        radius = unit.radius_um / um_per_px
        draws = rng.random(7)
        if not (-60 < x < width + 60 and -60 < y < height + 60):
            continue
        reach = radius + (80.0 + 160.0 * draws[0]) / um_per_px
        shift = (draws[6] - 0.7) * 30.0 / um_per_px
        paint_follicle(
            dark,
            pale,
            wobble,
            x + shift * np.cos(a),
            y + shift * np.sin(a),
            np.cos(a),
            np.sin(a),
            radius,
            skin.pit * draws[1] * 1.4,
            skin.collar * draws[2] * 2.0,
            skin.ring * (draws[3] ** 2) * 2.2,
            max(2.2, (11.0 + 14.0 * draws[4]) / um_per_px),
            reach,
            0.5 + 2.0 * draws[5],
        )
        if skin.scale_near_hair > 0 and draws[0] < 0.25 + skin.scale_near_hair:
            r = radius * (1.2 + 1.2 * draws[2])
            paint_disc(flakes, x, y, r, r * 0.8, a, 0.6, skin.scale_near_hair * (0.3 + draws[1]))


def _buried(
    scene: Scene,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
    layers: tuple[F32, F32],
    board: Board,
    rng: np.random.Generator,
) -> None:
    """The shaft under the skin, a diffuse shadow that prolongs it; and its shadow on the skin beside it."""
    buried, dark = layers
    hairs = scene.settings.hairs
    throw = rng.uniform(0, 6.28)
    height, width = buried.shape
    for shaft in scene.shafts:
        pts = shaft.line_um @ um_to_px[:, :2].T + um_to_px[:, 2]
        draws = rng.random(5)
        low, high = pts.min(0), pts.max(0)
        reach = 60 + hairs.under_skin_um / um_per_px
        if high[0] < -reach or high[1] < -reach or low[0] > width + reach or low[1] > height + reach:
            continue
        d = shaft.d_um / um_per_px
        pigmented = min(1.0, 20.0 * float(np.mean(shaft.pigment)))
        if hairs.under_skin * pigmented > 0.02:
            back = pts[0] - pts[1]
            back = back / (np.linalg.norm(back) + 1e-9)
            length = hairs.under_skin_um * (0.4 + 1.3 * draws[0]) / um_per_px * min(1.0, shaft.d_um / 60.0)
            t = np.linspace(-0.12, 1.0, 9)
            curve = (draws[1] - 0.5) * 0.5 * np.maximum(t, 0) ** 2
            across = np.array([-back[1], back[0]])
            path = pts[0] + length * (t[:, None] * back + curve[:, None] * across)
            sigma = np.maximum(
                0.7, 0.42 * d * (1.0 + (0.3 + 1.5 * draws[2]) * np.maximum(t, 0)) + 6.0 / um_per_px
            )
            gain = (
                pigmented
                * hairs.under_skin
                * (0.35 + 1.3 * draws[3])
                * np.clip(1.0 - t, 0, 1) ** (0.6 + draws[4])
                * min(1.0, shaft.d_um / 50.0)
            )
            soft_stroke(buried, board, path, sigma, gain)
        if hairs.cast_shadow > 0:
            lift = np.linspace(0.1, 0.9, len(pts))[:, None] * d * np.array([np.cos(throw), np.sin(throw)])
            some = slice(None, None, max(1, len(pts) // 12))
            soft_stroke(
                dark, board, (pts + lift)[some], max(0.8, 0.55 * d + 8.0 / um_per_px), hairs.cast_shadow
            )


def lay_flakes(reflectance: F32, layers: SkinLayers) -> None:
    """Lay whitish flakes over skin and hair, broken up by the relief of the skin."""
    if not layers.flakes.any():
        return
    cover = np.clip(layers.flakes * (0.6 + 0.6 * layers.lumps), 0.0, 0.9)[..., None]
    reflectance *= 1.0 - cover
    reflectance += cover * np.array(FLAKE, np.float32)
