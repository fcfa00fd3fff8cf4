"""What the results keep of a study's own tables: people, dates of visits, treatments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry.report import results
from densitometry.report.folders import write_whole_file
from densitometry.schema import Column, column_names
from densitometry.schema_study import COURSES, PEOPLE, SESSIONS
from densitometry.study.cells import Moment
from densitometry.study.entities import Participant, Study, Treatment
from densitometry.study.timeline import timeline_of

PEOPLE_NAME, SESSIONS_NAME, COURSES_NAME = "participants.tsv", "sessions.tsv", "treatments.tsv"
EVERYWHERE = "*"


def write_background(study: Study, out: Path) -> None:
    """Write participants.tsv, sessions.tsv and treatments.tsv into a results folder; each appears whole."""
    sites = {
        person.label: sorted({item.site for item in study.pictures_of(person.label) if item.site})
        for person in study.participants
    }
    people = [_person(person) for person in study.participants]
    visits = [row for person in study.participants for row in _visits(person)]
    courses = [
        _course(person, course, sites[person.label])
        for person in study.participants
        for course in person.treatments
    ]
    for name, rows, columns in (
        (PEOPLE_NAME, people, PEOPLE),
        (SESSIONS_NAME, visits, SESSIONS),
        (COURSES_NAME, courses, COURSES),
    ):
        write_whole_file(out / name, results.table_tsv(_table(rows, columns), columns))


def day_from_baseline(person: Participant, moment: Moment | None) -> int | None:
    """Return the days from a participant's baseline visit to a moment; None where they cannot be told."""
    timeline = timeline_of(person.sessions)
    baseline = person.session(person.baseline) if person.baseline else None
    start = timeline.position_of(baseline) if baseline else None
    there = timeline.position(moment)
    return None if start is None or there is None else there - start


def _person(person: Participant) -> dict[str, Any]:
    return {
        "participant": person.label,
        "sex": person.sex,
        "age_years": person.age_years,
        "centre": person.centre,
        "arm": person.arm,
        "diagnosis": "+".join(item.code for item in person.diagnoses),
        "diagnosis_name": person.diagnosis_words if person.diagnoses else "",
        "baseline_session": person.baseline,
        "baseline_rule": person.baseline_rule,
        "note": person.note,
    }


def _visits(person: Participant) -> list[dict[str, Any]]:
    timeline = timeline_of(person.sessions)
    baseline = person.session(person.baseline) if person.baseline else None
    start = timeline.position_of(baseline) if baseline else None
    rows = []
    for visit in person.sessions:
        there = timeline.position_of(visit)
        day = None if start is None or there is None else there - start
        rows.append(
            {
                "participant": person.label,
                "session": visit.label,
                "date": _words(visit.date if isinstance(visit.date, date) else None),
                "day": day,
                "planned_week": visit.planned_week,
                "note": visit.note,
            }
        )
    return rows


def _course(person: Participant, course: Treatment, sites: Sequence[str]) -> dict[str, Any]:
    touched = [site for site in sites if course.touches(site)]
    return {
        "participant": person.label,
        "agent": course.agent.code,
        "agent_name": course.text or course.agent.english,
        "single": course.agent.in_sessions,
        "start": _words(course.start),
        "end": _words(course.end),
        "start_day": day_from_baseline(person, course.start),
        "end_day": day_from_baseline(person, course.end),
        "dose": course.dose,
        "unit": course.unit,
        "route": course.route,
        "sites": EVERYWHERE if touched == list(sites) else "+".join(touched),
        "note": course.note,
    }


def _words(moment: Moment | None) -> str:
    return "" if moment is None else str(moment)


def _table(rows: Sequence[Mapping[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    cells = {
        name: pd.Series([row.get(name) for row in rows], dtype=object, name=name)
        for name in column_names(columns)
    }
    return pd.DataFrame(cells)
