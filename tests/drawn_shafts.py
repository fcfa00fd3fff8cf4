"""Shafts drawn on the detection grid, and the lines that tracing would lay along them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]
SIZE = 160
SEEN = np.ones((SIZE, SIZE), np.bool_)
DARK = -2.2
"""Log contrast of a dark shaft."""


def shaft(points: Floats, half: float | Floats) -> Floats:
    """Share of every pixel that a shaft with square ends and soft edges covers."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    step = np.gradient(points, axis=0)
    step /= np.hypot(*step.T)[:, None]
    widths = np.broadcast_to(half, len(points))
    apart = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    near = apart.argmin(axis=2)
    dx, dy = x - points[near, 0], y - points[near, 1]
    beside = np.abs(dy * step[near, 0] - dx * step[near, 1])
    ahead = (x - points[0, 0]) * step[0, 0] + (y - points[0, 1]) * step[0, 1]
    behind = (points[-1, 0] - x) * step[-1, 0] + (points[-1, 1] - y) * step[-1, 1]
    inside = np.minimum(np.minimum(widths[near] - beside, ahead), behind)
    return np.asarray(1 / (1 + np.exp(-2.5 * np.clip(inside, -8, 8))))


def picture(*shafts: Floats, contrast: float = DARK) -> NDArray[np.float32]:
    """Log contrast of skin with a little texture under shafts."""
    skin = np.random.default_rng(5).normal(0, 0.03, (SIZE, SIZE))
    cover = 1 - np.prod([1 - s for s in shafts], axis=0)
    light = (1 - cover) * np.exp(skin) + cover * math.exp(contrast)
    return np.repeat(np.log(light)[..., None], 3, axis=2).astype(np.float32)


def line(a: tuple[float, float], b: tuple[float, float], sag: float = 0.0) -> Floats:
    t = np.linspace(0, 1, max(2, round(math.dist(a, b))))[:, None]
    across = np.array([-(b[1] - a[1]), b[0] - a[0]]) / math.dist(a, b)
    return np.asarray(np.array(a) + t * (np.array(b) - a) + 4 * sag * t * (1 - t) * across)


def hair(points: Floats, half_width: float = 4.5, **changes: Any) -> Segment:
    n = len(points)
    known: dict[str, Any] = {
        "score": 20.0,
        "root_margin": 5.0,
        "root_cut": False,
        "tip_cut": False,
        "root_end": 0.9,
        "tip_end": 0.8,
        "new_share": 1.0,
        "shaft": 1.0,
    }
    return Segment(np.asarray(points, float), np.ones(n), np.full(n, half_width), **known | changes)
