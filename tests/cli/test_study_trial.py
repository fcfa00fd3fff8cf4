from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pandas as pd
import pytest

from densitometry.study.audit import BEGINNING, digest_of

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


def chain_anew(lines: list[bytes]) -> list[bytes]:
    """Return other lines, chained as if they had been written so."""
    found: list[bytes] = []
    for number, line in enumerate(lines, 1):
        record = {**json.loads(line), "n": number, "why": "another reason"}
        record["before"] = digest_of(found[-1]) if found else BEGINNING
        found.append(json.dumps(record).encode())
    return found


@pytest.mark.parametrize("what", ["byte", "removed", "swapped", "cut short", "appended", "replaced"])
@pytest.mark.parametrize("place", ["study/audit", "out/logs"])
def test_a_log_that_was_tampered_with_is_named(what, place, tiny, tiny_out, run):
    assert run("study", "lock", tiny).code == 0
    for number in range(2):
        time.sleep(1.1)
        assert run("study", "run", tiny, tiny_out, "-q", "--reason", f"run {number}").code == 0
    assert run("study", "verify", tiny, tiny_out).code == 0
    path = tiny.parent / place / "audit.jsonl"
    lines = path.read_bytes().splitlines()
    if what == "byte":
        lines[1] = lines[1].replace(b"run", b"ran", 1)
    elif what == "removed":
        del lines[1]
    elif what == "swapped":
        lines[0], lines[1] = lines[1], lines[0]
    elif what == "cut short":
        del lines[-1]
    elif what == "appended":
        lines.append(chain_anew([*lines, lines[-1]])[-1])
    else:
        lines = chain_anew(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    if what == "replaced" and place == "out/logs":  # whole, with its head: the study's log tells
        head = {"lines": len(lines), "hash": digest_of(lines[-1])}
        (path.parent / "audit.head").write_text(json.dumps(head) + "\n")
    finished = run("study", "verify", tiny, tiny_out)
    refused(finished, "E209")
    assert "audit.jsonl" in finished.out


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


def test_the_same_picture_under_two_participants_is_named_and_not_measured(tiny, tmp_path, run):
    other = FIRST.replace("sub-01", "sub-02")
    (tiny / f"{other}.png").write_bytes((tiny / f"{FIRST}.png").read_bytes())
    finished = run("study", "run", tiny, tmp_path / "out", "--dry-run")
    assert "is the same picture as" in finished.out
    assert "E205" in finished.out


def test_two_pictures_of_one_key_are_named_and_the_others_measured(tiny, tiny_out, run):
    (tiny / f"{FIRST}.tif").write_bytes(b"another picture of the same key")
    finished = run("study", "run", tiny, tiny_out)
    assert finished.code == 5
    assert "have one key" in finished.err
    assert "error[E205]" in finished.err
    table = pd.read_csv(tiny_out / "images.tsv", sep="\t", na_values=["n/a"])
    failed = table[table["status"] == "failed"]
    assert set(failed["error_code"]) == {"E205"}
    assert (table["status"] == "measured").sum() == 4
    assert len(table) == len(set(table["picture"])) == 5
