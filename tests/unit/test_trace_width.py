"""Widths: bars of known width behind a known blur."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from densitometry.trace.profiles import SAMPLE_STEP_PX, fit_bar
from densitometry.trace.width import WidthSettings, measure_widths

N_SIDE = 60
OFFSETS = (np.arange(2 * N_SIDE + 1) - N_SIDE) * SAMPLE_STEP_PX
SETTINGS = WidthSettings(station_px=3.0, along_px=1.5, flank_px=8.0, neighbourhood_px=300.0)


def bar(left: float, right: float, sigma: float, depth: float = -0.4) -> np.ndarray:
    return 0.5 + 0.002 * OFFSETS + depth * (ndtr((OFFSETS - left) / sigma) - ndtr((OFFSETS - right) / sigma))


@pytest.mark.parametrize("width", [3.0, 6.0, 12.0, 20.0])
@pytest.mark.parametrize("sigma", [0.7, 1.2, 2.0])
def test_fit_recovers_the_width(width: float, sigma: float) -> None:
    result = np.zeros(7)
    ok = fit_bar(
        bar(-0.45 * width, 0.55 * width, sigma), 20, 100, 0.0, 0.6 * width, sigma, True, True, False, result
    )
    assert ok
    assert result[1] - result[0] == pytest.approx(width, abs=0.02)


def test_fit_recovers_the_blur_of_a_wide_bar() -> None:
    result = np.zeros(7)
    assert fit_bar(bar(-8, 8, 1.6), 10, 110, 0.0, 7.0, 0.9, True, True, True, result)
    assert result[3] == pytest.approx(1.6, abs=0.03)
    assert result[1] - result[0] == pytest.approx(16, abs=0.05)


def test_one_seen_edge_is_mirrored_about_the_centre() -> None:
    result = np.zeros(7)
    assert fit_bar(bar(-5, 40, 1.0), 20, N_SIDE, 0.0, 4.0, 1.0, True, False, False, result)
    assert result[1] - result[0] == pytest.approx(10, abs=0.3)


def test_bright_streak_does_not_narrow_a_wide_shaft() -> None:
    values = bar(-8, 8, 1.0) + 0.3 * np.exp(-(OFFSETS**2) / 2)
    result = np.zeros(7)
    assert fit_bar(values, 10, 110, 0.0, 7.0, 1.0, True, True, False, result)
    assert result[1] - result[0] == pytest.approx(16, abs=0.1)


def test_the_error_bar_is_honest() -> None:
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(200):
        # noise of neighbouring half-pixel samples is shared, as it is after interpolation
        noise = np.convolve(rng.normal(0, 0.01, len(OFFSETS) + 1), [1, 1], "valid") / math.sqrt(2)
        result = np.zeros(7)
        assert fit_bar(bar(-4, 4, 1.0) + noise, 20, 100, 0.0, 4.5, 1.0, True, True, False, result)
        pulls.append((result[1] - result[0] - 8) / result[4])
    assert 0.6 < float(np.std(pulls)) < 1.5


def picture(
    width: float, angle_deg: float, sigma: float = 1.0, light: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A long bar through the middle of a linear-light picture, and its centre line."""
    size = 160
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    across = -x * s + y * c
    cover = ndtr((across + width / 2) / sigma) - ndtr((across - width / 2) / sigma)
    skin, hair = (0.3, 0.7) if light else (0.5, 0.03)
    plane = skin + (hair - skin) * cover
    t = np.linspace(-60, 60, 50)
    line = np.stack([t * c, t * s], 1) + (size - 1) / 2
    return np.repeat(plane[..., None], 3, 2).astype(np.float32), line


@pytest.mark.parametrize("angle_deg", [0.0, 31.0, 90.0])
@pytest.mark.parametrize("light", [False, True])
def test_measured_width_of_a_bar(angle_deg: float, light: bool) -> None:
    pixels, line = picture(12.0, angle_deg, light=light)
    profile = measure_widths(pixels, np.zeros(0, np.float32), [line], [np.full(50, 5.0)], SETTINGS)[0]
    assert profile.clear.all()
    assert float(np.median(profile.width)) == pytest.approx(12.0, abs=0.15)
    assert (profile.contrast < 0) == light


def test_a_neighbour_keeps_its_own_edges() -> None:
    wide, line = picture(10.0, 0.0)
    other = np.roll(wide, 16, axis=0)
    both = np.minimum(wide, other)
    half = np.full(50, 5.0)
    profiles = measure_widths(
        both, np.zeros(0, np.float32), [line, line + np.array([0, 16])], [half, half], SETTINGS
    )
    for profile in profiles:
        assert float(np.nanmedian(profile.width)) == pytest.approx(10.0, abs=0.3)


def test_no_line_no_width() -> None:
    assert measure_widths(np.zeros((9, 9, 3), np.float32), np.zeros(0, np.float32), [], [], SETTINGS) == []
