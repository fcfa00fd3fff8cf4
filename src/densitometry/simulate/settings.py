"""What a simulated picture is made of: hairs, skin, camera, things in the way and burned-in marks."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

Colour = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HairSettings:
    """How hairs stand, how thick and long they are and what they look like.

    Attributes:
        density_per_cm2: mean number of hairs [1/cm²].
        unit_weights: relative frequency of follicular units of 1, 2, 3 and 4 hairs.
        unit_spacing_um: least distance between two units [µm].
        terminal_um, terminal_sd: median [µm] and log-scale standard deviation of terminal diameters.
        terminal_range_um, vellus_range_um: limits of the diameters [µm].
        vellus_fraction: share of hairs drawn from the vellus range.
        undersized_fraction: share of short fine hairs (20-40 µm) as seen beside trimmed ones.
        length_um, length_sd: median [µm] and log-scale standard deviation of the projected length.
        clipped_fraction: share of hairs with a cut end (the others taper to a natural tip).
        curl_per_mm: standard deviation of the curvature [rad/mm]; wave_per_mm adds a meander.
        lie_rad, lie_sd_rad: common direction of the shafts in the picture and its scatter [rad].
        fan_sd_rad: scatter of directions inside one unit [rad].
        crowding: distance of neighbours within a unit, in diameters (< 1 overlaps).
        cling: share of units whose shafts, apart at the skin, are drawn together by the fluid between them.
        colours: (weight, pigment, scatter, body) of each hair colour of this person.
        streak: strength of the specular streak; sparkle of its broken glints.
        roughness_um: standard deviation of each edge along the shaft [µm].
        lumps: standard deviation of the slow part of each edge, in diameters.
        ragged: how deep a cut end is torn, in diameters; flare: how much wider the blade has pressed it.
        rounded: how far the middle of a cut end may stand out beyond its rim, in radii of the shaft.
        root_fade_um: length over which a shaft sinks under the skin [µm].
        root_narrowing: relative narrowing at the skin surface.
        under_skin: strength of the diffuse shadow of the shaft under the skin; under_skin_um its length [µm].
        cast_shadow: strength of the shadow a shaft throws on the skin beside it.
        loose_per_cm2: cut pieces lying on the skin [1/cm²].
    """

    density_per_cm2: float = 150.0
    unit_weights: tuple[float, float, float, float] = (0.45, 0.35, 0.15, 0.05)
    unit_spacing_um: float = 380.0
    terminal_um: float = 70.0
    terminal_sd: float = 0.18
    terminal_range_um: Range = (35.0, 115.0)
    vellus_range_um: Range = (12.0, 30.0)
    vellus_fraction: float = 0.1
    undersized_fraction: float = 0.0
    length_um: float = 1500.0
    length_sd: float = 0.35
    clipped_fraction: float = 0.0
    curl_per_mm: float = 0.15
    wave_per_mm: float = 0.1
    lie_rad: float = 0.8
    lie_sd_rad: float = 0.35
    fan_sd_rad: float = 0.12
    crowding: float = 1.0
    cling: float = 0.0
    colours: tuple[tuple[float, Colour, float, Colour], ...] = (
        (1.0, (0.06, 0.08, 0.1), 0.02, (0.012, 0.01, 0.01)),
    )
    streak: float = 0.15
    sparkle: float = 0.1
    roughness_um: float = 1.0
    lumps: float = 0.0
    ragged: float = 0.0
    flare: float = 0.0
    rounded: float = 0.4
    root_fade_um: float = 20.0
    root_narrowing: float = 0.15
    under_skin: float = 0.8
    under_skin_um: float = 160.0
    cast_shadow: float = 0.15
    loose_per_cm2: float = 0.0


@dataclass(frozen=True, slots=True)
class SkinSettings:
    """How the skin between the hairs looks.

    Attributes:
        tone: colour of the skin as shown (sRGB, 0-1).
        blotch, mottle, grain: strength of colour variation over ~1 mm, ~80 µm and ~15 µm.
        redness: strength of blood variation; vessels_per_cm2 of curved vessels [1/cm²].
        shine, shine_patch, shine_angle_rad, shine_stretch: wet specular speckle, its patchiness, direction
            and elongation.
        film: strength of the bright film that climbs up the sides of shafts and fills the gaps between them.
        furrow, furrow_um, furrow_width: strength, spacing [µm] and relative width of the skin lines.
        folds_per_cm2, fold_depth: groups of short folds as fine as a hair [1/cm²] and how dark they are.
        pit, collar, ring: dark follicular opening, pale cuff, fine concentric folds round it.
        scale_near_hair, scale_per_cm2: whitish flakes at openings (0-1) and loose flakes [1/cm²].
        white_dots_per_cm2, yellow_dots_per_cm2, black_dots_per_cm2, nevi_per_cm2, specks_per_cm2: other
            things on the skin [1/cm²].
    """

    tone: Colour = (0.78, 0.66, 0.6)
    blotch: float = 0.06
    mottle: float = 0.05
    grain: float = 0.03
    redness: float = 0.1
    vessels_per_cm2: float = 0.0
    vessel_strength: float = 0.3
    shine: float = 0.2
    shine_patch: float = 0.8
    shine_angle_rad: float = 0.0
    shine_stretch: float = 1.6
    film: float = 0.0
    furrow: float = 0.08
    furrow_um: float = 300.0
    furrow_width: float = 0.06
    folds_per_cm2: float = 0.0
    fold_depth: float = 0.0
    pit: float = 0.4
    collar: float = 0.2
    ring: float = 0.15
    scale_near_hair: float = 0.0
    scale_per_cm2: float = 0.0
    white_dots_per_cm2: float = 0.0
    yellow_dots_per_cm2: float = 0.0
    black_dots_per_cm2: float = 0.0
    nevi_per_cm2: float = 0.0
    specks_per_cm2: float = 0.0


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Light, lens, sensor and file.

    Attributes:
        light, light_edge: colour of the light at either side of the gradient (linear, about 1).
        light_angle_rad, light_falloff: direction of the gradient and darkening to the corners.
        psf_px: standard deviation of the Gaussian point spread [px of the picture].
        defocus_px: extra blur at the corners [px]; tilt 0-1 mixes corner-wise with one-sided defocus.
        exposure, gamma, contrast: brightness, departure from the sRGB curve, strength of an S curve.
        noise: read noise (share of full scale); shot: coefficient of shot noise; noise_grain_px: grain [px].
        sharpen, sharpen_px: strength and radius [px] of unsharp masking.
        resample: linear size of the intermediate picture (1 = none): softness of enlarged video frames.
        jpeg_quality: 60-100; 0 leaves compression out.
    """

    light: Colour = (1.0, 1.0, 1.0)
    light_edge: Colour = (1.0, 1.0, 1.0)
    light_angle_rad: float = 0.0
    light_falloff: float = 0.1
    psf_px: float = 0.9
    defocus_px: float = 0.0
    tilt: float = 0.3
    exposure: float = 1.0
    gamma: float = 1.0
    contrast: float = 0.0
    noise: float = 0.006
    shot: float = 0.006
    noise_grain_px: float = 0.0
    sharpen: float = 0.0
    sharpen_px: float = 1.2
    resample: float = 1.0
    jpeg_quality: int = 92


@dataclass(frozen=True, slots=True)
class CoverSettings:
    """What lies between the lens and the scalp.

    Attributes:
        bubbles_per_cm2: air bubbles in the immersion [1/cm²].
        glare_per_cm2: saturated reflections [1/cm²].
        circle: round dark surround; the valid field is the circle of radius 0.48 x height round the centre.
        banner, drawn_circle, scale_bar, text_box: burned-in marks.
    """

    bubbles_per_cm2: float = 0.0
    glare_per_cm2: float = 0.0
    circle: bool = False
    banner: bool = False
    drawn_circle: bool = False
    scale_bar: bool = False
    text_box: bool = False


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Everything that defines a kind of picture.

    Attributes:
        name: of the preset, or "random".
        size_px: (width, height) of the picture at `um_per_px`.
        um_per_px: edge of a pixel on the scalp [µm].
    """

    name: str = "ordinary"
    size_px: tuple[int, int] = (1280, 1024)
    um_per_px: float = 5.5
    hairs: HairSettings = field(default_factory=HairSettings)
    skin: SkinSettings = field(default_factory=SkinSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    cover: CoverSettings = field(default_factory=CoverSettings)

    @property
    def size_um(self) -> tuple[float, float]:
        """Width and height of the field [µm]."""
        return self.size_px[0] * self.um_per_px, self.size_px[1] * self.um_per_px


def as_plain(value: Any) -> Any:
    """Return settings as nested dicts, lists and numbers that JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [as_plain(v) for v in value]
    return value
