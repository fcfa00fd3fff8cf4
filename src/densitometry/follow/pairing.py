"""Which hair of one picture is which of the other, given where the skin lies: one assignment over all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from densitometry.follow.deformation import Deformation
from densitometry.follow.patch import Patch
from densitometry.model import FloatArray

IntArray = NDArray[np.int64]
ROOT_TO_ROOT, ROOT_TO_TIP, TIP_TO_ROOT = 0, 1, 2
TAIL = 3.0
"""Degrees of freedom of the distance between the roots of one hair."""


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """What makes two roots the same hair.

    Attributes:
        along_noise, across_noise: scale of the distance between the roots of one hair along and across it,
            as shares of the registration's noise: roots are told far better across than along.
        least_along_um, least_across_um: the scales are no less than this.
        end_sd_um: least standard deviation of the distance between a root and a tip, per axis.
        leave_alone_nats: a pair that costs more stays unlinked; 8 nats are 4 standard deviations of place.
        direction_sd_rad: change of direction that costs half a nat.
        direction_cap_nats: no change of direction costs more: hairs do come to lie otherwise.
        diameter_log_sd: change of one diameter against all others, on the log scale and beyond the errors
            of both, that costs half a nat.
        diameter_cap_nats: no change of diameter costs more: hairs do thicken.
        near_um: two unlinked hairs closer than this may be one hair whose root was misplaced.
        least_confidence: an unlinked hair of lower confidence is neither gained nor lost but uncertain.
    """

    along_noise: float = 1.2
    across_noise: float = 0.6
    least_along_um: float = 18.0
    least_across_um: float = 10.0
    end_sd_um: float = 40.0
    leave_alone_nats: float = 8.0
    direction_sd_rad: float = 0.2
    direction_cap_nats: float = 2.5
    diameter_log_sd: float = 0.04
    diameter_cap_nats: float = 3.0
    near_um: float = 180.0
    least_confidence: float = 0.4


@dataclass(frozen=True, slots=True)
class Pairing:
    """Hairs taken for the same, n of them.

    Attributes:
        rows: (n, 2) rows in the baseline's and the follow-up's patch.
        distance_um: (n,) between the ends that meet, in the follow-up's plane.
        ends: (n,) ROOT_TO_ROOT, or which of the two roots was taken for the tip: ROOT_TO_TIP that of the
            follow-up, TIP_TO_ROOT that of the baseline.
    """

    rows: IntArray
    distance_um: FloatArray
    ends: IntArray

    def places(self, baseline: Patch, followup: Patch) -> tuple[FloatArray, FloatArray]:
        """Return the ends that meet, in either picture, (n, 2) and (n, 2) [µm]."""
        a, b = self.rows[:, 0], self.rows[:, 1]
        here = np.where((self.ends == TIP_TO_ROOT)[:, None], baseline.far_end_um[a], baseline.root_um[a])
        there = np.where((self.ends == ROOT_TO_TIP)[:, None], followup.far_end_um[b], followup.root_um[b])
        return here, there


def pair_hairs(
    baseline: Patch,
    followup: Patch,
    deformation: Deformation,
    alike: IntArray,
    settings: MatchSettings | None = None,
) -> Pairing:
    """Pair hairs one to one by place, direction and diameter; any hair may stay alone.

    A hair whose root was taken for the tip at one visit meets its partner with its other end.

    Args:
        baseline: the earlier patch.
        followup: the later patch.
        deformation: baseline → follow-up.
        alike: (m, 2) rows already taken for the same: what directions and diameters changed in common.
        settings: what makes two roots the same hair.
    """
    settings = settings or MatchSettings()
    if not (len(baseline) and len(followup)):
        return Pairing(np.zeros((0, 2), dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64))
    place, gap = _ends_apart(baseline, followup, deformation, settings)
    direction, diameter = _unlikeness(baseline, followup, alike, settings)
    cost = np.stack(
        [
            place[ROOT_TO_ROOT] + direction,
            place[ROOT_TO_TIP] + settings.direction_cap_nats - np.log(followup.swapped)[None, :],
            place[TIP_TO_ROOT] + settings.direction_cap_nats - np.log(baseline.swapped)[:, None],
        ]
    )
    ends = cost.argmin(axis=0)
    least = cost.min(axis=0) + diameter
    capped = np.minimum(least, settings.leave_alone_nats)
    rows, columns = linear_sum_assignment(capped + 1e-9 * gap.min(axis=0, initial=1e6))
    kept = least[rows, columns] < settings.leave_alone_nats
    rows, columns = rows[kept], columns[kept]
    chosen = ends[rows, columns]
    return Pairing(
        np.column_stack([rows, columns]).astype(np.int64),
        gap[chosen, rows, columns],
        chosen.astype(np.int64),
    )


def _ends_apart(
    baseline: Patch, followup: Patch, deformation: Deformation, settings: MatchSettings
) -> tuple[FloatArray, FloatArray]:
    """Return what the distance of ends costs, and the distance [µm], for each way of joining, (3, N, K)."""
    root, tip = deformation(baseline.root_um), deformation(baseline.far_end_um)
    doubt = deformation.sigma_um(baseline.root_um)
    variance = np.maximum(deformation.noise_um, settings.end_sd_um) ** 2 + doubt**2
    gap = np.stack(
        [
            cdist(root, followup.root_um),
            cdist(root, followup.far_end_um),
            cdist(tip, followup.root_um),
        ]
    )
    gap = np.nan_to_num(gap, nan=np.inf)
    cost = gap**2 / (2 * variance[:, None])
    cost[ROOT_TO_ROOT] = _roots_apart(root, followup, doubt, deformation.noise_um, settings)
    return cost, gap


def _roots_apart(
    root_um: FloatArray, followup: Patch, doubt_um: FloatArray, noise_um: float, settings: MatchSettings
) -> FloatArray:
    """Return what the distance of roots costs, (N, K), heavy-tailed: some roots are misplaced along the hair.

    Source: Student's t in two dimensions (Kotz & Nadarajah 2004, Multivariate t Distributions, eq. 1.1).
    """
    apart = followup.root_um[None, :, :] - root_um[:, None, :]
    c, s = np.cos(followup.direction_rad), np.sin(followup.direction_rad)
    along = apart[..., 0] * c + apart[..., 1] * s
    across = apart[..., 1] * c - apart[..., 0] * s
    scale_along = max(settings.along_noise * noise_um, settings.least_along_um)
    scale_across = max(settings.across_noise * noise_um, settings.least_across_um)
    doubt = doubt_um[:, None] ** 2
    squares = along**2 / (scale_along**2 + doubt) + across**2 / (scale_across**2 + doubt)
    return np.asarray((TAIL + 2) / 2 * np.log1p(squares / TAIL))


def _unlikeness(
    baseline: Patch, followup: Patch, alike: IntArray, settings: MatchSettings
) -> tuple[FloatArray, FloatArray]:
    """Return what changes of direction and of diameter cost, (N, K), beyond those common to all hairs."""
    difference = followup.direction_rad[None, :] - baseline.direction_rad[:, None]
    thick = [np.maximum(patch.diameter_um, 1.0) for patch in (baseline, followup)]
    ratio = np.log(thick[1])[None, :] - np.log(thick[0])[:, None]
    errors = [
        (patch.diameter_sigma_um / d) ** 2 for patch, d in zip((baseline, followup), thick, strict=True)
    ]
    variance = errors[0][:, None] + errors[1][None, :] + settings.diameter_log_sd**2
    common_turn, common_ratio = 0.0, 0.0
    if len(alike):
        at = (alike[:, 0], alike[:, 1])
        common_turn = float(np.angle(np.exp(1j * difference[at]).mean()))
        common_ratio = float(np.median(ratio[at]))
    turn = np.angle(np.exp(1j * (difference - common_turn)))
    return (
        np.minimum(0.5 * (turn / settings.direction_sd_rad) ** 2, settings.direction_cap_nats),
        np.minimum(0.5 * (ratio - common_ratio) ** 2 / variance, settings.diameter_cap_nats),
    )
