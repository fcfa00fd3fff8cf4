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

from densitometry.trace.curl import curled_along
from densitometry.trace.overlaps import Overlap, overlaps
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

PRESENCE_WEIGHTS = (
    (0.025, 3.493, -0.572, -0.013, 1.400, 1.067, -6.437, -0.183, 3.708, 0.039, -0.467, -0.837),
    (0.049, 0.151, -1.947, 0.351, 0.866, 1.257, -1.934, 0.014, -1.541, 0.189, -0.519, -0.603),
)
"""Coefficients of `presence_features`, the constant last: in straight hair, and in curled hair."""
ROOT_WEIGHT, ROOT_CONSTANT = 0.189, -0.878
"""Log odds of the right root end: per unit of margin between the two orientations, and at none."""
_LEAST_OF_PIECES = 0.65
"""A piece that was cut off another hair has to be twice as likely a hair of its own as not."""
_LEAST_IN_CURLS = 0.5
"""And so has a line in curled hair, where pieces and second lines abound."""
_MOST_SCORE = 60.0
_BESIDE_PX = 16.0
"""Lines farther apart share no body."""


def presence_features(segment: Segment, overlap: Overlap) -> tuple[float, ...]:
    """Return what speaks for a hair and against it.

    Score, weakest evidence along it, share that is new, log length; evidence of its root and its tip; shares
    that run alike another line, alike a stronger one, and in any other body; ends on and within others.
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


def presence(features: Sequence[float], curled: float) -> float:
    """Return the chance in [0, 1] that a segment of these `presence_features` is one hair.

    Args:
        features: what speaks for it and against it.
        curled: how curled the hair near by is, in [0, 1].
    """
    straight, curly = (
        weights[-1] + sum(w * f for w, f in zip(weights, features, strict=False))
        for weights in PRESENCE_WEIGHTS
    )
    return logistic(straight * (1 - curled) + curly * curled)


def drop_doubtful(hairs: Sequence[Segment], shape: tuple[int, ...], least: float) -> list[Segment]:
    """Drop lines that are hardly hairs of their own; those that stay know their chance.

    Of lines that doubt falls on together, the worst goes first: the others are then judged without it.

    Args:
        hairs: traced lines.
        shape: height and width of the maps.
        least: lines of a smaller chance are dropped, in [0, 1]; pieces that were cut off others also
            below 0.65, lines in curled hair below 0.5; 0 keeps all.
    """
    kept, own = list(hairs), [_own_features(hair) for hair in hairs]
    curled = curled_along(hairs, shape)
    while True:
        met = [_met_features(overlap) for overlap in overlaps(kept)]
        chances = [presence((*features, *of), c) for features, of, c in zip(own, met, curled, strict=True)]
        asked = [_least_of(hair, c, least) for hair, c in zip(kept, curled, strict=True)]
        worst = _worst_of_each_place(kept, chances, asked)
        if not worst:
            return [dataclasses.replace(h, chance=c) for h, c in zip(kept, chances, strict=True)]
        stay = [k for k in range(len(kept)) if k not in worst]
        kept, own, curled = [kept[k] for k in stay], [own[k] for k in stay], [curled[k] for k in stay]


def _least_of(hair: Segment, curled: float, least: float) -> float:
    """Return the chance below which a line is dropped."""
    if least <= 0:
        return 0.0
    in_curls = max(least, _LEAST_IN_CURLS)
    return max(least, _LEAST_OF_PIECES) if hair.piece else least + curled * (in_curls - least)


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
    return max(0.5, logistic(ROOT_CONSTANT + ROOT_WEIGHT * segment.root_margin))
