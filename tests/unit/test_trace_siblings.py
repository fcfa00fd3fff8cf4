"""One line in the body of two shafts becomes two hairs; single shafts of any make are left alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_shafts import DARK, SEEN, hair, line, picture, shaft

from densitometry.trace.bodies import body_of, surroundings_of
from densitometry.trace.siblings import SiblingSettings, Split, split_odds, split_siblings, told_by, two_bars

Floats = NDArray[np.floating[Any]]
SETTINGS = SiblingSettings()


BODIES = {
    "staggered": (line((40, 80), (90, 80)), line((62, 88), (120, 88))),
    "beside": (line((40, 80), (110, 80)), line((40, 88), (92, 88))),
    "v": (line((40, 80), (112, 74)), line((40, 82), (108, 90))),
    "v of tips": (line((40, 74), (112, 80)), line((44, 90), (112, 82))),
    "crossed": (line((40, 72), (110, 92)), line((40, 92), (110, 74))),
}


def traced(name: str) -> Floats:
    """What tracing sees of a body: one shaft of a V, else a line that begins on one and ends on the other."""
    a, b = BODIES[name]
    if name.startswith("v"):
        return a
    s = np.linspace(0, 1, 60)[:, None]
    share = 1 / (1 + np.exp(-12 * (s - 0.5)))
    first, last = (a, b) if a[-1, 0] < b[-1, 0] else (b, a)
    return np.asarray(resampled(first) * (1 - share) + resampled(last) * share)


def resampled(points: Floats, n: int = 60) -> Floats:
    at, places = np.linspace(0, 1, n), np.linspace(0, 1, len(points))
    return np.stack([np.interp(at, places, points[:, k]) for k in (0, 1)], axis=1)


def off(found: Floats, true: Floats) -> float:
    """Mean distance of a found line from a true one."""
    return float(np.mean(np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)).min(axis=1)))


@pytest.mark.parametrize("contrast", [DARK, 1.2])
@pytest.mark.parametrize("name", BODIES)
def test_two_shafts_in_one_body_become_two_hairs(name: str, contrast: float) -> None:
    a, b = BODIES[name]
    plane = picture(shaft(a, 4.5), shaft(b, 4.5), contrast=contrast)
    found = split_siblings([hair(traced(name))], plane, SEEN, SETTINGS)
    assert len(found) == 2
    for true in (a, b):
        assert min(off(true, h.points) for h in found) < 1.5
        assert min(off(h.points, true) for h in found) < 1.5
    for h in found:
        assert len(h.points) == len(h.evidence) == len(h.half_width)
        assert h.chance < hair(traced(name)).chance
        assert h.points[0, 0] < h.points[-1, 0]  # root first, as the line was


SINGLES = {
    "straight": (line((40, 80), (110, 84)), 4.5),
    "thick": (line((40, 80), (110, 84)), 6.5),
    "bent": (line((40, 80), (110, 84), sag=6), 4.5),
    "thinning": (line((40, 80), (110, 84)), np.linspace(5.0, 3.2, 70)),
    "pointed": (line((40, 80), (110, 84)), np.r_[np.full(40, 5.0), np.linspace(5.0, 0.5, 30)]),
    "pointed early": (line((40, 80), (110, 84)), np.r_[np.full(20, 5.5), np.linspace(5.5, 0.5, 50)]),
    "thin": (line((40, 80), (110, 84)), 1.5),
    "long": (line((5, 80), (155, 84)), 4.5),
}


@pytest.mark.parametrize("name", SINGLES)
def test_one_shaft_stays_one(name: str) -> None:
    points, half = SINGLES[name]
    expected = min(4.5, float(np.median(half)) + 0.3)
    lone = hair(points, expected)
    assert split_siblings([lone], picture(shaft(points, half)), SEEN, SETTINGS) == [lone]


def test_a_faint_shadow_beside_a_shaft_is_none() -> None:
    a, b = BODIES["beside"]
    faint = np.log(1 - 0.3 * shaft(b, 4.5))[..., None].astype(np.float32)
    lone = hair(a)
    assert split_siblings([lone], picture(shaft(a, 4.5)) + faint, SEEN, SETTINGS) == [lone]


def test_a_sibling_that_is_traced_is_not_found_again() -> None:
    a, b = BODIES["staggered"]
    both = [hair(a), hair(b)]
    assert split_siblings(both, picture(shaft(a, 4.5), shaft(b, 4.5)), SEEN, SETTINGS) == both


def test_infinite_odds_leave_all_alone() -> None:
    a, b = BODIES["staggered"]
    lone = [hair(traced("staggered"))]
    assert (
        split_siblings(lone, picture(shaft(a, 4.5), shaft(b, 4.5)), SEEN, SiblingSettings(math.inf)) == lone
    )
    assert split_siblings([], picture(shaft(a, 4.5)), SEEN, SETTINGS) == []


def test_a_far_hair_and_the_order_change_nothing() -> None:
    name = "crossed"
    a, b = BODIES[name]
    far = line((20, 20), (60, 24))
    plane = picture(shaft(a, 4.5), shaft(b, 4.5), shaft(far, 4.5))
    alone = split_siblings([hair(traced(name))], plane, SEEN, SETTINGS)
    beside = split_siblings([hair(far), hair(traced(name))], plane, SEEN, SETTINGS)
    assert len(beside) == 3
    for one, other in zip(alone, beside[1:], strict=True):
        assert np.array_equal(one.points, other.points)


@pytest.mark.parametrize("name", BODIES)
def test_mirrored_pictures_split_alike(name: str) -> None:
    a, b = BODIES[name]
    plane = picture(shaft(a, 4.5), shaft(b, 4.5))
    found = split_siblings([hair(traced(name))], plane, SEEN, SETTINGS)
    turned = traced(name)[:, ::-1]
    mirrored = split_siblings([hair(turned)], np.ascontiguousarray(plane.transpose(1, 0, 2)), SEEN, SETTINGS)
    assert len(found) == len(mirrored) == 2
    for one in found:
        assert min(off(one.points, other.points[:, ::-1]) for other in mirrored) < 0.3


def test_an_end_that_the_border_cuts_stays_with_the_shaft_that_reaches_it() -> None:
    a, b = line((4, 80), (60, 80)), line((34, 88), (90, 88))
    plane = picture(shaft(a, 4.5), shaft(b, 4.5))
    whole = np.vstack([a[:40], line((44, 82), (58, 86)), b[26:]])
    found = split_siblings([hair(whole, root_cut=True)], plane, SEEN, SETTINGS)
    assert sorted((h.points[0, 0] < 20, h.root_cut) for h in found) == [(False, False), (True, True)]


def split_of(name: str) -> Split:
    a, b = BODIES[name]
    around = surroundings_of([hair(traced(name))], picture(shaft(a, 4.5), shaft(b, 4.5)), SEEN)
    body = body_of((0,), around)
    assert body is not None
    split = two_bars(body)
    assert split is not None
    return split


def test_what_two_bars_win_near_by_is_no_sign_of_two() -> None:
    """Where all shafts are ragged two bars explain each better than one does."""
    one = split_of("beside")
    smooth = [dataclasses.replace(one, gain=-5.5, gain_over_pointed=-5.5) for _ in range(9)]
    ragged = [dataclasses.replace(one, gain=-3.5, gain_over_pointed=-3.5) for _ in range(9)]
    assert split_odds(told_by([one, *ragged]))[0] < split_odds(told_by([one, *smooth]))[0] - 1


def test_a_body_wider_than_those_near_by_is_sooner_two() -> None:
    one = split_of("beside")
    thin, thick = (
        [dataclasses.replace(one, log_half_width=one.log_half_width + by) for _ in range(9)]
        for by in (-0.5, 0.0)
    )
    assert split_odds(told_by([one, *thin]))[0] > split_odds(told_by([one, *thick]))[0] + 0.5


def test_no_bodies_tell_nothing() -> None:
    assert split_odds(told_by([])).shape == (0,)
