"""Everything a user can get wrong: exit code, three lines, nothing half-written."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from densitometry.inputs import find_pictures
from densitometry.schema import column_names
from densitometry.schema_study import STUDY_IMAGES

SCALE = ("--um-per-px", "8")


def assert_refused(finished, code: str, exit_code: int = 3) -> None:
    assert finished.code == exit_code, finished.err
    lines = finished.error_lines
    assert len(lines) == 3, finished.err
    assert lines[0].startswith(f"error[{code}]: ")
    assert lines[1].startswith("  why: ")
    assert lines[2].startswith("  fix: ")
    assert all(len(line.split(": ", 1)[1]) > 3 for line in lines)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_no_scale(pictures, tmp_path, run):
    finished = run("analyze", pictures / "one.png", "--out", tmp_path / "out")
    assert_refused(finished, "E103")
    for way in ("--um-per-px", "--field-width-mm", "--device", "--scale-from sidecar"):
        assert way in finished.error_lines[2]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "7812.5", "0.001"])
def test_absurd_scale(pictures, tmp_path, run, value):
    assert_refused(
        run("analyze", pictures / "one.png", "--out", tmp_path / "out", "--um-per-px", value), "E103"
    )
    assert not (tmp_path / "out").exists()


def test_two_scales_that_differ(pictures, tmp_path, run):
    options = ("--um-per-px", "5", "--scale-from", "sidecar")
    finished = run("analyze", pictures / "one.png", "--out", tmp_path / "out", *options)
    assert_refused(finished, "E103")
    assert "5 µm/px" in finished.err
    assert "8 µm/px" in finished.err


UNREADABLE = {
    "text": b"this is no picture",
    "empty": b"",
    "one-pixel": bytes(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()),
    "huge": png_header(60_000, 60_000),
}


@pytest.mark.parametrize("kind", [*UNREADABLE, "cut"])
def test_a_file_that_cannot_be_measured_gets_a_row_and_no_folder(pictures, tmp_path, run, kind):
    data = UNREADABLE.get(kind)
    if data is None:
        pixels = cv2.imread(str(pictures / "one.png"))
        data = cv2.imencode(".jpg", pixels)[1].tobytes()[:9_000]
    (pictures / "bad.jpg").write_bytes(data)
    finished = run("analyze", pictures / "bad.jpg", "--out", tmp_path / "out", *SCALE)
    assert_refused(finished, "E102" if kind in ("one-pixel", "huge") else "E101")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"images.tsv", "recipe.toml"}
    row = pd.read_csv(tmp_path / "out/images.tsv", sep="\t").iloc[0]
    assert (row["picture"], row["status"]) == ("bad", "failed")
    assert row["error_code"] in ("E101", "E102")


def test_some_failed_is_5_and_the_others_are_measured(pictures, tmp_path, run):
    (pictures / "bad.jpg").write_bytes(b"no picture")
    finished = run("analyze", pictures, "--out", tmp_path / "out", *SCALE)
    assert_refused(finished, "E101", exit_code=5)
    table = pd.read_csv(tmp_path / "out/images.tsv", sep="\t")
    assert dict(zip(table["picture"], table["status"], strict=True)) == {
        "bad": "failed",
        "one": "measured",
        "two": "measured",
    }


def test_a_picture_that_no_longer_can_be_read_keeps_no_old_results(pictures, tmp_path, run):
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE).code == 0
    (pictures / "one.png").write_bytes(b"no picture")
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE).code == 3
    assert not (tmp_path / "out/one").exists()


def test_skin_without_hair_is_a_result(tmp_path, run):
    rng = np.random.default_rng(5)
    skin = np.clip(rng.normal((150, 170, 205), 3, (256, 320, 3)), 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "bare.png"), skin)
    assert run("analyze", tmp_path / "bare.png", "--out", tmp_path / "out", *SCALE).code == 0
    summary = json.loads((tmp_path / "out/bare/summary.json").read_text())
    assert summary["n_hairs"] == 0
    assert summary["density_per_cm2"] == 0
    assert summary["density_per_cm2_low"] == 0
    assert summary["density_per_cm2_high"] > 0
    assert summary["mean_diameter_um"] is None
    assert (tmp_path / "out/bare/hairs.csv").read_text().count("\n") == 1


def test_nothing_but_hair_does_not_break(tmp_path, run):
    rng = np.random.default_rng(6)
    canvas = np.full((256, 320, 3), 60, np.uint8)
    for _ in range(900):
        ends = rng.uniform(-50, 370, (2, 2)).astype(int)
        cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), (25, 25, 25), 5, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "hair.png"), canvas)
    assert run("analyze", tmp_path / "hair.png", "--out", tmp_path / "out", *SCALE).code in (0, 4)
    assert (tmp_path / "out/hair/summary.json").exists()


def test_the_gate_refuses_what_cannot_be_measured_and_can_be_left_out(tmp_path, run):
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((256, 320, 3), np.uint8))
    finished = run("analyze", tmp_path / "black.png", "--out", tmp_path / "out", *SCALE)
    assert_refused(finished, "E107", exit_code=4)
    folder = tmp_path / "out/black"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["quality"]["verdict"] == "reject"
    assert summary["quality"]["reasons"]
    assert summary["density_per_cm2"] is None
    assert json.loads((folder / "traces.geojson").read_text())["features"] == []
    assert (folder / "overlay.png").exists()
    assert pd.read_csv(tmp_path / "out/images.tsv", sep="\t")["status"][0] == "rejected"
    assert run("analyze", tmp_path / "black.png", "--out", tmp_path / "out", *SCALE, "--no-gate").code == 0


def test_two_inputs_with_one_stem(pictures, tmp_path, run):
    (tmp_path / "ONE.JPG").write_bytes(b"")
    finished = run("analyze", pictures / "one.png", tmp_path / "ONE.JPG", "--out", tmp_path / "out", *SCALE)
    assert_refused(finished, "E106")
    assert "one.png" in finished.err
    assert "ONE.JPG" in finished.err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures(tmp_path, run):
    (tmp_path / "nothing").mkdir()
    assert_refused(run("analyze", tmp_path / "nothing", "--out", tmp_path / "out", *SCALE), "E106")
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file(pictures, tmp_path, run):
    (tmp_path / "out").write_text("mine")
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE), "E105")
    assert (tmp_path / "out").read_text() == "mine"


def test_output_below_a_file_cannot_be_written(pictures, tmp_path, run):
    (tmp_path / "file").write_text("mine")
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "file/out", *SCALE), "E105")


def test_output_that_may_not_be_written(pictures, tmp_path, run, monkeypatch):
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)  # the tests may run as a user whom no mode keeps out
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE), "E105")


def test_a_picture_folder_with_other_files_is_not_replaced(pictures, tmp_path, run):
    (tmp_path / "out/one").mkdir(parents=True)
    (tmp_path / "out/one/notes.txt").write_text("mine")
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE), "E105")
    assert (tmp_path / "out/one/notes.txt").read_text() == "mine"


def test_a_foreign_images_table_is_not_replaced(pictures, tmp_path, run):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/images.tsv").write_text("a\tb\n1\t2\n")
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE), "E105")
    assert (tmp_path / "out/images.tsv").read_text() == "a\tb\n1\t2\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--recipe", "tricoscopy"),
        ("--set", "measure.primary_cutof_um=40"),
        ("--set", "mesure.primary_cutoff_um=40"),
        ("--set", "measure.primary_cutoff_um=thick"),
        ("--set", "measure.primary_cutoff_um=4000"),
        ("--set", "measure"),
    ],
)
def test_bad_recipe(pictures, tmp_path, run, options):
    assert_refused(run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE, *options), "E104")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "missing.png", "--out", "x"),
        ("analyse",),
        ("analyze", "--jobs", "0"),
        ("recipe", "shw"),
    ],
)
def test_usage_errors_are_2(run, arguments):
    finished = run(*arguments)
    assert finished.code == 2
    assert finished.err


def test_a_bug_in_one_picture_is_ours_and_loses_no_other(pictures, tmp_path, run, monkeypatch):
    import densitometry.analysis

    measure = densitometry.analysis.analyze

    def analyze(image, *args, **kwargs):
        if image.name == "one":
            raise ZeroDivisionError("planted")
        return measure(image, *args, **kwargs)

    monkeypatch.setattr(densitometry.analysis, "analyze", analyze)
    finished = run("analyze", pictures, "--out", tmp_path / "out", *SCALE)
    assert_refused(finished, "E001", exit_code=1)
    assert (tmp_path / "out/two/summary.json").exists()
    assert not (tmp_path / "out/one").exists()


@pytest.mark.parametrize(
    "name",
    [
        "..jpg",
        "...jpg",
        "images.tsv.jpg",
        "Recipe.toml.png",
        ".partial-a.jpg",
        "new\nline.jpg",
        "n" * 240 + ".jpg",
    ],
    ids=ascii,
)
def test_names_that_no_folder_of_results_can_have(pictures, tmp_path, run, name):
    folder = tmp_path / "it's odd"
    folder.mkdir()
    (pictures / "one.png").rename(folder / name)
    finished = run("analyze", folder / name, *SCALE, "--out", tmp_path / "out")
    assert_refused(finished, "E106")
    assert not (tmp_path / "out").exists()
    line = finished.error_lines[2].removeprefix("  fix: ")
    subprocess.run(["bash", "-c", line], check=True)
    (renamed,) = folder.iterdir()
    assert find_pictures([renamed]) == [renamed]


def test_a_name_that_is_no_text_is_refused(pictures, tmp_path, run):
    odd = pictures / os.fsdecode(b"caf\xe9.png")
    try:
        (pictures / "one.png").rename(odd)
    except OSError:
        pytest.skip("this file system takes text only")
    finished = run("analyze", odd, *SCALE, "--out", tmp_path / "out")
    assert_refused(finished, "E106")
    assert r"caf\xe9" in finished.error_lines[2]


@pytest.mark.parametrize("kind", ["circle", "nowhere", "pipe", "folder"])
def test_what_looks_like_a_picture_and_is_none(tmp_path, run, kind):
    place = tmp_path / "pictures"
    place.mkdir()
    if kind == "pipe":
        os.mkfifo(place / "a.jpg")
    elif kind == "folder":
        (place / "a.jpg").mkdir()
    else:
        (place / "a.jpg").symlink_to("a.jpg" if kind == "circle" else "gone.jpg")
    finished = run("analyze", place, *SCALE, "--out", tmp_path / "out")
    assert_refused(finished, "E101")
    assert "a.jpg" in finished.error_lines[0]
    assert pd.read_csv(tmp_path / "out/images.tsv", sep="\t")["status"].tolist() == ["failed"]


def test_an_output_folder_of_too_long_a_name(pictures, tmp_path, run):
    assert_refused(run("analyze", pictures, *SCALE, "--out", tmp_path / ("x" * 300)), "E105")


def test_a_sidecar_nested_without_end(pictures, tmp_path, run):
    (pictures / "one.json").write_text('{"PixelSize": ' + "[" * 200_000)
    finished = run("analyze", pictures / "one.png", "--scale-from", "sidecar", "--out", tmp_path / "out")
    assert_refused(finished, "E103")


def test_pictures_and_studies_do_not_share_an_output_folder(pictures, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "images.tsv").write_text("\t".join(column_names(STUDY_IMAGES)) + "\n")
    assert_refused(run("analyze", pictures / "one.png", *SCALE, "--out", out), "E105")
    assert [path.name for path in out.iterdir()] == ["images.tsv"]
