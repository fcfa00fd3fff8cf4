from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from densitometry.analysis import analyze, empty_hairs
from densitometry.errors import OutputError
from densitometry.report import figures
from densitometry.report.canvas import encode_png
from densitometry.report.folders import whole_folder
from densitometry.report.results import hairs_csv, summary_json, table_tsv, traces_geojson
from densitometry.schema import HAIRS, IMAGES, column_names, dtypes
from densitometry.settings import ReportSettings


def one_hair() -> pd.DataFrame:
    row = {
        "hair_id": 1,
        "diameter_um": 70.126,
        "diameter_low_um": 68.0,
        "diameter_high_um": 72.0,
        "length_um": 400.04,
        "class": "terminal",
        "root_x_um": np.nan,
        "root_y_um": np.nan,
        "tip_x_um": 80.0,
        "tip_y_um": 40.0,
        "root_sure": True,
        "count_weight": 0.5,
        "counted": True,
        "unit_id": pd.NA,
        "width_sd_um": 1.0,
        "n_widths": 9,
        "flags": "crossing;bundled",
    }
    return pd.DataFrame([row]).astype(dtypes(HAIRS))[column_names(HAIRS)]


LINE = np.array([[1.0, 2.0], [10.0, 5.004]])


def test_geojson_has_null_where_the_root_is_not_in_the_picture():
    feature = json.loads(traces_geojson(one_hair(), [LINE], 8.0))["features"][0]
    assert feature["geometry"] == {"type": "LineString", "coordinates": [[1.0, 2.0], [10.0, 5.0]]}
    properties = feature["properties"]
    assert properties["root_px"] is None
    assert properties["tip_px"] == [10.0, 5.0]
    assert properties["unit_id"] is None
    assert properties["flags"] == ["crossing", "bundled"]
    assert properties["diameter_um"] == 70.13


def test_csv_has_empty_cells_and_fixed_decimals():
    header, row = hairs_csv(one_hair()).splitlines()
    assert header.split(",") == column_names(HAIRS)
    cells = dict(zip(column_names(HAIRS), row.split(","), strict=True))
    assert (cells["diameter_um"], cells["root_x_um"], cells["unit_id"], cells["counted"]) == (
        "70.13",
        "",
        "",
        "true",
    )


def test_empty_results_keep_all_columns():
    assert json.loads(traces_geojson(empty_hairs(), [], 8.0))["features"] == []
    assert hairs_csv(empty_hairs()).splitlines() == [",".join(column_names(HAIRS))]
    assert dict(empty_hairs().dtypes.astype(str)) == dict(one_hair().dtypes.astype(str))


def test_summary_has_no_nan_and_no_numpy():
    content = json.loads(
        summary_json({"n_hairs": np.float64(3), "psf_um": np.nan, "later": (np.int64(1), -0.0)})
    )
    assert content == {"psf_um": None, "n_hairs": 3.0, "later": [1, -0.0]}
    assert list(content) == ["psf_um", "n_hairs", "later"]


def test_tsv_cells_hold_no_tabs():
    row = dict.fromkeys(column_names(IMAGES)) | {"picture": "a", "error": "one\ttwo\nthree"}
    _, line = table_tsv(pd.DataFrame([row]), IMAGES).splitlines()
    assert len(line.split("\t")) == len(IMAGES)
    assert "one two three" in line
    assert line.endswith("n/a")


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "result"
    with pytest.raises(ZeroDivisionError), whole_folder(target, frozenset({"a"})) as folder:
        (folder / "a").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    for text in ("first", "second"):
        with whole_folder(target, frozenset({"a"})) as folder:
            (folder / "a").write_text(text)
        assert (target / "a").read_text() == text
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="other files"), whole_folder(tmp_path, frozenset({"a"})):
        pass
    assert (tmp_path / "notes.txt").exists()


def test_the_overlay_is_at_least_as_large_as_the_picture_and_always_the_same(phantom_folder):
    import densitometry as dm

    result = analyze(dm.read(phantom_folder / "one.png", um_per_px=8))
    first, second = (encode_png(result.overlay()) for _ in range(2))
    assert first == second
    canvas = result.overlay()
    assert canvas.shape[1] % 320 == 0
    assert canvas.shape[1] >= 320
    assert canvas.dtype == np.uint8


def test_the_overlay_draws_along_the_measured_edges():
    import densitometry as dm

    skin = np.full((100, 100, 3), 180, np.uint8)
    image = dm.from_array(skin, dm.PixelSize(10.0, "simulated"))
    line = np.stack([np.linspace(20, 80, 30), np.full(30, 50.0)], axis=1)
    drawing = figures.HairDrawing(
        line, np.full(30, 20.0), "vellus", counted=True, root_px=None, root_sure=True
    )
    summary = {"n_hairs": 1.0, "density_per_cm2": 1.0, "area_cm2": 1.0}
    canvas = figures.overlay(
        image, one_hair(), [drawing], summary, ReportSettings(overlay_width_px=100, overlay_opacity=1.0)
    )
    changed = np.flatnonzero(np.any(canvas[:100, 50] != 180, axis=1))
    assert {40, 60} <= set(changed)
    assert 50 not in changed


def test_the_class_colours_differ_in_lightness_for_every_eye():
    lightness = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in figures.CLASS_COLOURS.values())
    assert min(np.diff(lightness)) > 10
