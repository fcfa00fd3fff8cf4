"""Sato's ridge filter, Otsu's threshold, thinning, skan's branches: the recipe most often found."""

from __future__ import annotations

from typing import Any

from skimage.color import rgb2gray
from skimage.filters import sato, threshold_otsu
from skimage.io import imread

from benchmarks.harness import save_lines, serve
from benchmarks.peers.skeleton import branches

SIGMAS_UM = (10.0, 20.0, 30.0)


def trace(path: str, um_per_px: float) -> list[dict[str, Any]]:
    """Trace dark hairs of one picture."""
    ridges = sato(rgb2gray(imread(path)), sigmas=[s / um_per_px for s in SIGMAS_UM], black_ridges=True)
    return branches(ridges > threshold_otsu(ridges), um_per_px)


if __name__ == "__main__":
    serve(trace, save_lines)
