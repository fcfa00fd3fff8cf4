"""How sure tracing is of a hair: chances fitted on rendered pictures by `training/calibrate.py`."""

from __future__ import annotations

import math

import numpy as np

from densitometry.trace.segments import Segment

PRESENCE_WEIGHTS = (0.034, 3.920, 1.481, 0.044, -2.976)
"""Coefficients of `presence_features`, the constant last."""
ROOT_WEIGHT, ROOT_CONSTANT = 0.189, -0.878
"""Log odds of the right root end: per unit of margin between the two orientations, and at none."""


def presence_features(segment: Segment) -> tuple[float, ...]:
    """Return what speaks for a hair: score, weakest evidence along it, share that is new, log length."""
    weakest = float(np.percentile(segment.evidence, 20))
    return (min(segment.score, 60.0), weakest, segment.new_share, math.log(len(segment.points)))


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def presence(segment: Segment) -> float:
    """Return the chance in [0, 1] that a segment is one hair."""
    *weights, constant = PRESENCE_WEIGHTS
    odds = constant + sum(w * f for w, f in zip(weights, presence_features(segment), strict=True))
    return logistic(odds) * segment.chance


def root_probability(segment: Segment) -> float:
    """Return the chance in [0.5, 1] that the first point is the root end."""
    return max(0.5, logistic(ROOT_CONSTANT + ROOT_WEIGHT * segment.root_margin))
