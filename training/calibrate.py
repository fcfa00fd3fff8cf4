"""How sure a traced hair is: fit the chance that it is one hair, on rendered pictures the network never saw.

    python training/calibrate.py --count 480 [--seed 79]

A third of the phantoms are random, a third have curly hair, a third are presets. Prints the coefficients of
`densitometry.trace.confidence` fitted on half of them and their reliability on the other half, and, of the
random ones, those of `densitometry.measure.detection`.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from logistic import logistic
from numpy.typing import NDArray
from phantoms import CURLY, NEVER, curly_scene, preset_scene, traced_scene

from densitometry.measure.detection import log_thinness
from densitometry.settings import TraceSettings
from densitometry.simulate import SceneSettings, random_settings
from densitometry.trace.confidence import presence_features
from densitometry.trace.nearby import hair_near
from densitometry.trace.overlaps import overlaps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.matching import (
    EXCUSED_SHARE,
    REQUIRED_LENGTH_UM,
    REQUIRED_VISIBLE,
    TOLERANCE_PX,
    TOLERANCE_UM,
    pair_hairs,
    sample,
)

Floats = NDArray[np.float64]
SIDE_UM = 4000.0
RIDGE = 1e-4
RANDOM, PRESET = "random", "preset"
SORTS = (RANDOM, CURLY, PRESET)
HAIR = ("long straight hair", "long curled hair", "short hair")
PRESETS = ("ordinary", "dense", "thinning", "blond", "grey", "clipped", "clipped")


def scene_of(number: int, rng: np.random.Generator) -> SceneSettings:
    """Return the scene of a numbered phantom."""
    turn, which = number // 2 % len(SORTS), number // 2 // len(SORTS) % len(PRESETS)
    if SORTS[turn] == CURLY:
        return curly_scene(rng)
    if SORTS[turn] == PRESET:
        return preset_scene(PRESETS[which], rng)
    um = float(rng.uniform(4.0, 10.0))
    side = int(SIDE_UM / um)
    return random_settings(rng, um_per_px=um, size_px=(side, side))


def picture(task: tuple[int, int]) -> tuple[Floats, Floats, Floats, Floats]:
    """Trace one phantom: features, true or not, root ends, diameters found or not."""
    seed, number = task
    rng = np.random.default_rng((seed, number))
    scene = scene_of(number, rng)
    um = scene.um_per_px
    # the chance that one of two is a hair of its own is judged by `calibrate_siblings.py`
    traced = traced_scene(scene, um, rng, TraceSettings(least_presence=0.0, sibling_odds=NEVER))
    phantom, segments = traced.phantom, traced.hairs
    lines = [traced.native(s.points) for s in segments]
    seen = ~phantom.hidden
    hairs = phantom.truth()["hairs"]
    required = np.array(
        [_length_in_view(h["line_px"], seen.shape) * um >= REQUIRED_LENGTH_UM for h in hairs], bool
    )
    visible = np.array([h["visible"] >= REQUIRED_VISIBLE for h in hairs], bool)
    tolerance = max(TOLERANCE_PX, TOLERANCE_UM / um)
    pairs, on_truth = pair_hairs(
        sample([np.asarray(h["line_px"], float) for h in hairs], seen), sample(lines, seen), tolerance
    )
    found = np.zeros(len(lines))
    # what is neither right nor wrong tells nothing
    optional = on_truth[:, ~(required & visible)]
    found[optional.max(axis=1, initial=0.0) >= EXCUSED_SHARE] = np.nan
    ends = np.full((len(lines), 4), np.nan)
    for i, j in pairs:
        found[j] = 1.0 if required[i] else np.nan
        # of a hair cut by the border the root may be farther from both ends than the tip is
        true_line = np.asarray(hairs[i]["line_px"], float)
        first, last = (np.hypot(*(true_line - lines[j][end]).T).argmin() for end in (0, -1))
        right = first < last
        ends[j] = segments[j].root_margin, right, segments[j].root_cut, segments[j].tip_cut
    features = [
        np.outer(near, (*presence_features(*pair), 1.0)).ravel()
        for *pair, near in zip(
            segments, overlaps(segments), hair_near(segments, traced.picture.valid.shape), strict=True
        )
    ]
    judged = np.isfinite(found)
    met = {i for i, _ in pairs}
    thickness = [(h["d_um"], float(i in met)) for i, h in enumerate(hairs) if required[i] and visible[i]]
    return (
        np.array(features).reshape(len(segments), -1)[judged],
        found[judged],
        ends,
        np.array(thickness).reshape(-1, 2),
    )


def _length_in_view(line: Any, shape: tuple[int, ...]) -> float:
    points = np.asarray(line, float)
    inside = ((points >= 0) & (points < [shape[1], shape[0]])).all(1)
    return float(np.hypot(*np.diff(points, axis=0).T)[inside[1:]].sum())


def fit_found(pictures: list[Floats]) -> tuple[float, float, float]:
    """Log odds to be found of thick hairs, the loss per log of diameter, its spread between pictures."""
    hairs = np.concatenate(pictures)
    slope, logit = logistic(log_thinness(hairs[:, 0])[:, None], hairs[:, 1])
    # each picture's own slope, less what chance alone moves it: the method of moments
    pulls, weights = [], []
    for hair in pictures:
        x = log_thinness(hair[:, 0])
        p = 1 / (1 + np.exp(-(logit + slope * x)))
        pulls.append(float((hair[:, 1] - p) @ x))
        weights.append(float((p * (1 - p)) @ x**2))
    excess = np.square(pulls).sum() - np.sum(weights)
    return float(logit), float(slope), float(np.sqrt(max(0.0, excess) / np.square(weights).sum()))


def main() -> None:
    """Fit on every other picture, test on the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--seed", type=int, default=79)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(picture, [(args.seed, number) for number in range(args.count)]))
    random = [row for number, row in enumerate(rows) if SORTS[number // 2 % len(SORTS)] == RANDOM]
    rows = [row for row in rows if len(row[0])]
    fit, test = rows[::2], rows[1::2]
    x, y = np.concatenate([r[0] for r in fit]), np.concatenate([r[1] for r in fit])
    # each sort of hair has a constant of its own
    beta = logistic(x, y, ridge=RIDGE, constant=False)[:-1]
    xt, yt = np.concatenate([r[0] for r in test]), np.concatenate([r[1] for r in test])
    chance = 1 / (1 + np.exp(-np.clip(xt @ beta, -30, 30)))
    for name, part in zip(HAIR, np.split(beta, len(HAIR)), strict=True):
        print(f"presence, {name}:", ", ".join(f"{b:.3f}" for b in part))
    print(f"of {len(y)} lines {y.mean():.3f} are hairs")
    for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.01)):
        inside = (chance >= low) & (chance < high)
        if inside.any():
            print(f"  said {chance[inside].mean():.2f}  true {yt[inside].mean():.2f}  of {inside.sum()}")
    ends = np.concatenate([r[2] for r in fit])
    ends = ends[np.isfinite(ends[:, 1])]
    cut = ends[:, 2] + ends[:, 3]
    for name, part in (("neither end", cut == 0), ("one end", cut == 1)):
        margin, right = ends[part, 0], ends[part, 1]
        slope = ", ".join(f"{b:.3f}" for b in logistic(margin[:, None], right))
        print(f"root end, border cuts {name}: {slope}; right {right.mean():.3f} of {len(right)}")
    logit, loss, spread = fit_found([r[3] for r in random])
    print(f"found by diameter: logit {logit:.2f}, slope {loss:.2f}, its spread {spread:.2f}")


if __name__ == "__main__":
    main()
