"""Which lines are hairs of their own: pieces and second lines are dropped, hairs that cross stay."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.drawn_shafts import hair, line

from densitometry.trace.confidence import drop_doubtful, presence, presence_features, root_probability
from densitometry.trace.nearby import hair_near
from densitometry.trace.overlaps import Overlap, overlaps
from densitometry.trace.segments import Segment, turned

SHAPE = (1000, 1000)
LONG = (1.0, 0.0, 0.0)
"""Where all hair is long and straight."""
APART = Overlap(0.0, 0.0, 0.0, 0, 0)


def weak(points: np.ndarray, **changes: object) -> Segment:
    """A line of which the maps say little."""
    told = {"score": 5.0, "root_margin": 0.0, "root_end": 0.1, "tip_end": 0.1, "new_share": 0.4}
    return dataclasses.replace(hair(points, **(told | changes)), evidence=np.full(len(points), 0.25))


def long_hairs() -> list[Segment]:
    """Long straight hairs within 3 mm of everything that lies above them."""
    return [hair(line((20, y), (220, y))) for y in (300, 320, 340, 360, 380)]


def test_lines_far_apart_do_not_meet() -> None:
    assert overlaps([hair(line((10, 10), (60, 10))), hair(line((10, 40), (60, 40)))]) == [APART, APART]


def test_hairs_that_cross_share_a_little_and_run_another_way() -> None:
    one, other = overlaps([hair(line((10, 50), (110, 50))), hair(line((60, 0), (60, 100)))])
    for of in (one, other):
        assert of.in_body == pytest.approx(2 * 4.5 / 100, abs=0.02)
        assert (of.alike, of.stronger, of.ends_on, of.ends_within) == (0.0, 0.0, 0, 0)


def test_a_second_line_runs_alike_a_stronger_one() -> None:
    long, short = overlaps([hair(line((0, 50), (100, 50))), weak(line((30, 52), (70, 52)))])
    assert short == Overlap(1.0, 1.0, 1.0, 2, 2)
    assert long.alike == pytest.approx(0.45, abs=0.05)
    assert (long.stronger, long.ends_on) == (0.0, 0)


def test_an_end_on_another_hair_counts_but_at_the_border() -> None:
    through = hair(line((0, 50), (100, 50)))
    stub = hair(line((50, 90), (50, 53)))
    assert overlaps([through, stub])[1].ends_on == overlaps([through, stub])[1].ends_within == 1
    cut = hair(line((50, 90), (50, 53)), tip_cut=True)
    assert overlaps([through, cut])[1].ends_on == 0
    meets_the_end = hair(line((97, 90), (97, 53)))
    assert overlaps([through, meets_the_end])[1].ends_within == 0


def test_the_other_way_round_is_the_same() -> None:
    hairs = [hair(line((0, 50), (100, 50))), weak(line((30, 52), (70, 55))), hair(line((50, 0), (60, 90)))]
    assert overlaps([turned(h) for h in hairs]) == overlaps(hairs)


@given(st.floats(0, 2 * math.pi), st.floats(-40, 40), st.floats(-40, 40))
def test_turned_and_shifted_lines_meet_as_before(angle: float, x: float, y: float) -> None:
    pieces = [line((0, 50), (100, 50)), line((33, 52), (71, 55)), line((50, 3), (61, 90))]
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before = overlaps([hair(p) for p in pieces])
    after = overlaps([hair(p @ turn.T + (x, y)) for p in pieces])
    for b, a in zip(before, after, strict=True):
        assert (a.in_body, a.alike) == pytest.approx((b.in_body, b.alike), abs=0.03)
        assert a.ends_on == b.ends_on


def test_a_weak_line_on_a_hair_is_dropped_and_the_hair_stays() -> None:
    long, second = hair(line((0, 50), (100, 50))), weak(line((30, 52), (70, 52)))
    assert [h.points is long.points for h in drop_doubtful([second, long], SHAPE, 0.3)] == [True]


def test_of_two_weak_lines_on_each_other_one_stays() -> None:
    worse = weak(line((12, 51), (60, 51)), score=4.0)
    better = weak(line((10, 50), (62, 50)), score=9.0, root_end=0.4)
    assert (
        max(
            presence(presence_features(h, o), LONG)
            for h, o in zip([better, worse], overlaps([better, worse]), strict=True)
        )
        < 0.3
    )
    others = long_hairs()
    kept = drop_doubtful([*others, worse, better], SHAPE, 0.3)[len(others) :]
    assert len(kept) == 1
    assert kept[0].points is better.points
    # judged again without the other
    near = hair_near([*others, worse, better], SHAPE)[-1]
    assert kept[0].chance == pytest.approx(presence(presence_features(better, APART), near))


def test_nothing_is_dropped_where_no_chance_is_too_small() -> None:
    hairs = [hair(line((0, 50), (100, 50))), weak(line((30, 52), (70, 52)))]
    kept = drop_doubtful(hairs, SHAPE, 0.0)
    assert [k.points is h.points for k, h in zip(kept, hairs, strict=True)] == [True, True]
    assert kept[0].chance > 0.9
    assert 0 < kept[1].chance < 0.3


def test_a_far_line_changes_no_chance() -> None:
    hairs = [hair(line((0, 50), (100, 50))), weak(line((30, 70), (70, 72)))]
    far = [weak(line((600, 600), (650, 600))), hair(line((600, 602), (660, 602)))]
    alone, together = drop_doubtful(hairs, SHAPE, 0.3), drop_doubtful([*hairs, *far], SHAPE, 0.3)
    assert [h.chance for h in together[: len(alone)]] == [h.chance for h in alone]


def test_no_lines_are_no_hairs() -> None:
    assert drop_doubtful([], SHAPE, 0.3) == []


def test_pieces_have_to_be_likelier_hairs_than_not_unless_all_are_kept() -> None:
    faint = weak(line((10, 10), (60, 10)))
    lines = [
        dataclasses.replace(faint, evidence=np.full(len(faint.points), evidence))
        for evidence in np.linspace(0.0, 1.0, 101)
    ]
    others = long_hairs()

    def kept(one: Segment, least: float) -> list[Segment]:
        return drop_doubtful([*others, one], SHAPE, least)[len(others) :]

    doubted = next(found for found in lines if 0.35 < kept(found, 0.0)[0].chance < 0.6)
    piece = dataclasses.replace(doubted, piece=True)
    assert len(kept(doubted, 0.3)) == 1
    assert kept(piece, 0.3) == []
    assert len(kept(piece, 0.0)) == 1


def wave(y: float, length: int = 200) -> np.ndarray:
    """A curl seen flat: it turns by up to 0.03 rad/px."""
    angle = 0.9 * np.sin(2 * np.pi * np.arange(length) / 120)
    return np.stack([20 + np.cumsum(np.cos(angle)), y + np.cumsum(np.sin(angle))], axis=1)


def test_in_curls_and_in_short_hair_a_line_has_to_be_likelier_a_hair_than_not() -> None:
    curls = [hair(wave(y)) for y in (300, 340, 380)]
    short = [
        hair(line((20 + 60 * (k % 4), y), (70 + 60 * (k % 4), y))) for k, y in enumerate(range(300, 380, 8))
    ]
    doubted = [
        dataclasses.replace(
            weak(line((20, 100), (70, 100)), score=20 * e, new_share=1 - 0.6 * e, root_end=e, tip_end=e),
            evidence=np.full(50, e),
        )
        for e in np.linspace(0.0, 1.0, 201)
    ]
    for others, least in ((long_hairs(), 0.3), (curls, 0.5), (short, 0.5)):
        stay = [
            kept[-1].chance
            for one in doubted
            if len(kept := drop_doubtful([*others, one], SHAPE, 0.3)) == len(others) + 1
        ]
        assert least <= min(stay) < least + 0.1


def test_of_a_hair_that_the_border_cuts_a_weaker_word_about_its_root_will_do() -> None:
    whole = hair(line((10, 10), (60, 10)), root_margin=5.0)
    for cut in ("root_cut", "tip_cut"):
        assert root_probability(dataclasses.replace(whole, **{cut: True})) > root_probability(whole) > 0.5
    both = dataclasses.replace(whole, root_cut=True, tip_cut=True)
    assert root_probability(both) == root_probability(whole)
    assert root_probability(dataclasses.replace(whole, root_margin=-9.0)) == 0.5
