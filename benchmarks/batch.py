"""A whole study by one process and by two: speed-up, memory of the parent, first result, resuming.

`python -m benchmarks.batch` measures 400 pictures of 2 MP, `--pictures 5000 --size-px 200 160 --jobs 2` many
small ones; each adds a row to the results file, and `--document` writes what all rows say into
docs/batch-figures.md. `--starts 5` only starts the run so many times and waits for its first result. Wall
times mean something on a machine that does nothing else.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import psutil

from benchmarks.environment import ROOT, source_digest
from benchmarks.report import END, START, table, write_document
from densitometry import simulate
from densitometry.simulate.series import SeriesSettings, shoot_series

RESULTS = Path(__file__).with_name("batch.jsonl")
DOCUMENT = ROOT / "docs" / "batch-figures.md"
SPOTS, VISITS = 2, 4
"""Spots drawn, visit by visit; the people repeat them under other bytes: drawing takes long."""
UM_PER_PX = 5.0
POLL_S = 0.05
MB = 1e6
QUARTERS = 4
SEED = 700_000
PNG_HEAD_BYTES = 33
"""Signature and first chunk of a PNG file: others may follow."""
INTRODUCTION = """\
# Figures of whole studies

Simulated studies of people with four visits, measured and followed by `densitometry study run`.
`python -m benchmarks.batch --document` adds a row.
"""
HOW = """\
Made by `python -m benchmarks.batch --document`; edit nothing between the markers. Seconds are wall seconds,
"processor" those of all processes together; the parent's memory is its peak, and in brackets the peak in each
quarter of the run. "Bound" is the speed-up that the processor seconds allow on idle cores: what the parent
alone does is not shared. "Scan" finds out that nothing is left to do (`--dry-run`); "resumed" is the whole
line again, which also writes all tables."""


def write_study(root: Path, pictures: int, size_px: tuple[int, int]) -> None:
    """Write a study of people with four visits and one picture each visit."""
    drawn = [list(_spot(number, size_px)) for number in range(SPOTS)]
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "batch"}')
    (root / "trich.json").write_text(json.dumps({"PixelSize": [UM_PER_PX] * 2, "PixelSizeUnits": "um"}))
    people = ["participant\tdiagnosis"]
    for number in range(pictures):
        person, visit = f"{number // VISITS:04d}", number % VISITS
        folder = root / f"sub-{person}/ses-w{visit:02d}/trich"
        folder.mkdir(parents=True)
        name = f"sub-{person}_ses-w{visit:02d}_site-vertex_run-1_trich.png"
        (folder / name).write_bytes(_told(drawn[(number // VISITS) % SPOTS][visit], f"picture {number}"))
        if visit == 0:
            people.append(f"sub-{person}\tandrogenetic_alopecia")
            rows = "\n".join(f"ses-w{v:02d}\t2026-0{1 + v}-01" for v in range(VISITS))
            (root / f"sub-{person}/sub-{person}_sessions.tsv").write_text(f"session\tdate\n{rows}\n")
    (root / "participants.tsv").write_text("\n".join(people) + "\n")


def _spot(number: int, size_px: tuple[int, int]) -> Iterator[bytes]:
    """Yield one spot's picture of each visit as PNG."""
    scene = dataclasses.replace(simulate.preset("clipped"), size_px=size_px, um_per_px=UM_PER_PX)
    series = SeriesSettings(scene, visits=VISITS, replicates=1)
    for capture in shoot_series(series, np.random.default_rng([SEED, number])):
        _, packed = cv2.imencode(".png", capture.phantom.rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        yield packed.tobytes()


def _told(png: bytes, words: str) -> bytes:
    """Return a PNG file with a comment: the same picture under other bytes."""
    body = b"tEXt" + b"Comment\0" + words.encode("ascii")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:PNG_HEAD_BYTES] + chunk + png[PNG_HEAD_BYTES:]


def _start(study: Path, out: Path, jobs: int, *more: str) -> subprocess.Popen[bytes]:
    code = "from densitometry.cli import main; main()"
    words = [
        sys.executable,
        "-c",
        code,
        "study",
        "run",
        str(study),
        str(out),
        "--jobs",
        str(jobs),
        "-q",
        *more,
    ]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _has_result(out: Path) -> bool:
    return next(out.glob("sub-*/ses-*/sub-*/summary.json"), None) is not None


def first_result_s(study: Path, out: Path, jobs: int) -> float:
    """Start the run, stop it at its first result, and return when that was there.

    Raises:
        RuntimeError: the run ended without any.
    """
    began = time.monotonic()
    process = _start(study, out, jobs)
    while not _has_result(out):
        if process.poll() is not None:
            msg = f"the run ended with {process.returncode} and no result"
            raise RuntimeError(msg)
        time.sleep(POLL_S)
    seconds = time.monotonic() - began
    members = [*psutil.Process(process.pid).children(recursive=True), process]
    for member in members:
        member.kill()
    process.wait()
    shutil.rmtree(out)
    return seconds


def run_once(study: Path, out: Path, jobs: int, *more: str) -> dict[str, Any]:
    """Run the study; return seconds, processor seconds, memory, and when the first result was there."""
    began = time.monotonic()
    process = _start(study, out, jobs, *more)
    parent = psutil.Process(process.pid)
    first, worker_peak, parent_s = None, 0, 0.0
    spent: dict[int, float] = {}
    memory: list[tuple[float, int]] = []
    while process.poll() is None:
        try:
            memory.append((time.monotonic() - began, parent.memory_info().rss))
            parent_s = _processor_s(parent)
            for member in parent.children(recursive=True):
                spent[member.pid] = _processor_s(member)
                worker_peak = max(worker_peak, member.memory_info().rss)
        except psutil.Error:
            continue
        if first is None and _has_result(out):
            first = time.monotonic() - began
        time.sleep(POLL_S)
    seconds = time.monotonic() - began
    return {
        "jobs": jobs,
        "exit": process.returncode,
        "seconds": seconds,
        "processor_seconds": parent_s + sum(spent.values()),
        "parent_processor_seconds": parent_s,
        "parent_peak_mb": max(rss for _, rss in memory) / MB,
        "parent_mb_by_quarter": [_peak_mb(memory, seconds, quarter) for quarter in range(QUARTERS)],
        "worker_peak_mb": worker_peak / MB,
        "first_result_s": first,
    }


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak_mb(memory: Sequence[tuple[float, int]], seconds: float, quarter: int) -> float:
    start, end = (seconds * (quarter + more) / QUARTERS for more in (0, 1))
    return max((rss for at, rss in memory if start <= at <= end), default=0) / MB


def bound(alone: dict[str, Any], shared: dict[str, Any]) -> float:
    """Return the speed-up that the processor seconds allow on idle cores."""
    workers_s = shared["processor_seconds"] - shared["parent_processor_seconds"]
    return float(
        alone["processor_seconds"] / (shared["parent_processor_seconds"] + workers_s / shared["jobs"])
    )


def document(rows: Sequence[dict[str, Any]]) -> str:
    """Return the tables as Markdown."""
    cells = []
    started = [row for row in rows if "starts" in row]
    rows = [row for row in rows if "runs" in row]
    for row in rows:
        for one in row["runs"]:
            quarters = ", ".join(f"{mb:.0f}" for mb in one["parent_mb_by_quarter"])
            first = "–" if one["first_result_s"] is None else f"{one['first_result_s']:.1f}"
            head = (row["day"], str(row["pictures"]), "{} × {}".format(*row["size_px"]), one["name"])
            numbers = (f"{one['seconds']:.1f}", f"{one['processor_seconds']:.1f}")
            memory = (f"{one['parent_peak_mb']:.0f} ({quarters})", f"{one['worker_peak_mb']:.0f}")
            cells.append((*head, *numbers, *memory, first))
    head = (
        "day",
        "pictures",
        "px",
        "processes",
        "seconds",
        "processor",
        "parent [MB]",
        "worker [MB]",
        "first [s]",
    )
    parts = [HOW, table(head, cells)] if cells else [HOW]
    for row in rows:
        measured = [run for run in row["runs"] if run["name"] == str(run["jobs"])]
        one, two = measured[0], measured[-1]
        if one["jobs"] != two["jobs"]:
            parts.append(
                f"{row['day']}, {row['pictures']} pictures: speed-up {one['seconds'] / two['seconds']:.2f}, "
                f"bound {bound(one, two):.2f} ({row['cores']} cores, other load {row['load']:.1f}, "
                f"code {row['source']})."
            )
    for row in started:
        said = "; ".join(
            f"{jobs} process{'es' * (int(jobs) > 1)}: {', '.join(f'{s:.1f}' for s in seconds)}"
            for jobs, seconds in row["starts"].items()
        )
        parts.append(
            f"{row['day']}, {row['pictures']} pictures: seconds to the first result by start, {said} "
            f"({row['cores']} cores, other load {row['load']:.1f}, code {row['source']})."
        )
    return "\n\n".join(parts) + "\n"


@click.command()
@click.option("--pictures", default=400, show_default=True, type=click.IntRange(VISITS))
@click.option("--size-px", nargs=2, type=int, default=(1632, 1224), show_default=True)
@click.option("--jobs", "several", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--starts", type=click.IntRange(0), default=0, help="Only wait for so many first results.")
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS)
@click.option("--document", "written", is_flag=True, help="Keep the row, and write docs/batch-figures.md.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    pictures: int,
    size_px: tuple[int, int],
    several: tuple[int, ...],
    starts: int,
    results: Path,
    written: bool,
    as_json: bool,
) -> None:
    """Measure a simulated study with each number of processes, then resume it with nothing left to do."""
    load = os.getloadavg()[0]
    aside = Path(tempfile.mkdtemp(prefix="batch-"))
    try:
        study = aside / "study"
        write_study(study, pictures, size_px)
        os.sync()  # a study lies on the disk before it is measured
        if starts:
            found = {
                str(j): [first_result_s(study, aside / "out", j) for _ in range(starts)] for j in several
            }
            measured: dict[str, Any] = {"starts": found}
        else:
            measured = {"runs": _runs(study, aside, several)}
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    head = {"pictures": pictures, "size_px": size_px, "day": date.today().isoformat(), "load": load}
    row = {**head, "cores": os.cpu_count(), "source": source_digest(), **measured}
    if written:
        rows = [*_read(results, but=row), row]
        rows.sort(key=_key)
        results.write_text("".join(json.dumps(item) + "\n" for item in rows), encoding="utf-8")
        if not DOCUMENT.exists():
            DOCUMENT.write_text(f"{INTRODUCTION}\n{START}\n{END}\n", encoding="utf-8")
        write_document(document(rows), DOCUMENT)
    print(json.dumps(row, indent=2) if as_json else document([row]))


def _runs(study: Path, aside: Path, several: Sequence[int]) -> list[dict[str, Any]]:
    """Run the study with each number of processes, then look for what is left to do, then resume."""
    runs = []
    for jobs in several:
        runs.append({"name": str(jobs), **run_once(study, aside / f"out-{jobs}", jobs)})
        if jobs != several[-1]:
            shutil.rmtree(aside / f"out-{jobs}")
    out = aside / f"out-{several[-1]}"
    runs.append({"name": "scan", **run_once(study, out, 1, "--dry-run")})
    runs.append({"name": "resumed", **run_once(study, out, 1)})
    return runs


def _read(path: Path, but: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows kept before, but the one that the new row replaces."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if _key(row) != _key(but)]


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["pictures"], tuple(row["size_px"]), "starts" in row)


if __name__ == "__main__":
    main()
