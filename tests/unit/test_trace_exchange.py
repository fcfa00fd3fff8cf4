"""Tails exchanged at acute crossings: right pairs come back together, others are left alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_shafts import hair

from densitometry.trace.curl import curled_near
from densitometry.trace.exchange import ExchangeSettings, exchange_tails
from densitometry.trace.junctions import find_junctions
from densitometry.trace.segments import turned

Floats = NDArray[np.floating[Any]]
SKIN = np.zeros((220, 220, 3), np.float32)
ALWAYS = ExchangeSettings()


def line(x0: float, y0: float, degrees: float, length: int = 140) -> Floats:
    along = np.arange(length, dtype=float)
    angle = math.radians(degrees)
    return np.stack([x0 + along * math.cos(angle), y0 + along * math.sin(angle)], axis=1)


def crossed() -> tuple[Floats, Floats]:
    """Two straight hairs that cross at 16° in their middles."""
    return line(110 - 70 * math.cos(math.radians(8)), 110 - 70 * math.sin(math.radians(8)), 8), line(
        110 - 70 * math.cos(math.radians(8)), 110 + 70 * math.sin(math.radians(8)), -8
    )


def swapped(a: Floats, b: Floats, at: int = 70) -> tuple[Floats, Floats]:
    return np.vstack([a[:at], b[at:]]), np.vstack([b[:at], a[at:]])


def is_straight(points: Floats) -> bool:
    chord = points[-1] - points[0]
    off = (points - points[0]) @ np.array([-chord[1], chord[0]]) / np.hypot(*chord)
    return bool(np.abs(off).max() < 2.0)


def test_wrong_turns_at_a_crossing_are_undone() -> None:
    a, b = swapped(*crossed())
    found = exchange_tails([hair(a), hair(b)], SKIN, ALWAYS)
    assert len(found) == 2
    assert all(is_straight(s.points) for s in found)
    assert {round(float(s.points[0, 1])) for s in found} == {round(float(a[0, 1])), round(float(b[0, 1]))}


@pytest.mark.parametrize("first", [False, True])
def test_a_hair_followed_from_its_tip_is_put_together_too(first: bool) -> None:
    a, b = swapped(*crossed())
    hairs = [hair(a), turned(hair(b, root_margin=9.0))]
    found = exchange_tails(hairs[:: -1 if first else 1], SKIN, ALWAYS)
    assert all(is_straight(s.points) and len(s.points) > 120 for s in found)


def test_hairs_that_cross_rightly_are_left_alone() -> None:
    hairs = [hair(p) for p in crossed()]
    assert exchange_tails(hairs, SKIN, ALWAYS) == hairs


def test_the_hair_that_bends_away_is_the_one_that_ends() -> None:
    whole, other = crossed()
    # what was followed: the second hair's root half turned into the first one's tip half
    found = exchange_tails([hair(np.vstack([other[:70], whole[70:]])), hair(whole[:64])], SKIN, ALWAYS)
    longest = max(found, key=lambda s: len(s.points))
    assert is_straight(longest.points)
    assert abs(float(longest.points[0, 1]) - whole[0, 1]) < 2
    assert abs(float(longest.points[-1, 1]) - whole[-1, 1]) < 2


def test_width_tells_pairs_apart_where_bends_do_not() -> None:
    a, b = line(40, 100, 0), line(40, 105, 0)
    near = np.exp(-np.square((np.arange(140) - 70) / 25))
    a[:, 1] += 2.0 * near
    b[:, 1] -= 2.0 * near
    thick, thin = hair(a, 4.0), hair(b, 1.2)
    mixed = [
        dataclasses.replace(hair(p), half_width=np.r_[first.half_width[:70], second.half_width[70:]])
        for p, first, second in ((swapped(a, b)[0], thick, thin), (swapped(a, b)[1], thin, thick))
    ]
    found = exchange_tails(mixed, SKIN, ALWAYS)
    assert all(np.ptp(s.half_width[[0, -1]]) < 0.5 for s in found)


def test_mirrored_hairs_are_judged_alike() -> None:
    a, b = swapped(*crossed())
    flip = np.array([219.0, 0.0]) + 0.0
    here = [j.odds for _, _, j in find_junctions([hair(a), hair(b)], SKIN)]
    there = [j.odds for _, _, j in find_junctions([hair(flip + p * [-1, 1]) for p in (a, b)], SKIN[:, ::-1])]
    assert here == pytest.approx(there)
    assert here[0] > 0


def test_an_exchange_turned_back_is_as_unlikely() -> None:
    a, b = swapped(*crossed())
    found = exchange_tails([hair(a), hair(b)], SKIN, ALWAYS)
    assert all(j.odds < 0 for _, _, j in find_junctions(found, SKIN))


def test_one_hair_or_none_passes_through() -> None:
    one = [hair(line(20, 20, 30))]
    assert exchange_tails([], SKIN, ALWAYS) == []
    assert exchange_tails(one, SKIN, ALWAYS) is one
    assert find_junctions(one, SKIN) == []


def test_a_far_hair_changes_nothing() -> None:
    a, b = swapped(*crossed())
    far = hair(line(10, 200, 0))
    alone = exchange_tails([hair(a), hair(b)], SKIN, ALWAYS)
    together = exchange_tails([hair(a), far, hair(b)], SKIN, ALWAYS)
    assert any(s is far for s in together)
    places = sorted(s.points.tolist() for s in together if s is not far)
    assert places == sorted(s.points.tolist() for s in alone)


def curl(x0: float, y0: float, heading: float, turn: float, length: int = 600) -> Floats:
    """A line of one point a pixel that winds itself up, kept within the picture by where it starts."""
    angle = heading + turn * np.arange(length)
    return np.stack([x0 + np.cumsum(np.cos(angle)), y0 + np.cumsum(np.sin(angle))], axis=1)


def test_hairs_that_curl_past_each_other_again_and_again_do_not_grow() -> None:
    """Exchanges between loops once doubled lines again and again, up to tens of thousands of points."""
    rng = np.random.default_rng(70)
    hairs = [
        hair(
            curl(
                *rng.uniform(60, 160, 2), rng.uniform(0, 6.28), rng.choice([-1, 1]) * rng.uniform(0.02, 0.06)
            )
        )
        for _ in range(30)
    ]
    found = exchange_tails(hairs, SKIN, ExchangeSettings(least_odds=-20.0))
    assert len(found) == len(hairs)
    assert sum(len(s.points) for s in found) < 1.2 * sum(len(s.points) for s in hairs)


def waves(x0: float, y0: float, lean: float, length: int = 160) -> Floats:
    """A hair that swings from side to side, as curled hair seen flat does: up to 0.03 rad/px."""
    angle = lean + 0.7 * np.sin(2 * np.pi * np.arange(length) / 140)
    return np.stack([x0 + np.cumsum(np.cos(angle)), y0 + np.cumsum(np.sin(angle))], axis=1)


def test_curled_hair_is_told_by_the_hair_near_by() -> None:
    straight, curled = ([hair(make(20, y, 0)) for y in (40, 90, 140)] for make in (line, waves))
    assert not curled_near(straight, SKIN.shape).any()
    assert curled_near(curled, SKIN.shape).min() == 1.0
    far = [hair(waves(1000, 1000, 0))]
    here = slice(0, 12)
    assert not curled_near(straight + far, (1300, 1300))[here, here].any()


def test_curls_that_took_each_others_tails_get_them_back() -> None:
    a = waves(20, 75, 0.15)
    b = np.array([0.0, 180.0]) + a * [1, -1]
    at = int(np.argmin(np.hypot(*(a - b).T)))
    others = [hair(waves(20, y, 0)) for y in (20, 180)]
    found = exchange_tails([*map(hair, swapped(a, b, at)), *others], SKIN, ALWAYS)
    ends = {(round(float(s.points[0, 1])), round(float(s.points[-1, 1]))) for s in found}
    assert {(round(float(p[0, 1])), round(float(p[-1, 1]))) for p in (a, b)} <= ends
