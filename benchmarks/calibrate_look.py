"""Fit what the second look concludes (`follow.look.WEIGHTS`) on rendered pairs of visits.

`python -m benchmarks.calibrate_look --pairs 20` renders pairs of three kinds, takes each trace without a
partner on the skin both pictures show, and tells by logistic regression the hairs that the other picture
shows untraced from those that are not there. Seeds stay below 1000: what is measured later never saw them.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.visit_pairs import KINDS, SETTINGS, make_pair
from benchmarks.visit_score import Measured, analyze, compare_timed, link_follicles, measure
from densitometry.follow.hints import appearance_of, sought_of
from densitometry.follow.look import LEAST_SHADE, Sought, features_of
from densitometry.follow.match import MATCHED

Floats = NDArray[np.float64]
CALIBRATION_KINDS = ("null", "cycle", "moved")
RIDGE, STEPS = 0.3, 40
MOST_SEEDS = 1000


@click.command()
@click.option(
    "--pairs", type=click.IntRange(1, MOST_SEEDS), default=20, show_default=True, help="Of each kind."
)
@click.option("--setting", type=click.Choice(list(SETTINGS)), default="clipped", show_default=True)
def main(pairs: int, setting: str) -> None:
    """Render, compare, and print the weights with how well they tell the two apart."""
    cv2.setNumThreads(1)
    rows, overlooked = [], []
    for kind in CALIBRATION_KINDS:
        for seed in range(pairs):
            for features, there in examples(kind, setting, seed):
                rows.append(features)
                overlooked.append(there)
    x, y = np.column_stack([np.array(rows), np.ones(len(rows))]), np.array(overlooked)
    weights = logistic_fit(x, y)
    right = (x @ weights > 0) == y
    click.echo(f"weights {tuple(round(float(w), 1) for w in weights)}")
    click.echo(
        f"overlooked told: {np.mean(right[y]):.2f} of {y.sum()}; not there told: {np.mean(right[~y]):.2f}"
    )


def examples(kind: str, setting: str, seed: int) -> Iterator[tuple[tuple[float, ...], bool]]:
    """Yield what a second look sees of each real hair without a partner, and whether it is there."""
    told = KINDS[kind].zoom_told
    pair = make_pair(KINDS[kind], SETTINGS[setting], seed)
    measured: list[Measured] = [
        measure(visit[0], analyze(visit[0], zoom_told=told), len(pair.root_um)) for visit in pair.visits
    ]
    found = compare_timed([[m.analysis] for m in measured])[0].comparison
    links, deformation = found.links, found.registration.deformation
    patches = (found.baselines[0], found.followups[0])
    looks = [patch.look for patch in patches]
    if deformation is None or looks[0] is None or looks[1] is None:
        return
    sought = [sought_of(patch) for patch in patches]
    rows = (links.baseline, links.followup)
    follicles = link_follicles(found, measured)
    alike = links.status == MATCHED
    for here, there in ((0, 1), (1, 0)):
        change = appearance_of(
            sought[here], sought[there], np.column_stack([rows[here][alike], rows[there][alike]])
        )
        for k in np.flatnonzero((rows[here] >= 0) & (rows[there] < 0) & links.shared):
            follicle, row = follicles[here][k], rows[here][k]
            root = patches[here].root_um[[row]]
            expected = Sought(
                deformation(root) if there else deformation.inverse(root),
                sought[here].direction_rad[[row]] + change.turn_rad,
                sought[here].diameter_um[[row]],
                sought[here].length_um[[row]],
                sought[here].shade[[row]] * change.shade_ratio,
            )
            look = looks[there]
            if follicle >= 0 and look is not None and abs(expected.shade[0]) >= LEAST_SHADE:
                yield features_of(look, expected, 0), bool(pair.showing[there, follicle])


def logistic_fit(x: Floats, y: NDArray[np.bool_]) -> Floats:
    """Fit (n, p) features to (n,) truths by ridge logistic regression, both classes weighed alike: (p,)."""
    weight = np.where(y, 0.5 / max(1, y.sum()), 0.5 / max(1, (~y).sum())) * len(y)
    found = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        curvature = (x * (weight * chance * (1 - chance))[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
        found = found + np.linalg.solve(curvature, x.T @ (weight * (y - chance)) - RIDGE * found)
    return found


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.calibrate_look")
