"""What the detector is shown beyond the field, and what it says of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densitometry.trace import network
from densitometry.trace.beyond import REACH_PX, nothing_outside, past_field, surround, window
from densitometry.trace.maps import CERTAIN

ROWS, COLUMNS = 40, 60


def planes(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (3, ROWS, COLUMNS)).astype(np.float32)


def test_a_window_inside_the_picture_is_the_picture() -> None:
    picture = planes()
    np.testing.assert_array_equal(window(picture, 4, 6, 20, 30, REACH_PX)[0], picture[:, 4:24, 6:36])


def test_the_edge_goes_on_beyond_the_frame_and_fades() -> None:
    picture = planes()
    shown = window(picture, -8, -12, ROWS + 16, COLUMNS + 20, 8)[0]
    np.testing.assert_array_equal(shown[:, 8:-8, 12:-8], picture)
    np.testing.assert_allclose(shown[:, 4, 12:-8], picture[:, 0] * 0.5, rtol=1e-6)
    np.testing.assert_allclose(shown[:, 8:-8, -6], picture[:, :, -1] * (1 - 3 / 8), rtol=1e-6)
    assert not shown[:, 0].any()
    assert not shown[:, :, :5].any()


@pytest.mark.parametrize(("top", "left"), [(-8, 20), (16, -8), (24, 44)])
def test_windows_show_the_same_of_every_place(top: int, left: int) -> None:
    """Tiles agree on what lies beyond the frame, wherever they are cut."""
    picture = planes()
    whole = window(picture, -16, -16, ROWS + 32, COLUMNS + 32, REACH_PX)[0]
    part = window(picture, top, left, 24, 24, REACH_PX)[0]
    np.testing.assert_array_equal(part, whole[:, top + 16 : top + 40, left + 16 : left + 40])


def test_the_edge_of_a_round_field_goes_on_outside_it() -> None:
    contrast = planes().transpose(1, 2, 0).copy()
    fine = contrast[..., 1].repeat(2, 0).repeat(2, 1)
    outside = np.zeros((ROWS, COLUMNS), bool)
    outside[:, :10] = outside[:, 50:] = True
    outwards, luma = past_field(contrast, fine, outside)
    np.testing.assert_array_equal(outwards[~outside], contrast[~outside])
    for column, edge, beyond in ((9, 10, 1), (5, 10, 5), (52, 49, 3)):
        share = 1 - beyond / REACH_PX
        np.testing.assert_allclose(outwards[:, column], contrast[:, edge] * share, atol=1e-6)
        np.testing.assert_allclose(luma[::2, 2 * column], fine[::2, 2 * edge] * share, atol=1e-6)


@pytest.mark.parametrize("hidden", [True, False])
def test_a_field_without_an_edge_is_left_as_it_is(hidden: bool) -> None:
    contrast, fine = np.zeros((8, 8, 3), np.float32), np.zeros((16, 16), np.float32)
    given = past_field(contrast, fine, np.full((8, 8), hidden))
    assert given[0] is contrast
    assert given[1] is fine


def test_a_round_field_has_a_surround_but_marks_and_strips_are_none() -> None:
    y, x = np.mgrid[:90, :120]
    disc = np.hypot(x - 60, y - 45) < 43
    np.testing.assert_array_equal(surround(disc), ~disc)
    marked = disc.copy()
    marked[40:50, 50:70] = False
    np.testing.assert_array_equal(surround(marked), ~disc)
    strips = np.ones((90, 120), bool)
    strips[-3:] = strips[:6, :50] = strips[20:30, 40:60] = False
    assert not surround(strips).any()
    text = strips.copy()
    text[:20, :8] = False
    assert not surround(text).any()
    for all_seen in (True, False):
        assert not surround(np.full((90, 120), all_seen)).any()


def test_nothing_is_said_of_what_was_made_up() -> None:
    outside = np.zeros((7, 8), bool)
    outside[:, :3] = True
    lifted, half = np.ones((8, 8, 2), np.uint8), np.ones((3, 4, 4), np.float32)
    nothing_outside(lifted, half, outside)
    assert not lifted[:7, :3].any()
    assert lifted[:7, 3:].all()
    assert not half[:2, :, 0].any()
    assert half[:2, :3, 1:].all()
    assert half[2].all()


def shaft(cut_at: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark shaft 56 µm wide that runs down to the lower edge of a picture with so many rows."""
    fine = np.zeros((256, 256), np.float32)
    cv2.line(fine, (100, 40), (140, 230), -1.5, 14, cv2.LINE_AA)
    coarse = cv2.resize(fine, (128, 128), interpolation=cv2.INTER_AREA)
    contrast = np.repeat(coarse[..., None], 3, 2)
    return contrast[:cut_at], fine[: 2 * cut_at], np.ones((cut_at, 128), bool)


def test_a_hair_cut_by_the_frame_is_believed_to_its_last_row() -> None:
    """One that is cut 250 µm from its end is as plain there as where the picture goes on."""
    whole, cut = network.network_maps(*shaft(128), 8), network.network_maps(*shaft(48), 8)
    ahead = whole.lifted[:, 42:48].sum(axis=0).max(axis=1).astype(float)
    left = cut.lifted[:, 42:48].sum(axis=0).max(axis=1).astype(float)
    assert ahead.min() > 0.7 * CERTAIN
    assert left.min() > 0.6 * CERTAIN


def test_a_hair_cut_by_a_round_field_is_believed_too() -> None:
    contrast, fine, valid = shaft(128)
    y, x = np.mgrid[:128, :128]
    valid[np.hypot(x - 64, y - 10) > 50] = False
    contrast[~valid], fine[~valid.repeat(2, 0).repeat(2, 1)] = 0.0, 0.0
    maps = network.network_maps(contrast, fine, valid, 8)
    evidence = maps.lifted.sum(axis=0)
    assert evidence[52:58].max(axis=1).min() > 0.6 * CERTAIN
    assert not evidence[~valid].any()
