"""Following goes through the workers, sees the pictures, is not repeated, and fails person by person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from densitometry.errors import TimelineError
from densitometry.executors import InProcess, LocalPool, Lost
from densitometry.recipe import load_recipe
from densitometry.study import followed, people, problems_of, read_study
from densitometry.study.apart import unordered_apart
from densitometry.study.people_run import _tasks, follow_people
from densitometry.study.person_task import PersonTask, follow_person
from densitometry.study.plan import plan_run
from densitometry.study.run import _seen

CHANGE = "sub-01/ses-w12/sub-01_ses-w12_site-vertex_change"


def changes_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "change.tsv", sep="\t", dtype={"participant": str}, na_values=["n/a"])


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Labels of the participants that are followed in this process."""
    labels: list[str] = []
    follow = people._follow

    def count(task: PersonTask):
        labels.append(task.person.label)
        return follow(task)

    monkeypatch.setattr(people, "_follow", count)
    return labels


def planned(study: Path, out: Path):
    from densitometry.batch import Job

    found = read_study(study)
    plan = plan_run(found, problems_of(found), Job(out, load_recipe()))
    return plan, _seen(plan, plan.done)


def test_who_was_followed_is_not_followed_again(tiny, tiny_out, run, counted, tree_of, tiny_results):
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    assert counted == []
    assert tree_of(tiny_out) == tree_of(tiny_results)


@pytest.mark.parametrize("what", ["torn", "altered", "comparison gone", "comparison altered", "none"])
def test_what_is_missing_or_altered_is_followed_again(
    what, tiny, tiny_out, run, counted, tree_of, tiny_results
):
    kept = tiny_out / "sub-01" / followed.FOLLOWED_NAME
    text = kept.read_text()
    if what == "torn":
        kept.write_text(text[: len(text) // 2])
    elif what == "altered":
        kept.write_text(text.replace('"verdict": "', '"verdict": "not '))
    elif what == "comparison gone":
        (tiny_out / CHANGE / "links.csv").unlink()
    elif what == "comparison altered":
        (tiny_out / CHANGE / "change.json").write_text("{}\n")
    else:
        kept.unlink()
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    assert counted == ["01"]
    assert tree_of(tiny_out) == tree_of(tiny_results)


def test_a_table_of_the_study_that_changes_is_heard(tiny, tiny_out, run, counted):
    before = changes_of(tiny_out).query("participant == '02'").iloc[0]
    table = tiny / "sub-02/sub-02_sessions.tsv"
    table.write_text(table.read_text().replace("2026-04-06\tn\tgel", "2026-04-06\ty\tgel"))
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    assert counted == ["02"]
    row = changes_of(tiny_out).query("participant == '02'").iloc[0]
    assert row["reason_code"] != before["reason_code"]


def test_people_who_left_leave_nothing(tiny, tiny_out, run):
    assert run("study", "remove", tiny, "--participant", "02", "--yes").code == 0
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    assert not (tiny_out / "sub-02").exists()


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (TimelineError("no such day", "why", "fix"), 5, "E204"),
        (RuntimeError("a slip of ours"), 1, "E001"),
    ],
)
def test_one_bad_participant_is_rows_and_not_the_end(error, code, reason, tiny, tiny_out, run, monkeypatch):
    for label in ("01", "02"):
        (tiny_out / f"sub-{label}" / followed.FOLLOWED_NAME).unlink()
    follow = people._follow

    def fail(task: PersonTask):
        if task.person.label == "01":
            raise error
        return follow(task)

    monkeypatch.setattr(people, "_follow", fail)
    finished = run("study", "run", tiny, tiny_out)
    assert finished.code == code
    assert f"error[{reason}]" in finished.err
    assert "Traceback" not in finished.err
    table = changes_of(tiny_out).set_index("participant")
    assert (table.loc["01", "verdict"], table.loc["01", "reason_code"]) == ("refused", reason)
    assert str(error).splitlines()[0].split(":")[0] in table.loc["01", "reason"]
    assert table.loc["02", "verdict"] != "refused"
    assert not (tiny_out / CHANGE).exists()
    monkeypatch.setattr(people, "_follow", follow)
    assert run("study", "run", tiny, tiny_out, "-q").code == 0
    assert set(changes_of(tiny_out)["verdict"]) & {"refused"} == set()


class Deadly(InProcess):
    """Loses each process that follows participant 01, until it only has to say so."""

    def unordered(self, call, items):
        for item in items:
            if isinstance(item, PersonTask) and item.person.label == "01" and item.failure is None:
                yield item, Lost()
            else:
                yield item, call(item)


def test_a_participant_who_ends_every_process_is_rows(tiny, tiny_out):
    for label in ("01", "02"):
        (tiny_out / f"sub-{label}" / followed.FOLLOWED_NAME).unlink()
    plan, seen = planned(tiny, tiny_out)
    told: list[tuple[int, int]] = []
    found = follow_people(plan, seen, Deadly(), advance=lambda done, of: told.append((done, of)))
    assert [failure.code for failure in found.failures] == ["E108"]
    verdicts = {row["participant"]: row["verdict"] for row in found.changes}
    assert verdicts["01"] == "refused"
    assert verdicts["02"] != "refused"
    assert told == [(1, 2), (2, 2)]


@pytest.mark.slow
def test_workers_are_kept_from_step_to_step(tiny, tiny_out):
    for label in ("01", "02"):
        (tiny_out / f"sub-{label}" / followed.FOLLOWED_NAME).unlink()
    plan, seen = planned(tiny, tiny_out)
    with closing(LocalPool(1)) as pool:
        [(_, before)] = pool.unordered(process_of, [0])
        follow_people(plan, seen, pool)
        [(_, after)] = pool.unordered(process_of, [0])
    assert before == after


def process_of(_: int) -> int:
    return os.getpid()


def test_following_apart_gives_the_same_files(tiny, tiny_out, tree_of, tiny_results):
    for label in ("01", "02"):
        (tiny_out / f"sub-{label}" / followed.FOLLOWED_NAME).unlink()
    (tiny_out / CHANGE / "change.json").unlink()
    plan, seen = planned(tiny, tiny_out)
    before = tree_of(tiny_results)
    found = follow_people(plan, seen, InProcess(), apart=InProcess())
    assert [row["participant"] for row in found.changes] == ["01", "02"]
    assert tree_of(tiny_out) == before


def test_tasks_that_travel_are_small(tiny, tiny_out):
    import pickle

    plan, seen = planned(tiny, tiny_out)
    assert all(len(pickle.dumps(task)) < 20_000 for task in _tasks(plan, seen))


def test_the_parent_stays_small():
    """It hands out and collects: what measures and follows is imported by the workers alone."""
    code = """
import sys
import densitometry.cli.study_run, densitometry.remote, densitometry.study.leftovers
import densitometry.study.plan, densitometry.study.record, densitometry.study.run, densitometry.study.trial
heavy = ("numba", "cv2", "scipy", "skimage", "onnxruntime", "densitometry.follow", "densitometry.trace")
print([name for name in heavy if name in sys.modules])
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


@pytest.mark.slow
def test_following_apart_by_processes(tiny, tiny_out, tree_of, tiny_results):
    for label in ("01", "02"):
        (tiny_out / f"sub-{label}" / followed.FOLLOWED_NAME).unlink()
    plan, seen = planned(tiny, tiny_out)
    tasks = list(_tasks(plan, seen))
    with closing(LocalPool(2)) as pool:
        found = {task.person.label: rows for task, rows in unordered_apart(pool, follow_person, tasks)}
    assert sorted(found) == ["01", "02"]
    kept = json.loads((tiny_results / "sub-01" / followed.FOLLOWED_NAME).read_text())
    assert [row["session"] for row in found["01"].changes] == [row["session"] for row in kept["changes"]]
