"""What stays in memory of each picture of a study."""

from __future__ import annotations

import copy
import json
import tracemalloc

import pytest

import densitometry as dm
from densitometry.batch import Job, Outcome, row_of
from densitometry.report.results import summary_json
from densitometry.study.lean import lean_outcome, lean_rows
from densitometry.study.visit_table import visit_row


@pytest.fixture(scope="module")
def summary(phantom_folder):
    analysis = dm.analyze(dm.read(phantom_folder / "one.png", scale_from="sidecar"), dm.load_recipe())
    return json.loads(summary_json(analysis.summary))


def test_the_tables_say_the_same(summary, tmp_path):
    whole = Outcome("a", "measured", summary)
    lean = lean_outcome(whole)
    job = Job(tmp_path, dm.load_recipe())
    assert row_of(job, lean) == row_of(job, whole)
    place = ("01", "w00", "vertex", "trich")
    rows = [visit_row(place, 0, [(o.status, o.summary)], baseline=True) for o in (whole, lean)]
    assert rows[0] == rows[1]


def test_more_than_three_times_as_many_fit_into_memory(summary):
    text = json.dumps(summary)
    kept = []
    for lean in (lambda outcome: outcome, lean_outcome):
        tracemalloc.start()
        outcomes = [lean(Outcome(f"{n}", "measured", json.loads(text))) for n in range(50)]
        kept.append(tracemalloc.get_traced_memory()[0] / len(outcomes))
        tracemalloc.stop()
    assert kept[1] < 5_000
    assert kept[1] < kept[0] / 3


def test_a_failure_stays_as_it_is():
    outcome = Outcome("a", "failed", error=("E001", "what", "why", "fix"))
    assert lean_outcome(outcome) is outcome


def test_rows_share_their_names():
    row = {"density_change_" + str(n): n for n in range(3)}
    other = copy.deepcopy({"".join(list(name)): value for name, value in row.items()})
    first, second = lean_rows([row, other])
    assert first == second
    assert all(a is b for a, b in zip(first, second, strict=True))
