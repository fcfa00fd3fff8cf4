"""A simulated study on disk: people × sites × visits × replicates as a study folder, and who is who in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np

from densitometry.errors import OutputError
from densitometry.report.folders import move_away, whole_folder
from densitometry.simulate.files import JPEG_QUALITY
from densitometry.simulate.series import Capture, SeriesSettings, shoot_series
from densitometry.study.code_lists import AGENTS

FIRST_DAY = date(2026, 1, 12)
DAYS_PER_WEEK = 7
REFERENCE_SITE = "occiput"
TRUTH_FILE = "derivatives/truth/follicles.tsv"
TRUTH_COLUMNS = ("participant", "session", "site", "follicle", "shows", "diameter_um")
PARTICIPANT_COLUMNS = ("participant", "sex", "age", "centre", "arm", "diagnosis")
SESSION_COLUMNS = ("session", "date", "planned_week", "baseline", "clipped_on", "dyed", "immersion")
TREATMENT_COLUMNS = ("participant", "agent", "start", "route", "sites")
USUAL_AGENT = "minoxidil_topical"
YOUNGEST_YEARS, OLDEST_YEARS = 25, 60


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Who and what is pictured when.

    Attributes:
        series: one spot from visit to visit; its `gain` and `thickening` hold for treated spots only.
        people: number of participants; the odd ones are treated where `series` holds an effect.
        sites: labels of the spots; the occiput is never treated.
        weeks: between two visits.
        suffix: ".png" or ".jpg".
        agents: codes of what the treated are given: courses from the first visit on, injections and
            procedures at every visit but the last.
    """

    series: SeriesSettings
    people: int = 2
    sites: tuple[str, ...] = ("vertex",)
    weeks: int = 12
    suffix: str = ".png"
    agents: tuple[str, ...] = (USUAL_AGENT,)

    @property
    def has_effect(self) -> bool:
        """Whether anything is done to treated spots."""
        return self.series.gain != 0 or self.series.thickening != 1

    def treats(self, person: int, site: str) -> bool:
        """Whether a site of the person of this number, from 1, is treated."""
        return self.has_effect and person % 2 == 1 and site != REFERENCE_SITE


@dataclass(frozen=True, slots=True)
class WrittenPicture:
    """One picture of a written study: its path below the study's folder, and what it shows."""

    path: str
    participant: str
    session: str
    site: str
    run: int
    um_per_px: float
    hairs: int


def write_study(folder: Path, plan: StudyPlan, seed: int) -> list[WrittenPicture]:
    """Write a study into a folder that is new or empty; it appears whole or not at all.

    Beside each picture lies its sidecar with the scale and the truth, each hair with the number of its
    follicle; which follicle shows a hair at which visit is in `derivatives/truth/follicles.tsv`.

    Args:
        folder: the new study.
        plan: who and what.
        seed: the only source of chance; people and sites draw from streams of their own.

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(
            f"{folder} is not empty",
            "a simulated study is written into a folder of its own",
            move_away(folder),
        )
    written: list[WrittenPicture] = []
    truth: list[Sequence[object]] = []
    with whole_folder(folder, frozenset()) as partial:
        _write_tables(partial, folder.name, plan, np.random.default_rng([seed, 0]))
        for person in range(1, plan.people + 1):
            for number, site in enumerate(plan.sites):
                rng = np.random.default_rng([seed, person, number])
                for capture in shoot_series(_series_of(plan, person, site), rng):
                    written.append(_write_capture(partial, plan, person, site, capture))
                    if capture.run == 1:
                        truth += _truth_rows(plan, person, site, capture)
        (partial / TRUTH_FILE).parent.mkdir(parents=True)
        _write_table(partial / TRUTH_FILE, TRUTH_COLUMNS, truth)
    return written


def _series_of(plan: StudyPlan, person: int, site: str) -> SeriesSettings:
    return plan.series if plan.treats(person, site) else replace(plan.series, gain=0.0, thickening=1.0)


def _label(person: int) -> str:
    return f"{person:02d}"


def _session(plan: StudyPlan, visit: int) -> str:
    return f"w{visit * plan.weeks:02d}"


def _day(plan: StudyPlan, visit: int) -> date:
    return FIRST_DAY + timedelta(days=visit * plan.weeks * DAYS_PER_WEEK)


def _write_tables(root: Path, name: str, plan: StudyPlan, rng: np.random.Generator) -> None:
    description = {"Name": f"{name} (simulated)", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    (root / "dataset_description.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    people: list[Sequence[object]] = []
    courses: list[Sequence[object]] = []
    clipped = plan.series.scene.hairs.clipped_fraction > 0
    for person in range(1, plan.people + 1):
        treated = [site for site in plan.sites if plan.treats(person, site)]
        arm = ("treated" if treated else "control") if plan.has_effect else "observed"
        sex, age = str(rng.choice(["f", "m"])), int(rng.integers(YOUNGEST_YEARS, OLDEST_YEARS))
        people.append((f"sub-{_label(person)}", sex, age, "simulated", arm, "androgenetic_alopecia"))
        if treated:
            courses += _courses(plan, person, treated)
        visits = [
            (
                f"ses-{_session(plan, visit)}",
                _day(plan, visit),
                visit * plan.weeks,
                "y" if visit == 0 else "n",
                _day(plan, visit) if clipped else "n",
                "n",
                "gel",
            )
            for visit in range(plan.series.visits)
        ]
        folder = root / f"sub-{_label(person)}"
        folder.mkdir()
        _write_table(folder / f"sub-{_label(person)}_sessions.tsv", SESSION_COLUMNS, visits)
    _write_table(root / "participants.tsv", PARTICIPANT_COLUMNS, people)
    _write_table(root / "treatments.tsv", TREATMENT_COLUMNS, courses)


def _courses(plan: StudyPlan, person: int, sites: Sequence[str]) -> Iterator[Sequence[object]]:
    for code in plan.agents:
        agent = AGENTS.by_code(code)
        visits = range(max(1, plan.series.visits - 1)) if agent.in_sessions else (0,)
        route = agent.routes[0] if agent.routes else "n/a"
        for visit in visits:
            yield f"sub-{_label(person)}", agent.code, _day(plan, visit), route, "+".join(sites)


def _write_capture(root: Path, plan: StudyPlan, person: int, site: str, capture: Capture) -> WrittenPicture:
    label, session = _label(person), _session(plan, capture.visit)
    folder = f"sub-{label}/ses-{session}/trich"
    stem = f"sub-{label}_ses-{session}_site-{site}_run-{capture.run}_trich"
    (root / folder).mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if plan.suffix == ".jpg" else []
    rgb = capture.phantom.rgb
    _, packed = cv2.imencode(plan.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    picture = f"{folder}/{stem}{plan.suffix}"
    (root / picture).write_bytes(packed.tobytes())
    truth = json.dumps(capture.truth(), sort_keys=True, separators=(",", ":")) + "\n"
    (root / folder / f"{stem}.json").write_text(truth, encoding="utf-8", newline="\n")
    hairs = sum(hair.root_inside for hair in capture.phantom.hairs)
    return WrittenPicture(picture, label, session, site, capture.run, capture.phantom.um_per_px, hairs)


def _truth_rows(plan: StudyPlan, person: int, site: str, capture: Capture) -> Iterator[Sequence[object]]:
    place = (f"sub-{_label(person)}", f"ses-{_session(plan, capture.visit)}", site)
    for follicle, (shows, diameter) in enumerate(zip(capture.showing, capture.diameter_um, strict=True)):
        yield (*place, follicle, "y" if shows else "n", f"{diameter:.2f}")


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = ["\t".join(columns), *("\t".join(str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
