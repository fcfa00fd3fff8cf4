"""Several pictures of either visit seen as one: every hair of the shared skin, and how often each saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densitometry.follow.hints import Appearance, appearance_of, look_for, real_nats, sought_of
from densitometry.follow.look import Sought
from densitometry.follow.pairing import ROOT_TO_ROOT, MatchSettings, pair_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.follow.presence import Hints
from densitometry.follow.register import Registration
from densitometry.model import BoolArray, FloatArray

IntArray = NDArray[np.int64]


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
        hints: what speaks for a hair beyond how often it was seen; None without a look at all pictures.
        shade_ratio: how many times as dark against the skin hairs are in the later pictures.
    """

    place_um: FloatArray
    seen: IntArray
    could: IntArray
    weight: FloatArray
    diameter_um: FloatArray
    sigma_um: FloatArray
    resolved: BoolArray
    shared: Field
    hints: Hints | None
    shade_ratio: float = 1.0


def gather_places(visits: Sequence[Sequence[Capture]], settings: MatchSettings | None = None) -> Places:
    """Link the hairs of all pictures to places on the reference's skin.

    Args:
        visits: pictures of the earlier and of the later visit; the first of all is the reference.
        settings: what makes two roots the same hair.
    """
    captures = [capture for visit in visits for capture in visit]
    which = np.repeat([0, 1], [len(visits[0]), len(visits[1])])
    known = _Known.of(captures[0].patch, len(captures))
    for number, capture in enumerate(captures[1:], start=1):
        known = _add(known, number, capture, settings)
    sites, member = known.sites, known.member
    shared = _mostly_shared(visits)
    cover = np.column_stack([c.shared.contains(sites.root_um) for c in captures])
    seen = (member >= 0) & cover
    kept = shared.contains(sites.root_um) & seen.any(axis=1)
    columns = [_column(captures, member, name) for name in ("diameter_um", "diameter_sigma_um")]
    weight, resolved = (_column(captures, member, name) for name in ("count_weight", "resolved"))
    counted = kept & (np.nansum(weight, axis=1) > 0)
    diameter, sigma = _by_visit(columns[0], columns[1], which)
    shades = np.log([look.shade_ratio for look in known.looks])
    nats = _look_everywhere(known, captures, cover & counted[:, None])
    hints = Hints(
        np.column_stack([_mean_known(nats[:, which == v]) for v in (0, 1)])[counted],
        known.real_nats[counted],
    )
    return Places(
        place_um=sites.root_um[counted],
        seen=np.column_stack([seen[:, which == v].sum(axis=1) for v in (0, 1)])[counted],
        could=np.column_stack([cover[:, which == v].sum(axis=1) for v in (0, 1)])[counted],
        weight=np.nanmean(weight[counted], axis=1),
        diameter_um=diameter[counted],
        sigma_um=sigma[counted],
        resolved=np.nanmean(resolved[counted], axis=1) >= 0.5,  # noqa: PLR2004 (most)
        shared=shared,
        hints=None if any(c.patch.look is None for c in captures) else hints,
        shade_ratio=float(np.exp(shades[which == 1].mean() - shades[which == 0].mean())),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """Places known so far, n of them.

    Attributes:
        sites: a hair at each, on the reference's skin and lying as there.
        sought: the same with its shade, as it would look in the reference picture.
        member: (n, captures) its row in each picture, -1 where there is none.
        looks: how hairs look in each picture against the reference.
        real_nats: (n,) summed over the sightings: log odds that the hair grows here.
    """

    sites: Patch
    sought: Sought
    member: IntArray
    looks: tuple[Appearance, ...]
    real_nats: FloatArray

    @staticmethod
    def of(reference: Patch, n_captures: int) -> _Known:
        """Return the places of the reference picture."""
        member = np.full((len(reference), n_captures), -1, dtype=np.int64)
        member[:, 0] = np.arange(len(reference))
        return _Known(reference, sought_of(reference), member, (Appearance(),), real_nats(reference))


def _add(known: _Known, number: int, capture: Capture, settings: MatchSettings | None) -> _Known:
    """Link one more picture to the places known so far; hairs without a place make new ones."""
    registration, patch, sites = capture.registration, capture.patch, known.sites
    assert registration is not None  # noqa: S101 (only the reference has none)
    deformation, alike = registration.deformation, registration.matched
    assert deformation is not None  # noqa: S101
    assert alike is not None  # noqa: S101
    pairing = pair_hairs(sites, patch, deformation, alike, settings)
    member = known.member.copy()
    member[pairing.rows[:, 0], number] = pairing.rows[:, 1]
    root, tip = deformation.inverse(patch.root_um), deformation.inverse(patch.far_end_um)
    usual = pairing.ends == ROOT_TO_ROOT
    at, hair = pairing.rows[usual, 0], pairing.rows[usual, 1]
    count = (member[at] >= 0).sum(axis=1)[:, None]
    places = sites.root_um.copy()
    places[at] += (root[hair] - places[at]) / count
    new = np.setdiff1d(np.arange(len(patch)), pairing.rows[:, 1])
    here = sought_of(patch)
    look = appearance_of(known.sought, here, pairing.rows[usual])
    direction = patch.direction_rad[new] - look.turn_rad
    more = replace(patch.take(new), root_um=root[new], tip_um=tip[new], direction_rad=direction)
    fresh = np.full((len(new), member.shape[1]), -1, dtype=np.int64)
    fresh[:, number] = new
    lie = real_nats(patch)
    real = known.real_nats.copy()
    real[pairing.rows[:, 0]] += lie[pairing.rows[:, 1]]
    joined = replace(sites, root_um=places).joined(more)
    sought = Sought(
        joined.root_um,
        joined.direction_rad,
        joined.diameter_um,
        joined.length_um,
        np.append(known.sought.shade, here.shade[new] / look.shade_ratio),
    )
    return _Known(
        joined, sought, np.vstack([member, fresh]), (*known.looks, look), np.append(real, lie[new])
    )


def _look_everywhere(known: _Known, captures: Sequence[Capture], wanted: BoolArray) -> FloatArray:
    """Look again for every wanted place in every picture without a trace there, (n, captures) [nats].

    NaN where there was nothing to look for.
    """
    nats = np.full(wanted.shape, np.nan)
    for number, (capture, look) in enumerate(zip(captures, known.looks, strict=True)):
        rows = np.flatnonzero(wanted[:, number] & (known.member[:, number] < 0))
        root = known.sites.root_um[rows]
        if capture.registration is not None and capture.registration.deformation is not None:
            root = capture.registration.deformation(root)
        nats[rows, number] = look_for(capture.patch, known.sought, rows, root, look)
    return nats


def _mean_known(values: FloatArray) -> FloatArray:
    """Return the mean over the known values of each row, 0 where there is none."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


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
