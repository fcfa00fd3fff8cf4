"""Render training patches: simulated pictures at random native scales, brought to 8 µm/px.

    python training/render_patches.py --out FOLDER --count 4000 [--seed 1]

Each patch is one .npz: the picture (PNG bytes) at 8 and at 4 µm/px, hair polylines in patch pixels, widths
and whether a hair is visible enough to be asked for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.simulate import grow_scene, random_settings, render_scene
from densitometry.trace.grid import resized

Array = NDArray[Any]

GRID_UM = 8.0
PATCH_PX = 320
LEAST_VISIBLE = 0.3
LEAST_SIGNAL = 1.2
LEAST_HAIRS = 4
REDRAW = 0.8  # most nearly empty patches are drawn again: they teach little


def skin_and_noise(luma: Array, lines: list[Array], widths: list[Array]) -> tuple[Array, Array]:
    """Level of the skin beside the hairs and the spread of its fine texture, everywhere."""
    hair = np.zeros(luma.shape, np.uint8)
    for line, width in zip(lines, widths, strict=True):
        thickness = max(1, int(np.ceil(float(np.median(width)) + 3)))
        cv2.polylines(hair, [np.round(line).astype(np.int32)], False, 1, thickness)
    weight = (hair == 0).astype(np.float32) + 1e-3
    total = cv2.GaussianBlur(weight, (0, 0), 10)
    skin = cv2.GaussianBlur(luma * weight, (0, 0), 10) / total
    variance = cv2.GaussianBlur((luma - skin) ** 2 * weight, (0, 0), 10) / total
    return skin, np.sqrt(variance) + 0.01


def signal_to_noise(luma: Array, skin: Array, noise: Array, line: Array) -> float:
    """Median contrast along a hair against the skin level over the spread of the skin's texture."""
    step = np.diff(line, axis=0)
    along = np.r_[0, np.cumsum(np.hypot(step[:, 0], step[:, 1]))]
    if along[-1] < 4:
        return 0.0
    t = np.arange(0, along[-1], 1.5)
    x, y = (
        np.interp(t, along, line[:, 0]).astype(np.float32),
        np.interp(t, along, line[:, 1]).astype(np.float32),
    )
    inside = (x > 0) & (y > 0) & (x < luma.shape[1] - 1) & (y < luma.shape[0] - 1)
    if inside.sum() < 3:
        return 0.0
    centre, level, spread = (
        cv2.remap(m, x, y, cv2.INTER_LINEAR).ravel()[inside] for m in (luma, skin, noise)
    )
    contrast = float(abs(np.median(centre - level)))
    return contrast / float(np.median(spread)) * float(np.sqrt(min(inside.sum(), 20) / 10))


def render_patch(rng: np.random.Generator) -> dict[str, Array]:
    """Render one patch and its truth on the 8 µm grid."""
    native = float(rng.choice([5.5, rng.uniform(3.5, 9.0), rng.uniform(6.0, 16.0)], p=[0.5, 0.35, 0.15]))
    side = int(np.ceil(PATCH_PX * GRID_UM / native)) + 2
    settings = random_settings(rng, um_per_px=native, size_px=(side, side))
    phantom = render_scene(grow_scene(settings, rng), native, rng)
    factor = native / GRID_UM
    want = round(side * factor)
    rgb = np.ascontiguousarray(resized(phantom.rgb, want, want)[:PATCH_PX, :PATCH_PX])
    # twice as fine over the same scalp: 2 x 2 of its pixels lie in one of the grid
    fine = resized(phantom.rgb, 2 * want, 2 * want)[: 2 * PATCH_PX, : 2 * PATCH_PX]
    luma = np.log(cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7) + 4)
    points = [(np.asarray(hair.line_px, float) + 0.5) * factor - 0.5 for hair in phantom.hairs]
    width = [np.asarray(hair.width_px, float) * factor for hair in phantom.hairs]
    ends = np.cumsum([0, *map(len, points)])
    skin, noise = skin_and_noise(luma, points, width)
    required = [
        hair.visible >= LEAST_VISIBLE and signal_to_noise(luma, skin, noise, line) >= LEAST_SIGNAL
        for hair, line in zip(phantom.hairs, points, strict=True)
    ]
    return {
        "image": _png(rgb),
        "fine": _png(fine),
        "points": np.concatenate(points).astype(np.float32) if points else np.zeros((0, 2), np.float32),
        "width": np.concatenate(width).astype(np.float32) if width else np.zeros(0, np.float32),
        "ends": ends.astype(np.int32),
        "required": np.array(required, bool),
    }


def _png(rgb: Array) -> Array:
    bgr = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]


def main() -> None:
    """Render the stated number of patches; the same seed gives the same patches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for i in range(args.first, args.first + args.count):
        rng = np.random.default_rng((args.seed, i))
        patch = render_patch(rng)
        while patch["required"].sum() < LEAST_HAIRS and rng.random() < REDRAW:
            patch = render_patch(rng)
        half_written = args.out / f"{i:06d}.part"
        with half_written.open("wb") as file:
            np.savez(file, **patch)
        half_written.rename(half_written.with_suffix(".npz"))


if __name__ == "__main__":
    main()
