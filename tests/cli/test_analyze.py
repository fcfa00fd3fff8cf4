from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

import densitometry as dm
from densitometry.schema import HAIRS, IMAGES, NOT_COUNTED_FLAGS, SUMMARY, TRACE_PROPERTIES, column_names

SCALE = ("--um-per-px", "8")
RESULTS = {"traces.geojson", "hairs.csv", "summary.json", "overlay.png"}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def measured(phantom_folder, tmp_path_factory):
    from densitometry.cli.app import run

    out = tmp_path_factory.mktemp("measured") / "out"
    assert run(["analyze", str(phantom_folder), "--out", str(out), *SCALE, "-q"]) == 0
    return out


def test_a_folder_is_measured_picture_by_picture(measured):
    assert {path.name for path in measured.iterdir()} == {"one", "two", "images.tsv", "recipe.toml"}
    for name in ("one", "two"):
        assert {path.name for path in (measured / name).iterdir()} == RESULTS


def test_images_table_has_one_row_an_input(measured):
    table = pd.read_csv(measured / "images.tsv", sep="\t")
    assert list(table.columns) == column_names(IMAGES)
    assert list(table["picture"]) == ["one", "two"]
    assert set(table["status"]) == {"measured"}


def test_hairs_and_traces_have_the_columns_of_the_schema_and_agree(measured):
    hairs = pd.read_csv(measured / "one/hairs.csv", keep_default_na=False)
    assert list(hairs.columns) == column_names(HAIRS)
    features = json.loads((measured / "one/traces.geojson").read_text())["features"]
    assert len(features) == len(hairs) > 0
    for feature, (_, row) in zip(features, hairs.iterrows(), strict=True):
        properties = feature["properties"]
        assert list(properties) == column_names(TRACE_PROPERTIES)
        assert properties["hair_id"] == row["hair_id"]
        assert properties["diameter_um"] == pytest.approx(row["diameter_um"])
        assert properties["counted"] == (properties["count_weight"] > 0)
        assert properties["count_weight"] in (0, 0.5, 1)
        if not properties["counted"]:
            assert set(properties["flags"]) & set(NOT_COUNTED_FLAGS)
        if properties["root_px"] is not None:
            assert properties["root_px"][0] * 8 == pytest.approx(float(row["root_x_um"]), abs=0.1)


def test_summary_has_the_keys_of_the_schema_and_its_identities_hold(measured):
    summary = json.loads((measured / "one/summary.json").read_text())
    assert [name for name in summary if name in column_names(SUMMARY)] == column_names(SUMMARY)
    features = json.loads((measured / "one/traces.geojson").read_text())["features"]
    assert summary["n_hairs"] == sum(feature["properties"]["count_weight"] for feature in features)
    assert summary["density_per_cm2"] == summary["n_hairs"] / summary["area_cm2"]
    assert summary["density_per_cm2_low"] <= summary["density_per_cm2"] <= summary["density_per_cm2_high"]
    assert set(summary["image"]) == {"sha256", "width_px", "height_px", "tone"}


def test_no_output_names_the_file_unless_asked(measured, pictures, tmp_path, run):
    assert b"one.png" not in b"".join(tree(measured).values())
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE, "--record-names").code == 0
    assert json.loads((tmp_path / "out/one/summary.json").read_text())["image"]["name"] == "one.png"


def test_python_does_what_the_command_does(measured, phantom_folder, tmp_path):
    image = dm.read(phantom_folder / "one.png", um_per_px=8)
    result = dm.analyze(image)
    result.save(tmp_path / "one")
    assert tree(tmp_path / "one") == tree(measured / "one")
    assert list(result.hairs.columns) == column_names(HAIRS)
    assert result.summary["n_hairs"] == result.hairs["count_weight"].sum()


def test_results_do_not_depend_on_the_number_of_processes(measured, pictures, tmp_path, run):
    finished = run("analyze", pictures, "--out", tmp_path / "out", *SCALE, "--jobs", 2)
    assert finished.code == 0
    assert tree(tmp_path / "out") == tree(measured)


def test_a_second_call_adds_and_replaces(measured, pictures, tmp_path, run):
    out = tmp_path / "out"
    assert run("analyze", pictures / "one.png", "--out", out, *SCALE).code == 0
    assert run("analyze", pictures / "two.png", pictures / "one.png", "--out", out, *SCALE).code == 0
    assert tree(out) == tree(measured)


def test_no_overlay(pictures, tmp_path, run):
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE, "--no-overlay").code == 0
    assert {path.name for path in (tmp_path / "out/one").iterdir()} == RESULTS - {"overlay.png"}


def test_stdout_is_a_sentence_and_a_table(pictures, tmp_path, run):
    finished = run("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE)
    assert finished.out.startswith("one: ")
    assert "hairs per cm²" in finished.out
    assert "overlay.png" in finished.out
    assert finished.err == ""


def test_json_is_one_object_with_a_schema(pictures, tmp_path, run):
    finished = run("analyze", pictures, "--out", tmp_path / "out", *SCALE, "--json")
    content = json.loads(finished.out)
    assert content["schema"] == "densitometry.analyze/1"
    assert [entry["picture"] for entry in content["images"]] == ["one", "two"]
    assert content["images"][0]["summary"] == json.loads((tmp_path / "out/one/summary.json").read_text())


def test_verbose_says_more_on_stderr_and_quiet_nothing(pictures, tmp_path, run):
    assert "one: measured" in run("analyze", pictures, "--out", tmp_path / "out", *SCALE, "-v").err
    assert run("analyze", pictures, "--out", tmp_path / "out", *SCALE, "-q").err == ""


@pytest.mark.parametrize(
    ("options", "origin", "rel_error"),
    [
        (("--um-per-px", "8", "--scale-error-pct", "1"), "option", 0.01),
        (("--field-width-mm", "2.56"), "field_width", None),
        (("--scale-from", "sidecar"), "sidecar", None),
    ],
)
def test_each_way_to_state_the_scale(pictures, tmp_path, run, options, origin, rel_error):
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *options).code == 0
    scale = json.loads((tmp_path / "out/one/summary.json").read_text())["scale"]
    assert scale["um_per_px"] == pytest.approx(8)
    assert scale["origin"] == origin
    assert scale["rel_error"] == rel_error


def test_a_device_profile_states_the_scale_and_its_error(pictures, tmp_path, run):
    (tmp_path / "scope.toml").write_text(
        'name = "scope"\nfield_width_mm = 2.56\nerror_pct = 2.0\nsource = "micrometer"\n'
    )
    device = ("--device", tmp_path / "scope.toml")
    assert run("analyze", pictures / "one.png", "--out", tmp_path / "out", *device).code == 0
    scale = json.loads((tmp_path / "out/one/summary.json").read_text())["scale"]
    assert (scale["um_per_px"], scale["origin"], scale["rel_error"]) == (8.0, "device", 0.02)


def test_a_recipe_file_and_an_override_change_the_digest(pictures, tmp_path, run):
    (tmp_path / "mine.toml").write_text(
        'schema = "densitometry.recipe/1"\nname = "mine"\nextends = "base"\n[measure]\nunit_radius_um = 120\n'
    )
    start = ("analyze", pictures / "one.png", *SCALE)
    assert run(*start, "--out", tmp_path / "a", "--recipe", tmp_path / "mine.toml").code == 0
    assert run(*start, "--out", tmp_path / "b", "--set", "measure.unit_radius_um=120").code == 0
    assert run(*start, "--out", tmp_path / "c").code == 0
    a, b, c = (
        json.loads((tmp_path / out / "one/summary.json").read_text())["recipe_digest"] for out in "abc"
    )
    assert a == b != c


def test_another_recipe_is_refused_unless_forced(pictures, tmp_path, run):
    start = ("analyze", pictures / "one.png", "--out", tmp_path / "out", *SCALE)
    assert run(*start).code == 0
    before = tree(tmp_path / "out")
    finished = run(*start, "--set", "measure.unit_radius_um=120")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E105]:")
    assert tree(tmp_path / "out") == before
    assert run(*start, "--set", "measure.unit_radius_um=120", "--force").code == 0


def test_an_interrupt_lost_in_a_library_stops_the_run(pictures, tmp_path, run, monkeypatch):
    """As where a compiler calls Python back: the interrupt is printed there, and the compiler fails."""

    def lose(*_, **__):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise RuntimeError("no compiled object yet")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr("densitometry.analysis.analyze", lose)
            finished = run("analyze", pictures, "--out", tmp_path / "out", *SCALE)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert finished.code == 130
    assert finished.error_lines == ["interrupted: what was finished is whole, nothing else was written"]
    assert not (tmp_path / "out").exists()
    assert run("analyze", pictures, "--out", tmp_path / "out", *SCALE).code == 0


@pytest.mark.slow
def test_an_interrupt_leaves_whole_folders_only_and_exits_130(pictures, tmp_path, start):
    for number in range(600):
        (pictures / f"more-{number:03d}.png").write_bytes((pictures / "one.png").read_bytes())
    out = tmp_path / "out"
    for jobs in ("1", "2"):
        with start("analyze", pictures, "--out", out, *SCALE, "--jobs", jobs, "-q") as process:
            try:
                deadline = time.monotonic() + 120
                while (
                    not list(out.glob("[!.]*/summary.json"))
                    and process.poll() is None
                    and time.monotonic() < deadline
                ):
                    time.sleep(0.02)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == 130, err
        assert "Traceback" not in err
        folders = {path.name for path in out.iterdir() if path.is_dir()}
        assert all({path.name for path in (out / name).iterdir()} == RESULTS for name in folders)
        assert folders == set(pd.read_csv(out / "images.tsv", sep="\t")["picture"])
        for path in sorted(out.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
