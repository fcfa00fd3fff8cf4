"""The second renderer: its truth is what it draws, and it shares nothing with the simulator."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks import second, second_renderer
from benchmarks.score import score_picture
from benchmarks.second_renderer.kinds import KINDS
from benchmarks.second_renderer.picture import render
from benchmarks.second_renderer.scene import Shaft
from benchmarks.second_renderer.shafts import footprint, lay_flat

TINY = dataclasses.replace(KINDS["clipped"], size_px=(160, 120), um_per_px=8.0)


@pytest.mark.parametrize("diameter_um", [12.0, 30.0, 70.0])
@pytest.mark.parametrize("degrees", [0.0, 17.0, 45.0])
def test_a_bar_is_as_wide_as_stated(diameter_um, degrees):
    um_per_px, oversampling, size, length_px = 8.0, 3, 100, 60.0
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    line = np.array([50.23, 49.69]) + np.linspace(-length_px / 2, length_px / 2, 60)[:, None] * along
    radius = np.full(60, diameter_um / 2)
    bar = Shaft(line, radius, diameter_um, length_px * um_per_px, 0, "black", cut=True, slant=0.0)
    fine = np.ones((size * oversampling, size * oversampling, 3), np.float32)
    prints = footprint(bar, um_per_px, oversampling, fine.shape[:2])
    assert prints is not None
    lay_flat(fine, prints, 0.0)
    covered = 1 - cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)[..., 0]
    assert float(covered.sum()) * um_per_px / length_px == pytest.approx(diameter_um, abs=0.3)
    rows, columns = np.indices(covered.shape)
    centre = np.array([(covered * columns).sum(), (covered * rows).sum()]) / covered.sum()
    assert centre == pytest.approx(line.mean(axis=0), abs=0.1)


def test_the_same_seed_gives_the_same_files(tmp_path):
    first, again = (render(TINY, 3).save(tmp_path / name) for name in ("first", "again"))
    for suffix in (".png", ".json", ".hidden.png"):
        assert first.with_suffix(suffix).read_bytes() == again.with_suffix(suffix).read_bytes()
    assert render(TINY, 4).save(tmp_path / "other").read_bytes() != first.read_bytes()


def test_the_truth_read_as_an_answer_scores_full_marks():
    picture = render(TINY, 3)
    traces = [
        (np.asarray(hair["line_px"]), {"diameter_um": hair["d_um"], "root_px": hair["root_px"]})
        for hair in picture.truth["hairs"]
    ]
    score = score_picture(picture.truth, picture.hidden, traces, None)
    assert score.required == score.matched == score.found > 0
    assert set(score.diameter_errors_um) == {0.0}
    assert all(score.root_right)
    page = second.document(second.measured([("clipped", score)]))
    assert "| clipped, 5.5 µm/px | 1" in page
    assert "1.000" in page


def test_it_knows_nothing_of_the_project():
    for path in Path(second_renderer.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
        assert not any(name.startswith("densitometry") for name in names), path
