"""Light: what must not change contrast, and what may."""

from __future__ import annotations

import numpy as np
import pytest

from densitometry.trace.light import DARK_LIGHT, log_contrast, to_linear

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
