from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

import densitometry
from densitometry.cli.app import COMMANDS
from densitometry.recipe import load_recipe, parse_recipe, shipped_recipes
from densitometry.resources import folder
from densitometry.study import check_study, read_study


def process(*arguments: str, code: str = "from densitometry.cli import main; main()", **environment: str):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_bare_call_greets_a_newcomer(run):
    finished = run()
    assert finished.code == 0
    assert sum(line.startswith("  ") and "densitometry " in line for line in finished.out.splitlines()) == 5


def test_help_lists_every_command(run):
    finished = run("--help")
    assert finished.code == 0
    assert all(name in finished.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run, name):
    assert run(name, "--help").code == 0


def test_version(run):
    assert run("--version").out == f"densitometry, version {densitometry.__version__}\n"


def test_version_and_import_load_nothing_heavy():
    code = (
        "import sys, densitometry; from densitometry.cli.app import run; run(['--version']); "
        "heavy = {'numpy', 'pandas', 'cv2', 'numba', 'scipy', 'skimage', 'PIL', 'onnxruntime'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert process(code=code).stdout.decode().splitlines()[-1] == "[]"


def test_a_console_without_micro_prints_u():
    finished = process("recipe", "show", "base", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert finished.returncode == 0
    assert b"[um]" in finished.stdout


def test_recipe_list_names_the_default(run):
    out = run("recipe", "list").out
    assert "(default)" in next(line for line in out.splitlines() if line.startswith("trichoscopy"))


@pytest.mark.parametrize("name", shipped_recipes())
def test_recipe_show_prints_a_recipe_that_measures_alike(run, name):
    assert parse_recipe(run("recipe", "show", name).out).digest == load_recipe(name).digest


def test_recipe_show_applies_overrides(run):
    assert "unit_radius_um = 99.0" in run("recipe", "show", "base", "--set", "measure.unit_radius_um=99").out


def test_recipe_check_and_diff(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema = "densitometry.recipe/1"\nname = "mine"\nextends = "base"\n[measure]\nunit_radius_um = 99\n'
    )
    checked = run("recipe", "check", path)
    assert checked.code == 0
    assert "measure.unit_radius_um: 260.0 → 99.0" in checked.out
    assert "99.0 → 260.0" in run("recipe", "diff", path, "base").out
    path.write_text('schema = "densitometry.recipe/1"\nname = "mine"\n[measur]\n')
    refused = run("recipe", "check", path)
    assert refused.code == 3
    assert "'measure'" in refused.err


def test_simulate_writes_picture_and_truth(run, tmp_path):
    options = ("--preset", "ordinary", "--seed", 7, "--count", 2, "--um-per-px", 10, "--size-px", 200, 160)
    finished = run("simulate", tmp_path / "a", *options)
    assert finished.code == 0
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        f"ordinary-{seed:04d}.{end}" for seed in (7, 8) for end in ("png", "json")
    }
    truth = json.loads((tmp_path / "a/ordinary-0007.json").read_text())
    assert (truth["width"], truth["height"], truth["um_per_px"]) == (200, 160, 10)
    content = json.loads(run("simulate", tmp_path / "b", *options, "--json", "--jpeg").out)
    assert content["schema"] == "densitometry.simulate/1"
    assert content["images"][0]["picture"].endswith("ordinary-0007.jpg")
    assert (tmp_path / "a/ordinary-0007.json").read_text() == (tmp_path / "b/ordinary-0007.json").read_text()


def test_simulate_refuses_an_unknown_preset(run, tmp_path):
    finished = run("simulate", tmp_path / "a", "--preset", "bald")
    assert finished.code == 2
    assert "clipped" in finished.err


def test_simulate_keeps_the_field_when_the_scale_changes(run, tmp_path):
    assert run("simulate", tmp_path, "--preset", "empty", "--um-per-px", 22).code == 0
    truth = json.loads((tmp_path / "empty-0000.json").read_text())
    assert truth["width"] * truth["um_per_px"] == pytest.approx(1280 * 5.5, rel=0.01)


@pytest.mark.slow
def test_demo_follows_the_sample_study_and_names_what_to_open(run, tmp_path):
    finished = run("demo", tmp_path / "out")
    assert (finished.code, finished.err) == (0, "")
    table, opened = finished.out.strip().split("\n\n")
    header, *rows = table.splitlines()
    assert header.split()[:4] == ["spot", "visit", "hairs", "true"]
    assert len(rows) == len(read_study(folder("sample_images")).pictures) / 2
    cells = {tuple(row.split()[:3]): row.split()[3:] for row in rows}
    for hairs, true_hairs, mean_um, true_um, *_ in cells.values():
        assert float(hairs) == pytest.approx(float(true_hairs), rel=0.3)
        assert float(mean_um) == pytest.approx(float(true_um), abs=10)
    assert cells["sub-01", "vertex", "ses-w24"][-1] == "improved"
    assert not {row[-1] for row in cells.values()} & {"worsened", "refused"}
    pages = [Path(line.removeprefix("open ")) for line in opened.splitlines()]
    assert [page.name for page in pages] == ["sub-01.html", "sub-02.html"]
    assert all(page.is_file() for page in pages)


def test_the_samples_are_a_study_without_findings(run):
    sample = folder("sample_images")
    assert check_study(sample) == []
    study = read_study(sample)
    assert {(picture.participant, picture.site) for picture in study.pictures} == set(
        product(("01", "02"), ("vertex", "occiput"))
    )
    courses = [course.agent.code for person in study.participants for course in person.treatments]
    assert courses.count("botulinum_toxin_a") == 2
    assert courses.count("minoxidil_topical") == 1


def test_the_samples_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in folder("sample_images").rglob("*")) < 5_000_000


def test_doctor(run):
    finished = run("doctor")
    assert finished.code == 0, finished.out
    assert "FAIL" not in finished.out
    assert json.loads(run("doctor", "--json").out)["schema"] == "densitometry.doctor/1"


def test_errors_are_plain_where_nothing_is_a_terminal(tmp_path):
    finished = process("recipe", "show", "nothing", NO_COLOR="1")
    assert finished.returncode == 3
    assert b"\x1b" not in finished.stderr
    assert b"Traceback" not in finished.stderr


def test_the_package_runs_as_a_module():
    finished = subprocess.run(
        [sys.executable, "-m", "densitometry", "--version"], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout.startswith("densitometry, version")) == (0, True)
