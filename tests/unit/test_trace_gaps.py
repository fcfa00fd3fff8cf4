"""Lines in the light gap between two dark shafts are no hairs; light hairs elsewhere are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densitometry.trace.gaps import drop_gaps
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]
LEFT, RIGHT = 20, 80


def hair(y: float, begin: int = LEFT, end: int = RIGHT) -> Segment:
    points = np.stack([np.arange(begin, end, dtype=float), np.full(end - begin, y)], axis=1)
    n = len(points)
    return Segment(points, np.ones(n), np.full(n, 3.0), 20.0, 5.0, False, False, 0.9, 0.8, 1.0, 1.0)


def picture(tones: dict[int, float]) -> Floats:
    """Bars 7 px wide along y, each as dark as stated."""
    contrast = np.zeros((80, 100, 3), np.float32)
    for y, tone in tones.items():
        contrast[y - 3 : y + 4, LEFT:RIGHT] = tone
    return contrast


@pytest.mark.parametrize("tone", [-0.25, 0.0, 0.4])
def test_the_light_line_between_two_dark_shafts_goes(tone: float) -> None:
    shafts = [hair(30), hair(50)]
    kept = drop_gaps([*shafts, hair(40)], picture({30: -1.2, 40: tone, 50: -1.2}))
    assert kept == shafts


def test_the_middle_one_of_three_shafts_stays() -> None:
    hairs = [hair(30), hair(40), hair(50)]
    assert drop_gaps(hairs, picture({30: -1.2, 40: -0.8, 50: -1.2})) == hairs


def test_a_light_hair_beside_one_dark_shaft_stays() -> None:
    hairs = [hair(30), hair(40)]
    assert drop_gaps(hairs, picture({30: -1.2, 40: 0.4})) == hairs


def test_a_faint_hair_between_two_dark_ones_stays() -> None:
    hairs = [hair(30), hair(40), hair(50)]
    assert drop_gaps(hairs, picture({30: -1.2, 40: -0.35, 50: -1.2})) == hairs


def test_light_hairs_among_themselves_stay() -> None:
    hairs = [hair(30), hair(40), hair(50)]
    assert drop_gaps(hairs, picture({30: 0.4, 40: 0.5, 50: 0.4})) == hairs


def test_a_light_hair_that_only_begins_between_dark_shafts_stays() -> None:
    hairs = [hair(30, end=36), hair(50, end=36), hair(40)]
    contrast = picture({30: -1.2, 40: 0.4, 50: -1.2})
    assert drop_gaps(hairs, contrast) == hairs


def test_no_hairs_no_gaps() -> None:
    assert drop_gaps([], picture({})) == []
