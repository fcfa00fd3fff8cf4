"""Light: what must not change contrast, and what may."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densitometry.trace import light
from densitometry.trace.light import DARK_LIGHT, fine_contrast, log_contrast, to_linear

WINDOW = 15


@pytest.fixture
def linear() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.uniform(0.2, 0.8, (120, 140, 3)).astype(np.float32)


def test_linear_light_of_both_depths_agrees() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert to_linear(codes) == pytest.approx(to_linear(codes.astype(np.uint16) * 257), abs=1e-6)
    assert to_linear(codes)[[0, 255]] == pytest.approx([0, 1], abs=1e-6)


def test_brightness_and_white_balance_cancel(linear: np.ndarray) -> None:
    valid = np.ones(linear.shape[:2], bool)
    gain = np.array([1.2, 0.9, 1.05], np.float32)
    lit = (linear + DARK_LIGHT) * gain - DARK_LIGHT
    assert log_contrast(lit, valid, WINDOW) == pytest.approx(log_contrast(linear, valid, WINDOW), abs=1e-4)


def test_a_far_change_leaves_every_bit(linear: np.ndarray) -> None:
    valid = np.ones(linear.shape[:2], bool)
    changed = linear.copy()
    changed[:5, :5] = 0.0
    before, after = (log_contrast(p, valid, WINDOW) for p in (linear, changed))
    far = 5 + 3 * (WINDOW // 2) + 2
    assert before[far:, far:] == pytest.approx(after[far:, far:], abs=1e-6)


def test_outside_the_field_is_silent(linear: np.ndarray) -> None:
    valid = np.ones(linear.shape[:2], bool)
    valid[:, :60] = False
    dark = linear.copy()
    dark[:, :60] = 0.0
    contrast = log_contrast(dark, valid, WINDOW)
    assert not contrast[:, :60].any()
    assert np.abs(contrast[:, 60:]).max() < 2


def test_fine_luma_of_a_grey_picture_is_its_contrast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each coarse pixel repeated: twice the resolution says nothing new, in one strip or in many."""
    codes = np.random.default_rng(7).integers(60, 200, (90, 70, 1), np.uint8).repeat(3, 2)
    valid = np.ones(codes.shape[:2], bool)
    valid[:, :9] = False
    twice = codes.repeat(2, 0).repeat(2, 1)
    coarse = log_contrast(to_linear(codes), valid, WINDOW)[..., 0].repeat(2, 0).repeat(2, 1)
    fine = fine_contrast(twice, to_linear(codes), valid, WINDOW)
    assert fine == pytest.approx(coarse, abs=2e-3)
    assert not fine[:, :18].any()
    monkeypatch.setattr(light, "_STRIP_PX", 32)
    np.testing.assert_array_equal(fine_contrast(twice, to_linear(codes), valid, WINDOW), fine)
    np.testing.assert_array_equal(fine_contrast(to_linear(twice), to_linear(codes), valid, WINDOW), fine)


def test_fine_luma_sees_a_gap_the_grid_does_not() -> None:
    """Two shafts with a gap of half a grid pixel between them: the gap stands out at twice the resolution."""
    fine = np.full((40, 80, 3), 180, np.uint8)
    fine[:, 30:50] = 30
    fine[:, 40] = 150
    codes = cv2.resize(fine, (40, 20), interpolation=cv2.INTER_AREA)
    valid = np.ones(codes.shape[:2], bool)
    seen = fine_contrast(fine, to_linear(codes), valid, WINDOW)[20]
    coarse = log_contrast(to_linear(codes), valid, WINDOW)[10, :, 1]
    assert seen[40] - seen[38] > 1.5 * (coarse[20] - coarse[18])
