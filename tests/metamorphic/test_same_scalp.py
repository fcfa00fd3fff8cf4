"""The same scalp gives the same answer: turned, mirrored, relit, recompressed; hairs do not see far."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import densitometry as dm
from densitometry import simulate
from densitometry.analysis import Analysis

UM_PER_PX = 5.5
Picture = NDArray[np.uint8]


def measured(rgb: Picture, um_per_px: float = UM_PER_PX) -> Analysis:
    return dm.analyze(dm.from_array(np.ascontiguousarray(rgb), dm.PixelSize(um_per_px, "simulated")))


@pytest.fixture(scope="module")
def scalp() -> Picture:
    settings = dataclasses.replace(simulate.preset("clipped"), size_px=(1280, 1024), um_per_px=UM_PER_PX)
    rng = np.random.default_rng(920_001)
    return simulate.render_scene(simulate.grow_scene(settings, rng), rng=rng).rgb


@pytest.fixture(scope="module")
def straight(scalp: Picture) -> Analysis:
    return measured(scalp)


def toned(rgb: Picture, gain: tuple[float, float, float] = (1, 1, 1), gamma: float = 1.0) -> Picture:
    light = (np.clip(rgb / 255.0 * gain, 0, 1)) ** gamma
    return np.round(light * 255).astype(np.uint8)


def recompressed(rgb: Picture, quality: int) -> Picture:
    code = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1])


CHANGES: dict[str, Callable[[Picture], tuple[Picture, float]]] = {
    "turned": lambda p: (np.rot90(p), UM_PER_PX),
    "mirrored": lambda p: (p[:, ::-1], UM_PER_PX),
    "darker": lambda p: (toned(p, (0.8, 0.8, 0.8)), UM_PER_PX),
    "other white balance": lambda p: (toned(p, (0.95, 1.0, 0.9)), UM_PER_PX),
    "gamma": lambda p: (toned(p, gamma=1.1), UM_PER_PX),
    "recompressed": lambda p: (recompressed(p, 75), UM_PER_PX),
    "smaller": lambda p: (cv2.resize(p, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), UM_PER_PX / 0.7),
    "larger": lambda p: (cv2.resize(p, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC), UM_PER_PX / 1.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_same_scalp_same_answer(name: str, scalp: Picture, straight: Analysis) -> None:
    picture, um_per_px = CHANGES[name](scalp)
    changed = measured(picture, um_per_px).summary
    before = straight.summary
    assert before["n_hairs"] > 40
    assert changed["n_hairs"] == pytest.approx(before["n_hairs"], rel=0.06)
    assert changed["mean_diameter_um"] == pytest.approx(before["mean_diameter_um"], abs=2.0)


def test_a_far_hair_changes_no_other_number(scalp: Picture, straight: Analysis) -> None:
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
