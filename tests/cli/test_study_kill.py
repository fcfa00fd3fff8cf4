"""A run that is stopped at any moment, and then repeated, gives the bytes of an undisturbed run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

psutil = pytest.importorskip("psutil")
MOMENTS = [pytest.param(n, marks=pytest.mark.slow if n < 3 else pytest.mark.soak) for n in range(20)]


@pytest.fixture(scope="module")
def undisturbed(tiny_original, start, tmp_path_factory) -> float:
    """Seconds of a whole run with two processes."""
    began = time.monotonic()
    process = start("study", "run", tiny_original, tmp_path_factory.mktemp("timed") / "out", "--jobs", 2)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return time.monotonic() - began


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """Workers end with their parent."""
    yield
    me = psutil.Process()
    _, alive = psutil.wait_procs(me.children(recursive=True), timeout=20)
    assert [process.cmdline() for process in alive if "spawn_main" in " ".join(process.cmdline())] == []


def moment_of(number: int, seconds: float) -> float:
    return float(np.random.default_rng([5, number]).uniform(0.1, 1.0)) * seconds


def workers_of(process: subprocess.Popen[str]) -> list[object]:
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def repeated(study: Path, out: Path, run, tree_of, expected: Path) -> None:
    finished = run("study", "run", study, out, "-q")
    assert finished.code == 0, finished.err
    pictures = pd.read_csv(out / "images.tsv", sep="\t")["picture"]
    assert len(pictures) == len(set(pictures)) == len(list(study.rglob("*.png")))
    assert tree_of(out) == tree_of(expected)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_worker(moment, undisturbed, tiny, tmp_path, start, run, tree_of, tiny_results):
    process = start("study", "run", tiny, tmp_path / "out", "--jobs", 2)
    time.sleep(moment_of(moment, undisturbed))
    for worker in workers_of(process)[:1]:
        worker.kill()
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    repeated(tiny, tmp_path / "out", run, tree_of, tiny_results)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_stopped_parent(how, moment, undisturbed, tiny, tmp_path, start, run, tree_of, tiny_results):
    process = start("study", "run", tiny, tmp_path / "out", "--jobs", 2)
    time.sleep(moment_of(moment, undisturbed))
    family = workers_of(process)
    process.send_signal(how)
    _, errors = process.communicate()
    assert process.returncode in (-how, 130, 0), errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    repeated(tiny, tmp_path / "out", run, tree_of, tiny_results)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory; its size is set by mounting it again."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("a disk can be mounted by root only")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_full_disk(moment, small_disk, tiny, run, tree_of, tiny_results):
    needed = sum(len(content) for content in tree_of(tiny_results).values())
    size = int(needed * np.random.default_rng([6, moment]).uniform(0.1, 0.9))
    subprocess.run(["mount", "-o", f"remount,size={size // 4096 * 4096}", small_disk], check=True)
    finished = run("study", "run", tiny, small_disk / "out", "-q")
    assert finished.code == 3
    assert finished.error_lines[-3].startswith("error[E105]:")
    assert "df -h" in finished.error_lines[-1]
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    repeated(tiny, small_disk / "out", run, tree_of, tiny_results)


def test_a_disk_that_is_read_only(small_disk, tiny, run):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    finished = run("study", "run", tiny, small_disk / "out", "-q")
    assert finished.code == 3
    assert len(finished.error_lines) == 3
    assert "read-only" in finished.err.lower()
    assert "findmnt" in finished.error_lines[-1]
