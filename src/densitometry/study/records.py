"""Rows → participants, visits and treatments; a cell that cannot be read becomes a finding with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from densitometry.errors import CodeError, DensitometryError, TableError
from densitometry.study import cells
from densitometry.study.cells import Moment, is_missing
from densitometry.study.code_lists import AGENTS, DIAGNOSES, IMMERSIONS, OTHER_AGENT, ROUTES, SEXES, YES_NO
from densitometry.study.codes import Agent, Code, CodeList, Diagnosis, ambiguous
from densitometry.study.entities import DONOR, RECIPIENT, Participant, Session, TreatedSite, Treatment
from densitometry.study.problems import Prevents, Problem, from_error
from densitometry.study.tables import Row, Table

OLDEST_YEARS = 120.0
LONGEST_PLAN_WEEKS = 5_200.0
LARGEST_DOSE = 1e6
_OTHER = "other:"

T = TypeVar("T")
C = TypeVar("C", bound=Code)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the cells of one row; what cannot be read is None and a finding.

    Attributes:
        table: table of the row.
        row: the row.
        problems: findings are added here.
        participant: label in scope, "" where not known.
        session: label in scope, "" where not known.
        prevents: what a bad cell prevents.
    """

    table: Table
    row: Row
    problems: list[Problem] = field(default_factory=list)
    participant: str = ""
    session: str = ""
    prevents: Prevents = "following"

    def text(self, column: str) -> str:
        """Return a cell's text; "" where it is missing or says nothing."""
        text = self.row.cells.get(column, "")
        return "" if is_missing(text) else text

    def read(self, column: str, parse: Callable[[str], T]) -> T | None:
        """Return what `parse` makes of a cell; None where the cell is missing or refused."""
        text = self.text(column)
        if not text:
            return None
        try:
            return parse(text)
        except DensitometryError as error:
            self.refuse(error, column)
            return None

    def refuse(self, error: DensitometryError, column: str = "") -> None:
        """Add a finding about the row, or about one of its cells."""
        found = from_error(error, self.table.file, self.prevents)
        self.problems.append(
            Problem(
                found.code,
                found.what,
                found.why,
                found.fix,
                found.file,
                self.row.line,
                column,
                prevents=self.prevents,
                participant=self.participant,
                session=self.session,
            )
        )

    def label(self, column: str, prefix: str = "") -> str | None:
        """Return a label without its prefix; a missing one is a finding, too."""
        if not self.text(column):
            what = f"the row has no {column}"
            self.refuse(
                TableError(what, "it cannot be assigned", f"write its {column}, or delete the row"), column
            )
            return None
        return self.read(column, lambda text: cells.label(text, prefix))

    def number(self, column: str, low: float, high: float) -> float | None:
        """Return a number from `low` to `high`."""
        return self.read(column, lambda text: cells.number(text, self.table.form.decimal, low, high))

    def code(self, column: str, codes: CodeList[C]) -> str:
        """Return a code, "" where nothing is written."""
        entry = self.read(column, codes.resolve)
        return entry.code if entry else ""

    def yes_no(self, column: str) -> bool | None:
        """Return what is answered."""
        answer = self.code(column, YES_NO)
        return answer == "y" if answer else None


def read_participant(reader: RowReader) -> Participant | None:
    """Return the person of a row, without visits and treatments; None where the row has no usable label."""
    label = reader.label("participant", "sub-")
    if label is None:
        return None
    reader = RowReader(reader.table, reader.row, reader.problems, label)
    return Participant(
        label,
        sex=reader.code("sex", SEXES),
        age_years=reader.number("age", 0, OLDEST_YEARS),
        centre=reader.text("centre"),
        arm=reader.text("arm"),
        diagnoses=reader.read("diagnosis", read_diagnoses) or (),
        note=reader.text("note"),
        line=reader.row.line,
    )


def read_diagnoses(text: str) -> tuple[Diagnosis, ...]:
    """Return the diagnoses that `text` names, joined by `+`.

    Raises:
        CodeError: one of them is not known.
    """
    return tuple(DIAGNOSES.resolve(part) for part in text.split("+"))


def read_session(reader: RowReader, participant: str) -> Session | None:
    """Return the visit of a row; None where the row has no usable label."""
    label = reader.label("session", "ses-")
    if label is None:
        return None
    reader = RowReader(reader.table, reader.row, reader.problems, participant, label)
    clipped, clipped_on = _clipping(reader)
    return Session(
        participant,
        label,
        date=reader.read("date", cells.iso_date),
        day=reader.read("day", cells.whole_number),
        planned_week=reader.number("planned_week", -LONGEST_PLAN_WEEKS, LONGEST_PLAN_WEEKS),
        baseline_marked=bool(reader.yes_no("baseline")),
        clipped=clipped,
        clipped_on=clipped_on,
        dyed=reader.yes_no("dyed"),
        immersion=reader.code("immersion", IMMERSIONS),
        polarised=reader.yes_no("polarised"),
        note=reader.text("note"),
        file=reader.table.file,
        line=reader.row.line,
    )


def _clipping(reader: RowReader) -> tuple[bool | None, Moment | None]:
    """Return whether the hair was clipped, and when."""
    text = reader.text("clipped_on")
    answers = YES_NO.find(text) if not text.isdigit() else ()
    if answers:
        return answers[0].code == "y", None
    when = reader.read("clipped_on", cells.moment)
    return (None, None) if when is None else (True, when)


def read_treatment(reader: RowReader) -> Treatment | None:
    """Return the treatment of a row; None where the participant or the agent cannot be read."""
    label = reader.label("participant", "sub-")
    if label is None:
        return None
    reader = RowReader(reader.table, reader.row, reader.problems, label)
    route = reader.code("route", ROUTES)
    agent = _agent(reader, route)
    treatment = Treatment(
        label,
        agent or OTHER_AGENT,
        text=reader.text("agent")[len(_OTHER) :].strip() if agent is OTHER_AGENT else "",
        start=reader.read("start", cells.moment),
        end=reader.read("end", cells.moment),
        dose=reader.number("dose", 0, LARGEST_DOSE),
        unit=reader.text("unit"),
        route=route or (agent.routes[0] if agent and agent.routes else ""),
        sites=reader.read("sites", read_sites) or (),
        note=reader.text("note"),
        line=reader.row.line,
    )
    return treatment if agent else None


def _agent(reader: RowReader, route: str) -> Agent | None:
    if not reader.text("agent"):
        reader.refuse(
            TableError("the row has no agent", "what was given?", "write its agent, or `blinded`"), "agent"
        )
        return None
    agent = reader.read("agent", lambda text: read_agent(text, route))
    if agent is not None:
        _check_route(reader, agent, route)
    return agent


def read_agent(text: str, route: str) -> Agent:
    """Return the agent that `text` means, given by `route` ("" where not written).

    Raises:
        CodeError: it is not known, or only the route would tell which is meant.
    """
    if text.casefold().startswith(_OTHER):
        if not text[len(_OTHER) :].strip():
            raise CodeError(
                f"agent {text!r} names nothing", "the text behind `other:` is kept", "write other: its name"
            )
        return OTHER_AGENT
    found = AGENTS.find(text)
    by_route = [entry for entry in found if route and route in entry.routes]
    if len(found) > 1 and len(by_route) == 1:
        return by_route[0]
    if len(found) > 1:
        raise ambiguous("agent", text, found)
    if not found:
        raise CodeError(
            f"agent {text!r} is not known",
            "agents decide when a verdict is too early and which site may show drift",
            f"write one of {', '.join(AGENTS.nearest(text))}, or other: {text}",
        )
    return found[0]


def read_sites(text: str) -> tuple[TreatedSite, ...]:
    """Return treated sites, joined by `+`, each with `recipient:` or `donor:` before it where that matters.

    Raises:
        TableError: a site is no label, or its role is not known.
    """
    found = []
    for part in text.replace(",", "+").replace(";", "+").split("+"):
        role, colon, site = (piece.strip() for piece in part.rpartition(":"))
        if colon and role.casefold() not in (RECIPIENT, DONOR):
            raise TableError(
                f"the role {role!r} of a site is not known",
                "grafts go from one to the other",
                "write recipient: or donor:",
            )
        found.append(TreatedSite(cells.label(site, "site-"), role.casefold()))
    return tuple(found)


def _check_route(reader: RowReader, agent: Agent, route: str) -> None:
    if route and agent.routes and route not in agent.routes:
        reader.refuse(
            CodeError(
                f"{agent.code} is not given by the route {route}",
                "one of the two is wrong, and both decide how a change is judged",
                f"write the route as {' or '.join(agent.routes)}, or correct the agent",
            ),
            "route",
        )
