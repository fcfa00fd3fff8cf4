"""Cut lines that ran on from one hair into another.

Where a hair ends on another, or two lie nearly in line, one line is followed through both: an end hidden by a
shaft says nothing. What tells is the course, which is no longer one smooth curve, with ends seen near, and
another line that already holds a part of it. What is told by a bend, and by a line longer than those near by,
differs where hair was clipped short: weights are mixed by the length that is usual there.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.junctions import bend_misfit
from densitometry.trace.maps import EvidenceMaps
from densitometry.trace.nearby import shortness, usual_log_lengths
from densitometry.trace.overlaps import alike_places
from densitometry.trace.sampling import sample
from densitometry.trace.segments import Segment, SegmentSettings, stretch_of, upright
from densitometry.trace.tone import tone_along

Floats = NDArray[np.floating[Any]]

RUN_ON_WEIGHTS = (
    (
        *(1.83, -0.92, 1.02, -1.13, 0.25, 0.98, 2.26, -1.32, -1.87),
        *(3.38, 1.17, -0.72, 0.48, 0.07, 0.25, 0.77, 0.08, -0.41, -8.03),
    ),
    (
        *(1.10, 0.63, 1.20, 0.69, -0.43, 0.38, 2.56, 1.00, 0.56),
        *(0.69, 8.17, -0.45, 1.45, 0.23, 1.09, 0.66, 0.45, -0.53, -7.76),
    ),
)
"""Coefficients of `cut_features`, the constant last, where hair is long, and where it is short: what
`training/calibrate_run_ons.py` prints."""
_ASKED_OF_SHORT = 0.7
"""Taken off the log odds in short hair: shadows and flakes of real frames look more like a second hair than
those of phantoms. Chosen on 40 real tuning frames (decision 0018)."""

_EVERY_PX, _SHORTEST_PX = 4, 6
"""Cuts are tried at every fourth point; pieces shorter than this are no hairs."""
_THINNED = 2
"""Bends are fitted to every second point."""
_ARM_PX, _LONG_ARM_PX = 45, 90
_SOFTENED_PX = 0.1
_KINK_PX, _TANGENT_PX, _NEAR_PX = 8, 3, 4
_ANOTHERS = 0.5
"""A piece of which more runs along another line was that hair, and goes."""
# Columns of `cut_features`.
_LOG_MISFIT, _MISFIT, _BETTER, _KINK, _ALIKE, _LOG_LENGTH, _SHORTER = range(7)
_ROOT, _TIP, _EITHER, _BOTH, _NEW_SHARE, _STEP, _MARGIN, _LEAST_SHAFT = range(7, 15)
_LONGER, _LONG_PIECE, _SHORT_PIECE = range(15, 18)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Places where a line may be cut.

    Attributes:
        places: (n,) index of the first point of the second piece.
        features: (n, 18), see `cut_features`.
        shortness: how short the hair near by is, in [0, 1].
    """

    places: NDArray[np.int64]
    features: Floats
    shortness: float

    def odds(self, weights: Floats) -> Floats:
        """Return the log odds (n,) that two hairs are right and one is not, by `RUN_ON_WEIGHTS`."""
        of = (1.0 - self.shortness) * weights[0] + self.shortness * weights[1]
        return np.asarray(self.features @ of[:-1] + of[-1] - _ASKED_OF_SHORT * self.shortness)


def cut_run_ons(
    hairs: Sequence[Segment],
    maps: EvidenceMaps,
    contrast: Floats,
    prices: SegmentSettings,
    least_odds: float,
) -> list[Segment]:
    """Cut each line that is likelier two hairs, once, at the likeliest place.

    Args:
        hairs: traced lines, root first.
        maps: the evidence that they were followed in.
        contrast: (h, w, 3) log contrast to the skin.
        prices: what ends and directions are worth, for the root end of the pieces.
        least_odds: log odds from which on a line is cut; infinite to leave all lines alone.

    Returns:
        The hairs; in the place of a line that ran on, its pieces, but for one that runs along another line.
    """
    if not math.isfinite(least_odds):
        return list(hairs)
    kept: list[Segment] = []
    weights, lengths = np.array(RUN_ON_WEIGHTS), usual_log_lengths(hairs)
    for hair, alike, usual in zip(hairs, alike_places(hairs), lengths, strict=True):
        cuts = cuts_of(hair, alike, usual, maps, contrast)
        odds = cuts.odds(weights)
        if odds.max(initial=-math.inf) < least_odds:
            kept.append(hair)
        else:
            pieces = _pieces(hair, alike, int(cuts.places[np.argmax(odds)]))
            kept += [_rooted(piece, maps, prices) for piece in pieces]
    return kept


def _pieces(hair: Segment, alike: NDArray[np.bool_], at: int) -> list[Segment]:
    """Both pieces of a line, but for one that runs along another line."""
    pieces = [stretch_of(hair, 0, at), stretch_of(hair, at, len(hair.points))]
    shares = float(alike[:at].mean()), float(alike[at:].mean())
    return [p for p, share in zip(pieces, shares, strict=True) if share < _ANOTHERS] or pieces


def cuts_of(
    hair: Segment, alike: NDArray[np.bool_], usual: float, maps: EvidenceMaps, contrast: Floats
) -> Cuts:
    """Return where a line may be cut, and what speaks for it there.

    Args:
        hair: a traced line.
        alike: (N,) where it runs in the body of another that runs the same way.
        usual: log of the length of hair that is usual near by.
        maps: evidence maps.
        contrast: (h, w, 3) log contrast to the skin.
    """
    count = len(hair.points)
    places = np.arange(_SHORTEST_PX, count - _SHORTEST_PX, _EVERY_PX)
    return Cuts(places, cut_features(hair, places, alike, usual, maps, contrast), shortness(usual))


def cut_features(
    hair: Segment,
    places: NDArray[np.int64],
    alike: NDArray[np.bool_],
    usual: float,
    maps: EvidenceMaps,
    contrast: Floats,
) -> Floats:
    """Return what speaks for a cut at places of a line, (n, 18).

    Log misfit of one parabola along 0.7 mm either way, and that misfit; how much better two fit 0.36 mm
    either way; how sharply it turns; share of what lies before that runs along another line; log length;
    share of it in the shorter piece; root and tip evidence near, the greater, their product; share of the
    line that was new; step of darkness; how sure its root end is; least shaft evidence near. Then how much
    longer it is than usual, and how far both pieces are from that, the longer one first (logs of lengths).
    """
    points = np.ascontiguousarray(hair.points, np.float64)
    count = len(points)
    x, y = ((points - 0.5) / 2).T
    out = np.empty((len(places), _SHORT_PIECE + 1))
    out[:, _LOG_LENGTH] = math.log(count)
    shorter = np.minimum(places, count - places)
    out[:, _SHORTER] = shorter / count
    out[:, _NEW_SHARE] = hair.new_share
    out[:, _MARGIN] = hair.root_certainty
    out[:, _LONGER] = math.log(count) - usual
    out[:, _LONG_PIECE] = np.abs(np.log(count - shorter) - usual)
    out[:, _SHORT_PIECE] = np.abs(np.log(shorter) - usual)
    _see_bends(points[::_THINNED].copy(), places // _THINNED, out)
    _see_turns(points, places, out)
    _see_ends(sample(maps.root, x, y), sample(maps.tip, x, y), sample(maps.shaft, x, y), places, out)
    _see_sides(alike, tone_along(points, contrast), places, out)
    return out


@njit(cache=True, nogil=True)
def _see_bends(points: Floats, places: NDArray[np.int64], out: Floats) -> None:
    """Misfit [px] of one parabola along long arms at each place, and of one less two along shorter arms."""
    short, long, count = _ARM_PX // _THINNED, _LONG_ARM_PX // _THINNED, len(points)
    for k in range(len(places)):
        at = places[k]
        misfit = bend_misfit(points[max(0, at - long) : min(count, at + long)])[0]
        before, after = points[max(0, at - short) : at], points[at : min(count, at + short)]
        one = bend_misfit(points[max(0, at - short) : min(count, at + short)])[0]
        squares = bend_misfit(before)[0] ** 2 * len(before) + bend_misfit(after)[0] ** 2 * len(after)
        out[k, _LOG_MISFIT], out[k, _MISFIT] = math.log(misfit + _SOFTENED_PX), misfit
        out[k, _BETTER] = one - math.sqrt(squares / (len(before) + len(after)))


@njit(cache=True, nogil=True)
def _tangent(points: Floats, at: int) -> tuple[float, float]:
    """Unit direction of a line at a place of it."""
    after, before = min(at + _TANGENT_PX, len(points) - 1), max(at - _TANGENT_PX, 0)
    dx, dy = points[after, 0] - points[before, 0], points[after, 1] - points[before, 1]
    length = max(math.hypot(dx, dy), 1e-9)
    return dx / length, dy / length


@njit(cache=True, nogil=True)
def _see_turns(points: Floats, places: NDArray[np.int64], out: Floats) -> None:
    """How sharply a line turns at each place [rad]."""
    for k in range(len(places)):
        ax, ay = _tangent(points, min(places[k] + _KINK_PX, len(points) - 1))
        bx, by = _tangent(points, max(places[k] - _KINK_PX, 0))
        out[k, _KINK] = math.acos(min(max(ax * bx + ay * by, -1.0), 1.0))


@njit(cache=True, nogil=True)
def _see_ends(root: Floats, tip: Floats, shaft: Floats, places: NDArray[np.int64], out: Floats) -> None:
    """Root and tip evidence near each place, the greater and their product, and the least of shafts there."""
    for k in range(len(places)):
        near = slice(max(0, places[k] - _NEAR_PX), places[k] + _NEAR_PX + 1)
        a, b = root[near].max(), tip[near].max()
        out[k, _ROOT], out[k, _TIP], out[k, _EITHER], out[k, _BOTH] = a, b, max(a, b), a * b
        out[k, _LEAST_SHAFT] = shaft[near].min()


@njit(cache=True, nogil=True)
def _see_sides(alike: NDArray[np.bool_], darkness: Floats, places: NDArray[np.int64], out: Floats) -> None:
    """Share of what lies before each place that runs along another line, and the step of darkness there."""
    for k in range(len(places)):
        at = places[k]
        before, after = darkness[max(0, at - _ARM_PX) : at], darkness[at : at + _ARM_PX]
        out[k, _ALIKE] = alike[:at].mean()
        out[k, _STEP] = abs(before.mean() - after.mean())


def _rooted(piece: Segment, maps: EvidenceMaps, prices: SegmentSettings) -> Segment:
    """Return a piece, root first, by what the maps say of its ends and of the way it runs."""
    x, y = ((piece.points - 0.5) / 2).T
    steps = np.gradient(piece.points, axis=0)
    steps /= np.maximum(np.hypot(*steps.T), 1e-9)[:, None]
    along = steps[:, 0] * sample(maps.direction[0], x, y) + steps[:, 1] * sample(maps.direction[1], x, y)
    ends = sample(maps.root, x[[0, -1]], y[[0, -1]]) - sample(maps.tip, x[[0, -1]], y[[0, -1]])
    ends *= np.array([not piece.root_cut, piece.tip_cut - 1])
    margin = 2 * prices.direction_gain * float(np.clip(along, -1, 1) @ piece.evidence)
    margin += prices.end_gain * float(ends.sum())
    return upright(dataclasses.replace(piece, root_margin=margin, piece=True))
