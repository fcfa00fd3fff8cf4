"""Pictures measured where the output folder cannot be reached: results travel back and are written here."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from densitometry.batch import Job, Outcome, failed, measure_one, no_memory
from densitometry.errors import OutputError
from densitometry.executors import Executor, Lost, one_thread_here
from densitometry.inputs import Input
from densitometry.report import results
from densitometry.report.folders import whole_folder


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture on its way: `files` are the picture and its sidecar, None where the worker reads them."""

    job: Job
    item: Input
    files: Mapping[str, bytes] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of it: the outcome, and the files of its result folder."""

    outcome: Outcome
    files: Mapping[str, bytes] = field(repr=False)


def outcomes_from(
    executor: Executor, job: Job, inputs: Sequence[Input], *, send_images: bool
) -> Generator[Outcome, None, None]:
    """Measure elsewhere and write the results here; one outcome an input, as they come.

    Args:
        executor: works elsewhere.
        job: how.
        inputs: what.
        send_images: read the pictures here and send them; else workers read them from shared storage.
    """
    on_the_way = (_sent(job, item, send_images=send_images) for item in inputs)
    with contextlib.closing(executor.unordered(measure_apart, on_the_way)) as stream:
        for sent, found in stream:
            if isinstance(found, Lost):
                yield failed(sent.item, no_memory(job, sent.item))
            else:
                yield _kept_here(job, sent.item, found)


def measure_apart(sent: Sent) -> Returned:
    """Measure one picture in a folder that is thrown away, and return what would have been written."""
    one_thread_here()
    with tempfile.TemporaryDirectory() as aside:
        out, item = Path(aside) / "out", sent.item
        if sent.files is not None:
            item = replace(item, path=Path(aside) / "in" / item.path.name)
            item.path.parent.mkdir()
            for name, content in sent.files.items():
                (item.path.parent / name).write_bytes(content)
        outcome = measure_one(replace(sent.job, out=out), item)
        places = {str(out): str(sent.job.out), str(item.path.parent): str(sent.item.path.parent)}
        folder = out / item.folder
        files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    return Returned(_with_places(outcome, places), files)


def _sent(job: Job, item: Input, *, send_images: bool) -> Sent:
    item = replace(item, path=item.path.resolve())
    files = None
    if send_images:
        with contextlib.suppress(OSError):  # refused by name where it is read
            beside = [path for path in (item.path, item.path.with_suffix(".json")) if path.is_file()]
            files = {path.name: path.read_bytes() for path in beside}
    return Sent(job, item, files)


def _kept_here(job: Job, item: Input, found: Returned) -> Outcome:
    target = job.out / item.folder
    if not found.files:
        shutil.rmtree(target, ignore_errors=True)
        return found.outcome
    try:
        with whole_folder(target, results.RESULT_NAMES) as partial:
            for name, content in found.files.items():
                (partial / name).write_bytes(content)
    except OutputError as error:
        return failed(item, error)
    return found.outcome


def _with_places(outcome: Outcome, places: Mapping[str, str]) -> Outcome:
    """Return the outcome with the paths of this machine in its words, not those of the worker."""
    if outcome.error is None:
        return outcome
    words = list(outcome.error)
    for there, here in places.items():
        words = [word.replace(there, here) for word in words]
    return replace(outcome, error=(words[0], words[1], words[2], words[3]))
