"""The tools side by side, and how one of them is run over pictures in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.environment import ROOT, one_thread, peers_python
from benchmarks.pictures import Picture

TIMEOUT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Tool:
    """One way from a picture to its hairs.

    Attributes:
        name: short, in results.
        label: in tables.
        module: what is run.
        is_peer: runs in the peers' environment.
        largest_mp: pictures above are not tried, in megapixels.
    """

    name: str
    label: str
    module: str
    is_peer: bool = True
    largest_mp: float = float("inf")


OURS = Tool("densitometry", "densitometry", "benchmarks.ours", is_peer=False)
DECODE = Tool("imread", "`cv2.imread` alone", "benchmarks.decode", is_peer=False)
PEERS = (
    Tool("sato_skan", "sato + Otsu + skeletonize + skan", "benchmarks.peers.sato_skan"),
    Tool("local_threshold_skan", "local threshold + skan", "benchmarks.peers.local_threshold_skan"),
    # About 0.7 GB and 7 s for each megapixel: a 12 MP picture would fill the memory of most laptops.
    Tool("ridge_detector", "ridge-detector", "benchmarks.peers.ridge_detector_lines", largest_mp=4.0),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One tool's run over some pictures.

    Attributes:
        seconds: wall time of each picture, median over repeats; None where it failed.
        cpu_seconds: processor time, likewise.
        errors: what went wrong with each picture; None where nothing did.
        peak_mb: most memory the process ever held.
    """

    seconds: tuple[float | None, ...]
    cpu_seconds: tuple[float | None, ...]
    errors: tuple[str | None, ...]
    peak_mb: float | None


def start(
    tool: Tool,
    pictures: Sequence[Picture],
    folder: Path,
    *,
    warm_up: Picture | None,
    repeats: int,
    save: bool,
    processor: int | None = None,
) -> subprocess.Popen[str]:
    """Start one tool on pictures, perhaps on one processor; results go to `folder`/<stem of the picture>."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "warm_up": _plain(warm_up, None) if warm_up else None,
        "repeats": repeats,
        "pictures": [_plain(p, folder / p.stem if save else None) for p in pictures],
        "reply": str(folder / "reply.json"),
    }
    (folder / "reply.json").unlink(missing_ok=True)
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    python = peers_python() if tool.is_peer else Path(sys.executable)
    seen = [ROOT] if tool.is_peer else [ROOT, ROOT / "src"]
    process = subprocess.Popen(
        [str(python), "-m", tool.module, str(path)],
        env={**one_thread(), "PYTHONPATH": os.pathsep.join(map(str, seen))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if processor is not None:
        os.sched_setaffinity(process.pid, {processor})
    return process


def finish(process: subprocess.Popen[str], n_pictures: int, folder: Path) -> Run:
    """Wait for a started tool and read its reply; a process that died counts as failed on every picture."""
    try:
        _, complaint = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        complaint = f"longer than {TIMEOUT_S:g} s"
    reply_path = folder / "reply.json"
    if process.returncode or not reply_path.exists():
        last = (complaint.strip().splitlines() or [f"ended with status {process.returncode}"])[-1]
        nothing = (None,) * n_pictures
        return Run(nothing, nothing, (last,) * n_pictures, None)
    reply = json.loads(reply_path.read_text(encoding="utf-8"))
    return Run(
        tuple(_median(p, "seconds") for p in reply["pictures"]),
        tuple(_median(p, "cpu_seconds") for p in reply["pictures"]),
        tuple(p["error"] for p in reply["pictures"]),
        reply["peak_mb"],
    )


def run(
    tool: Tool,
    pictures: Sequence[Picture],
    folder: Path,
    *,
    warm_up: Picture | None,
    repeats: int = 1,
    save: bool = True,
) -> Run:
    """Run one tool over pictures, one after the other in one warm process."""
    process = start(tool, pictures, folder, warm_up=warm_up, repeats=repeats, save=save)
    return finish(process, len(pictures), folder)


def _plain(picture: Picture, out: Path | None) -> dict[str, Any]:
    return {
        "image": str(picture.path.resolve()),
        "um_per_px": picture.um_per_px,
        "out": str(out.resolve()) if out else None,
    }


def _median(reply: dict[str, Any], name: str) -> float | None:
    return None if reply["error"] else median(reply[name])
