"""Roots that ran on into the shadow of the shaft under the skin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densitometry.trace.segments import Segment
from densitometry.trace.shadows import leave_shadows

Floats = NDArray[np.floating[Any]]
SHAFT = -1.2
ROOT, TIP = 20, 80


def hair(root_cut: bool = False, begin: int = ROOT) -> Segment:
    points = np.stack([np.arange(begin, TIP, dtype=float), np.full(TIP - begin, 30.0)], axis=1)
    n = len(points)
    return Segment(points, np.ones(n), np.full(n, 3.0), 20.0, 5.0, root_cut, False, 0.9, 0.8, 1.0, 1.0)


def picture(until: int, share: float, shaft: float = SHAFT) -> Floats:
    """A shaft along y = 30 whose first part has only a share of its contrast."""
    contrast = np.zeros((60, 100, 3), np.float32)
    contrast[27:34, ROOT:TIP] = shaft
    contrast[27:34, ROOT:until] = share * shaft
    return contrast


@pytest.mark.parametrize("length", [6, 12, 20])
def test_a_shadow_is_left_behind(length: int) -> None:
    (found,) = leave_shadows([hair()], picture(ROOT + length, 0.35))
    assert found.points[0, 0] == pytest.approx(ROOT + length, abs=1)
    assert len(found.points) == len(found.evidence) == len(found.half_width)
    assert found.points[-1, 0] == TIP - 1


def test_a_root_whose_shadow_the_border_cuts_lies_before_it() -> None:
    (found,) = leave_shadows([hair(root_cut=True)], picture(ROOT + 12, 0.35))
    assert found.points[0, 0] == pytest.approx(ROOT + 12, abs=1)
    assert not found.root_cut
    assert 0.0 < found.root_end < 1.0


@pytest.mark.parametrize(
    ("contrast", "one"),
    [
        (picture(ROOT, 1.0), hair()),
        (picture(ROOT + 12, 0.7), hair()),
        (picture(ROOT + 2, 0.3), hair()),
        (picture(ROOT, 1.0), hair(root_cut=True)),
        (picture(ROOT + 12, 0.3, shaft=-0.2), hair()),
        (picture(ROOT + 12, 0.3, shaft=0.8), hair()),
        (picture(TIP, 0.3), hair()),
        (picture(ROOT + 35, 0.3), hair()),
        (picture(TIP - 8, 0.3), hair(begin=TIP - 11)),
    ],
    ids=["dark all along", "fades", "short", "cut", "pale", "light hair", "faint", "half a shadow", "stub"],
)
def test_other_roots_stay(contrast: Floats, one: Segment) -> None:
    assert leave_shadows([one], contrast)[0] is one
