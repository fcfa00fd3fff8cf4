"""Widths of hairs that lie in one body with others, from bars that fill it together.

Beside a neighbour the maps expect a shaft as wide as what they see of the body, and cross-sections measure
the body. Bars laid along all its lines share its darkness out.
All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.bars import HALF_WIDTH, covered, fit_bars
from densitometry.trace.bodies import Body, Surroundings, body_of, shaft_of, surroundings_of
from densitometry.trace.segments import Segment
from densitometry.trace.siblings import held_to

Floats = NDArray[np.floating[Any]]

_TOUCHING = 0.75
"""Lines nearer than this share of both widths touch."""
_FARTHEST_PX = 16.0
"""Middles of shafts that touch are not farther apart: 130 µm."""
_LEAST_BESIDE, _MOST_OTHERS = 0.2, 2
"""A hair is in a bundle with those it touches for more than this share of its length, at most so many."""
_ALIKE_COS = 0.8
"""Hairs that cross it at more than 37° are no part of a body that bars along it fill."""
_EVERY = 3
"""Every so many points of a line are looked at for what it touches."""
_WIDTH_SPREAD = 0.3
"""How far a shaft is from the width that the maps expect. Chosen on tuning pictures of both renderers."""
_MOST_LEFT, _MOST_HIDDEN = 0.05, 0.3
"""Bars that leave more of the body, or are hidden more, tell nothing of widths."""
_SHORTEST_PX = 5.0
_STEPS = 15


def bundle_widths(hairs: Sequence[Segment], contrast: Floats, valid: NDArray[np.bool_]) -> list[Segment]:
    """Share the width of bodies out among the hairs in them.

    Args:
        hairs: traced lines, root first.
        contrast: (h, w, 3) log contrast to the skin.
        valid: (h, w) where scalp is seen.

    Returns:
        The hairs; those in a bundle with half widths scaled to what bars say.
    """
    around = surroundings_of(hairs, contrast, valid)
    found = list(hairs)
    for which, hair in enumerate(hairs):
        # one of two that were told apart has its width from its bar
        others = [] if hair.told_apart or not shaft_of(which, around) else _touching(which, around)
        body = body_of((which, *others), around) if others else None
        half_width = body and _shared(body, [hair, *(hairs[k] for k in others)])
        if half_width:
            scale = half_width / float(around.half_widths[which])
            found[which] = dataclasses.replace(hair, half_width=hair.half_width * scale)
    return found


def _touching(which: int, around: Surroundings) -> list[int]:
    """Return the hairs that touch one along its length, those that touch it longest first."""
    hair = around.hairs[which]
    half_width = around.half_widths[which]
    chord = hair.points[-1] - hair.points[0]
    low, high = around.boxes[which]
    shares: list[tuple[float, int]] = []
    for k in around.near(low - _FARTHEST_PX, high + _FARTHEST_PX):
        other = around.hairs[k].points[::_EVERY]
        way = other[-1] - other[0]
        if k == which or abs(chord @ way) < _ALIKE_COS * np.hypot(*chord) * np.hypot(*way):
            continue
        touch = _TOUCHING * (half_width + around.half_widths[k])
        apart = np.hypot(*(hair.points[::_EVERY, None] - other).transpose(2, 0, 1)).min(axis=1)
        shares.append((-float(np.mean(apart < touch)), k))
    return [k for share, k in sorted(shares) if -share > _LEAST_BESIDE][:_MOST_OTHERS]


def _shared(body: Body, hairs: Sequence[Segment]) -> float | None:
    """Return the half width of the first of the hairs that fill a body; None where bars do not tell it."""
    starts = [start for hair in hairs if (start := _laid(body, hair)) is not None]
    if len(starts) < len(hairs):
        return None
    bars = np.array(starts)
    dark = float((body.weight * body.fill).sum())
    stretch = body.along, body.across, body.fill, body.weight
    usual, firmness = held_to(body, bars, dark, _WIDTH_SPREAD)
    bars, left, _ = fit_bars(bars, *stretch, usual, firmness, 1, _STEPS)
    own = covered(bars[:1], body.along, body.across)
    hidden = float((own * (body.weight == 0)).sum())
    if left > _MOST_LEFT * (dark + 1) or hidden > _MOST_HIDDEN * float(own.sum()):
        return None
    return float(bars[0, HALF_WIDTH])


def _laid(body: Body, hair: Segment) -> Floats | None:
    """Return the bar along a hair's line; None where hardly any of it lies in the stretch."""
    s, n = body.straight(hair.points)
    inside = (s >= body.along[0]) & (s <= body.along[-1])
    if np.count_nonzero(inside) < 2 or np.ptp(s[inside]) < _SHORTEST_PX:
        return None
    slope, offset = np.polyfit(s[inside], n[inside], 1)
    ends = float(s[inside].min()), float(s[inside].max())
    return np.array([offset, slope, 0.0, *ends, hair.usual_half_width])
