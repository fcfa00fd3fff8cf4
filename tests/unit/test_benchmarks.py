"""The benchmark's bookkeeping: a run in parts, and what a score says of perfect and of missing traces."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import report, speed, tuning
from benchmarks.run import SCHEMA, merge
from benchmarks.score import pool, score_picture
from click.testing import CliRunner


def figures(accuracy: dict[str, Any] | None = None, timed: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "quick": False,
        "conditions": {
            "system": "made",
            "cores": 2,
            "load_before": 0.0,
            "python": "3.11",
            "packages": {"numpy": "2"},
        },
        "accuracy": accuracy or {},
        "speed": {**copy.deepcopy(speed.NOTHING_MEASURED), "pictures": timed or {}},
    }


def row(f1: float) -> dict[str, Any]:
    return {"f1": f1, "pictures": 3, "failed": 0, "error": None, "source": "x"}


def timing(seconds: float) -> dict[str, Any]:
    return {"megapixels": 12.0, "um_per_px": 4.0, "seconds": seconds, "error": None}


def test_a_part_replaces_its_own_figures_only() -> None:
    before = figures(
        {"grey": {"densitometry": row(0.5), "sato_skan": row(0.2)}, "blond": {"densitometry": row(0.6)}},
        {"12 MP": {"sato_skan": timing(17.0)}},
    )
    before["speed"]["start_up_s"] = 0.2
    found = figures({"grey": {"densitometry": row(0.9)}}, {"12 MP": {"densitometry": timing(3.0)}})
    merged = merge(before, found)
    assert merged["accuracy"]["grey"]["densitometry"]["f1"] == 0.9
    assert merged["accuracy"]["grey"]["sato_skan"]["f1"] == 0.2
    assert merged["accuracy"]["blond"]["densitometry"]["f1"] == 0.6
    assert set(merged["speed"]["pictures"]["12 MP"]) == {"sato_skan", "densitometry"}
    assert merged["speed"]["start_up_s"] == 0.2
    assert list(merged["accuracy"]) == ["blond", "grey"]  # the order of the kinds, not of the runs


def test_figures_of_another_schema_are_dropped() -> None:
    before = {**figures({"grey": {"densitometry": row(0.5)}}), "schema": "densitometry.benchmark/0"}
    assert merge(before, figures())["accuracy"] == {}


def test_tables_of_a_part_show_what_is_there() -> None:
    text = report.document(
        figures({"grey": {"densitometry": row(0.9)}}, {"12 MP": {"sato_skan": timing(17.0)}})
    )
    assert "0.900" in text
    assert "17.000" in text
    assert "earlier state of the code: grey" in text


@pytest.mark.parametrize(("ours", "said"), [(100, True), (3, False)])
def test_tables_tell_that_others_saw_fewer_pictures(ours: int, said: bool) -> None:
    rows = {"densitometry": {**row(0.9), "pictures": ours}, "sato_skan": {**row(0.2), "pictures": 3}}
    text = report.document(figures({"grey": rows}))
    assert ("saw the first 3 of" in text) == said


def test_quick_pictures_are_not_kept() -> None:
    from benchmarks.run import main

    done = CliRunner().invoke(main, ["--quick", "--update"])
    assert done.exit_code == 2
    assert "--update" in done.output


@pytest.fixture
def truth() -> dict[str, Any]:
    hairs = [
        {
            "line_px": [[20.0, y], [90.0, y]],
            "root_px": [20.0, y],
            "root_inside": True,
            "visible": 1.0,
            "d_um": d,
            "unit_id": unit,
        }
        for unit, (y, d) in enumerate([(30.0, 60.0), (60.0, 25.0), (90.0, 80.0)])
    ]
    return {"um_per_px": 5.0, "circle": False, "hairs": hairs, "loose": []}


def test_perfect_traces_score_one_and_a_missing_one_costs_recall(truth: dict[str, Any]) -> None:
    hidden = np.zeros((120, 120), np.bool_)
    traces = [
        (
            np.array(h["line_px"]),
            {"diameter_um": h["d_um"] + 1.0, "root_px": h["root_px"], "class": "terminal"},
        )
        for h in truth["hairs"]
    ]
    whole = pool([score_picture(truth, hidden, traces, None)])
    assert whole["f1"] == 1.0
    assert whole["thickness_bias_um"] == pytest.approx(1.0)
    part = pool([score_picture(truth, hidden, traces[:2], None)])
    assert part["precision"] == 1.0
    assert part["recall"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("renderer", ["own", "second"])
def test_a_tuning_picture_is_rendered_measured_and_scored(renderer: str, tmp_path: Path) -> None:
    options = ["--renderer", renderer, "--kind", "clipped", "--count", "1", "--keep", str(tmp_path)]
    done = CliRunner().invoke(tuning.main, options)
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith("| clipped"))
    assert 0.8 < float(row.split("|")[3]) <= 1.0
    assert list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    "options",
    [["--kind", "clippd"], ["--first-seed", "999", "--count", "2"], ["--first-seed", "1000"]],
)
def test_what_cannot_be_tuned_on_is_refused(options: list[str]) -> None:
    assert CliRunner().invoke(tuning.main, options).exit_code == 2
