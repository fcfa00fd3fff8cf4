"""Lines that ran on from one hair into another are cut; smooth hairs are left alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_shafts import hair

from densitometry.settings import TraceSettings
from densitometry.trace.maps import ORIENTATIONS, EvidenceMaps
from densitometry.trace.nearby import usual_log_lengths
from densitometry.trace.run_ons import RUN_ON_WEIGHTS, cut_run_ons, cuts_of
from densitometry.trace.segments import Segment, SegmentSettings

Floats = NDArray[np.floating[Any]]
SIDE = 320
SKIN = np.zeros((SIDE, SIDE, 3), np.float32)
BEND = 30.0
PRICES, LEAST_ODDS = SegmentSettings(), TraceSettings().cut_odds


def blank_maps(ends: tuple[tuple[float, float], ...] = ()) -> EvidenceMaps:
    """Maps that see shafts everywhere and root and tip at these places only."""
    half = np.zeros((SIDE // 2, SIDE // 2), np.float32)
    seen = half.copy()
    for x, y in ends:
        seen[round(y / 2) - 1 : round(y / 2) + 2, round(x / 2) - 1 : round(x / 2) + 2] = 0.9
    return EvidenceMaps(
        lifted=np.zeros((ORIENTATIONS, SIDE, SIDE), np.uint8),
        root=seen,
        tip=seen.copy(),
        direction=np.stack([half + 1, half]),
        half_width_px=half + 3,
        shaft=half + 1,
    )


def straight(x0: float, y0: float, degrees: float, length: int) -> Floats:
    along, angle = np.arange(length, dtype=float), math.radians(degrees)
    return np.stack([x0 + along * math.cos(angle), y0 + along * math.sin(angle)], axis=1)


def run_on() -> Segment:
    """One line through two hairs of 0.96 mm that lie end to end; along half of it another was followed."""
    return hair(np.vstack([straight(30, 120, 0, 120), straight(150, 120, BEND, 120)]), new_share=0.5)


def cut(hairs: list[Segment], maps: EvidenceMaps, least_odds: float = LEAST_ODDS) -> list[Segment]:
    return cut_run_ons(hairs, maps, SKIN, PRICES, least_odds)


def test_two_hairs_end_to_end_are_cut_where_they_meet() -> None:
    found = cut([run_on()], blank_maps(((150, 120),)))
    assert [len(piece.points) for piece in found] == pytest.approx([120, 120], abs=12)
    assert all(piece.piece for piece in found)


@pytest.mark.parametrize("length", [60, 150, 250])
def test_a_straight_hair_is_left_alone(length: int) -> None:
    line = hair(straight(30, 120, 0, length), new_share=0.5)
    assert cut([line], blank_maps()) == [line]


def test_a_smooth_curl_is_left_alone() -> None:
    turn = np.linspace(0.0, 2.2, 240)
    line = hair(np.stack([40 + 110 * np.sin(turn), 60 + 110 * (1 - np.cos(turn))], axis=1), new_share=0.5)
    assert cut([line], blank_maps()) == [line]


def test_the_piece_that_another_line_holds_goes() -> None:
    second = hair(straight(150, 120, BEND, 120))
    found = cut([run_on(), second], blank_maps(((150, 120),)))
    assert len(found) == 2
    assert any(piece is second for piece in found)
    (piece,) = [line for line in found if line is not second]
    assert piece.points[:, 1] == pytest.approx(120, abs=4)


def test_pieces_run_from_root_to_tip_as_the_maps_say() -> None:
    line = run_on()
    backwards = hair(line.points[::-1], new_share=0.5)
    for piece in cut([backwards], blank_maps(((150, 120),))):
        assert piece.points[-1, 0] > piece.points[0, 0]


def test_infinite_odds_leave_all_lines_alone() -> None:
    lines = [run_on()]
    assert cut(lines, blank_maps(((150, 120),)), math.inf) == lines


def test_a_line_too_short_to_cut_and_none_at_all() -> None:
    line = hair(straight(30, 120, 0, 10))
    assert cut([line], blank_maps()) == [line]
    assert cut([], blank_maps()) == []


def test_in_short_hair_a_line_twice_as_long_as_usual_is_likelier_two_hairs() -> None:
    """Two hairs of 0.4 mm end to end, of which the maps see root and tip, among others of that length."""
    line = hair(straight(40, 150, 0, 100), new_share=1.0)
    short = [hair(straight(30 + 60 * (k % 4), 40 + 20 * (k // 4), 0, 50)) for k in range(16)]
    long = [hair(straight(30, 40 + 10 * k, 0, 160)) for k in range(8)]
    odds = []
    for others in (short, long):
        usual = usual_log_lengths([line, *others])[0]
        cuts = cuts_of(line, np.zeros(100, np.bool_), usual, blank_maps(((90, 150),)), SKIN)
        odds.append(float(cuts.odds(np.array(RUN_ON_WEIGHTS)).max()))
    assert odds[0] > odds[1] + 0.9


def test_usual_lengths_are_those_within_3_mm() -> None:
    near = [hair(straight(40, 40 + 10 * k, 0, 50)) for k in range(9)]
    far = [hair(straight(500, 40 + 10 * k, 0, 200)) for k in range(9)]
    lengths = usual_log_lengths([*near, *far])
    assert np.exp(lengths[:9]) == pytest.approx(50)
    assert np.exp(lengths[9:]) == pytest.approx(200)


def test_figures_are_finite_and_as_many_as_their_weights() -> None:
    line = run_on()
    cuts = cuts_of(line, np.zeros(len(line.points), np.bool_), 4.5, blank_maps(), SKIN)
    weights = np.array(RUN_ON_WEIGHTS)
    assert cuts.features.shape == (len(cuts.places), weights.shape[1] - 1)
    assert np.isfinite(cuts.features).all()
    assert np.isfinite(cuts.odds(weights)).all()
