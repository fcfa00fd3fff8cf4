from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from densitometry import follow
from densitometry.recipe import load_recipe
from densitometry.report import changes
from densitometry.schema import HAIRS, column_names, dtypes
from densitometry.schema_study import (
    CHANGES,
    COURSES,
    GROWTH,
    PEOPLE,
    REPEATABILITY,
    SESSIONS,
    STUDY_HAIRS,
    STUDY_IMAGES,
    VISITS,
)
from densitometry.stored import load_analysis, read_hairs
from densitometry.study import read_study
from densitometry.study.plan import scale_of

PICTURE = {"traces.geojson", "hairs.csv", "summary.json", "overlay.png"}
TABLES = {
    "images.tsv",
    "hairs.parquet",
    "data_dictionary.tsv",
    "visits.tsv",
    "change.tsv",
    "repeatability.tsv",
    "growth.tsv",
    "cycles.tsv",
    "participants.tsv",
    "sessions.tsv",
    "treatments.tsv",
    "recipe.toml",
}
FIRST = "sub-01_ses-w00_site-vertex_run-1_trich"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "environment.json" and path.parent.name != "logs"
    }


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t", dtype={"participant": str}, na_values=["n/a"])


def row(folder: Path, name: str, **wanted: str) -> pd.Series:
    found = table(folder, name)
    for column, value in wanted.items():
        found = found[found[column] == value]
    assert len(found) == 1, (name, wanted, len(found))
    return found.iloc[0]


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person, two visits: two runs of one site, small pictures."""
    from densitometry import simulate
    from densitometry.simulate.series import SeriesSettings
    from densitometry.simulate.studies import StudyPlan, write_study

    scene = dataclasses.replace(simulate.preset("clipped"), size_px=(520, 416), um_per_px=8.0)
    folder = tmp_path_factory.mktemp("study") / "study"
    write_study(folder, StudyPlan(SeriesSettings(scene, visits=2), people=1), seed=3)
    return folder


@pytest.fixture(scope="session")
def small_results(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from densitometry.cli.app import run

    out = tmp_path_factory.mktemp("results") / "out"
    assert run(["study", "run", str(small_study), str(out), "-q"]) == 0
    return out


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_study, tmp_path / "study"))


@pytest.fixture
def out(small_results: Path, tmp_path: Path) -> Path:
    """Results of the study as it was; what is not changed is kept, so that runs are short."""
    return Path(shutil.copytree(small_results, tmp_path / "out"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_every_picture_has_its_folder_and_every_table_its_columns(small_results):
    assert TABLES | {"recipe.toml", "environment.json", "logs", "sub-01"} == {
        path.name for path in small_results.iterdir()
    }
    assert {path.name for path in (small_results / "sub-01/ses-w00" / FIRST).iterdir()} == PICTURE
    for name, columns in (
        ("images.tsv", STUDY_IMAGES),
        ("visits.tsv", VISITS),
        ("change.tsv", CHANGES),
        ("repeatability.tsv", REPEATABILITY),
        ("growth.tsv", GROWTH),
        ("participants.tsv", PEOPLE),
        ("sessions.tsv", SESSIONS),
        ("treatments.tsv", COURSES),
    ):
        assert list(table(small_results, name).columns) == column_names(columns)
    hairs = pd.read_parquet(small_results / "hairs.parquet")
    assert list(hairs.columns) == column_names(STUDY_HAIRS)
    one = read_hairs(small_results / "sub-01/ses-w00" / FIRST / "hairs.csv")
    same = hairs[(hairs["session"] == "w00") & (hairs["run"] == 1)]
    assert same[column_names(HAIRS)].reset_index(drop=True).astype(dtypes(HAIRS)).equals(one)


def test_images_table_has_a_row_an_input_with_its_entities(small_results):
    images = table(small_results, "images.tsv")
    assert set(images["status"]) == {"measured"}
    assert list(images["picture"]) == sorted(images["picture"])
    assert set(images["participant"]) == {"01"}
    assert list(images["run"]) == [1, 2, 1, 2]


def test_visits_are_means_of_their_runs(small_results):
    visits, images = table(small_results, "visits.tsv"), table(small_results, "images.tsv")
    assert list(visits["session"]) == ["w00", "w12"]
    assert list(visits["day"]) == [0, 84]
    assert list(visits["baseline"]) == [True, False]
    for visit in visits.itertuples():
        runs = images[images["session"] == visit.session]
        assert (visit.n_pictures, visit.n_accepted) == (2, 2)
        assert visit.density_per_cm2 == pytest.approx(runs["density_per_cm2"].mean(), abs=1e-3)
        assert visit.density_per_cm2_sd == pytest.approx(runs["density_per_cm2"].std(), abs=1e-3)
        assert visit.density_per_cm2_low <= visit.density_per_cm2 <= visit.density_per_cm2_high


def test_changes_compare_each_visit_with_the_baseline(small_study, small_results):
    found = row(small_results, "change.tsv", session="w12")
    assert (found["baseline_session"], found["day"]) == ("w00", 84)
    assert (found["n_baseline"], found["n_followup"]) == (2, 2)
    assert found["registration"] == "ok"
    assert found["pairing"] == "hairs"
    assert found["sdc_source"] == "person"
    assert found["verdict"] in {"improved", "stable", "worsened", "undetermined"}
    folder = small_results / "sub-01/ses-w12/sub-01_ses-w12_site-vertex_change"
    record = json.loads((folder / "change.json").read_text())
    assert record["verdict"] == found["verdict"]
    assert record["density_change_pct"]["value"] == pytest.approx(found["density_change_pct"], abs=1e-4)
    assert (folder / "links.csv").is_file()
    assert {path.name for path in folder.iterdir()} == changes.COMPARISON_NAMES
    plain = cv2.imread(str(folder / "baseline.jpg")).astype(float)
    taken = cv2.imread(str(small_study / f"sub-01/ses-w00/trich/{FIRST}.png")).astype(float)
    assert np.abs(plain - taken).mean() < 4
    laid = cv2.imread(str(folder / "followup.jpg"))
    assert laid.shape == plain.shape


def test_a_study_takes_the_second_look_that_compare_takes(small_study, small_results):
    """Following rests on the pictures, not on tables alone: both ways give one answer."""
    recipe = load_recipe()
    visits: dict[str, list[follow.Patch]] = {"w00": [], "w12": []}
    for picture in read_study(small_study).pictures:
        scale = scale_of(picture)
        analysis = load_analysis(small_results / picture.folder, picture.path, scale, recipe)
        visits[picture.session].append(follow.patch_of(analysis))
    expected = follow.compare_visits(visits["w00"], visits["w12"])
    assert expected.change is not None
    figure = expected.change.figures["density_change_pct"]
    found = row(small_results, "change.tsv", session="w12")
    for name, value in (("", figure.value), ("_low", figure.low), ("_high", figure.high)):
        assert found[f"density_change_pct{name}"] == pytest.approx(value, abs=1e-4)
    blind = [[dataclasses.replace(patch, look=None) for patch in patches] for patches in visits.values()]
    without = follow.compare_visits(*blind).change
    assert without is not None
    assert without.figures["density_change_pct"].value != pytest.approx(figure.value, abs=1e-3)


def test_repeatability_is_pooled_over_the_replicates(small_results):
    found = table(small_results, "repeatability.tsv")
    assert set(found["source"]) == {"study"}
    assert set(found["df"]) == {42.0}


def test_environment_names_versions_and_no_path(small_results):
    found = json.loads((small_results / "environment.json").read_text())
    assert {"version", "python", "platform", "packages"} <= set(found)
    assert "/" not in json.dumps(found["packages"])


def test_a_second_run_measures_nothing_and_gives_the_same_bytes(study, out, run, small_results):
    before = (out / "sub-01/ses-w00" / FIRST / "summary.json").stat().st_mtime_ns
    finished = run("study", "run", study, out)
    assert finished.code == 0
    assert "4 kept" in finished.out
    assert (out / "sub-01/ses-w00" / FIRST / "summary.json").stat().st_mtime_ns == before
    assert tree(out) == tree(small_results)


@pytest.mark.slow
def test_only_what_is_missing_is_measured_and_by_any_number_of_processes(study, out, run, small_results):
    shutil.rmtree(out / "sub-01/ses-w00" / FIRST)
    shutil.rmtree(out / "sub-01/ses-w12/sub-01_ses-w12_site-vertex_run-2_trich")
    (out / "change.tsv").unlink()
    plan = run("study", "run", study, out, "--dry-run", "--json")
    assert json.loads(plan.out)["measure"] == [FIRST, "sub-01_ses-w12_site-vertex_run-2_trich"]
    assert not (out / "change.tsv").exists()
    assert run("study", "run", study, out, "--jobs", 2, "-q").code == 0
    assert tree(out) == tree(small_results)


def test_a_changed_scale_is_measured_again(study, out, run):
    path = study / f"sub-01/ses-w00/trich/{FIRST}.json"
    path.write_text('{"PixelSize": [8.1, 8.1], "PixelSizeUnits": "um"}')
    finished = run("study", "run", study, out, "--dry-run")
    assert f"would measure {FIRST}" in finished.out
    assert "1 to measure, 3 kept, 0 not measured" in finished.out


def test_force_measures_everything_again(study, out, run):
    finished = run("study", "run", study, out, "--force", "--dry-run")
    assert "4 to measure, 0 kept" in finished.out


def test_another_recipe_is_refused_unless_forced(study, out, run):
    finished = run("study", "run", study, out, "--set", "follow.margin_pct=5")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E105]:")
    assert (
        "4 to measure"
        in run("study", "run", study, out, "--recipe", "trichoscopy", "--force", "--dry-run").out
    )


def test_json_is_one_object(study, out, run):
    content = json.loads(run("study", "run", study, out, "--json", "-q").out)
    assert content["schema"] == "densitometry.study-run/1"
    assert content["images"] == {"measured": 4}
    assert [change["session"] for change in content["changes"]] == ["w12"]


def test_participants_and_sessions_are_chosen_by_label(study, tmp_path, run):
    fresh = tmp_path / "fresh"
    plan = run("study", "run", study, fresh, "--participant", "sub-01", "--session", "w12", "--dry-run").out
    assert "2 to measure" in plan
    for option in ("--participant", "--session"):
        finished = run("study", "run", study, fresh, option, "99")
        assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E205]:")
    assert not fresh.exists()


def test_no_study_is_refused(tmp_path, run):
    finished = run("study", "run", tmp_path / "absent", tmp_path / "out")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E201]:")
    assert run("study", "init", tmp_path / "empty").code == 0
    finished = run("study", "run", tmp_path / "empty", tmp_path / "out")
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E201]:")
    assert not (tmp_path / "out").exists()


VISITS_OF_01 = "sub-01/sub-01_sessions.tsv"


def refused(study: Path, out: Path, run, code: str, words: str) -> None:
    """Run the study and expect that its pictures stay measured and its change is refused with a reason."""
    finished = run("study", "run", study, out, "--no-overlay")
    assert finished.code == 0, finished.err
    assert set(table(out, "images.tsv")["status"]) == {"measured"}
    found = row(out, "change.tsv", session="w12")
    assert (found["verdict"], found["reason_code"]) == ("refused", code)
    assert words in found["reason"]
    assert np.isnan(found["density_change_pct"])
    assert row(out, "visits.tsv", session="w12")["status"] == "measured"


def test_a_visit_without_date_or_day(study, out, run):
    edit(study / VISITS_OF_01, "2026-04-06\t12", "n/a\t12")
    refused(study, out, run, "E204", "neither date nor day")


def test_two_baselines(study, out, run):
    edit(study / VISITS_OF_01, "12\tn", "12\ty")
    refused(study, out, run, "E204", "both marked")


def test_a_followup_older_than_its_baseline(study, out, run):
    edit(study / VISITS_OF_01, "2026-04-06", "2025-04-06")
    refused(study, out, run, "E204", "older than")


def test_a_date_of_two_readings(study, out, run):
    edit(study / VISITS_OF_01, "2026-04-06\t12", "03/04/2026\t12")
    refused(study, out, run, "E202", "03/04/2026")


def test_a_treatment_of_an_unknown_participant_stops_nothing(study, out, run):
    with (study / "treatments.tsv").open("a") as file:
        file.write("sub-77\tfinasteride\t2026-01-12\toral\t\n")
    finished = run("study", "run", study, out)
    assert finished.code == 0
    assert "77" in finished.err
    assert row(out, "change.tsv", session="w12")["verdict"] != "refused"


def rename(study: Path, old: str, new: str) -> None:
    for path in list((study / "sub-01/ses-w12/trich").iterdir()):
        target = study / str(path.relative_to(study)).replace(old, new)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


@pytest.mark.parametrize(
    ("old", "new", "site", "modality"),
    [("site-vertex", "site-frontal", "frontal", "trich"), ("trich", "macro", "vertex", "macro")],
    ids=["other site", "mixed modalities"],
)
def test_what_was_not_pictured_alike_is_not_compared(study, out, run, old, new, site, modality):
    rename(study, old, new)
    assert run("study", "run", study, out, "--no-overlay", "-q").code == 0
    found = row(out, "change.tsv", session="w12", site=site, modality=modality)
    assert found["verdict"] == "refused"
    assert found["reason_code"] in {"no_picture", "E201"}
    missed = row(out, "change.tsv", session="w12", site="vertex", modality="trich")
    assert missed["verdict"] == "refused"
    assert row(out, "visits.tsv", session="w12", site="vertex", modality="trich")["status"] == "missed"


def test_a_missing_sidecar_stops_its_picture_only(study, out, run):
    (study / f"sub-01/ses-w00/trich/{FIRST}.json").unlink()
    finished = run("study", "run", study, out)
    assert finished.code == 5
    found = row(out, "images.tsv", picture=FIRST)
    assert (found["status"], found["error_code"]) == ("failed", "E103")
    assert "scale" in found["error"]
    assert row(out, "visits.tsv", session="w00")["n_accepted"] == 1
    assert row(out, "change.tsv", session="w12")["n_baseline"] == 1


def test_an_unreadable_picture_is_a_row(study, out, run):
    (study / f"sub-01/ses-w00/trich/{FIRST}.png").write_bytes(b"no picture")
    finished = run("study", "run", study, out, "--no-overlay")
    assert finished.code == 5
    assert row(out, "images.tsv", picture=FIRST)["error_code"] == "E101"
    assert row(out, "change.tsv", session="w12")["verdict"] != "refused"


def test_a_misplaced_file_is_a_row(study, out, run):
    shutil.copy(study / f"sub-01/ses-w00/trich/{FIRST}.png", study / "sub-01/ses-w00/trich/holiday.png")
    finished = run("study", "run", study, out, "--no-overlay")
    assert finished.code == 5
    found = table(out, "images.tsv")
    stray = found[found["picture"].str.contains("holiday")]
    assert list(stray["status"]) == ["failed"]
    assert set(found[~found["picture"].str.contains("holiday")]["status"]) == {"measured"}


def skin(shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 4, (*shape, 3))
    return np.clip(np.full((*shape, 3), (140, 150, 190)) + noise, 0, 255).astype(np.uint8)


def test_a_visit_without_hair_is_measured_and_refused(study, out, run):
    for seed, path in enumerate(sorted((study / "sub-01/ses-w12").rglob("*.png"))):
        cv2.imwrite(str(path), skin((416, 520), seed))
    assert run("study", "run", study, out, "--no-overlay").code == 0
    assert row(out, "visits.tsv", session="w12")["n_hairs"] == 0
    found = row(out, "change.tsv", session="w12")
    assert found["verdict"] in {"refused", "undetermined"}


def test_too_little_overlap_falls_back_to_the_two_fields_or_refuses(study, out, run):
    for path in (study / "sub-01/ses-w12").rglob("*.png"):
        picture = cv2.imread(str(path))
        cv2.imwrite(str(path), picture[::-1, ::-1].copy())
    assert run("study", "run", study, out, "--no-overlay").code == 0
    found = row(out, "change.tsv", session="w12")
    assert found["pairing"] == "none"
    assert found["registration"] == "refused"
    assert found["verdict"] in {"refused", "undetermined", "stable"}
    if not np.isnan(found["density_change_pct"]):
        assert found["interval_kind"] == "region"


def test_a_whole_head_photograph_is_left_out(study, out, run):
    folder = study / "sub-01/ses-w00/global"
    folder.mkdir()
    cv2.imwrite(str(folder / "sub-01_ses-w00_run-1_global.jpg"), skin((200, 200)))
    finished = run("study", "run", study, out, "--no-overlay")
    assert finished.code == 0, finished.err
    assert row(out, "images.tsv", modality="global")["status"] == "left_out"
    assert "left out" in finished.out


def test_a_scarring_diagnosis_and_a_protocol_change_reach_the_verdict(study, out, run):
    edit(study / "participants.tsv", "androgenetic_alopecia", "lichen_planopilaris")
    edit(study / VISITS_OF_01, "2026-04-06\tn\tgel", "2026-04-06\ty\tgel")
    assert run("study", "run", study, out, "--no-overlay").code == 0
    found = row(out, "change.tsv", session="w12")
    assert (found["verdict"], found["reason_code"]) == ("undetermined", "protocol_changed")
    assert "dyed" in found["reason"]


def test_too_early_after_a_treatment(study, out, run):
    (study / "treatments.tsv").write_text(
        "participant\tagent\tstart\troute\tsites\n"
        "sub-01\tminoxidil_topical\t2026-03-01\ttopical\tvertex\n"
        "sub-01\tbotulinum_toxin_a\t2026-02-01\tintradermal\tvertex\n"
    )
    assert run("study", "run", study, out, "--no-overlay").code == 0
    found = row(out, "change.tsv", session="w12")
    assert (found["verdict"], found["reason_code"]) == ("undetermined", "too_early")
    assert found["treatments"] == "minoxidil_topical"
    courses = table(out, "treatments.tsv").set_index("agent")
    assert courses.loc["minoxidil_topical", "start_day"] == 48
    assert bool(courses.loc["botulinum_toxin_a", "single"])
    assert set(courses["sites"]) == {"*"}
    assert (found["last_treatment"], found["days_since_treatment"]) == ("botulinum_toxin_a", 64)


def test_a_clipped_spot_pictured_two_days_later_is_a_phototrichogram(study, out, run):
    edit(study / VISITS_OF_01, "2026-04-06\t12\tn\t2026-04-06", "2026-01-14\t0\tn\t2026-01-12")
    assert run("study", "run", study, out, "--no-overlay").code == 0
    found = row(out, "growth.tsv", session="w12")
    assert (found["previous_session"], found["days"]) == ("w00", 2)
    assert found["n_hairs"] >= 0
    assert isinstance(found["growth_reason"], str) != (found["growing_fraction"] >= 0)


def test_results_do_not_go_into_the_study(study, run):
    for place in (study, study / "sub-01", study / "sub-01/ses-w00"):
        finished = run("study", "run", study, place)
        assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E105]:")
    assert not (study / "images.tsv").exists()
    assert "4 to measure" in run("study", "run", study, study / "derivatives/out", "--dry-run").out


def test_a_manifest_stands_in_place_of_the_tree(study, out, run, small_results):
    rows = ["image,participant,session,date,site,run,um_per_px,clipped_on,diagnosis"]
    for session, day in (("w00", "2026-01-12"), ("w12", "2026-04-06")):
        for number in (1, 2):
            name = f"sub-01_ses-{session}_site-vertex_run-{number}_trich.png"
            image = f"sub-01/ses-{session}/trich/{name}"
            rows.append(f"{image},01,{session},{day},vertex,{number},8,{day},AGA")
    rows.append("absent.png,01,w24,2026-07-01,vertex,1,8,,AGA")
    (study / "pictures.csv").write_text("\n".join(rows) + "\n")
    finished = run("study", "run", study / "pictures.csv", out)
    assert finished.code == 5, finished.err
    images = table(out, "images.tsv")
    assert sorted(images["status"]) == ["failed", *["measured"] * 4]
    assert tree(out)["change.tsv"].splitlines()[1] == tree(small_results)["change.tsv"].splitlines()[1]
    assert row(out, "change.tsv", session="w24")["verdict"] == "refused"
