"""What a measured process does: read a job, run one tool on its pictures, report times and peak memory.

Needs the standard library only, so that peers can run it in their own environment. A job is JSON:
`{"warm_up": picture or null, "repeats": n, "pictures": [picture, ...], "reply": path}` with a picture
`{"image": path, "um_per_px": x, "out": folder}`. Times run from the file's bytes to the tables in memory;
writing results lies outside them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRACES_NAME = "traces.geojson"
KIB_PER_MB = 1000 / 1.024
BYTES_PER_MB = 1e6


def serve(measure: Callable[[str, float], Any], save: Callable[[Any, Path], None]) -> None:
    """Run the job named on the command line with one tool.

    Args:
        measure: file and scale [µm/px] → the tool's tables.
        save: writes the tables into a folder.
    """
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if job["warm_up"]:
        measure(job["warm_up"]["image"], job["warm_up"]["um_per_px"])
    reply = {"pictures": [_run(measure, save, picture, job["repeats"]) for picture in job["pictures"]]}
    Path(job["reply"]).write_text(json.dumps({**reply, "peak_mb": peak_mb()}), encoding="utf-8")


def _run(
    measure: Callable[[str, float], Any],
    save: Callable[[Any, Path], None],
    picture: dict[str, Any],
    repeats: int,
) -> dict[str, Any]:
    wall, processor = [], []
    result = None
    try:
        for _ in range(repeats):
            result = None  # the last result's memory is no part of the next run's
            started, used = time.perf_counter(), time.process_time()
            result = measure(picture["image"], picture["um_per_px"])
            wall.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
        if picture["out"]:
            save(result, Path(picture["out"]))
    except Exception as error:  # noqa: BLE001 (a tool that fails on a picture is a finding, not the benchmark's end)
        first_line = (str(error).splitlines() or [""])[0].replace(
            picture["image"], Path(picture["image"]).name
        )
        return {"seconds": wall, "cpu_seconds": processor, "error": f"{type(error).__name__}: {first_line}"}
    return {"seconds": wall, "cpu_seconds": processor, "error": None}


def peak_mb() -> float | None:
    """Return the most memory this process ever held [MB], None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss counts the parent's memory from before exec as well
        lines = status.read_text(encoding="ascii", errors="ignore").splitlines()
        return next(int(line.split()[1]) / KIB_PER_MB for line in lines if line.startswith("VmHWM:"))
    if os.name == "nt":
        return None
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / BYTES_PER_MB if sys.platform == "darwin" else usage / KIB_PER_MB


def save_lines(lines: list[dict[str, Any]], folder: Path) -> None:
    """Write a peer's traces as LineStrings in pixel [x, y].

    Args:
        lines: one dict per trace: `points` list of [x, y], `diameter_um` or None, `length_um`.
        folder: where the file goes.
    """
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": line["points"]},
            "properties": {"diameter_um": line["diameter_um"], "length_um": line["length_um"]},
        }
        for line in lines
    ]
    folder.mkdir(parents=True, exist_ok=True)
    collection = {"type": "FeatureCollection", "features": features}
    (folder / TRACES_NAME).write_text(json.dumps(collection), encoding="utf-8")
