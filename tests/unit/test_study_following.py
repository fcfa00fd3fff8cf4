from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from densitometry import follow
from densitometry.study.cells import Moment
from densitometry.study.circumstances import (
    circumstances_of,
    early_words,
    last_treatment,
    protocol_changes,
    running_treatments,
)
from densitometry.study.code_lists import AGENTS
from densitometry.study.codes import Agent
from densitometry.study.entities import Participant, Picture, Session, Study, TreatedSite, Treatment
from densitometry.study.following import day_of, own_repeatability, repeatability_of
from densitometry.study.problems import Problem
from densitometry.study.scope import stops_following, stops_measuring, without_picture
from densitometry.study.visit_table import visit_row

START = date(2026, 1, 1)


def agent(code: str) -> Agent:
    return AGENTS.by_code(code)


def course(code: str, start: Moment, end: Moment | None = None, *sites: str) -> Treatment:
    treated = tuple(TreatedSite(site) for site in sites)
    return Treatment("01", agent(code), start=start, end=end, sites=treated)


def visit(label: str, day: date, **known: object) -> Session:
    return replace(Session("01", label, date=day), **known)  # type: ignore[arg-type]


BASELINE = visit("w00", START)
LATER = visit("w12", date(2026, 3, 26))


def person(*courses: Treatment, sessions: tuple[Session, ...] = (BASELINE, LATER)) -> Participant:
    return Participant("01", sessions=sessions, treatments=courses, baseline="w00")


def picture(name: str = "sub-01/ses-w00/trich/a.png", session: str = "w00", line: int = 0) -> Picture:
    return Picture(Path(name), name, "01", session, "vertex", line=line)


def found(**known: object) -> Problem:
    return Problem("E201", "what", "why", "fix", **{"file": "participants.tsv", **known})  # type: ignore[arg-type]


def study(*pictures: Picture, layout: str = "tree") -> Study:
    return Study(Path(), "study", layout, (), pictures)


@pytest.mark.parametrize(
    ("problem", "stops"),
    [
        (found(prevents="measuring"), True),
        (found(prevents="measuring", severity="warning"), False),
        (found(prevents="following"), False),
        (found(prevents="measuring", participant="02"), False),
        (found(prevents="measuring", participant="01", session="w12"), False),
        (found(prevents="measuring", participant="01", session="w00"), True),
        (found(prevents="measuring", picture="sub-01/ses-w00/trich/b.png"), False),
        (found(prevents="measuring", picture="sub-01/ses-w00/trich/a.png"), True),
        (found(prevents="measuring", file="sub-02/trich.json"), False),
        (found(prevents="measuring", file="sub-01/trich.json"), True),
        (found(prevents="measuring", file="trich.json"), True),
    ],
)
def test_a_problem_stops_only_what_it_concerns(problem, stops):
    assert stops_measuring(study(picture()), problem, picture()) is stops


def test_a_problem_of_a_manifest_stops_its_row():
    one, two = picture("a.png", line=2), picture("b.png", line=3)
    whole = study(one, two, layout="manifest")
    problem = found(prevents="measuring", participant="01", file="manifest.csv", line=3)
    assert [stops_measuring(whole, problem, item) for item in (one, two)] == [False, True]
    lost = replace(problem, line=4)
    assert without_picture(whole, [problem, lost]) == [lost]


def test_following_stops_for_the_participant_and_visit_named():
    problem = found(prevents="following", participant="01", session="w12")
    assert stops_following(problem, "01", "w12")
    assert not stops_following(problem, "01", "w00")
    assert not stops_following(problem, "02", "w12")
    assert stops_following(found(prevents="following"), "02", "w12")


def test_protocol_changes_need_two_records():
    clipped = visit("w12", START, clipped=True, dyed=True, polarised=True, immersion="oil")
    plain = visit("w00", START, clipped=False, dyed=False, polarised=False, immersion="gel")
    words = protocol_changes(plain, clipped)
    assert len(words) == 4
    assert words[0] == "hair clipped at ses-w12 only"
    assert "immersion" in words[3]
    assert protocol_changes(BASELINE, clipped) == ()
    assert protocol_changes(plain, plain) == ()


def test_a_visit_in_the_window_of_a_treatment_is_too_early():
    early = visit("w04", date(2026, 1, 29))
    someone = person(course("minoxidil_topical", START, None, "vertex"), sessions=(BASELINE, early, LATER))
    assert "4 weeks before" in early_words(someone, early, "vertex")
    assert early_words(someone, early, "frontal") == ""
    assert early_words(someone, LATER, "vertex") == ""
    assert circumstances_of(someone, BASELINE, early, "vertex", None).too_early


def test_diagnosis_reaches_the_circumstances():
    assert circumstances_of(person(), BASELINE, LATER, "vertex", None).scarring is None


def test_treatments_of_a_site_at_a_visit():
    someone = person(
        course("finasteride", START),
        course("minoxidil_topical", START, date(2026, 2, 1), "vertex"),
        course("bimatoprost", START, None, "frontal"),
        course("platelet_rich_plasma", date(2026, 1, 5), None, "vertex"),
        course("botulinum_toxin_a", date(2026, 2, 5), None, "vertex"),
        course("platelet_rich_plasma", date(2026, 5, 5), None, "vertex"),
    )
    assert running_treatments(someone, LATER, "vertex") == "finasteride"
    last = last_treatment(someone, LATER, "vertex")
    assert last is not None
    assert (last[0].agent.code, last[1]) == ("botulinum_toxin_a", 49)
    assert last_treatment(someone, LATER, "frontal") is None


def test_days_count_from_the_baseline():
    assert day_of(person(), LATER) == 84
    assert day_of(replace(person(), baseline=None), LATER) is None


def test_a_persons_own_replicates_update_what_the_others_say():
    name = "density_change_pct"
    prior = follow.SAME_SKIN_PRIOR[name]
    own = {figure: [[0.0, 0.2]] * 10 for figure in follow.SAME_SKIN_PRIOR}
    calm = {figure: [[0.0, 0.01]] * 200 for figure in follow.SAME_SKIN_PRIOR}
    none: dict[str, list[list[float]]] = {figure: [] for figure in follow.SAME_SKIN_PRIOR}
    pooled = repeatability_of({"01": own, "02": calm, "03": none})
    assert (pooled[name].source, pooled[name].df) == ("study", prior.df + 210)
    first, second, third = (own_repeatability(pooled, groups)[name] for groups in (own, calm, none))
    assert (first.source, second.source) == ("person", "person")
    assert third == pooled[name]
    assert first.sd > pooled[name].sd > second.sd
    assert first.df == 40 + 10
    others = (prior.df * prior.sd**2 + 200 * 0.01**2 / 2) / (prior.df + 200)
    assert first.sd == pytest.approx(((40 * others + 10 * 0.2**2 / 2) / 50) ** 0.5)
    assert repeatability_of({"02": none})[name].source == "prior"


def test_a_visit_is_the_mean_of_its_measured_runs():
    one = {"area_cm2": 0.4, "n_hairs": 40, "density_per_cm2": 100.0, "density_per_cm2_low": 90.0}
    two = {"area_cm2": 0.4, "n_hairs": 44, "density_per_cm2": 110.0, "density_per_cm2_low": None}
    place = ("01", "w00", "vertex", "trich")
    row = visit_row(place, 0, [("measured", one), ("measured", two), ("rejected", None)], baseline=True)
    assert (row["n_pictures"], row["n_accepted"], row["status"]) == (3, 2, "measured")
    assert (row["density_per_cm2"], row["n_hairs"]) == (105.0, 42.0)
    assert row["density_per_cm2_sd"] == pytest.approx(7.0711, abs=1e-4)
    assert row["density_per_cm2_low"] == 90.0
    assert row["vellus_fraction"] is None
    assert visit_row(place, None, [], baseline=False)["status"] == "missed"
    assert (
        visit_row(place, None, [("failed", None), ("rejected", None)], baseline=False)["status"] == "rejected"
    )
