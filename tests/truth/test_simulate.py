"""The phantom must be what its truth says: width, place, visibility, and the same bytes for the same seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from densitometry.errors import OutputError
from densitometry.simulate import (
    PRESETS,
    CameraSettings,
    CoverSettings,
    HairSettings,
    Scene,
    SceneSettings,
    Shaft,
    SkinSettings,
    grow_scene,
    preset,
    random_settings,
    render_scene,
    write_phantom,
)
from densitometry.simulate.skin import to_linear

OPAQUE = (50.0, 50.0, 50.0)
PLAIN_SKIN = SkinSettings(
    tone=(0.8, 0.8, 0.8), blotch=0, mottle=0, grain=0, redness=0, shine=0, furrow=0, pit=0, collar=0, ring=0
)
PLAIN_CAMERA = CameraSettings(light_falloff=0, psf_px=0.8, noise=0, shot=0, jpeg_quality=0)
PLAIN_HAIR = HairSettings(
    density_per_cm2=0, streak=0, sparkle=0, roughness_um=0, root_fade_um=0, under_skin=0, cast_shadow=0
)
PLAIN = SceneSettings("plain", (120, 120), 5.0, PLAIN_HAIR, PLAIN_SKIN, PLAIN_CAMERA)


def bar(angle: float, width_um: float, length_um: float = 2000.0, unit_id: int = 0) -> Shaft:
    """A straight opaque black bar through the middle of a 600 µm field."""
    along = np.array([np.cos(angle), np.sin(angle)])
    line = np.array([301.3, 299.1]) + np.linspace(-0.5, 0.5, 9)[:, None] * length_um * along
    return Shaft(line, np.full(9, width_um), width_um, unit_id, OPAQUE, 0.0, (0.0, 0.0, 0.0), True, 1)


@pytest.mark.parametrize("um_per_px", [2.5, 5.0, 8.0])
@pytest.mark.parametrize(("angle", "width_um"), [(0.0, 60.0), (0.5, 25.0), (0.7854, 12.0), (1.3, 110.0)])
def test_rendered_width_is_the_stated_width(angle: float, width_um: float, um_per_px: float) -> None:
    scene = Scene(PLAIN, (), (bar(angle, width_um),), (), 3)
    rgb = render_scene(scene, um_per_px).rgb
    light = to_linear(tuple(np.moveaxis(rgb / 255.0, -1, 0)))[0]
    skin = light.max()
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]] * um_per_px + um_per_px / 2
    along = (x - 301.3) * np.cos(angle) + (y - 299.1) * np.sin(angle)
    # A smooth window along the bar: its integral is known and no pixel is half counted.
    window = np.exp(-0.5 * (along / 70.0) ** 2)
    hidden = ((1 - light / skin) * window).sum() * um_per_px**2
    assert hidden / (70.0 * np.sqrt(2 * np.pi)) == pytest.approx(width_um, abs=0.2)


def test_cut_ends_lie_at_root_and_tip() -> None:
    scene = Scene(PLAIN, (), (bar(0.3, 60.0, 300.0),), (), 3)
    phantom = render_scene(scene, 5.0)
    light = to_linear(tuple(np.moveaxis(phantom.rgb / 255.0, -1, 0)))[0]
    area = (1 - light / light.max()).sum() * 25.0
    assert area == pytest.approx(60.0 * 300.0, rel=0.05)
    assert np.hypot(*(phantom.hairs[0].tip_px - phantom.hairs[0].root_px)) == pytest.approx(60.0, abs=1e-6)


def test_same_seed_gives_same_bytes_and_another_seed_does_not() -> None:
    def shoot(seed: int) -> tuple[bytes, str]:
        rng = np.random.default_rng(seed)
        phantom = render_scene(grow_scene(random_settings(rng, (96, 80)), rng), rng=rng)
        return phantom.rgb.tobytes(), json.dumps(phantom.truth(), sort_keys=True)

    assert shoot(5) == shoot(5)
    assert shoot(5) != shoot(6)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_renders_with_its_truth(name: str) -> None:
    settings = replace(preset(name), size_px=(200, 160), um_per_px=10.0)
    phantom = render_scene(grow_scene(settings, np.random.default_rng(2)), rng=np.random.default_rng(3))
    truth = json.loads(json.dumps(phantom.truth()))
    assert phantom.rgb.shape == (160, 200, 3)
    assert (truth["width"], truth["height"], truth["um_per_px"]) == (200, 160, 10.0)
    assert truth["circle"] is (name == "vignette")
    assert bool(truth["hairs"]) is (name != "empty")
    for hair in truth["hairs"]:
        assert {"line_px", "root_px", "tip_px", "d_um", "vellus", "fu", "root_inside", "visible"} <= set(hair)
        assert hair["line_px"][0] == hair["root_px"]
        assert hair["vellus"] is (hair["d_um"] < 30)
        assert 0 <= hair["visible"] <= 1


def test_a_hidden_hair_is_not_visible() -> None:
    scene = Scene(PLAIN, (), (bar(0.3, 20.0), bar(0.3, 90.0, unit_id=1)), (), 3)
    under, over = render_scene(scene).hairs
    assert under.visible == 0.0
    assert over.visible == 1.0


def test_film_lights_the_gap_between_two_shafts_and_leaves_their_truth() -> None:
    pair = tuple(
        replace(bar(0.0, 60.0), line_um=bar(0.0, 60.0).line_um + np.array([0.0, y])) for y in (-45.0, 45.0)
    )
    dry = Scene(PLAIN, (), pair, (), 3)
    wet = replace(dry, settings=replace(PLAIN, skin=replace(PLAIN_SKIN, tone=(0.5, 0.5, 0.5), film=1.5)))
    dry = replace(dry, settings=replace(PLAIN, skin=replace(PLAIN_SKIN, tone=(0.5, 0.5, 0.5))))
    before, after = render_scene(dry), render_scene(wet)
    gap, far = np.s_[58:61, 20:100], np.s_[5:30, :]
    assert after.rgb[gap].mean() > before.rgb[gap].mean() + 10
    assert (after.rgb[far] == before.rgb[far]).all()
    assert json.dumps(after.truth()["hairs"]) == json.dumps(before.truth()["hairs"])


def test_folds_are_dark_with_a_bright_flank_and_no_hairs() -> None:
    grey = replace(PLAIN_SKIN, tone=(0.5, 0.5, 0.5))
    folded = replace(grey, folds_per_cm2=3000.0, fold_depth=0.3)
    smooth, lines = (render_scene(Scene(replace(PLAIN, skin=skin), (), (), (), 3)) for skin in (grey, folded))
    assert lines.rgb.min() < smooth.rgb.min() - 10
    assert lines.rgb.max() > smooth.rgb.max() + 5
    assert not lines.hairs


def dark_area_um2(hairs: HairSettings, shafts: tuple[Shaft, ...]) -> float:
    """Area the shafts hide on plain skin [µm²]."""
    rgb = render_scene(Scene(replace(PLAIN, hairs=hairs), (), shafts, (), 3), 5.0).rgb
    light = to_linear(tuple(np.moveaxis(rgb / 255.0, -1, 0)))[0]
    return float((1 - light / light.max()).sum() * 25.0)


def test_a_torn_end_lacks_part_of_its_last_stretch_only() -> None:
    torn = replace(PLAIN_HAIR, ragged=0.8)
    shafts = [replace(bar(0.3, 90.0, 300.0), seed=seed) for seed in range(8)]
    lost = [dark_area_um2(PLAIN_HAIR, (shaft,)) - dark_area_um2(torn, (shaft,)) for shaft in shafts]
    assert min(lost) > -100.0
    assert 100.0 < max(lost) < 0.8 * 90.0 * 90.0
    natural = replace(shafts[0], clipped=False)
    assert dark_area_um2(torn, (natural,)) == dark_area_um2(PLAIN_HAIR, (natural,))


def test_lumps_leave_the_mean_width() -> None:
    lumpy = replace(PLAIN_HAIR, lumps=0.08)
    shafts = [replace(bar(0.3, 90.0, 2000.0), seed=seed) for seed in range(6)]
    smooth = dark_area_um2(PLAIN_HAIR, shafts[:1])
    areas = [dark_area_um2(lumpy, (shaft,)) for shaft in shafts]
    assert np.mean(areas) == pytest.approx(smooth, rel=0.03)
    assert len(set(areas)) == len(areas)


def test_a_pressed_end_is_wider_and_the_stated_diameter_is_that_of_the_shaft() -> None:
    flared = replace(preset("clipped").hairs, flare=0.5, root_narrowing=0.0)
    settings = replace(preset("clipped"), hairs=flared, size_px=(300, 300))
    shafts = [s for s in grow_scene(settings, np.random.default_rng(2)).shafts if s.clipped]
    assert max(shaft.width_um[-1] / shaft.d_um for shaft in shafts) > 1.2
    assert all(shaft.width_um[-1] > 0.95 * shaft.d_um for shaft in shafts)
    # the pressed part is short: it must not move the median of the whole shaft
    assert all(np.median(s.width_um) / s.d_um < 1.1 for s in shafts)


def test_clinging_shafts_stand_apart_and_end_side_by_side() -> None:
    pair = replace(
        preset("clipped").hairs,
        cling=1.0,
        unit_weights=(0.0, 1.0, 0.0, 0.0),
        undersized_fraction=0.0,
        vellus_fraction=0.0,
        fan_sd_rad=0.0,
        length_sd=0.1,
    )
    settings = replace(preset("clipped"), hairs=pair, size_px=(600, 600))
    units: dict[int, list[Shaft]] = {}
    for shaft in grow_scene(settings, np.random.default_rng(4)).shafts:
        units.setdefault(shaft.unit_id, []).append(shaft)
    lateral = []
    for one, other in (unit for unit in units.values() if len(unit) == 2):
        common = min(len(one.line_um), len(other.line_um)) - 1
        way = one.line_um[common] - one.line_um[0] + other.line_um[common] - other.line_um[0]
        across = np.array([-way[1], way[0]]) / np.hypot(*way)
        apart = (one.line_um[[0, common]] - other.line_um[[0, common]]) @ across
        lateral.append(np.abs(apart) / np.mean([one.d_um, other.d_um]))
    roots, ends = np.median(lateral, axis=0)
    assert 1.0 < roots < 1.6
    assert 0.2 < ends < 0.8


def test_the_density_asked_for_is_grown() -> None:
    settings = replace(preset("ordinary"), size_px=(1500, 1500), um_per_px=10.0)
    phantom = render_scene(
        grow_scene(settings, np.random.default_rng(8)), rng=np.random.default_rng(1), oversample=1
    )
    roots = sum(hair.root_inside for hair in phantom.hairs)
    expected = settings.hairs.density_per_cm2 * 2.25
    assert roots == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_one_scene_at_two_scales_keeps_roots_on_the_same_skin() -> None:
    scene = grow_scene(
        replace(preset("clipped"), size_px=(160, 160), um_per_px=8.0), np.random.default_rng(4)
    )
    coarse, fine = render_scene(scene, 8.0), render_scene(scene, 4.0)
    assert [h.d_um for h in coarse.hairs if h.root_inside] == [h.d_um for h in fine.hairs if h.root_inside]
    a = np.array([h.root_px for h in coarse.hairs if h.root_inside])
    b = np.array([h.root_px for h in fine.hairs if h.root_inside])
    np.testing.assert_allclose((a + 0.5) * 8.0, (b + 0.5) * 4.0, atol=1e-6)


def test_marks_and_surround_are_known_to_be_hidden() -> None:
    settings = replace(PLAIN, cover=CoverSettings(circle=True, drawn_circle=True))
    phantom = render_scene(Scene(settings, (), (), (), 1))
    assert phantom.hidden[0, 0]
    assert not phantom.hidden[55:65, 55:65].all()


def test_files_are_written_and_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    phantom = render_scene(Scene(PLAIN, (), (bar(0.2, 50.0),), (), 3))
    picture = write_phantom(tmp_path / "out", "a", phantom)
    assert picture.stat().st_size > 0
    assert json.loads((tmp_path / "out" / "a.json").read_text())["hairs"][0]["d_um"] == 50.0
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(OutputError):
        write_phantom(blocked, "a", phantom)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="clipped"):
        preset("nonesuch")
