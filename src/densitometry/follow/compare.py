"""Two visits of one spot compared as a whole: every picture registered, hairs linked, change judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from densitometry.follow.change import Change, consensus_change, paired_change
from densitometry.follow.consensus import Capture
from densitometry.follow.match import Links, link_hairs
from densitometry.follow.pairing import MatchSettings
from densitometry.follow.patch import Patch
from densitometry.follow.register import RegisterSettings, Registration, register
from densitometry.follow.repeatability import SAME_SKIN_PRIOR, Repeatability
from densitometry.follow.response import Circumstances, ResponseSettings, Verdict, judge
from densitometry.follow.unpaired import RELOCATION_UM, combine_changes, unpaired_change

LEAST_REGISTERED_SHARE = 0.5
"""At least this share of the later visit's pictures must show the reference's skin."""


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """Every number that following uses.

    Attributes:
        register, match, response: of the three steps.
        cutoff_um: a resolved hair is terminal at or above it.
        unpaired_fallback: compare densities of the two fields when the same skin cannot be shown; only right
            where person, site and protocol are known to agree.
        relocation_um: how far apart, per axis, the fields may then lie; None: other skin altogether.
    """

    register: RegisterSettings = field(default_factory=RegisterSettings)
    match: MatchSettings = field(default_factory=MatchSettings)
    response: ResponseSettings = field(default_factory=ResponseSettings)
    cutoff_um: float = 30.0
    unpaired_fallback: bool = False
    relocation_um: float | None = RELOCATION_UM


@dataclass(frozen=True, slots=True)
class PicturePair:
    """One picture of either visit: which, where the skin lies, and whose hair is whose."""

    baseline: int
    followup: int
    registration: Registration
    links: Links


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two visits of one spot.

    Attributes:
        baselines, followups: what was compared, at least one picture each.
        pairs: the reference picture of the earlier visit with every picture of the later one.
        primary: the pair that is drawn and listed hair by hair: the first that registered, else the first.
        used: numbers of the pictures of either visit that show the same skin, the reference first.
        change: over all registered pairs; None when there is none to give.
        verdict: with its reason.
        repeatability: within-visit SDs used, by figure.
    """

    baselines: tuple[Patch, ...]
    followups: tuple[Patch, ...]
    pairs: tuple[PicturePair, ...]
    primary: PicturePair
    used: tuple[tuple[int, ...], tuple[int, ...]]
    change: Change | None
    verdict: Verdict
    repeatability: Mapping[str, Repeatability]

    @property
    def registration(self) -> Registration:
        """Registration of the primary pair."""
        return self.primary.registration

    @property
    def links(self) -> Links:
        """Links of the primary pair; without rows when its registration was refused."""
        return self.primary.links

    @property
    def paired(self) -> bool:
        """Whether hairs were compared with themselves on the same skin."""
        return self.change is not None and self.change.pairing == "hairs"


def compare_visits(
    baseline: Patch | Sequence[Patch],
    followup: Patch | Sequence[Patch],
    settings: FollowSettings | None = None,
    circumstances: Circumstances | None = None,
    repeatability: Mapping[str, Repeatability] = SAME_SKIN_PRIOR,
) -> Comparison:
    """Find the same skin in two visits, link their hairs, and say what changed and what that means.

    Args:
        baseline: hairs of the earlier visit, one patch per picture of the spot.
        followup: of the later visit.
        settings: all numbers used.
        circumstances: what is known beyond the pictures; a `failure` leaves everything uncompared.
        repeatability: within-visit SD per figure: the shipped prior, a study's or a person's own.

    Raises:
        ValueError: if a visit has no picture.
    """
    settings, circumstances = settings or FollowSettings(), circumstances or Circumstances()
    visits = (_as_tuple(baseline), _as_tuple(followup))
    circumstances = _with_scale_step(circumstances, visits)
    pairs = _pairs(visits, settings, circumstances)
    registered = [pair for pair in pairs if pair.registration.ok]
    paired = _enough(pairs)
    primary = registered[0] if paired else next(pair for pair in pairs if not pair.registration.ok)
    used: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    change: Change | None = None
    if paired:
        used, change = _paired(visits, registered, settings, repeatability)
    elif settings.unpaired_fallback and not circumstances.failure:
        used = (tuple(range(len(visits[0]))), tuple(range(len(visits[1]))))
        change = _unpaired(visits, settings)
    if change is None and not circumstances.failure:
        circumstances = replace(
            circumstances, failure="registration_refused", failure_detail=primary.registration.reason
        )
    verdict = judge(change, circumstances, settings.response)
    return Comparison(*visits, pairs, primary, used, change, verdict, repeatability)


def _as_tuple(visit: Patch | Sequence[Patch]) -> tuple[Patch, ...]:
    patches = (visit,) if isinstance(visit, Patch) else tuple(visit)
    if not patches:
        msg = "a visit needs at least one picture"
        raise ValueError(msg)
    return patches


def _with_scale_step(
    circumstances: Circumstances, visits: tuple[tuple[Patch, ...], tuple[Patch, ...]]
) -> Circumstances:
    """Fill in how much coarser one visit's pixels are than the other's, unless that was stated."""
    if circumstances.scale_step is not None:
        return circumstances
    sizes = [patch.um_per_px for visit in visits for patch in visit]
    return replace(circumstances, scale_step=max(sizes) / min(sizes))


def _pairs(
    visits: tuple[tuple[Patch, ...], tuple[Patch, ...]],
    settings: FollowSettings,
    circumstances: Circumstances,
) -> tuple[PicturePair, ...]:
    """Return the pairs of the first picture of the earlier visit that most of the later ones agree with."""
    tried = []
    for number, reference in enumerate(visits[0]):
        pairs = tuple(
            _pair(number, j, reference, patch, settings, circumstances) for j, patch in enumerate(visits[1])
        )
        if _enough(pairs) or circumstances.failure:
            return pairs
        tried.append(pairs)
    return tried[0]


def _enough(pairs: Sequence[PicturePair]) -> bool:
    return float(np.mean([pair.registration.ok for pair in pairs])) >= LEAST_REGISTERED_SHARE


def _pair(
    i: int, j: int, a: Patch, b: Patch, settings: FollowSettings, circumstances: Circumstances
) -> PicturePair:
    if circumstances.failure:
        found = Registration("refused", circumstances.failure, circumstances.failure_detail)
    else:
        found = register(a, b, settings.register)
    return PicturePair(i, j, found, link_hairs(a, b, found, settings.match))


def _paired(
    visits: tuple[tuple[Patch, ...], tuple[Patch, ...]],
    registered: Sequence[PicturePair],
    settings: FollowSettings,
    repeatability: Mapping[str, Repeatability],
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], Change]:
    """Compare all pictures that show the reference's skin; pictures that do not are left out."""
    first = registered[0].baseline
    reference = visits[0][first]
    others = {
        i: register(reference, patch, settings.register) for i, patch in enumerate(visits[0]) if i != first
    }
    before = {i: found for i, found in others.items() if found.ok}
    after = {pair.followup: pair.registration for pair in registered}
    used = ((first, *before), tuple(after))
    if len(used[0]) == len(used[1]) == 1:
        pair = registered[0]
        change = paired_change(
            reference,
            visits[1][pair.followup],
            pair.registration,
            pair.links,
            settings.cutoff_um,
            repeatability,
        )
        return used, change
    own = Capture(reference, None, reference.field.eroded(settings.register.border_um))
    captures = (
        [own, *(_capture(visits[0][i], found) for i, found in before.items())],
        [_capture(visits[1][j], found) for j, found in after.items()],
    )
    return used, consensus_change(captures, settings.cutoff_um, repeatability, settings.match)


def _capture(patch: Patch, registration: Registration) -> Capture:
    assert registration.shared is not None  # noqa: S101 (only registered pictures come here)
    return Capture(patch, registration, registration.shared)


def _unpaired(visits: tuple[tuple[Patch, ...], tuple[Patch, ...]], settings: FollowSettings) -> Change:
    changes = [
        unpaired_change(a, b, settings.cutoff_um, settings.relocation_um)
        for a in visits[0]
        for b in visits[1]
    ]
    return combine_changes(changes, len(visits[0]), len(visits[1]))
