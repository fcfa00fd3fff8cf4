"""The valid field: surround, strips, burned-in marks and glare are out; hair and glints stay in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from densitometry.capture import fill_masked, from_array
from densitometry.capture.field import find_field
from densitometry.capture.marks import find_marks
from densitometry.capture.surround import dark_surround
from densitometry.settings import CaptureSettings
from densitometry.units import PixelSize

HEIGHT, WIDTH = 480, 640
Picture = NDArray[np.uint8]


@pytest.fixture
def scalp() -> Picture:
    """Textured skin with dark bars for hair, some of them exactly level and upright."""
    rng = np.random.default_rng(7)
    noise = cv2.GaussianBlur(rng.normal(0, 60, (HEIGHT, WIDTH, 3)), (0, 0), 3)
    skin = np.clip(np.array([170, 140, 130]) + noise, 0, 255).astype(np.uint8)
    for k in range(24):
        x, y = int(rng.uniform(20, WIDTH - 90)), int(rng.uniform(20, HEIGHT - 90))
        step = ((70, 0), (0, 70), (50, 50))[k % 3]
        cv2.line(
            skin, (x, y), (x + step[0], y + step[1]), (25, 18, 15), int(rng.integers(3, 14)), cv2.LINE_AA
        )
    skin = cv2.GaussianBlur(skin, (0, 0), 0.9)
    return through_jpeg(skin)


def through_jpeg(rgb: Picture, quality: int = 92) -> Picture:
    ok, packed = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]


def field(rgb: Picture, um_per_px: float = 5.0) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return find_field(rgb, None, um_per_px, CaptureSettings())


def test_clean_scalp_is_wholly_valid(scalp: Picture) -> None:
    valid, masked = field(scalp)
    assert valid.all()
    assert not masked.any()
    dark = (scalp * 0.35).astype(np.uint8)
    assert field(dark)[0].all()


def test_drawn_circle_loses_its_own_pixels_only(scalp: Picture) -> None:
    drawn = scalp.copy()
    cv2.circle(drawn, (320, 240), 180, (210, 25, 30), 1)
    line = np.any(drawn != scalp, axis=2)
    valid, masked = field(through_jpeg(drawn))
    assert masked[line].mean() > 0.97
    assert masked.mean() < 7 * line.mean()
    assert valid[240, 320]
    assert valid[20, 20]
    assert not (valid & masked).any()


def test_text_box_and_banner(scalp: Picture) -> None:
    drawn = scalp.copy()
    drawn[3:22, 4:300] = drawn[3:22, 4:300] // 4 + 55
    cv2.putText(
        drawn, "A219 1280x1024 2031/01/06 70x", (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (245, 245, 245), 1
    )
    drawn[300:380, 420:600] = drawn[300:380, 420:600] // 2 + 95
    for row in range(3):
        cv2.putText(
            drawn, "C=15.827 mm", (428, 325 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 200), 1
        )
    valid, masked = field(through_jpeg(drawn, 95))
    assert masked[4:21, 6:298].mean() > 0.98
    assert masked[301:379, 422:598].mean() > 0.98
    assert valid.mean() > 0.93


def test_scale_bar(scalp: Picture) -> None:
    drawn = scalp.copy()
    cv2.line(drawn, (30, 300), (30, 440), (40, 30, 35), 1)
    cv2.line(drawn, (30, 440), (200, 440), (40, 30, 35), 1)
    line = np.any(drawn != scalp, axis=2)
    masked = find_marks(through_jpeg(drawn, 95))
    assert masked[line].mean() > 0.9
    assert masked.sum() < 5 * line.sum()


def test_flat_strips(scalp: Picture) -> None:
    drawn = scalp.copy()
    drawn[-16:] = 220
    drawn[:, -8:] = 0
    valid, masked = field(drawn)
    assert not valid[-16:].any()
    assert not valid[:, -8:].any()
    assert valid[:-20, :-12].all()
    assert not masked.any()


def test_plain_picture_has_no_strips() -> None:
    assert field(np.full((HEIGHT, WIDTH, 3), 150, np.uint8))[0].all()


@pytest.mark.parametrize(("x", "y", "radius"), [(320, 240, 230), (300, 260, 300), (340, 230, 200)])
def test_round_surround(scalp: Picture, x: int, y: int, radius: int) -> None:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    outside = np.hypot(columns - x, rows - y) > radius
    round_field = scalp.copy()
    round_field[outside] = 6
    valid, _ = field(through_jpeg(cv2.GaussianBlur(round_field, (0, 0), 1.5)))
    assert abs(valid.sum() / (~outside).sum() - 1) < 0.03
    assert (valid & outside).mean() < 0.01


def test_surround_of_another_shape(scalp: Picture) -> None:
    framed = np.zeros_like(scalp)
    framed[60:420, 90:560] = scalp[60:420, 90:560]
    framed += np.random.default_rng(0).integers(0, 12, framed.shape, np.uint8)
    valid, _ = field(framed)
    assert abs(valid.sum() / (360 * 470) - 1) < 0.05


def test_hair_in_the_corners_is_no_surround(scalp: Picture) -> None:
    hairy = scalp.copy()
    for corner in ((0, 0), (WIDTH - 1, 0)):
        cv2.circle(hairy, corner, 60, (12, 10, 10), -1)
    assert dark_surround(hairy) is None


def test_glare_patch_is_hidden_and_glints_are_not(scalp: Picture) -> None:
    shiny = scalp.copy()
    cv2.circle(shiny, (200, 200), 40, (255, 255, 255), -1)
    cv2.circle(shiny, (400, 300), 5, (255, 255, 255), -1)
    valid, masked = field(shiny)
    assert masked[200, 200]
    assert not valid[200, 200]
    assert valid[300, 400]


def test_far_mark_changes_nothing_here(scalp: Picture) -> None:
    drawn = scalp.copy()
    cv2.circle(drawn, (500, 120), 60, (210, 25, 30), 1)
    cv2.circle(scalp, (120, 350), 60, (210, 25, 30), 1)
    cv2.circle(drawn, (120, 350), 60, (210, 25, 30), 1)
    assert np.array_equal(field(scalp)[1][:, :300], field(drawn)[1][:, :300])


def test_16_bits_give_the_same_field(scalp: Picture) -> None:
    cv2.circle(scalp, (320, 240), 100, (210, 25, 30), 1)
    deep = scalp.astype(np.uint16) * 257
    wide = find_field(deep, None, 5.0, CaptureSettings())
    assert np.array_equal(wide[1], field(scalp)[1])


def test_marks_can_be_left_in(scalp: Picture) -> None:
    cv2.circle(scalp, (320, 240), 100, (210, 25, 30), 1)
    assert not find_field(scalp, None, 5.0, CaptureSettings(find_marks=False))[1].any()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_fill_carries_a_hair_under_a_line(depth: type) -> None:
    skin = np.full((200, 200, 3), 160, depth)
    skin[:, 90:106] = 30
    drawn = skin.copy()
    drawn[100:103] = (220, 20, 20)
    mask = np.zeros((200, 200), np.bool_)
    mask[99:104] = True
    filled = fill_masked(drawn, mask)
    assert filled.dtype == depth
    assert np.abs(filled[101, 94:102].astype(int) - 30).max() < 15
    assert np.abs(filled[101, :80].astype(int) - 160).max() < 15
    assert np.array_equal(filled[~mask], drawn[~mask])


def test_fill_leaves_boxes_alone() -> None:
    picture = np.random.default_rng(2).integers(0, 255, (120, 120, 3), np.uint8)
    mask = np.zeros((120, 120), np.bool_)
    mask[30:90, 30:90] = True
    assert np.array_equal(fill_masked(picture, mask), picture)


def test_masked_is_outside_valid(scalp: Picture) -> None:
    cv2.circle(scalp, (320, 240), 100, (210, 25, 30), 1)
    image = from_array(scalp, PixelSize(5.0, "simulated"))
    assert not (image.valid & image.masked).any()
    assert image.area_cm2 == pytest.approx(image.valid.sum() * 25e-8)
