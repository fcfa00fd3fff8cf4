from __future__ import annotations

import csv
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest


@pytest.fixture
def out(results_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results_folder, tmp_path / "out"))


def test_report_names_what_to_open(run, out):
    finished = run("report", out)
    assert finished.code == 0
    assert finished.out.splitlines()[-1] == f"open {out / 'group.html'}"
    assert (out / "sub-01.html").is_file()
    assert "botulinum toxin A" in (out / "sub-01.html").read_text(encoding="utf-8")


def test_report_of_one_participant_as_json(run, out):
    finished = run("report", out, "--participant", "sub-02", "--json")
    assert finished.code == 0
    content = json.loads(finished.out)
    assert content["schema"] == "densitometry.report/1"
    assert list(content["participants"]) == ["02"]
    assert not (out / "sub-01.html").exists()
    assert (out / "group.html").is_file()


@pytest.mark.parametrize("arguments", [("nowhere",), (".",)])
def test_a_folder_without_results_is_three_lines(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    finished = run("report", *arguments)
    assert finished.code == 3
    assert finished.out == ""
    assert [line.split(":")[0].strip() for line in finished.error_lines] == ["error[E105]", "why", "fix"]


def test_an_unknown_participant_is_three_lines(run, out):
    finished = run("report", out, "--participant", "99")
    assert finished.code == 3
    assert len(finished.error_lines) == 3
    assert "--participant 01" in finished.error_lines[2]


def test_what_could_not_be_read_is_told(run, out):
    (out / "change.tsv").unlink()
    finished = run("report", out)
    assert finished.code == 0
    assert "change.tsv is missing" in finished.err


def test_redcap_export_has_a_record_a_visit_and_site_and_its_dictionary(run, out):
    finished = run("report", out, "--participant", "01", "--redcap", "--json")
    assert finished.code == 0
    exports = json.loads(finished.out)["exports"]
    assert [Path(path).name for path in exports] == ["redcap.csv", "redcap_dictionary.csv"]
    rows = _read(out / "redcap.csv")
    assert len({row["record_id"] for row in rows}) == len(rows) == 12
    assert rows[0]["record_id"] == "sub-01_ses-w00_site-vertex_trich"
    assert (rows[0]["baseline"], rows[0]["verdict"]) == ("1", "")
    later = next(row for row in rows if row["session"] == "w24" and row["site"] == "vertex")
    assert (later["verdict"], later["terminal_density_change_pct"]) == ("improved", "25")
    lines = _read(out / "redcap_dictionary.csv")
    names = [line["Variable / Field Name"] for line in lines]
    assert names == list(rows[0])
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name) for name in names)


def test_fhir_and_texts_and_pdf_are_options(run, out, tmp_path):
    catalogue = tmp_path / "de.toml"
    catalogue.write_text('language = "de"\ngroup_people = "Teilnehmende"\n')
    finished = run("report", out, "--fhir", "--texts", catalogue, "--json")
    assert finished.code == 0
    content = json.loads(finished.out)
    assert [Path(path).name for path in content["exports"]] == ["observations.ndjson", "fhir_codesystem.json"]
    assert content["pdfs"] == []
    assert "Teilnehmende" in (out / "group.html").read_text(encoding="utf-8")
    catalogue.write_text("nonsense = 1")
    finished = run("report", out, "--texts", catalogue)
    assert (finished.code, finished.error_lines[0][:12]) == (3, "error[E301]:")


def test_the_english_texts_can_be_had_to_translate(run):
    finished = run("report", "--english-texts")
    assert finished.code == 0
    assert tomllib.loads(finished.out)["language"] == "en"


def test_pdf_is_written_beside_the_page(run, out):
    pytest.importorskip("weasyprint", exc_type=OSError)
    finished = run("report", out, "--participant", "01", "--pdf")
    assert finished.code == 0
    assert str(out / "sub-01.pdf") in finished.out.splitlines()
    assert (out / "group.pdf").is_file()


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
