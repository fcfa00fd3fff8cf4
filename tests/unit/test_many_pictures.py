"""5,000 pictures: the table of hairs opens in seconds, and a resumed run finds what is done."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from densitometry._version import __version__
from densitometry.batch import Job
from densitometry.recipe import load_recipe
from densitometry.report import results
from densitometry.schema import HAIRS, column_names
from densitometry.schema_study import STUDY_HAIRS, data_dictionary
from densitometry.stored import read_hairs
from densitometry.study import problems_of, read_study
from densitometry.study.check import file_digest
from densitometry.study.entities import Picture
from densitometry.study.hair_table import write_hair_table
from densitometry.study.plan import plan_run

PEOPLE, PICTURES_EACH, HAIRS_EACH = 250, 20, 150


def hairs_csv(rng: np.random.Generator, rows: int) -> str:
    lines = [",".join(column_names(HAIRS))]
    for number in range(1, rows + 1):
        diameter, x, y = rng.uniform(20, 90), rng.uniform(0, 7000), rng.uniform(0, 7000)
        root = f"{x:.1f},{y:.1f}" if number % 7 else ","
        lines.append(
            f"{number},{diameter:.2f},{diameter - 2:.2f},{diameter + 2:.2f},900.0,terminal,{root},,,true,1.0,"
            f"true,{number if number % 3 else ''},1.20,14,{'few_widths;crossing' if number % 5 == 0 else ''}"
        )
    return "\n".join(lines) + "\n"


def write_results(out: Path, people: int, each: int, rows: int) -> dict[str, list[Picture]]:
    rng = np.random.default_rng(2)
    tables = [hairs_csv(rng, rows) for _ in range(8)]
    found: dict[str, list[Picture]] = {}
    for person in range(people):
        for number in range(each):
            name = f"sub-{person:03d}/ses-w{number:02d}/trich/x.png"
            picture = Picture(Path(name), name, f"{person:03d}", f"w{number:02d}", "vertex")
            folder = out / picture.folder
            folder.mkdir(parents=True)
            (folder / results.HAIRS_NAME).write_text(tables[(person + number) % 8])
            found.setdefault(picture.participant, []).append(picture)
    return found


def test_parquet_and_csv_hold_the_same_hairs(tmp_path):
    pictures = write_results(tmp_path, 2, 2, 9)
    write_hair_table(tmp_path, pictures, parquet=False)
    csv = pd.read_csv(
        tmp_path / "hairs.csv", dtype={"participant": str}, keep_default_na=False, na_values=[""]
    )
    write_hair_table(tmp_path, pictures, parquet=True)
    assert not (tmp_path / "hairs.csv").exists()
    parquet = pd.read_parquet(tmp_path / "hairs.parquet")
    assert list(parquet.columns) == list(csv.columns) == column_names(STUDY_HAIRS)
    assert set(parquet["participant"]) == {"000", "001"}
    numbers = parquet.select_dtypes("number").columns
    np.testing.assert_array_equal(parquet[numbers].to_numpy(float), csv[numbers].to_numpy(float))
    assert (parquet["flags"] == csv["flags"].fillna("")).all()
    one = read_hairs(tmp_path / pictures["000"][0].folder / results.HAIRS_NAME)
    assert (parquet["class"][: len(one)] == one["class"]).all()
    before = {path.name: path.read_bytes() for path in (tmp_path / "hairs.parquet").iterdir()}
    write_hair_table(tmp_path, pictures, parquet=True)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "hairs.parquet").iterdir()}


@pytest.mark.parametrize("parquet", [True, False])
def test_a_study_without_hairs_has_a_table_with_all_columns(parquet, tmp_path):
    write_hair_table(tmp_path, {"01": []}, parquet=parquet)
    read = pd.read_parquet if parquet else pd.read_csv
    table = read(tmp_path / ("hairs.parquet" if parquet else "hairs.csv"))
    assert list(table.columns) == column_names(STUDY_HAIRS)
    assert len(table) == 0


def test_every_column_is_in_the_dictionary():
    rows = [line.split("\t") for line in data_dictionary().splitlines()]
    assert rows[0] == ["file", "column", "type", "unit", "empty", "meaning"]
    assert all(len(row) == 6 and row[5] for row in rows)
    assert {name for file, name, *_ in rows if file == "hairs"} == set(column_names(STUDY_HAIRS))


@pytest.mark.slow
def test_the_hairs_of_5000_pictures_open_in_seconds(tmp_path):
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    pictures = write_results(tmp_path, PEOPLE, PICTURES_EACH, HAIRS_EACH)
    tracemalloc.start()
    write_hair_table(tmp_path, pictures, parquet=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    target, rows = tmp_path / "hairs.parquet", PEOPLE * PICTURES_EACH * HAIRS_EACH
    readers = {
        "pandas": lambda: len(pd.read_parquet(target)),
        "polars": lambda: len(polars.read_parquet(target)),
        "duckdb": lambda: duckdb.sql(
            f"SELECT count(*), avg(diameter_um) FROM '{target}/*.parquet'"  # noqa: S608
        ).fetchall()[0][0],
    }
    for name, read in readers.items():
        began = time.process_time()
        assert read() == rows, name
        seconds = time.process_time() - began
        print(f"{name}: {seconds:.2f} s of processor")  # noqa: T201
        assert seconds < 10, name


@pytest.mark.slow
def test_5000_pictures_are_found_done_in_seconds(tmp_path):
    root, out = tmp_path / "study", tmp_path / "out"
    recipe = load_recipe()
    (root / "sub-000").mkdir(parents=True)
    (root / "trich.json").write_text('{"PixelSize": [5, 5], "PixelSizeUnits": "um"}')
    people = ["participant\tdiagnosis"]
    metrics = {f"metric_{number}": 0.1234567 * number for number in range(12)}
    for person in range(PEOPLE):
        label = f"{person:03d}"
        people.append(f"sub-{label}\tandrogenetic_alopecia")
        sessions = ["session\tday"]
        for number in range(PICTURES_EACH):
            session = f"w{number:02d}"
            sessions.append(f"ses-{session}\t{number * 7}")
            path = (
                root
                / f"sub-{label}/ses-{session}/trich/sub-{label}_ses-{session}_site-vertex_run-1_trich.png"
            )
            path.parent.mkdir(parents=True)
            path.write_bytes(b"picture %d %d" % (person, number) + bytes(2000))
            picture = Picture(path, "", label, session, "vertex")
            folder = out / picture.folder
            folder.mkdir(parents=True)
            summary = {"version": __version__, "recipe_digest": recipe.digest, "n_hairs": 1.0}
            summary |= {
                "image": {"sha256": file_digest(path)},
                "scale": {"um_per_px": 5.0, "rel_error": None},
            }
            summary |= {"quality": {"verdict": "accept", "reasons": [], "metrics": metrics}}
            (folder / results.SUMMARY_NAME).write_text(json.dumps(summary))
        (root / f"sub-{label}/sub-{label}_sessions.tsv").write_text("\n".join(sessions) + "\n")
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    before = psutil.Process().memory_info().rss
    began = time.process_time()
    study = read_study(root)
    plan = plan_run(study, problems_of(study), Job(out, recipe, overlay=False))
    seconds = time.process_time() - began
    grown = psutil.Process().memory_info().rss - before
    print(f"resume scan: {seconds:.1f} s of processor, {grown / 1e6:.0f} MB")  # noqa: T201
    assert grown < 150e6
    assert (len(plan.done), len(plan.todo), len(plan.stopped)) == (PEOPLE * PICTURES_EACH, 0, 0)
    assert seconds < 10
