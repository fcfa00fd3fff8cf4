"""How long and how much memory: every tool on the same files, and this project alone from 2 to 48 MP.

Times run from the file to the tables in memory, in a warm process, start-up and overlay apart. Thread pools
are held at one thread; only this project takes a second one (`trace/workers.py`).
Peak memory is that of a process that did nothing but a small warm-up picture and this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import pictures, tools
from benchmarks.environment import one_thread
from benchmarks.pictures import Picture
from benchmarks.tools import DECODE, OURS, Tool

KINDS = (pictures.SMALL, pictures.LARGE)
NOTHING_MEASURED: dict[str, Any] = {
    "pictures": {},
    "field": [],
    "start_up_s": None,
    "two_processes_ratio": None,
}
REPEATS = 3
FIELD_FACTORS = (1 / 6, 1.0, 4.0)
"""Of the 12 MP picture: 2, 12 and 48 MP of the same scalp at the same scale."""
HALF_FIELD = 0.5
PROCESSES = 2
PICTURES_PER_PROCESS = 4
STARTS = 5

Say = Callable[[str], None]


def measure_speed(
    peers: Sequence[Tool], folder: Path, say: Say, *, names: Sequence[str] = (), quick: bool = False
) -> dict[str, Any]:
    """Return every speed figure, ready for JSON.

    Args:
        peers: tools beside this project and `cv2.imread`.
        folder: where pictures go.
        say: tells what is going on.
        names: pictures to time; none names all, and times larger fields and two processes as well.
        quick: the small picture only, once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    warm_up = pictures.render(pictures.WARM_UP, 0, folder)
    repeats = 1 if quick else REPEATS
    found = {**NOTHING_MEASURED, "pictures": {}, "field": [], "start_up_s": start_up_s()}
    wanted = names or [kind.name for kind in (KINDS[:1] if quick else KINDS)]
    for kind in (kind for kind in KINDS if kind.name in wanted):
        picture = pictures.render(kind, 0, folder, suffix=".jpg")
        rows = {}
        for tool in (DECODE, OURS, *peers):
            say(f"speed, {kind.name}: {tool.name}")
            rows[tool.name] = _measure(tool, picture, folder, warm_up, repeats)
        found["pictures"][kind.name] = rows
    if quick or names:
        return found
    large = pictures.render(pictures.LARGE, 0, folder, suffix=".jpg")
    for factor in FIELD_FACTORS:
        picture = pictures.resized_field(large, folder, factor)
        say(f"speed, {picture.megapixels:.0f} MP: {OURS.name}")
        found["field"].append(_measure(OURS, picture, folder, warm_up, repeats))
        picture.path.unlink()
    small = pictures.render(pictures.SMALL, 0, folder, suffix=".jpg")
    half = pictures.resized_field(small, folder, HALF_FIELD)
    found["two_processes_ratio"] = _two_processes_ratio(half, folder, warm_up, say)
    return found


def _measure(tool: Tool, picture: Picture, folder: Path, warm_up: Picture, repeats: int) -> dict[str, Any]:
    """Return one tool's seconds, processor seconds, seconds per megapixel and peak memory on one picture."""
    row: dict[str, Any] = {"megapixels": picture.megapixels, "um_per_px": picture.um_per_px}
    if picture.megapixels > tool.largest_mp:
        return {**row, "error": f"not tried above {tool.largest_mp:g} MP"}
    done = tools.run(tool, [picture], folder / "runs", warm_up=warm_up, repeats=repeats, save=False)
    (seconds,), (cpu,), (error,) = done.seconds, done.cpu_seconds, done.errors
    if seconds is None:
        return {**row, "error": error}
    return {
        **row,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "seconds_per_mp": seconds / picture.megapixels,
        "peak_mb": done.peak_mb,
        "error": None,
    }


def _two_processes_ratio(picture: Picture, folder: Path, warm_up: Picture, say: Say) -> float | None:
    """Return how much more two processes measure than one, a processor each; None where there are not two."""
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(processors) < PROCESSES:
        return None
    say("speed, two processes at once")
    rates = []
    for n in (1, PROCESSES):
        folders = [folder / "runs" / f"{n}-{k}" for k in range(n)]
        started = [
            tools.start(
                OURS,
                [picture],
                out,
                warm_up=warm_up,
                repeats=PICTURES_PER_PROCESS,
                save=False,
                processor=processor,
            )
            for out, processor in zip(folders, processors, strict=False)
        ]
        done = [tools.finish(process, 1, out) for process, out in zip(started, folders, strict=True)]
        if any(run.seconds[0] is None for run in done):
            return None
        rates.append(sum(1 / run.seconds[0] for run in done if run.seconds[0]))
    return rates[1] / rates[0]


def start_up_s() -> float | None:
    """Return the median wall time of `densitometry --version` [s]; None where it is not installed."""
    command = Path(sys.executable).with_name("densitometry.exe" if os.name == "nt" else "densitometry")
    if not command.exists():
        return None
    times = []
    for _ in range(STARTS):
        started = time.perf_counter()
        subprocess.run([str(command), "--version"], env=one_thread(), capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    return median(times)
