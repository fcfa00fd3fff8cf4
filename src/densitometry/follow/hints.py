"""What speaks for and against a hair beyond its trace: a second look, and how it lies among others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from densitometry.follow.look import Sought, overlooked_nats, shade_of
from densitometry.follow.patch import SURE_ROOT_SWAPPED, Patch
from densitometry.model import FloatArray
from densitometry.units import UM2_PER_CM2

IntArray = NDArray[np.int64]
LIE_REACH_UM = 1500.0
"""Hairs this near lie alike (standard deviation of the weight of a neighbour)."""
LIE_WEIGHT = 1.0
"""Weight of no neighbours at all against that of those there are."""
LARGEST_KAPPA = 12.0
ODD_SHARE = 0.05
"""Share of hairs that lie any way, whatever their neighbours do."""
PIECE_SLOPE, PIECE_CONSTANT, MOST_PIECE_NATS = 4.5, 1.0, 1.5
"""Log odds of a growing hair against a cut piece by the logarithm of its length over the usual one: pieces
are shorter than the hairs they were cut from (from 60 simulated pairs of visits)."""
UNSURE_ROOT_NATS, UNSURE_HAIR_NATS, SURE_NATS = -1.9, -1.4, 0.5
"""Log odds of a growing hair against a piece where tracing could not tell the root, or doubts the hair, and
otherwise: logistic regression on hairs without a partner, 90 simulated pairs of visits."""
UNIT_REACH_UM = 130.0
"""A root this near to another one is of the same follicular unit."""
LEAST_CHANCE = 0.02
LEAST_RATIO, LARGEST_RATIO = 0.3, 3.0


@dataclass(frozen=True, slots=True)
class Appearance:
    """How hairs look in one picture against another: turned by so much, and so many times as dark."""

    turn_rad: float = 0.0
    shade_ratio: float = 1.0


def sought_of(patch: Patch) -> Sought:
    """Return the hairs of a patch as things to look for, in its own picture."""
    shade = np.full(len(patch), np.nan)
    sought = Sought(patch.root_um, patch.direction_rad, patch.diameter_um, patch.length_um, shade)
    if patch.look is None:
        return sought
    shade = shade_of(patch.look, sought)
    return Sought(patch.root_um, patch.direction_rad, patch.diameter_um, patch.length_um, shade)


def appearance_of(here: Sought, there: Sought, rows: IntArray) -> Appearance:
    """Return what hairs known to be the same changed in common: (n, 2) rows of either."""
    if not len(rows):
        return Appearance()
    turn = there.direction_rad[rows[:, 1]] - here.direction_rad[rows[:, 0]]
    ratio = there.shade[rows[:, 1]] / here.shade[rows[:, 0]]
    known = ratio[np.isfinite(ratio) & (ratio > 0)]
    middle = float(np.median(known)) if len(known) else 1.0
    return Appearance(
        float(np.angle(np.exp(1j * turn).mean())), float(np.clip(middle, LEAST_RATIO, LARGEST_RATIO))
    )


def look_for(
    patch: Patch, sought: Sought, rows: IntArray, root_um: FloatArray, appearance: Appearance
) -> FloatArray:
    """Return for hairs without a trace in a picture the log odds that it shows them all the same.

    Args:
        patch: of the picture; zeros without its look.
        sought: hairs of another picture.
        rows: (n,) which of them.
        root_um: (n, 2) where their roots lie in this one.
        appearance: how hairs look here against the other picture.
    """
    if patch.look is None or not len(rows):
        return np.zeros(len(rows))
    expected = Sought(
        root_um,
        sought.direction_rad[rows] + appearance.turn_rad,
        sought.diameter_um[rows],
        sought.length_um[rows],
        sought.shade[rows] * appearance.shade_ratio,
    )
    return overlooked_nats(patch.look, expected)


def real_nats(patch: Patch) -> FloatArray:
    """Return for each hair the log odds that it grows here, over a cut piece lying about, (N,).

    Cut pieces lie any way, are short and rarely begin beside another root; what grows lies like its
    neighbours, as far as these agree, and is as long and as often in company as the picture's other hairs.
    """
    if not len(patch):
        return np.zeros(0)
    gap = cdist(patch.root_um, patch.root_um)
    np.fill_diagonal(gap, np.inf)
    return _lie_nats(patch, gap) + _length_nats(patch) + _company_nats(patch, gap) + _doubt_nats(patch)


def _lie_nats(patch: Patch, gap_um: FloatArray) -> FloatArray:
    """Weigh each hair's direction against that of its neighbours.

    Source: Banerjee et al. 2005, jmlr.org/papers/v6/banerjee05a (concentration from the mean resultant).
    """
    near = np.exp(-0.5 * (gap_um / LIE_REACH_UM) ** 2)
    resultant = near @ np.exp(1j * patch.direction_rad) / (near.sum(axis=1) + LIE_WEIGHT)
    r = np.minimum(np.abs(resultant), 1 - 1e-6)
    kappa = np.minimum(r * (2 - r**2) / (1 - r**2), LARGEST_KAPPA)
    apart = patch.direction_rad - np.angle(resultant)
    # von Mises density over the even one
    alike = np.exp(kappa * np.cos(apart)) / np.i0(kappa)
    return np.asarray(np.log((1 - ODD_SHARE) * alike + ODD_SHARE))


def _length_nats(patch: Patch) -> FloatArray:
    """Weigh each whole hair's length against the usual one."""
    if not patch.length_known.any():
        return np.zeros(len(patch))
    usual = float(np.median(patch.length_um[patch.length_known]))
    nats = PIECE_CONSTANT + PIECE_SLOPE * np.log(np.maximum(patch.length_um, 1.0) / max(usual, 1.0))
    return np.asarray(np.where(patch.length_known, np.clip(nats, -MOST_PIECE_NATS, MOST_PIECE_NATS), 0.0))


def _company_nats(patch: Patch, gap_um: FloatArray) -> FloatArray:
    """Weigh whether a root has company, against how many roots have and what chance gives."""
    company = gap_um.min(axis=1) < UNIT_REACH_UM
    per_um2 = len(patch) / max(patch.field.area_cm2 * UM2_PER_CM2, 1.0)
    chance = 1 - float(np.exp(-np.pi * UNIT_REACH_UM**2 * per_um2))
    share = float(np.clip(company.mean(), LEAST_CHANCE, 1 - LEAST_CHANCE))
    chance = float(np.clip(chance, LEAST_CHANCE, 1 - LEAST_CHANCE))
    return np.asarray(np.where(company, np.log(share / chance), np.log((1 - share) / (1 - chance))))


def _doubt_nats(patch: Patch) -> FloatArray:
    """Weigh what tracing itself doubts: a piece has two cut ends, so that its root is anyone's guess."""
    unsure_root, unsure_hair = patch.swapped > SURE_ROOT_SWAPPED, patch.confidence < 1.0
    return SURE_NATS + UNSURE_ROOT_NATS * unsure_root + UNSURE_HAIR_NATS * unsure_hair
