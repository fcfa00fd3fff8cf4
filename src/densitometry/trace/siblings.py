"""Tell where one traced line lies in the body of two shafts, and trace both.

Hairs of one opening lie so close that what is seen is one dark body: side by side with staggered tips, a V,
an X. The centre-line evidence is then smeared over it, and one line wanders from shaft to shaft. The darkness
tells: one bar as wide as may be leaves steps, notches and tapers unexplained that two bars of the width that
the maps expect fill. How much of that is usual, where shafts are ragged, pressed or out of focus, the bodies
near by tell.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.trace.bars import BEGIN, BOW, END, HALF_WIDTH, OFFSET, SLOPE, best_fit, covered, fit_bars
from densitometry.trace.bodies import BEYOND_PX, Body, body_of, surroundings_of
from densitometry.trace.confidence import logistic
from densitometry.trace.nearby import medians_near
from densitometry.trace.segments import Segment
from densitometry.trace.workers import do_all

Floats = NDArray[np.floating[Any]]

SPLIT_WEIGHTS = (0.94, 0.87, -6.94, 2.31, -0.70, -0.45, -0.53)
"""Coefficients of `split_odds`, the constant last. Fitted on all of the 240 pictures of
`training/calibrate_siblings.py`, which prints those of every other one."""

_USUAL = (-5.0, -5.3, 1.46)
"""Medians over rendered pictures of what is compared with the bodies near by, see `told_by`."""

_WIDTH_SPREAD, _SLOPE_SPREAD, _BOW_SPREAD = 0.15, 0.25, 0.5
_END_SPREAD = 0.5
_HELD = 0.01
"""A bar that departs by one spread from the expected width, the line's slope, a straight line (sag in half
widths) or the ends of the body (in its lengths) pays this share of the body's darkness."""
_WIDTH_SPREAD_AFTER = 0.3
"""Once two are believed the picture says more of their widths: in bodies of two the maps expect each hair too
thick (14 µm too much in 49 hairs of the second renderer's tuning pictures, bars fitted so -0.5 µm)."""
_SMALLEST_GAIN = 0.003
_POINTED, _NARROWEST = (0.35, 0.5), 0.15
"""One shaft may narrow to its tip over such shares of its length, and to this share of its width."""
_MOST_HIDDEN = 0.3
"""A bar of which more lies under other traced hairs, or beyond the picture, is no shaft that was seen."""
_LOOKS = 3
"""Starts are tried on every third cross-section."""
_FIRST_STEPS, _LAST_STEPS = 3, 15


@dataclass(frozen=True, slots=True)
class SiblingSettings:
    """When a line is taken for two shafts.

    Attributes:
        least_odds: log odds from which on it is; infinite to leave all lines alone.
    """

    least_odds: float = -1.4


@dataclass(frozen=True, slots=True)
class Split:
    """Two bars that explain a body.

    Attributes:
        body: that they explain.
        bars: (2, 6), see `bars`.
        expected: (2, 6) of the slope and width that they are held to.
        gain: log of the share of the body's darkness that two bars explain better than one.
        gain_over_pointed: the same against a shaft that narrows to its tip.
        unexplained: share that two leave.
        log_half_width: log of the half width of the one bar that explains the body best.
    """

    body: Body
    bars: Floats
    expected: Floats
    gain: float
    gain_over_pointed: float
    unexplained: float
    log_half_width: float


def told_by(splits: Sequence[Split]) -> Floats:
    """Return what tells whether bodies of a picture are two shafts, (n, 6).

    Both gains, what is unexplained, the log of the body's width over that of the bodies near by, and both
    gains that are usual among those.
    """
    compared = np.array([(s.gain, s.gain_over_pointed, s.log_half_width) for s in splits]).reshape(-1, 3)
    places = np.array([s.body.middle for s in splits]).reshape(-1, 2)
    usual = medians_near(places, compared, _USUAL)
    unexplained = np.array([s.unexplained for s in splits])
    return np.column_stack([compared[:, :2], unexplained, compared[:, 2] - usual[:, 2], usual[:, :2]])


def split_odds(told: Floats) -> Floats:
    """Return the log odds (n,) that bodies are two shafts, of `told_by` (n, 6)."""
    return np.asarray(told @ np.array(SPLIT_WEIGHTS[:-1]) + SPLIT_WEIGHTS[-1])


def split_siblings(
    hairs: Sequence[Segment], contrast: Floats, valid: NDArray[np.bool_], settings: SiblingSettings
) -> list[Segment]:
    """Trace both shafts where a line lies in the body of two.

    Args:
        hairs: traced lines, root first.
        contrast: (h, w, 3) log contrast to the skin.
        valid: (h, w) where scalp is seen.
        settings: when a line is taken for two.

    Returns:
        The hairs; in the place of a line that is two, both.
    """
    if not math.isfinite(settings.least_odds):
        return list(hairs)
    around = surroundings_of(hairs, contrast, valid)
    seen: dict[int, Split] = {}

    def look(which: int) -> None:
        body = body_of((which,), around)
        if body is not None and (split := two_bars(body)):
            seen[which] = split

    do_all(look, range(len(hairs)))
    candidates = sorted(seen)
    odds = split_odds(told_by([seen[which] for which in candidates]))
    found: list[list[Segment]] = [[hair] for hair in hairs]
    for which, likely in zip(candidates, odds.tolist(), strict=True):
        if likely >= settings.least_odds:
            chance = hairs[which].chance * (1 + logistic(likely)) / 2
            found[which] = [
                _along(bar, seen[which].body, hairs[which], chance) for bar in with_own_widths(seen[which])
            ]
    return [hair for pair in found for hair in pair]


def two_bars(body: Body) -> Split | None:
    """Return the two bars that explain a body best; None where one of two is not seen."""
    dark = _darkness(body)
    stretch = body.along, body.across, body.fill, body.weight
    one, left_by_one = _one_bar(body)
    expected = np.repeat(one, 2, axis=0)
    expected[:, HALF_WIDTH] = body.half_width
    usual, firmness = held_to(body, expected, dark, _WIDTH_SPREAD)
    _hold_ends(usual, firmness, expected, dark)
    bars = best_fit(_starts(one[0]), *stretch, usual, firmness, _LOOKS, _FIRST_STEPS)
    bars, left_by_two, _ = fit_bars(bars, *stretch, usual, firmness, 1, _LAST_STEPS)
    covers = [covered(bar[None], body.along, body.across) for bar in bars]
    if any((cover * (body.weight == 0)).sum() > _MOST_HIDDEN * cover.sum() for cover in covers):
        return None
    bare = (1 - covers[0]) * (1 - covers[1])
    left_by_pointed = min(left_by_one, *(_one_bar(_drawn_wide(body, share))[1] for share in _POINTED))
    return Split(
        body,
        bars,
        expected,
        gain=_log_share(left_by_one - left_by_two, dark),
        gain_over_pointed=_log_share(left_by_pointed - left_by_two, dark),
        unexplained=float((body.weight * body.fill * bare).sum()) / (dark + 1),
        log_half_width=math.log(float(one[0, HALF_WIDTH])),
    )


def _log_share(gain: float, dark: float) -> float:
    return math.log(max(0.0, gain) / (dark + 1) + _SMALLEST_GAIN)


def _one_bar(body: Body) -> tuple[Floats, float]:
    """Return the one bar (1, 6) of any width that explains a body best, and what it leaves."""
    half = float(body.along[-1] - BEYOND_PX)
    start = np.array([[0.0, 0.0, 0.0, -half, half, body.half_width]])
    stretch = body.along, body.across, body.fill, body.weight
    bar, left, _ = fit_bars(start, *stretch, start, np.zeros((1, 6)), 1, _LAST_STEPS)
    return bar, left


def _drawn_wide(body: Body, share: float) -> Body:
    """Return a body drawn so wide towards the tip that a shaft that narrows over the last share is a bar.

    Places weigh as much as they take up in the body.
    """
    half = float(body.along[-1] - BEYOND_PX)
    narrow = np.clip((half - body.along) / (2 * half * share), _NARROWEST, 1.0).astype(np.float32)
    x = narrow[:, None] * body.across.astype(np.float32) - np.float32(body.across[0])
    y = np.repeat(np.arange(len(narrow), dtype=np.float32)[:, None], x.shape[1], axis=1)
    fill, weight = (
        cv2.remap(plane.astype(np.float32), x, y, cv2.INTER_LINEAR) for plane in (body.fill, body.weight)
    )
    return dataclasses.replace(
        body, fill=fill.astype(np.float64), weight=weight.astype(np.float64) * narrow[:, None]
    )


def with_own_widths(split: Split) -> Floats:
    """Return the bars (2, 6) of a split that is believed, fitted anew with more freedom of width."""
    body = split.body
    dark = _darkness(body)
    usual, firmness = held_to(body, split.expected, dark, _WIDTH_SPREAD_AFTER)
    _hold_ends(usual, firmness, split.expected, dark)
    stretch = body.along, body.across, body.fill, body.weight
    return fit_bars(split.bars, *stretch, usual, firmness, 1, _LAST_STEPS)[0]


def _darkness(body: Body) -> float:
    return float((body.weight * body.fill).sum())


def held_to(body: Body, bars: Floats, dark: float, width_spread: float) -> tuple[Floats, Floats]:
    """What bars are held to, and how firmly: their own width and slope, and straight lines.

    Args:
        body: that they are to fill.
        bars: (k, 6) of the expected slope and half width.
        dark: how much darkness there is in the body.
        width_spread: how far widths may be off, as a share.

    Returns:
        Two arrays (k, 6) for `fit_bars`.
    """
    usual, firmness = np.zeros(bars.shape), np.zeros(bars.shape)
    half = (body.along[-1] - body.along[0]) / 2
    sag = max(_BOW_SPREAD * body.half_width, 1.0) / half**2
    usual[:, SLOPE], usual[:, BOW], usual[:, HALF_WIDTH] = bars[:, SLOPE], -body.bow[0], bars[:, HALF_WIDTH]
    firmness[:, SLOPE] = _HELD * dark / _SLOPE_SPREAD**2
    firmness[:, BOW] = _HELD * dark / sag**2
    firmness[:, HALF_WIDTH] = _HELD * dark / (width_spread * bars[:, HALF_WIDTH]) ** 2
    return usual, firmness


def _hold_ends(usual: Floats, firmness: Floats, expected: Floats, dark: float) -> None:
    """Hold the ends of bars to those of the body.

    Where one bar runs into the other nothing else tells where it ends, and too short a bar with a wrong slope
    explains a V or an X nearly as well as both shafts do.
    """
    ends = slice(BEGIN, END + 1)
    length = expected[:, [END]] - expected[:, [BEGIN]]
    usual[:, ends] = expected[:, ends]
    firmness[:, ends] = _HELD * dark / (_END_SPREAD * length) ** 2


_PAIRS = np.array(
    [
        (((0, 1), (1, 1)), ((0, 1), (-1, -1))),
        (((0, 1), (0, 1.5)), ((0, 1), (0, -1.5))),
        (((0, 1), (1.5, 0)), ((0, 1), (-1.5, 0))),
        (((0, 1), (1, -1)), ((0, 1), (-1, 1))),
        (((0, 1), (-0.5, -0.5)), ((0, 0.55), (1, 1))),
        (((0, 1), (-0.5, -0.5)), ((0.45, 1), (1, 1))),
        (((0, 0.65), (-0.5, -0.5)), ((0.35, 1), (0.5, 0.5))),
        (((0, 1), (0.5, 0.5)), ((0, 0.55), (-1, -1))),
        (((0, 1), (0.5, 0.5)), ((0.45, 1), (-1, -1))),
        (((0, 0.65), (0.5, 0.5)), ((0.35, 1), (-0.5, -0.5))),
    ]
)
"""Where two shafts may lie in a body: beside each other, V, V at the tips, X, a short one beside a long one
at either end, staggered. Of each: shares of the body's length, offsets at both ends in quarters of its
width."""


def _starts(one: Floats) -> Floats:
    """Pairs of bars to start from, (n, 2, 6), laid out over the one bar that fits best."""
    quarter = max(1.5, 0.5 * float(one[HALF_WIDTH]))
    shares, offsets = _PAIRS[..., 0, :], _PAIRS[..., 1, :]
    s = one[BEGIN] + (one[END] - one[BEGIN]) * shares
    n = one[OFFSET] + one[SLOPE] * s + quarter * offsets
    starts = np.zeros((*s.shape[:2], 6))
    starts[..., SLOPE] = (n[..., 1] - n[..., 0]) / (s[..., 1] - s[..., 0])
    starts[..., OFFSET] = n[..., 0] - starts[..., SLOPE] * s[..., 0]
    starts[..., BEGIN : END + 1] = s
    starts[..., HALF_WIDTH] = max(1.5, 1.2 * quarter)
    return starts


def _along(bar: Floats, body: Body, hair: Segment, chance: float) -> Segment:
    """One hair along a bar; all but its course and its width is that of the line it was part of."""
    points = body.points(bar)
    place = (hair.points - body.middle) @ body.ahead
    order = np.argsort(place, kind="stable")
    at = np.linspace(bar[BEGIN], bar[END], len(points))
    ends = np.hypot(*(points[0] - hair.points[0])), np.hypot(*(points[-1] - hair.points[-1]))
    near = 2 * body.half_width + BEYOND_PX
    return dataclasses.replace(
        hair,
        points=points,
        evidence=np.interp(at, place[order], hair.evidence[order]),
        half_width=np.full(len(points), bar[HALF_WIDTH]),
        root_cut=hair.root_cut and bool(ends[0] < near),
        tip_cut=hair.tip_cut and bool(ends[1] < near),
        chance=chance,
        told_apart=True,
    )
