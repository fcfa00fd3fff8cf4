"""The scale: stated in one way, never guessed, checked against a second statement."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from densitometry.capture import read
from densitometry.capture.scale import ScaleRequest, StatedScale, resolve_scale
from densitometry.errors import ScaleError

PICTURE = Path("folder/my picture.png")
WIDTH = 1280


def resolve(path: Path = PICTURE, width_px: int = WIDTH, **stated: object) -> StatedScale:
    return resolve_scale(ScaleRequest(**stated), path, width_px)  # type: ignore[arg-type]


def refused(path: Path = PICTURE, width_px: int = WIDTH, **stated: object) -> ScaleError:
    with pytest.raises(ScaleError) as caught:
        resolve(path, width_px, **stated)
    assert len(caught.value.lines().splitlines()) == 3
    return caught.value


def device(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scope.toml"
    path.write_text(text, encoding="utf-8")
    return path


def sidecar(tmp_path: Path, entries: object) -> Path:
    (tmp_path / "a.json").write_text(json.dumps(entries), encoding="utf-8")
    return tmp_path / "a.png"


def test_no_scale_is_refused_with_every_way() -> None:
    fix = refused().fix
    for way in ("--um-per-px", "--field-width-mm", "--device", "--scale-from sidecar"):
        assert f"densitometry analyze 'folder/my picture.png' --out results {way}" in fix


def test_each_way() -> None:
    assert resolve(um_per_px=5.5).pixel_size().um_per_px == 5.5
    by_field = resolve(field_width_mm=7.04).pixel_size()
    assert by_field.um_per_px == pytest.approx(5.5)
    assert (by_field.origin, by_field.rel_error, by_field.geometry) == ("field_width", None, "square")


@given(st.floats(0.5, 200))
def test_field_width_and_pixel_agree(um_per_px: float) -> None:
    both = resolve(um_per_px=um_per_px, field_width_mm=um_per_px * WIDTH / 1000)
    assert both.x_um == um_per_px


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, 1e-4, 2e6 / WIDTH])
def test_no_length_or_absurd(wrong: float) -> None:
    refused(um_per_px=wrong)
    refused(field_width_mm=wrong * WIDTH / 1000)


def test_two_statements_that_differ_are_both_named() -> None:
    error = refused(um_per_px=5.5, field_width_mm=8)
    assert "--um-per-px" in error.why
    assert "--field-width-mm" in error.why
    assert resolve(um_per_px=5.5, field_width_mm=5.52 * WIDTH / 1000).origin == "option"


def test_scale_error() -> None:
    assert resolve(um_per_px=5.5, scale_error_pct=2.0).rel_error == pytest.approx(0.02)
    for wrong in (-1.0, math.nan, 50.0):
        refused(um_per_px=5.5, scale_error_pct=wrong)


def test_device_profile(tmp_path: Path) -> None:
    text = (
        "name = 'Scope'\nfield_width_mm = 7.04\nerror_pct = 1.0\nsource = 'ruler'\npicture_width_px = 1280\n"
    )
    size = resolve(device=device(tmp_path, text)).pixel_size()
    assert (size.um_per_px, size.origin, size.rel_error) == (pytest.approx(5.5), "device", 0.01)
    assert "1000 px wide" in refused(width_px=1000, device=device(tmp_path, text)).why
    by_option = resolve(device=device(tmp_path, text), um_per_px=5.5, scale_error_pct=3)
    assert (by_option.origin, by_option.rel_error) == ("option", 0.03)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("um_per_pixel = 5.5", "um_per_px"),
        ("um_per_px = 5.5\nfield_width_mm = 7", "exactly one"),
        ("source = 'x'", "exactly one"),
        ("um_per_px = '5.5'", "number"),
        ("um_per_px = true", "number"),
        ("um_per_px = [5, 5, 5]", "number"),
        ("um_per_px = 5.5\nname = 3", "text"),
        ("um_per_px = 5.5\npicture_width_px = 0", "whole number"),
        ("um_per_px = ", "TOML"),
        ("um_per_px = 5.5\nerror_pct = -1", "percent"),
    ],
)
def test_bad_device_profiles(tmp_path: Path, text: str, word: str) -> None:
    assert word in refused(device=device(tmp_path, text)).why


def test_missing_device_profile(tmp_path: Path) -> None:
    assert "nowhere.toml" in refused(device=tmp_path / "nowhere.toml").what


def test_sidecar(tmp_path: Path) -> None:
    path = sidecar(
        tmp_path,
        {"PixelSize": [0.0055, 0.0055], "PixelSizeUnits": "mm", "Device": "x", "PixelSizeErrorPct": 1},
    )
    size = resolve(path, scale_from="sidecar").pixel_size()
    assert (size.um_per_px, size.origin, size.rel_error) == (pytest.approx(5.5), "sidecar", 0.01)
    assert "a.json" in refused(path, scale_from="sidecar", um_per_px=6).why
    refused(path)  # a sidecar that nobody asked for is not read


@pytest.mark.parametrize(
    "entries",
    [
        {},
        [],
        {"pixelsize": [5, 5], "PixelSizeUnits": "um"},
        {"PixelSize": [5, 5]},
        {"PixelSize": [5, 5], "PixelSizeUnits": "inch"},
        {"PixelSize": ["5", 5], "PixelSizeUnits": "um"},
        {"PixelSize": [5, -5], "PixelSizeUnits": "um"},
        {"PixelSize": [5], "PixelSizeUnits": "um"},
    ],
)
def test_bad_sidecars(tmp_path: Path, entries: object) -> None:
    refused(sidecar(tmp_path, entries), scale_from="sidecar")


def test_missing_sidecar_and_unknown_source(tmp_path: Path) -> None:
    refused(tmp_path / "a.png", scale_from="sidecar")
    assert "sidecar" in refused(scale_from="exif").why


def test_unequal_pixels_become_square(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(80, 160, (100, 200, 3), np.uint8)).save(tmp_path / "a.png")
    sidecar(tmp_path, {"PixelSize": [10.0, 20.0], "PixelSizeUnits": "um"})
    image = read(tmp_path / "a.png", scale_from="sidecar")
    assert image.pixels.shape == (200, 200, 3)
    assert image.valid.shape == (200, 200)
    assert image.pixel_size.um_per_px == 10.0
    assert "10 × 20" in image.pixel_size.geometry
    assert image.area_cm2 == pytest.approx(0.2 * 0.2)
