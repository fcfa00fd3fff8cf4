"""Participants followed where the output folder cannot be reached: results travel there, comparisons back."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from densitometry.executors import Executor, Lost, one_thread_here
from densitometry.report import changes, results
from densitometry.report.folders import whole_folder, write_whole_file
from densitometry.study import followed
from densitometry.study.person_task import PersonRows, PersonTask
from densitometry.study.seen import MEASURED

_SENT_NAMES = (results.SUMMARY_NAME, results.HAIRS_NAME, results.TRACES_NAME)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Sent:
    """A participant on the way, with the tables of the pictures' results by their place below OUT."""

    task: PersonTask
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of it: the call's result, and the files it wrote below OUT."""

    found: Any
    files: Mapping[str, bytes] = field(repr=False)


def unordered_apart(
    executor: Executor, call: Callable[[PersonTask], R], tasks: Iterable[PersonTask]
) -> Generator[tuple[PersonTask, R | Lost], None, None]:
    """Apply `call` to participants elsewhere and write here what it wrote; pictures are read over there.

    Args:
        executor: works elsewhere.
        call: of `person_task`.
        tasks: participants.

    Raises:
        OutputError: what came back cannot be written.
    """
    on_the_way = (_sent(task) for task in tasks)
    with contextlib.closing(executor.unordered(partial(work_apart, call), on_the_way)) as stream:
        for sent, back in stream:
            if not isinstance(back, Lost):
                _keep_here(sent.task, back)
            yield sent.task, back if isinstance(back, Lost) else back.found


def work_apart(call: Callable[[PersonTask], Any], sent: Sent) -> Returned:
    """Work in a folder that is thrown away, and return what would have been written."""
    one_thread_here()
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside)
        for name, content in sent.files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
        found = call(replace(sent.task, out=out))
        written = {p.relative_to(out).as_posix(): p for p in sorted(out.rglob("*")) if p.is_file()}
        files = {name: path.read_bytes() for name, path in written.items() if name not in sent.files}
    return Returned(found, files)


def _sent(task: PersonTask) -> Sent:
    seen = tuple(
        replace(item, picture=replace(item.picture, path=item.picture.path.resolve())) for item in task.seen
    )
    files = {}
    for item in seen:
        for name in _SENT_NAMES if item.status == MEASURED else ():
            with contextlib.suppress(OSError):  # refused by name where it is read
                files[f"{item.picture.folder}/{name}"] = (task.out / item.picture.folder / name).read_bytes()
    return Sent(replace(task, seen=seen), files)


def _keep_here(task: PersonTask, back: Returned) -> None:
    """Write comparisons, remove those that are none any more, and last what says that all of it is there."""
    rows = back.found.changes if isinstance(back.found, PersonRows) else ()
    for row in rows:
        target = followed.comparison_folder(task, row)
        start = f"{target.relative_to(task.out).as_posix()}/"
        own = {name.removeprefix(start): back.files[name] for name in back.files if name.startswith(start)}
        if not own:
            followed.remove_comparison(target)
            continue
        with whole_folder(target, changes.COMPARISON_NAMES) as partial_folder:
            for name, content in own.items():
                (partial_folder / name).write_bytes(content)
    for kept in followed.KEPT_NAMES:
        path = task.folder / kept
        content_of = back.files.get(path.relative_to(task.out).as_posix())
        if content_of is not None:
            write_whole_file(path, content_of)
        elif rows and kept == followed.FOLLOWED_NAME:
            path.unlink(missing_ok=True)
