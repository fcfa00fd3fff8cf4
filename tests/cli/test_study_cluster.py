from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import densitometry
from densitometry import cluster
from densitometry.errors import ClusterError

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(densitometry.__file__).parents[1])}
MOMENTS = [pytest.param(n, marks=pytest.mark.slow if n < 3 else pytest.mark.soak) for n in range(20)]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def begin(kind: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments), "--no-dashboard"]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )


def end(process: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.wait()
    for member in family:
        if member.is_running():
            member.kill()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and two workers on loopback, each a process of its own."""
    place = f"tcp://127.0.0.1:{free_port()}"
    aside = tmp_path_factory.mktemp("dask")
    options = ("--nthreads", 1, "--local-directory", aside, "--death-timeout", 60)
    started = [begin("scheduler", "--host", "127.0.0.1", "--port", place.rsplit(":", 1)[1])]
    started += [begin("worker", place, *options) for _ in range(2)]
    try:
        wait_for_workers(place)
        yield place
    finally:
        for process in reversed(started):
            end(process)


def wait_for_workers(place: str, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            connected = cluster.connect(place)
        except ClusterError:
            if time.monotonic() > until:
                raise
            time.sleep(1)
            continue
        found = connected._threads()
        connected.close()
        if found == 2:
            return
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("how", [(), ("--send-images",)], ids=["shared storage", "sent"])
def test_a_cluster_gives_the_bytes_of_one_process(how, address, tiny, tmp_path, run, tiny_results, tree_of):
    out = tmp_path / "out"
    (tiny / "sub-01/ses-w00/trich").rename(tmp_path / "kept")
    (tmp_path / "kept").rename(tiny / "sub-01/ses-w00/trich")
    finished = run("study", "run", tiny, out, "--cluster", address, *how, "-q")
    assert finished.code == 0, finished.err
    assert tree_of(out) == tree_of(tiny_results)


@pytest.mark.slow
def test_a_bad_picture_is_one_row_with_the_words_of_this_machine(address, tiny, tmp_path, run, tree_of):
    next(tiny.rglob("*.png")).write_bytes(b"no picture")
    outs = [tmp_path / "local", tmp_path / "cluster"]
    assert run("study", "run", tiny, outs[0], "--no-overlay", "-q").code == 5
    finished = run("study", "run", tiny, outs[1], "--no-overlay", "--cluster", address, "--send-images", "-q")
    assert finished.code == 5
    assert tree_of(outs[0]) == tree_of(outs[1])


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_worker_loses_nothing(moment, address, tiny, tmp_path, run, tiny_results, tree_of):
    rng = np.random.default_rng(moment)
    wait_for_workers(address)

    def kill() -> None:
        time.sleep(rng.uniform(0.2, 4))
        workers = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "distributed.nanny" in " ".join(process.info["cmdline"] or []) or _is_worker(process, address)
        ]
        workers[int(rng.integers(len(workers)))].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    finished = run("study", "run", tiny, tmp_path / "out", "--cluster", address, "-q")
    killer.join()
    assert finished.code == 0, finished.err
    assert run("study", "run", tiny, tmp_path / "out", "-q").code == 0
    assert tree_of(tmp_path / "out") == tree_of(tiny_results)


def _is_worker(process: object, address: str) -> bool:
    """Whether it is the process that works, below the nanny that replaces it."""
    parent = process.parent()  # type: ignore[attr-defined]
    words = " ".join(process.info["cmdline"] or [])  # type: ignore[attr-defined]
    return parent is not None and "spawn_main" in words and address in " ".join(parent.cmdline())


def refused(finished, *words: str) -> None:
    assert finished.code == 3
    assert finished.error_lines[0].startswith("error[E109]:")
    assert len(finished.error_lines) == 3
    assert all(word in finished.err for word in words)


def test_a_cluster_that_is_not_there(tiny, tmp_path, run, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    place = f"tcp://127.0.0.1:{free_port()}"
    finished = run("study", "run", tiny, tmp_path / "out", "--cluster", place, "-q")
    refused(finished, place, "dask scheduler")
    assert run("study", "run", tiny, tmp_path / "out", "--send-images").code == 2


class FakeClient:
    status = "running"

    def __init__(self, answers):
        self._answers = answers

    def wait_for_workers(self, *_, **__):
        pass

    def run(self, question, *arguments):
        return {name: answer or question(*arguments) for name, answer in self._answers.items()}


def test_a_worker_of_another_version_or_without_the_pictures_is_named(tmp_path):
    with pytest.raises(ClusterError, match=r"tcp://b has densitometry 0\.0\.1"):
        cluster._check_workers(
            FakeClient({"tcp://a": None, "tcp://b": ({"densitometry": "0.0.1"}, [])}), "tcp://s", []
        )
    with pytest.raises(ClusterError, match="does not see") as caught:
        cluster._check_workers(FakeClient({"tcp://a": None}), "tcp://s", [tmp_path / "absent.png"])
    assert "--send-images" in caught.value.fix
    cluster._check_workers(FakeClient({"tcp://a": None}), "tcp://s", [Path(__file__)])


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_named_and_the_run_can_be_repeated(
    tiny, tmp_path, start, run, tree_of, tiny_results
):
    place, out = f"tcp://127.0.0.1:{free_port()}", tmp_path / "out"
    scheduler = begin("scheduler", "--host", "127.0.0.1", "--port", place.rsplit(":", 1)[1])
    worker = begin("worker", place, "--nthreads", 1, "--local-directory", tmp_path, "--death-timeout", 60)
    try:
        process = start("study", "run", tiny, out, "--cluster", place, "-q")
        while process.poll() is None and not (out / "logs/audit.jsonl").exists():
            time.sleep(0.2)
        time.sleep(4)
        scheduler.kill()
        _, errors = process.communicate(timeout=300)
    finally:
        end(worker)
        end(scheduler)
    assert process.returncode in (0, 3), errors
    assert process.returncode == 0 or "error[E109]" in errors.splitlines()[-3], errors
    assert run("study", "run", tiny, out, "-q").code == 0
    assert tree_of(out) == tree_of(tiny_results)
