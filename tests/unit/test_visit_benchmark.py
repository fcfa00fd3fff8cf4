"""The benchmark of following: truth that holds together, rows that can be added up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks import second_visits, strangers, visit_report
from benchmarks.visit_pairs import KINDS, SETTINGS, make_pair
from benchmarks.visits import key_of, measure_pair, read_rows, write_rows


def test_a_pair_knows_where_its_follicles_went() -> None:
    pair = make_pair(KINDS["cycle"], SETTINGS["small"], 3)
    for visit, shots in enumerate(pair.visits):
        shot = shots[0]
        roots = shot.to_px(pair.root_um)
        for hair, follicle in zip(shot.truth["hairs"], shot.follicle, strict=True):
            assert pair.showing[visit, follicle]
            assert roots[follicle] == pytest.approx(hair["root_px"], abs=0.01)
        back = shot.to_scalp_um(roots)
        np.testing.assert_allclose(back, pair.root_um, atol=0.5)
    before, after = pair.showing.sum(axis=1)
    assert before == pytest.approx(after, abs=2)
    assert np.count_nonzero(pair.showing[0] & ~pair.showing[1]) == pytest.approx(0.08 * before, abs=2)


def test_the_second_renderer_shows_the_same_scalp_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_visits, "_PICTURE", replace(second_visits._PICTURE, size_px=(320, 256)))
    pair = second_visits.make_pair(KINDS["cycle"], 3)
    for visit, shots in enumerate(pair.visits):
        shot = shots[0]
        roots = shot.to_px(pair.root_um)
        assert shot.truth["hairs"]
        for hair, follicle in zip(shot.truth["hairs"], shot.follicle, strict=True):
            assert pair.showing[visit, follicle]
            assert roots[follicle] == pytest.approx(hair["root_px"], abs=0.01)
            assert pair.diameter_um[follicle] == pytest.approx(hair["d_um"], abs=0.01)
    assert (pair.visits[0][0].rgb != pair.visits[1][0].rgb).any()
    with pytest.raises(ValueError, match="second renderer has no pairs of kind 'days'"):
        second_visits.make_pair(KINDS["days"], 3)


def test_strangers_are_compared_with_the_next_three() -> None:
    rows = list(strangers.compare_strangers("small", 12, 3, 2))
    assert len(rows) == 12
    assert not any(row["registered"] for row in rows)
    assert len({key_of(row) for row in rows}) == 12
    assert "| other, small" in visit_report.document(rows)


def test_rows_are_replaced_by_their_key_and_make_tables(tmp_path: Path) -> None:
    row = measure_pair(("null", "small", 4, 1))
    assert row["registered"] in (True, False)
    path = tmp_path / "rows.jsonl"
    write_rows(path, {key_of(row): row, key_of({**row, "seed": 5}): {**row, "seed": 5}})
    rows = read_rows(path)
    rows[key_of(row)] = row
    assert len(rows) == 2
    text = visit_report.document(list(rows.values()))
    assert "| null, small" in text
    page = tmp_path / "page.md"
    visit_report.write(text, page)
    visit_report.write(text, page)
    assert page.read_text(encoding="utf-8").count("### Change and verdict") == 1
