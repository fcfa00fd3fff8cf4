"""Injections as cycles: which visit closes which, what changed in it, and the slope over all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from densitometry.study.code_lists import AGENTS
from densitometry.study.cycles import cycle_rows
from densitometry.study.entities import Participant, Session, TreatedSite, Treatment

START = date(2026, 1, 1)
DAYS = {"w00": 0, "w04": 28, "w12": 84, "w14": 98, "w24": 168, "w36": 252}
INJECTED = (1, 84, 168)


def person(agent: str = "botulinum_toxin_a", days: tuple[int, ...] = INJECTED) -> Participant:
    sessions = tuple(Session("01", label, date=START + timedelta(days=day)) for label, day in DAYS.items())
    sites = (TreatedSite("vertex"),)
    courses = tuple(
        Treatment("01", AGENTS.by_code(agent), start=START + timedelta(days=day), end=None, sites=sites)
        for day in days
    )
    return Participant("01", sessions=sessions, treatments=courses, baseline="w00")


def change(session: str, pct: float | None, site: str = "vertex") -> dict[str, Any]:
    return {
        "participant": "01",
        "session": session,
        "site": site,
        "modality": "trich",
        "verdict_endpoint": "terminal_density",
        "terminal_density_change_pct": pct,
    }


ROWS = [
    change("w04", 3.0),
    change("w12", 10.0),
    change("w14", 12.0),
    change("w24", 21.0),
    change("w36", 33.1),
]


def test_the_last_visit_before_the_next_injection_closes_a_cycle() -> None:
    rows = cycle_rows(person(), ROWS)
    assert [(r["cycle"], r["session"], r["days_since_treatment"]) for r in rows] == [
        (1, "w12", 83),
        (2, "w24", 84),
        (3, "w36", 84),
    ]
    assert [r["injection_day"] for r in rows] == [1, 84, 168]
    assert [r["change"] for r in rows] == [10.0, 21.0, 33.1]


def test_changes_in_per_cent_follow_on_one_another_as_factors() -> None:
    rows = cycle_rows(person(), ROWS)
    assert [r["change_in_cycle"] for r in rows] == pytest.approx([10.0, 10.0, 10.0])
    assert rows[0]["slope_per_cycle"] == pytest.approx(10.0)
    assert rows[0]["slope_low"] is None
    assert (rows[2]["slope_low"], rows[2]["slope_high"]) == pytest.approx((10.0, 10.0), abs=1e-6)


def test_a_cycle_without_a_change_leaves_a_gap_that_is_not_bridged() -> None:
    gone = [change("w12", 10.0), change("w24", None), change("w36", 33.1)]
    rows = cycle_rows(person(), gone)
    assert [r["cycle"] for r in rows] == [1, 3]
    assert rows[1]["change_in_cycle"] is None
    assert rows[1]["slope_low"] < rows[1]["slope_per_cycle"] < rows[1]["slope_high"]


def test_courses_and_other_sites_make_no_cycles() -> None:
    assert cycle_rows(person("minoxidil_topical"), ROWS) == []
    assert cycle_rows(person(), [change("w12", 10.0, "occiput")]) == []
    assert cycle_rows(person(days=()), ROWS) == []
