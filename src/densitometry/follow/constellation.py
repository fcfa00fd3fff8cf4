"""Where the openings of one picture recur in another: a vote over places, then a closer look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from densitometry.follow.deformation import apply_affine, fit_affine, fit_similarity, similarity
from densitometry.follow.patch import Field, Patch
from densitometry.model import FloatArray

OPENING_LINK_UM = 130.0
"""Roots closer than this are taken for one opening: a unit seen incompletely still stands at its place."""
BIN_UM = 100.0
BOX_BINS = 3
WEAK_CONFIDENCE = 0.2
CELL_STRIDE = 7
"""Every seventh cell of the field is enough to know an overlap to a percent."""
LEAST_EXPECTED = 0.3
"""Fewer votes than this by chance are not told apart: a few coincidences always stand out of nothing."""
SEARCH_SLACK_UM = 75.0
"""Turn and scale steps move no point of the field by more than this from the nearest step."""


Move = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class SearchRange:
    """How far the second picture may be turned, scaled and shifted.

    Attributes:
        turn_rad: largest turn either way.
        scale: largest relative departure of the scale either way.
        least_overlap: least share of the smaller field that both pictures must show.
        candidates: how many places the vote hands on.
    """

    turn_rad: float = 0.42
    scale: float = 0.13
    least_overlap: float = 0.15
    candidates: int = 16


@dataclass(frozen=True, slots=True)
class Openings:
    """Places where hairs leave the skin.

    Attributes:
        centre_um: (N, 2) their middles [x, y] [µm].
        direction_rad: (N,) mean direction of their hairs.
        of_root: (K,) opening of each root of the patch, -1 for roots left out.
    """

    centre_um: FloatArray
    direction_rad: FloatArray
    of_root: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the openings agree under one map.

    Attributes:
        pairs: (n, 2) indices of openings that meet, mutually nearest.
        possible: openings that could have met: the smaller count in the shared area.
        by_chance: how many would meet if the two had nothing to do with each other.
        surprise: log-likelihood ratio of that many meetings over chance [nats].
    """

    pairs: NDArray[np.int64]
    possible: int
    by_chance: float
    surprise: float


def openings_of(patch: Patch) -> Openings:
    """Group the roots of a patch to openings; roots of low confidence are left out (opening -1)."""
    sure = patch.confidence > WEAK_CONFIDENCE
    roots = patch.root_um[sure]
    of_root = np.full(len(patch), -1, dtype=np.int64)
    if not len(roots):
        return Openings(np.zeros((0, 2)), np.zeros(0), of_root)
    _, label = connected_components(cdist(roots, roots) < OPENING_LINK_UM, directed=False)
    of_root[sure] = label
    count = np.bincount(label)
    centre = np.column_stack([np.bincount(label, roots[:, axis]) / count for axis in (0, 1)])
    heading = patch.direction_rad[sure]
    direction = np.arctan2(np.bincount(label, np.sin(heading)), np.bincount(label, np.cos(heading)))
    return Openings(centre, direction, of_root)


def find_candidates(
    baseline: FloatArray, followup: FloatArray, field: Field, followup_field: Field, search: SearchRange
) -> list[FloatArray]:
    """Vote with every pair of openings and return the best-supported similarities, best first.

    Args:
        baseline: (N, 2) openings [µm].
        followup: (K, 2) openings [µm].
        field: in which the baseline's were seen.
        followup_field: in which the follow-up's were seen.
        search: how far to look.
    """
    if not (len(baseline) and len(followup)):
        return []
    left, top, right, bottom = field.extent_um
    step = 2 * SEARCH_SLACK_UM / (np.hypot(right - left, bottom - top) / 2)
    turns = _steps(search.turn_rad, step)
    scales = 1.0 + _steps(search.scale, step)
    centre, target = field.centre_um, followup_field.centre_um
    expected, half = _expected_votes(
        field, followup_field, len(baseline) * len(followup), search.least_overlap
    )
    found = _vote(baseline - centre, followup - target, turns, scales, expected, half[0], half[1], BIN_UM)
    chosen: list[NDArray[Any]] = []
    for row in found[np.argsort(-found[:, 0], kind="stable")]:
        near = [
            np.abs(row[3:] - other[3:]).max() < 2 * BIN_UM and abs(row[1] - other[1]) < 1.5 * step
            for other in chosen
        ]
        if row[0] > 0 and not any(near):
            chosen.append(row)
        if len(chosen) == search.candidates:
            break
    return [similarity(row[1], row[2], centre, target - centre + row[3:]) for row in chosen]


def look_closer(
    affine: FloatArray,
    openings: tuple[FloatArray, FloatArray],
    fields: tuple[Field, Field],
    gates_um: tuple[float, ...],
) -> Agreement:
    """Pull an affine map onto the openings through ever narrower gates and say how surprising the result is.

    Args:
        affine: (2, 3) where to start.
        openings: baseline (N, 2) and follow-up (K, 2) [µm].
        fields: their fields.
        gates_um: widths of the gate, last one is the tolerance of a meeting.
    """
    baseline, followup = openings
    for number, gate in enumerate(gates_um):
        pairs = mutual_nearest(apply_affine(affine, baseline), followup, gate)
        if len(pairs) < 3:  # noqa: PLR2004 (an affine map has three points of freedom)
            break
        a, b = baseline[pairs[:, 0]], followup[pairs[:, 1]]
        affine = fit_similarity(a, b) if number == 0 else fit_affine(a, b, gate)
    back = np.linalg.inv(affine[:, :2]).T
    return agreement(
        lambda points: apply_affine(affine, points),
        lambda points: np.asarray((points - affine[:, 2]) @ back),
        openings,
        fields,
        gates_um[-1],
    )


def agreement(
    forward: Move,
    backward: Move,
    openings: tuple[FloatArray, FloatArray],
    fields: tuple[Field, Field],
    gate_um: float,
    pairs: NDArray[np.int64] | None = None,
) -> Agreement:
    """Count the openings that meet within `gate_um` under a map, and how many would by chance.

    Args:
        forward: baseline → follow-up, (N, 2) → (N, 2) [µm].
        backward: its inverse.
        openings: baseline (N, 2) and follow-up (K, 2) [µm].
        fields: their fields.
        gate_um: openings closer than this meet.
        pairs: openings already found to meet, once per root; None pairs mutually nearest ones.
    """
    baseline, followup = openings
    mapped = forward(baseline)
    if pairs is None:
        pairs = mutual_nearest(mapped, followup, gate_um)
    else:
        pairs = pairs[np.unique(pairs[:, 0], return_index=True)[1]]
        pairs = pairs[np.unique(pairs[:, 1], return_index=True)[1]]
    fewer, more = sorted(
        (int(fields[1].contains(mapped).sum()), int(fields[0].contains(backward(followup)).sum()))
    )
    cells = fields[0].cells_um()[::CELL_STRIDE]
    shared_um2 = float(fields[1].contains(forward(cells)).sum()) * CELL_STRIDE * fields[0].cell_um ** 2
    if fewer == 0 or shared_um2 == 0:
        return Agreement(pairs[:0], 0, 0.0, 0.0)
    chance = 1.0 - float(np.exp(-np.pi * gate_um**2 * more / shared_um2))
    return Agreement(pairs, fewer, fewer * chance, _surprise(min(len(pairs), fewer), fewer, chance))


def mutual_nearest(a_um: FloatArray, b_um: FloatArray, gate_um: float) -> NDArray[np.int64]:
    """Return index pairs (n, 2) of points that are each other's nearest and within the gate."""
    if not (len(a_um) and len(b_um)):
        return np.zeros((0, 2), dtype=np.int64)
    gap = cdist(a_um, b_um)
    nearest = gap.argmin(axis=1)
    rows = np.arange(len(a_um))
    kept = (gap.argmin(axis=0)[nearest] == rows) & (gap[rows, nearest] <= gate_um)
    return np.column_stack([rows[kept], nearest[kept]])


def _surprise(met: int, possible: int, chance: float) -> float:
    """Return the binomial log-likelihood ratio of the seen share over chance; 0 at or below chance."""
    share = met / possible
    if share <= chance:
        return 0.0
    rest = (possible - met) * np.log((1 - share) / (1 - chance)) if met < possible else 0.0
    return float(met * np.log(share / chance) + rest)


def _steps(reach: float, step: float) -> FloatArray:
    n = int(np.ceil(reach / step))
    return np.linspace(-reach, reach, 2 * n + 1)


def _expected_votes(
    field: Field, followup_field: Field, n_pairs: int, least_overlap: float
) -> tuple[FloatArray, tuple[int, int]]:
    """Return how many votes chance alone puts into one box, per shift; inf where fields hardly overlap."""
    coarse = [_shares(field), _shares(followup_field)]
    overlap: FloatArray = np.asarray(fftconvolve(coarse[1], coarse[0][::-1, ::-1]))
    areas = [float(c.sum()) for c in coarse]
    # `fftconvolve` puts the shift that lays centre on centre in the middle; an even size falls between bins.
    rows, columns = overlap.shape[0], overlap.shape[1]
    half = (columns // 2, rows // 2)
    size = (2 * half[1] + 1, 2 * half[0] + 1)
    overlap = np.asarray(
        cv2.resize(overlap.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR), dtype=float
    )
    expected = n_pairs * np.maximum(overlap, 0.0) / (areas[0] * areas[1]) * BOX_BINS**2
    expected[overlap < least_overlap * min(areas)] = np.inf
    return expected, half


def _shares(field: Field) -> NDArray[np.float32]:
    rows, columns = field.mask.shape
    size = (
        max(1, round(columns * field.cell_um / BIN_UM)),
        max(1, round(rows * field.cell_um / BIN_UM)),
    )
    return np.asarray(cv2.resize(field.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))


@njit(cache=True)
def _vote(  # noqa: C901 (compiled: calls would be inlined anyway)
    baseline: FloatArray,
    followup: FloatArray,
    turns: FloatArray,
    scales: FloatArray,
    expected: FloatArray,
    half_x: int,
    half_y: int,
    bin_um: float,
) -> FloatArray:
    """Return per turn and scale the best shift: rows of surprise, turn, scale, shift x, shift y."""
    rows, columns = expected.shape
    best = np.zeros((len(turns) * len(scales), 5))
    votes = np.zeros((rows, columns), dtype=np.int32)
    touched = np.zeros((len(baseline) * len(followup), 2), dtype=np.int32)
    log_of = np.log(np.arange(1, 9 * len(baseline) * len(followup) + 1))
    floor = np.maximum(expected, LEAST_EXPECTED)
    log_floor = np.log(floor)
    number = 0
    for turn in turns:
        for scale in scales:
            n = 0
            c, s = scale * np.cos(turn), scale * np.sin(turn)
            for i in range(len(baseline)):
                x = (c * baseline[i, 0] - s * baseline[i, 1]) / bin_um - 0.5 - half_x
                y = (s * baseline[i, 0] + c * baseline[i, 1]) / bin_um - 0.5 - half_y
                for j in range(len(followup)):
                    column = int(np.floor(followup[j, 0] / bin_um - x))
                    row = int(np.floor(followup[j, 1] / bin_um - y))
                    if 0 < column < columns - 1 and 0 < row < rows - 1:
                        if votes[row, column] == 0:
                            touched[n, 0], touched[n, 1] = row, column
                            n += 1
                        votes[row, column] += 1
            top, at_x, at_y = 0.0, 0, 0
            # A box round an empty bin may hold votes, but then a neighbour's box holds as many.
            for k in range(n):
                row, column = touched[k, 0], touched[k, 1]
                chance = floor[row, column]
                count = 0
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        count += votes[row + dy, column + dx]
                if count > chance:
                    surprise = count * (log_of[count - 1] - log_floor[row, column]) - (count - chance)
                    if surprise > top:
                        top, at_x, at_y = surprise, column, row
            for k in range(n):
                votes[touched[k, 0], touched[k, 1]] = 0
            best[number, 0] = top
            best[number, 1] = turn
            best[number, 2] = scale
            best[number, 3] = (at_x - half_x) * bin_um
            best[number, 4] = (at_y - half_y) * bin_um
            number += 1
    return best
