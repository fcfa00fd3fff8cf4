"""How many hairs there are for those counted, by how much hair lies on the skin."""

from __future__ import annotations

import numpy as np
import pytest

from densitometry.measure.completeness import count_variance, hairs_per_counted


def test_more_is_missed_than_invented_only_where_hair_is_sparse() -> None:
    lengths = np.array([0.0, 5.0, 10.0, 20.0, 40.0])
    ratio = np.array([hairs_per_counted(float(length)) for length in lengths])
    assert (np.diff(ratio) < 0).all()
    assert ratio[0] > 1.0 > ratio[-1]
    assert ((ratio > 0.7) & (ratio < 1.3)).all()


def test_doubtful_and_crossing_hairs_are_counted_less_surely() -> None:
    sure = count_variance(100.0, 2.0, 10.0)
    assert count_variance(100.0, 8.0, 10.0) > sure
    assert count_variance(100.0, 2.0, 40.0) > sure


@pytest.mark.parametrize("count", [10.0, 1000.0])
def test_a_relative_error_grows_with_the_count(count: float) -> None:
    more = count_variance(count, 1.0, 10.0, rel_error=0.05) - count_variance(count, 1.0, 10.0)
    assert more == pytest.approx((0.05 * count) ** 2)


def test_no_hair_has_no_variance() -> None:
    assert count_variance(0.0, 0.0, 0.0) == 0.0
