"""Following on rendered pictures, held to the bounds it was built for, by way of `benchmarks.visits`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from benchmarks.visit_pairs import FIRST_TEST_SEED
from benchmarks.visits import measure_pair, run

pytestmark = pytest.mark.soak
Row = dict[str, Any]


def rows_of(kind: str, pairs: int, replicates: int = 1) -> list[Row]:
    return list(run([(kind, "clipped", FIRST_TEST_SEED + k, replicates) for k in range(pairs)], jobs=1))


def share(rows: list[Row], part: str, whole: str) -> float:
    return sum(r[part] for r in rows if r["registered"]) / sum(r[whole] for r in rows if r["registered"])


def verdicts(rows: list[Row]) -> Counter[str]:
    return Counter(r["verdict"] for r in rows)


def test_the_same_skin_is_found_again_and_hairs_meet_themselves() -> None:
    rows = rows_of("moved", 50)
    assert np.mean([(r.get("grid_um") or np.inf) <= 50 for r in rows]) >= 0.98
    assert share(rows, "traced_both_right", "traced_both") >= 0.93
    assert np.median([r["cpu_seconds"] for r in rows]) <= 0.5


def test_other_people_are_refused() -> None:
    assert not any(r["registered"] for r in rows_of("other", 50))


@pytest.mark.parametrize("kind", ["null", "cycle"])
def test_noise_is_no_change(kind: str) -> None:
    rows = rows_of(kind, 40)
    error = [abs(r["density_found"] - r["density_true"]) for r in rows]
    held = [r["density_low"] <= r["density_true"] <= r["density_high"] for r in rows]
    assert np.median(error) <= 2.0
    assert np.mean(held) >= 0.88
    assert verdicts(rows)["improved"] + verdicts(rows)["worsened"] <= 2


@pytest.mark.parametrize(("kind", "verdict"), [("gain", "improved"), ("loss", "worsened")])
def test_a_large_change_is_never_called_its_opposite(kind: str, verdict: str) -> None:
    found = verdicts(rows_of(kind, 20))
    assert found[verdict] + found["undetermined"] == 20


@pytest.mark.parametrize("kind", ["device", "dyed"])
def test_another_device_or_dye_is_no_change_of_hair(kind: str) -> None:
    found = verdicts(rows_of(kind, 20))
    assert found["improved"] + found["worsened"] == 0


def test_a_pair_measures_the_same_twice() -> None:
    job = ("null", "small", FIRST_TEST_SEED, 1)
    times = {"seconds", "cpu_seconds", "analysis_s"}
    first, second = ({k: v for k, v in measure_pair(job).items() if k not in times} for _ in range(2))
    assert first == second
