"""The same scalp gives the same answer: turned, mirrored, relit, recompressed; hairs do not see far."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from benchmarks.same_answer import CHANGES
from numpy.typing import NDArray

import densitometry as dm
from densitometry import simulate
from densitometry.analysis import Analysis

UM_PER_PX = 5.5
Picture = NDArray[np.uint8]


def measured(rgb: Picture, um_per_px: float = UM_PER_PX) -> Analysis:
    return dm.analyze(dm.from_array(np.ascontiguousarray(rgb), dm.PixelSize(um_per_px, "simulated")))


def simulated(seed: int) -> Picture:
    settings = dataclasses.replace(simulate.preset("clipped"), size_px=(1600, 1400), um_per_px=UM_PER_PX)
    rng = np.random.default_rng(seed)
    return simulate.render_scene(simulate.grow_scene(settings, rng), rng=rng).rgb


@pytest.fixture(scope="module")
def scalps() -> list[Picture]:
    return [simulated(seed) for seed in (920_001, 920_002, 920_003)]


@pytest.fixture(scope="module")
def straight(scalps: list[Picture]) -> list[Analysis]:
    return [measured(picture) for picture in scalps]


@pytest.mark.parametrize("name", CHANGES)
def test_same_scalp_same_answer(name: str, scalps: list[Picture], straight: list[Analysis]) -> None:
    same = CHANGES[name]
    counts, diameters = [], []
    for picture, result in zip(scalps, straight, strict=True):
        changed = measured(same.change(picture), UM_PER_PX / same.scale).summary
        first = same.before(picture)
        before = (result if np.array_equal(first, picture) else measured(first)).summary
        assert before["n_hairs"] > 30
        counts.append(abs(changed["n_hairs"] / before["n_hairs"] - 1))
        diameters.append(abs(changed["mean_diameter_um"] - before["mean_diameter_um"]))
    assert counts == pytest.approx([0.0] * 3, abs=0.06), counts
    assert np.mean(diameters) < 1.5, diameters


def test_a_far_hair_changes_no_other_number(scalps: list[Picture]) -> None:
    scalp = scalps[0]
    drawn = scalp.copy()
    drawn[:60, :60] = np.median(scalp[:60, :60].reshape(-1, 3), axis=0).astype(np.uint8)
    alone = measured(drawn)
    cv2.line(drawn, (12, 10), (45, 45), (20, 15, 12), 9, cv2.LINE_AA)
    beside = measured(drawn)
    reach_um = 3000.0

    def far_rows(result: Analysis) -> NDArray[np.float64]:
        table = result.hairs
        far = np.hypot(table["root_x_um"].fillna(0), table["root_y_um"].fillna(0)) > reach_um
        return table.loc[far, ["diameter_um", "length_um", "root_x_um", "root_y_um"]].to_numpy(np.float64)

    assert len(far_rows(alone)) >= 5
    np.testing.assert_allclose(far_rows(alone), far_rows(beside), rtol=0, atol=1e-6, equal_nan=True)
