from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from densitometry.study import problems_of, read_study
from densitometry.study.blinding import blind_study

FIRST = "sub-01/ses-w00/trich/sub-01_ses-w00_site-vertex_run-1_trich"


def refused(finished, code: str, *words: str) -> None:
    assert finished.code == 3
    lines = finished.error_lines[-3:]
    assert lines[0].startswith(f"error[{code}]:")
    assert all(word in finished.err for word in words), finished.err


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(bytes(content))


def test_results_are_as_they_were_recorded(tiny, tiny_out, run):
    finished = run("study", "verify", tiny, tiny_out)
    assert finished.code == 0, finished.out + finished.err
    assert "as they were recorded" in finished.out
    content = json.loads(run("study", "verify", tiny, tiny_out, "--json").out)
    assert content["findings"] == []
    log = (tiny_out / "logs/audit.jsonl").read_text()
    assert "sub-" not in log
    assert not re.search(r'"0[12]"', log)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 1.0])
def test_one_changed_byte_is_named(place, tiny, tiny_out, run):
    study_files = ["participants.tsv", "sub-02/sub-02_sessions.tsv", f"{FIRST}.png", f"{FIRST}.json"]
    out_files = [
        *("images.tsv", "visits.tsv", "change.tsv", "recipe.toml", "environment.json", "data_dictionary.tsv"),
        *("hairs.parquet/sub-01.parquet", f"{FIRST.replace('trich/', '')}/traces.geojson"),
    ]
    for root, names in ((tiny, study_files), (tiny_out, out_files)):
        for name in names:
            before = (root / name).read_bytes()
            flip(root / name, place)
            finished = run("study", "verify", tiny, tiny_out)
            refused(finished, "E209")
            assert f"{root / name}: was altered" in finished.out
            (root / name).write_bytes(before)
    (tiny_out / "visits.tsv").unlink()
    assert "visits.tsv: is missing" in run("study", "verify", tiny, tiny_out).out


def test_verifying_needs_a_record(tiny, tmp_path, run):
    refused(run("study", "verify", tiny), "E201", "neither locked nor cut")
    refused(run("study", "verify", tiny, tmp_path), "E105", "no log")


def test_a_locked_study_refuses_another_recipe_unless_a_reason_is_given(tiny, tiny_out, run):
    assert run("study", "lock", tiny, "--recipe", "trichoscopy").code == 0
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    other = ("--set", "follow.margin_pct=5")
    refused(run("study", "run", tiny, tiny_out, *other), "E208", "locked to recipe digest", "--reason")
    dry = run("study", "run", tiny, tiny_out, *other, "--reason", "a question of the board", "--dry-run")
    assert dry.code == 0
    refused(run("study", "lock", tiny, *other), "E208")
    assert run("study", "lock", tiny, *other, "--reason", "amendment 2").code == 0
    assert "follow.margin_pct" not in run("study", "run", tiny, tiny_out, "--dry-run").err
    log = [json.loads(line) for line in (tiny / "audit/audit.jsonl").read_text().splitlines()]
    assert [line["what"] for line in log] == ["locked", "run", "locked"]
    assert log[-1]["why"] == "amendment 2"
    assert run("study", "verify", tiny).code == 0
    for name in ("lock.json", "recipe.toml"):
        before = (tiny / "audit" / name).read_bytes()
        flip(tiny / "audit" / name)
        finished = run("study", "verify", tiny)
        refused(finished, "E209")
        assert name in finished.out
        refused(run("study", "run", tiny, tiny_out), "E209", "--reason")
        (tiny / "audit" / name).write_bytes(before)


def test_another_version_is_refused_by_a_lock(tiny, tmp_path, run, monkeypatch):
    assert run("study", "lock", tiny).code == 0
    monkeypatch.setattr("densitometry.study.trial.__version__", "99.0")
    refused(run("study", "run", tiny, tmp_path / "out"), "E208", "version", "pip install")


def test_a_run_that_deviates_is_recorded_with_its_reason(tiny, tmp_path, run):
    assert run("study", "lock", tiny).code == 0
    out = tmp_path / "out"
    options = ("--set", "follow.margin_pct=5", "--participant", "01", "--session", "w00", "--measure-only")
    assert run("study", "run", tiny, out, *options, "--reason", "asked by the board", "-q").code == 0
    log = [json.loads(line) for line in (tiny / "audit/audit.jsonl").read_text().splitlines()]
    assert [line["what"] for line in log] == ["locked", "run that deviates"]
    assert log[1]["why"] == "asked by the board"
    assert "recipe_digest" in log[1]["deviation"]


def test_a_cut_freezes_what_lies_before_its_day(tiny, tiny_out, run):
    finished = run("study", "cut", tiny, "--through", "2026-02-01")
    assert finished.code == 0
    assert "5 files and 4 rows" in finished.out
    assert run("study", "verify", tiny).code == 0
    refused(run("study", "cut", tiny, "--through", "2026-02-01"), "E208")
    later = next((tiny / "sub-01/ses-w12/trich").glob("*.png"))
    flip(later)
    assert run("study", "verify", tiny).code == 0
    for name, words in ((f"{FIRST}.png", "was altered"), (f"{FIRST}.json", "was altered")):
        before = (tiny / name).read_bytes()
        flip(tiny / name)
        finished = run("study", "verify", tiny)
        refused(finished, "E209")
        assert f"{tiny / name}: {words}" in finished.out
        refused(run("study", "run", tiny, tiny_out), "E209", "--reason")
        (tiny / name).write_bytes(before)
    table = tiny / "sub-01/sub-01_sessions.tsv"
    table.write_text(table.read_text().replace("gel", "oil", 1))
    assert "sub-01 ses-w00: was altered" in run("study", "verify", tiny).out


def test_a_cut_needs_dates(tiny, run):
    table = tiny / "sub-01/sub-01_sessions.tsv"
    table.write_text(table.read_text().replace("2026-04-06\t12", "n/a\t12"))
    refused(run("study", "cut", tiny, "--through", "2026-02-01"), "E204", "ses-w12")


def test_shards_then_one_run_give_the_tables_of_a_whole_run(
    tiny, tmp_path, start, run, tree_of, tiny_results
):
    out = tmp_path / "out"
    shards = [
        start("study", "run", tiny, out, "--participant", label, "--measure-only", "-q")
        for label in ("01", "02")
    ]
    for shard in shards:
        _, errors = shard.communicate()
        assert shard.returncode == 0, errors
    assert len(pd.read_csv(out / "images.tsv", sep="\t")) == 4
    assert not (out / "change.tsv").exists()
    finished = run("study", "run", tiny, out)
    assert "4 kept" in finished.out
    assert tree_of(out) == tree_of(tiny_results)
    assert run("study", "verify", tiny, out).code == 0


def test_results_of_a_blinded_copy_are_put_back(tiny, tmp_path, run, tree_of, tiny_results):
    copy, blinded, out = tmp_path / "copy", tmp_path / "blinded", tmp_path / "out"
    finished = run("study", "blind", tiny, copy, "--key", tmp_path / "key.json")
    assert finished.code == 0, finished.err
    assert run("study", "run", copy / "pictures.csv", blinded, "-q").code == 0
    finished = run("study", "unblind", tiny, blinded, out, "--key", tmp_path / "key.json")
    assert finished.code == 0, finished.err
    open_run, put_back = tree_of(tiny_results), tree_of(out)
    assert set(open_run) == set(put_back)
    same = {name for name in open_run if open_run[name] == put_back[name]}
    assert {"images.tsv", "visits.tsv", "change.tsv", "hairs.parquet/sub-01.parquet"} <= same
    assert run("study", "verify", tiny, out).code == 0


def test_a_key_must_fit_and_must_not_lie_in_the_copy(tiny, tmp_path, run):
    refused(run("study", "blind", tiny, tmp_path / "copy", "--key", tmp_path / "copy/key.json"), "E210")
    assert not (tmp_path / "copy").exists()
    assert run("study", "blind", tiny, tmp_path / "copy").code == 0
    key = tmp_path / "copy.key.json"
    assert key.stat().st_mode & 0o077 == 0
    refused(run("study", "blind", tiny, tmp_path / "other", "--key", key), "E210", "already")
    refused(run("study", "unblind", tiny, tmp_path, tmp_path / "out", "--key", key), "E210", "no results")
    (tmp_path / "wrong.json").write_text("{}")
    (tmp_path / "blinded").mkdir()
    (tmp_path / "blinded/recipe.toml").write_text(run("recipe", "show", "trichoscopy").out)
    wrong = ("--key", tmp_path / "wrong.json")
    refused(run("study", "unblind", tiny, tmp_path / "blinded", tmp_path / "out", *wrong), "E210", "no key")


def null_study(root: Path, people: int = 24) -> Path:
    """Write pictures that differ by chance alone, with everything else telling the visit and the arm."""
    rng = np.random.default_rng(1)
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "null"}')
    rows = ["participant\tarm\tdiagnosis"]
    for number in range(people):
        label, arm = f"{number:02d}", ("drug", "placebo")[number % 2]
        rows.append(f"sub-{label}\t{arm}\tandrogenetic_alopecia")
        folder = root / f"sub-{label}"
        folder.mkdir()
        sessions = ["session\tdate"]
        for visit, day in (("w00", "2026-01-12"), ("w24", "2026-06-29")):
            sessions.append(f"ses-{visit}\t{day}")
            place = folder / f"ses-{visit}/trich"
            place.mkdir(parents=True)
            stem = place / f"sub-{label}_ses-{visit}_site-vertex_run-1_trich"
            pixels = np.clip(rng.normal(150, 9, (80, 100, 3)), 0, 255).astype(np.uint8)
            picture = Image.fromarray(pixels)
            exif = picture.getexif()
            exif[306] = f"{day.replace('-', ':')} 10:00:00"
            exif[270] = arm
            picture.save(stem.with_suffix(".png"), exif=exif, compress_level=1 if visit == "w00" else 9)
            os.utime(stem.with_suffix(".png"), (1.7e9 + 1e6 * (visit != "w00"),) * 2)
            note = {"PixelSize": [8, 8], "PixelSizeUnits": "um", "Note": f"{visit} {arm}"}
            stem.with_suffix(".json").write_text(json.dumps(note))
        (folder / f"sub-{label}_sessions.tsv").write_text("\n".join(sessions) + "\n")
    (root / "participants.tsv").write_text("\n".join(rows) + "\n")
    return root


def features(path: Path, order: int) -> list[float]:
    """Return everything a file tells besides what one would have to recognise in it."""
    content, status = path.read_bytes(), path.stat()
    digits = [float(ord(letter)) for letter in path.name[:10].ljust(10)]
    with Image.open(path) as picture:
        pixels = np.asarray(picture, float)
        told = [float(len(picture.info)), float(len(picture.getexif())), float(picture.size[0])]
    sidecar = path.with_suffix(".json")
    told += [float(sidecar.stat().st_size) if sidecar.exists() else 0.0, status.st_mtime, float(order)]
    head = [float(byte) for byte in content[:64]]
    return [*told, float(len(content)), content.count(b"IDAT"), pixels.mean(), pixels.std(), *digits, *head]


def accuracy(told: np.ndarray, labels: np.ndarray) -> float:
    """Return the share that a vote of the nearest, over whitened features, gets right; each left out once."""
    spread = told.std(axis=0)
    scaled = (told - told.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    right = 0
    for one in range(len(labels)):
        distance = np.abs(scaled - scaled[one]).sum(axis=1)
        distance[one] = np.inf
        nearest = np.argsort(distance, kind="stable")[:5]
        right += (labels[nearest].mean() > 0.5) == labels[one]
    return right / len(labels)


def test_nothing_in_a_blinded_copy_tells_visit_or_arm(tmp_path):
    root = null_study(tmp_path / "study")
    study = read_study(root)
    made = blind_study(
        study, problems_of(study), tmp_path / "copy", tmp_path / "key.json", np.random.default_rng(3)
    )
    assert made.pictures == 48
    assert made.betrayed == ()
    key = json.loads((tmp_path / "key.json").read_text())["pictures"]
    copied = sorted((tmp_path / "copy/pictures").iterdir())
    assert {path.stem for path in copied} == set(key)
    assert {path.stat().st_mtime for path in (tmp_path / "copy").rglob("*")} == {946684800.0}
    text = b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    for word in (b"w24", b"w00", b"2026", b"drug", b"placebo", b"eXIf", b"tEXt", b"tIME", b"sub-"):
        assert word not in text
    names = [key[path.stem]["name"] for path in copied]
    arms = {person.label: person.arm for person in study.participants}
    visits = np.array(["w24" in name for name in names])
    treated = np.array([arms[name[4:6]] == "drug" for name in names])
    told = np.array([features(path, order) for order, path in enumerate(copied)])
    at_chance = 0.5 + 1.96 * np.sqrt(0.25 / len(names))
    assert accuracy(told, visits) <= at_chance
    assert accuracy(told, treated) <= at_chance
    open_names = sorted(root.rglob("*.png"))
    open_told = np.array([features(path, order) for order, path in enumerate(open_names)])
    assert accuracy(open_told, np.array(["w24" in one.name for one in open_names])) > 0.9


def test_what_pictures_themselves_betray_is_said(tmp_path):
    root = null_study(tmp_path / "study", people=4)
    for sidecar in root.rglob("*w24*.json"):
        sidecar.write_text('{"PixelSize": [7, 7], "PixelSizeUnits": "um"}')
    study = read_study(root)
    made = blind_study(
        study, problems_of(study), tmp_path / "copy", tmp_path / "key.json", np.random.default_rng(3)
    )
    assert any(words.startswith("the scale differs between visits") for words in made.betrayed)


def test_the_same_picture_under_two_participants_is_named_and_not_measured(tiny, tmp_path, run):
    other = FIRST.replace("sub-01", "sub-02")
    (tiny / f"{other}.png").write_bytes((tiny / f"{FIRST}.png").read_bytes())
    finished = run("study", "run", tiny, tmp_path / "out", "--dry-run")
    assert "is the same picture as" in finished.out
    assert "E205" in finished.out
