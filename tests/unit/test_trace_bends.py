"""Pieces whose open ends lead into each other around a bend become one hair; others stay apart."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_shafts import hair

from densitometry.settings import TraceSettings
from densitometry.trace.bends import BEND_WEIGHTS, bends_between, join_bends
from densitometry.trace.maps import CERTAIN, ORIENTATIONS, EvidenceMaps
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]
SIDE = 320
SKIN = np.zeros((SIDE, SIDE, 3), np.float32)
CENTRE, RADIUS = 160.0, 40.0
LEAST_ODDS = TraceSettings().bend_odds
UNSEEN, SEEN = 0.1, 0.9


def maps(shaft: float = 1.0) -> EvidenceMaps:
    """Maps that see shafts everywhere, or nowhere, and centre lines a little."""
    half = np.zeros((SIDE // 2, SIDE // 2), np.float32)
    return EvidenceMaps(
        lifted=np.full((ORIENTATIONS, SIDE, SIDE), int(0.3 * shaft * CERTAIN), np.uint8),
        root=half,
        tip=half.copy(),
        direction=np.stack([half + 1, half]),
        half_width_px=half + 3,
        shaft=half + shaft,
    )


def arc(first_degrees: float, last_degrees: float, radius: float = RADIUS) -> Floats:
    """Points a pixel apart on a circle around the middle of the picture."""
    first, last = math.radians(first_degrees), math.radians(last_degrees)
    angle = np.linspace(first, last, max(2, int(abs(last - first) * radius)))
    return np.stack([CENTRE + radius * np.cos(angle), CENTRE + radius * np.sin(angle)], axis=1)


def piece(points: Floats, root_end: float = UNSEEN, tip_end: float = UNSEEN) -> Segment:
    return dataclasses.replace(hair(points), root_end=root_end, tip_end=tip_end, new_share=1.0)


def around(gap_degrees: float = 16.0) -> list[Segment]:
    """Two pieces of one circle, a stretch of it lost between them."""
    return [
        piece(arc(0, 90), root_end=SEEN),
        piece(arc(90 + gap_degrees, 200), tip_end=SEEN),
    ]


def joined(hairs: list[Segment], seen: EvidenceMaps | None = None) -> list[Segment]:
    return join_bends(hairs, seen or maps(), SKIN, LEAST_ODDS)


def test_a_hair_lost_in_a_tight_bend_is_put_together_along_the_bend() -> None:
    (whole,) = joined(around())
    apart = np.hypot(*(whole.points - CENTRE).T) - RADIUS
    assert np.abs(apart).max() < 0.5
    assert np.hypot(*np.diff(whole.points, axis=0).T).max() < 2
    assert len(whole.points) == len(whole.evidence) == len(whole.half_width)
    assert (whole.root_end, whole.tip_end) == (SEEN, SEEN)


def test_the_order_and_the_sense_of_the_pieces_do_not_matter() -> None:
    first, second = around()
    turned = dataclasses.replace(second, points=second.points[::-1], root_end=SEEN, tip_end=UNSEEN)
    (one,) = joined([second, first])
    (other,) = joined([first, turned])
    for points in (one.points, other.points):
        ends = {tuple(np.round(p).astype(int)) for p in (points[0], points[-1])}
        assert ends == {tuple(np.round(p).astype(int)) for p in (first.points[0], second.points[-1])}


@pytest.mark.parametrize("swap", [False, True])
def test_mirrored_pieces_are_judged_alike(swap: bool) -> None:
    def mirrored(hairs: list[Segment]) -> list[Segment]:
        return [dataclasses.replace(h, points=np.array([SIDE - 1, 0]) + h.points * [-1, 1]) for h in hairs]

    hairs = around()[::-1] if swap else around()
    (plain,) = bends_between(hairs, maps(), SKIN)
    (other,) = bends_between(mirrored(hairs), maps(), SKIN)
    assert other.features == pytest.approx(plain.features, abs=1e-6)


def test_a_far_hair_changes_nothing() -> None:
    far = piece(np.stack([np.arange(20.0, 90.0), np.full(70, 20.0)], axis=1))
    near, with_far = (bends_between(hairs, maps(), SKIN) for hairs in (around(), [*around(), far]))
    assert [bend.odds for bend in near] == [bend.odds for bend in with_far]


def test_ends_that_are_seen_stay_ends() -> None:
    first, second = around()
    hairs = [dataclasses.replace(first, tip_end=SEEN), dataclasses.replace(second, root_end=SEEN)]
    assert len(joined(hairs)) == 2


def test_nothing_is_joined_across_bare_skin() -> None:
    assert len(joined(around(50.0), maps(shaft=0.0))) == 2


def test_a_hair_that_would_have_to_kink_is_left_alone() -> None:
    first = piece(np.stack([np.arange(100.0, 160.0), np.full(60, 100.0)], axis=1))
    second = piece(np.stack([np.full(60, 165.0), np.arange(105.0, 165.0)[::-1]], axis=1))
    assert len(joined([first, second])) == 2


def test_ends_at_the_border_are_no_open_ends() -> None:
    first, second = around()
    assert not bends_between([dataclasses.replace(first, tip_cut=True), second], maps(), SKIN)


def test_infinite_odds_leave_all_pieces_alone() -> None:
    hairs = around()
    assert join_bends(hairs, maps(), SKIN, math.inf) is hairs
    assert join_bends([], maps(), SKIN, LEAST_ODDS) == []


@pytest.mark.parametrize("points", [1, 2, 12])
def test_pieces_that_are_hardly_lines_are_no_error(points: int) -> None:
    spot = piece(np.full((points, 2), CENTRE + RADIUS))
    assert len(joined([spot, *around()])) == 2


def test_every_feature_has_a_weight() -> None:
    (bend,) = bends_between(around(), maps(), SKIN)
    assert len(bend.features) == len(BEND_WEIGHTS) - 1
