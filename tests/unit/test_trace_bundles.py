"""Widths in bundles: shafts that touch share the width of their body, others keep what the maps expect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_shafts import SEEN, hair, line, picture, shaft

from densitometry.trace.bundles import bundle_widths
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]
HALF = 4.0
PAIRS = {
    "beside": (line((40, 80), (110, 80)), line((40, 87), (95, 87))),
    "v": (line((40, 80), (112, 76)), line((40, 83), (108, 92))),
    "staggered": (line((30, 80), (90, 80)), line((60, 87), (120, 87))),
}


def halves(hairs: list[Segment]) -> list[float]:
    return [float(np.median(h.half_width)) for h in hairs]


@pytest.mark.parametrize("expected", [5.6, 4.8])
@pytest.mark.parametrize("name", PAIRS)
def test_shafts_that_touch_share_their_body(name: str, expected: float) -> None:
    a, b = PAIRS[name]
    plane = picture(shaft(a, HALF), shaft(b, HALF))
    found = bundle_widths([hair(a, expected), hair(b, expected)], plane, SEEN)
    off = sorted(abs(now - HALF) for now in halves(found))
    # bars may lie over each other: of two that end together only one is sure
    assert off[0] < 0.3
    assert off[1] < abs(expected - HALF)
    assert [np.array_equal(h.points, p) for h, p in zip(found, (a, b), strict=True)] == [True, True]


def test_hairs_that_touch_none_are_left_alone() -> None:
    a, far, across = line((40, 80), (110, 80)), line((40, 120), (110, 120)), line((60, 50), (90, 110))
    plane = picture(shaft(a, HALF), shaft(far, HALF), shaft(across, HALF))
    hairs = [hair(a, 5.0), hair(far, 5.0), hair(across, 5.0)]
    assert bundle_widths(hairs, plane, SEEN) == hairs
    assert bundle_widths([], plane, SEEN) == []


def test_a_far_hair_changes_nothing() -> None:
    a, b = PAIRS["v"]
    far = line((20, 20), (60, 24))
    plane = picture(shaft(a, HALF), shaft(b, HALF), shaft(far, HALF))
    alone = bundle_widths([hair(a, 5.0), hair(b, 5.0)], plane, SEEN)
    beside = bundle_widths([hair(far, 5.0), hair(a, 5.0), hair(b, 5.0)], plane, SEEN)
    assert halves(alone) == halves(beside[1:])


def test_shafts_that_were_told_apart_keep_what_told_them() -> None:
    a, b = PAIRS["beside"]
    hairs = [hair(a, 5.0, told_apart=True), hair(b, 5.0, told_apart=True)]
    assert bundle_widths(hairs, picture(shaft(a, HALF), shaft(b, HALF)), SEEN) == hairs


def test_bars_that_do_not_fill_the_body_tell_nothing() -> None:
    a, b = PAIRS["beside"]
    third = line((60, 73), (100, 66))
    plane = picture(shaft(a, HALF), shaft(b, HALF), shaft(third, HALF))
    hairs = [hair(a, 5.0), hair(b, 5.0)]
    assert bundle_widths(hairs, plane, SEEN) == hairs
