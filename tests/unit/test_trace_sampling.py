"""Samples between pixels: exact on linear planes, the edge beyond the edge, across a line at its normal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densitometry.trace.junctions import bend_misfit
from densitometry.trace.sampling import beside, sample, sample_colours

ROWS, COLUMNS = 20, 30
Y, X = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
SLOPES = np.stack([X, Y, 2 * X - Y], axis=2)


@settings(deadline=None)
@given(st.floats(0, COLUMNS - 1), st.floats(0, ROWS - 1))
def test_a_linear_plane_is_read_exactly(x: float, y: float) -> None:
    point = np.array([[x, y]])
    assert sample(SLOPES[..., 2], point[:, 0], point[:, 1]) == pytest.approx([2 * x - y], abs=1e-4)
    assert sample_colours(SLOPES, point)[0] == pytest.approx([x, y, 2 * x - y], abs=1e-4)


@settings(deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_beyond_the_edge_the_edge_is_read(x: float, y: float) -> None:
    read = sample_colours(SLOPES, np.array([[x, y]]))[0]
    assert read[:2] == pytest.approx([np.clip(x, 0, COLUMNS - 1), np.clip(y, 0, ROWS - 1)], abs=1e-4)


def test_between_four_pixels_their_mean_is_read() -> None:
    plane = np.array([[0.0, 1.0], [2.0, 5.0]])
    assert sample(plane, np.array([0.5]), np.array([0.5])) == pytest.approx([2.0])


def test_a_line_is_read_across_at_its_normal() -> None:
    line = np.array([[5.0, 10.0], [6.0, 10.0], [7.0, 10.0]])
    read = beside(line, SLOPES, (-2.0, 0.0, 2.0))
    assert read.shape == (3, 3, 3)
    assert read[1, :, 0] == pytest.approx([6, 6, 6])
    assert read[1, :, 1] == pytest.approx([8, 10, 12])
    assert beside(line, SLOPES[..., 1], (-2.0, 2.0))[..., 0] == pytest.approx(read[:, ::2, 1])


def test_a_line_turned_round_is_read_the_other_way_across() -> None:
    line = np.array([[5.0, 5.0], [6.0, 6.2], [7.0, 7.0], [8.5, 7.5]])
    there, back = beside(line, SLOPES, (-2.0, 2.0)), beside(line[::-1], SLOPES, (-2.0, 2.0))
    assert back[::-1, ::-1] == pytest.approx(there)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 90))
def test_a_bend_is_the_parabola_of_least_squares(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    s = np.arange(count, dtype=float)
    course = rng.uniform(-0.01, 0.01) * s**2 + rng.normal(0, 0.3, count)
    turn = rng.uniform(0, 2 * np.pi)
    points = np.stack([s, course], axis=1) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    chord = points[-1] - points[0]
    ahead = chord / np.hypot(*chord)
    along, aside = (points - points[0]) @ ahead, (points - points[0]) @ [-ahead[1], ahead[0]]
    fitted = np.polyfit(along, aside, 2)
    misfit, curvature = bend_misfit(np.ascontiguousarray(points))
    assert misfit == pytest.approx(np.sqrt(np.mean((np.polyval(fitted, along) - aside) ** 2)), abs=1e-5)
    assert curvature == pytest.approx(abs(2 * fitted[0]), abs=1e-6)
