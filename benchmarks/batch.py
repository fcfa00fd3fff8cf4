"""A whole study by one process and by two: speed-up, memory of the parent, time to the first result.

`python -m benchmarks.batch` measures 400 pictures of 2 MP; `--pictures 20 --size-px 200 160` shows it works.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
from PIL import Image, PngImagePlugin

from densitometry import simulate

SCENES = 8
"""Different pictures drawn; the others repeat them under other bytes: drawing takes longer than measuring."""
VISITS = 4
UM_PER_PX = 5.0
POLL_S = 0.05
MB = 1e6
SEED = 700_000


def write_study(root: Path, pictures: int, size_px: tuple[int, int]) -> None:
    """Write a study of people with four visits and one picture each visit."""
    scene = dataclasses.replace(simulate.preset("clipped"), size_px=size_px, um_per_px=UM_PER_PX)
    drawn = []
    for number in range(min(SCENES, pictures)):
        rng = np.random.default_rng([SEED, number])
        drawn.append(simulate.render_scene(simulate.grow_scene(scene, rng), rng=rng).rgb)
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "batch"}')
    (root / "trich.json").write_text(json.dumps({"PixelSize": [UM_PER_PX] * 2, "PixelSizeUnits": "um"}))
    people = ["participant\tdiagnosis"]
    for number in range(pictures):
        person, visit = f"{number // VISITS:04d}", number % VISITS
        folder = root / f"sub-{person}/ses-w{visit:02d}/trich"
        folder.mkdir(parents=True)
        told = PngImagePlugin.PngInfo()
        told.add_text("Comment", f"picture {number}")
        name = f"sub-{person}_ses-w{visit:02d}_site-vertex_run-1_trich.png"
        Image.fromarray(drawn[(number // VISITS) % len(drawn)]).save(folder / name, pnginfo=told)
        if visit == 0:
            people.append(f"sub-{person}\tandrogenetic_alopecia")
            rows = "\n".join(f"ses-w{v:02d}\t2026-0{1 + v}-01" for v in range(VISITS))
            (root / f"sub-{person}/sub-{person}_sessions.tsv").write_text(f"session\tdate\n{rows}\n")
    (root / "participants.tsv").write_text("\n".join(people) + "\n")


def run_once(study: Path, out: Path, jobs: int) -> dict[str, Any]:
    """Run the study and return seconds, the parent's peak memory and when the first result was there."""
    code = "from densitometry.cli import main; main()"
    words = [sys.executable, "-c", code, "study", "run", str(study), str(out), "--jobs", str(jobs), "-q"]
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    parent = psutil.Process(process.pid)
    peak, first, processor_s = 0, None, 0.0
    while process.poll() is None:
        try:
            peak = max(peak, parent.memory_info().rss)
            times = [member.cpu_times() for member in (parent, *parent.children(recursive=True))]
        except psutil.Error:
            continue
        processor_s = max(processor_s, sum(t.user + t.system for t in times))
        if first is None and next(out.glob("sub-*/ses-*/sub-*/summary.json"), None) is not None:
            first = time.monotonic() - began
        time.sleep(POLL_S)
    return {
        "jobs": jobs,
        "exit": process.returncode,
        "seconds": time.monotonic() - began,
        "processor_seconds": processor_s,
        "parent_peak_mb": peak / MB,
        "first_result_s": first,
    }


@click.command()
@click.option("--pictures", default=400, show_default=True, type=click.IntRange(VISITS))
@click.option("--size-px", nargs=2, type=int, default=(1632, 1224), show_default=True)
@click.option("--jobs", "several", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(pictures: int, size_px: tuple[int, int], several: tuple[int, ...], as_json: bool) -> None:
    """Measure a simulated study with each number of processes, then resume it with nothing left to do."""
    aside = Path(tempfile.mkdtemp(prefix="batch-"))
    try:
        study = aside / "study"
        write_study(study, pictures, size_px)
        rows = [run_once(study, aside / f"out-{jobs}", jobs) for jobs in several]
        resumed = run_once(study, aside / f"out-{several[-1]}", 1)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    found = {
        "pictures": pictures,
        "size_px": size_px,
        "cores": os.cpu_count(),
        "runs": rows,
        "resumed_s": resumed["seconds"],
        "speed_up": rows[0]["seconds"] / rows[-1]["seconds"],
    }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(f"{pictures} pictures of {size_px[0]} × {size_px[1]} px, {os.cpu_count()} cores")
    print(f"{'jobs':>4}  {'seconds':>8}  {'cpu s':>8}  {'parent MB':>9}  {'first result s':>14}")
    for row in rows:
        first = "-" if row["first_result_s"] is None else f"{row['first_result_s']:.1f}"
        print(
            f"{row['jobs']:>4}  {row['seconds']:>8.1f}  {row['processor_seconds']:>8.1f}  "
            f"{row['parent_peak_mb']:>9.0f}  {first:>14}"
        )
    print(f"speed-up {found['speed_up']:.2f}; resumed with nothing to do in {found['resumed_s']:.1f} s")


if __name__ == "__main__":
    main()
