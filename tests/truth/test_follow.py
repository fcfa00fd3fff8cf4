"""Following on simulated tables of hairs whose identities are known: found, refused, linked, judged.

The tables are those of a tracer with realistic faults: it misses the same hairs again and again and others by
chance, makes hairs up, and takes some tips for roots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from densitometry.follow import Circumstances, Comparison, compare_visits
from densitometry.follow.match import link_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.follow.register import register
from densitometry.simulate import grow_scene, preset, render_scene, visits

FIELD_UM = (8800.0, 7040.0)  # 1600 × 1280 px of 5.5 µm: two million pixels
PIECE_UM = (13500.0, 12000.0)
NEVER_SEEN, MISSED, FALSE, JITTER_UM, SWAPPED = 0.03, 0.04, 0.06, 30.0, 0.05


@dataclass
class Person:
    """A piece of scalp, what a tracer never sees of it, and how long its hairs are."""

    rng: np.random.Generator
    density_per_cm2: float = 200.0

    def __post_init__(self) -> None:
        settings = visits.ScalpSettings(density_per_cm2=self.density_per_cm2, dormant_fraction=0.25)
        self.scalp = visits.grow_scalp(self.rng, settings, PIECE_UM)
        n = len(self.scalp.visible)
        self.unseen = self.rng.random(n) < NEVER_SEEN
        self.length_um = self.rng.uniform(500, 1500, n)

    def picture(self, scalp: visits.Scalp, **stand: object) -> Picture:
        """What a tracer reports of one picture."""
        usual = {
            "field_um": FIELD_UM,
            "missed_fraction": MISSED,
            "false_fraction": FALSE,
            "jitter_um": JITTER_UM,
        }
        shown = replace(scalp, visible=scalp.visible & ~self.unseen)
        seen = visits.sight(shown, visits.Positioning(**{**usual, **stand}), self.rng)
        n = len(seen.root_um)
        known = np.where(seen.follicle >= 0, self.length_um[seen.follicle], self.rng.uniform(300, 900, n))
        length = known * np.exp(self.rng.normal(0, 0.1, n))
        heading = np.column_stack([np.cos(seen.direction_rad), np.sin(seen.direction_rad)])
        tip = seen.root_um + length[:, None] * heading + self.rng.normal(0, JITTER_UM, (n, 2))
        swapped = self.rng.random(n) < SWAPPED
        root, far = (
            np.where(swapped[:, None], one, other)
            for one, other in ((tip, seen.root_um), (seen.root_um, tip))
        )
        field = Field.rectangle(*FIELD_UM)
        kept = field.contains(root)
        patch = Patch(
            hair_id=np.arange(1, n + 1),
            root_um=root,
            direction_rad=seen.direction_rad + np.pi * swapped,
            diameter_um=seen.diameter_um,
            diameter_sigma_um=np.full(n, 3.0),
            length_um=length,
            length_known=field.contains(far),
            count_weight=np.ones(n),
            resolved=np.ones(n, dtype=bool),
            unit_id=seen.unit_id,
            confidence=np.ones(n),
            field=field,
            um_per_px=5.5,
            tip_um=np.where(field.contains(far)[:, None], far, np.nan),
        )
        return Picture(patch.take(np.flatnonzero(kept)), seen.follicle[kept], seen)


@dataclass
class Picture:
    """A table of hairs, the follicle of each (-1: no hair), and where the camera stood."""

    patch: Patch
    follicle: np.ndarray
    seen: visits.Sighting


def far_off(rng: np.random.Generator, reach_um: float = 2000.0) -> dict[str, object]:
    way, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, reach_um)
    return {
        "shift_um": (far * np.cos(way), far * np.sin(way)),
        "turn_rad": np.radians(rng.uniform(-12, 12)),
        "scale": rng.uniform(0.96, 1.04),
        "bending_um": 60.0,
    }


def near(rng: np.random.Generator, reach_um: float) -> dict[str, object]:
    shift, turn = tuple(rng.uniform(-reach_um, reach_um, 2)), np.radians(rng.uniform(-6, 6))
    return {"shift_um": shift, "turn_rad": turn, "bending_um": 40.0}


def on_scalp(seen: visits.Sighting, place_um: np.ndarray) -> np.ndarray:
    """Undo the mapping scalp → picture."""
    back = np.linalg.inv(seen.mapping.turn.T)
    place = (place_um - seen.mapping.field_um / 2) @ back + seen.mapping.centre_um
    for _ in range(8):
        place = place - (seen.mapping(place) - place_um) @ back
    return place


def revisited(seed: int) -> tuple[Person, visits.Scalp, Picture, Picture]:
    """Return one scalp photographed twice, 30 % of its hairs changed and all of them lying otherwise."""
    rng = np.random.default_rng([1, seed])
    person = Person(rng, rng.uniform(100, 260))
    change = visits.VisitChange(0.15, 0.15, lie_turn_rad=rng.uniform(-0.4, 0.4), lie_sd_rad=0.15)
    later = visits.next_visit(person.scalp, change, rng)
    return person, later, person.picture(person.scalp), person.picture(later, **far_off(rng))


def grid_residual_um(seed: int) -> float:
    """Return the error of the registration's grid; infinite when the same skin was refused."""
    _, _, first, second = revisited(seed)
    found = register(first.patch, second.patch)
    if found.grid_um is None:
        return np.inf
    known = found.grid_um[~np.isnan(found.grid_um[:, 1, 0])]
    truth = second.seen.mapping(on_scalp(first.seen, known[:, 0]))
    return float(np.sqrt(((truth - known[:, 1]) ** 2).sum(axis=1).mean()))


def test_the_same_skin_is_found_again() -> None:
    assert max(grid_residual_um(seed) for seed in range(6)) <= 50.0


@pytest.mark.slow
def test_the_same_skin_is_nearly_always_found_again() -> None:
    assert np.mean([grid_residual_um(seed) <= 50.0 for seed in range(10, 110)]) >= 0.98


def accepted(seed: int) -> bool:
    """Tell whether two other persons' scalps are taken for the same."""
    rng = np.random.default_rng([2, seed])
    density = rng.uniform(60, 260)
    people = [Person(rng, density * rng.uniform(0.8, 1.2)) for _ in range(2)]
    one, other = (person.picture(person.scalp, **far_off(rng, 500.0)).patch for person in people)
    return register(one, other).ok


def test_other_skin_is_refused() -> None:
    assert not any(accepted(seed) for seed in range(6))


@pytest.mark.soak
def test_other_skin_is_refused_six_hundred_times() -> None:
    assert sum(accepted(seed) for seed in range(1000, 1600)) == 0


def links_against_truth(seeds: range) -> tuple[float, float]:
    """Return the share of hairs traced twice linked to themselves, and of lost hairs called lost."""
    right = twice = called = lost = 0
    for seed in seeds:
        person, later, first, second = revisited(seed)
        found = register(first.patch, second.patch)
        assert found.shared is not None
        links = link_hairs(first.patch, second.patch, found)
        pairs = links.status == "matched"
        one, other = first.follicle[links.baseline[pairs]], second.follicle[links.followup[pairs]]
        right += int(((one == other) & (one >= 0)).sum())
        twice += len(np.intersect1d(first.follicle[first.follicle >= 0], second.follicle))
        gone = person.scalp.visible & ~later.visible
        gone &= found.shared.contains(first.seen.mapping(person.scalp.root_um))
        gone &= np.isin(np.arange(len(gone)), first.follicle)
        called += int(np.isin(np.flatnonzero(gone), first.follicle[links.baseline[links.followup < 0]]).sum())
        lost += int(gone.sum())
    return right / twice, called / lost


def test_hairs_are_linked_to_themselves() -> None:
    linked, called_lost = links_against_truth(range(5))
    assert linked > 0.90
    assert called_lost > 0.65


def followed(seed: int, change: visits.VisitChange, captures: int = 1) -> tuple[Comparison, float]:
    """Return the comparison of two visits and the true change of density on their shared skin [%]."""
    rng = np.random.default_rng([3, seed])
    person = Person(rng)
    later = visits.next_visit(person.scalp, change, rng)
    before = [person.picture(person.scalp, **near(rng, 150.0)) for _ in range(captures)]
    after = [person.picture(later, **near(rng, 400.0)) for _ in range(captures)]
    found = compare_visits(
        [p.patch for p in before], [p.patch for p in after], None, Circumstances(scarring=False)
    )
    shared = found.registration.shared
    assert shared is not None
    inside = shared.contains(before[found.primary.baseline].seen.mapping(person.scalp.root_um))
    counts = [np.count_nonzero(scalp.visible & inside) for scalp in (person.scalp, later)]
    return found, 100.0 * (counts[1] / counts[0] - 1)


NOTHING, CYCLE = visits.VisitChange(), visits.VisitChange(0.08, 0.08)
MORE, FEWER = visits.VisitChange(0.0, 0.1), visits.VisitChange(0.1, 0.0)
MUCH_MORE, MUCH_FEWER = visits.VisitChange(0.0, 0.25), visits.VisitChange(0.2, 0.0)


def verdicts(change: visits.VisitChange, captures: int, seeds: range) -> list[str]:
    return [followed(seed, change, captures)[0].verdict.verdict for seed in seeds]


def test_several_pictures_of_an_unchanged_spot_are_called_stable_and_measured_well() -> None:
    for seed in range(2):
        found, truth = followed(seed, NOTHING, 3)
        assert found.verdict.verdict == "stable"
        assert found.change is not None
        assert found.change.figures["density_change_pct"].value == pytest.approx(truth, abs=3.0)


@pytest.mark.parametrize(
    ("change", "verdict"), [(MUCH_MORE, "improved"), (MUCH_FEWER, "worsened")], ids=["more", "fewer"]
)
def test_a_large_change_shows_in_single_pictures(change: visits.VisitChange, verdict: str) -> None:
    assert verdicts(change, 1, range(5)).count(verdict) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("change", [NOTHING, CYCLE], ids=["nothing", "cycle"])
def test_noise_is_hardly_ever_called_a_change(change: visits.VisitChange) -> None:
    found = verdicts(change, 1, range(60))
    assert found.count("improved") <= 3
    assert found.count("worsened") <= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "verdict"), [(NOTHING, "stable"), (MORE, "improved"), (FEWER, "worsened")]
)
def test_three_pictures_a_visit_show_a_tenth(change: visits.VisitChange, verdict: str) -> None:
    assert verdicts(change, 3, range(20)).count(verdict) >= 16


@pytest.mark.soak
@pytest.mark.parametrize("change", [NOTHING, CYCLE], ids=["nothing", "cycle"])
def test_intervals_hold_the_truth_and_noise_is_no_verdict(change: visits.VisitChange) -> None:
    results = [followed(seed, change) for seed in range(400)]
    figures = [(c.change.figures["density_change_pct"], t) for c, t in results if c.change is not None]
    held = [f.low <= t <= f.high for f, t in figures if f.low is not None and f.high is not None]
    assert 0.90 <= np.mean(held) <= 0.99
    called = [c.verdict.verdict for c, _ in results]
    assert called.count("improved") <= 10
    assert called.count("worsened") <= 10


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
