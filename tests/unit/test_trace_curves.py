"""Following and cutting on hand-made evidence maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from densitometry.trace import curves as curves_module
from densitometry.trace.curves import FollowSettings, follow_curves
from densitometry.trace.maps import ORIENTATIONS, EvidenceMaps, Floats, coded
from densitometry.trace.segments import SegmentSettings, cut_curves

Point = tuple[float, float]


def draw_maps(lines: list[tuple[Point, Point]], size: int = 120, half_width: float = 2.0) -> EvidenceMaps:
    """Perfect evidence of straight hairs given by root and tip."""
    lifted = np.zeros((ORIENTATIONS, size, size))
    half = np.zeros((6, size // 2, size // 2))
    y, x = np.mgrid[:size, :size].astype(float)
    hy, hx = 2 * np.mgrid[: size // 2, : size // 2].astype(float) + 0.5
    for root, tip in lines:
        dx, dy = tip[0] - root[0], tip[1] - root[1]
        length = math.hypot(dx, dy)
        dx, dy = dx / length, dy / length

        def profile(
            px: Floats, py: Floats, r: Point = root, c: float = dx, s: float = dy, n: float = length
        ) -> Floats:
            t = np.clip((px - r[0]) * c + (py - r[1]) * s, 0, n)
            return np.hypot(px - r[0] - t * c, py - r[1] - t * s)

        u = (math.atan2(dy, dx) % math.pi) / math.pi * ORIENTATIONS
        k, f = int(u) % ORIENTATIONS, u - int(u)
        ridge = np.exp(-(profile(x, y) ** 2) / 2)
        lifted[k] = np.maximum(lifted[k], (1 - f) * ridge)
        lifted[(k + 1) % ORIENTATIONS] = np.maximum(lifted[(k + 1) % ORIENTATIONS], f * ridge)
        near = profile(hx, hy) < 4
        half[2][near], half[3][near] = dx, dy
        half[5] = np.maximum(half[5], profile(hx, hy) < half_width)
        for channel, (ex, ey) in enumerate((root, tip)):
            half[channel] = np.maximum(
                half[channel], np.exp(-((hx - ex) ** 2 + (hy - ey) ** 2) / (2 * 2.8**2))
            )
    wide = np.full_like(half[0], half_width)
    return EvidenceMaps(coded(lifted), half[0], half[1], half[2:4], wide, half[5])


def hairs_of(maps: EvidenceMaps) -> list[Floats]:
    valid = np.ones(maps.lifted.shape[1:], np.uint8)
    curves = follow_curves(maps.lifted, maps.half_width_px, FollowSettings())
    return [s.points for s in cut_curves(curves, maps, valid, SegmentSettings())]


def ends_error(found: list[Floats], lines: list[tuple[Point, Point]]) -> float:
    """Largest distance from a true root or tip to that of the best found hair."""
    worst = 0.0
    for root, tip in lines:
        worst = max(
            worst, min(max(float(np.hypot(*(p[0] - root))), float(np.hypot(*(p[-1] - tip)))) for p in found)
        )
    return worst


@pytest.mark.parametrize("angle_deg", [0, 17, 45, 90, 133, 180, 250])
def test_one_hair_is_found_root_first(angle_deg: float) -> None:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    lines = [((60 - 35 * c, 60 - 35 * s), (60 + 35 * c, 60 + 35 * s))]
    found = hairs_of(draw_maps(lines))
    assert len(found) == 1
    assert ends_error(found, lines) < 3


def test_crossing_hairs_stay_whole() -> None:
    lines = [((20.0, 30.0), (100.0, 90.0)), ((100.0, 25.0), (25.0, 95.0)), ((60.0, 10.0), (61.0, 110.0))]
    found = hairs_of(draw_maps(lines))
    assert len(found) == 3
    assert ends_error(found, lines) < 3


@pytest.mark.parametrize("angle_deg", [18, 22, 30])
def test_acute_crossing_is_passed_straight_on(angle_deg: float) -> None:
    c, s = (45 * f(math.radians(angle_deg)) for f in (math.cos, math.sin))
    lines = [((15.0, 60.0), (105.0, 60.0)), ((60 - c, 60 - s), (60 + c, 60 + s))]
    found = hairs_of(draw_maps(lines))
    assert len(found) == 2
    assert ends_error(found, lines) < 4


def test_crossing_is_passed_where_the_evidence_fades() -> None:
    lines = [((15.0, 40.0), (105.0, 80.0)), ((15.0, 80.0), (105.0, 40.0))]
    maps = draw_maps(lines)
    y, x = np.mgrid[:120, :120]
    faded = np.hypot(x - 60, y - 60) < 6
    maps.lifted[:, faded] = (0.15 * maps.lifted[:, faded]).astype(np.uint8)
    found = hairs_of(maps)
    assert len(found) == 2
    assert ends_error(found, lines) < 4


def test_a_claimed_end_does_not_pay_for_a_second_hair() -> None:
    lines = [((20.0, 60.0), (95.0, 60.0))]
    maps = draw_maps(lines)
    valid = np.ones(maps.lifted.shape[1:], np.uint8)
    curve = follow_curves(maps.lifted, maps.half_width_px, FollowSettings())[0]
    once = cut_curves([curve], maps, valid, SegmentSettings())
    twice = cut_curves([curve, curve], maps, valid, SegmentSettings(claim_left=0.0))
    assert len(once) == 1
    assert len(twice) == 2
    assert twice[0].score == once[0].score
    assert all(other.root_end < 0.2 and other.tip_end < 0.2 for other in twice[1:])


def test_two_hairs_tip_to_tip_are_cut_apart() -> None:
    lines = [((20.0, 60.0), (58.0, 60.0)), ((102.0, 60.0), (64.0, 60.0))]
    found = hairs_of(draw_maps(lines))
    assert len(found) == 2
    assert ends_error(found, lines) < 7


def test_touching_parallel_hairs_are_two() -> None:
    lines = [((20.0, 58.0), (95.0, 58.0)), ((22.0, 63.0), (90.0, 63.0))]
    found = hairs_of(draw_maps(lines))
    assert len(found) == 2
    assert ends_error(found, lines) < 4


@pytest.mark.parametrize(("root_x", "cut"), [(2.0, False), (4.0, False), (-8.0, True)])
def test_a_root_seen_beside_the_border_is_inside(root_x: float, cut: bool) -> None:
    """Two hairs from one root: the first claims it, and the second is no less rooted there."""
    lines = [((root_x, 60.0), (80.0, 30.0)), ((root_x, 60.0), (80.0, 90.0))]
    maps = draw_maps(lines)
    curves = follow_curves(maps.lifted, maps.half_width_px, FollowSettings())
    hairs = cut_curves(curves, maps, np.ones(maps.lifted.shape[1:], np.uint8), SegmentSettings())
    assert [hair.root_cut for hair in hairs] == [cut, cut]


def test_no_evidence_gives_no_hair() -> None:
    assert hairs_of(draw_maps([])) == []


def test_mirrored_maps_give_mirrored_curves() -> None:
    """Where seeds of crossing lines are followed first must not hang on where they lie in the picture."""
    rng = np.random.default_rng(3)
    roots, headings = rng.uniform(30, 90, (10, 2)), rng.uniform(0, 2 * np.pi, 10)
    tips = roots + 28 * np.stack([np.cos(headings), np.sin(headings)], 1)
    maps = draw_maps([((r[0], r[1]), (t[0], t[1])) for r, t in zip(roots, tips, strict=True)])
    bins = -np.arange(ORIENTATIONS)
    plain = follow_curves(maps.lifted, maps.half_width_px, FollowSettings())
    mirrored = follow_curves(maps.lifted[bins][:, :, ::-1], maps.half_width_px[:, ::-1], FollowSettings())
    last = maps.lifted.shape[2] - 1

    def places(curves: list[Floats], flip: bool) -> Floats:
        lines = [np.column_stack([last - c[:, 0] if flip else c[:, 0], c[:, 1]]) for c in curves]
        rows = np.round(np.concatenate(lines), 3)
        return rows[np.lexsort(rows.T)]

    assert [len(c) for c in plain] == [len(c) for c in mirrored]
    np.testing.assert_allclose(places(plain, False), places(mirrored, True), atol=2e-3)


def test_far_hair_changes_nothing() -> None:
    near = ((10.0, 20.0), (50.0, 35.0))
    alone = hairs_of(draw_maps([near]))
    beside = hairs_of(draw_maps([near, ((70.0, 80.0), (110.0, 110.0))]))
    assert len(alone) == 1
    assert any(np.array_equal(alone[0], other) for other in beside)


def draw_arcs(
    arcs: list[tuple[float, float, float, float, float]], size: int = 160
) -> tuple[NDArray[np.uint8], Floats]:
    """Perfect centre lines of arcs: centre x, y, radius, first angle and angle spanned."""
    lifted = np.zeros((ORIENTATIONS, size, size))
    y, x = np.mgrid[:size, :size].astype(float)
    for cx, cy, radius, first, span in arcs:
        angle = np.arctan2(y - cy, x - cx)
        inside = (angle - first) % (2 * math.pi) <= span
        ridge = np.exp(-((np.hypot(x - cx, y - cy) - radius) ** 2) / 2) * inside
        u = ((angle + math.pi / 2) % math.pi) / math.pi * ORIENTATIONS
        for k in range(ORIENTATIONS):
            apart = np.abs((u - k + ORIENTATIONS / 2) % ORIENTATIONS - ORIENTATIONS / 2)
            lifted[k] = np.maximum(lifted[k], np.clip(1 - apart, 0, 1) * ridge)
    return coded(lifted), np.full((size // 2, size // 2), 2.0)


def longest(curves: list[Floats]) -> int:
    return max(map(len, curves), default=0)


CURLS = [(50.0, 45.0, 33.0, 0.2, 2.6), (110.0, 60.0, 30.0, 2.0, 2.8), (60.0, 115.0, 32.0, 4.0, 2.5)]


def test_curly_hair_makes_bending_cheap() -> None:
    lifted, half_width = draw_arcs(CURLS)
    whole = follow_curves(lifted, half_width, FollowSettings())
    stiff = follow_curves(lifted, half_width, FollowSettings(usual_curl_rad_per_px=1.0))
    assert longest(whole) >= 0.95 * 32 * 2.5
    assert len(whole) <= len(stiff)


def test_far_curls_change_nothing() -> None:
    """No statistic of the whole picture: curls in one corner leave straight hair in the other as it was."""
    size = 640
    lines = [((20.0, 30.0), (100.0, 60.0)), ((80.0, 20.0), (30.0, 110.0)), ((15.0, 45.0), (105.0, 52.0))]
    straight = draw_maps(lines, size=size)
    # rough evidence: what cheap bending would follow
    rough = np.random.default_rng(0).uniform(0.2, 1.0, (1, 200, 200))
    straight.lifted[:, :200, :200] = (straight.lifted[:, :200, :200] * rough).astype(np.uint8)
    curls, _ = draw_arcs([(x + 480, y + 480, *rest) for x, y, *rest in CURLS], size=size)
    alone = follow_curves(straight.lifted, straight.half_width_px, FollowSettings())
    both = follow_curves(np.maximum(straight.lifted, curls), straight.half_width_px, FollowSettings())
    near = [curve for curve in both if curve[:, 0].max() < 200 and curve[:, 1].max() < 200]
    assert len(both) > len(near) == len(alone)
    assert all(any(np.array_equal(curve, other) for other in near) for curve in alone)


def test_looking_for_seeds_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lifted, half_width = draw_arcs(CURLS)
    whole = follow_curves(lifted, half_width, FollowSettings())
    monkeypatch.setattr(curves_module, "_ROWS_TOGETHER", 11)
    parts = follow_curves(lifted, half_width, FollowSettings())
    assert len(parts) == len(whole)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nobody_goes_round_a_bubble_for_ever() -> None:
    lifted, half_width = draw_arcs([(80.0, 80.0, 40.0, 0.0, 2 * math.pi)])
    curves = follow_curves(lifted, half_width, FollowSettings())
    assert longest(curves) < 2.1 * 2 * math.pi * 40.0
