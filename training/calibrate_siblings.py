"""Which lines lie in the body of two shafts: fit the odds of `densitometry.trace.siblings` on phantoms.

    python training/calibrate_siblings.py --count 240 [--seed 83]

Every line of a picture is offered as two bars. The truth says whether two would meet one hair more than it.
Prints the weights fitted on every other picture, and how they do on the rest.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import NEVER, traced_preset

from densitometry.settings import TraceSettings
from densitometry.trace.bodies import body_of, surroundings_of
from densitometry.trace.siblings import Split, split_odds, told_by, two_bars, with_own_widths

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.matching import TOLERANCE_PX, TOLERANCE_UM, pair_hairs, sample

Floats = NDArray[np.float64]
KINDS = ("clipped", "clipped", "clipped", "clipped", "ordinary", "dense", "thinning", "dark_skin")
"""Presets: half of the pictures are clipped, where hairs of one opening lie in one body."""
NEAR_UM = 60.0
ODDS = (-1.8, -1.4, -1.0, -0.5, 0.0)
RIDGE = 1e-4


def picture(task: tuple[int, int]) -> tuple[Floats, NDArray[np.int64]]:
    """Trace one phantom: what tells of each line whether it is two, and the hairs that two would win."""
    seed, number = task
    kind, rng = KINDS[number // 2 % len(KINDS)], np.random.default_rng((seed, number))
    traced = traced_preset(kind, rng, TraceSettings(sibling_odds=NEVER))
    picture, um = traced.picture, traced.um_per_px
    around = surroundings_of(traced.hairs, picture.contrast, picture.valid)
    lines = [traced.native(hair.points) for hair in traced.hairs]
    truth = [np.asarray(hair.line_px, float) for hair in traced.phantom.hairs]
    splits: list[Split] = []
    won: list[int] = []
    for i, line in enumerate(lines):
        body = body_of((i,), around)
        split = body and two_bars(body)
        if not split:
            continue
        pair = [traced.native(split.body.points(bar)) for bar in with_own_widths(split)]
        places = np.vstack([line, *pair])
        low, high = places.min(axis=0) - NEAR_UM / um, places.max(axis=0) + NEAR_UM / um

        def near(curve: Floats, low: Floats = low, high: Floats = high) -> bool:
            return bool((curve.max(axis=0) > low).all() and (curve.min(axis=0) < high).all())

        about = sample([curve for curve in truth if near(curve)], ~traced.phantom.hidden)
        others = [other for k, other in enumerate(lines) if k != i and near(other)]
        one, two = (
            len(
                pair_hairs(
                    about, sample(found, ~traced.phantom.hidden), max(TOLERANCE_PX, TOLERANCE_UM / um)
                )[0]
            )
            for found in ([*others, line], [*others, *pair])
        )
        splits.append(split)
        won.append(two - one)
    return told_by(splits), np.array(won, np.int64)


def main() -> None:
    """Fit on every other picture, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=83)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(picture, [(args.seed, number) for number in range(args.count)]))
    (x, y), (rest, won) = ((np.concatenate(part) for part in zip(*rows[k::2], strict=True)) for k in (0, 1))
    weights = logistic(x, (y > 0).astype(float), ridge=RIDGE)
    print("split:", ", ".join(f"{w:.2f}" for w in weights), f"of {len(y)} lines {int((y > 0).sum())} are two")
    print("usual:", np.round(np.median(x[:, :2], axis=0), 1))
    shipped, fresh = split_odds(rest), rest @ weights[:-1] + weights[-1]
    for name, odds in (("fitted", fresh), ("shipped", shipped)):
        for least in ODDS:
            taken = odds >= least
            more, fewer = won[taken & (won > 0)].sum(), -won[taken & (won < 0)].sum()
            print(
                f"  {name}, log odds from {least:4.1f}: {taken.sum():4d} split, {more:4d} hairs won of "
                f"{won[won > 0].sum()}, {fewer:3d} lost"
            )


if __name__ == "__main__":
    main()
