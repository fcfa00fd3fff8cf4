"""How many hairs there are for those counted: fit it on rendered pictures the network never saw.

    python training/calibrate_counts.py --count 320 [--seed 4711]

Prints the constants of `densitometry.measure.completeness` and how often its interval holds the truth.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import densitometry as dm
from densitometry.analysis import trace_options
from densitometry.measure.completeness import MUCH_HAIR_PER_CM, count_variance, hairs_per_counted
from densitometry.measure.hairs import measure_hairs
from densitometry.settings import MeasureSettings
from densitometry.simulate import grow_scene, random_settings, render_scene
from densitometry.trace.tracer import trace_hairs
from densitometry.units import UM_PER_CM

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.score import rooted_in

Floats = NDArray[np.float64]
UM_PER_PX = (4.0, 17.0)
SIDE_UM, SIDE_PX, LARGEST_SIDE_UM = 3600.0, 120.0, 5200.0
"""A field of 3.6 mm and 120 px, so that pictures of coarse pixels hold a few more hairs."""
FEWEST_HAIRS = 5
TAILS = 6.0
"""Degrees of freedom of the errors while fitting: single pictures that went wrong should not rule."""
NORMAL_95 = 1.96


def picture(rng: np.random.Generator, folder: Path) -> tuple[float, float, float, float]:
    """Measure one random phantom: hairs there are, counted, their doubt, length of hair [cm per cm²]."""
    um = float(np.exp(rng.uniform(*np.log(UM_PER_PX))))
    side = int(min(LARGEST_SIDE_UM, SIDE_UM + SIDE_PX * um) / um)
    phantom = render_scene(grow_scene(random_settings(rng, um_per_px=um, size_px=(side, side)), rng), um, rng)
    path = folder / "picture.png"
    cv2.imwrite(str(path), cv2.cvtColor(phantom.rgb, cv2.COLOR_RGB2BGR))
    image, recipe = dm.read(path, um_per_px=um), dm.load_recipe()
    traced = trace_hairs(image.pixels, image.valid, trace_options(recipe.trace, image.pixel_size))
    table = measure_hairs(traced, image, recipe.measure)
    weight = table.hairs["count_weight"].to_numpy(np.float64)
    doubt = float(np.square(weight) @ (table.presence * (1.0 - table.presence)))
    seen = ~phantom.hidden
    roots = rooted_in(phantom.truth()["hairs"], seen)
    seen_cm2 = float(np.count_nonzero(seen)) * (um / UM_PER_CM) ** 2
    true = len(roots) * image.area_cm2 / seen_cm2
    return true, float(weight.sum()), doubt, table.length_per_cm(image.area_cm2)


def fit(true: Floats, counted: Floats, doubt: Floats, length: Floats) -> Floats:
    """Constants of `completeness`: sparse, crowded, logs of its error and of how alike hairs are."""
    off = np.log(np.maximum(true, 0.5) / counted)
    much, always = length / MUCH_HAIR_PER_CM, MeasureSettings().count_error_pct / 100

    def cost(x: Floats) -> float:
        sd = np.sqrt(always**2 + np.exp(2 * x[2]) * much**2 + np.exp(x[3]) * doubt / counted**2)
        far = (off - x[0] - x[1] * np.log1p(much)) / sd
        likely = np.log(sd) + (TAILS + 1) / 2 * np.log1p(far**2 / TAILS)
        # weak beliefs keep what the pictures do not tell from running off
        return float(likely.sum()) + 0.02 * ((x[2] + 3) ** 2 + (x[3] - 1) ** 2)

    options = {"maxiter": 6000, "xatol": 1e-4, "fatol": 1e-4}
    best = minimize(cost, [0.1, -0.1, -3.0, 1.0], method="Nelder-Mead", options=options)
    return np.asarray(best.x, np.float64)


def main() -> None:
    """Fit, and judge the constants that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=4711)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = [picture(np.random.default_rng((args.seed, i)), Path(folder)) for i in range(args.count)]
    true, counted, doubt, length = np.array([row for row in rows if row[1] >= FEWEST_HAIRS]).T
    sparse, crowded, crowded_sd, alike = fit(true, counted, doubt, length)
    print(f"log ratio {sparse:.3f} {crowded:+.3f}; error {math.exp(crowded_sd):.3f} where much hair lies")
    print(f"alike {math.exp(alike):.2f}")
    held = [
        abs(t - c * hairs_per_counted(x)) < NORMAL_95 * math.sqrt(count_variance(c, d, x))
        for t, c, d, x in zip(true, counted, doubt, length, strict=True)
    ]
    print(f"shipped constants hold {np.mean(held):.3f} of {len(held)}")


if __name__ == "__main__":
    main()
