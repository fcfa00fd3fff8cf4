"""The curl around a place, and what bending costs there."""

from __future__ import annotations

import numpy as np
import pytest

from densitometry.trace.curl import cell_of, price_shares
from densitometry.trace.maps import Floats

USUAL = 0.004


def line(x: float, y: float, curvature: float, n: int = 150, evidence: float = 0.9) -> Floats:
    """A followed line from (x, y) that bends all the way."""
    theta = curvature * np.arange(n)
    steps = np.column_stack([np.cos(theta), np.sin(theta)])
    points = np.array([x, y]) + np.cumsum(steps, axis=0)
    return np.column_stack([points, np.full(n, evidence), theta, np.ones(n)])


def share_at(shares: Floats, x: float, y: float) -> float:
    return float(shares[cell_of(np.array([x]), np.array([y]))][0])


def test_straight_hair_pays_the_full_price() -> None:
    shares = price_shares([line(50, 50, 0.001), line(50, 90, -0.002)], (300, 400), USUAL)
    assert np.all(shares == 1.0)


def test_no_lines_leave_the_full_price() -> None:
    assert np.all(price_shares([], (100, 100), USUAL) == 1.0)


@pytest.mark.parametrize("curvature", [0.008, -0.012])
def test_the_price_falls_with_the_square_of_the_curl(curvature: float) -> None:
    shares = price_shares([line(150, 150, curvature)], (400, 400), USUAL)
    assert share_at(shares, 150, 150) == pytest.approx((USUAL / abs(curvature)) ** 2, rel=0.05)


def test_bending_never_becomes_free() -> None:
    assert price_shares([line(100, 100, 0.2)], (300, 300), USUAL).min() > 0.05


@pytest.mark.parametrize("evidence", [0.2, 0.4])
def test_faint_lines_tell_no_curl(evidence: float) -> None:
    assert np.all(price_shares([line(100, 100, 0.02, evidence=evidence)], (300, 300), USUAL) == 1.0)


def test_a_line_is_told_once() -> None:
    """What runs along a line that was followed before (not new) says nothing again."""
    again = line(100, 100, 0.02)
    again[:, 4] = 0
    assert np.all(price_shares([again], (300, 300), USUAL) == 1.0)


def test_curls_reach_three_millimetres_and_no_further() -> None:
    straight, curly = line(50, 50, 0.0), line(900, 900, 0.02)
    alone = price_shares([straight], (1200, 1200), USUAL)
    both = price_shares([straight, curly], (1200, 1200), USUAL)
    assert share_at(both, 900, 900) < 0.1
    assert np.array_equal(alone[:25, :25], both[:25, :25])
