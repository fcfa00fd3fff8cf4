"""All participants of a study followed, by whoever works; the parent only hands out and collects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from densitometry.errors import ResourcesError
from densitometry.executors import Executor, Lost
from densitometry.study import followed
from densitometry.study.apart import unordered_apart
from densitometry.study.lean import FOLLOWED_KEYS, lean_rows
from densitometry.study.person_task import (
    Failure,
    Groups,
    PersonRows,
    PersonTask,
    cycles,
    follow_person,
    pool,
    replicates,
)
from densitometry.study.plan import Plan
from densitometry.study.seen import MEASURED, Seen

Advance = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class People:
    """What following came to.

    Attributes:
        changes, growth: rows of the tables, in the order of the study.
        pooled: figure → fields of the study's repeatability.
        failures: why participants could not be followed.
    """

    changes: tuple[Mapping[str, Any], ...]
    growth: tuple[Mapping[str, Any], ...]
    pooled: Mapping[str, Mapping[str, Any]]
    failures: tuple[Failure, ...]


def follow_people(
    plan: Plan,
    seen: Mapping[str, Sequence[Seen]],
    executor: Executor,
    apart: Executor | None = None,
    advance: Advance | None = None,
) -> People:
    """Follow every participant; who was followed before from the same results is not followed again.

    Args:
        plan: what was to do.
        seen: participant → pictures with what came of them.
        executor: works on this machine.
        apart: works in its place, where the output folder cannot be reached.
        advance: called with the participants followed so far, and with how many there are to follow.

    Raises:
        OutputError: a comparison cannot be written.
    """
    tasks = {task.person.label: task for task in _tasks(plan, seen)}
    groups: dict[str, Groups] = {}
    for label, task in list(tasks.items()):
        known = followed.read_groups(task)
        if known is not None:
            groups[label] = known
    todo = [task for label, task in tasks.items() if label not in groups]
    for task, found in _each(executor, apart, replicates, todo):
        label = task.person.label
        failure = _lost(task) if isinstance(found, Lost) else found
        groups[label] = {} if isinstance(failure, Failure) else failure
        if isinstance(failure, Failure):
            tasks[label] = replace(tasks[label], failure=failure)
    in_order = {label: groups[label] for label in tasks}
    pooled = _one(executor, pool, in_order)
    if isinstance(pooled, Lost):
        raise _no_memory("the study's repeatability could not be worked out")
    tasks = {label: replace(task, groups=groups[label], pooled=pooled) for label, task in tasks.items()}
    rows = _rows(tasks, executor, apart, advance)
    ordered = [rows[label] for label in tasks]
    return People(
        tuple(row for item in ordered for row in item.changes),
        tuple(row for item in ordered for row in item.growth),
        pooled,
        tuple(item.failure for item in ordered if item.failure is not None),
    )


def cycles_of(
    plan: Plan, changes: Sequence[Mapping[str, Any]], executor: Executor
) -> list[Mapping[str, Any]]:
    """Return rows of cycles.tsv of everybody who is treated in sessions, in the order of the study."""
    treated = [p for p in plan.study.participants if any(c.agent.in_sessions for c in p.treatments)]
    if not treated:
        return []
    own = [
        (person, tuple(row for row in changes if row["participant"] == person.label)) for person in treated
    ]
    found = _one(executor, cycles, own)
    if isinstance(found, Lost):
        raise _no_memory("cycles of treatment could not be worked out")
    return found


def _tasks(plan: Plan, seen: Mapping[str, Sequence[Seen]]) -> Iterable[PersonTask]:
    job = plan.job
    for person in plan.study.participants:
        if person.label in seen:
            own = tuple(_followed_part(item) for item in seen[person.label])
            problems = tuple(item for item in plan.problems if item.participant in ("", person.label))
            digests = {
                item.picture.stem: followed.digest_of_results(job.out / item.picture.folder)
                for item in own
                if item.status == MEASURED
            }
            yield PersonTask(person, own, problems, job.out, job.recipe, job.overlay, digests)


def _followed_part(item: Seen) -> Seen:
    """Return a picture with what following needs: tasks that travel are small."""
    summary = None if item.summary is None else {key: item.summary[key] for key in FOLLOWED_KEYS}
    return replace(item, summary=summary, picture=replace(item.picture, sidecar={}))


def _rows(
    tasks: Mapping[str, PersonTask], executor: Executor, apart: Executor | None, advance: Advance | None
) -> dict[str, PersonRows]:
    rows: dict[str, PersonRows] = {}
    todo = []
    for label, task in tasks.items():
        known = None if task.failure else followed.read_rows(task)
        if known is None:
            todo.append(task)
        else:
            rows[label] = _lean(known)
    again = []
    for number, (task, found) in enumerate(_each(executor, apart, follow_person, todo), 1):
        if isinstance(found, Lost):
            again.append(replace(task, failure=_lost(task)))
        else:
            rows[task.person.label] = _lean(found)
        if advance is not None:
            advance(number, len(todo))
    for task, found in _each(executor, apart, follow_person, again):
        if isinstance(found, Lost):
            raise _no_memory(f"sub-{task.person.label} could not be followed")
        rows[task.person.label] = _lean(found)
    return rows


def _lean(rows: PersonRows) -> PersonRows:
    return replace(rows, changes=lean_rows(rows.changes), growth=lean_rows(rows.growth))


def _each(
    executor: Executor,
    apart: Executor | None,
    call: Callable[[PersonTask], R],
    tasks: Iterable[PersonTask],
) -> Iterable[tuple[PersonTask, R | Lost]]:
    if apart is not None:
        return unordered_apart(apart, call, tasks)
    return executor.unordered(call, tasks)


def _one(executor: Executor, call: Callable[[T], R], item: T) -> R | Lost:
    """Have one thing done; the stream is drawn to its end, or the workers would be ended with it."""
    [(_, found)] = executor.unordered(call, [item])
    return found


def _lost(task: PersonTask) -> Failure:
    error = _no_memory(f"sub-{task.person.label} could not be followed: the process was ended, twice")
    return Failure(error.code, error.what, error.why, error.fix)


def _no_memory(what: str) -> ResourcesError:
    return ResourcesError(
        what,
        "most likely the machine's memory was used up",
        "run the same line again with --jobs 1: what is done is kept",
    )
