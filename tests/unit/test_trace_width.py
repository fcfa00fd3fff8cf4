"""Widths: bars of known width behind a known blur."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

from densitometry.trace import edges
from densitometry.trace import width as width_module
from densitometry.trace.pieces import ALL
from densitometry.trace.profiles import BIN_PX
from densitometry.trace.width import WidthSettings, _blur_error, measure_widths

OFFSETS = (np.arange(121) - 60) * BIN_PX
PIXELS = 4.0
SETTINGS = WidthSettings(station_px=3.0, along_px=1.5, flank_px=8.0, neighbourhood_px=300.0)


def bar(left: float, right: float, sigma: float, depth: float = -0.4) -> np.ndarray:
    return 0.5 + 0.002 * OFFSETS + depth * (ndtr((OFFSETS - left) / sigma) - ndtr((OFFSETS - right) / sigma))


def fit(
    values: np.ndarray,
    half_width: float,
    sigma: float,
    first: float = -20.0,
    last: float = 20.0,
    *,
    see_left: bool = True,
    see_right: bool = True,
    free_sigma: bool = False,
) -> np.ndarray | None:
    """Fit one grey cross-section between two offsets; None when the fit failed."""
    used = (first <= OFFSETS) & (last >= OFFSETS)
    n = int(used.sum())
    result = np.zeros(edges.N_RESULTS)
    ok = edges.fit_shaft(
        OFFSETS[used],
        np.repeat(values[None, used], 3, axis=0),
        np.full(n, PIXELS),
        n,
        half_width,
        sigma,
        8.0,
        see_left,
        see_right,
        free_sigma,
        np.empty((ALL, n)),
        result,
    )
    return result if ok else None


def width(result: np.ndarray | None) -> float:
    assert result is not None
    return float(result[edges.RIGHT] - result[edges.LEFT])


@pytest.mark.parametrize("true", [5.0, 8.0, 12.0, 20.0])
@pytest.mark.parametrize("sigma", [0.7, 1.2, 2.0])
@pytest.mark.parametrize("expected", [0.8, 1.0, 1.25])
def test_fit_recovers_the_width_from_afar(true: float, sigma: float, expected: float) -> None:
    found = width(fit(bar(-0.48 * true, 0.52 * true, sigma), 0.5 * true * expected, sigma))
    assert found == pytest.approx(true, abs=0.15 if true >= 4 * sigma else 0.8)


def test_fit_recovers_the_blur_of_a_wide_bar() -> None:
    result = fit(bar(-8, 8, 1.6), 7.0, 0.9, free_sigma=True)
    assert result is not None
    assert result[edges.SIGMA] == pytest.approx(1.6, abs=0.1)
    assert width(result) == pytest.approx(16, abs=0.15)


def test_one_seen_edge_is_mirrored_about_the_centre() -> None:
    assert width(fit(bar(-5, 40, 1.0), 4.0, 1.0, last=0.5, see_right=False)) == pytest.approx(10, abs=0.3)


@pytest.mark.parametrize("place", [0.0, 2.5])
def test_bright_streak_does_not_narrow_a_wide_shaft(place: float) -> None:
    values = bar(-8, 8, 1.0) + 0.3 * np.exp(-((OFFSETS - place) ** 2) / 2)
    assert width(fit(values, 7.0, 1.0)) == pytest.approx(16, abs=0.3)


@pytest.mark.parametrize("place", [-1.5, 0.0, 2.0])
@pytest.mark.parametrize("height", [0.3, 1.2])
def test_a_streak_brighter_than_dark_skin_is_not_taken_for_the_shaft(place: float, height: float) -> None:
    sharp = 1.0 * np.exp(-((OFFSETS - place) ** 2) / (2 * 1.0**2)) * (np.abs(OFFSETS) < 4.5)
    streak = height * 0.2 * gaussian_filter1d(sharp, 0.9 / BIN_PX)
    values = 0.2 - 0.18 * (ndtr((OFFSETS + 4.5) / 0.9) - ndtr((OFFSETS - 4.5) / 0.9)) + streak
    result = fit(values, 4.0, 0.9)
    assert width(result) == pytest.approx(9.0, abs=0.4)
    assert result is not None
    assert result[edges.DENSITY] > 0.5


@pytest.mark.parametrize("expected", [0.7, 0.85, 1.0])
@pytest.mark.parametrize("bright", [0.35, 0.8])
def test_a_clear_shaft_ends_outside_its_dark_rims(expected: float, bright: float) -> None:
    edge = np.abs(OFFSETS) / 4.5
    rim = 1 - 0.5 * np.clip((edge - 0.45) / 0.55, 0, 1) ** 1.5
    core = bright * np.exp(-((edge / 0.38) ** 2))
    sharp = np.where(edge < 1, 0.4 * rim + core, 0.4)
    found = width(fit(gaussian_filter1d(sharp, 0.7 / BIN_PX), 4.5 * expected, 0.7))
    assert found == pytest.approx(9.0, abs=0.6)


@pytest.mark.parametrize(("true", "sigma"), [(3.0, 2.0), (5.0, 2.0), (8.0, 2.0)])
def test_the_error_of_the_blur_moves_a_width_as_far_as_stated(true: float, sigma: float) -> None:
    wrong = 0.05 * sigma
    values = bar(-true / 2, true / 2, sigma)
    moved = abs(width(fit(values, true / 2, sigma + wrong)) - width(fit(values, true / 2, sigma - wrong))) / 2
    assert moved == pytest.approx(_blur_error(np.array([true]), sigma, wrong), rel=0.5, abs=0.06)


def test_shadow_beside_a_shaft_does_not_widen_it() -> None:
    values = bar(-5, 5, 1.0) * (1 - 0.15 * np.exp(-((OFFSETS - 6) ** 2) / (2 * 5.0**2)))
    assert width(fit(values, 5.5, 1.0)) == pytest.approx(10, abs=0.25)


def test_too_few_samples_are_no_fit() -> None:
    assert fit(bar(-5, 5, 1.0), 5.0, 1.0, first=-1.0, last=1.0) is None


def test_the_error_bar_is_honest() -> None:
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(200):
        result = fit(bar(-4, 4, 1.0) + rng.normal(0, 0.01, len(OFFSETS)), 4.5, 1.0)
        assert result is not None
        pulls.append((width(result) - 8) / result[edges.WIDTH_ERROR])
    assert 0.5 < float(np.std(pulls)) < 1.5


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


def test_an_edge_under_another_hair_is_not_measured_as_its_own() -> None:
    wide, line = picture(10.0, 0.0)
    half = np.full(50, 5.0)
    both = np.minimum(wide, np.roll(wide, 6, axis=0))
    for profile in measure_widths(
        both, np.zeros(0, np.float32), [line, line + np.array([0, 6])], [half, half], SETTINGS
    ):
        assert not profile.clear.any()
        assert float(np.nanmedian(profile.width)) == pytest.approx(10.0, abs=0.6)


def test_a_far_hair_changes_nothing() -> None:
    wide, line = picture(10.0, 0.0)
    other = np.maximum(np.roll(wide, 60, axis=0), 0.2)
    half = np.full(50, 5.0)
    settings = WidthSettings(station_px=3.0, along_px=1.5, flank_px=8.0, neighbourhood_px=40.0)
    alone = measure_widths(wide, np.zeros(0, np.float32), [line], [half], settings)[0]
    pair = measure_widths(
        np.minimum(wide, other),
        np.zeros(0, np.float32),
        [line, line + np.array([0, 60])],
        [half, half],
        settings,
    )[0]
    np.testing.assert_array_equal(alone.width, pair.width)


def test_no_line_no_width() -> None:
    assert measure_widths(np.zeros((9, 9, 3), np.float32), np.zeros(0, np.float32), [], [], SETTINGS) == []


def test_fitting_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, line = picture(10.0, 31.0)
    job = pixels, np.zeros(0, np.float32), [line], [np.full(50, 5.0)], SETTINGS
    [whole] = measure_widths(*job)
    monkeypatch.setattr(width_module, "_TOGETHER", 7)
    [parts] = measure_widths(*job)
    np.testing.assert_array_equal(whole.width, parts.width)
    np.testing.assert_array_equal(whole.sigma, parts.sigma)
