"""What a network says of a patch in each of its eight views, and the mean of them.

    python training/views.py --patches FOLDER [FOLDER ...] --out FOLDER [--count 2600] [--seed 1] [--part 0 2]

A view is the patch turned by a quarter and perhaps mirrored. The network should say the same of all, and does
not quite; the mean is steadier and more precise than any one of them. `train.py --taught` learns it.
Each file written holds the picture, the mean and the label maps, all in patch pixels, as whole numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from labels import draw_labels
from numpy.typing import NDArray

from densitometry.trace.light import log_contrast, to_linear
from densitometry.trace.maps import ORIENTATIONS
from densitometry.trace.network import CONTRAST_WINDOW_PX, WEIGHTS, network_maps

Array = NDArray[Any]

VIEWS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
CHANCE_STEPS, VALUE_STEPS = 255, 1000
"""Chances are stored in 255 steps, directions and log half widths in thousandths."""


def seen(picture: Array, turns: int, mirrored: bool) -> Array:
    """Turn an (h, w, ...) array by quarter turns, then mirror it left to right."""
    view = np.rot90(picture, turns)
    return view[:, ::-1] if mirrored else view


def seen_maps(lifted: Array, half: Array, turns: int, mirrored: bool) -> tuple[Array, Array]:
    """Show lifted (bins, h, w) and half maps (6, h/2, w/2; direction in 2 and 3) as that view would."""
    lifted, half = np.rot90(lifted, turns, (1, 2)), np.rot90(half, turns, (1, 2)).copy()
    if turns % 2:
        lifted = np.roll(lifted, ORIENTATIONS // 2, 0)
    for _ in range(turns):
        half[2], half[3] = half[3].copy(), -half[2]
    if mirrored:
        lifted = lifted[-np.arange(ORIENTATIONS) % ORIENTATIONS][:, :, ::-1]
        half = half[:, :, ::-1].copy()
        half[2] *= -1
    return lifted, half


def unseen_maps(lifted: Array, half: Array, turns: int, mirrored: bool) -> tuple[Array, Array]:
    """Bring the maps of a view back to the picture: the inverse of `seen_maps`."""
    if mirrored:  # a mirror is its own inverse, and so is the turn that follows it, seen the other way round
        lifted, half = seen_maps(lifted, half, 0, True)
    return seen_maps(lifted, half, -turns % 4, False)


def mean_of_views(contrast: Array, weights: Path = WEIGHTS) -> tuple[Array, Array]:
    """Mean of the network's maps over the eight views of a square patch, half width as its logarithm."""
    lifted_sum, half_sum = 0.0, 0.0
    for turns, mirrored in VIEWS:
        maps = network_maps(np.ascontiguousarray(seen(contrast, turns, mirrored)), weights)
        half = np.stack(
            [maps.root, maps.tip, *maps.direction, np.log(np.maximum(maps.half_width_px, 0.1)), maps.shaft]
        )
        lifted, half = unseen_maps(np.asarray(maps.lifted), half, turns, mirrored)
        lifted_sum, half_sum = lifted_sum + lifted, half_sum + half
    return np.asarray(lifted_sum) / len(VIEWS), np.asarray(half_sum) / len(VIEWS)


def _chances(maps: Array) -> Array:
    return np.round(np.clip(maps, 0, 1) * CHANCE_STEPS).astype(np.uint8)


def _values(maps: Array) -> Array:
    return np.round(maps * VALUE_STEPS).astype(np.int16)


def packed(lifted: Array, half: Array, prefix: str) -> dict[str, Array]:
    """Whole numbers for the file."""
    return {
        f"{prefix}_lifted": _chances(lifted),
        f"{prefix}_chances": _chances(half[[0, 1, 5]]),
        f"{prefix}_values": _values(half[2:5]),
    }


def unpacked(data: Any, prefix: str) -> tuple[Array, Array]:
    """Lifted and half maps of a file."""
    chances = data[f"{prefix}_chances"].astype(np.float32) / CHANCE_STEPS
    values = data[f"{prefix}_values"].astype(np.float32) / VALUE_STEPS
    half = np.stack([chances[0], chances[1], values[0], values[1], values[2], chances[2]])
    return data[f"{prefix}_lifted"].astype(np.float32) / CHANCE_STEPS, half


def taught(patch: Any, weights: Path) -> dict[str, Array]:
    """Everything `train.py --taught` needs of one patch."""
    rgb = cv2.cvtColor(cv2.imdecode(patch["image"], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    contrast = log_contrast(to_linear(rgb), np.ones(rgb.shape[:2], bool), CONTRAST_WINDOW_PX)
    points, width, ends = patch["points"].astype(np.float32), patch["width"].astype(np.float32), patch["ends"]
    hairs = [
        {"line": points[a:b], "width": width[a:b], "required": required}
        for a, b, required in zip(ends[:-1], ends[1:], patch["required"], strict=True)
    ]
    lifted, half, near, ignore = draw_labels(hairs, rgb.shape[0])
    return {
        "rgb": rgb,
        **packed(*mean_of_views(contrast, weights), "mean"),
        **packed(lifted, half, "label"),
        "near": near.astype(bool),
        "ignore": ignore.astype(bool),
    }


def main() -> None:
    """Write the stated number of patches, drawn from all folders; two processes may each take a part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    files = sorted(file for folder in args.patches for file in folder.glob("*.npz"))
    order = np.random.default_rng(args.seed).permutation(len(files))[: args.count]
    for k in order[args.part[0] :: args.part[1]]:
        half_written = args.out / f"{k:06d}.part"
        with half_written.open("wb") as file:
            np.savez(file, **taught(np.load(files[k]), args.weights))
        half_written.rename(half_written.with_suffix(".npz"))


if __name__ == "__main__":
    main()
