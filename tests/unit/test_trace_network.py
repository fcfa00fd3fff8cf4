"""The network over tiles says what it says over the whole."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from densitometry.analysis import trace_options
from densitometry.settings import TraceSettings
from densitometry.trace import network, tracer
from densitometry.trace.grid import to_grid
from densitometry.trace.maps import CERTAIN
from densitometry.units import PixelSize


def noise(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of nothing but noise: log contrast, that of fine luma, and a field without edges."""
    rng = np.random.default_rng(seed)
    contrast = rng.normal(0, 0.3, (rows, columns, 3)).astype(np.float32)
    fine = rng.normal(0, 0.3, (2 * rows, 2 * columns)).astype(np.float32)
    return contrast, fine, np.ones((rows, columns), bool)


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(5, 251, 701)
    whole = network.network_maps(*picture, 2)
    monkeypatch.setattr(network, "WHOLE_PX", 0)
    monkeypatch.setattr(network, "TILE_AREA_PX", 100_000)
    tiled = network.network_maps(*picture, 2)
    np.testing.assert_array_equal(tiled.lifted, whole.lifted)
    for name in ("root", "tip", "direction", "half_width_px", "shaft"):
        np.testing.assert_allclose(getattr(tiled, name), getattr(whole, name), atol=2e-5, err_msg=name)


@pytest.mark.parametrize("cells", [1, 8, 333, 768, 769, 1500, 2049, 5003])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_tiles_share_the_picture_and_are_all_of_one_size(cells: int, count: int) -> None:
    spans = network._spans(cells, min(count, cells))
    assert spans[0][1] == 0
    assert all(before[2] == after[1] for before, after in pairwise(spans))
    assert spans[-1][2] == cells
    assert len({last - first for first, _, _, last in spans}) == 1
    # halved at the same places by every tile, and, to within a cell, by a mirrored picture
    assert len({first % 8 for first, *_ in spans}) == 1
    beyond = network.REACH_PX // 2
    assert abs(-spans[0][0] - beyond - -cells % 8 / 2) <= 0.5
    for first, own, end, last in spans:
        assert first <= max(-beyond, own - network.OVERLAP_PX // 2)
        assert last >= min(cells + beyond, end + network.OVERLAP_PX // 2)
        assert last < cells + beyond + 8


@pytest.mark.parametrize(
    ("rows", "columns"), [(601, 20), (750, 1000), (20, 40_000), (1500, 2000), (7000, 7000)]
)
def test_tiles_of_large_pictures_are_small_and_read_little_twice(rows: int, columns: int) -> None:
    down, across = network._layout(rows, columns)
    area = network._read_px(down) * network._read_px(across)
    assert area <= network.TILE_AREA_PX
    assert len(down) * len(across) * area <= 2 * 4 * (rows + 40) * (columns + 40)


def test_pictures_that_are_not_large_are_read_whole() -> None:
    assert [len(spans) for spans in network._layout(600, 600)] == [1, 1]


def test_one_thread_and_two_give_the_same_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WHOLE_PX", 0)
    monkeypatch.setattr(network, "TILE_AREA_PX", 60_000)
    picture = noise(6, 96, 640)
    monkeypatch.setattr(network, "may_share_work", lambda: True)
    shared = network.network_maps(*picture, 2)
    monkeypatch.setattr(network, "may_share_work", lambda: False)
    alone = network.network_maps(*picture, 2)
    np.testing.assert_array_equal(shared.lifted, alone.lifted)
    np.testing.assert_array_equal(shared.root, alone.root)


def test_nothing_to_see_is_no_evidence() -> None:
    contrast, fine = np.zeros((64, 80, 3), np.float32), np.zeros((128, 160), np.float32)
    maps = network.network_maps(contrast, fine, np.ones((64, 80), bool), 2)
    assert maps.lifted.shape == (network.ORIENTATIONS, 64, 80)
    assert maps.lifted.max() < 0.2 * CERTAIN


def shafts(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of two dark shafts, one steep, one flat: log contrast, that of fine luma, and the field."""
    fine = np.zeros((2 * rows, 2 * columns), np.float32)
    cv2.line(fine, (40, 30), (70, 150), -1.5, 14, cv2.LINE_AA)
    cv2.line(fine, (110, 50), (230, 90), -1.5, 14, cv2.LINE_AA)
    coarse = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.repeat(coarse[..., None], 3, 2), fine, np.ones((rows, columns), bool)


@pytest.mark.parametrize(("down", "across"), [(-1, -1), (1, -1), (-1, 1)])
def test_eight_readings_say_the_same_of_a_picture_turned_or_mirrored(down: int, across: int) -> None:
    """As every picture's edges are multiples of four px, a turned one is halved at the same places."""
    picture = shafts(100, 132)
    turned = tuple(np.ascontiguousarray(part[::down, ::across]) for part in picture)
    bins = np.arange(network.ORIENTATIONS) * (down * across)
    plain, two = network.network_maps(*picture, 8), network.network_maps(*picture, 2)
    other, other_two = network.network_maps(*turned, 8), network.network_maps(*turned, 2)
    assert plain.lifted.max() > 0.5 * CERTAIN
    np.testing.assert_array_equal(other.lifted[bins][:, ::down, ::across], plain.lifted)
    assert np.any(other_two.lifted[bins][:, ::down, ::across] != two.lifted)
    for name in ("root", "tip", "half_width_px", "shaft"):
        np.testing.assert_allclose(getattr(other, name)[::down, ::across], getattr(plain, name), atol=1e-4)
    sign = np.array([across, down])[:, None, None]
    np.testing.assert_allclose(other.direction[:, ::down, ::across] * sign, plain.direction, atol=1e-4)


@pytest.mark.parametrize("readings", [1, 8])
def test_other_readings_agree_with_two(readings: int) -> None:
    """A reading that is turned back wrongly would say something else than the others."""
    picture = shafts(96, 128)
    two, eight = (network.network_maps(*picture, n) for n in (2, readings))
    for name in ("lifted", "root", "tip", "half_width_px", "shaft"):
        one, other = (getattr(maps, name).ravel().astype(float) for maps in (two, eight))
        assert np.corrcoef(one, other)[0, 1] > 0.9, name
    # beside shafts a direction says nothing
    one, other = (maps.direction[:, two.shaft > 0.5].ravel() for maps in (two, eight))
    assert np.corrcoef(one, other)[0, 1] > 0.95


@pytest.mark.parametrize(("area_cm2", "read"), [(0.5, 8), (1.2, 2), (2.0, 1)])
def test_large_pictures_are_read_less_often(
    monkeypatch: pytest.MonkeyPatch, area_cm2: float, read: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        tracer, "network_maps", lambda contrast, fine, valid, readings: asked.append(readings)
    )
    edge = round((area_cm2 * 1e8) ** 0.5 / 80.0)
    pixels, everywhere = np.full((edge, edge, 3), 180, np.uint8), np.ones((edge, edge), bool)
    options = trace_options(TraceSettings(), PixelSize(80.0, "simulated"))
    tracer.find_evidence(to_grid(pixels, everywhere, options.grid_px), options)
    assert asked == [read]
