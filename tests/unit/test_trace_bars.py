"""Bars fitted to a stretch: they come back from near by, are held, and see no hidden place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from densitometry.trace.bars import HALF_WIDTH, best_fit, covered, fit_bars

Floats = NDArray[np.floating[Any]]
ALONG, ACROSS = np.arange(-30.0, 30.5), np.arange(-14.0, 14.5)
FREE = np.zeros((2, 6))


def fill(bars: Floats) -> Floats:
    """What bars cover, seen with four samples a pixel each way and no blur but the pixel's."""
    fine = np.array([-0.375, -0.125, 0.125, 0.375])
    total = np.zeros((len(ALONG), len(ACROSS)))
    for ds in fine:
        for dn in fine:
            s, n = (ALONG + ds)[:, None], (ACROSS + dn)[None, :]
            dark = np.zeros(total.shape, bool)
            for offset, slope, bow, begin, end, half in bars:
                apart = np.abs(n - offset - slope * s - bow * s * s) / np.hypot(1, slope + 2 * bow * s)
                dark |= (apart < half) & (s > begin) & (s < end)
            total += dark
    return total / len(fine) ** 2


@pytest.mark.parametrize(
    "bars",
    [
        [[3.0, 0.0, 0.0, -20, 20, 3.0], [-3.5, 0.0, 0.0, -8, 24, 3.0]],
        [[0.0, 0.15, 0.0, -24, 24, 3.5], [0.0, -0.15, 0.0, -24, 20, 3.5]],
        [[2.0, 0.05, 0.003, -22, 22, 3.0], [-4.0, 0.0, 0.003, -15, 10, 2.5]],
    ],
)
def test_bars_come_back(bars: list[list[float]]) -> None:
    truth = np.array(bars)
    start = truth + np.array([[0.8, -0.03, 0.0, 2.0, -2.0, 0.4], [-0.8, 0.03, 0.0, -2.0, 2.0, -0.4]])
    dark = fill(truth)
    found, left, price = fit_bars(start, ALONG, ACROSS, dark, np.ones(dark.shape), FREE, FREE, 1, 30)
    s = np.linspace(-10, 8, 5)
    for mine, true in zip(found, truth, strict=True):
        assert np.polyval(mine[2::-1], s) == pytest.approx(np.polyval(true[2::-1], s), abs=0.5)
        assert mine[3:5] == pytest.approx(true[3:5], abs=1.0)
        assert mine[HALF_WIDTH] == pytest.approx(true[HALF_WIDTH], abs=0.4)
    assert left == price < 0.03 * dark.sum()


def test_of_several_starts_the_one_that_ends_best_is_taken() -> None:
    truth = np.array([[0.0, 0.15, 0.0, -24, 24, 3.5], [0.0, -0.15, 0.0, -24, 20, 3.5]])
    dark = fill(truth)
    stretch = ALONG, ACROSS, dark, np.ones(dark.shape), FREE, FREE, 1, 30
    far = np.array([[9.0, 0.0, 0.0, -5, 5, 2.0], [9.5, 0.0, 0.0, -5, 5, 2.0]])
    starts = np.array([far, truth + 0.3, far + 1.0])
    prices = [fit_bars(start, *stretch)[2] for start in starts]
    assert min(prices) == prices[1]
    np.testing.assert_array_equal(best_fit(starts, *stretch), fit_bars(starts[1], *stretch)[0])


def test_a_bar_held_firmly_stays() -> None:
    dark = fill(np.array([[0.0, 0, 0, -20, 20, 6.0]]))
    start = np.array([[0.0, 0, 0, -20, 20, 3.0]])
    firm = np.zeros((1, 6))
    firm[0, HALF_WIDTH] = 1e6
    held, _, _ = fit_bars(start, ALONG, ACROSS, dark, np.ones(dark.shape), start, firm, 1, 20)
    free, _, _ = fit_bars(start, ALONG, ACROSS, dark, np.ones(dark.shape), start, firm * 0, 1, 20)
    assert held[0, HALF_WIDTH] == pytest.approx(3.0, abs=0.01)
    assert free[0, HALF_WIDTH] == pytest.approx(6.0, abs=0.3)


def test_what_is_hidden_does_not_count() -> None:
    bar = np.array([[0.0, 0, 0, -20, 20, 3.0]])
    dark = fill(bar)
    dirty, weight = dark.copy(), np.ones(dark.shape)
    dirty[:, :6], weight[:, :6] = 1.0, 0.0
    clean = fit_bars(bar, ALONG, ACROSS, dark, weight, bar, bar * 0, 1, 20)[0]
    assert fit_bars(bar, ALONG, ACROSS, dirty, weight, bar, bar * 0, 1, 20)[0] == pytest.approx(clean)


@given(
    offset=st.floats(-10, 10),
    slope=st.floats(-0.5, 0.5),
    bow=st.floats(-0.01, 0.01),
    begin=st.floats(-30, 0),
    length=st.floats(5, 60),
    half=st.floats(1, 10),
)
def test_cover_is_a_share_and_grows_with_every_bar(
    offset: float, slope: float, bow: float, begin: float, length: float, half: float
) -> None:
    one = np.array([[offset, slope, bow, begin, begin + length, half]])
    two = np.vstack([one, [0.0, 0, 0, -20, 20, 3.0]])
    alone, both = covered(one, ALONG, ACROSS), covered(two, ALONG, ACROSS)
    assert alone.min() >= 0
    assert both.max() <= 1
    assert (both >= alone - 1e-12).all()
