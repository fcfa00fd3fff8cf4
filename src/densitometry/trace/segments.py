"""Cut followed curves into hairs: where each begins, where it ends, and which end is the root.

A curve may run through two hairs lying end to end, or on into a shadow. Every curve is cut by dynamic
programming over the places where an end may be: a hair gains by centre-line evidence nobody else claimed, by
end evidence at both ends and by directions that agree, and costs a fixed price.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.maps import EvidenceMaps
from densitometry.trace.sampling import sample

Floats = NDArray[np.floating[Any]]

_UNSEEN_END = 0.5
"""End evidence of a hair that was cut: its end is not seen."""
_SEEN_ROOT = 0.45
_SEEN_ROOT_PX = 6
"""Root evidence so strong within so much of the border is a root inside the field. Of 91 roots up to 80 µm
inside, in 68 tuning pictures of two simulators, 56 were taken for cut off without this and 15 are with it;
of roots outside 6 and 12 were taken for seen."""


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Prices and gains of the cut, in units of one pixel of perfect centre line.

    Attributes:
        base_evidence: evidence at which running along a line neither gains nor costs.
        shared_share: share of the gain left where a stronger curve already ran.
        bare_price: further cost of a pixel where neither centre line nor shaft is seen.
        direction_gain: gain per pixel whose direction fully agrees with root → tip.
        end_gain: gain of a certain root or tip at its end.
        cut_end_gain: gain granted to an end at the border of the field, where no end can be seen.
        price: cost of a hair.
        least_score: hairs scoring less are dropped.
        min_length_px: shorter hairs are dropped.
        min_new_px: least length of a hair along which no stronger curve ran.
        min_new_fraction: the same as a fraction of its length.
        end_peak: least end evidence at a place where a curve may be cut.
        claim_px: how far around the end of a hair that end is its own.
        claim_left: share of the end evidence left there to other hairs.
    """

    base_evidence: float = 0.3
    shared_share: float = 0.1
    bare_price: float = 0.7
    direction_gain: float = 0.25
    end_gain: float = 7.0
    cut_end_gain: float = 7.0
    price: float = 13.0
    least_score: float = 2.0
    min_length_px: float = 12.0
    end_peak: float = 0.15
    min_new_px: float = 9.0
    min_new_fraction: float = 0.25
    claim_px: float = 6.0
    claim_left: float = 0.2


_MOST_MARGIN, _USUAL_MARGIN = 40.0, 20.0


@njit(cache=True, nogil=True)
def _median(values: Floats) -> float:
    return float(np.median(values))


@dataclass(frozen=True, slots=True)
class Segment:
    """One hair on the detection grid.

    Attributes:
        points: (N, 2) x, y, root first.
        evidence: (N,) centre-line evidence.
        half_width: (N,) half width from the maps.
        score: gain over price.
        root_margin: score with this orientation minus score turned round; large where the root end is sure.
        root_cut, tip_cut: the hair is cut by the border of the field there.
        root_end, tip_end: end evidence at the two ends, in [0, 1]; 1 where the border cuts the hair.
        new_share: share of its points where no stronger curve ran.
        shaft: mean share of shaft under the line.
        chance: that it is a hair of its own, once judged.
        told_apart: whether it is one of two shafts in one body that a single line became.
        piece: whether it was cut off a line that ran on.
    """

    points: Floats
    evidence: Floats
    half_width: Floats
    score: float
    root_margin: float
    root_cut: bool
    tip_cut: bool
    root_end: float
    tip_end: float
    new_share: float
    shaft: float
    chance: float = 1.0
    told_apart: bool = False
    piece: bool = False

    @property
    def usual_half_width(self) -> float:
        """Median half width of the shaft."""
        return float(_median(np.ascontiguousarray(self.half_width, np.float64)))

    @property
    def root_certainty(self) -> float:
        """How sure it is which end is the root, in [0, 2]: 1 at a usual margin."""
        return min(self.root_margin, _MOST_MARGIN) / _USUAL_MARGIN


def turned(hair: Segment) -> Segment:
    """Return a hair with its ends the other way round."""
    return dataclasses.replace(
        hair,
        points=hair.points[::-1],
        evidence=hair.evidence[::-1],
        half_width=hair.half_width[::-1],
        root_cut=hair.tip_cut,
        tip_cut=hair.root_cut,
        root_end=hair.tip_end,
        tip_end=hair.root_end,
    )


def upright(hair: Segment) -> Segment:
    """Return a hair root first: turned where its `root_margin` is negative."""
    if hair.root_margin >= 0:
        return hair
    return turned(dataclasses.replace(hair, root_margin=-hair.root_margin))


def stretch_of(hair: Segment, first: int, last: int) -> Segment:
    """Return a hair from its point `first` up to `last`; an end that is new is not seen."""
    share = (last - first) / len(hair.points)
    begins, stops = first == 0, last == len(hair.points)
    return dataclasses.replace(
        hair,
        points=hair.points[first:last],
        evidence=hair.evidence[first:last],
        half_width=hair.half_width[first:last],
        score=hair.score * share,
        root_margin=hair.root_margin * share,
        root_cut=hair.root_cut and begins,
        tip_cut=hair.tip_cut and stops,
        root_end=hair.root_end if begins else _UNSEEN_END,
        tip_end=hair.tip_end if stops else _UNSEEN_END,
    )


def _extend(curve: Floats, by: int) -> Floats:
    """Lengthen a curve straight on at both ends, so that end evidence just beyond it is seen."""

    def beyond(point: Floats, sign: float) -> Floats:
        steps = np.arange(1, by + 1)
        more = np.zeros((by, curve.shape[1]))
        more[:, 0] = point[0] + sign * steps * np.cos(point[3])
        more[:, 1] = point[1] + sign * steps * np.sin(point[3])
        more[:, 3], more[:, 4] = point[3], 1.0
        return more

    return np.vstack([beyond(curve[0], -1.0)[::-1], curve, beyond(curve[-1], 1.0)])


@njit(cache=True)
def _peaks(ends: Floats, least: float) -> NDArray[np.int64]:
    """Local maxima of the end evidence along a curve, more than 3 px apart, the highest first."""
    left = ends.copy()
    found = np.empty(len(ends) // 4 + 1, np.int64)
    n = 0
    while True:
        i = int(np.argmax(left))
        if left[i] < least:
            return found[:n]
        if ends[i] >= ends[max(0, i - 2) : i + 3].max():
            found[n] = i
            n += 1
            left[max(0, i - 3) : i + 4] = -1.0
        else:
            left[i] = -1.0


def _leaves(new: Floats) -> list[int]:
    """Places where a curve meets or leaves a stronger one: a hair may end there unseen."""
    inside = np.convolve(new, np.ones(5) / 5, "same") > 0.5
    changes = np.flatnonzero(np.diff(inside.astype(int)))
    return [int(i) for i in changes if 5 < i < len(new) - 6]


def cut_curves(
    curves: list[Floats], maps: EvidenceMaps, valid: NDArray[np.uint8], settings: SegmentSettings
) -> list[Segment]:
    """Cut followed curves into hairs, the strongest first; an end that one hair claims pays less to the next.

    Args:
        curves: from `follow_curves`, in its order.
        maps: evidence maps they were followed in.
        valid: (h, w) uint8, 1 where the field is valid, on the detection grid.
        settings: prices.
    """
    root, tip = maps.root.copy(), maps.tip.copy()
    left = dataclasses.replace(maps, root=root, tip=tip)
    hairs: list[Segment] = []
    for curve in curves:
        found = cut_curve(curve, left, valid, settings)
        hairs += found
        for hair in found:
            _claim(root, hair.points[0], settings)
            _claim(tip, hair.points[-1], settings)
    return [_with_seen_root(hair, maps.root) for hair in hairs]


def _with_seen_root(hair: Segment, root: Floats) -> Segment:
    """Return the hair with its root in the field where the root is seen beside the border."""
    if not hair.root_cut:
        return hair
    x, y = (hair.points[:_SEEN_ROOT_PX].T - 0.5) / 2
    seen = float(sample(root, x, y).max())
    return dataclasses.replace(hair, root_cut=False, root_end=seen) if seen >= _SEEN_ROOT else hair


def _claim(ends: Floats, place: Floats, settings: SegmentSettings) -> None:
    """Lower the evidence of an end around the place where a hair has it."""
    x, y = (float(v) for v in (place - 0.5) / 2)
    reach = settings.claim_px / 2
    x0, x1 = max(0, math.ceil(x - reach)), min(ends.shape[1] - 1, math.floor(x + reach))
    y0, y1 = max(0, math.ceil(y - reach)), min(ends.shape[0] - 1, math.floor(y + reach))
    if x0 > x1 or y0 > y1:
        return
    gx, gy = np.meshgrid(np.arange(x0, x1 + 1) - x, np.arange(y0, y1 + 1) - y)
    part = ends[y0 : y1 + 1, x0 : x1 + 1]
    part[np.hypot(gx, gy) <= reach] *= settings.claim_left


def cut_curve(
    curve: Floats, maps: EvidenceMaps, valid: NDArray[np.uint8], settings: SegmentSettings
) -> list[Segment]:
    """Cut one followed curve into hairs.

    Args:
        curve: (N, 5) from `follow_curves`.
        maps: evidence maps it was followed in, claimed ends lowered.
        valid: (h, w) uint8, 1 where the field is valid, on the detection grid.
        settings: prices.

    Returns:
        Hairs in order along the curve; empty if nothing on it is worth a hair.
    """
    reach = 4
    line = _extend(curve, reach)
    x, y = line[:, 0], line[:, 1]
    hx, hy = (x - 0.5) / 2, (y - 0.5) / 2
    root, tip = sample(maps.root, hx, hy), sample(maps.tip, hx, hy)
    along = np.cos(line[:, 3]) * sample(maps.direction[0], hx, hy) + np.sin(line[:, 3]) * sample(
        maps.direction[1], hx, hy
    )
    share = np.where(line[:, 4] > 0, 1.0, settings.shared_share)
    # under another shaft a hair may be unseen; across bare skin it may not
    bare = (1.0 - sample(maps.shaft, hx, hy)) * np.clip(1.0 - line[:, 2] / settings.base_evidence, 0.0, 1.0)
    worth = (line[:, 2] - settings.base_evidence) * share - settings.bare_price * bare
    gain = np.concatenate([[0.0], np.cumsum(worth)])
    agree = (
        np.concatenate([[0.0], np.cumsum(np.clip(along, -1, 1) * line[:, 2] * share)])
        * settings.direction_gain
    )
    fresh = np.concatenate([[0.0], np.cumsum(line[:, 4])])
    h, w = valid.shape
    px, py = np.clip(np.round(x).astype(int), 0, w - 1), np.clip(np.round(y).astype(int), 0, h - 1)
    outside = (valid[py, px] == 0) | (x < 1.5) | (y < 1.5) | (x > w - 2.5) | (y > h - 2.5)
    places = np.unique(
        np.concatenate(
            [
                _peaks(root, settings.end_peak),
                _peaks(tip, settings.end_peak),
                np.array([*_leaves(line[:, 4]), reach, len(line) - 1 - reach], np.int64),
            ]
        )
    )
    border = np.array([outside[max(0, i - 3) : i + 4].any() for i in places])
    # what a root and what a tip would be worth at each place
    root_worth, tip_worth = (
        np.where(border, settings.cut_end_gain, settings.end_gain * evidence[places])
        for evidence in (root, tip)
    )
    begins, scores = _best_cut(
        places,
        gain[places],
        agree[places],
        fresh[places],
        root_worth,
        tip_worth,
        settings.price,
        settings.least_score,
        settings.min_length_px,
        settings.min_new_px,
        settings.min_new_fraction,
    )
    either = np.maximum(root, tip)
    ends = [
        1.0 if cut else float(either[max(0, i - 2) : i + 3].max())
        for i, cut in zip(places, border, strict=True)
    ]
    return _collect(line, maps, places, border, ends, begins, scores)


@njit(cache=True)
def _best_cut(
    places: NDArray[np.int64],
    gain: Floats,
    agree: Floats,
    fresh: Floats,
    root_worth: Floats,
    tip_worth: Floats,
    price: float,
    least_score: float,
    min_length: float,
    min_new: float,
    min_new_fraction: float,
) -> tuple[NDArray[np.int64], Floats]:
    """Where the hair that ends at each place begins in the best cut up to there (-1: none ends there).

    Second come its scores, root first and tip first.
    """
    m = len(places)
    best = np.zeros(m + 1)
    begins = np.full(m, -1)
    scores = np.zeros((m, 2))
    for b in range(1, m):
        best[b + 1] = best[b]
        for a in range(b):
            length = places[b] - places[a]
            if length < min_length or fresh[b] - fresh[a] < max(min_new, min_new_fraction * length):
                continue
            body, turn = gain[b] - gain[a] - price, agree[b] - agree[a]
            forward = body + turn + root_worth[a] + tip_worth[b]
            backward = body - turn + tip_worth[a] + root_worth[b]
            total = max(forward, backward)
            if total >= least_score and best[a + 1] + total > best[b + 1]:
                best[b + 1] = best[a + 1] + total
                begins[b] = a
                scores[b, 0], scores[b, 1] = forward, backward
    return begins, scores


def _collect(
    line: Floats,
    maps: EvidenceMaps,
    places: NDArray[np.int64],
    border: NDArray[np.bool_],
    ends: list[float],
    begins: NDArray[np.int64],
    scores: Floats,
) -> list[Segment]:
    hairs: list[Segment] = []
    b = len(places) - 1
    while b > 0:
        a = int(begins[b])
        if a < 0:
            b -= 1
            continue
        part = line[places[a] : places[b] + 1]
        first, last = a, b
        if scores[b, 0] < scores[b, 1]:
            part, first, last = part[::-1], b, a
        hx, hy = (part[:, 0] - 0.5) / 2, (part[:, 1] - 0.5) / 2
        hairs.append(
            Segment(
                points=part[:, :2].copy(),
                evidence=part[:, 2].copy(),
                half_width=sample(maps.half_width_px, hx, hy),
                score=float(scores[b].max()),
                root_margin=float(abs(scores[b, 0] - scores[b, 1])),
                root_cut=bool(border[first]),
                tip_cut=bool(border[last]),
                root_end=ends[first],
                tip_end=ends[last],
                new_share=float(part[:, 4].mean()),
                shaft=float(sample(maps.shaft, hx, hy).mean()),
            )
        )
        b = a
    return hairs[::-1]
