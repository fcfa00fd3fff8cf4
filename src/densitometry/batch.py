"""Many pictures into one output folder: which, by how many processes, and the table of what came of each."""

from __future__ import annotations

import contextlib
import glob
import json
import math
import multiprocessing
import os
import shlex
import shutil
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import (
    DensitometryError,
    InputLayoutError,
    OutputError,
    QualityRefusedError,
    ResourcesError,
    ScaleError,
)
from densitometry.recipe import Recipe
from densitometry.report import images, results
from densitometry.report.folders import (
    PARTIAL_PREFIX,
    check_replaceable,
    move_away,
    not_writable,
    write_whole_file,
)
from densitometry.schema import IMAGES, column_names
from densitometry.settings import CaptureSettings

RECIPE_NAME = "recipe.toml"
BUG_CODE = "E001"
PIXELS_PER_MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """How pictures are read and measured, the same for all of one run; travels to worker processes.

    Attributes:
        out: folder of the results.
        recipe: every setting.
        scale: keyword arguments of `read` that say the scale.
        overlay: whether overlay.png is written.
        gate: whether rejected pictures stay unmeasured.
        record_names: whether the file's name is written into summary.json.
    """

    out: Path
    recipe: Recipe
    scale: Mapping[str, Any]
    overlay: bool = True
    gate: bool = True
    record_names: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one picture: status "measured", "rejected" or "failed", its summary or its refusal.

    Attributes:
        picture: stem of the input.
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


def find_pictures(inputs: Iterable[Path]) -> list[Path]:
    """Return the pictures named, those directly in named folders included, each once, in the order given.

    Raises:
        InputLayoutError: a folder without pictures, or two pictures with one stem.
    """
    found: dict[Path, Path] = {}
    for item in inputs:
        members = [item]
        if item.is_dir():
            members = sorted(path for path in item.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
            if not members:
                raise InputLayoutError(
                    what=f"the folder {item} holds no pictures",
                    why=f"pictures directly in it that end in {', '.join(PICTURE_SUFFIXES)} are read",
                    fix=f"find {shlex.quote(str(item))} -iname '*.jpg'",
                )
        for path in members:
            found.setdefault(path.resolve(), path)
    pictures = list(found.values())
    _refuse_equal_stems(pictures)
    return pictures


def check_scale(scale: Mapping[str, Any], pictures: Sequence[Path], settings: CaptureSettings) -> None:
    """Refuse, before any work, a scale that would be refused for every picture.

    What a sidecar says differs between pictures: it is refused picture by picture.

    Raises:
        ScaleError: none was stated, it is no length, or absurd for the first picture that can be read.
    """
    from densitometry.capture.header import HeaderError, read_header
    from densitometry.capture.scale import ScaleRequest, resolve_scale

    request = ScaleRequest(**scale)
    if request.scale_from is not None:
        return
    for path in pictures:
        try:
            header = read_header(path.read_bytes())
        except (HeaderError, OSError):
            continue  # refused by name when it is read
        sides = (header.width_px, header.height_px)
        if (
            min(sides) < settings.min_side_px
            or math.prod(sides) > settings.max_megapixels * PIXELS_PER_MEGAPIXEL
        ):
            continue
        with contextlib.suppress(ScaleError):
            resolve_scale(request, path, header.height_px)  # the upright picture may be the turned one
            return
        resolve_scale(request, path, header.width_px)
        return
    if not scale:
        resolve_scale(request, pictures[0], 1)


def prepare_output(out: Path, pictures: Sequence[Path], recipe: Recipe, *, force: bool) -> None:
    """Check, before any work, that `out` can take the results of `pictures`, and make it.

    Raises:
        OutputError: it is a file, not writable, holds results of another recipe, or a picture's folder
            holds files that are not results.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(
            what=f"the output folder {out} is a file",
            why="results are written into a folder",
            fix=move_away(out),
        )
    if not force:
        _refuse_other_recipe(out, recipe)
    for picture in pictures:
        check_replaceable(out / picture.stem, results.RESULT_NAMES)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f"{PARTIAL_PREFIX}probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise not_writable(out, error) from error


def run(
    job: Job, pictures: Sequence[Path], workers: int, finished: Callable[[Outcome], None]
) -> list[Outcome]:
    """Measure `pictures` into `job.out` and merge what came of them into its images.tsv.

    Args:
        job: how.
        pictures: what, already checked by `find_pictures` and `prepare_output`.
        workers: number of processes; results do not depend on it.
        finished: called with each outcome as it arrives, in any order.

    Returns:
        One outcome a picture, in the order of `pictures`. Interrupted, the pictures that were finished
        are in images.tsv, and nothing half-written stays.
    """
    outcomes: dict[Path, Outcome] = {}
    try:
        with contextlib.closing(_outcomes(job, pictures, workers)) as stream:
            for path, outcome in stream:
                outcomes[path] = outcome
                finished(outcome)
    finally:
        _remove_partials(job.out, pictures)
        for path in pictures:
            written = None if path in outcomes else _written_outcome(job, path)
            if written is not None:
                outcomes[path] = written
        if outcomes:
            rows = [_row(job, outcomes[path]) for path in pictures if path in outcomes]
            images.merge(job.out, rows)
            write_whole_file(job.out / RECIPE_NAME, job.recipe.to_toml())
        with contextlib.suppress(OSError):
            job.out.rmdir()  # only where it is empty
    return [outcomes[path] for path in pictures]


def measure_one(job: Job, path: Path) -> Outcome:
    """Read, measure and write one picture; a failure becomes an outcome and leaves no results."""
    from densitometry.analysis import analyze, with_name
    from densitometry.capture import read

    target = job.out / path.stem
    try:
        image = read(path, **job.scale, settings=job.recipe.capture, quality_settings=job.recipe.quality)
        analysis = analyze(image, job.recipe, gate=job.gate)
        if job.record_names:
            analysis = with_name(analysis, path.name)
        analysis.save(target, overlay=job.overlay)
    except DensitometryError as error:
        shutil.rmtree(target, ignore_errors=True)
        return _failed(path, error)
    except MemoryError:
        shutil.rmtree(target, ignore_errors=True)
        return _failed(path, _no_memory(job, path))
    except Exception as error:  # noqa: BLE001  a bug in one picture must not lose the others
        shutil.rmtree(target, ignore_errors=True)
        what = f"{path.name} made the program fail: {type(error).__name__}: {error}"
        fix = "densitometry doctor   # and report it; -v shows where it failed"
        return Outcome(
            path.stem,
            "failed",
            error=(BUG_CODE, what, "this is a bug in densitometry", fix),
            details=traceback.format_exc(),
        )
    return _finished(job, path, dict(analysis.summary))


def _finished(job: Job, path: Path, summary: Mapping[str, Any]) -> Outcome:
    if summary["n_hairs"] is not None:
        return Outcome(path.stem, "measured", summary)
    what = f"{path.name} was refused by the quality gate"
    why = "; ".join(summary["quality"]["reasons"])
    return Outcome(
        path.stem,
        "rejected",
        summary,
        (QualityRefusedError.code, what, why, f"{_again(job, path)} --no-gate"),
    )


def _written_outcome(job: Job, path: Path) -> Outcome | None:
    """Return what an interrupted run had finished for `path` but not yet told."""
    try:
        summary = json.loads((job.out / path.stem / results.SUMMARY_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _finished(job, path, summary) if summary.get("recipe_digest") == job.recipe.digest else None


def _failed(path: Path, error: DensitometryError) -> Outcome:
    return Outcome(path.stem, "failed", error=(error.code, error.what, error.why, error.fix))


def _no_memory(job: Job, path: Path) -> ResourcesError:
    return ResourcesError(
        what=f"{path.name} could not be measured: the process was ended",
        why="most likely the machine's memory was used up, by this picture or by those measured beside it",
        fix=f"{_again(job, path)} --jobs 1",
    )


def _again(job: Job, path: Path) -> str:
    """Return the line that measures one picture of the job."""
    words = ["densitometry", "analyze", str(path), "--out", str(job.out), "--recipe", job.recipe.name]
    for name, value in job.scale.items():
        words += [f"--{name.replace('_', '-')}", f"{value}"]
    return shlex.join(words)


def _refuse_equal_stems(pictures: Sequence[Path]) -> None:
    folded = Counter(path.stem.casefold() for path in pictures)
    for stem, count in folded.items():
        if count > 1:
            same = [str(path) for path in pictures if path.stem.casefold() == stem]
            raise InputLayoutError(
                what=f"{' and '.join(same)} have one name",
                why=f"results are kept in one folder a name, and these would share {Path(same[0]).stem!r}",
                fix=_rename(Path(same[1])),
            )


def _rename(path: Path) -> str:
    return shlex.join(["mv", str(path), str(path.with_stem(f"{path.stem}-2"))])


def _refuse_other_recipe(out: Path, recipe: Recipe) -> None:
    others = images.recipe_digests(out) - {recipe.digest}
    if others:
        raise OutputError(
            what=f"{out} holds results of another recipe",
            why=f"its digest is {min(others)[:12]}, that of {recipe.name!r} now is {recipe.digest[:12]}",
            fix=f"{move_away(out)}   # or add --force to replace pictures one by one",
        )


def _outcomes(
    job: Job, pictures: Sequence[Path], workers: int
) -> Generator[tuple[Path, Outcome], None, None]:
    workers = min(workers, len(pictures))
    if workers <= 1:
        for path in pictures:
            yield path, measure_one(job, path)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(workers,))
    waiting: dict[Future[Outcome], Path] = {pool.submit(measure_one, job, path): path for path in pictures}
    try:
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                path = waiting.pop(future)
                try:
                    yield path, future.result()
                except BrokenProcessPool:
                    yield path, _failed(path, _no_memory(job, path))
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001  no public way to stop at once
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(workers: int) -> None:
    """Leave Ctrl-C to the parent, and share the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(max(1, (os.cpu_count() or 1) // workers))


def _remove_partials(out: Path, pictures: Sequence[Path]) -> None:
    """Remove what stopped workers left half-written."""
    for picture in pictures:
        for partial in out.glob(f"{PARTIAL_PREFIX}{glob.escape(picture.stem)}-*"):
            shutil.rmtree(partial, ignore_errors=True)


def _row(job: Job, outcome: Outcome) -> dict[str, Any]:
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
