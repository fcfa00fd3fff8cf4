"""Pictures of either renderer, by kind and seed, rendered and measured in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import densitometry as dm
from benchmarks import pictures
from benchmarks.score import PictureScore, read_result, score_picture
from benchmarks.second import FIRST_SEED
from benchmarks.second_renderer.kinds import KINDS as SECOND_KINDS
from benchmarks.second_renderer.picture import render as render_second
from densitometry.recipe import DEFAULT_RECIPE

OWN_KINDS = {kind.name: kind for kind in pictures.KINDS}


@dataclass(frozen=True, slots=True)
class Case:
    """One picture for measuring: its seeds are those on which nobody tunes.

    Attributes:
        renderer: "own" or "second".
        kind: of picture.
        number: among its kind.
    """

    renderer: str
    kind: str
    number: int

    @property
    def row(self) -> str:
        """Name of its kind, with its renderer's."""
        return f"{self.renderer}, {self.kind.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A rendered picture: its file and scale, truth, and (H, W) what hides the scalp."""

    path: Path
    um_per_px: float
    truth: dict[str, Any]
    hidden: NDArray[np.bool_]


def show(case: Case, folder: Path) -> Shown:
    """Render a picture into a folder."""
    if case.renderer == "own":
        kind = OWN_KINDS[case.kind]
        picture = pictures.render_seed(kind, pictures.seed_of(kind, case.number), folder)
        return Shown(picture.path, kind.um_per_px, *pictures.read_truth(picture))
    rendered = render_second(SECOND_KINDS[case.kind], FIRST_SEED + case.number)
    return Shown(rendered.save(folder), rendered.kind.um_per_px, rendered.truth, rendered.hidden)


def score(shown: Shown, out: Path, overrides: tuple[str, ...] = ()) -> PictureScore:
    """Measure a picture into a folder, with some recipe keys (`stage.key=VALUE`) changed, and score it."""
    cv2.setNumThreads(1)
    recipe = dm.load_recipe(DEFAULT_RECIPE, overrides)
    image = dm.read(str(shown.path), um_per_px=shown.um_per_px)
    dm.analyze(image, recipe, gate=False).save(out, overlay=False)
    return score_picture(shown.truth, shown.hidden, *read_result(out))
