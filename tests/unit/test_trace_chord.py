"""Outer edges of dark round shafts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densitometry.trace.chord import outer_share


@given(st.floats(-5.0, 1.2))
def test_light_shafts_keep_the_width_of_their_bar(density: float) -> None:
    assert outer_share(density) == 1.0


@given(st.floats(1.6, 12.0))
def test_a_shaft_is_never_taken_for_wider_than_the_law_of_its_chord_says(density: float) -> None:
    x = np.linspace(0.0, 1.0, 20_001)
    through = np.exp(-density * np.sqrt(1.0 - x**2))
    half = x[np.searchsorted(through, (1.0 + through[0]) / 2)]
    assert 1.0 < outer_share(density) <= 1.0 / half + 1e-3


def test_the_darker_a_shaft_the_nearer_its_bar_ends_to_its_edge() -> None:
    shares = [outer_share(density) for density in (1.6, 2.0, 3.0, 5.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(1.015, abs=0.005)
    assert shares[-1] < 1.004


def test_the_law_sets_in_without_a_step() -> None:
    shares = np.array([outer_share(density) for density in np.linspace(1.0, 2.0, 1001)])
    assert np.abs(np.diff(shares)).max() < 1e-4
