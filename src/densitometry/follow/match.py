"""Hairs of two registered pictures linked one to one: matched, gained, lost or uncertain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from densitometry.follow.constellation import OPENING_LINK_UM, mutual_nearest
from densitometry.follow.deformation import Deformation
from densitometry.follow.hints import appearance_of, look_for, real_nats, sought_of
from densitometry.follow.pairing import TIP_TO_ROOT, MatchSettings, pair_hairs
from densitometry.follow.patch import Patch
from densitometry.follow.presence import Hints, Presence, presence_of
from densitometry.follow.register import Registration
from densitometry.model import BoolArray, FloatArray

IntArray = NDArray[np.int64]
MATCHED, GAINED, LOST, UNCERTAIN = "matched", "gained", "lost", "uncertain"
STATUSES = (MATCHED, GAINED, LOST, UNCERTAIN)
MORE_LIKELY_THAN_NOT = 0.5


@dataclass(frozen=True, slots=True)
class Links:
    """One row per linked pair or single hair, n of them, ordered by baseline index, then follow-up index.

    Attributes:
        baseline, followup: (n,) row in each patch, -1 where there is no hair.
        status: (n,) "matched", "gained", "lost" or "uncertain".
        distance_um: (n,) from the follow-up's root to where the baseline's lies there (from end to end where
            one root was taken for the tip); NaN for a single.
        place_um: (n, 2) place on the baseline's skin.
        shared: (n,) lies on the skin that both pictures show; only these enter a change.
        opening: (n,) number of the follicular opening of the place, counted over both visits.
        presence: chance that a hair is there, before and after; None where no second look was possible: then
            a hair is there where it was traced.
        shade_ratio: how many times as dark against the skin matched hairs are at the follow-up (median).
    """

    baseline: IntArray
    followup: IntArray
    status: NDArray[np.str_]
    distance_um: FloatArray
    place_um: FloatArray
    shared: BoolArray
    opening: IntArray
    presence: Presence | None = None
    shade_ratio: float = 1.0

    def count(self, status: str) -> int:
        """Return how many rows have `status`."""
        return int(np.count_nonzero(self.status == status))


def link_hairs(
    baseline: Patch, followup: Patch, registration: Registration, settings: MatchSettings | None = None
) -> Links:
    """Link the hairs of two pictures of one skin; an assignment over the whole picture decides.

    Hairs outside the shared skin appear only when matched. A hair without a partner is lost or gained where a
    second look at the other picture makes that more likely than not, else uncertain. A refused registration
    gives no rows.

    Args:
        baseline: the earlier patch.
        followup: the later patch.
        registration: of these two.
        settings: what makes two roots the same hair.
    """
    settings = settings or MatchSettings()
    deformation, shared = registration.deformation, registration.shared
    if deformation is None or shared is None or registration.matched is None:
        return _links([], np.zeros((0, 2)), np.zeros(0, dtype=bool))
    pairing = pair_hairs(baseline, followup, deformation, registration.matched, settings)
    mapped, back = deformation(baseline.root_um), deformation.inverse(followup.root_um)
    rows: list[tuple[int, int, str, float]] = []
    places = []
    for (a, b), distance, ends in zip(pairing.rows, pairing.distance_um, pairing.ends, strict=True):
        counted = (baseline.count_weight[a] > 0) == (followup.count_weight[b] > 0)
        rows.append((int(a), int(b), MATCHED if counted else UNCERTAIN, float(distance)))
        places.append(back[b] if ends == TIP_TO_ROOT else baseline.root_um[a])
    # Only where the skin is seen twice can a hair without a partner have come or gone.
    alone_a = (baseline.count_weight > 0) & shared.contains(baseline.root_um)
    alone_b = (followup.count_weight > 0) & shared.contains(back)
    alone_a[pairing.rows[:, 0]], alone_b[pairing.rows[:, 1]] = False, False
    free_a, free_b = np.flatnonzero(alone_a), np.flatnonzero(alone_b)
    near = mutual_nearest(mapped[free_a], followup.root_um[free_b], settings.near_um)
    for a, b in zip(free_a[near[:, 0]], free_b[near[:, 1]], strict=True):
        rows.append((int(a), int(b), UNCERTAIN, float(np.hypot(*(mapped[a] - followup.root_um[b])))))
        places.append(baseline.root_um[a])
    for a in np.delete(free_a, near[:, 0]):
        sure = baseline.confidence[a] >= settings.least_confidence
        rows.append((int(a), -1, LOST if sure else UNCERTAIN, np.nan))
        places.append(baseline.root_um[a])
    for b in np.delete(free_b, near[:, 1]):
        sure = followup.confidence[b] >= settings.least_confidence
        rows.append((-1, int(b), GAINED if sure else UNCERTAIN, np.nan))
        places.append(back[b])
    order = sorted(range(len(rows)), key=lambda k: (rows[k][0] < 0, rows[k][0], rows[k][1]))
    place = np.array([places[k] for k in order]).reshape(-1, 2)
    links = _links([rows[k] for k in order], place, shared.contains(place))
    if baseline.look is None or followup.look is None:
        return links
    return _looked_again(links, baseline, followup, deformation)


def _looked_again(links: Links, baseline: Patch, followup: Patch, deformation: Deformation) -> Links:
    """Return the links with the chance of a hair at either visit, and unlikely changes called uncertain."""
    patches = (baseline, followup)
    sought = tuple(sought_of(patch) for patch in patches)
    alike = links.status == MATCHED
    rows = np.column_stack([links.baseline[alike], links.followup[alike]])
    seen = np.column_stack([links.baseline >= 0, links.followup >= 0])
    nats = np.zeros(seen.shape)
    ratio = appearance_of(sought[0], sought[1], rows).shade_ratio
    for there, here in ((1, 0), (0, 1)):
        alone = ~seen[:, there]
        own = (links.baseline, links.followup)[here][alone]
        root = patches[here].root_um[own]
        root = deformation(root) if there else deformation.inverse(root)
        change = appearance_of(sought[here], sought[there], rows[:, [here, there]])
        nats[alone, there] = look_for(patches[there], sought[here], own, root, change)
    lie = [real_nats(patch) for patch in patches]
    real = np.zeros(len(seen))
    for nats_of, own in zip(lie, (links.baseline, links.followup), strict=True):
        real[own >= 0] += nats_of[own[own >= 0]]
    found = presence_of(seen.astype(np.int64), np.ones(seen.shape, np.int64), Hints(nats, real))
    status = links.status.astype(f"<U{max(map(len, STATUSES))}")
    for change_of, chance, other in ((LOST, found.before, found.after), (GAINED, found.after, found.before)):
        unlikely = chance - np.minimum(other, chance) < MORE_LIKELY_THAN_NOT
        status[(status == change_of) & unlikely] = UNCERTAIN
    return replace(links, status=status, presence=found, shade_ratio=ratio)


def openings_at(place_um: FloatArray) -> IntArray:
    """Return for (n, 2) places on the skin [µm] which follicular opening each belongs to, (n,)."""
    if not len(place_um):
        return np.zeros(0, dtype=np.int64)
    _, label = connected_components(cdist(place_um, place_um) < OPENING_LINK_UM, directed=False)
    return np.asarray(label, dtype=np.int64)


def _links(rows: list[tuple[int, int, str, float]], place_um: FloatArray, shared: BoolArray) -> Links:
    return Links(
        baseline=np.array([row[0] for row in rows], dtype=np.int64),
        followup=np.array([row[1] for row in rows], dtype=np.int64),
        status=np.array([row[2] for row in rows], dtype=np.str_),
        distance_um=np.array([row[3] for row in rows], dtype=float),
        place_um=place_um,
        shared=shared,
        opening=openings_at(place_um),
    )
