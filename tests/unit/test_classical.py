from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from densitometry.trace.classical import classical_maps
from densitometry.trace.curves import FollowSettings, follow_curves
from densitometry.trace.maps import ORIENTATIONS
from densitometry.trace.segments import SegmentSettings, cut_curves

SIZE = 200
RED = 0


def bars(*lines, size=(SIZE, SIZE), seed=0):
    """Log contrast of bars (x0, y0, x1, y1, width, contrast) with blurred edges on slightly noisy skin."""
    h, w = size
    y, x = np.mgrid[:h, :w].astype(float)
    grey = np.zeros(size)
    for x0, y0, x1, y1, width, depth in lines:
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        along, across = (x - x0) * ux + (y - y0) * uy, np.abs((y - y0) * ux - (x - x0) * uy)
        inside = (
            np.clip(width / 2 - across + 0.5, 0, 1)
            * np.clip(along + 0.5, 0, 1)
            * np.clip(length - along + 0.5, 0, 1)
        )
        grey = np.where(
            inside > 0, np.where(np.abs(depth * inside) > np.abs(grey), depth * inside, grey), grey
        )
    noise = np.random.default_rng(seed).normal(0, 0.01, (*size, 3))
    return np.asarray(cv2.GaussianBlur(grey, (7, 7), 0.8)[..., None] + noise, np.float32)


def hairs(contrast):
    maps = classical_maps(contrast)
    valid = np.ones(contrast.shape[:2], np.uint8)
    curves = follow_curves(maps.lifted, maps.half_width_px, FollowSettings())
    return cut_curves(curves, maps, valid, SegmentSettings())


def ends(hair):
    return sorted([tuple(hair.points[0]), tuple(hair.points[-1])])


def assert_runs(hair, first, last, within=5.0):
    for seen, drawn in zip(ends(hair), sorted([first, last]), strict=True):
        assert math.dist(seen, drawn) < within


@pytest.mark.parametrize("depth", [-1.2, -0.4, 0.6])
@pytest.mark.parametrize("width", [4, 8, 11])
def test_a_bar_darker_or_lighter_than_skin_is_one_hair_of_its_width(depth, width):
    (hair,) = hairs(bars((60, 50, 140, 120, width, depth)))
    assert_runs(hair, (60, 50), (140, 120))
    assert 2 * np.median(hair.half_width) == pytest.approx(width, abs=1.2)
    across = np.abs((hair.points[:, 1] - 50) * 80 - (hair.points[:, 0] - 60) * 70) / math.hypot(80, 70)
    assert across.mean() < 0.6


def test_bars_that_cross_at_60_degrees_are_two_straight_hairs():
    dx, dy = 60 * math.cos(math.radians(60)), 60 * math.sin(math.radians(60))
    found = hairs(bars((40, 100, 160, 100, 6, -1.0), (100 - dx, 100 - dy, 100 + dx, 100 + dy, 6, -1.0)))
    assert len(found) == 2
    flat, steep = sorted(found, key=lambda s: np.ptp(s.points[:, 1]))
    assert_runs(flat, (40, 100), (160, 100))
    assert_runs(steep, (100 - dx, 100 - dy), (100 + dx, 100 + dy))


def test_a_strip_too_thick_for_one_shaft_is_two():
    found = hairs(bars((50, 100, 150, 100, 18, -1.2)))
    assert len(found) == 2
    upper, lower = sorted(float(np.median(s.points[:, 1])) for s in found)
    assert lower - upper == pytest.approx(9, abs=2.5)


@pytest.mark.parametrize("root_first", [True, False])
def test_the_root_is_the_end_beyond_which_red_light_stays_dark(root_first):
    contrast = bars((60, 100, 140, 100, 6, -1.2))
    shadow = np.zeros((SIZE, SIZE), np.float32)
    shadow[96:105, 30:60] = -0.3
    shadow = cv2.GaussianBlur(shadow, (21, 21), 4.0)
    contrast[..., RED] += shadow if root_first else shadow[:, ::-1]
    (hair,) = hairs(contrast)
    assert (hair.points[0, 0] < hair.points[-1, 0]) == root_first
    assert hair.root_margin > 2


def test_skin_alone_has_no_hair():
    assert hairs(bars()) == []


@pytest.mark.parametrize("shape", [(3, 3), (1, 40), (17, 2), (41, 67)])
def test_maps_have_the_shapes_of_the_contract_whatever_the_picture(shape):
    maps = classical_maps(bars(size=shape))
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert maps.lifted.shape == (ORIENTATIONS, *shape)
    assert maps.root.shape == maps.tip.shape == maps.shaft.shape == maps.half_width_px.shape == half
    assert maps.direction.shape == (2, *half)
    assert maps.lifted.dtype == np.uint8
    for plane in (maps.root, maps.tip, maps.shaft):
        assert plane.min() >= 0
        assert plane.max() <= 1


def test_a_far_hair_changes_nothing_here():
    here = (40, 40, 110, 90, 6, -0.8)
    alone, both = (
        classical_maps(bars(here, *far, size=(160, 620))) for far in ((), ((560, 40, 590, 120, 12, -2.5),))
    )
    for name in ("lifted", "root", "tip", "direction", "half_width_px", "shaft"):
        a, b = getattr(alone, name), getattr(both, name)
        reach = 250 if name == "lifted" else 125
        np.testing.assert_array_equal(a[..., :reach], b[..., :reach], err_msg=name)
    assert np.any(alone.lifted != both.lifted)
