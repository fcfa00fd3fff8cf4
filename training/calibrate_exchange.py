"""Which hairs exchanged tails: fit the odds of `densitometry.trace.junctions` on rendered pictures.

    python training/calibrate_exchange.py --count 400 [--seed 78]

Half of the phantoms have curly hair, up to twice as curly as the preset `dark_skin`. Hairs are traced
without any exchange. At every junction the truth says whose arm each one is, and so which
pairing is right. Prints the weights for straight and for curled hair fitted on half of the pictures, and how
they and those shipped do on the rest. Shipped are those for curled hair (docs/decisions/0021).
"""

from __future__ import annotations

import argparse
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import CURLY, NEVER, curly_scene, preset_scene, traced_scene
from scipy.spatial import cKDTree

from densitometry.settings import TraceSettings
from densitometry.simulate import Phantom
from densitometry.trace.junctions import CROSSING_WEIGHTS, ENDING_WEIGHTS, Junction, find_junctions
from densitometry.trace.segments import Segment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.matching import sample

Floats = NDArray[np.float64]
KINDS = ("ordinary", CURLY, "dense", CURLY, "thinning", CURLY, "grey", CURLY, "blond", CURLY)
"""Presets whose hairs cross, each beside curly hair."""
ARM_PX = 45
NEAR_PX = 3.0
PARALLEL_COS = 0.85
RIDGE = 1e-4


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


def picture(task: tuple[int, int]) -> tuple[bool, list[tuple[Junction, bool]]]:
    """Trace one phantom: whether it is curly, and its junctions with what is right there."""
    seed, number = task
    rng = np.random.default_rng((seed, number))
    kind = KINDS[number % len(KINDS)]
    scene = curly_scene(rng) if kind == CURLY else preset_scene(kind, rng)
    settings = TraceSettings(
        exchange_odds=NEVER, bend_odds=NEVER, cut_odds=NEVER, least_presence=0.0, sibling_odds=NEVER
    )
    traced = traced_scene(scene, scene.um_per_px, rng, settings)
    truth = Truth(traced.phantom, np.array(traced.picture.factor))
    judged = []
    for i, j, junction in find_junctions(traced.hairs, traced.picture.contrast):
        right = right_pairing(truth, traced.hairs[i], traced.hairs[j], junction)
        if right is not None:
            judged.append((junction, right))
    return kind == CURLY, judged


def table(rows: list[tuple[bool, list[tuple[Junction, bool]]]], ending: bool) -> tuple[Floats, Floats]:
    """Features of all junctions of a sort, and whether tails ought to be exchanged."""
    judged = [pair for _, row in rows for pair in row if bool(pair[0].ending) == ending]
    return np.array([junction.features for junction, _ in judged]), np.array([r for _, r in judged], float)


def main() -> None:
    """Fit on half of the pictures, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=78)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with ProcessPoolExecutor(args.jobs) as pool:
        pictures = list(pool.map(picture, [(args.seed, number) for number in range(args.count)]))
    # pairs of neighbouring numbers: one plain kind and one curly
    fitted = [row for number, row in enumerate(pictures) if number // 2 % 2 == 0]
    rest = [row for number, row in enumerate(pictures) if number // 2 % 2]
    for name, ending in (("crossing", False), ("ending", True)):
        x, y = table(fitted, ending)
        weights = logistic(x, y, ridge=RIDGE, constant=ending)
        print(f"{name}: {', '.join(f'{w:.2f}' for w in weights)}")
        print(f"  {len(y)} junctions, {int(y.sum())} to exchange")
        for curly in (False, True):
            xt, yt = table([row for row in rest if row[0] == curly], ending)
            shipped = np.array([*ENDING_WEIGHTS] if ending else [*CROSSING_WEIGHTS, 0.0])
            least = TraceSettings().exchange_odds
            for which, used in (("fitted", weights), ("shipped", shipped)):
                odds = xt @ used[:-1] + used[-1]
                print(
                    f"  {which}, on the other {len(yt)}, {'curly' if curly else 'plain'}: "
                    f"{int(((odds > least) & (yt == 1)).sum())} of {int(yt.sum())} found, "
                    f"{int(((odds > least) & (yt == 0)).sum())} wrongly exchanged"
                )


if __name__ == "__main__":
    main()
