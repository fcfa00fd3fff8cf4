"""What there is to render: hair colours and kinds of pictures, each a named set of ranges."""

from __future__ import annotations

from dataclasses import dataclass, replace

RGB = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HairColour:
    """How a shaft deals with light, and how much of what lies around it shows its pigment.

    Attributes:
        absorption_per_um: of each channel along the path through the shaft [1/µm].
        body: light scattered back by the shaft, as a share of the illumination.
        under_skin: darkness of the part that shines through the skin; 1 for black hair.
        medulla: brightness of the axis; None for hair too dark to show one.
    """

    absorption_per_um: RGB
    body: RGB
    under_skin: float = 1.0
    medulla: float | None = None


COLOURS: dict[str, HairColour] = {
    "black": HairColour((0.055, 0.062, 0.070), (0.013, 0.012, 0.012)),
    "brown": HairColour((0.020, 0.031, 0.046), (0.030, 0.020, 0.013)),
    "chestnut": HairColour((0.028, 0.046, 0.060), (0.032, 0.016, 0.009)),
    "blond": HairColour((0.0036, 0.0062, 0.0118), (0.10, 0.075, 0.04), 0.25, 0.22),
    "darkblond": HairColour((0.0075, 0.0125, 0.021), (0.065, 0.043, 0.022), 0.45, 0.12),
    "grey": HairColour((0.0009, 0.0010, 0.0012), (0.13, 0.13, 0.13), 0.12, 0.95),
    "white": HairColour((0.0004, 0.0004, 0.0006), (0.20, 0.20, 0.20), 0.06, 1.15),
}
"""Set by eye against what such hair looks like under a contact microscope, not measured."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture. Ranges are drawn from evenly, once per picture unless said otherwise.

    Attributes:
        name: of the kind; with the seed it fixes the picture.
        um_per_px: scale [µm/px].
        size_px: width, height [px].
        oversampling: finer pixels per pixel along a side, on which shafts are drawn.
        density_per_cm2: hairs [1/cm²].
        length_mm: mean [mm] and relative spread of the shafts.
        vellus, intermediate: shares of hairs of 12–30 µm and of 30–50 µm; the rest is terminal, 50–90 µm.
        colours: hair colours with their odds; one is drawn per picture, 12 % of hairs draw their own.
        skin_tones: sRGB codes, one drawn per picture.
        blur_sigma_px: point spread [px].
        noise: relative shot noise.
        fan_deg, jitter_deg: spread of directions [°] within a unit and between units.
        bend_per_mm: spread of curvature [rad/mm].
        clipped: shafts cut short and flat, with flakes, loose pieces and corners out of focus.
        under_skin: how dark shafts shine through the skin beyond the root.
        vessels, bubbles, glares: least and most of them in a picture.
        sparkle: strength of the shine of the wet skin.
        jpeg_quality: of the file; None writes PNG.
        unsharp: radius [px] and strength of the camera's sharpening; None leaves it to chance.
        circle: round field of view.
        pigment, redness, furrow: strengths of melanin network, blood and skin lines.
        yellow_dots: mean number in a picture.
        white_dots: mean number in 0.7 cm².
        curl: 1 for curly shafts.
        rim: darkening of a shaft's edges by refraction, drawn per shaft.
        shine: strength of the broken bright line on a shaft, drawn per shaft.
    """

    name: str
    um_per_px: float = 8.0
    size_px: tuple[int, int] = (1200, 900)
    oversampling: int = 3
    density_per_cm2: Range = (110, 130)
    length_mm: tuple[float, float] = (1.5, 0.22)
    vellus: float = 0.06
    intermediate: float = 0.0
    colours: tuple[tuple[str, int], ...] = (("black", 3), ("brown", 3), ("chestnut", 1))
    skin_tones: tuple[tuple[int, int, int], ...] = (
        (203, 190, 178),
        (190, 193, 196),
        (212, 182, 164),
        (206, 192, 170),
        (186, 178, 168),
    )
    blur_sigma_px: Range = (0.55, 0.85)
    noise: Range = (0.004, 0.010)
    fan_deg: float = 16
    jitter_deg: float = 9
    bend_per_mm: float = 0.35
    clipped: bool = False
    under_skin: float = 0.35
    vessels: tuple[int, int] = (6, 22)
    bubbles: tuple[int, int] = (2, 8)
    glares: tuple[int, int] = (3, 10)
    sparkle: Range = (0.02, 0.10)
    jpeg_quality: int | None = None
    unsharp: tuple[float, float] | None = None
    circle: bool = False
    pigment: float = 0.0
    redness: float = 0.25
    furrow: float = 0.05
    yellow_dots: float = 0
    white_dots: float = 0
    curl: float = 0.0
    rim: Range = (0.1, 0.3)
    shine: Range = (0.02, 0.16)

    @property
    def size_um(self) -> tuple[float, float]:
        """Width and height [µm]."""
        return self.size_px[0] * self.um_per_px, self.size_px[1] * self.um_per_px


_PLAIN = Kind("ordinary")
_ALL = (
    Kind(
        "clipped",
        um_per_px=5.5,
        size_px=(1280, 1024),
        density_per_cm2=(140, 185),
        length_mm=(0.45, 0.08),
        colours=(("black", 5), ("brown", 1)),
        skin_tones=(
            (152, 141, 134),
            (142, 140, 141),
            (150, 144, 128),
            (140, 135, 130),
            (158, 140, 135),
            (146, 146, 140),
        ),
        blur_sigma_px=(0.6, 1.0),
        fan_deg=7,
        jitter_deg=9,
        bend_per_mm=0.12,
        clipped=True,
        under_skin=0.75,
        vessels=(0, 5),
        bubbles=(0, 1),
        glares=(0, 2),
        sparkle=(0.08, 0.28),
        redness=0.4,
        furrow=0.13,
        shine=(0.0, 0.04),
    ),
    replace(_PLAIN, yellow_dots=4),
    replace(
        _PLAIN,
        name="thinning",
        vellus=1 / 3,
        intermediate=0.10,
        density_per_cm2=(100, 130),
        length_mm=(1.4, 0.25),
        yellow_dots=10,
        colours=(("brown", 3), ("black", 2)),
    ),
    replace(
        _PLAIN,
        name="dense",
        density_per_cm2=(162, 178),
        length_mm=(2.2, 0.2),
        colours=(("black", 3), ("brown", 2), ("chestnut", 1)),
        bubbles=(1, 5),
    ),
    replace(
        _PLAIN,
        name="blond",
        colours=(("blond", 3), ("darkblond", 2)),
        skin_tones=((216, 196, 182), (208, 203, 198), (222, 192, 176), (205, 190, 180)),
        rim=(0.35, 0.65),
    ),
    replace(
        _PLAIN,
        name="grey",
        colours=(("grey", 3), ("white", 2)),
        skin_tones=((196, 124, 110), (205, 140, 122), (186, 112, 104), (200, 132, 126)),
        redness=0.5,
        vessels=(25, 50),
        rim=(0.5, 0.8),
        shine=(0.03, 0.18),
    ),
    replace(
        _PLAIN,
        name="curly",
        colours=(("black", 4), ("brown", 1)),
        skin_tones=((146, 118, 96), (122, 92, 72), (160, 134, 112), (104, 78, 62)),
        curl=1.0,
        length_mm=(1.9, 0.25),
        pigment=0.30,
        white_dots=60,
        vessels=(0, 3),
        vellus=0.04,
        density_per_cm2=(105, 130),
        redness=0.1,
        fan_deg=35,
        jitter_deg=30,
    ),
    replace(_PLAIN, name="blurred", blur_sigma_px=(2.2, 2.2), jpeg_quality=80),
    replace(_PLAIN, name="sharpened", unsharp=(1.4, 1.3), jpeg_quality=75),
    replace(_PLAIN, name="vignette", circle=True, bubbles=(22, 45), glares=(4, 12)),
    replace(_PLAIN, name="coarse", um_per_px=16.0, oversampling=4, blur_sigma_px=(0.5, 0.75)),
    replace(_PLAIN, name="fine", um_per_px=4.0, density_per_cm2=(135, 165)),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
