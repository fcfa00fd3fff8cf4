"""Fine hairs are found less often: what the found ones say of all, and intervals that hold it."""

from __future__ import annotations

import numpy as np
import pytest

from densitometry.measure.detection import FULL_UM, found_share, stands_for
from densitometry.measure.intervals import Calibres
from densitometry.model import Estimate

FINE_UM, THICK_UM, CUTOFF_UM = 20.0, 70.0, 30.0


def calibres(diameter_um: np.ndarray, presence: float = 0.97) -> Calibres:
    """Hairs measured to 2 µm of which a fifth may have been missed or invented."""
    own, likely, shared = (np.full(len(diameter_um), value) for value in (2.0, presence, 0.8))
    return Calibres(diameter_um, own, likely, shared, 0.0, 0.2)


def test_thicker_hairs_are_found_more_often_up_to_a_point() -> None:
    chance = found_share(np.array([1.0, 10.0, 20.0, 30.0, FULL_UM, 80.0, 150.0]))
    assert (np.diff(chance[:5]) > 0).all()
    assert chance[4] == chance[5] == chance[6]
    assert ((chance > 0) & (chance < 1)).all()


def test_shares_add_up_and_are_larger_for_fine_and_smaller_for_doubtful_hairs() -> None:
    share = stands_for(np.array([FINE_UM, THICK_UM, THICK_UM]), np.array([0.9, 0.9, 0.3]))
    assert share.sum() == pytest.approx(1.0)
    assert share[0] > share[1] == pytest.approx(3 * share[2])


def test_hairs_that_are_surely_none_stand_for_as_much_as_each_other() -> None:
    np.testing.assert_allclose(stands_for(np.full(4, 50.0), np.zeros(4)), 0.25)


def test_hairs_of_one_thickness_keep_their_interval() -> None:
    mean = calibres(np.full(50, THICK_UM)).mean()
    assert mean.value is not None
    assert mean.low is not None
    assert mean.high is not None
    assert mean.value - mean.low == pytest.approx(mean.high - mean.value)


def test_intervals_hold_the_truth_of_all_hairs_where_fine_ones_are_missed() -> None:
    rng = np.random.default_rng(5)
    held = {"mean": 0, "median": 0, "fraction": 0, "plain": 0}
    draws = 200
    for _ in range(draws):
        fine = rng.random(120) < 0.33
        scalp = np.where(fine, FINE_UM, THICK_UM) * np.exp(rng.normal(0, 0.15, 120))
        seen = scalp[rng.random(120) < found_share(scalp)]
        found = calibres(np.maximum(seen + rng.normal(0, 2.0, len(seen)), 5.0))
        held["mean"] += holds(found.mean(), float(scalp.mean()))
        held["median"] += holds(found.median(), float(np.median(scalp)))
        held["fraction"] += holds(found.fraction_below(CUTOFF_UM), float((scalp < CUTOFF_UM).mean()))
        usual = 1.96 * float(seen.std()) / np.sqrt(len(seen)) * np.sqrt(0.2)
        held["plain"] += abs(float(seen.mean() - scalp.mean())) < usual
    assert held["mean"] > 0.9 * draws
    assert held["median"] > 0.9 * draws
    assert held["fraction"] > 0.9 * draws
    assert held["plain"] < 0.6 * draws


def test_the_spread_of_all_hairs_is_in_its_interval_too() -> None:
    diameter = np.r_[np.full(10, FINE_UM), np.full(80, THICK_UM)]
    true = np.r_[np.full(16, FINE_UM), np.full(84, THICK_UM)]
    assert holds(calibres(diameter).cv(), float(true.std() / true.mean()))


def holds(estimate: Estimate, true: float) -> bool:
    """Whether the interval holds a value."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= true <= estimate.high
