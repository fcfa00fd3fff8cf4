"""What a study is made of: frozen values, keyed by labels that keep their leading zeros."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from densitometry.study.cells import Moment
from densitometry.study.code_lists import NOT_RECORDED, OCCIPUT, ROUTES
from densitometry.study.codes import Agent, Diagnosis
from densitometry.study.problems import Problem
from densitometry.study.tables import TableForm

RECIPIENT, DONOR = "recipient", "donor"


@dataclass(frozen=True, slots=True)
class TreatedSite:
    """A site that was treated; `role` is "recipient" or "donor" for a transplant, else ""."""

    site: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Treatment:
    """One course, or one session of injections.

    Attributes:
        participant: label.
        agent: coded agent.
        text: what was written behind `other:`; "" otherwise.
        start: first day; None where it is not recorded.
        end: last day; None while it goes on, and for single sessions.
        dose: in `unit`; None where it is not recorded.
        unit: unit of the dose.
        route: code of the route; "" where it is not known.
        sites: treated sites; empty where the whole scalp or nothing particular is meant.
        note: free text.
        line: line in the treatments' table.
    """

    participant: str
    agent: Agent
    text: str = ""
    start: Moment | None = None
    end: Moment | None = None
    dose: float | None = None
    unit: str = ""
    route: str = ""
    sites: tuple[TreatedSite, ...] = ()
    note: str = ""
    line: int = 0

    @property
    def may_be_systemic(self) -> bool:
        """Whether it reaches, or may reach, the whole body; True where nobody can tell."""
        if self.agent.systemic is not None:
            return self.agent.systemic
        return ROUTES.by_code(self.route).systemic if self.route else True

    def touches(self, site: str) -> bool:
        """Whether it was given at `site`, or may have been: no sites named, or a systemic one."""
        return self.may_be_systemic or not self.sites or any(item.site == site for item in self.sites)


@dataclass(frozen=True, slots=True)
class Session:
    """One visit of one participant; None where something is not recorded.

    Attributes:
        participant: label of the participant.
        label: label of the visit.
        date: day of the visit.
        day: day on the participant's own count.
        planned_week: week of the plan.
        baseline_marked: whether its row carries the baseline mark.
        clipped: whether the hair was clipped.
        clipped_on: when.
        dyed: whether the hair was dyed.
        immersion: code of what lay between lens and skin; "" where not recorded.
        polarised: whether the light was polarised.
        note: free text.
        file: table that holds the row; "" where the visit has none.
        line: line of the row.
    """

    participant: str
    label: str
    date: Moment | None = None
    day: int | None = None
    planned_week: float | None = None
    baseline_marked: bool = False
    clipped: bool | None = None
    clipped_on: Moment | None = None
    dyed: bool | None = None
    immersion: str = ""
    polarised: bool | None = None
    note: str = ""
    file: str = ""
    line: int = 0

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The date and the day, as far as they are recorded."""
        return tuple(moment for moment in (self.date, self.day) if moment is not None)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with the sidecar that applies to it.

    Attributes:
        path: the file.
        name: its path below the study's folder, with `/`.
        participant: label.
        session: label.
        site: target area; "" for a whole-head photograph.
        run: number of the replicate, from 1.
        modality: trich, macro or global.
        sidecar: keys of all sidecars that apply, the nearest winning.
        um_per_px: edges of a pixel along x and y [µm]; None where nobody stated them.
        scale_error_pct: standard error of the scale [%]; None where nobody stated it.
        scale_source: file that states the scale, below the study's folder; "" where there is none.
        line: line of the manifest; 0 in a tree.
    """

    path: Path
    name: str
    participant: str
    session: str
    site: str
    run: int = 1
    modality: str = "trich"
    sidecar: Mapping[str, object] = field(default_factory=dict, hash=False)
    um_per_px: tuple[float, float] | None = None
    scale_error_pct: float | None = None
    scale_source: str = ""
    line: int = 0

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """Participant, session, modality, site, run: what makes the picture this picture."""
        return (self.participant, self.session, self.modality, self.site, self.run)

    @property
    def stem(self) -> str:
        """The entities as a file name without its ending."""
        site = f"_site-{self.site}" if self.site else ""
        return f"sub-{self.participant}_ses-{self.session}{site}_run-{self.run}_{self.modality}"

    @property
    def folder(self) -> str:
        """Folder of its results below OUT, with `/`."""
        return f"sub-{self.participant}/ses-{self.session}/{self.stem}"


@dataclass(frozen=True, slots=True)
class Participant:
    """One person with visits, treatments and the visit the others are compared with.

    Attributes:
        label: label.
        sex: f, m, x or "".
        age_years: age at the first visit; None where not recorded.
        centre: clinic.
        arm: arm of a trial.
        diagnoses: coded diagnoses; empty where not recorded.
        note: free text.
        sessions: visits by time, those without time last in the order of their table.
        treatments: by start.
        baseline: label of the visit the others are compared with; None where it cannot be told.
        baseline_rule: how it was found, or why not, in words.
        line: line in the participants' table; 0 where there is no row.
    """

    label: str
    sex: str = ""
    age_years: float | None = None
    centre: str = ""
    arm: str = ""
    diagnoses: tuple[Diagnosis, ...] = ()
    note: str = ""
    sessions: tuple[Session, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    baseline: str | None = None
    baseline_rule: str = ""
    line: int = 0

    @property
    def diagnosis_words(self) -> str:
        """The diagnoses as a person reads them."""
        return " and ".join(item.english for item in self.diagnoses) or NOT_RECORDED

    @property
    def scarring(self) -> bool | None:
        """Whether any diagnosis scars; None where none is recorded."""
        return any(item.scarring for item in self.diagnoses) if self.diagnoses else None

    def session(self, label: str) -> Session | None:
        """Return the visit of this label."""
        return next((item for item in self.sessions if item.label == label), None)

    def is_drift_check(self, site: str) -> bool:
        """Whether `site` may show drift: the occiput, untreated, no donor, and no systemic therapy."""
        return site.casefold().startswith(OCCIPUT) and not any(
            course.touches(site) for course in self.treatments
        )


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it lies on disk; nothing has been measured.

    Attributes:
        root: folder of the tree, or of the manifest.
        name: name of the study.
        layout: "tree" or "manifest".
        participants: by label.
        pictures: by key.
        tables: file → how it is written, for every table that was read.
        problems: what reading found; `check.problems_of` adds what the parts together show.
    """

    root: Path
    name: str
    layout: str
    participants: tuple[Participant, ...]
    pictures: tuple[Picture, ...]
    tables: Mapping[str, TableForm] = field(default_factory=dict, hash=False)
    problems: tuple[Problem, ...] = ()
    _participants: Mapping[str, Participant] = field(init=False, repr=False, compare=False)
    _pictures: Mapping[str, tuple[Picture, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index people and pictures: thousands are looked up one by one."""
        people: dict[str, Participant] = {}
        for person in self.participants:
            people.setdefault(person.label, person)
        pictures: dict[str, list[Picture]] = {}
        for picture in self.pictures:
            pictures.setdefault(picture.participant, []).append(picture)
        object.__setattr__(self, "_participants", people)
        object.__setattr__(self, "_pictures", {label: tuple(own) for label, own in pictures.items()})

    def participant(self, label: str) -> Participant | None:
        """Return the participant of this label."""
        return self._participants.get(label)

    def pictures_of(self, participant: str, session: str | None = None) -> tuple[Picture, ...]:
        """Return the pictures of a participant, or of one visit."""
        own = self._pictures.get(participant, ())
        return own if session is None else tuple(item for item in own if item.session == session)
