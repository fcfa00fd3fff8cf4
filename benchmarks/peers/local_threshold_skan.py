"""A threshold against the surroundings, thinning, skan's branches: the quick recipe."""

from __future__ import annotations

from typing import Any

from skimage.color import rgb2gray
from skimage.filters import threshold_local
from skimage.io import imread

from benchmarks.harness import save_lines, serve
from benchmarks.peers.skeleton import branches

WINDOW_UM = 400.0
DARKER_BY = 0.06
"""Share of full scale by which hair is darker than the Gaussian mean around it."""


def trace(path: str, um_per_px: float) -> list[dict[str, Any]]:
    """Trace dark hairs of one picture."""
    grey = rgb2gray(imread(path))
    window_px = 2 * round(WINDOW_UM / um_per_px / 2) + 1
    return branches(grey < threshold_local(grey, window_px, offset=DARKER_BY), um_per_px)


if __name__ == "__main__":
    serve(trace, save_lines)
