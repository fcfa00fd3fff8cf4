"""Which hairs exchanged tails: fit the odds of `densitometry.trace.junctions` on rendered pictures.

    python training/calibrate_exchange.py --count 48 [--seed 78]

Hairs are traced without any exchange. At every junction the truth says whose arm each one is, and so which
pairing is right. Prints the weights fitted on every other picture, and how they do on the rest.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import NEVER, traced_preset
from scipy.spatial import cKDTree

from densitometry.settings import TraceSettings
from densitometry.simulate import Phantom
from densitometry.trace.junctions import Junction, find_junctions
from densitometry.trace.segments import Segment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.score import sample

Floats = NDArray[np.float64]
KINDS = ("ordinary", "dense", "thinning", "blond", "grey", "dark_skin")
"""Presets whose hairs cross."""
ARM_PX = 45
NEAR_PX = 3.0
PARALLEL_COS = 0.85
RIDGE = 1e-3


class Truth:
    """Points along the true hairs on the detection grid."""

    def __init__(self, phantom: Phantom, factor: Floats) -> None:
        lines = [np.asarray(hair.line_px, float) for hair in phantom.hairs]
        found = sample(lines, np.ones(phantom.rgb.shape[:2], np.bool_))
        self.tree = cKDTree((found.points + 0.5) * factor - 0.5)
        self.directions, self.owner = found.directions, found.owner

    def whose(self, arm: Floats) -> int:
        """Number of the hair an arm runs along: most of its points, then the nearest; -1 for none."""
        if len(arm) < 4:
            return -1
        step = np.gradient(arm, axis=0)
        step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
        sums: dict[int, list[float]] = {}
        for point, along, near in zip(arm, step, self.tree.query_ball_point(arm, NEAR_PX), strict=True):
            close: dict[int, float] = {}
            for k in near:
                if abs(self.directions[k] @ along) > PARALLEL_COS:
                    apart = math.dist(self.tree.data[k], point)
                    owner = int(self.owner[k])
                    close[owner] = min(apart, close.get(owner, math.inf))
            for owner, apart in close.items():
                sums.setdefault(owner, []).append(NEAR_PX - apart)
        return max(sums, key=lambda owner: sum(sums[owner])) if sums else -1


def right_pairing(truth: Truth, a: Segment, b: Segment, junction: Junction) -> bool | None:
    """Return whether the tails ought to be exchanged; None where the truth does not tell."""
    other = b.points if junction.same_way else b.points[::-1]
    (i0, i1), (j0, j1) = junction.first, junction.second
    arms = (a.points[:i0], a.points[i1 + 1 :], other[:j0], other[j1 + 1 :])
    cut = [arm[-ARM_PX:] if k in (0, 2) else arm[:ARM_PX] for k, arm in enumerate(arms)]
    who = [truth.whose(np.asarray(arm, float)) for arm in cut]
    old = (who[0] == who[1] != -1) + (who[2] == who[3] != -1)
    new = (who[0] == who[3] != -1) + (who[2] == who[1] != -1)
    return None if old == new else new > old


def picture(kind: str, rng: np.random.Generator) -> list[tuple[Junction, bool]]:
    """Trace one phantom of a kind and judge its junctions."""
    settings = TraceSettings(
        exchange_odds=NEVER, bend_odds=NEVER, cut_odds=NEVER, least_presence=0.0, sibling_odds=NEVER
    )
    traced = traced_preset(kind, rng, settings)
    truth = Truth(traced.phantom, np.array(traced.picture.factor))
    judged = []
    for i, j, junction in find_junctions(traced.hairs, traced.picture.contrast):
        right = right_pairing(truth, traced.hairs[i], traced.hairs[j], junction)
        if right is not None:
            judged.append((junction, right))
    return judged


def main() -> None:
    """Fit on every other picture, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=78)
    args = parser.parse_args()
    pictures = [
        picture(KINDS[i // 2 % len(KINDS)], np.random.default_rng((args.seed, i))) for i in range(args.count)
    ]
    for name, ending in (("crossing", False), ("ending", True)):
        parts = [
            [
                (junction.features, right)
                for row in half
                for junction, right in row
                if bool(junction.ending) == ending
            ]
            for half in (pictures[::2], pictures[1::2])
        ]
        (x, y), (xt, yt) = ((np.array([p[0] for p in s]), np.array([p[1] for p in s], float)) for s in parts)
        weights = logistic(x, y, ridge=RIDGE, constant=ending)
        odds = xt @ weights[:-1] + weights[-1]
        least = TraceSettings().exchange_odds
        print(f"{name}: {', '.join(f'{w:.2f}' for w in weights)}")
        print(
            f"  {len(y)} junctions, {int(y.sum())} to exchange; on the other {len(yt)}: "
            f"{int(((odds > least) & (yt == 1)).sum())} of {int(yt.sum())} found, "
            f"{int(((odds > least) & (yt == 0)).sum())} wrongly exchanged"
        )


if __name__ == "__main__":
    main()
