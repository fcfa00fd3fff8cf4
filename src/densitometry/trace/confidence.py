"""How sure tracing is of a hair: chances fitted on rendered pictures by `training/calibrate.py`.

A piece of a hair, or a second line on one, has ends of which the maps say little, and runs in the body of
another line.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.junctions import bend_misfit
from densitometry.trace.nearby import hair_near
from densitometry.trace.overlaps import Overlap, overlaps
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

PRESENCE_WEIGHTS = (
    (
        *(0.018, 1.112, -0.748, 0.474, 1.256, 1.120, 0.493),
        *(-12.092, -7.159, 0.169, 4.521, -0.147, -0.333, -1.681),
    ),
    (
        *(0.041, -0.073, -2.047, 0.610, 0.772, 1.289, 0.288),
        *(-1.122, -1.915, -0.242, -1.482, 0.004, -0.315, -1.384),
    ),
    (
        *(-0.013, 7.074, -1.860, -0.279, 2.429, 0.910, 2.540),
        *(-2.561, -5.952, -2.064, 6.062, -0.236, 0.391, -2.310),
    ),
)
"""Coefficients of `presence_features`, the constant last: in long straight hair, in long curled hair, and
where hair was clipped short."""
ROOT_WEIGHT, ROOT_CONSTANT = 0.181, 0.060
ROOT_WEIGHT_CUT, ROOT_CONSTANT_CUT = 0.184, 0.341
"""Log odds of the right root end: per unit of margin between the two orientations, and at none; of hairs that
the border cuts only one end speaks, and a weaker word of it says as much."""
_LEAST_OF_PIECES = 0.65
"""A piece that was cut off another hair has to be twice as likely a hair of its own as not."""
_LEAST_WHERE_PIECES_ABOUND = 0.5
"""A line in curled hair, and in hair clipped short, has to be likelier a hair of its own than not: there
pieces and second lines abound."""
_STRAIGHT = 0
_MOST_SCORE = 60.0
_WORST_MISFIT_PX = 5.0
_BESIDE_PX = 16.0
"""Lines farther apart share no body."""


def presence_features(segment: Segment, overlap: Overlap) -> tuple[float, ...]:
    """Return what speaks for a hair and against it.

    Score, weakest evidence along it, share that is new, log length; evidence of its root and its tip; how
    sure it is which is which, and how badly a parabola follows it; shares that run alike another line, alike
    a stronger one, and in any other body; ends on and within others.
    """
    return *_own_features(segment), *_met_features(overlap)


def _own_features(segment: Segment) -> tuple[float, ...]:
    return (
        min(segment.score, _MOST_SCORE),
        float(np.percentile(segment.evidence, 20)),
        segment.new_share,
        math.log(len(segment.points)),
        segment.root_end,
        segment.tip_end,
        segment.root_certainty,
        min(bend_misfit(np.ascontiguousarray(segment.points, np.float64))[0], _WORST_MISFIT_PX)
        / math.sqrt(len(segment.points)),
    )


def _met_features(overlap: Overlap) -> tuple[float, ...]:
    return (
        overlap.alike,
        overlap.stronger,
        overlap.in_body,
        float(overlap.ends_on),
        float(overlap.ends_within),
    )


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def presence(features: Sequence[float], near: Sequence[float]) -> float:
    """Return the chance in [0, 1] that a segment of these `presence_features` is one hair.

    Args:
        features: what speaks for it and against it.
        near: (3,) of `nearby.hair_near`.
    """
    each = (
        weights[-1] + sum(w * f for w, f in zip(weights, features, strict=False))
        for weights in PRESENCE_WEIGHTS
    )
    return logistic(sum(share * odds for share, odds in zip(near, each, strict=True)))


def drop_doubtful(hairs: Sequence[Segment], shape: tuple[int, ...], least: float) -> list[Segment]:
    """Drop lines that are hardly hairs of their own; those that stay know their chance.

    Of lines that doubt falls on together, the worst goes first: the others are then judged without it.

    Args:
        hairs: traced lines.
        shape: height and width of the maps.
        least: lines of a smaller chance are dropped, in [0, 1]; pieces that were cut off others also
            below 0.65, lines in curled and in short hair below 0.5; 0 keeps all.
    """
    kept, own = list(hairs), [_own_features(hair) for hair in hairs]
    near = hair_near(hairs, shape)
    while True:
        met = [_met_features(overlap) for overlap in overlaps(kept)]
        chances = [presence((*features, *of), n) for features, of, n in zip(own, met, near, strict=True)]
        asked = [_least_of(hair, n[_STRAIGHT], least) for hair, n in zip(kept, near, strict=True)]
        worst = _worst_of_each_place(kept, chances, asked)
        if not worst:
            return [dataclasses.replace(h, chance=c) for h, c in zip(kept, chances, strict=True)]
        stay = [k for k in range(len(kept)) if k not in worst]
        kept, own, near = [kept[k] for k in stay], [own[k] for k in stay], [near[k] for k in stay]


def _least_of(hair: Segment, long_straight: float, least: float) -> float:
    """Return the chance below which a line is dropped, by how long and straight the hair near by is."""
    if least <= 0:
        return 0.0
    if hair.piece:
        return max(least, _LEAST_OF_PIECES)
    return max(least, long_straight * least + (1 - long_straight) * _LEAST_WHERE_PIECES_ABOUND)


def _worst_of_each_place(
    hairs: Sequence[Segment], chances: Sequence[float], least: Sequence[float]
) -> set[int]:
    """Return the doubtful lines beside which none is more so."""
    doubtful = sorted((chance, k) for k, chance in enumerate(chances) if chance < least[k])
    worst: dict[int, tuple[Floats, Floats]] = {}
    for _, k in doubtful:
        low, high = hairs[k].points.min(axis=0) - _BESIDE_PX, hairs[k].points.max(axis=0) + _BESIDE_PX
        if not any((low < top).all() and (high > bottom).all() for bottom, top in worst.values()):
            worst[k] = hairs[k].points.min(axis=0), hairs[k].points.max(axis=0)
    return set(worst)


def root_probability(segment: Segment) -> float:
    """Return the chance in [0.5, 1] that the first point is the root end."""
    if segment.root_cut != segment.tip_cut:
        return max(0.5, logistic(ROOT_CONSTANT_CUT + ROOT_WEIGHT_CUT * segment.root_margin))
    return max(0.5, logistic(ROOT_CONSTANT + ROOT_WEIGHT * segment.root_margin))
