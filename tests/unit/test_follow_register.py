"""Registration: what it returns, what it refuses and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from densitometry.follow.deformation import (
    apply_affine,
    fit_affine,
    fit_deformation,
    fit_similarity,
    similarity,
)
from densitometry.follow.patch import Field, Patch, start_direction
from densitometry.follow.register import register


def patch(roots_um: np.ndarray, size_um: tuple[float, float] = (7000.0, 5600.0)) -> Patch:
    n = len(roots_um)
    return Patch(
        hair_id=np.arange(1, n + 1),
        root_um=np.asarray(roots_um, dtype=float).reshape(-1, 2),
        direction_rad=np.full(n, 0.5),
        diameter_um=np.full(n, 60.0),
        diameter_sigma_um=np.full(n, 3.0),
        length_um=np.full(n, 500.0),
        length_known=np.ones(n, dtype=bool),
        count_weight=np.ones(n),
        resolved=np.ones(n, dtype=bool),
        unit_id=np.full(n, -1),
        confidence=np.ones(n),
        field=Field.rectangle(*size_um),
        um_per_px=5.0,
    )


def roots(n: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform((0, 0), (7000, 5600), (n, 2))


def test_a_picture_is_found_in_itself() -> None:
    here = patch(roots())
    found = register(here, here)
    assert found.ok
    affine = found.affine_px(5.0, 5.0)
    assert affine is not None
    np.testing.assert_allclose(affine, [[1, 0, 0], [0, 1, 0]], atol=1e-3)
    assert found.overlap_fraction == pytest.approx(0.96, abs=0.02)
    assert found.scale_ratio is not None
    assert found.scale_ratio.value == pytest.approx(1.0, abs=1e-6)


def test_pixels_of_either_picture_are_used() -> None:
    here = patch(roots())
    there = dataclasses.replace(here, um_per_px=10.0)
    found = register(here, there)
    affine = found.affine_px(5.0, 10.0)
    assert affine is not None
    np.testing.assert_allclose(affine @ [100.0, 200.0, 1.0], [50.0, 100.0], atol=0.1)
    grid = found.grid_px(5.0, 10.0)
    assert grid is not None
    assert [len(column) for column in grid] == [7] * 9
    for here_px, there_px in (entry for column in grid for entry in column):
        assert there_px is None or np.allclose(np.array(here_px) / 2, there_px, atol=1.0)


def test_a_turned_shifted_scaled_picture_is_found() -> None:
    here = patch(roots())
    move = similarity(np.radians(15), 1.06, np.array([3500.0, 2800.0]), np.array([900.0, -700.0]))
    moved = apply_affine(move, here.root_um)
    inside = Field.rectangle(7000, 5600).contains(moved)
    found = register(here, patch(moved[inside]))
    assert found.ok, found.reason
    assert found.turn_rad == pytest.approx(np.radians(15), abs=0.01)
    assert found.scale_ratio is not None
    assert found.scale_ratio.low < 1.06 < found.scale_ratio.high


@pytest.mark.parametrize(("n", "code"), [(0, "no_hair"), (4, "too_few_roots")])
def test_hardly_any_hair_is_refused_with_a_sentence(n: int, code: str) -> None:
    found = register(patch(roots()), patch(roots(n)))
    assert (found.status, found.reason_code) == ("refused", code)
    assert "follow-up" in found.reason
    assert found.grid_px(5.0, 5.0) is None
    assert found.affine_px(5.0, 5.0) is None
    assert found.overlap_cm2 is None


def test_other_skin_is_refused_with_the_evidence() -> None:
    found = register(patch(roots(seed=1)), patch(roots(seed=2)))
    assert not found.ok
    assert found.reason_code == "not_the_same_skin"
    assert found.evidence is not None
    assert found.evidence.total < found.evidence.needed


def test_a_mirrored_picture_is_refused() -> None:
    mirrored = roots() * (-1, 1) + (7000, 0)
    assert not register(patch(roots()), patch(mirrored)).ok


def test_the_order_of_the_hairs_does_not_matter() -> None:
    here, there = roots(), roots() + np.array([300, 100])
    inside = Field.rectangle(7000, 5600).contains(there)
    one = register(patch(here), patch(there[inside]))
    other = register(patch(here[::-1]), patch(there[inside][::-1]))
    np.testing.assert_allclose(one.affine_px(5, 5), other.affine_px(5, 5), atol=1e-6)


def test_fits_return_what_was_put_in() -> None:
    here = roots(12)
    move = similarity(0.2, 0.95, np.zeros(2), np.array([10.0, -5.0]))
    np.testing.assert_allclose(fit_similarity(here, apply_affine(move, here)), move, atol=1e-9)
    np.testing.assert_allclose(fit_affine(here, apply_affine(move, here), 50.0), move, atol=1e-9)


def test_the_inverse_undoes_a_bent_map() -> None:
    here = roots(80)
    bent = here + 60 * np.column_stack([np.sin(here[:, 1] / 1500), np.cos(here[:, 0] / 1500)])
    deformation, left_out = fit_deformation(here, bent, 15.0)
    np.testing.assert_allclose(deformation.inverse(deformation(here)), here, atol=0.1)
    assert np.sqrt((left_out**2).mean()) < 15.0
    far = np.array([[60_000.0, 0.0]])
    assert deformation.sigma_um(far)[0] > 5 * deformation.sigma_um(here).mean()
    places, sigma = deformation.over_cells(Field.rectangle(7000, 5600))
    cells = Field.rectangle(7000, 5600).cells_um()
    # Beyond the outermost lattice points the bending is held constant.
    np.testing.assert_allclose(places, deformation(cells), atol=6.0)
    assert sigma.shape == (len(cells),)


def test_field_knows_its_area_and_border() -> None:
    field = Field.rectangle(7000, 5600)
    assert field.area_cm2 == pytest.approx(0.392)
    assert field.eroded(100.0).area_cm2 == pytest.approx(6.8 * 5.4 / 100, rel=0.01)
    assert field.contains(np.array([[10.0, 10.0], [-1.0, 5.0], [7001.0, 5.0]])).tolist() == [
        True,
        False,
        False,
    ]
    disc = np.hypot(*np.mgrid[-50:50, -50:50]) < 40
    assert Field.from_pixels(disc, 10.0).area_cm2 == pytest.approx(np.pi * 0.04**2, rel=0.05)


def test_direction_is_that_of_the_first_stretch() -> None:
    line = np.array([[0.0, 0.0], [300.0, 0.0], [300.0, 900.0]])
    assert start_direction(line) == pytest.approx(0.0)
    assert start_direction(line[:1]) == 0.0


def test_roots_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        patch(np.array([[np.nan, 1.0]]))
