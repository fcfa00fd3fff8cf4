"""A study on disk → a `Study`: folders or flat manifest, with tables, baselines and findings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from densitometry.errors import DensitometryError, StudyKeyError, StudyLayoutError
from densitometry.schema import Column
from densitometry.study import columns, manifest
from densitometry.study.entities import Participant, Session, Study, Treatment
from densitometry.study.problems import Problem, from_error, in_order, problem
from densitometry.study.records import RowReader, read_participant, read_session, read_treatment
from densitometry.study.tables import Row, Table, TableForm, read_table
from densitometry.study.timeline import by_time, choose_baseline, timeline_of
from densitometry.study.tree import scan_tree

DESCRIPTION = "dataset_description.json"
TABLE_SUFFIXES = (".tsv", ".csv")

K = TypeVar("K")
V = TypeVar("V")
E = TypeVar("E", Participant, Session)


@dataclass(slots=True)
class Tables:
    """Reads the tables of one study and gathers what was found."""

    root: Path
    forms: dict[str, TableForm] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def read(self, path: Path, known: Sequence[Column]) -> Table | None:
        """Return a table; one that cannot be read is a finding and None."""
        file = path.relative_to(self.root).as_posix()
        try:
            table = read_table(path, file, known)
        except DensitometryError as error:
            self.problems.append(from_error(error, file, "following"))
            return None
        self.forms[file] = table.form
        self.problems += table.problems
        return table

    def one_of(self, paths: Sequence[Path]) -> Path | None:
        """Return the one of `paths` that is there; two are a finding, and the first is read."""
        there = [path for path in paths if path.is_file()]
        if len(there) > 1:
            self.problems.append(
                problem(
                    StudyKeyError,
                    f"{there[0].name} and {there[1].name} are both there",
                    "which of the two holds cannot be told; the first was read",
                    f"rm {shlex.quote(str(there[1]))}   # after merging what it says",
                    file=there[1].relative_to(self.root).as_posix(),
                    prevents="following",
                )
            )
        return there[0] if there else None


def read_study(path: Path) -> Study:
    """Read a study's tree (a folder) or manifest (a table), lenient: what is wrong becomes a finding.

    No picture is opened. `check.problems_of` adds what the parts show only together.

    Raises:
        StudyLayoutError: there is nothing at `path`, or no study.
        TableError: the manifest cannot be read.
    """
    if path.is_file():
        return _read_manifest(path)
    if not path.is_dir():
        raise StudyLayoutError(
            f"there is no study at {path}",
            "a study is a folder with sub-… folders, or a manifest (a table with one row a picture)",
            f"densitometry study init {shlex.quote(str(path))}",
        )
    return _read_tree(path)


def _read_tree(root: Path) -> Study:
    scan = scan_tree(root)
    tables = Tables(root)
    people_path = tables.one_of(_table_paths(root / "participants"))
    if not scan.participants and people_path is None and not (root / DESCRIPTION).exists():
        raise StudyLayoutError(
            f"{root} is not a study",
            "it holds no sub-… folder, no participants.tsv and no dataset_description.json",
            f"densitometry study init {shlex.quote(str(root))}   # in an empty folder",
        )
    people = _participants(tables, people_path)
    sessions: dict[tuple[str, str], Session] = {}
    for participant, paths in scan.session_tables.items():
        path = tables.one_of(sorted(paths, key=lambda item: TABLE_SUFFIXES.index(item.suffix)))
        table = tables.read(path, columns.SESSIONS) if path else None
        if table is None:
            continue
        for row in table.rows:
            found = read_session(RowReader(table, row, tables.problems, participant), participant)
            if found:
                _put_once(sessions, (participant, found.label), found, tables, row)
    for participant in scan.participants:
        people.setdefault(participant, Participant(participant))
    for participant, label in scan.visits:
        sessions.setdefault((participant, label), Session(participant, label))
    treatments = _treatments(tables, people, root)
    return Study(
        root,
        _study_name(root, tables.problems),
        "tree",
        _assemble(people.values(), sessions.values(), treatments),
        tuple(scan.pictures),
        dict(sorted(tables.forms.items())),
        in_order([*scan.problems, *tables.problems]),
    )


def _read_manifest(path: Path) -> Study:
    root = path.parent
    tables = Tables(root)
    table = read_table(path, path.name, columns.MANIFEST)
    tables.forms[path.name] = table.form
    found = manifest.read_rows(table, root)
    tables.problems += [*table.problems, *found.problems]
    people_path = tables.one_of(_table_paths(root / "participants"))
    people = _participants(tables, people_path) if people_path else {}
    for label, participant in found.participants.items():
        people.setdefault(label, participant)
    treatments = _treatments(tables, people, root)
    return Study(
        root,
        path.stem,
        "manifest",
        _assemble(people.values(), found.sessions.values(), treatments),
        tuple(sorted(found.pictures, key=lambda picture: (picture.key, picture.name))),
        dict(sorted(tables.forms.items())),
        in_order(tables.problems),
    )


def _table_paths(stem: Path) -> list[Path]:
    return [stem.with_name(stem.name + suffix) for suffix in TABLE_SUFFIXES]


def _participants(tables: Tables, path: Path | None) -> dict[str, Participant]:
    people: dict[str, Participant] = {}
    if path is None:
        tables.problems.append(
            problem(
                StudyLayoutError,
                "there is no participants.tsv",
                "it says who takes part and with which diagnosis",
                "write participants.tsv with the columns participant, sex, age, centre, arm, diagnosis",
                file="participants.tsv",
            )
        )
        return people
    table = tables.read(path, columns.PARTICIPANTS)
    if table is None:
        return people
    for row in table.rows:
        found = read_participant(RowReader(table, row, tables.problems))
        if found:
            _put_once(people, found.label, found, tables, row, path.name)
    return people


def _treatments(tables: Tables, people: Mapping[str, Participant], root: Path) -> list[Treatment]:
    path = tables.one_of(_table_paths(root / "treatments"))
    table = tables.read(path, columns.TREATMENTS) if path else None
    treatments: list[Treatment] = []
    if table is None:
        return treatments
    for row in table.rows:
        reader = RowReader(table, row, tables.problems)
        label = reader.text("participant").removeprefix("sub-")
        found = read_treatment(reader)
        if label in people:
            treatments += [found] if found else []
        elif label:
            tables.problems.append(_unknown_person(label, people, table, row))
    return treatments


def _unknown_person(label: str, people: Mapping[str, Participant], table: Table, row: Row) -> Problem:
    return problem(
        StudyKeyError,
        f"a treatment is for participant {label!r}, who is not in the study",
        _near_label(label, people),
        f"correct the participant, or add the row sub-{label} to participants.tsv",
        file=table.file,
        line=row.line,
        column="participant",
    )


def _near_label(label: str, known: Iterable[str]) -> str:
    """Say which known label differs only by leading zeros or case, if one does."""
    for other in known:
        if other.lstrip("0").casefold() == label.lstrip("0").casefold():
            return f"there is {other!r}: a spreadsheet may have dropped or added zeros"
    return f"the participants are {', '.join(sorted(known)[:5])}" if known else "there are no participants"


def _put_once(kept: dict[K, E], key: K, value: E, tables: Tables, row: Row, file: str = "") -> None:
    """Keep the first row of a participant or visit; a second one is a finding."""
    if key not in kept:
        kept[key] = value
        return
    noun = "session" if isinstance(value, Session) else "participant"
    tables.problems.append(
        problem(
            StudyKeyError,
            f"{noun} {value.label!r} has two rows",
            f"the row in line {kept[key].line} was used, this one was not",
            f"delete line {kept[key].line} or line {row.line}",
            file=value.file if isinstance(value, Session) else file,
            line=row.line,
            column=noun,
            prevents="following",
            participant=value.participant if isinstance(value, Session) else value.label,
        )
    )


def _assemble(
    people: Iterable[Participant], sessions: Iterable[Session], treatments: Iterable[Treatment]
) -> tuple[Participant, ...]:
    """Give every participant visits by time, treatments by start, and a baseline."""
    visits = _grouped(sessions, lambda item: item.participant)
    courses = _grouped(treatments, lambda item: item.participant)
    whole = []
    for person in sorted(people, key=lambda item: item.label):
        timeline = timeline_of(visits.get(person.label, []))
        own = by_time(visits.get(person.label, []), timeline)
        given = sorted(
            courses.get(person.label, []), key=lambda item: (timeline.position(item.start) or 0, item.line)
        )
        baseline, rule = choose_baseline(own, given, timeline)
        whole.append(
            replace(person, sessions=own, treatments=tuple(given), baseline=baseline, baseline_rule=rule)
        )
    return tuple(whole)


def _grouped(items: Iterable[V], key: Callable[[V], str]) -> dict[str, list[V]]:
    groups: dict[str, list[V]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _study_name(root: Path, problems: list[Problem]) -> str:
    path = root / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        name = content.get("Name") if isinstance(content, dict) else None
        why = "" if isinstance(name, str) and name.strip() else 'it states no "Name"'
    except OSError:
        name, why = None, "it is not there"
    except (ValueError, RecursionError) as error:
        name, why = None, f"it is not JSON ({error})"
    if not why:
        return str(name).strip()
    problems.append(
        problem(
            StudyLayoutError,
            f"{DESCRIPTION} names no study",
            why,
            f'write {DESCRIPTION}: {{"Name": "{root.resolve().name}", "BIDSVersion": "1.10.0"}}',
            file=DESCRIPTION,
            severity="warning",
        )
    )
    return root.resolve().name
