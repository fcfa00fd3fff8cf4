"""This project as a measured process: what a notebook does, `read` and `analyze`.

Thread pools are held at one thread, but large pictures take a second one (`densitometry.trace.workers`).
"""

from __future__ import annotations

import cv2

import densitometry as dm
from benchmarks.harness import serve
from densitometry.recipe import DEFAULT_RECIPE


def measure(path: str, um_per_px: float, recipe: str = DEFAULT_RECIPE) -> dm.Analysis:
    """Measure one picture, the quality gate off: a picture that is refused would look fast."""
    return dm.analyze(dm.read(path, um_per_px=um_per_px), dm.load_recipe(recipe), gate=False)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(measure, lambda result, folder: result.save(folder, overlay=False))
