"""Which lines lie in the body of two shafts: fit the odds of `densitometry.trace.siblings` on phantoms.

    python training/calibrate_siblings.py --count 240 [--seed 83]

Every line of a picture is offered as two bars. The truth says whether two would meet one hair more than it.
Prints the weights fitted on every other picture, and how they do on the rest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import NEVER, traced_preset

from densitometry.settings import TraceSettings
from densitometry.trace.bodies import body_of, surroundings_of
from densitometry.trace.siblings import split_odds, two_bars, with_own_widths

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.score import TOLERANCE_PX, TOLERANCE_UM, pair_hairs, sample

Floats = NDArray[np.float64]
KINDS = ("clipped", "clipped", "clipped", "clipped", "ordinary", "dense", "thinning", "dark_skin")
"""Presets: half of the pictures are clipped, where hairs of one opening lie in one body."""
NEAR_UM = 60.0
ODDS = (-1.5, -1.0, -0.7, -0.4, 0.0)


def picture(kind: str, rng: np.random.Generator) -> list[tuple[tuple[float, ...], int]]:
    """Trace one phantom: for each line the features of its two bars, and the hairs that they would win."""
    traced = traced_preset(kind, rng, TraceSettings(sibling_odds=NEVER))
    picture, um = traced.picture, traced.um_per_px
    around = surroundings_of(traced.hairs, picture.contrast, picture.valid)
    lines = [traced.native(hair.points) for hair in traced.hairs]
    truth = [np.asarray(hair.line_px, float) for hair in traced.phantom.hairs]
    judged: list[tuple[tuple[float, ...], int]] = []
    for i, line in enumerate(lines):
        body = body_of((i,), around)
        split = body and two_bars(body)
        if body is None or not split:
            continue
        pair = [traced.native(body.points(bar)) for bar in with_own_widths(split, body)]
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
        judged.append((split.features, two - one))
    return judged


def main() -> None:
    """Fit on every other picture, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=83)
    args = parser.parse_args()
    rows = [
        picture(KINDS[i // 2 % len(KINDS)], np.random.default_rng((args.seed, i))) for i in range(args.count)
    ]
    fitted, rest = ([line for row in half for line in row] for half in (rows[::2], rows[1::2]))
    x, y = np.array([f for f, _ in fitted]), np.array([won > 0 for _, won in fitted], float)
    weights = logistic(x, y)
    print("split:", ", ".join(f"{w:.2f}" for w in weights), f"of {len(y)} lines {int(y.sum())} are two")
    shipped = np.array([split_odds(f) for f, _ in rest])
    fresh = np.column_stack([np.array([f for f, _ in rest]), np.ones(len(rest))]) @ weights
    won = np.array([w for _, w in rest])
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
