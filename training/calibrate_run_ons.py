"""Which lines ran on from one hair into another: fit the odds of `densitometry.trace.run_ons` on phantoms.

    python training/calibrate_run_ons.py --count 400 [--seed 87]

Lines are traced without any cut. The truth says of every place of every line whether its two pieces would
meet more hairs than the line does, beside those that other lines meet. Prints the weights fitted on all
places of every other picture, and what the likeliest cuts of the lines of the rest would win and lose.
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
from phantoms import NEVER, Traced, traced_preset
from scipy.spatial import cKDTree

from densitometry.settings import TraceSettings
from densitometry.trace.nearby import usual_log_lengths
from densitometry.trace.overlaps import alike_places
from densitometry.trace.run_ons import RUN_ON_WEIGHTS, Cuts, cuts_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.matching import (
    REQUIRED_LENGTH_UM,
    REQUIRED_VISIBLE,
    SAME_DIRECTION_COS,
    SAME_HAIR_SHARE,
    STEP_PX,
    TOLERANCE_PX,
    TOLERANCE_UM,
    Samples,
    pair_hairs,
    sample,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
KINDS = (
    *("ordinary", "clipped", "dense", "clipped", "thinning"),
    *("clipped", "blond", "grey", "dark_skin", "clipped"),
)
WON, NOTHING, LOST = 1.1, 0.9, 2.9
"""What a cut moves hair F1 by, where it is near 0.9: a hair met, a line too many, a hair lost."""
RIDGE = 3e-4
ODDS = (-1.0, -0.5, 0.0, 0.5)


@dataclass(frozen=True, slots=True)
class Shared:
    """How a line and a hair run along each other: running sums along the line, and the length of the hair."""

    of_line: Ints
    of_hair: Ints
    hair: int

    def same(self, first: Ints, last: Ints) -> NDArray[np.bool_]:
        """Return whether pieces of the line, between such points, are that hair."""
        both = np.minimum(self.of_line[last] - self.of_line[first], self.of_hair[last] - self.of_hair[first])
        return both >= SAME_HAIR_SHARE * (last - first + self.hair - both)


def share(line: Floats, hair: Samples, tolerance_px: float) -> Shared:
    """Walk along a line and a hair beside each other; the line's points are as far apart as the hair's."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]

    def beside(a: Floats, at: Floats, b: Floats, bt: Floats) -> tuple[NDArray[np.bool_], Ints]:
        apart, near = cKDTree(b).query(a)
        alike = np.abs((at * bt[near]).sum(axis=1)) >= SAME_DIRECTION_COS
        return (apart < tolerance_px) & alike, near

    on, _ = beside(line, along, hair.points, hair.directions)
    met, where = beside(hair.points, hair.directions, line, along)
    counts = np.bincount(where[met], minlength=len(line))
    return Shared(np.append(0, np.cumsum(on)), np.append(0, np.cumsum(counts)), len(hair.points))


def winnings(traced: Traced, cuts: list[Cuts]) -> list[Ints]:
    """Return how many hairs more the pieces of each line would meet, for each place it may be cut at."""
    um, everywhere = traced.um_per_px, np.ones(traced.phantom.hidden.shape, np.bool_)
    tolerance = max(TOLERANCE_PX, TOLERANCE_UM / um)
    hairs = [np.asarray(hair.line_px, float) for hair in traced.phantom.hairs]
    lines = [traced.native(hair.points) for hair in traced.hairs]
    truth = sample(hairs, everywhere)
    met = {found: hair for hair, found in pair_hairs(truth, sample(lines, everywhere), tolerance)[0]}
    open_to = {
        k
        for k, hair in enumerate(traced.phantom.hairs)
        if truth.per_curve[k] * STEP_PX * um >= REQUIRED_LENGTH_UM and hair.visible >= REQUIRED_VISIBLE
    } - set(met.values())
    apart = [sample([hair], everywhere) for hair in hairs]
    won = []
    for k, (line, cut) in enumerate(zip(lines, cuts, strict=True)):
        arc = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        at = np.arange(0.0, arc[-1], STEP_PX)
        walked = np.stack([np.interp(at, arc, line[:, 0]), np.interp(at, arc, line[:, 1])], axis=1)
        place = np.searchsorted(at, arc[cut.places])
        low, high = walked.min(axis=0) - tolerance, walked.max(axis=0) + tolerance
        about = [
            n
            for n in sorted(open_to | ({met[k]} if k in met else set()))
            if len(apart[n].points)
            and (apart[n].points.max(axis=0) > low).all()
            and (apart[n].points.min(axis=0) < high).all()
        ]
        one, two = (np.zeros((len(about), len(place)), np.bool_) for _ in range(2))
        for row, n in enumerate(about):
            shared = share(walked, apart[n], tolerance)
            one[row] = shared.same(np.zeros_like(place), place)
            two[row] = shared.same(place, np.full_like(place, len(walked)))
        pieces = np.minimum(one.any(axis=0).astype(np.int64) + two.any(axis=0), (one | two).sum(axis=0))
        won.append(pieces - int(k in met))
    return won


def picture(task: tuple[int, int]) -> list[tuple[Cuts, Ints]]:
    """Trace one phantom: for each line the places it may be cut at, and what is won there."""
    seed, number = task
    settings = TraceSettings(cut_odds=NEVER, least_presence=0.0, sibling_odds=NEVER)
    traced = traced_preset(KINDS[number // 2 % len(KINDS)], np.random.default_rng((seed, number)), settings)
    around = zip(traced.hairs, alike_places(traced.hairs), usual_log_lengths(traced.hairs), strict=True)
    cuts = [
        cuts_of(hair, alike, usual, traced.maps, traced.picture.contrast) for hair, alike, usual in around
    ]
    return [(cut, won) for cut, won in zip(cuts, winnings(traced, cuts), strict=True) if len(won)]


def main() -> None:
    """Fit on every other picture, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=87)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(picture, [(args.seed, number) for number in range(args.count)]))
    fitted, rest = ([line for row in half for line in row] for half in (rows[::2], rows[1::2]))
    weights = fit(fitted)
    for name, row in zip(("long", "short"), weights, strict=True):
        print(f"{name} hair:", ", ".join(f"{w:.2f}" for w in row))
    for name, used in (("fitted", weights), ("shipped", np.array(RUN_ON_WEIGHTS))):
        for short in (False, True):
            judge(f"{name}, {'short' if short else 'long'} hair", used, rest, short)


def fit(lines: list[tuple[Cuts, Ints]]) -> Floats:
    """Weights of long and of short hair (2, 19), each place counting for either as short as hair is there."""
    won = np.concatenate([won for _, won in lines])
    worth = np.where(won > 0, WON, np.where(won < 0, LOST, NOTHING))
    features = np.vstack([cut.features for cut, _ in lines])
    shortness = np.concatenate([np.full(len(won), cut.shortness) for cut, won in lines])
    return np.array(
        [
            logistic(features, (won > 0).astype(float), ridge=RIDGE, worth=worth * share)
            for share in (1.0 - shortness, shortness)
        ]
    )


def judge(name: str, weights: Floats, lines: list[tuple[Cuts, Ints]], short: bool) -> None:
    """Print what the likeliest cuts of lines would win and lose, where hair is short or long."""
    chosen = [(cut, won) for cut, won in lines if (cut.shortness > 0.5) == short]
    possible = sum(bool((won > 0).any()) for _, won in chosen)
    odds = [cut.odds(weights) for cut, _ in chosen]
    best = np.array([(o.max(), won[np.argmax(o)]) for o, (_, won) in zip(odds, chosen, strict=True)])
    best = best.reshape(-1, 2)
    for least in ODDS:
        taken = best[best[:, 0] >= least, 1]
        print(
            f"  {name}, log odds from {least:4.1f}: {len(taken):4d} of {len(chosen)} lines cut, "
            f"{(taken > 0).sum():3d} win a hair of {possible} that could, {(taken < 0).sum():3d} lose one"
        )


if __name__ == "__main__":
    main()
