"""Many pictures into one output folder: by how many processes, and the table of what came of each."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from densitometry.errors import DensitometryError, OutputError, QualityRefusedError, ResourcesError
from densitometry.executors import Executor, Lost, local_executor
from densitometry.inputs import Input
from densitometry.interrupts import raise_if_interrupted
from densitometry.recipe import Recipe
from densitometry.report import images, results
from densitometry.report.folders import (
    PARTIAL_PREFIX,
    check_replaceable,
    move_away,
    not_writable,
    remove_partials,
    write_whole_file,
)
from densitometry.schema import IMAGES, column_names

RECIPE_NAME = "recipe.toml"
BUG_CODE = "E001"
_PROBE_BYTES = 1 << 20
"""Room that must be left on the disk after a picture could not be written, for the run to go on."""


@dataclass(frozen=True, slots=True)
class Job:
    """How pictures are read and measured, the same for all of one run; travels to worker processes.

    Attributes:
        out: folder of the results.
        recipe: every setting.
        overlay: whether overlay.png is written.
        gate: whether rejected pictures stay unmeasured.
        record_names: whether the file's name is written into summary.json.
    """

    out: Path
    recipe: Recipe
    overlay: bool = True
    gate: bool = True
    record_names: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one picture: status "measured", "rejected" or "failed", its summary or its refusal.

    Attributes:
        picture: name of the input.
        status: word of `schema.STATUSES`.
        summary: what summary.json holds; None when failed.
        error: (code, what, why, fix) of the refusal; None when measured.
        details: traceback of a failure that is our bug; "" otherwise.
    """

    picture: str
    status: str
    summary: Mapping[str, Any] | None = None
    error: tuple[str, str, str, str] | None = None
    details: str = field(default="", repr=False)

    @property
    def is_bug(self) -> bool:
        """Whether the failure is ours and not the input's."""
        return bool(self.details)


def prepare_output(out: Path, inputs: Sequence[Input], recipe: Recipe, *, force: bool) -> None:
    """Check, before any work, that `out` can take the results of `inputs`, and make it.

    Raises:
        OutputError: it is a file, not writable, holds results of another recipe, or a picture's folder
            holds files that are not results.
    """
    try:
        is_file = out.exists() and not out.is_dir()
    except OSError as error:  # such as a name that is too long
        raise not_writable(out, error) from error
    if is_file:
        raise OutputError(
            what=f"the output folder {out} is a file",
            why="results are written into a folder",
            fix=move_away(out),
        )
    if not force:
        _refuse_other_recipe(out, recipe)
    for item in inputs:
        check_replaceable(out / item.folder, results.RESULT_NAMES)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f"{PARTIAL_PREFIX}probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise not_writable(out, error) from error


Record = Callable[[Job, Sequence[Mapping[str, Any]]], None]
Source = Callable[[Job, Sequence[Input]], Generator["Outcome", None, None]]
Lean = Callable[["Outcome"], "Outcome"]


def record_rows(job: Job, rows: Sequence[Mapping[str, Any]]) -> None:
    """Merge rows of `schema.IMAGES` into the output folder's images.tsv, and write the recipe beside it."""
    images.merge(job.out, rows)
    write_whole_file(job.out / RECIPE_NAME, job.recipe.to_toml())


def run(
    job: Job,
    inputs: Sequence[Input],
    workers: int,
    finished: Callable[[Outcome], None],
    record: Record = record_rows,
    source: Source | None = None,
    lean: Lean | None = None,
) -> list[Outcome]:
    """Measure `inputs` into `job.out` and merge what came of them into its images.tsv.

    Args:
        job: how.
        inputs: what, already checked by `find_pictures` and `prepare_output`.
        workers: number of processes; results do not depend on it.
        finished: called with each outcome as it arrives, in any order.
        record: writes the rows of `schema.IMAGES` into the output folder.
        source: measures; None takes `workers` processes of this machine.
        lean: what is kept of an outcome once `finished` has seen it; None for all.

    Returns:
        One outcome an input, in the order of `inputs`. Interrupted, the pictures that were finished
        are in images.tsv, and nothing half-written stays.

    Raises:
        OutputError: the disk is full or was taken away.
    """
    outcomes: dict[str, Outcome] = {}
    try:
        with contextlib.closing((source or _by_processes(workers))(job, inputs)) as stream:
            for outcome in stream:
                finished(outcome)
                outcomes[outcome.picture] = lean(outcome) if lean else outcome
                if outcome.error is not None and outcome.error[0] == OutputError.code:
                    _probe(job.out)
    finally:
        remove_partials(*(job.out / item.folder for item in inputs))  # of workers that were stopped
        for item in inputs:
            written = None if item.name in outcomes else written_outcome(job, item)
            if written is not None:
                outcomes[item.name] = lean(written) if lean else written
        if outcomes:
            record(job, [row_of(job, outcomes[item.name]) for item in inputs if item.name in outcomes])
        with contextlib.suppress(OSError):
            job.out.rmdir()  # only where it is empty
    return [outcomes[item.name] for item in inputs]


def outcomes_by(executor: Executor, job: Job, inputs: Sequence[Input]) -> Generator[Outcome, None, None]:
    """Measure on this machine, whoever measures writing the results; one outcome an input, as they come."""
    with contextlib.closing(executor.unordered(partial(measure_one, job), inputs)) as stream:
        for item, found in stream:
            yield failed(item, no_memory(job, item)) if isinstance(found, Lost) else found


def _by_processes(workers: int) -> Source:
    def source(job: Job, inputs: Sequence[Input]) -> Generator[Outcome, None, None]:
        executor = local_executor(min(workers, len(inputs)))
        with contextlib.closing(executor):
            yield from outcomes_by(executor, job, inputs)

    return source


def _probe(out: Path) -> None:
    """Tell a picture that could not be written from a disk that takes nothing any more.

    Raises:
        OutputError: nothing can be written.
    """
    probe = out / f"{PARTIAL_PREFIX}probe-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(_PROBE_BYTES))
    except OSError as error:
        raise not_writable(out, error) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def measure_one(job: Job, item: Input) -> Outcome:
    """Read, measure and write one picture; a failure becomes an outcome and leaves no results."""
    from densitometry.analysis import analyze, with_name
    from densitometry.capture import read

    target = job.out / item.folder
    try:
        image = read(
            item.path, **item.scale, settings=job.recipe.capture, quality_settings=job.recipe.quality
        )
        analysis = analyze(image, job.recipe, gate=job.gate)
        if job.record_names:
            analysis = with_name(analysis, item.path.name)
        analysis.save(target, overlay=job.overlay)
    except DensitometryError as error:
        shutil.rmtree(target, ignore_errors=True)
        return failed(item, error)
    except MemoryError:
        shutil.rmtree(target, ignore_errors=True)
        return failed(item, no_memory(job, item))
    except Exception as error:  # noqa: BLE001  a bug in one picture must not lose the others
        raise_if_interrupted()
        shutil.rmtree(target, ignore_errors=True)
        what = f"{item.path.name} made the program fail: {type(error).__name__}: {error}"
        fix = "densitometry doctor   # and report it; -v shows where it failed"
        return Outcome(
            item.name,
            "failed",
            error=(BUG_CODE, what, "this is a bug in densitometry", fix),
            details=traceback.format_exc(),
        )
    # as a later run reads it from the disk: tables must not depend on who made them
    return outcome_of(job, item, json.loads(results.summary_json(analysis.summary)))


def outcome_of(job: Job, item: Input, summary: Mapping[str, Any]) -> Outcome:
    """Return the outcome that a picture's summary tells of."""
    if summary["n_hairs"] is not None:
        return Outcome(item.name, "measured", summary)
    what = f"{item.path.name} was refused by the quality gate"
    why = "; ".join(summary["quality"]["reasons"])
    return Outcome(
        item.name,
        "rejected",
        summary,
        (QualityRefusedError.code, what, why, f"{_again(job, item)} --no-gate"),
    )


def written_outcome(job: Job, item: Input) -> Outcome | None:
    """Return what an earlier or interrupted run with this recipe wrote for `item`; None if nothing."""
    try:
        summary = json.loads((job.out / item.folder / results.SUMMARY_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return outcome_of(job, item, summary) if summary.get("recipe_digest") == job.recipe.digest else None


def failed(item: Input, error: DensitometryError) -> Outcome:
    """Return the outcome of a picture that was refused."""
    return Outcome(item.name, "failed", error=(error.code, error.what, error.why, error.fix))


def no_memory(job: Job, item: Input) -> ResourcesError:
    """Return the refusal of a picture that ended the process that measured it."""
    return ResourcesError(
        what=f"{item.path.name} could not be measured: the process was ended",
        why="most likely the machine's memory was used up, by this picture or by those measured beside it",
        fix=f"{_again(job, item)} --jobs 1",
    )


def _again(job: Job, item: Input) -> str:
    """Return the line that measures one picture of the job."""
    words = ["densitometry", "analyze", str(item.path), "--out", str(job.out), "--recipe", job.recipe.name]
    for name, value in item.scale.items():
        words += [f"--{name.replace('_', '-')}", f"{value}"]
    return shlex.join(words)


def _refuse_other_recipe(out: Path, recipe: Recipe) -> None:
    others = images.recipe_digests(out) - {recipe.digest}
    if others:
        raise OutputError(
            what=f"{out} holds results of another recipe",
            why=f"its digest is {min(others)[:12]}, that of {recipe.name!r} now is {recipe.digest[:12]}",
            fix=f"{move_away(out)}   # or add --force to replace pictures one by one",
        )


def row_of(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return the row of `schema.IMAGES` that says what came of one input."""
    summary = outcome.summary or {}
    code, what = outcome.error[:2] if outcome.error else ("", "")
    row = {name: summary.get(name) for name in column_names(IMAGES)}
    row |= {
        "picture": outcome.picture,
        "status": outcome.status,
        "error_code": code,
        "error": what,
        "sha256": summary.get("image", {}).get("sha256", ""),
        "recipe_digest": job.recipe.digest,
        "quality": summary.get("quality", {}).get("verdict", ""),
        "um_per_px": summary.get("scale", {}).get("um_per_px"),
    }
    return row
