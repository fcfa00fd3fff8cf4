"""What is known of a rendered picture, in the words that `benchmarks.score` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.second_renderer.camera import FIELD_RADIUS
from benchmarks.second_renderer.fields import Floats
from benchmarks.second_renderer.kinds import Kind
from benchmarks.second_renderer.scene import STEP_UM, VELLUS_BELOW_UM, Shaft

SAMPLES_PER_POINT = 4
LINE_STEP_UM = 6.0
"""Distance of the points of a line that are written down, at 4 µm/px; in proportion at other scales."""
SCALE_OF_STEP_UM = 4.0


def describe(
    kind: Kind, seed: int, shafts: Sequence[Shaft], owner: NDArray[np.int32], blur_sigma_px: float
) -> dict[str, Any]:
    """Return the truth of a picture, fit for JSON.

    Keys: `kind`, `seed`, `um_per_px`, `width`, `height`, `circle`, `blur_sigma_px`; `hairs` and `loose`, each
    a list of `line_px` [x, y] [px], `root_px`, `d_um`, `length_um`, `vellus`, `fu` (its unit), `number` (of
    the shaft, the lowest 0), `colour`, `root_inside`, `visible` (share of the line in view that no other
    shaft covers), `clipped` (by the frame).

    Args:
        kind: of picture.
        seed: of the picture.
        shafts: all, lowest first.
        owner: (H, W) finer map of the uppermost shaft, numbered from 1.
        blur_sigma_px: of the camera [px].
    """
    rows = [(shaft, _row(kind, shaft, number, owner)) for number, shaft in enumerate(shafts, start=1)]
    return {
        "kind": kind.name,
        "seed": seed,
        "um_per_px": kind.um_per_px,
        "width": kind.size_px[0],
        "height": kind.size_px[1],
        "circle": kind.circle,
        "blur_sigma_px": round(blur_sigma_px, 3),
        "hairs": [row for shaft, row in rows if row is not None and not shaft.loose],
        "loose": [row for shaft, row in rows if row is not None and shaft.loose],
    }


def _inside(kind: Kind, points: Floats) -> NDArray[np.bool_]:
    width, height = kind.size_px
    x, y = points[:, 0], points[:, 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if kind.circle:
        inside = inside & (np.hypot(x - width / 2, y - height / 2) < FIELD_RADIUS * height)
    return np.asarray(inside, np.bool_)


def _row(kind: Kind, shaft: Shaft, number: int, owner: NDArray[np.int32]) -> dict[str, Any] | None:
    """Return what is known of one shaft; None where it does not come into view."""
    line = shaft.line_px
    points = np.linspace(0, 1, len(line))
    finer = np.linspace(0, 1, SAMPLES_PER_POINT * len(line))
    places = np.stack([np.interp(finer, points, line[:, k]) for k in (0, 1)], 1)
    inside = _inside(kind, places)
    if not inside.any():
        return None
    cells = np.round((places[inside] + 0.5) * kind.oversampling - 0.5).astype(int)
    cells = np.clip(cells, 0, [owner.shape[1] - 1, owner.shape[0] - 1])
    # a lower number here means that the shaft itself is too faint to own the pixel: not hidden
    visible = float(np.mean(owner[cells[:, 1], cells[:, 0]] <= number))
    step = max(1, int(LINE_STEP_UM / STEP_UM * kind.um_per_px / SCALE_OF_STEP_UM))
    kept = np.unique(np.r_[np.arange(0, len(line), step), len(line) - 1])
    return {
        "line_px": np.round(line[kept], 2).tolist(),
        "root_px": np.round(line[0], 2).tolist(),
        "d_um": round(shaft.diameter_um, 2),
        "length_um": round(shaft.length_um, 1),
        "vellus": bool(shaft.diameter_um < VELLUS_BELOW_UM),
        "fu": shaft.unit,
        "number": number - 1,
        "colour": shaft.colour,
        "root_inside": bool(_inside(kind, line[:1])[0]) and not shaft.loose,
        "visible": round(visible, 3),
        "clipped": bool(not _inside(kind, line).all()),
    }
