"""Hairs of two registered pictures linked one to one: matched, gained, lost or uncertain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from densitometry.follow.constellation import OPENING_LINK_UM, mutual_nearest
from densitometry.follow.patch import Patch
from densitometry.follow.register import Registration
from densitometry.model import BoolArray, FloatArray

IntArray = NDArray[np.int64]
MATCHED, GAINED, LOST, UNCERTAIN = "matched", "gained", "lost", "uncertain"


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """What makes two roots the same hair.

    Attributes:
        place_sd_um: least standard deviation of the distance of a hair from itself, per axis.
        leave_alone_nats: a pair that costs more stays unlinked; 8 nats are 4 standard deviations of place.
        direction_sd_rad: change of direction that costs half a nat.
        direction_cap_nats: no change of direction costs more: hairs do come to lie otherwise.
        diameter_log_sd: change of diameter, on the log scale, that costs half a nat.
        diameter_cap_nats: no change of diameter costs more: hairs do thicken.
        near_um: two unlinked hairs closer than this may be one hair whose root was misplaced.
        least_confidence: an unlinked hair of lower confidence is neither gained nor lost but uncertain.
    """

    place_sd_um: float = 28.0
    leave_alone_nats: float = 7.0
    direction_sd_rad: float = 0.25
    direction_cap_nats: float = 2.0
    diameter_log_sd: float = 0.15
    diameter_cap_nats: float = 1.5
    near_um: float = 200.0
    least_confidence: float = 0.4


@dataclass(frozen=True, slots=True)
class Links:
    """One row per linked pair or single hair, n of them, ordered by baseline index, then follow-up index.

    Attributes:
        baseline, followup: (n,) row in each patch, -1 where there is no hair.
        status: (n,) "matched", "gained", "lost" or "uncertain".
        distance_um: (n,) from the follow-up's root to where the baseline's lies there; NaN for a single.
        place_um: (n, 2) place on the baseline's skin.
        shared: (n,) lies on the skin that both pictures show; only these enter a change.
        opening: (n,) number of the follicular opening of the place, counted over both visits.
    """

    baseline: IntArray
    followup: IntArray
    status: NDArray[np.str_]
    distance_um: FloatArray
    place_um: FloatArray
    shared: BoolArray
    opening: IntArray

    def count(self, status: str) -> int:
        """Return how many rows have `status`."""
        return int(np.count_nonzero(self.status == status))


def link_hairs(
    baseline: Patch, followup: Patch, registration: Registration, settings: MatchSettings | None = None
) -> Links:
    """Link the hairs of two pictures of one skin; an assignment over the whole picture decides.

    Hairs outside the shared skin appear only when matched. A refused registration gives no rows.

    Args:
        baseline: the earlier patch.
        followup: the later patch.
        registration: of these two.
        settings: what makes two roots the same hair.
    """
    settings = settings or MatchSettings()
    if registration.deformation is None or registration.shared is None:
        return _links([], np.zeros((0, 2)), np.zeros(0, dtype=bool))
    deformation = registration.deformation
    mapped, back = deformation(baseline.root_um), deformation.inverse(followup.root_um)
    gap = cdist(mapped, followup.root_um)
    pairs = _assign(gap, _cost(baseline, followup, registration, gap, settings), settings.leave_alone_nats)
    free_a = np.setdiff1d(np.arange(len(baseline)), pairs[:, 0])
    free_b = np.setdiff1d(np.arange(len(followup)), pairs[:, 1])
    # Only where the skin is seen twice can a hair without a partner have come or gone.
    free_a = free_a[
        registration.shared.contains(baseline.root_um[free_a]) & (baseline.count_weight[free_a] > 0)
    ]
    free_b = free_b[registration.shared.contains(back[free_b]) & (followup.count_weight[free_b] > 0)]
    near = mutual_nearest(mapped[free_a], followup.root_um[free_b], settings.near_um)
    rows: list[tuple[int, int, str, float]] = []
    for a, b in pairs:
        counted = (baseline.count_weight[a] > 0) == (followup.count_weight[b] > 0)
        rows.append((int(a), int(b), MATCHED if counted else UNCERTAIN, float(gap[a, b])))
    for k, m in near:
        a, b = int(free_a[k]), int(free_b[m])
        rows.append((a, b, UNCERTAIN, float(gap[a, b])))
    for a in np.delete(free_a, near[:, 0]):
        sure = baseline.confidence[a] >= settings.least_confidence
        rows.append((int(a), -1, LOST if sure else UNCERTAIN, np.nan))
    for b in np.delete(free_b, near[:, 1]):
        sure = followup.confidence[b] >= settings.least_confidence
        rows.append((-1, int(b), GAINED if sure else UNCERTAIN, np.nan))
    rows.sort(key=lambda row: (row[0] < 0, row[0], row[1]))
    place = np.array([_place(baseline.root_um, back, a, b) for a, b, _, _ in rows]).reshape(-1, 2)
    return _links(rows, place, registration.shared.contains(place))


def _cost(
    baseline: Patch, followup: Patch, registration: Registration, gap_um: FloatArray, settings: MatchSettings
) -> FloatArray:
    deformation = registration.deformation
    assert deformation is not None  # noqa: S101 (the caller has looked)
    doubt = deformation.sigma_um(baseline.root_um)
    variance = np.maximum(deformation.noise_um, settings.place_sd_um) ** 2 + doubt**2
    place = gap_um**2 / (2 * variance[:, None])
    difference = (
        followup.direction_rad[None, :] - baseline.direction_rad[:, None] - (registration.turn_rad or 0.0)
    )
    matched = registration.matched
    common = 0.0
    if matched is not None and len(matched):
        common = float(np.angle(np.exp(1j * difference[matched[:, 0], matched[:, 1]]).mean()))
    turn = np.angle(np.exp(1j * (difference - common)))
    direction = np.minimum(0.5 * (turn / settings.direction_sd_rad) ** 2, settings.direction_cap_nats)
    ratio = (
        np.log(np.maximum(followup.diameter_um, 1.0))[None, :]
        - np.log(np.maximum(baseline.diameter_um, 1.0))[:, None]
    )
    diameter = np.minimum(0.5 * (ratio / settings.diameter_log_sd) ** 2, settings.diameter_cap_nats)
    return np.asarray(place + direction + diameter)


def _assign(gap_um: FloatArray, cost: FloatArray, leave_alone: float) -> IntArray:
    """Return the pairs (n, 2) of the cheapest assignment in which any hair may stay alone."""
    if not cost.size:
        return np.zeros((0, 2), dtype=np.int64)
    capped = np.minimum(cost, leave_alone)
    rows, columns = linear_sum_assignment(capped + 1e-9 * gap_um)
    kept = cost[rows, columns] < leave_alone
    return np.column_stack([rows[kept], columns[kept]]).astype(np.int64)


def _place(here_um: FloatArray, back_um: FloatArray, a: int, b: int) -> FloatArray:
    if a < 0:
        return np.asarray(back_um[b])
    return np.asarray(here_um[a] if b < 0 else (here_um[a] + back_um[b]) / 2)


def _links(rows: list[tuple[int, int, str, float]], place_um: FloatArray, shared: BoolArray) -> Links:
    opening = np.zeros(0, dtype=np.int64)
    if rows:
        _, label = connected_components(cdist(place_um, place_um) < OPENING_LINK_UM, directed=False)
        opening = label.astype(np.int64)
    return Links(
        baseline=np.array([row[0] for row in rows], dtype=np.int64),
        followup=np.array([row[1] for row in rows], dtype=np.int64),
        status=np.array([row[2] for row in rows], dtype=np.str_),
        distance_um=np.array([row[3] for row in rows], dtype=float),
        place_um=place_um,
        shared=shared,
        opening=opening,
    )
