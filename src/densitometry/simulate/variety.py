"""Settings drawn over everything in which pictures differ: what the network is trained on."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.colours import BLACK, BLOND, BROWN, DARK_BROWN, GREY, RED, WHITE, mix
from densitometry.simulate.presets import CLIPPED
from densitometry.simulate.settings import (
    CameraSettings,
    Colour,
    CoverSettings,
    HairSettings,
    SceneSettings,
    SkinSettings,
)

THICK_SHARE = 0.45
"""Of clipped scalps, on which shafts are thick."""


def random_settings(
    rng: np.random.Generator, size_px: tuple[int, int] = (384, 384), um_per_px: float = 8.0
) -> SceneSettings:
    """Draw settings over everything pictures differ in: half of them trimmed scalp under a contact lens."""
    clipped = bool(rng.random() < 0.5)
    hairs = _random_clipped_hairs(rng) if clipped else _random_hairs(rng)
    skin = _random_skin(rng, clipped)
    if not clipped or rng.random() < 0.3:
        skin, hairs = _random_complexion(rng, skin, hairs)
    return SceneSettings(
        "random",
        size_px,
        um_per_px,
        hairs,
        skin,
        _random_camera(rng, clipped, um_per_px),
        _random_cover(rng, clipped),
    )


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _some(rng: np.random.Generator, chance: float, low: float, high: float) -> float:
    return _log(rng, low, high) if rng.random() < chance else 0.0


def _random_clipped_hairs(rng: np.random.Generator) -> HairSettings:
    # on many scalps shafts are thick and stand alone, and a wide dark body is one hair
    thick = rng.random() < THICK_SHARE
    weights = rng.dirichlet((5.0, 3.0, 1.0, 0.2) if thick else (3.0, 4.0, 2.0, 0.6))
    base = CLIPPED.hairs
    dark = (0.85, BLACK), (0.15, DARK_BROWN)
    brown = (0.3, BLACK), (0.6, DARK_BROWN), (0.1, BROWN)
    colours = mix(*(dark if rng.random() < 0.75 else brown))
    if rng.random() < 0.12:
        colours += mix((0.15, WHITE), (0.1, GREY))
    return replace(
        base,
        density_per_cm2=rng.uniform(80, 230),
        unit_weights=_four(weights),
        unit_spacing_um=rng.uniform(350, 650),
        terminal_um=rng.uniform(78, 118) if thick else rng.uniform(58, 98),
        terminal_sd=rng.uniform(0.1, 0.26),
        terminal_range_um=(35.0, 150.0 if thick else 130.0),
        vellus_fraction=_some(rng, 0.5, 0.01, 0.15),
        undersized_fraction=_some(rng, 0.75, 0.02, 0.25),
        length_um=_log(rng, 260, 800),
        length_sd=rng.uniform(0.12, 0.45),
        clipped_fraction=1.0 if rng.random() < 0.7 else rng.uniform(0.8, 1.0),
        curl_per_mm=_log(rng, 0.03, 0.5),
        wave_per_mm=_log(rng, 0.02, 0.3),
        lie_rad=rng.uniform(0, 2 * np.pi),
        lie_sd_rad=rng.uniform(0.08, 0.4),
        fan_sd_rad=rng.uniform(0.03, 0.16),
        crowding=rng.uniform(0.75, 1.3),
        cling=_some(rng, 0.9, 0.45, 1.0),
        colours=colours,
        streak=_log(rng, 0.008, 0.16),
        sparkle=_log(rng, 0.01, 0.2),
        roughness_um=rng.uniform(0.2, 2.2),
        lumps=_some(rng, 0.6, 0.01, 0.09),
        ragged=_some(rng, 0.7, 0.1, 0.8),
        flare=_some(rng, 0.6, 0.05, 0.5),
        rounded=rng.uniform(0.4, 1.4),
        root_fade_um=_log(rng, 8, 60),
        root_narrowing=rng.uniform(0, 0.35),
        under_skin=_log(rng, 0.2, 1.6),
        under_skin_um=rng.uniform(120, 420),
        cast_shadow=rng.uniform(0, 0.25),
        loose_per_cm2=_some(rng, 0.5, 4, 30),
    )


def _random_hairs(rng: np.random.Generator) -> HairSettings:
    kinds = (BLACK, DARK_BROWN, BROWN, RED, BLOND, GREY, WHITE)
    main = int(rng.choice(len(kinds), p=(0.27, 0.25, 0.17, 0.06, 0.1, 0.08, 0.07)))
    other = int(rng.choice(len(kinds)))
    colours = mix((1.0, kinds[main]), (_some(rng, 0.5, 0.02, 0.4), kinds[other]))
    curly = rng.random() < 0.2
    return HairSettings(
        density_per_cm2=_log(rng, 35, 230),
        unit_weights=_four(rng.dirichlet((4.0, 3.0, 1.5, 0.4))),
        unit_spacing_um=rng.uniform(250, 600),
        terminal_um=rng.uniform(45, 90),
        terminal_sd=rng.uniform(0.1, 0.35),
        terminal_range_um=(32.0, 125.0),
        vellus_fraction=_some(rng, 0.75, 0.03, 0.6),
        undersized_fraction=_some(rng, 0.3, 0.02, 0.15),
        length_um=_log(rng, 400, 4500),
        length_sd=rng.uniform(0.1, 0.6),
        clipped_fraction=float(rng.choice([0.0, 1.0, rng.random()])),
        curl_per_mm=_log(rng, 0.4, 1.5) if curly else _log(rng, 0.04, 0.5),
        wave_per_mm=_log(rng, 0.3, 1.5) if curly else _log(rng, 0.03, 0.4),
        lie_rad=rng.uniform(0, 2 * np.pi),
        lie_sd_rad=rng.uniform(0.1, 0.9),
        fan_sd_rad=rng.uniform(0.05, 0.35),
        crowding=rng.uniform(0.7, 1.5),
        colours=colours,
        streak=_log(rng, 0.01, 0.6),
        sparkle=_log(rng, 0.01, 0.25),
        roughness_um=rng.uniform(0, 1.8),
        root_fade_um=_log(rng, 5, 60),
        root_narrowing=rng.uniform(-0.1, 0.3),
        under_skin=_log(rng, 0.08, 1.3),
        under_skin_um=rng.uniform(50, 260),
        cast_shadow=rng.uniform(0, 0.3),
        loose_per_cm2=_some(rng, 0.25, 3, 20),
    )


def _random_skin(rng: np.random.Generator, clipped: bool) -> SkinSettings:
    tone = np.array([0.64, 0.60, 0.59]) * rng.uniform(0.78, 1.25) * (1 + rng.normal(0, 0.03, 3))
    wet = _log(rng, 0.2, 1.0) if clipped else _log(rng, 0.02, 1.0)
    return SkinSettings(
        tone=_colour(tone),
        blotch=rng.uniform(0.0, 0.12),
        mottle=_log(rng, 0.03, 0.12),
        grain=_log(rng, 0.01, 0.1),
        redness=_log(rng, 0.03, 0.35),
        vessels_per_cm2=_some(rng, 0.45, 5, 150),
        vessel_strength=rng.uniform(0.1, 0.6),
        shine=wet,
        shine_patch=rng.uniform(0.2, 1.6),
        shine_angle_rad=rng.uniform(0, np.pi),
        shine_stretch=rng.uniform(1.0, 3.0),
        film=_some(rng, 0.6, 0.1, 1.6),
        furrow=_some(rng, 0.8, 0.05, 0.5),
        furrow_um=_log(rng, 120, 600),
        furrow_width=_log(rng, 0.04, 0.35),
        folds_per_cm2=_some(rng, 0.6, 30, 400),
        fold_depth=_log(rng, 0.04, 0.4),
        pit=rng.uniform(0, 1.0),
        collar=rng.uniform(0, 0.9),
        ring=_log(rng, 0.05, 0.8),
        scale_near_hair=_some(rng, 0.35, 0.05, 0.8),
        scale_per_cm2=_some(rng, 0.3, 5, 80),
        white_dots_per_cm2=_some(rng, 0.1, 20, 150),
        yellow_dots_per_cm2=_some(rng, 0.12, 5, 60),
        black_dots_per_cm2=_some(rng, 0.12, 3, 40),
        nevi_per_cm2=_some(rng, 0.15, 3, 20),
        specks_per_cm2=_some(rng, 0.6, 10, 150),
    )


def _random_complexion(
    rng: np.random.Generator, skin: SkinSettings, hairs: HairSettings
) -> tuple[SkinSettings, HairSettings]:
    depth = float(rng.choice([rng.uniform(0, 0.35), rng.uniform(0.35, 1.0)], p=[0.7, 0.3]))
    light, dark = np.array([0.88, 0.76, 0.70]), np.array([0.30, 0.20, 0.15])
    tone = ((1 - depth) * light + depth * dark) * (1 + rng.normal(0, 0.05, 3))
    if rng.random() < 0.2:
        tone = tone * np.array([1.02, rng.uniform(0.65, 0.85), rng.uniform(0.6, 0.85)])
    if depth > 0.6:
        # On deep skin only dark or white shafts can be told from it.
        hairs = replace(hairs, colours=mix((1.0, BLACK), (_some(rng, 0.4, 0.03, 0.6), WHITE)))
    return replace(skin, tone=_colour(tone), blotch=skin.blotch * (1 + 2 * depth)), hairs


def _colour(values: NDArray[np.float64]) -> Colour:
    r, g, b = (float(v) for v in np.clip(values, 0.05, 0.95))
    return r, g, b


def _random_camera(rng: np.random.Generator, clipped: bool, um_per_px: float) -> CameraSettings:
    if clipped and rng.random() < 0.8:
        centre = np.array([1.0, rng.uniform(0.94, 1.06), rng.uniform(0.68, 1.05)])
        edge = np.array([rng.uniform(0.6, 1.05), rng.uniform(0.65, 1.0), rng.uniform(0.95, 1.7)])
    else:
        centre = 1 + rng.normal(0, 0.07, 3)
        edge = centre * (1 + rng.normal(0, 0.12, 3))
    if rng.random() < 0.5:
        centre, edge = edge, centre
    # Drawn in µm on the scalp: patches are often rendered coarser than the camera saw them.
    psf_px = float(np.clip(_log(rng, 3.0, 12.0) / um_per_px, 0.35, 2.4))
    return CameraSettings(
        light=_light(centre),
        light_edge=_light(edge),
        light_angle_rad=rng.uniform(0, 2 * np.pi),
        light_falloff=rng.uniform(0, 0.3),
        psf_px=psf_px,
        defocus_px=_some(rng, 0.5, 0.4, 3.0),
        tilt=rng.uniform(0, 1),
        exposure=_log(rng, 0.5, 1.3),
        gamma=rng.uniform(0.8, 1.25),
        contrast=rng.uniform(-0.15, 0.5),
        noise=_log(rng, 0.001, 0.012),
        shot=_log(rng, 0.003, 0.035),
        noise_grain_px=_some(rng, 0.5, 0.3, 1.0),
        sharpen=_some(rng, 0.6, 0.15, 1.8),
        sharpen_px=rng.uniform(0.7, 2.2),
        resample=rng.uniform(0.6, 1.0) if rng.random() < 0.25 else 1.0,
        jpeg_quality=int(rng.integers(60, 98)) if rng.random() < 0.8 else 0,
    )


def _four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    a, b, c, d = (float(v) for v in values)
    return a, b, c, d


def _light(values: NDArray[np.float64]) -> Colour:
    r, g, b = (float(v) for v in np.clip(values, 0.3, 2.0))
    return r, g, b


def _random_cover(rng: np.random.Generator, clipped: bool) -> CoverSettings:
    rare = 0.1 if clipped else 0.25
    return CoverSettings(
        bubbles_per_cm2=_some(rng, rare, 5, 80),
        glare_per_cm2=_some(rng, rare, 3, 30),
        banner=bool(rng.random() < 0.08),
        drawn_circle=bool(rng.random() < 0.1),
        scale_bar=bool(rng.random() < 0.05),
        text_box=bool(rng.random() < 0.05),
    )
