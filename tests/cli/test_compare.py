from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import densitometry as dm
from densitometry import follow
from densitometry.comparison import follow_settings
from densitometry.recipe import load_recipe
from densitometry.schema import CHANGE, CHANGE_FIGURES, LINKS, column_names, dtypes
from densitometry.schema_study import GROWTH_MEASURES

SIDECAR = ("--scale-from", "sidecar")
PICTURE = {"traces.geojson", "hairs.csv", "summary.json", "overlay.png"}
DRAWN = {"overlay.png", "baseline.jpg", "followup.jpg"}
OWN = {"change.json", "links.csv", "recipe.toml"} | DRAWN


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of one spot and one of another person's, `before`, `after` and `other`, with sidecars."""
    import dataclasses

    from densitometry import simulate
    from densitometry.simulate.series import SeriesSettings, shoot_series

    folder = tmp_path_factory.mktemp("visits")
    scene = dataclasses.replace(simulate.preset("clipped"), size_px=(600, 480), um_per_px=8.0)
    settings = SeriesSettings(scene, visits=2, replicates=1)
    shots = list(shoot_series(settings, np.random.default_rng(5)))
    other = next(shoot_series(settings, np.random.default_rng(77)))
    for name, shot in (("before", shots[0]), ("after", shots[1]), ("other", other)):
        simulate.write_phantom(folder, name, shot.phantom)
        (folder / f"{name}.json").write_text(json.dumps(shot.truth()))
    return folder


@pytest.fixture(scope="session")
def compared(visits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from densitometry.cli.app import run

    out = tmp_path_factory.mktemp("compared") / "out"
    arguments = ["compare", visits / "before.png", visits / "after.png", "--out", out, *SIDECAR]
    assert run([str(part) for part in arguments]) == 0
    return out


@pytest.fixture(scope="session")
def change(compared: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((compared / "change.json").read_text())
    return found


def test_it_writes_both_pictures_and_the_comparison(compared):
    assert {path.name for path in compared.iterdir()} == OWN | {"before", "after"}
    for name in ("before", "after"):
        assert {path.name for path in (compared / name).iterdir()} == PICTURE


def test_change_has_the_keys_of_the_schema(change):
    assert set(column_names(CHANGE)) <= set(change)
    assert change["schema"] == "densitometry.change/1"
    registration = change["registration"]
    assert registration["status"] == "ok"
    assert np.shape(registration["affine_px"]) == (2, 3)
    assert len(registration["grid"]) == 9
    assert all(len(column) == 7 for column in registration["grid"])
    assert registration["residual_um"] < 50
    assert 0.5 < registration["overlap_fraction"] <= 1
    assert set(registration["scale_ratio"]) == {"value", "low", "high"}
    for name in CHANGE_FIGURES:
        figure = change[name]
        assert {"value", "low", "high", "sdc", "kind"} <= set(figure)
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert change["verdict"] in {"improved", "stable", "worsened", "undetermined"}
    assert change["pairing"] == "hairs"
    assert change["verdict_endpoint"] == "terminal_density"
    assert {"source", "sd", "df", "n"} <= set(change["sdc_source"])


def test_links_have_the_columns_of_the_schema_and_name_hairs_of_both_pictures(compared, change):
    assert dict(follow.LINK_COLUMNS) == dtypes(LINKS)
    links = pd.read_csv(compared / "links.csv")
    assert list(links.columns) == column_names(LINKS)
    for fate, count in change["hairs"].items():
        assert (links["status"] == fate).sum() == count
    for name, column in (("before", "baseline_hair_id"), ("after", "followup_hair_id")):
        ids = links[column].dropna()
        assert ids.is_unique
        assert set(ids) <= set(pd.read_csv(compared / name / "hairs.csv")["hair_id"])
    matched = links[links["status"] == "matched"]
    assert matched[["baseline_hair_id", "followup_hair_id"]].notna().all().all()
    assert links[links["status"] == "gained"]["baseline_hair_id"].isna().all()
    assert links[links["status"] == "lost"]["followup_hair_id"].isna().all()


def follicles(visits: Path, compared: Path, name: str) -> dict[int, int]:
    """Return hair_id → follicle for hairs whose root lies at a true root."""
    truth = [
        hair for hair in json.loads((visits / f"{name}.json").read_text())["hairs"] if hair["root_inside"]
    ]
    roots = np.array([hair["root_px"] for hair in truth]) * 8
    measured = pd.read_csv(compared / name / "hairs.csv").dropna(subset=["root_x_um"])
    found = {}
    for row in measured.itertuples():
        gap = np.hypot(roots[:, 0] - row.root_x_um, roots[:, 1] - row.root_y_um)
        if gap.min() < 60:
            found[row.hair_id] = truth[int(gap.argmin())]["follicle"]
    return found


def test_matched_hairs_grow_from_one_follicle(visits, compared):
    links = pd.read_csv(compared / "links.csv")
    before, after = (follicles(visits, compared, name) for name in ("before", "after"))
    pairs = [
        (before[row.baseline_hair_id], after[row.followup_hair_id])
        for row in links[links["status"] == "matched"].itertuples()
        if row.baseline_hair_id in before and row.followup_hair_id in after
    ]
    assert len(pairs) >= 10
    assert sum(a == b for a, b in pairs) >= 0.8 * len(pairs)


def test_the_sentence_names_the_verdict(visits, compared, tmp_path, run, change):
    finished = run("compare", visits / "before.png", visits / "after.png", "--out", tmp_path / "o", *SIDECAR)
    assert finished.code == 0
    assert finished.out.startswith(f"{change['verdict']}: ")
    assert "matched" in finished.out
    assert finished.err == ""
    assert tree(tmp_path / "o") == tree(compared)


def test_json_is_one_object_with_a_schema_and_the_change(visits, tmp_path, run, change):
    arguments = (visits / "before.png", visits / "after.png", "--out", tmp_path / "out", *SIDECAR)
    finished = run("compare", *arguments, "--no-overlay", "--json", "-v")
    content = json.loads(finished.out)
    assert {key: content[key] for key in change} == change
    assert content["failed"] == []
    assert "before.png: accept" in finished.err
    assert not list((tmp_path / "out").rglob("overlay.png"))


def test_python_does_what_the_command_does(visits, compared, tmp_path):
    results = [
        dm.analyze(dm.read(visits / f"{name}.png", scale_from="sidecar")) for name in ("before", "after")
    ]
    found = dm.compare(*results)
    found.save(tmp_path / "out")
    assert tree(tmp_path / "out") == tree(compared)
    assert list(found.links.columns) == column_names(LINKS)
    assert found.verdict == json.loads((compared / "change.json").read_text())["verdict"]
    assert found.reason


def test_another_person_is_refused_and_exits_0(visits, tmp_path, run):
    out = tmp_path / "out"
    finished = run("compare", visits / "before.png", visits / "other.png", "--out", out, *SIDECAR)
    assert finished.code == 0
    assert finished.out.startswith("refused: ")
    found = json.loads((out / "change.json").read_text())
    assert (found["registration"]["status"], found["verdict"]) == ("refused", "refused")
    assert found["registration"]["reason"]
    assert all(found[name] is None for name in CHANGE_FIGURES)
    assert (out / "links.csv").read_text() == ",".join(column_names(LINKS)) + "\n"
    assert (out / "overlay.png").is_file()


@pytest.fixture
def copies(visits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(visits, tmp_path / "pictures"))


def test_a_picture_without_hair_is_a_clear_refusal(copies, tmp_path, run):
    skin = np.full((480, 600, 3), (140, 150, 190), np.uint8)
    noise = np.random.default_rng(1).normal(0, 4, skin.shape)
    cv2.imwrite(str(copies / "bald.png"), np.clip(skin + noise, 0, 255).astype(np.uint8))
    out = tmp_path / "out"
    finished = run("compare", copies / "before.png", copies / "bald.png", "--out", out, "--um-per-px", "8")
    assert finished.code in (0, 5)
    assert json.loads((out / "change.json").read_text())["verdict"] == "refused"


def test_equal_stems_are_told_apart(copies, tmp_path, run):
    (copies / "later").mkdir()
    shutil.copy(copies / "after.png", copies / "later/before.png")
    arguments = (copies / "before.png", copies / "later/before.png", "--out", tmp_path / "out")
    assert run("compare", *arguments, "--um-per-px", "8", "--no-overlay").code == 0
    folders = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert folders == {"baseline-before", "followup-before"}


def test_several_pictures_a_visit(copies, tmp_path, run):
    shutil.copy(copies / "before.png", copies / "again.png")
    pictures = ("--baseline", copies / "before.png", copies / "again.png", "--followup", copies / "after.png")
    finished = run("compare", *pictures, "--um-per-px", "8", "--out", tmp_path / "out", "--no-overlay")
    assert finished.code == 0, finished.err
    assert json.loads((tmp_path / "out/change.json").read_text())["pictures"]["baseline"] == 2
    assert (tmp_path / "out/again").is_dir()


def test_another_scale_at_the_followup(copies, tmp_path, run):
    after = cv2.imread(str(copies / "after.png"))
    cv2.imwrite(str(copies / "fine.png"), cv2.resize(after, None, fx=1.25, fy=1.25))
    pictures = (copies / "before.png", copies / "fine.png", "--out", tmp_path / "out", "--no-overlay")
    scale = ("--um-per-px", "8", "--scale-error-pct", "1", "--followup-um-per-px", "6.4")
    assert run("compare", *pictures, *scale).code == 0
    scales = [
        json.loads((tmp_path / "out" / name / "summary.json").read_text())["scale"]
        for name in ("before", "fine")
    ]
    assert [scale["um_per_px"] for scale in scales] == [8.0, 6.4]
    assert [scale["rel_error"] for scale in scales] == [0.01, 0.01]
    ratio = json.loads((tmp_path / "out/change.json").read_text())["registration"]["scale_ratio"]
    assert ratio["value"] == pytest.approx(1.0, abs=0.03)


def test_the_days_between_ask_for_growth(visits, tmp_path, run, change):
    assert change["growth"] is None
    pictures = (visits / "before.png", visits / "after.png", "--out", tmp_path / "out", *SIDECAR)
    finished = run("compare", *pictures, "--days", "2", "--no-overlay")
    assert finished.code == 0
    assert "\ngrowth: " in finished.out
    found = json.loads((tmp_path / "out/change.json").read_text())["growth"]
    assert list(found) == column_names(GROWTH_MEASURES)
    assert run("compare", *pictures, "--days", "0").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("before.png",),
        ("before.png", "after.png", "other.png"),
        ("--baseline", "before.png"),
        ("--followup", "before.png"),
        ("--baseline",),
        ("--baseline", "before.png", "--followup", "after.png", "--", "other.png"),
        ("before.png", "absent.png"),
        (),
    ],
    ids=" ".join,
)
def test_usage_errors_exit_2(visits, tmp_path, run, arguments, monkeypatch):
    monkeypatch.chdir(visits)
    finished = run("compare", *arguments, "--um-per-px", "8", "--out", tmp_path / "out")
    assert finished.code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "E103"),
        (("--um-per-px", "0.001"), "E103"),
        (("--um-per-px", "8", "--followup-um-per-px", "-1"), "E103"),
        (("--um-per-px", "8", "--device", "absent.toml"), "E103"),
        (("--field-width-mm", "4.8", "--um-per-px", "5"), "E103"),
        (("--um-per-px", "8", "--recipe", "absent"), "E104"),
        (("--um-per-px", "8", "--set", "follow.verdict_endpoint=length"), "E104"),
    ],
)
def test_what_cannot_be_is_refused_in_three_lines_before_anything_is_written(
    visits, tmp_path, run, options, code
):
    pictures = (visits / "before.png", visits / "after.png")
    finished = run("compare", *pictures, "--out", tmp_path / "out", *options)
    assert finished.code == 3
    assert finished.error_lines[0].startswith(f"error[{code}]: ")
    assert [line.split(":")[0].strip() for line in finished.error_lines[1:]] == ["why", "fix"]
    assert not (tmp_path / "out").exists()


def test_an_unreadable_picture_is_refused(copies, tmp_path, run):
    (copies / "after.png").write_bytes((copies / "after.png").read_bytes()[:5000])
    pictures = (copies / "before.png", copies / "after.png")
    finished = run("compare", *pictures, "--out", tmp_path / "out", "--um-per-px", "8", "-q")
    assert finished.code == 3
    assert finished.error_lines[0].startswith("error[E101]: ")
    assert not (tmp_path / "out").exists()


def test_one_unreadable_replicate_leaves_the_others(copies, tmp_path, run):
    (copies / "broken.png").write_bytes(b"no picture")
    pictures = (
        "--baseline",
        copies / "before.png",
        "--followup",
        copies / "after.png",
        copies / "broken.png",
    )
    finished = run("compare", *pictures, "--out", tmp_path / "out", "--um-per-px", "8", "--no-overlay")
    assert finished.code == 5
    assert finished.error_lines[0].startswith("error[E101]: ")
    assert (tmp_path / "out/change.json").is_file()


def test_pictures_that_the_gate_refuses(copies, tmp_path, run):
    for name in ("black", "dark"):
        cv2.imwrite(str(copies / f"{name}.png"), np.zeros((480, 600, 3), np.uint8))
    scale = ("--um-per-px", "8", "--no-overlay")
    finished = run("compare", copies / "before.png", copies / "black.png", "--out", tmp_path / "one", *scale)
    assert finished.code == 5
    found = json.loads((tmp_path / "one/change.json").read_text())
    assert (found["verdict"], found["reason_code"]) == ("refused", "quality_rejected")
    finished = run("compare", copies / "dark.png", copies / "black.png", "--out", tmp_path / "two", *scale)
    assert finished.code == 4


def test_an_output_folder_with_other_files_is_refused(visits, tmp_path, run):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    pictures = (visits / "before.png", visits / "after.png")
    finished = run("compare", *pictures, "--out", tmp_path / "out", "--um-per-px", "8")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E105]:")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_an_earlier_comparison_is_replaced_whole(compared, visits, tmp_path, run):
    out = Path(shutil.copytree(compared, tmp_path / "out"))
    pictures = (visits / "before.png", visits / "other.png")
    assert run("compare", *pictures, "--out", out, *SIDECAR, "--no-overlay").code == 0
    assert {path.name for path in out.iterdir()} == (OWN - DRAWN) | {"before", "other"}
    (out / "before/notes.txt").write_text("mine")
    before = tree(out)
    assert run("compare", *pictures, "--out", out, *SIDECAR).code == 3
    assert tree(out) == before


def test_two_pictures_of_a_visit_with_one_name_are_refused(copies, tmp_path, run):
    (copies / "later").mkdir()
    shutil.copy(copies / "before.png", copies / "later/before.png")
    pictures = (
        "--baseline",
        copies / "before.png",
        copies / "later/before.png",
        "--followup",
        copies / "after.png",
    )
    finished = run("compare", *pictures, "--out", tmp_path / "out", "--um-per-px", "8")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E106]:")


def test_pictures_measured_with_different_recipes_are_not_compared(visits):
    image = dm.read(visits / "before.png", um_per_px=8)
    other = load_recipe(overrides=["follow.margin_pct=5"])
    with pytest.raises(dm.DensitometryError, match="different recipes"):
        dm.compare(dm.analyze(image), dm.analyze(image, other))
    with pytest.raises(dm.DensitometryError, match="no picture"):
        dm.compare([], dm.analyze(image))


def test_the_recipe_says_what_following_says_by_itself():
    assert follow_settings(load_recipe()) == follow.FollowSettings()
    assert follow_settings(load_recipe(), unpaired=True).unpaired_fallback
