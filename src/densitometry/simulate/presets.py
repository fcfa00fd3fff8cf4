"""Kinds of pictures by name."""

from __future__ import annotations

from dataclasses import replace

from densitometry.simulate.colours import BLACK, BLOND, BROWN, DARK_BROWN, GREY, RED, WHITE, mix
from densitometry.simulate.settings import (
    CameraSettings,
    CoverSettings,
    HairSettings,
    SceneSettings,
    SkinSettings,
)

CLIPPED = SceneSettings(
    name="clipped",
    hairs=HairSettings(
        density_per_cm2=135.0,
        unit_weights=(0.34, 0.42, 0.2, 0.04),
        unit_spacing_um=520.0,
        terminal_um=80.0,
        terminal_sd=0.17,
        vellus_fraction=0.03,
        undersized_fraction=0.07,
        length_um=430.0,
        length_sd=0.3,
        clipped_fraction=1.0,
        curl_per_mm=0.12,
        wave_per_mm=0.05,
        lie_sd_rad=0.16,
        fan_sd_rad=0.08,
        crowding=0.95,
        colours=mix((0.8, BLACK), (0.2, DARK_BROWN)),
        streak=0.03,
        sparkle=0.05,
        roughness_um=1.3,
        root_fade_um=28.0,
        under_skin=1.0,
        under_skin_um=270.0,
        cast_shadow=0.1,
        loose_per_cm2=6.0,
    ),
    skin=SkinSettings(
        tone=(0.60, 0.57, 0.57),
        shine=0.5,
        furrow=0.13,
        furrow_width=0.14,
        redness=0.12,
        blotch=0.05,
        grain=0.05,
        mottle=0.06,
        pit=0.5,
        collar=0.5,
        ring=0.35,
        scale_near_hair=0.15,
        specks_per_cm2=20.0,
        vessels_per_cm2=10.0,
    ),
    camera=CameraSettings(
        light=(1.0, 0.98, 0.78),
        light_edge=(0.86, 0.86, 1.2),
        light_angle_rad=-0.8,
        light_falloff=0.12,
        psf_px=1.2,
        defocus_px=1.5,
        noise=0.005,
        shot=0.012,
        sharpen=0.7,
        jpeg_quality=90,
    ),
)
ORDINARY = SceneSettings(
    name="ordinary",
    hairs=HairSettings(
        density_per_cm2=120.0,
        length_um=1500.0,
        vellus_fraction=0.1,
        colours=mix((1.0, DARK_BROWN), (0.4, BROWN), (0.05, WHITE)),
    ),
    skin=SkinSettings(vessels_per_cm2=40.0, scale_per_cm2=15.0),
    cover=CoverSettings(bubbles_per_cm2=15.0, glare_per_cm2=6.0),
)
THINNING = replace(
    ORDINARY,
    name="thinning",
    hairs=replace(
        ORDINARY.hairs,
        density_per_cm2=110.0,
        vellus_fraction=0.34,
        terminal_um=58.0,
        terminal_sd=0.25,
        length_um=1200.0,
    ),
    skin=replace(ORDINARY.skin, yellow_dots_per_cm2=25.0),
)
DENSE = replace(
    ORDINARY,
    name="dense",
    hairs=replace(
        ORDINARY.hairs, density_per_cm2=170.0, length_um=2200.0, lie_sd_rad=0.45, unit_spacing_um=330.0
    ),
)
BLOND_LIGHT = replace(
    ORDINARY,
    name="blond",
    hairs=replace(ORDINARY.hairs, colours=mix((1.0, BLOND), (0.2, RED)), streak=0.3, under_skin=0.4),
    skin=replace(ORDINARY.skin, tone=(0.87, 0.77, 0.72), shine=0.12),
)
GREY_RED = replace(
    ORDINARY,
    name="grey",
    hairs=replace(
        ORDINARY.hairs, colours=mix((0.6, GREY), (0.4, WHITE), (0.2, DARK_BROWN)), streak=0.3, under_skin=0.5
    ),
    skin=replace(ORDINARY.skin, tone=(0.78, 0.52, 0.47), redness=0.3, vessels_per_cm2=90.0),
)
DARK_SKIN = replace(
    ORDINARY,
    name="dark_skin",
    hairs=replace(
        ORDINARY.hairs,
        density_per_cm2=130.0,
        colours=mix((1.0, BLACK)),
        curl_per_mm=1.0,
        wave_per_mm=1.0,
        streak=0.3,
        length_um=1600.0,
    ),
    skin=replace(
        ORDINARY.skin,
        tone=(0.40, 0.28, 0.22),
        blotch=0.18,
        white_dots_per_cm2=120.0,
        redness=0.05,
        furrow=0.15,
    ),
    cover=CoverSettings(bubbles_per_cm2=5.0, glare_per_cm2=4.0),
)
BLURRED = replace(ORDINARY, name="blurred", camera=replace(ORDINARY.camera, psf_px=2.2))
SHARPENED = replace(ORDINARY, name="sharpened", camera=replace(ORDINARY.camera, sharpen=1.5, psf_px=0.9))
VIGNETTE = replace(
    ORDINARY,
    name="vignette",
    cover=replace(ORDINARY.cover, circle=True, bubbles_per_cm2=60.0),
    camera=replace(ORDINARY.camera, light_falloff=0.25),
)
EMPTY = replace(ORDINARY, name="empty", hairs=replace(ORDINARY.hairs, density_per_cm2=0.0))

PRESETS = {
    s.name: s
    for s in (
        CLIPPED,
        ORDINARY,
        THINNING,
        DENSE,
        BLOND_LIGHT,
        GREY_RED,
        DARK_SKIN,
        BLURRED,
        SHARPENED,
        VIGNETTE,
        EMPTY,
    )
}


def preset(name: str) -> SceneSettings:
    """Return the settings of one of `PRESETS`.

    Raises:
        KeyError: if there is no preset of that name; the message lists them.
    """
    if name not in PRESETS:
        msg = f"no preset {name!r}; there are {', '.join(PRESETS)}"
        raise KeyError(msg)
    return PRESETS[name]
