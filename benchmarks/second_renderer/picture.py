"""The whole picture: scene, skin, shafts, film and camera in turn, and the files it is kept in."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.second_renderer import camera, film, scene, shafts, skin, truth
from benchmarks.second_renderer.fields import F32
from benchmarks.second_renderer.kinds import Kind

HIDDEN_SUFFIX = ".hidden.png"
PNG_COMPRESSION = 3


@dataclass(frozen=True, slots=True)
class Rendered:
    """One picture with what is known of it.

    Attributes:
        kind: of picture.
        rgb: (H, W, 3) sRGB codes, before any compression.
        hidden: (H, W) pixels whose bubble or glare hides the scalp.
        truth: as `truth.describe` gives it.
    """

    kind: Kind
    rgb: NDArray[np.uint8]
    hidden: NDArray[np.bool_]
    truth: dict[str, Any]

    def save(self, folder: Path) -> Path:
        """Write picture (JPEG where the kind says so, else PNG), truth and hidden map; return the first."""
        folder.mkdir(parents=True, exist_ok=True)
        quality = self.kind.jpeg_quality
        path = folder / f"{self.kind.name}-{self.truth['seed']}{'.png' if quality is None else '.jpg'}"
        how = [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
        if quality is not None:
            how = [cv2.IMWRITE_JPEG_QUALITY, quality]
        cv2.imwrite(str(path), np.ascontiguousarray(self.rgb[..., ::-1]), how)
        cv2.imwrite(str(path.with_suffix(HIDDEN_SUFFIX)), self.hidden.astype(np.uint8) * 255)
        path.with_suffix(".json").write_text(json.dumps(self.truth), encoding="utf-8")
        return path


def render(kind: Kind, seed: int) -> Rendered:
    """Render one picture; the same kind and seed give the same picture."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.name.encode())])
    shine_at = rng.uniform(-0.5, 0.5)
    return photograph(kind, scene.grow(kind, rng), shine_at, seed, rng)


def photograph(
    kind: Kind, grown: Sequence[scene.Shaft], shine_at: float, seed: int, rng: np.random.Generator
) -> Rendered:
    """Render given shafts, lowest first, over a skin and through a film and camera of their own.

    Args:
        kind: of picture.
        grown: all shafts that reach it.
        shine_at: where along their width shafts shine, in radii.
        seed: for the truth.
        rng: the only source of chance.
    """
    (width, height), finer = kind.size_px, kind.oversampling
    scalp = skin.bare(kind, grown, rng)
    # what hair and film reflect follows the exposure, which the skin stands for
    light = float(np.median(scalp.mean(2)) ** 0.5 * 0.95)
    canvas = cv2.resize(scalp, (width * finer, height * finer), interpolation=cv2.INTER_LINEAR)
    owner = np.zeros(canvas.shape[:2], np.int32)
    for number, shaft in enumerate(grown, start=1):
        look = shafts.dress(shaft, kind, shine_at, rng)
        shafts.draw(canvas, owner, number, shaft, look, kind, light, rng)
    lit = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    lit = film.flakes(lit, kind, grown, light, rng).astype(F32)
    hidden = film.bubbles(lit, kind, light, rng)
    hidden |= film.glare(lit, kind, light, rng)
    rgb, blur_sigma_px = camera.photograph(lit, kind, rng)
    return Rendered(kind, rgb, hidden, truth.describe(kind, seed, grown, owner, blur_sigma_px))
