"""The benchmark's pictures: phantoms that no test and no training ever saw.

Seeds start at 900 000; tests, samples and training stay far below. Training draws its settings at
random and tests take the presets as they are; here every picture takes a preset and moves it by its
own draw (`varied`), so neither the scalp nor the exact setting has been seen before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry import simulate

FIRST_SEED = 900_000
SEEDS_PER_KIND = 1_000
JPEG_QUALITY = 92
HIDDEN_SUFFIX = ".hidden.png"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture: a row of the benchmark.

    Attributes:
        name: of the row.
        preset: of the simulator.
        um_per_px: scale [µm/px].
        size_px: width, height [px].
        jpeg_quality: what the simulated camera compresses with; None leaves the preset's.
    """

    name: str
    preset: str
    um_per_px: float = 8.0
    size_px: tuple[int, int] = (1200, 900)
    jpeg_quality: int | None = None


KINDS = (
    Kind("clipped", "clipped", 5.5, (1280, 1024)),
    Kind("ordinary", "ordinary"),
    Kind("thinning", "thinning"),
    Kind("dense", "dense"),
    Kind("blond", "blond"),
    Kind("grey", "grey"),
    Kind("dark_skin", "dark_skin"),
    Kind("blurred", "blurred", jpeg_quality=80),
    Kind("sharpened", "sharpened", jpeg_quality=75),
    Kind("vignette", "vignette"),
    Kind("coarse", "ordinary", 16.0, (800, 600)),
    Kind("fine", "ordinary", 4.0, (1600, 1200)),
)
WARM_UP = Kind("warm-up", "ordinary", 8.0, (400, 300))
SMALL = Kind("1.9 MP", "ordinary", 8.0, (1600, 1200))
LARGE = Kind("12 MP", "ordinary", 4.0, (4000, 3000))
_SEED_ORDER = (*KINDS, WARM_UP, SMALL, LARGE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on disk with its scale; `truth` and `hidden` lie beside it under its stem."""

    path: Path
    um_per_px: float
    megapixels: float

    @property
    def stem(self) -> str:
        """Name without suffix."""
        return self.path.stem


def seed_of(kind: Kind, number: int) -> int:
    """Return the seed of the numbered picture of a kind.

    Raises:
        ValueError: if `number` runs into the next kind's seeds.
    """
    if not 0 <= number < SEEDS_PER_KIND:
        msg = f"picture {number} of {kind.name!r}: there are seeds for {SEEDS_PER_KIND} pictures of a kind"
        raise ValueError(msg)
    return FIRST_SEED + SEEDS_PER_KIND * _SEED_ORDER.index(kind) + number


def varied(settings: simulate.SceneSettings, rng: np.random.Generator) -> simulate.SceneSettings:
    """Move a preset a little: density, calibre, length, lie, tone, light and noise."""
    hairs, skin, camera = settings.hairs, settings.skin, settings.camera
    red, green, blue = (float(c) for c in np.array(skin.tone) * rng.uniform(0.95, 1.05))
    return replace(
        settings,
        hairs=replace(
            hairs,
            density_per_cm2=hairs.density_per_cm2 * rng.uniform(0.9, 1.1),
            terminal_um=hairs.terminal_um * rng.uniform(0.93, 1.07),
            length_um=hairs.length_um * rng.uniform(0.9, 1.1),
            lie_rad=rng.uniform(0, 2 * np.pi),
        ),
        skin=replace(skin, tone=(red, green, blue), furrow_um=skin.furrow_um * rng.uniform(0.8, 1.25)),
        camera=replace(
            camera, light_angle_rad=rng.uniform(0, 2 * np.pi), noise=camera.noise * rng.uniform(0.8, 1.25)
        ),
    )


def render(
    kind: Kind, number: int, folder: Path, size_px: tuple[int, int] | None = None, suffix: str = ".png"
) -> Picture:
    """Render the numbered picture of a kind, see `render_seed`."""
    return render_seed(kind, seed_of(kind, number), folder, size_px, suffix)


def render_seed(
    kind: Kind, seed: int, folder: Path, size_px: tuple[int, int] | None = None, suffix: str = ".png"
) -> Picture:
    """Render one picture with its truth and the map of what bubbles, glare and the surround hide.

    A picture that is there already is taken as it is: its seed and size are in its name.
    """
    width, height = size_px or kind.size_px
    name = f"{kind.preset}-{seed}-{width}x{height}"
    picture = Picture(folder / f"{name}{suffix}", kind.um_per_px, width * height / 1e6)
    hidden_path = folder / f"{name}{HIDDEN_SUFFIX}"
    if picture.path.exists() and hidden_path.exists():
        return picture
    settings = varied(simulate.preset(kind.preset), np.random.default_rng((seed, 1)))
    settings = replace(settings, size_px=(width, height), um_per_px=kind.um_per_px)
    if kind.jpeg_quality is not None:
        settings = replace(settings, camera=replace(settings.camera, jpeg_quality=kind.jpeg_quality))
    rng = np.random.default_rng(seed)
    phantom = simulate.render_scene(simulate.grow_scene(settings, rng), rng=rng)
    simulate.write_phantom(folder, name, phantom, suffix)
    cv2.imwrite(str(hidden_path), phantom.hidden.astype(np.uint8) * 255)
    return picture


def read_truth(picture: Picture) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Return a picture's truth and the (H, W) map of its hidden pixels."""
    truth = json.loads(picture.path.with_suffix(".json").read_text(encoding="utf-8"))
    hidden = cv2.imread(str(picture.path.with_name(picture.stem + HIDDEN_SUFFIX)), cv2.IMREAD_GRAYSCALE)
    return truth, np.asarray(hidden) > 0


def resized_field(picture: Picture, folder: Path, times: float) -> Picture:
    """Return a picture of the same scalp and scale over a larger or smaller field.

    Smaller is the middle of it; larger repeats it mirrored, so that a megapixel holds what it held.
    """
    path = folder / f"{picture.stem}-{times:g}x.jpg"
    pixels = np.asarray(cv2.imread(str(picture.path)))
    height, width = pixels.shape[:2]
    if times <= 1:
        h, w = round(height * times**0.5), round(width * times**0.5)
        y, x = (height - h) // 2, (width - w) // 2
        pixels = pixels[y : y + h, x : x + w]
    else:
        pixels = np.vstack([row := np.hstack([pixels, pixels[:, ::-1]]), row[::-1]])
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return Picture(path, picture.um_per_px, pixels.shape[0] * pixels.shape[1] / 1e6)
