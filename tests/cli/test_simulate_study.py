from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from densitometry.study import check_study, read_study

SMALL = ("--size-px", "200", "160", "--um-per-px", "10")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def truth(folder: Path, participant: str, session: str, site: str, run: int) -> dict:
    stem = f"sub-{participant}_ses-{session}_site-{site}_run-{run}_trich"
    return json.loads((folder / f"sub-{participant}/ses-{session}/trich/{stem}.json").read_text())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from densitometry.cli.app import run

    folder = tmp_path_factory.mktemp("simulated") / "study"
    options = ["--visits", "3", "--people", "2", "--site", "vertex", "--site", "occiput", "--replicates", "2"]
    more = ["--weeks", "8", "--turnover-pct", "10", "--gain-pct", "20", "--thickening-pct", "15"]
    assert run(["simulate", str(folder), *options, *more, *SMALL, "--last-um-per-px", "12.5"]) == 0
    return folder


def test_it_is_a_study_without_errors(simulated):
    assert [item for item in check_study(simulated) if item.severity == "error"] == []
    study = read_study(simulated)
    assert len(study.pictures) == 2 * 3 * 2 * 2
    assert [person.baseline for person in study.participants] == ["w00", "w00"]
    assert [session.label for session in study.participants[0].sessions] == ["w00", "w08", "w16"]


def test_treated_people_and_sites_are_in_the_tables(simulated):
    study = read_study(simulated)
    assert [person.arm for person in study.participants] == ["treated", "control"]
    courses = [course for person in study.participants for course in person.treatments]
    assert [(course.participant, course.agent.code) for course in courses] == [("01", "minoxidil_topical")]
    assert study.participants[0].is_drift_check("occiput")


def test_injections_are_given_visit_by_visit_and_courses_once(tmp_path, run):
    options = ("--visits", "3", "--people", "1", "--replicates", "1", "--gain-pct", "5", *SMALL)
    agents = ("--agent", "botulinum toxin", "--agent", "minoxidil_topical", "--agent", "Botox")
    assert run("simulate", tmp_path / "a", *options, *agents).code == 0
    courses = read_study(tmp_path / "a").participants[0].treatments
    given = [(course.agent.code, course.route, str(course.start)) for course in courses]
    assert sorted(given) == [
        ("botulinum_toxin_a", "intramuscular_scalp", "2026-01-12"),
        ("botulinum_toxin_a", "intramuscular_scalp", "2026-04-06"),
        ("minoxidil_topical", "topical", "2026-01-12"),
    ]
    finished = run("simulate", tmp_path / "b", *options, "--agent", "snake oil")
    assert (finished.code, (tmp_path / "b").exists()) == (3, False)


def test_another_device_at_the_last_visit_has_another_scale(simulated):
    scales = {(picture.session, picture.um_per_px[0]) for picture in read_study(simulated).pictures}
    assert scales == {("w00", 10.0), ("w08", 10.0), ("w16", 12.5)}


def test_one_follicle_has_one_number_in_all_pictures_and_replicates_show_the_same_hairs(simulated):
    follicles = pd.read_csv(simulated / "derivatives/truth/follicles.tsv", sep="\t")
    spot = follicles[(follicles["participant"] == "sub-01") & (follicles["site"] == "vertex")]
    shows = {
        session.removeprefix("ses-"): set(rows[rows["shows"] == "y"]["follicle"])
        for session, rows in spot.groupby("session")
    }
    for session, showing in shows.items():
        for run in (1, 2):
            hairs = truth(simulated, "01", session, "vertex", run)["hairs"]
            numbers = [hair["follicle"] for hair in hairs]
            assert len(numbers) == len(set(numbers)) > 0
            assert set(numbers) <= showing
    assert shows["w00"] != shows["w08"]
    # the same follicle grows from the same unit and about the same place at every visit
    places: dict[int, list[tuple[int, np.ndarray]]] = {}
    for session in shows:
        content = truth(simulated, "01", session, "vertex", 1)
        for hair in content["hairs"]:
            place = np.array(hair["root_px"]) * content["um_per_px"]
            places.setdefault(hair["follicle"], []).append((hair["fu"], place))
    seen_often = [found for found in places.values() if len(found) == 3]
    assert seen_often
    for found in seen_often:
        assert len({unit for unit, _ in found}) == 1
        assert max(np.linalg.norm(a - found[0][1]) for _, a in found) < 1000


def test_turnover_gain_and_thickening_are_as_asked(simulated):
    follicles = pd.read_csv(simulated / "derivatives/truth/follicles.tsv", sep="\t")
    follicles["shows"] = follicles["shows"] == "y"

    def of(participant: str, site: str, session: str) -> pd.DataFrame:
        chosen = follicles[(follicles["participant"] == participant) & (follicles["site"] == site)]
        return chosen[chosen["session"] == session].set_index("follicle")

    for participant, site, gain, factor in (
        ("sub-01", "vertex", 1.2, 1.15),
        ("sub-01", "occiput", 1.0, 1.0),
        ("sub-02", "vertex", 1.0, 1.0),
    ):
        first, last = of(participant, site, "ses-w00"), of(participant, site, "ses-w16")
        assert last["shows"].sum() == pytest.approx(gain * first["shows"].sum(), abs=1)
        assert (last["diameter_um"] / first["diameter_um"]).mean() == pytest.approx(factor, abs=0.01)
        middle = of(participant, site, "ses-w08")
        fell = (first["shows"] & ~middle["shows"]).sum()
        assert fell == pytest.approx(0.1 * first["shows"].sum(), abs=1)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, run):
    options = ("--visits", "2", "--people", "1", "--replicates", "1", *SMALL)
    assert run("simulate", tmp_path / "a", *options).code == 0
    assert run("simulate", tmp_path / "b" / "a", *options).code == 0
    assert run("simulate", tmp_path / "c" / "a", *options, "--seed", "1", "--jpeg").code == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b/a")
    assert len(list((tmp_path / "c").rglob("*.jpg"))) == 2


def test_json_names_the_pictures(tmp_path, run):
    finished = run("simulate", tmp_path / "a", "--visits", "1", "--people", "1", *SMALL, "--json")
    content = json.loads(finished.out)
    assert content["schema"] == "densitometry.simulate-study/1"
    assert [image["run"] for image in content["images"]] == [1, 2]
    assert all((tmp_path / "a" / image["path"]).is_file() for image in content["images"])


@pytest.mark.parametrize(
    "options",
    [
        ("--people", "2"),
        ("--site", "vertex"),
        ("--gain-pct", "5"),
        ("--visits", "2", "--count", "2"),
        ("--visits", "2", "--preset", "nothing"),
        ("--visits", "0"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_exit_2(tmp_path, run, options):
    assert run("simulate", tmp_path / "a", *options).code == 2
    assert not (tmp_path / "a").exists()


def test_a_folder_with_files_is_refused(tmp_path, run):
    (tmp_path / "notes.txt").write_text("mine")
    finished = run("simulate", tmp_path, "--visits", "1", *SMALL)
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E105]:")
    finished = run("simulate", tmp_path / "a", "--visits", "1", "--site", "ver_tex", *SMALL)
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E202]:")
