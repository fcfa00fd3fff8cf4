"""The second look on drawn pictures: what is overlooked is not lost, what is gone is."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from densitometry.capture import from_array
from densitometry.follow.compare import compare_visits
from densitometry.follow.look import Sought, look_of, overlooked_nats, shade_of
from densitometry.follow.patch import Field, Patch
from densitometry.follow.response import Circumstances
from densitometry.units import PixelSize

UM = 8.0
SIZE = (640, 512)
RNG = np.random.default_rng(3)
N = 60
LENGTH_UM, THICK_UM, LIE = 420.0, 70.0, 0.5


def scattered() -> np.ndarray:
    """Roots that keep a distance from each other [µm]."""
    places: list[np.ndarray] = []
    while len(places) < N:
        place = RNG.uniform((150, 150), (SIZE[0] * UM - 600, SIZE[1] * UM - 500))
        if all(np.hypot(*(place - other)) > 260 for other in places):
            places.append(place)
    return np.array(places)


ROOTS = scattered()
WAY = np.array([np.cos(LIE), np.sin(LIE)])


def picture(shown: np.ndarray, grey: int = 30) -> np.ndarray:
    """Hairs on even skin."""
    rgb = np.full((SIZE[1], SIZE[0], 3), 170, np.uint8)
    for root in ROOTS[shown]:
        ends = [tuple(int(v) for v in np.round(16 * p / UM)) for p in (root, root + LENGTH_UM * WAY)]
        cv2.line(rgb, ends[0], ends[1], (grey, grey, grey), round(THICK_UM / UM), cv2.LINE_AA, 4)
    return rgb


def patch(rgb: np.ndarray, traced: np.ndarray) -> Patch:
    """The hairs traced in a picture, all of them right."""
    root = ROOTS[traced]
    n = len(root)
    ids = np.arange(1, n + 1)
    lines = [np.stack([r, r + LENGTH_UM * WAY]) / UM for r in root]
    image = from_array(rgb, PixelSize(UM, "simulated", 0.0))
    return Patch(
        hair_id=ids,
        root_um=root,
        direction_rad=np.full(n, LIE),
        diameter_um=np.full(n, THICK_UM),
        diameter_sigma_um=np.full(n, 2.0),
        length_um=np.full(n, LENGTH_UM),
        length_known=np.ones(n, dtype=bool),
        count_weight=np.ones(n),
        resolved=np.ones(n, dtype=bool),
        unit_id=np.full(n, -1),
        confidence=np.ones(n),
        field=Field.rectangle(SIZE[0] * UM, SIZE[1] * UM),
        um_per_px=UM,
        scale_rel_error=0.0,
        look=look_of(image, lines, np.full(n, THICK_UM), ids),
    )


EVERY = np.ones(N, dtype=bool)
MOST = np.arange(N) % 6 != 0


def test_a_hair_that_was_overlooked_is_uncertain_and_changes_nothing() -> None:
    found = compare_visits(patch(picture(EVERY), EVERY), patch(picture(EVERY), MOST))
    assert found.change is not None
    assert (found.links.count("lost"), found.links.count("uncertain")) == (0, np.count_nonzero(~MOST))
    assert found.change.figures["density_change_pct"].value == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("gone_later", [True, False], ids=["lost", "gained"])
def test_a_hair_that_is_gone_from_the_picture_is_gone(gone_later: bool) -> None:
    whole, fewer = patch(picture(EVERY), EVERY), patch(picture(MOST), MOST)
    found = compare_visits(*((whole, fewer) if gone_later else (fewer, whole)))
    assert found.change is not None
    assert found.links.count("lost" if gone_later else "gained") == np.count_nonzero(~MOST)
    true = -100 / 6 if gone_later else 100 / 5
    assert found.change.figures["density_change_pct"].value == pytest.approx(true, abs=1.5)


def test_replicates_look_again_too() -> None:
    whole, missed = patch(picture(EVERY), EVERY), patch(picture(EVERY), MOST)
    gone = patch(picture(MOST), MOST)
    overlooked, lost = compare_visits([whole] * 3, [missed] * 3), compare_visits([whole] * 3, [gone] * 3)
    assert overlooked.change is not None
    assert lost.change is not None
    assert overlooked.change.figures["density_change_pct"].value == pytest.approx(0.0, abs=0.5)
    assert lost.change.figures["density_change_pct"].value == pytest.approx(-100 / 6, abs=1.5)


def test_dyed_hair_is_a_change_of_protocol_never_of_density() -> None:
    fair, dyed = patch(picture(EVERY, 130), MOST), patch(picture(EVERY), EVERY)
    found = compare_visits(fair, dyed, None, Circumstances(scarring=False))
    assert (found.verdict.verdict, found.verdict.reason_code) == ("undetermined", "protocol_changed")
    assert found.change is not None
    assert found.change.shade_ratio > 2


def test_a_cut_piece_lying_about_is_no_lost_hair() -> None:
    whole = patch(picture(EVERY), EVERY)
    odd = np.flatnonzero(~MOST)
    direction, length = whole.direction_rad.copy(), whole.length_um.copy()
    direction[odd] += 2.5
    length[odd] *= 0.5
    littered = dataclasses.replace(whole, direction_rad=direction, length_um=length)
    found = compare_visits(littered, patch(picture(MOST), MOST))
    assert found.links.count("lost") == 0


def test_light_over_the_whole_picture_does_not_matter() -> None:
    rgb = picture(EVERY)
    sought = Sought(
        ROOTS[~MOST], np.full(N, LIE)[~MOST], np.full(N, THICK_UM)[~MOST], np.full(N, LENGTH_UM)[~MOST],
        np.full(N, 1.5)[~MOST],
    )  # fmt: skip
    lit = np.clip(rgb * 0.8, 0, 255).astype(np.uint8)
    bright, dim = patch(rgb, MOST).look, patch(lit, MOST).look
    assert bright is not None
    assert dim is not None
    np.testing.assert_allclose(shade_of(dim, sought), shade_of(bright, sought), rtol=0.2)
    assert overlooked_nats(bright, sought).min() > 2
    assert overlooked_nats(dim, sought).min() > 2
