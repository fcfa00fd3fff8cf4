from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from densitometry.errors import OutputError
from densitometry.study import check_study, read_study
from densitometry.study.editing import NewPictures, add_pictures
from densitometry.study.problems import errors_only


@pytest.fixture
def images(tmp_path):
    """Six small pictures."""
    paths = [tmp_path / f"photo{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        Image.new("L", (8, 8), 10 * number).save(path)
    return paths


@pytest.fixture
def study(tmp_path, images, run):
    """One person with a visit of two runs and a visit of one."""
    root = tmp_path / "study"
    assert (
        run("study", "init", root, "--name", "Trial", "--um-per-px", "5.5", "--scale-error-pct", "1").code
        == 0
    )
    person = (
        "--participant",
        "007",
        "--diagnosis",
        "AGA",
        "--sex",
        "f",
        "--age",
        "31",
        "--centre",
        "Köln",
        "--arm",
        "A",
    )
    first = (*person, "--session", "w00", "--site", "vertex", "--date", "2026-03-01", "--planned-week", "0")
    assert run("study", "add", root, images[0], images[1], *first, "--baseline").code == 0
    second = ("--participant", "007", "--session", "w12", "--site", "vertex", "--date", "2026-05-24")
    assert run("study", "add", root, images[2], *second).code == 0
    return root


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def assert_refused(finished, code, exit_code=3):
    assert finished.code == exit_code, finished.err
    assert finished.err.startswith(f"error[{code}]: "), finished.err
    assert finished.err.splitlines()[1].startswith("  why: ")
    assert finished.err.splitlines()[2].startswith("  fix: ")


def test_a_new_study_checks_clean(study, run):
    finished = run("study", "check", study)
    assert finished.code == 0
    assert "no errors, 0 warnings" in finished.out
    assert sorted(files(study)) == [
        "dataset_description.json",
        "participants.tsv",
        "sub-007/ses-w00/trich/sub-007_ses-w00_site-vertex_run-1_trich.png",
        "sub-007/ses-w00/trich/sub-007_ses-w00_site-vertex_run-2_trich.png",
        "sub-007/ses-w12/trich/sub-007_ses-w12_site-vertex_run-1_trich.png",
        "sub-007/sub-007_sessions.tsv",
        "treatments.tsv",
        "trich.json",
    ]
    read = read_study(study)
    person = read.participants[0]
    assert (read.name, person.label, person.centre, person.baseline) == ("Trial", "007", "Köln", "w00")
    assert read.pictures[0].scale_error_pct == 1


def test_check_lists_everything_and_ends_with_3(study, run):
    text = (study / "participants.tsv").read_text()
    (study / "participants.tsv").write_text(text.replace("AGA", "AGAA"))
    sessions = study / "sub-007/sub-007_sessions.tsv"
    sessions.write_text(sessions.read_text().replace("2026-05-24", "24/05/2026"))
    before = files(study)
    finished = run("study", "check", study)
    assert_refused(finished, "E206")
    assert "participants.tsv, line 2, column diagnosis" in finished.out
    assert "error[E202]" in finished.out
    assert "2 errors" in finished.err
    finished = run("study", "check", study, "--json")
    assert finished.code == 3
    content = json.loads(finished.out)
    assert content["schema"] == "densitometry.study-check/1"
    assert (content["errors"], len(content["problems"])) == (2, 2)
    assert content["problems"][0]["column"] == "diagnosis"
    assert files(study) == before


def test_status(study, run):
    finished = run("study", "status", study)
    assert finished.code == 0
    assert "1 participant, 3 pictures" in finished.out
    assert "ses-w00" in finished.out
    content = json.loads(run("study", "status", study, "--json").out)
    assert content["schema"] == "densitometry.study-status/1"
    assert content["participants"][0]["pictures"] == 3
    assert content["tables"]["participants.tsv"] == "UTF-8, separated by tabs"


def test_check_of_a_manifest(tmp_path, images, run):
    lines = [
        "image,participant,session,site,um_per_px,date",
        f"{images[0].name},01,w00,vertex,5.5,2026-03-01",
    ]
    (tmp_path / "pictures.csv").write_text("\n".join(lines) + "\n")
    assert run("study", "check", tmp_path / "pictures.csv").code == 0
    assert run("study", "status", tmp_path / "pictures.csv").code == 0
    assert_refused(
        run(
            "study",
            "add",
            tmp_path / "pictures.csv",
            images[1],
            "--participant",
            "1",
            "--session",
            "a",
            "--site",
            "v",
        ),
        "E207",
    )


@pytest.mark.parametrize("command", [("check",), ("status",)])
def test_what_is_no_study(tmp_path, run, command):
    finished = run("study", *command, tmp_path / "missing")
    assert finished.code == 3
    assert "error[E20" in finished.err


def test_init_refuses_a_folder_that_is_not_empty(tmp_path, run):
    (tmp_path / "mine.txt").write_text("mine")
    assert_refused(run("study", "init", tmp_path), "E207")
    assert files(tmp_path) == {"mine.txt": b"mine"}
    assert run("study", "init", tmp_path / "new", "--scale-error-pct", "1").code == 2


ADD = ("--participant", "007", "--session", "w00", "--site", "vertex")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--participant", "007", "--session", "w24", "--site", "vertex"), "E207"),
        (("--participant", "0-7", "--session", "w00", "--site", "vertex"), "E202"),
        (("--participant", "007", "--session", "w00"), "E202"),
        ((*ADD, "--date", "2026-03-02"), "E207"),
        ((*ADD, "--diagnosis", "LPP"), "E207"),
        ((*ADD, "--modality", "x-ray"), "E203"),
        (("--participant", "8", "--session", "a", "--site", "vertex", "--day", "x"), "E202"),
        (
            ("--participant", "8", "--session", "a", "--site", "vertex", "--day", "1", "--diagnosis", "xyz"),
            "E203",
        ),
        ((*ADD, "--modality", "macro"), "E103"),
    ],
)
def test_what_add_refuses_changes_nothing(study, images, run, options, code):
    before = files(study)
    assert_refused(run("study", "add", study, images[3], *options), code)
    assert files(study) == before


def test_add_refuses_what_is_no_picture_or_there_already(study, images, tmp_path, run):
    before = files(study)
    (tmp_path / "text.png").write_text("no picture")
    assert_refused(run("study", "add", study, tmp_path / "text.png", *ADD), "E101")
    assert_refused(run("study", "add", study, tmp_path / "missing.png", *ADD), "E101")
    assert_refused(run("study", "add", study, images[0], *ADD), "E207")
    assert_refused(run("study", "add", study, images[3], images[3], *ADD), "E207")
    assert files(study) == before


def test_add_takes_sidecars_along_and_days_in_place_of_dates(study, images, tmp_path, run):
    images[3].with_suffix(".json").write_text('{"PixelSize": [6, 6], "PixelSizeUnits": "um", "Device": "B"}')
    options = ("--participant", "8", "--session", "a", "--site", "frontal", "--day", "1")
    assert_refused(run("study", "add", study, images[3], *options, "--um-per-px", "7"), "E103")
    assert run("study", "add", study, images[3], *options, "--dry-run").out.startswith("would copy")
    assert not (study / "sub-8").exists()
    assert run("study", "add", study, images[3], *options).code == 0
    picture = read_study(study).pictures_of("8")[0]
    assert (picture.um_per_px, picture.sidecar["Device"]) == ((6, 6), "B")
    assert errors_only(check_study(study)) == ()
    assert (
        run("study", "add", study, images[4], *options, "--um-per-px", "8", "--scale-error-pct", "2").code
        == 0
    )
    assert [item.run for item in read_study(study).pictures_of("8")] == [1, 2]


def test_tables_keep_their_form_and_foreign_columns(study, images, run):
    path = study / "participants.tsv"
    path.write_bytes("participant;phone;diagnosis\r\n007;0221;AGA\r\n".encode("cp1252"))
    options = ("--participant", "08", "--session", "a", "--site", "vertex", "--date", "2026-03-01")
    assert run("study", "add", study, images[3], *options, "--centre", "Köln").code == 0
    assert (
        path.read_bytes().decode() == "participant;phone;diagnosis;centre\r\n007;0221;AGA;\r\n08;;;Köln\r\n"
    )
    assert read_study(study).participant("08").centre == "Köln"


def test_a_table_with_errors_is_not_written_again(study, images, run):
    path = study / "participants.tsv"
    path.write_text(path.read_text() + "008\textra\n")
    before = files(study)
    options = ("--participant", "9", "--session", "a", "--site", "vertex", "--date", "2026-03-01")
    assert_refused(run("study", "add", study, images[3], *options), "E207")
    assert files(study) == before


def test_move_a_visit_with_its_row(study, run):
    select = ("--participant", "007", "--session", "w12")
    assert run("study", "move", study, *select, "--to-session", "w13", "--dry-run").code == 0
    assert (study / "sub-007/ses-w12").exists()
    assert run("study", "move", study, *select, "--to-session", "w13").code == 0
    assert not (study / "sub-007/ses-w12").exists()
    assert errors_only(check_study(study)) == ()
    assert [item.label for item in read_study(study).participants[0].sessions] == ["w00", "w13"]


def test_move_a_person(study, run):
    (study / "treatments.tsv").write_text("participant\tagent\tstart\nsub-007\tPRP\t2026-03-02\n")
    assert run("study", "move", study, "--participant", "007", "--to-participant", "070").code == 0
    assert not (study / "sub-007").exists()
    assert check_study(study) == []
    person = read_study(study).participant("070")
    assert (person.baseline, len(person.treatments), len(person.sessions)) == ("w00", 1, 2)


def test_move_a_single_picture(study, run):
    select = ("--participant", "007", "--session", "w00", "--site", "vertex", "--run", "2")
    assert run("study", "move", study, *select, "--to-site", "occiput", "--to-run", "1").code == 0
    assert [item.site for item in read_study(study).pictures_of("007", "w00")] == ["occiput", "vertex"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--participant", "007"), "E207"),
        (("--participant", "9", "--to-site", "frontal"), "E207"),
        (("--participant", "007", "--session", "w00", "--run", "1", "--to-run", "2"), "E207"),
        (("--participant", "007", "--session", "w00", "--to-run", "5"), "E207"),
        (("--participant", "007", "--session", "w00", "--to-participant", "9"), "E207"),
        (("--participant", "007", "--session", "w00", "--run", "1", "--to-session", "w99"), "E207"),
        (("--participant", "007", "--to-site", "a b"), "E202"),
    ],
)
def test_what_move_refuses_changes_nothing(study, run, options, code):
    before = files(study)
    assert_refused(run("study", "move", study, *options), code)
    assert files(study) == before


def test_move_keeps_the_scale_or_refuses(study, run):
    sidecar = study / "sub-007/ses-w12/sub-007_ses-w12_trich.json"
    sidecar.write_text('{"PixelSize": [9, 9], "PixelSizeUnits": "um"}')
    part = ("--participant", "007", "--session", "w00", "--run", "2", "--to-session", "w12")
    assert_refused(run("study", "move", study, *part), "E103")
    assert (
        run("study", "move", study, "--participant", "007", "--session", "w12", "--to-session", "w13").code
        == 0
    )
    assert (study / "sub-007/ses-w13/sub-007_ses-w13_trich.json").exists()
    assert read_study(study).pictures_of("007", "w13")[0].um_per_px == (9, 9)


def test_remove_says_first_and_does_then(study, run):
    before = files(study)
    select = ("--participant", "007", "--session", "w12")
    finished = run("study", "remove", study, *select)
    assert finished.code == 0
    assert "would remove sub-007/ses-w12" in finished.out
    assert files(study) == before
    assert run("study", "remove", study, *select, "--yes").code == 0
    assert not (study / "sub-007/ses-w12").exists()
    assert check_study(study) == []
    assert run("study", "remove", study, "--participant", "007", "--yes").code == 0
    assert not (study / "sub-007").exists()
    assert b"007" not in b"".join(files(study).values())
    assert_refused(run("study", "remove", study, "--participant", "007", "--yes"), "E207")


def test_a_step_that_fails_undoes_the_others(study, images, monkeypatch):
    before = files(study)
    change = add_pictures(
        study, images[3:6], NewPictures("007", "w24", "vertex", visit={"date": "2026-08-16"})
    )
    rename, calls = Path.replace, []

    def replace(self, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError, match="cannot be written"):
        change.apply()
    monkeypatch.undo()
    assert files(study) == before
