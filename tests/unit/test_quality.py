"""The quality gate: good pictures pass, hopeless ones do not, doubtful ones are measured with a warning."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from densitometry.capture.quality import assess
from densitometry.model import Quality
from densitometry.settings import QualitySettings
from densitometry.units import PixelSize

HEIGHT, WIDTH = 480, 640


@pytest.fixture
def scalp() -> NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    skin = np.full((HEIGHT, WIDTH, 3), (170, 140, 130), np.float64)
    skin += cv2.GaussianBlur(rng.normal(0, 40, skin.shape), (0, 0), 4)
    for _ in range(30):
        x, y = int(rng.uniform(20, WIDTH - 90)), int(rng.uniform(20, HEIGHT - 90))
        cv2.line(skin, (x, y), (x + 60, y + 45), (25, 18, 15), 9, cv2.LINE_AA)
    return np.clip(skin, 0, 255).astype(np.uint8)


def judge(rgb: NDArray[np.uint8] | NDArray[np.uint16], um_per_px: float = 5.0, valid: float = 1.0) -> Quality:
    seen = np.zeros(rgb.shape[:2], np.bool_)
    seen[: round(valid * HEIGHT)] = True
    return assess(rgb, seen, np.zeros_like(seen), PixelSize(um_per_px, "simulated"), QualitySettings())


def test_good_picture_is_accepted(scalp: NDArray[np.uint8]) -> None:
    quality = judge(cv2.GaussianBlur(scalp, (0, 0), 1.0))  # type: ignore[arg-type]
    assert (quality.verdict, quality.reasons) == ("accept", ())
    assert quality.metrics["focus_blur_px"] == pytest.approx(1.0, abs=0.35)
    assert all(isinstance(value, float) and np.isfinite(value) for value in quality.metrics.values())


def test_blur_is_measured_in_um(scalp: NDArray[np.uint8]) -> None:
    for sigma in (2.0, 4.0):
        metrics = judge(cv2.GaussianBlur(scalp, (0, 0), sigma), 5.0).metrics  # type: ignore[arg-type]
        assert metrics["focus_blur_um"] == pytest.approx(5.0 * sigma, rel=0.25)


def test_blurred_picture_is_warned_of_and_hopeless_one_refused(scalp: NDArray[np.uint8]) -> None:
    blurred = cv2.GaussianBlur(scalp, (0, 0), 6)
    assert judge(blurred).verdict == "warn"  # type: ignore[arg-type]
    assert judge(blurred, 30.0).verdict == "reject"  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [3, 252])
def test_black_and_white_pictures_are_refused(level: int) -> None:
    quality = judge(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    assert quality.verdict == "reject"
    assert "focus_blur_um" not in quality.metrics


def test_field_share(scalp: NDArray[np.uint8]) -> None:
    assert judge(scalp, valid=0.02).verdict == "reject"
    assert judge(scalp, valid=0.3).verdict == "warn"
    assert judge(scalp, valid=0.0).verdict == "reject"


def test_coarse_picture_is_warned_of(scalp: NDArray[np.uint8]) -> None:
    quality = judge(scalp, 16.0)
    assert quality.verdict == "warn"
    assert any("fine hairs are not resolved" in reason for reason in quality.reasons)


def test_cast_and_uneven_light(scalp: NDArray[np.uint8]) -> None:
    blue = (scalp * np.array([0.4, 0.7, 1.6])).clip(0, 255).astype(np.uint8)
    assert any("cast" in reason for reason in judge(blue).reasons)
    shade = np.linspace(0.12, 1.0, WIDTH)[None, :, None]
    assert any("uneven" in reason for reason in judge((scalp * shade).astype(np.uint8)).reasons)


def test_glare_share(scalp: NDArray[np.uint8]) -> None:
    scalp[100:300, 100:300] = 255
    masked = np.zeros((HEIGHT, WIDTH), np.bool_)
    masked[100:300, 100:300] = True
    quality = assess(scalp, ~masked, masked, PixelSize(5.0, "simulated"), QualitySettings())
    assert quality.metrics["glare_share"] == pytest.approx(masked.mean())
    assert any("Glare" in reason for reason in quality.reasons)


def test_16_bits_are_judged_alike(scalp: NDArray[np.uint8]) -> None:
    deep, plain = judge(scalp.astype(np.uint16) * 257).metrics, judge(scalp).metrics
    assert deep == pytest.approx(plain, rel=0.02, abs=0.02)


def test_thresholds_are_settings(scalp: NDArray[np.uint8]) -> None:
    strict = dataclasses.replace(QualitySettings(), warn_fine_hair_px=10.0)
    valid = np.ones((HEIGHT, WIDTH), np.bool_)
    assert assess(scalp, valid, ~valid, PixelSize(5.0, "simulated"), strict).verdict == "warn"
