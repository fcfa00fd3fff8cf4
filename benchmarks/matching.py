"""Which trace is which hair of a phantom.

A truth hair and a trace are the same hair when they run along each other (within 25 µm or 2.5 px, and
35°) for at least half of the length that both have in view together; every hair and every trace is
used at most once, and the pairing is the one that shares most. Stretches under bubbles, glare and
marks are no evidence either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SAME_HAIR_SHARE = 0.5
TOLERANCE_PX, TOLERANCE_UM = 2.5, 25.0
SAME_DIRECTION_COS = math.cos(math.radians(35.0))
STEP_PX = 1.5
REQUIRED_LENGTH_UM = 200.0
"""The contract asks for every hair seen along at least this much."""
REQUIRED_VISIBLE = 0.25
"""A hair with less of itself above other hairs is neither required nor wrong."""
EXCUSED_SHARE, HIDDEN_SHARE = 0.3, 0.5
"""A trace with such a share on hairs that are not required, or under what hides it, is not counted wrong."""
CIRCLE_RADIUS = 0.48


@dataclass(frozen=True, slots=True)
class Samples:
    """Points along curves: (S, 2) places and unit directions, (S,) curve of each, (K,) samples per curve."""

    points: Floats
    directions: Floats
    owner: NDArray[np.int64]
    per_curve: NDArray[np.int64]


def sample(lines: Sequence[Floats], seen: Bools) -> Samples:
    """Walk along curves in even steps and keep what can be seen.

    Args:
        lines: (N, 2) curves [x, y] [px].
        seen: (H, W) True where nothing hides the scalp.
    """
    points, directions, owners = [np.empty((0, 2))], [np.empty((0, 2))], [np.empty(0, np.int64)]
    for number, line in enumerate(lines):
        arc = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        at = np.arange(0.0, arc[-1] + 1e-9, STEP_PX)
        place = np.stack([np.interp(at, arc, line[:, 0]), np.interp(at, arc, line[:, 1])], axis=1)
        along = np.gradient(place, axis=0) if len(at) > 1 else np.zeros_like(place)
        cell = np.rint(place).astype(np.int64)
        inside = np.asarray(((cell >= 0) & (cell < (seen.shape[1], seen.shape[0]))).all(axis=1), np.bool_)
        kept = inside.copy()
        kept[inside] = seen[cell[inside, 1], cell[inside, 0]]
        points.append(place[kept])
        directions.append(along[kept] / np.maximum(np.linalg.norm(along[kept], axis=1, keepdims=True), 1e-9))
        owners.append(np.full(int(kept.sum()), number))
    owner = np.concatenate(owners)
    counts = np.bincount(owner, minlength=len(lines)).astype(np.int64)
    return Samples(np.vstack(points), np.vstack(directions), owner, counts)


def shared_samples(a: Samples, b: Samples, tolerance_px: float) -> tuple[Floats, Floats]:
    """Return (A, B) counts of samples of each a that run along each b, and (A, B) of each b along each a."""
    shape = (len(a.per_curve), len(b.per_curve))
    if not (len(a.points) and len(b.points)):
        return np.zeros(shape), np.zeros(shape)
    near = cKDTree(a.points).sparse_distance_matrix(cKDTree(b.points), tolerance_px, output_type="ndarray")
    i, j = near["i"], near["j"]
    parallel = np.abs((a.directions[i] * b.directions[j]).sum(axis=1)) >= SAME_DIRECTION_COS
    i, j = i[parallel], j[parallel]
    return (
        _tally(i, a.owner, b.owner[j], shape),
        _tally(j, b.owner, a.owner[i], shape[::-1]).T,
    )


def _tally(
    samples: NDArray[np.int64], owner: NDArray[np.int64], other: NDArray[np.int64], shape: tuple[int, int]
) -> Floats:
    """Return how many samples of each curve have each of the other curves nearby.

    Args:
        samples: number of the sample, once for each near sample of another curve.
        owner: curve of each sample.
        other: the other curve, one per entry of `samples`.
        shape: number of curves on either side.
    """
    sample_number, other_number = np.divmod(np.unique(samples.astype(np.int64) * shape[1] + other), shape[1])
    pair = owner[sample_number] * shape[1] + other_number
    return np.bincount(pair, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)


def pair_hairs(truth: Samples, found: Samples, tolerance_px: float) -> tuple[list[tuple[int, int]], Floats]:
    """Return the one-to-one pairs (truth, found) and (B, A): each found curve's share on each truth curve."""
    along_truth, along_found = shared_samples(truth, found, tolerance_px)
    both = np.minimum(along_truth, along_found)
    union = truth.per_curve[:, None] + found.per_curve[None] - both
    share = both / np.maximum(union, 1)
    rows, columns = linear_sum_assignment(share, maximize=True)
    pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if share[r, c] >= SAME_HAIR_SHARE]
    return pairs, (along_found / np.maximum(found.per_curve[None], 1)).T


@dataclass(frozen=True, slots=True)
class Match:
    """Which trace is which hair.

    Attributes:
        hairs: of the truth, those that lie loose last.
        required: (N,) of each hair, whether a trace is asked for.
        excused: (M,) of each trace, whether it is no error although it is no required hair.
        hits: pairs of a required hair and its trace.
        seen: (H, W) where nothing hides the scalp.
        field_of_view: (H, W) what the frame shows.
    """

    hairs: Sequence[Mapping[str, Any]]
    required: Bools
    excused: Bools
    hits: Sequence[tuple[int, int]]
    seen: Bools
    field_of_view: Bools

    @property
    def missed(self) -> list[int]:
        """Required hairs without a trace."""
        return sorted(set(np.flatnonzero(self.required).tolist()) - {hair for hair, _ in self.hits})

    @property
    def false(self) -> list[int]:
        """Traces that are no hair of their own."""
        return sorted(set(np.flatnonzero(~self.excused).tolist()) - {trace for _, trace in self.hits})


def match_hairs(
    truth: Mapping[str, Any], hidden: Bools, traces: Sequence[tuple[Floats, Mapping[str, Any]]]
) -> Match:
    """Pair the hairs of a picture with traces; arguments as of `score_picture`."""
    um = float(truth["um_per_px"])
    field_of_view = _field_of_view(hidden.shape, bool(truth["circle"]))
    seen = field_of_view & ~hidden
    hairs = [*truth["hairs"], *truth["loose"]]
    lines = [line for line, _ in traces]
    true_samples = sample([np.asarray(h["line_px"], float) for h in hairs], seen)
    found_samples = sample(lines, seen)
    covered = sample(lines, hidden & field_of_view).per_curve
    required = np.array(
        [
            k < len(truth["hairs"])
            and n * STEP_PX * um >= REQUIRED_LENGTH_UM
            and hairs[k]["visible"] >= REQUIRED_VISIBLE
            for k, n in enumerate(true_samples.per_curve)
        ],
        np.bool_,
    )
    pairs, on_truth = pair_hairs(true_samples, found_samples, max(TOLERANCE_PX, TOLERANCE_UM / um))
    hits = [(t, f) for t, f in pairs if required[t]]
    excused = covered > HIDDEN_SHARE / (1 - HIDDEN_SHARE) * found_samples.per_curve
    if (~required).any():
        excused |= on_truth[:, ~required].max(axis=1) >= EXCUSED_SHARE
    excused[[f for _, f in hits]] = False
    return Match(hairs, required, excused, hits, seen, field_of_view)


def _field_of_view(shape: tuple[int, ...], circle: bool) -> Bools:
    height, width = shape
    if not circle:
        return np.ones((height, width), np.bool_)
    y, x = np.ogrid[:height, :width]
    return np.asarray(np.hypot(x - width / 2, y - height / 2) < CIRCLE_RADIUS * height, np.bool_)
