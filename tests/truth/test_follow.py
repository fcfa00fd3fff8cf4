"""Following on simulated tables of hairs whose identities are known: found, refused, linked, judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from densitometry.follow.change import Change, combine_changes, paired_change
from densitometry.follow.match import Links, link_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.follow.register import Registration, register
from densitometry.follow.response import Circumstances, ResponseSettings, judge
from densitometry.simulate import grow_scene, preset, render_scene, visits

pytestmark = pytest.mark.soak  # the room is not wired yet

FIELD_UM = (7058.0, 5646.0)
WIDE_UM = (9300.0, 7000.0)
PIECE_UM = (12500.0, 11000.0)


def as_patch(seen: visits.Sighting) -> Patch:
    n = len(seen.root_um)
    return Patch(
        hair_id=np.arange(1, n + 1),
        root_um=seen.root_um,
        direction_rad=seen.direction_rad,
        diameter_um=seen.diameter_um,
        diameter_sigma_um=np.full(n, 3.0),
        length_um=np.full(n, 500.0),
        length_known=np.ones(n, dtype=bool),
        count_weight=np.ones(n),
        resolved=np.ones(n, dtype=bool),
        unit_id=seen.unit_id,
        confidence=np.ones(n),
        field=Field.rectangle(*seen.field_um),
        um_per_px=5.5,
    )


def stand(rng: np.random.Generator, reach_um: float, field_um: tuple[float, float]) -> visits.Positioning:
    way, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, reach_um)
    return visits.Positioning(
        field_um=field_um,
        shift_um=(far * np.cos(way), far * np.sin(way)),
        turn_rad=np.radians(rng.uniform(-12, 12)),
        scale=rng.uniform(0.96, 1.04),
        bending_um=60.0,
    )


def scalp_place(seen: visits.Sighting, place_um: np.ndarray, size_um: tuple[float, float]) -> np.ndarray:
    """Undo the mapping scalp → picture of an unturned, unscaled sighting."""
    place = place_um + (np.array(size_um) - np.array(seen.field_um)) / 2
    for _ in range(6):
        place = place - (seen.mapping(place) - place_um)
    return place


@pytest.mark.parametrize("seed", range(12))
def test_the_same_skin_is_found_again(seed: int) -> None:
    rng = np.random.default_rng([1, seed])
    scalp = visits.grow_scalp(rng, visits.ScalpSettings(density_per_cm2=rng.uniform(80, 240)), PIECE_UM)
    later = visits.next_visit(scalp, visits.VisitChange(0.15, 0.15, lie_turn_rad=0.3), rng)
    position = stand(rng, 2000.0, FIELD_UM)
    first = visits.sight(scalp, visits.Positioning(field_um=FIELD_UM), rng)
    second = visits.sight(later, position, rng)
    found = register(as_patch(first), as_patch(second))
    assert found.ok, found.reason
    assert found.grid_um is not None
    known = found.grid_um[~np.isnan(found.grid_um[:, 1, 0])]
    truth = second.mapping(scalp_place(first, known[:, 0], scalp.size_um))
    assert np.sqrt(((truth - known[:, 1]) ** 2).sum(axis=1).mean()) < 50.0
    assert found.scale_ratio is not None
    assert found.scale_ratio.value == pytest.approx(position.scale, abs=0.03)


def refused(seed: int) -> bool:
    rng = np.random.default_rng([2, seed])
    settings = visits.ScalpSettings(density_per_cm2=rng.uniform(60, 240))
    seen = [
        visits.sight(visits.grow_scalp(rng, settings, PIECE_UM), stand(rng, 500.0, FIELD_UM), rng)
        for _ in range(2)
    ]
    return not register(as_patch(seen[0]), as_patch(seen[1])).ok


def test_other_skin_is_refused() -> None:
    assert all(refused(seed) for seed in range(25))


@pytest.mark.soak
def test_other_skin_is_refused_six_hundred_times() -> None:
    assert sum(refused(seed) for seed in range(600)) == 600


def followed(
    scalp: visits.Scalp, later: visits.Scalp, rng: np.random.Generator, captures: int = 1
) -> tuple[Change, visits.Sighting, visits.Sighting, Links, Registration]:
    """Compare every capture of one visit with every capture of the other."""

    def near(reach_um: float) -> visits.Positioning:
        shift = tuple(rng.uniform(-reach_um, reach_um, 2))
        turn = np.radians(rng.uniform(-6, 6))
        return visits.Positioning(field_um=WIDE_UM, shift_um=shift, turn_rad=turn, bending_um=40.0)

    before = [visits.sight(scalp, near(150.0), rng) for _ in range(captures)]
    after = [visits.sight(later, near(400.0), rng) for _ in range(captures)]
    changes = []
    for one in before:
        for other in after:
            a, b = as_patch(one), as_patch(other)
            found = register(a, b)
            assert found.ok, found.reason
            links = link_hairs(a, b, found)
            changes.append(paired_change(a, b, found, links))
    return combine_changes(changes, captures, captures), before[-1], after[-1], links, found


def series(seed: int, change: visits.VisitChange, captures: int) -> Change:
    rng = np.random.default_rng([3, seed])
    settings = visits.ScalpSettings(density_per_cm2=230.0, dormant_fraction=0.25)
    scalp = visits.grow_scalp(rng, settings, PIECE_UM)
    return followed(scalp, visits.next_visit(scalp, change, rng), rng, captures)[0]


def test_hairs_are_linked_to_themselves() -> None:
    rng = np.random.default_rng(4)
    right = wrong = there = lost_right = lost = 0
    for _ in range(6):
        scalp = visits.grow_scalp(rng, size_um=PIECE_UM)
        later = visits.next_visit(scalp, visits.VisitChange(0.1, 0.1), rng)
        _, first, second, links, found = followed(scalp, later, rng)
        matched = links.status == "matched"
        one = first.follicle[links.baseline[matched]]
        same = (one == second.follicle[links.followup[matched]]) & (one >= 0)
        right, wrong = right + int(same.sum()), wrong + int((~same).sum())
        there += len(np.intersect1d(first.follicle[first.follicle >= 0], second.follicle))
        assert found.shared is not None
        gone = np.flatnonzero(
            scalp.visible & ~later.visible & found.shared.contains(first.mapping(scalp.root_um))
        )
        called = first.follicle[links.baseline[links.status == "lost"]]
        lost_right, lost = lost_right + int(np.isin(gone, called).sum()), lost + len(gone)
    assert right / there > 0.95
    assert wrong / (right + wrong) < 0.06
    assert lost_right / lost > 0.7


def test_intervals_hold_what_happened_to_the_patch() -> None:
    changes = [series(seed, visits.VisitChange(), 1).figures["density_change_pct"] for seed in range(20)]
    held = [f.low <= 0 <= f.high for f in changes if f.low is not None and f.high is not None]
    assert np.mean(held) >= 0.85
    assert np.median([(f.high or 0) - (f.low or 0) for f in changes]) / 2 < 8.0


def verdicts(change: visits.VisitChange, captures: int, seeds: range) -> list[str]:
    settings = ResponseSettings(endpoint="density")
    diagnosed = Circumstances(scarring=False)
    return [judge(series(seed, change, captures), diagnosed, settings).verdict for seed in seeds]


def test_nothing_changed_is_called_stable() -> None:
    found = verdicts(visits.VisitChange(), 3, range(4))
    assert found.count("stable") >= 3


@pytest.mark.slow
@pytest.mark.parametrize("turnover", [0.0, 0.08])
def test_noise_is_hardly_ever_called_a_change(turnover: float) -> None:
    found = verdicts(visits.VisitChange(turnover, turnover), 1, range(100))
    assert found.count("improved") <= 5
    assert found.count("worsened") <= 5


@pytest.mark.parametrize(
    ("lost", "regrown", "verdict"), [(0.0, 0.25, "improved"), (0.2, 0.0, "worsened")], ids=["more", "fewer"]
)
def test_a_large_change_shows_in_single_pictures(lost: float, regrown: float, verdict: str) -> None:
    found = verdicts(visits.VisitChange(lost, regrown), 1, range(10))
    assert found.count(verdict) >= 9


def test_a_scene_comes_back_cut_turned_and_with_known_hairs() -> None:
    rng = np.random.default_rng(5)
    scene = grow_scene(replace(preset("clipped"), size_px=(300, 240), um_per_px=8.0), rng)
    scalp = visits.scalp_of(scene)
    mapping = visits.position(
        scalp.size_um, visits.Positioning(field_um=scalp.size_um, turn_rad=0.1, bending_um=20.0), rng
    )
    change = visits.SceneChange(lost=(0, 3), cut_to_um=300.0, grown_um=200.0, lie_sd_rad=0.1)
    later, kept = visits.next_scene(scene, change, rng, mapping)
    assert len(later.shafts) == len(kept) == len(scene.shafts) - 2
    assert not {0, 3} & set(kept.tolist())
    roots = np.array([shaft.line_um[0] for shaft in later.shafts])
    np.testing.assert_allclose(roots, mapping(scalp.root_um[kept]), atol=1e-6)
    lengths = [np.linalg.norm(np.diff(s.line_um, axis=0), axis=1).sum() for s in later.shafts]
    assert max(lengths) < 310.0
    assert render_scene(later, rng=rng).rgb.shape == (240, 300, 3)
