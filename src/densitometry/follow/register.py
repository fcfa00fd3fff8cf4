"""The same patch of scalp found again from the constellation of its hairs, or a refusal with the evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from densitometry.follow import constellation
from densitometry.follow.constellation import Agreement, Openings, SearchRange
from densitometry.follow.deformation import (
    Deformation,
    bending_covariance,
    fit_deformation,
    fit_similarity,
)
from densitometry.follow.pairing import pair_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.model import FloatArray

GRID_COLUMNS, GRID_ROWS = 9, 7
LEAST_OPENINGS = 6
OPENING_GATES_UM = (220.0, 160.0, 120.0, 100.0)
ROOT_GATES_UM = (160.0, 120.0, 90.0, 90.0)
MEETING_UM = 70.0
"""Two openings meet when a root of one lies closer than this to where all other roots place it."""
FIRST_NOISE_UM = 40.0
MAD_TO_SD = 1.4826
DIRECTION_CAP_NATS = 3.0
NORMAL_95 = 1.96
CLOSE_SECOND = 0.7
REFINEMENTS = 3
OUTLYING = 3.0
"""Pairs of hairs farther apart than so many standard deviations do not pull at the deformation."""


@dataclass(frozen=True, slots=True)
class RegisterSettings:
    """How far to look, and how much evidence "the same skin" needs.

    Attributes:
        search: turns, scales and shifts tried.
        least_evidence: evidence [nats] beyond what the best of all tried places reaches in unrelated skin.
            Calibrated on pairs of unrelated scalps: see tests/truth/test_follow.py.
        least_share: share of the openings that could meet and must; keeps large dense fields, in which chance
            meetings add up, as safe as small ones.
        border_um: skin this close to the border of either picture is not compared: roots may be cut off.
        support_sigma_um: the deformation is trusted where its standard error is below this.
    """

    search: SearchRange = field(default_factory=SearchRange)
    least_evidence: float = 14.0
    least_share: float = 0.35
    border_um: float = 60.0
    support_sigma_um: float = 55.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the two pictures showing the same skin.

    Attributes:
        met, possible: openings that meet, and that could have in the area both pictures show.
        by_chance: openings that would meet in unrelated skin of the same density under one fixed map.
        surprise: log-likelihood ratio of `met` over chance [nats].
        tried: logarithm of the number of places tried, taken off the surprise.
        direction: what the agreement of hair directions adds, from 0 to 3 [nats].
        total: surprise - tried + direction.
        needed: what `total` must reach.
    """

    met: int
    possible: int
    by_chance: float
    surprise: float
    tried: float
    direction: float
    total: float
    needed: float


@dataclass(frozen=True, slots=True)
class ScaleRatio:
    """Apparent length in the follow-up over that in the baseline, both in their stated µm; 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the baseline's skin lies in the follow-up.

    Attributes:
        status: "ok" or "refused"; everything below `evidence` is empty when refused.
        reason_code: "", "no_hair", "too_few_roots" or "not_the_same_skin".
        reason: the refusal in a sentence.
        evidence: None when there was nothing to look at.
        deformation: baseline µm → follow-up µm.
        shared: skin that both pictures show, on the baseline's grid.
        grid_um: (63, 2, 2) nine by seven places, [baseline, follow-up]; NaN outside the support.
        matched: (n, 2) indices of roots [baseline, follow-up] the deformation rests on.
        residual_um: leave-one-out root mean square over them, in the plane [µm].
        overlap_cm2, overlap_fraction: area of `shared` [cm²] and its share of the baseline's field.
        scale_ratio: follow-up over baseline.
        turn_rad: rotation.
    """

    status: str
    reason_code: str = ""
    reason: str = ""
    evidence: Evidence | None = None
    deformation: Deformation | None = None
    shared: Field | None = None
    grid_um: FloatArray | None = None
    matched: NDArray[np.int64] | None = None
    residual_um: float | None = None
    overlap_cm2: float | None = None
    overlap_fraction: float | None = None
    scale_ratio: ScaleRatio | None = None
    turn_rad: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the same skin was found."""
        return self.status == "ok"

    def affine_px(self, baseline_um_per_px: float, followup_um_per_px: float) -> FloatArray | None:
        """Return the (2, 3) affine part, baseline px → follow-up px; None when refused."""
        if self.deformation is None:
            return None
        affine = self.deformation.affine.copy()
        affine[:, :2] *= baseline_um_per_px / followup_um_per_px
        affine[:, 2] /= followup_um_per_px
        return affine

    def grid_px(
        self, baseline_um_per_px: float, followup_um_per_px: float
    ) -> list[list[list[list[float] | None]]] | None:
        """Return 9 columns of 7 entries [[x, y] in the baseline, [x, y] in the follow-up or None] [px]."""
        if self.grid_um is None:
            return None
        here = (self.grid_um[:, 0] / baseline_um_per_px).reshape(GRID_ROWS, GRID_COLUMNS, 2)
        there = (self.grid_um[:, 1] / followup_um_per_px).reshape(GRID_ROWS, GRID_COLUMNS, 2)
        return [
            [[here[row, column].tolist(), _place_or_none(there[row, column])] for row in range(GRID_ROWS)]
            for column in range(GRID_COLUMNS)
        ]


def register(baseline: Patch, followup: Patch, settings: RegisterSettings | None = None) -> Registration:
    """Find the baseline's skin in the follow-up picture, or refuse.

    Openings vote for turn, scale and shift; the best places are pulled tight by an affine map and then by a
    gentle bending; the place kept must bring more openings together than the best place in unrelated skin.

    Args:
        baseline: hairs with roots, in the picture's stated scale.
        followup: the same of the later picture.
        settings: how far to look and how much evidence is needed.
    """
    settings = settings or RegisterSettings()
    here, there = constellation.openings_of(baseline), constellation.openings_of(followup)
    for openings, name in ((here, "baseline"), (there, "follow-up")):
        count = len(openings.centre_um)
        if count < LEAST_OPENINGS:
            code = "too_few_roots" if count else "no_hair"
            return Registration("refused", code, _few_sentence(name, count))
    fields = (baseline.field, followup.field)
    centres = (here.centre_um, there.centre_um)
    candidates = constellation.find_candidates(*centres, *fields, settings.search)
    looks = [constellation.look_closer(c, centres, fields, OPENING_GATES_UM) for c in candidates]
    looks.sort(key=lambda look: -look.surprise)
    fits = [
        _fit(baseline, followup, here, there, look)
        for look in looks[:3]
        if look.surprise > CLOSE_SECOND * looks[0].surprise
    ]
    found = [fit for fit in fits if fit is not None]
    if not found:
        return Registration(
            "refused", "not_the_same_skin", "No place was found where the hairs fall together."
        )
    fit = max(found, key=lambda f: f.agreement.surprise)
    evidence = _weigh(fit, here, there, _log_tried(*fields, settings.search), settings.least_evidence)
    if evidence.total < evidence.needed or evidence.met < settings.least_share * evidence.possible:
        return _refusal(evidence)
    return _describe(baseline, followup, _refine(baseline, followup, fit), evidence, settings)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A deformation with the pairs it rests on: rows, both places, and what each was left out by."""

    deformation: Deformation
    from_um: FloatArray
    to_um: FloatArray
    matched: NDArray[np.int64]
    left_out: FloatArray
    agreement: Agreement


def _fit(baseline: Patch, followup: Patch, here: Openings, there: Openings, look: Agreement) -> _Fit | None:
    """Bend the affine map onto the roots through ever narrower gates."""
    usable = [np.flatnonzero(p.confidence > constellation.WEAK_CONFIDENCE) for p in (baseline, followup)]
    a, b = baseline.root_um[usable[0]], followup.root_um[usable[1]]
    pairs = look.pairs
    if len(pairs) < 4:  # noqa: PLR2004 (an affine map alone takes three)
        return None
    deformation, left_out = fit_deformation(
        here.centre_um[pairs[:, 0]], there.centre_um[pairs[:, 1]], FIRST_NOISE_UM
    )
    for gate in ROOT_GATES_UM:
        found = constellation.mutual_nearest(deformation(a), b, gate)
        if len(found) < 4:  # noqa: PLR2004
            return None
        noise = min(FIRST_NOISE_UM, MAD_TO_SD * float(np.median(np.abs(left_out))))
        deformation, left_out = fit_deformation(a[found[:, 0]], b[found[:, 1]], noise)
    fields = (baseline.field, followup.field)
    matched = np.column_stack([usable[0][found[:, 0]], usable[1][found[:, 1]]])
    # A root placed by the others alone: what the bending could be made to fit does not count as evidence.
    close = np.hypot(left_out[:, 0], left_out[:, 1]) <= MEETING_UM
    pairs = np.column_stack([here.of_root[matched[close, 0]], there.of_root[matched[close, 1]]])
    met = constellation.agreement(
        deformation, deformation.inverse, (here.centre_um, there.centre_um), fields, MEETING_UM, pairs
    )
    return _Fit(deformation, a[found[:, 0]], b[found[:, 1]], matched, left_out, met)


def _refine(baseline: Patch, followup: Patch, fit: _Fit) -> _Fit:
    """Fit the deformation again to all hairs paired with each other, whichever end is the root."""
    for _ in range(REFINEMENTS):
        pairing = pair_hairs(baseline, followup, fit.deformation, fit.matched)
        from_um, to_um = pairing.places(baseline, followup)
        noise = MAD_TO_SD * float(np.median(np.abs(fit.left_out)))
        doubt = np.hypot(noise, fit.deformation.sigma_um(from_um))
        usual = pairing.distance_um <= OUTLYING * doubt
        if np.count_nonzero(usual) < LEAST_OPENINGS:
            break
        deformation, left_out = fit_deformation(from_um[usual], to_um[usual], noise)
        fit = _Fit(deformation, from_um[usual], to_um[usual], pairing.rows[usual], left_out, fit.agreement)
    return fit


def _weigh(fit: _Fit, here: Openings, there: Openings, tried: float, needed: float) -> Evidence:
    met = fit.agreement
    affine = fit.deformation.affine
    turn = float(np.arctan2(affine[1, 0], affine[0, 0]))
    bonus = _direction_nats(here.direction_rad[met.pairs[:, 0]] + turn, there.direction_rad[met.pairs[:, 1]])
    return Evidence(
        met=len(met.pairs),
        possible=met.possible,
        by_chance=met.by_chance,
        surprise=met.surprise,
        tried=tried,
        direction=bonus,
        total=met.surprise - tried + bonus,
        needed=needed,
    )


def _direction_nats(turned_rad: FloatArray, seen_rad: FloatArray) -> float:
    """Weigh whether directions agree opening by opening, beyond what a common lie of all hairs explains.

    Compares the mean cosine of the true pairing with its distribution over all re-pairings, whose mean and
    variance are exact (Hoeffding 1951, doi:10.1214/aoms/1177729545). Only support counts, up to the cap.
    """
    n = len(turned_rad)
    if n < 5:  # noqa: PLR2004 (too few to tell)
        return 0.0
    difference = seen_rad[None, :] - turned_rad[:, None]
    common = np.angle(np.exp(1j * np.diag(difference)).mean())
    likeness = np.cos(difference - common)
    centred = likeness - likeness.mean(axis=0) - likeness.mean(axis=1)[:, None] + likeness.mean()
    spread = float(np.sqrt(max((centred**2).sum() / (n - 1), 1e-12)))
    z = (float(np.trace(likeness)) - n * float(likeness.mean())) / spread
    return float(min(DIRECTION_CAP_NATS, 0.5 * max(0.0, z - 1.0) ** 2))


def _log_tried(field_a: Field, field_b: Field, search: SearchRange) -> float:
    """Return the logarithm of how many distinguishable places there are to try."""
    spans = [f.extent_um for f in (field_a, field_b)]
    width = sum(s[2] - s[0] for s in spans)
    height = sum(s[3] - s[1] for s in spans)
    radius = np.hypot(spans[0][2] - spans[0][0], spans[0][3] - spans[0][1]) / 2
    step = constellation.BIN_UM
    turns = max(1.0, 2 * search.turn_rad * radius / step)
    scales = max(1.0, 2 * search.scale * radius / step)
    return float(np.log(width * height / step**2 * turns * scales))


def _describe(
    baseline: Patch, followup: Patch, fit: _Fit, evidence: Evidence, settings: RegisterSettings
) -> Registration:
    deformation = fit.deformation
    shared = _shared_skin(baseline.field, followup.field, deformation, settings)
    left, top, right, bottom = baseline.field.extent_um
    x = left + (np.arange(GRID_COLUMNS) + 0.5) * (right - left) / GRID_COLUMNS
    y = top + (np.arange(GRID_ROWS) + 0.5) * (bottom - top) / GRID_ROWS
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    mapped = deformation(places)
    supported = (
        (deformation.sigma_um(places) <= settings.support_sigma_um)
        & baseline.field.contains(places)
        & followup.field.contains(mapped)
    )
    mapped[~supported] = np.nan
    affine = deformation.affine
    return Registration(
        status="ok",
        evidence=evidence,
        deformation=deformation,
        shared=shared,
        grid_um=np.stack([places, mapped], axis=1),
        matched=fit.matched,
        residual_um=float(np.sqrt((fit.left_out**2).sum(axis=1).mean())),
        overlap_cm2=shared.area_cm2,
        overlap_fraction=shared.area_cm2 / baseline.field.area_cm2,
        scale_ratio=_scale_ratio(fit),
        turn_rad=float(np.arctan2(affine[1, 0] - affine[0, 1], affine[0, 0] + affine[1, 1])),
    )


def _shared_skin(
    field_a: Field, field_b: Field, deformation: Deformation, settings: RegisterSettings
) -> Field:
    kept = field_a.eroded(settings.border_um)
    places, sigma = deformation.over_cells(kept)
    seen = field_b.eroded(settings.border_um).contains(places) & (sigma <= settings.support_sigma_um)
    mask = np.zeros_like(kept.mask)
    mask[kept.mask] = seen
    return Field(mask, field_a.cell_um, field_a.origin_um)


def _scale_ratio(fit: _Fit) -> ScaleRatio:
    """Return the ratio of lengths; its interval allows for bending, which can pass for a change of scale."""
    a, b = fit.from_um, fit.to_um
    alike = fit_similarity(a, b)
    ratio = float(np.hypot(alike[0, 0], alike[1, 0]))
    offset = a - a.mean(axis=0)
    lever = offset / (offset**2).sum()
    # The similarity has taken up part of the bending: what is left shows about half of it.
    left_over = b - a.mean(axis=0) @ alike[:, :2].T - offset @ alike[:, :2].T - alike[:, 2]
    bending = bending_covariance(a, a)
    seen = float((left_over**2).mean()) / float(np.diag(bending).mean())
    covariance = min(1.0, 2.0 * seen) * bending + fit.deformation.noise_um**2 * np.eye(len(a))
    variance = sum(float(lever[:, axis] @ covariance @ lever[:, axis]) for axis in (0, 1))
    reach = NORMAL_95 * float(np.sqrt(variance))
    return ScaleRatio(ratio, ratio - reach, ratio + reach)


def _few_sentence(name: str, count: int) -> str:
    if count == 0:
        return f"The {name} picture shows no hair whose root can be placed."
    return (
        f"The {name} picture shows hairs at {count} openings; "
        f"at least {LEAST_OPENINGS} are needed to recognise a place."
    )


def _refusal(evidence: Evidence) -> Registration:
    chance = evidence.by_chance / max(1, evidence.possible)
    best_possible = evidence.possible * np.log(1 / max(chance, 1e-9)) - evidence.tried
    counted = (
        f"{evidence.met} of {evidence.possible} openings meet where {evidence.by_chance:.1f} would by chance"
    )
    if best_possible < evidence.needed:
        sentence = f"Too few hairs to tell one place from another: {counted}."
        return Registration("refused", "too_few_roots", sentence, evidence)
    sentence = (
        f"The two pictures do not show enough of the same skin: {counted}, "
        "no more than the best place in unrelated skin reaches."
    )
    return Registration("refused", "not_the_same_skin", sentence, evidence)


def _place_or_none(place: FloatArray) -> list[float] | None:
    return None if np.isnan(place).any() else [float(value) for value in place]
