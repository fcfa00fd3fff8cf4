"""Lines along the rim of what hides the scalp are dropped; hairs are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.rims import drop_bridged, drop_rims
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]
SIZE = 160
Y, X = np.mgrid[:SIZE, :SIZE].astype(float)
ROUND = np.hypot(X - 80, Y - 80) < 70


def hair(x: Floats, y: Floats) -> Segment:
    n = len(x)
    return Segment(
        np.stack([x, y], axis=1), np.ones(n), np.full(n, 2.0), 20.0, 5.0, False, False, 0.9, 0.8, 1.0, 1.0
    )


def test_the_rim_of_a_round_field_is_no_hair() -> None:
    angles = np.linspace(0.2, 1.0, 53)
    rim = hair(80 + 66 * np.cos(angles), 80 + 66 * np.sin(angles))
    inner = hair(80 + 55 * np.cos(angles), 80 + 55 * np.sin(angles))
    assert drop_rims([rim, inner], ROUND) == [inner]


def test_a_hair_that_leaves_the_field_is_kept() -> None:
    crossing = hair(np.linspace(120, 149, 30), np.full(30, 80.0))
    assert drop_rims([crossing], ROUND) == [crossing]


def test_a_hair_that_bends_along_the_rim_for_a_while_is_kept() -> None:
    angles = np.linspace(0.2, 1.2, 66)
    radius = np.r_[np.linspace(50, 64, 20), np.full(46, 66.0)]
    bent = hair(80 + radius * np.cos(angles), 80 + radius * np.sin(angles))
    assert drop_rims([bent], ROUND) == [bent]


def test_the_edge_of_the_picture_hides_nothing() -> None:
    along = hair(np.linspace(20, 90, 71), np.full(71, 2.0))
    assert drop_rims([along], np.ones((SIZE, SIZE), bool)) == [along]
    assert drop_rims([], ROUND) == []


def test_a_drawn_line_is_no_hair_but_one_that_passes_below_is() -> None:
    drawn = hair(np.linspace(20, 90, 71), np.full(71, 40.0))
    below = hair(np.full(71, 50.0), np.linspace(10, 80, 71))
    bridged = np.abs(Y - 40) < 3
    assert drop_bridged([drawn, below], bridged) == [below]
    assert drop_bridged([drawn, below], np.zeros_like(bridged)) == [drawn, below]
