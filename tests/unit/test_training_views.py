"""The eight views a network is taught with: maps turn and mirror as the picture does."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from labels import draw_labels
from views import VIEWS, packed, seen, seen_maps, unpacked, unseen_maps

SIDE = 64
LINE = np.stack([np.linspace(10, 50, 40), np.linspace(12, 30, 40)], axis=1)


def labels_of(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hair = {"line": line.astype(np.float32), "width": np.full(len(line), 5.0, np.float32), "required": True}
    lifted, half, _, _ = draw_labels([hair], SIDE)
    return lifted, half


@pytest.mark.parametrize(("turns", "mirrored"), VIEWS)
def test_maps_of_a_view_are_those_drawn_in_it(turns: int, mirrored: bool) -> None:
    lifted, half = labels_of(LINE)
    line = LINE
    for _ in range(turns):
        line = np.stack([line[:, 1], SIDE - 1 - line[:, 0]], axis=1)
    if mirrored:
        line = line * [-1, 1] + [SIDE - 1, 0]
    drawn_lifted, drawn_half = labels_of(line)
    turned_lifted, turned_half = seen_maps(lifted, half, turns, mirrored)
    np.testing.assert_allclose(turned_lifted, drawn_lifted, atol=1e-3)
    np.testing.assert_allclose(turned_half[[0, 1, 5]], drawn_half[[0, 1, 5]], atol=1e-3)
    along = drawn_half[5] > 0.9
    np.testing.assert_allclose(turned_half[2:4, along], drawn_half[2:4, along], atol=0.02)


@pytest.mark.parametrize(("turns", "mirrored"), VIEWS)
def test_a_view_can_be_taken_back(turns: int, mirrored: bool) -> None:
    lifted, half = labels_of(LINE)
    back_lifted, back_half = unseen_maps(*seen_maps(lifted, half, turns, mirrored), turns, mirrored)
    np.testing.assert_array_equal(back_lifted, lifted)
    np.testing.assert_array_equal(back_half, half)


def test_a_picture_turns_as_its_maps_do() -> None:
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[12, 10] = 1
    y, x = np.argwhere(seen(picture, 1, False))[0]
    assert (x, y) == (12, SIDE - 1 - 10)


def test_whole_numbers_keep_maps_to_half_a_step() -> None:
    lifted, half = labels_of(LINE)
    again_lifted, again_half = unpacked(packed(lifted, half, "mean"), "mean")
    np.testing.assert_allclose(again_lifted, lifted, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(again_half, half, atol=0.5 / 255 + 1e-6)
