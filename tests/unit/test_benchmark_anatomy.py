"""What each part buys, doubts and failures: the bookkeeping behind that section of docs/accuracy.md."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from benchmarks import anatomy, reliability
from benchmarks.cases import OWN_KINDS, SECOND_KINDS, Case, Shown
from benchmarks.gallery import FALSE, MISSED, PANEL_PX, Failure, sheet, worst_stretch
from benchmarks.score import PictureScore, score_picture

import densitometry as dm
from densitometry.recipe import DEFAULT_RECIPE


def found(sigmas: tuple[float, ...], density: float = 0.0) -> PictureScore:
    return PictureScore(
        required=10,
        found=10,
        matched=8,
        true_count=10,
        count=9.0,
        density_error_pct=-10.0,
        diameter_errors_um=(1.0,),
        sigmas=sigmas,
        figure_sigmas={"density": density, "mean_diameter": None},
    )


def test_intervals_of_a_normal_hold_what_they_state() -> None:
    errors = np.random.default_rng(3).normal(0, 1, 4000)
    hair, mean, density = reliability.curves([found(tuple(errors)), found(tuple(errors), density=1.0)])
    assert hair.held == pytest.approx(reliability.LEVELS, abs=0.02)
    assert (mean.pictures, density.pictures) == (0, 2)
    assert density.held[0] == 0.5  # an error of one standard error lies outside 50 %
    assert density.held[2] == 1.0


def test_an_error_is_counted_in_what_the_interval_states_on_its_side() -> None:
    truth: dict[str, Any] = {"um_per_px": 5.0, "circle": False, "loose": []}
    line = np.stack([np.linspace(20, 120, 60), np.full(60, 50.0)], axis=1)
    truth["hairs"] = [
        {
            "line_px": line,
            "root_px": line[0],
            "root_inside": True,
            "d_um": 70.0,
            "visible": 1.0,
            "fu": 0,
            "vellus": False,
        }
    ]
    trace = {"diameter_um": 60.0, "diameter_low_um": 58.0, "diameter_high_um": 65.0}
    score = score_picture(truth, np.zeros((100, 140), np.bool_), [(line, trace)], None)
    assert score.sigmas == pytest.approx([1.96 * 10 / 5])


def test_the_drawing_is_well_formed() -> None:
    text = reliability.drawing(reliability.curves([found((0.5, 1.0))]), "own pictures")
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 (drawn here)
    assert all(measure in text for measure in reliability.MEASURES)


def failure_of(tmp_path: Path, traces: list[tuple[Any, dict[str, Any]]], kind: str = "clipped") -> Failure:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((600, 800, 3), 120, np.uint8))
    line = np.stack([np.linspace(600, 700, 60), np.full(60, 500.0)], axis=1)
    truth = {
        "um_per_px": 5.0,
        "circle": False,
        "loose": [],
        "hairs": [{"line_px": line, "root_px": line[0], "root_inside": True, "d_um": 70.0, "visible": 1.0}],
    }
    shown = Shown(path, 5.0, truth, np.zeros((600, 800), np.bool_))
    return worst_stretch(Case("own", kind, 0), shown, traces, 0.5)


def test_the_worst_stretch_holds_what_was_missed_and_what_is_false(tmp_path: Path) -> None:
    wrong = np.stack([np.linspace(600, 700, 60), np.linspace(420, 470, 60)], axis=1)
    far = np.stack([np.linspace(20, 120, 60), np.full(60, 40.0)], axis=1)
    failure = failure_of(tmp_path, [(wrong, {}), (far, {})])
    assert (failure.missed, failure.false) == (1, 1)
    assert failure.panels.shape == (PANEL_PX, 3 * PANEL_PX, 3)
    asked, traced = failure.panels[:, PANEL_PX : 2 * PANEL_PX], failure.panels[:, 2 * PANEL_PX :]
    assert (asked == MISSED).all(axis=2).any()
    assert (traced == FALSE).all(axis=2).any()
    assert not (failure.panels[:, :PANEL_PX] != 120).any()


def test_a_picture_without_errors_is_shown_too(tmp_path: Path) -> None:
    line = np.stack([np.linspace(600, 700, 60), np.full(60, 500.0)], axis=1)
    failure = failure_of(tmp_path, [(line, {})])
    assert (failure.missed, failure.false) == (0, 0)
    assert sheet([failure, failure]).shape[0] == 2 * PANEL_PX


def test_the_section_names_every_part_and_failure(tmp_path: Path) -> None:
    scores = dict.fromkeys(anatomy.PARTS, found((0.5,)))
    done = [(Case("own", kind, 0), scores, failure_of(tmp_path, [], kind)) for kind in ("clipped", "dense")]
    text = anatomy.document(done, tmp_path)
    assert all(f"| {part} " in text for part in anatomy.PARTS)
    assert "1. own, clipped, picture 0 (F1 0.50 as a whole): 1 missed, 0 false here" in text
    assert (tmp_path / "failures.webp").stat().st_size > 1000
    assert (tmp_path / "reliability-own.svg").exists()


@pytest.mark.parametrize("part", anatomy.PARTS)
def test_every_part_can_be_left_out(part: str) -> None:
    whole = dm.load_recipe(DEFAULT_RECIPE)
    assert (dm.load_recipe(DEFAULT_RECIPE, anatomy.PARTS[part]) == whole) == (part == anatomy.WHOLE)


def test_rows_are_kinds_that_there_are_and_decisions_that_were_written() -> None:
    kinds = {"own": OWN_KINDS, "second": SECOND_KINDS}
    for renderer, kind in anatomy.ROWS:
        assert kind in kinds[renderer]
        for name in anatomy.TRIED[kind][1]:
            assert (anatomy.ROOT / "docs" / "decisions" / f"{name}.md").exists()
