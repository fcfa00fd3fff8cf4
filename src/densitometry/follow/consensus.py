"""Several pictures of either visit seen as one: every hair of the shared skin, and how often each saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from densitometry.follow.pairing import ROOT_TO_ROOT, MatchSettings, pair_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.follow.register import Registration
from densitometry.model import BoolArray, FloatArray

IntArray = NDArray[np.int64]
ITERATIONS = 40
SEEN_HARD, SEEN_FALSE, SEEN_ABSENT = 0.5, 0.02, 0.01
"""Chance that one picture shows a hair that is hard to see, something that is no hair, and a hair where there
is none at this visit (a neighbour linked by mistake)."""
EASY_PRIOR = (0.96, 40.0)
"""Chance that one picture shows a usual hair, and how many sightings that belief is worth."""
HARD_PRIOR = (0.05, 20.0)
"""Share of hairs that are hard to see, alike among those that stay, go and come; its worth in hairs."""
CHANGE_PRIOR = (5.0, 0.5, 0.5, 0.5)
"""Places with a hair at both visits, before, after and never; worth as many places."""
# Classes of places: hair at both visits, before, after (each easy, then hard to see), never.
IS_BEFORE = np.array([1, 1, 1, 1, 0, 0, 0])
IS_AFTER = np.array([1, 1, 0, 0, 1, 1, 0])
IS_EASY = np.array([1, 0, 1, 0, 1, 0, 0], dtype=bool)
IS_HARD = np.array([0, 1, 0, 1, 0, 1, 0], dtype=bool)
CHANGE_OF = np.array([0, 0, 1, 1, 2, 2, 3])
FALSE_CLASS = 6


@dataclass(frozen=True, slots=True)
class Capture:
    """One picture, where the reference picture's skin lies in it, and the skin both show.

    Attributes:
        patch: its hairs.
        registration: reference → this picture; None for the reference itself.
        shared: on the reference's grid.
    """

    patch: Patch
    registration: Registration | None
    shared: Field


@dataclass(frozen=True, slots=True)
class Places:
    """Every place where a picture of either visit shows a hair, n of them, on the compared skin.

    Attributes:
        place_um: (n, 2) on the reference's skin [µm].
        seen, could: (n, 2) pictures of either visit that show a hair there, and that could.
        weight: (n,) mean count weight of the sightings.
        diameter_um, sigma_um: (n, 2) mean of either visit; of the other one where a visit shows none.
        resolved: (n,) most sightings are not below the resolution.
        shared: skin that most pictures of both visits show.
    """

    place_um: FloatArray
    seen: IntArray
    could: IntArray
    weight: FloatArray
    diameter_um: FloatArray
    sigma_um: FloatArray
    resolved: BoolArray
    shared: Field


@dataclass(frozen=True, slots=True)
class Presence:
    """Chance that a hair is at each place: before, after, and both, each (n,)."""

    before: FloatArray
    after: FloatArray
    both: FloatArray


def gather_places(visits: Sequence[Sequence[Capture]], settings: MatchSettings | None = None) -> Places:
    """Link the hairs of all pictures to places on the reference's skin.

    Args:
        visits: pictures of the earlier and of the later visit; the first of all is the reference.
        settings: what makes two roots the same hair.
    """
    captures = [capture for visit in visits for capture in visit]
    which = np.repeat([0, 1], [len(visits[0]), len(visits[1])])
    sites = captures[0].patch
    member = np.full((len(sites), len(captures)), -1, dtype=np.int64)
    member[:, 0] = np.arange(len(sites))
    for number, capture in enumerate(captures[1:], start=1):
        sites, member = _add(sites, member, number, capture, settings)
    shared = _mostly_shared(visits)
    cover = np.column_stack([c.shared.contains(sites.root_um) for c in captures])
    seen = (member >= 0) & cover
    kept = shared.contains(sites.root_um) & seen.any(axis=1)
    columns = [_column(captures, member, name) for name in ("diameter_um", "diameter_sigma_um")]
    weight, resolved = (_column(captures, member, name) for name in ("count_weight", "resolved"))
    counted = kept & (np.nansum(weight, axis=1) > 0)
    diameter, sigma = _by_visit(columns[0], columns[1], which)
    return Places(
        place_um=sites.root_um[counted],
        seen=np.column_stack([seen[:, which == v].sum(axis=1) for v in (0, 1)])[counted],
        could=np.column_stack([cover[:, which == v].sum(axis=1) for v in (0, 1)])[counted],
        weight=np.nanmean(weight[counted], axis=1),
        diameter_um=diameter[counted],
        sigma_um=sigma[counted],
        resolved=np.nanmean(resolved[counted], axis=1) >= 0.5,  # noqa: PLR2004 (most)
        shared=shared,
    )


def presence_of(seen: IntArray, could: IntArray) -> Presence:
    """Return how likely a hair is at each place at either visit, from how often it was seen.

    A mixture of places with a hair at both visits, at one, or at none, of hairs easy and hard to see; the
    shares of the classes and the chance to see an easy hair come from the places themselves.

    Args:
        seen: (n, 2) pictures of either visit that show a hair.
        could: (n, 2) pictures of either visit that could.

    Source: Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x.
    """
    change = np.array(CHANGE_PRIOR) / sum(CHANGE_PRIOR)
    easy, hard = EASY_PRIOR[0], HARD_PRIOR[0]
    chance = np.zeros((len(seen), len(CHANGE_OF)))
    for _ in range(ITERATIONS):
        rates = _rates(easy)
        share = change[CHANGE_OF] * np.where(IS_EASY, 1 - hard, np.where(IS_HARD, hard, 1.0))
        log_chance = np.log(share) + _log_binomial(seen[:, None, :], could[:, None, :], rates).sum(axis=2)
        missed = np.exp(_log_binomial(np.zeros_like(seen)[:, None, :], could[:, None, :], rates).sum(axis=2))
        # A place that no picture shows is not in the list.
        log_chance -= np.log1p(-np.minimum(missed, 1 - 1e-9))
        chance = np.exp(log_chance - log_chance.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        among = np.bincount(CHANGE_OF, chance.sum(axis=0)) + np.array(CHANGE_PRIOR)
        change = among / among.sum()
        n_easy, n_hard = float(chance[:, IS_EASY].sum()), float(chance[:, IS_HARD].sum())
        hard = (n_hard + HARD_PRIOR[0] * HARD_PRIOR[1]) / (n_easy + n_hard + HARD_PRIOR[1])
        hits, tries = EASY_PRIOR[0] * EASY_PRIOR[1], EASY_PRIOR[1]
        for visit, there in enumerate((IS_BEFORE, IS_AFTER)):
            weight = chance[:, IS_EASY & (there == 1)].sum(axis=1)
            hits, tries = hits + float(weight @ seen[:, visit]), tries + float(weight @ could[:, visit])
        easy = hits / tries
    return Presence(chance @ IS_BEFORE, chance @ IS_AFTER, chance @ (IS_BEFORE * IS_AFTER))


def _rates(easy: float) -> FloatArray:
    """Return the chance that one picture of either visit shows a hair at a place of each class, (7, 2)."""
    shown = np.where(IS_EASY, easy, SEEN_HARD)
    rates = np.column_stack([np.where(there == 1, shown, SEEN_ABSENT) for there in (IS_BEFORE, IS_AFTER)])
    rates[FALSE_CLASS] = SEEN_FALSE
    return np.asarray(rates)


def _log_binomial(k: IntArray, n: IntArray, rate: FloatArray) -> FloatArray:
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.asarray(ways + k * np.log(rate) + (n - k) * np.log1p(-rate))


def _add(
    sites: Patch, member: IntArray, number: int, capture: Capture, settings: MatchSettings | None
) -> tuple[Patch, IntArray]:
    """Link one more picture to the places known so far; hairs without a place make new ones."""
    registration, patch = capture.registration, capture.patch
    assert registration is not None  # noqa: S101 (only the reference has none)
    deformation, alike = registration.deformation, registration.matched
    assert deformation is not None  # noqa: S101
    assert alike is not None  # noqa: S101
    pairing = pair_hairs(sites, patch, deformation, alike, settings)
    member = member.copy()
    member[pairing.rows[:, 0], number] = pairing.rows[:, 1]
    root, tip = deformation.inverse(patch.root_um), deformation.inverse(patch.far_end_um)
    usual = pairing.ends == ROOT_TO_ROOT
    at, hair = pairing.rows[usual, 0], pairing.rows[usual, 1]
    count = (member[at] >= 0).sum(axis=1)[:, None]
    places = sites.root_um.copy()
    places[at] += (root[hair] - places[at]) / count
    new = np.setdiff1d(np.arange(len(patch)), pairing.rows[:, 1])
    more = replace(
        patch.take(new),
        root_um=root[new],
        tip_um=tip[new],
        direction_rad=patch.direction_rad[new] - (registration.turn_rad or 0.0),
    )
    fresh = np.full((len(new), member.shape[1]), -1, dtype=np.int64)
    fresh[:, number] = new
    return replace(sites, root_um=places).joined(more), np.vstack([member, fresh])


def _mostly_shared(visits: Sequence[Sequence[Capture]]) -> Field:
    """Return the skin that at least half of the pictures of either visit show."""
    first = visits[0][0].shared
    most = [
        np.mean([capture.shared.mask for capture in visit], axis=0) >= 0.5  # noqa: PLR2004
        for visit in visits
    ]
    return Field(np.asarray(most[0] & most[1], np.bool_), first.cell_um, first.origin_um)


def _column(captures: Sequence[Capture], member: IntArray, name: str) -> FloatArray:
    """Return a column of the patches by place and picture, NaN where a picture shows no hair."""
    values = np.full(member.shape, np.nan)
    for number, capture in enumerate(captures):
        there = member[:, number] >= 0
        values[there, number] = getattr(capture.patch, name)[member[there, number]]
    return values


def _by_visit(diameter: FloatArray, sigma: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean diameter at either visit and its error; of the other visit where one shows none."""
    known = np.isfinite(diameter)
    counts = np.column_stack([known[:, which == v].sum(axis=1) for v in (0, 1)])
    sums = np.column_stack([np.nansum(diameter[:, which == v], axis=1) for v in (0, 1)])
    squares = np.column_stack([np.nansum(sigma[:, which == v] ** 2, axis=1) for v in (0, 1)])
    mean, error = sums / np.maximum(counts, 1), np.sqrt(squares) / np.maximum(counts, 1)
    for visit in (0, 1):
        unseen = counts[:, visit] == 0
        mean[unseen, visit], error[unseen, visit] = mean[unseen, 1 - visit], error[unseen, 1 - visit]
    return mean, error
