"""Which pieces are one hair that bends: fit the odds of `densitometry.trace.bends` on phantoms.

    python training/calibrate_bends.py --count 560 [--seed 91]

Half of the phantoms have curly hair, up to twice as curly as the preset `dark_skin`. Hairs are traced
without such joins; two pieces belong together where both lie on one true hair, one after the other. Prints
the weights fitted on half of the pictures, and what they would join on the rest.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import CURLY, NEVER, Traced, curly_scene, preset_scene, traced_scene
from scipy.spatial import cKDTree

from densitometry.settings import TraceSettings
from densitometry.trace.bends import BEND_WEIGHTS, bends_between

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.matching import SAME_DIRECTION_COS, STEP_PX, TOLERANCE_PX, TOLERANCE_UM, sample

Floats = NDArray[np.float64]
KINDS = ("ordinary", CURLY, "dense", CURLY, "thinning", CURLY, "grey", CURLY, "clipped", CURLY)
OWN_SHARE = 0.6
"""Both pieces lie that far on the hair they share."""
OVERLAP_UM, OVERLAP_SHARE = 60.0, 0.3
"""And run beside each other for less than this, with such a share of the shorter one."""
RIDGE = 1e-3
ODDS = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece lies on a true hair: first and last sample."""

    first: int
    last: int

    def follows(self, other: Place, um_per_px: float) -> bool:
        """Return whether two pieces of one hair lie one after the other."""
        shared = min(self.last, other.last) - max(self.first, other.first)
        shorter = min(self.last - self.first, other.last - other.first)
        step = STEP_PX * um_per_px
        return shared * step < OVERLAP_UM + OVERLAP_SHARE * shorter * step


def _places(traced: Traced) -> list[dict[int, Place]]:
    """For each piece the true hairs it mostly lies on."""
    everywhere = np.ones(traced.phantom.hidden.shape, np.bool_)
    tolerance = max(TOLERANCE_PX, TOLERANCE_UM / traced.um_per_px)
    hairs = [sample([np.asarray(h.line_px, float)], everywhere) for h in traced.phantom.hairs]
    known = [(n, hair, cKDTree(hair.points)) for n, hair in enumerate(hairs) if len(hair.points)]
    found: list[dict[int, Place]] = []
    for piece in traced.hairs:
        line = sample([traced.native(piece.points)], everywhere)
        found.append({})
        low, high = line.points.min(axis=0) - tolerance, line.points.max(axis=0) + tolerance
        for n, hair, tree in known:
            if (hair.points.max(axis=0) < low).any() or (hair.points.min(axis=0) > high).any():
                continue
            apart, near = tree.query(line.points)
            alike = np.abs((line.directions * hair.directions[near]).sum(axis=1)) >= SAME_DIRECTION_COS
            on = near[(apart < tolerance) & alike]
            if len(on) >= OWN_SHARE * len(near):
                found[-1][n] = Place(int(on.min()), int(on.max()))
    return found


def picture(task: tuple[int, int]) -> tuple[bool, Floats, Floats]:
    """Trace one phantom: whether it is curly, and for each bend its features and whether it is one hair."""
    seed, number = task
    rng = np.random.default_rng((seed, number))
    kind = KINDS[number % len(KINDS)]
    scene = curly_scene(rng) if kind == CURLY else preset_scene(kind, rng)
    settings = TraceSettings(bend_odds=NEVER, cut_odds=NEVER, least_presence=0.0, sibling_odds=NEVER)
    traced = traced_scene(scene, scene.um_per_px, rng, settings)
    bends = bends_between(traced.hairs, traced.maps, traced.picture.contrast)
    places = _places(traced)
    right = [
        any(places[i][n].follows(places[j][n], traced.um_per_px) for n in places[i].keys() & places[j].keys())
        for i, j in (bend.pieces for bend in bends)
    ]
    features = np.array([bend.features for bend in bends], float).reshape(-1, len(BEND_WEIGHTS) - 1)
    return kind == CURLY, features, np.array(right, float)


def main() -> None:
    """Fit on half of the pictures, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=560)
    parser.add_argument("--seed", type=int, default=91)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(picture, [(args.seed, number) for number in range(args.count)]))
    # pairs of neighbouring numbers: one plain kind and one curly
    fitted = [row for number, row in enumerate(rows) if number // 2 % 2 == 0]
    rest = [row for number, row in enumerate(rows) if number // 2 % 2]
    weights = logistic(
        np.vstack([row[1] for row in fitted]), np.concatenate([row[2] for row in fitted]), ridge=RIDGE
    )
    print("bends:", ", ".join(f"{w:.2f}" for w in weights))
    for name, used in (("fitted", weights), ("shipped", np.array(BEND_WEIGHTS))):
        for curly in (True, False):
            features = np.vstack([row[1] for row in rest if row[0] == curly])
            right = np.concatenate([row[2] for row in rest if row[0] == curly])
            odds = features @ used[:-1] + used[-1]
            for least in ODDS:
                taken = right[odds >= least]
                print(
                    f"  {name}, {'curly' if curly else 'other'}, log odds from {least:4.1f}: "
                    f"{len(taken)} pairs joined, {taken.sum():.0f} of {right.sum():.0f} that are one hair"
                )


if __name__ == "__main__":
    main()
