"""Medians of what is seen near a place: robust, local, and usual where little is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densitometry.trace.nearby import medians_near

USUAL = (-5.0, 1.0)


def test_much_that_is_seen_outweighs_what_is_usual() -> None:
    places = np.random.default_rng(1).uniform(0, 300, (60, 2))
    values = np.column_stack([np.full(60, -3.0), np.linspace(0, 2, 60)])
    found = medians_near(places, values, USUAL)
    assert found[:, 0] == pytest.approx(-3.0)
    assert found[:, 1] == pytest.approx(1.0, abs=0.05)


def test_a_place_alone_is_taken_for_a_usual_one() -> None:
    assert medians_near(np.zeros((1, 2)), np.array([[9.0, 9.0]]), USUAL)[0].tolist() == list(USUAL)
    assert medians_near(np.zeros((0, 2)), np.zeros((0, 2)), USUAL).shape == (0, 2)


@given(st.integers(0, 1000))
def test_what_lies_beyond_3_mm_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, values = rng.uniform(0, 300, (12, 2)), rng.normal(0, 1, (12, 2))
    far, odd = rng.uniform(700, 900, (9, 2)), np.full((9, 2), 50.0)
    alone = medians_near(places, values, USUAL)
    together = medians_near(np.vstack([far, places]), np.vstack([odd, values]), USUAL)
    assert np.array_equal(alone, together[9:])
