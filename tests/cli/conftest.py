from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import densitometry

TINY_PX = (200, 160)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of results that must be the same from run to run, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "environment.json" and path.parent.name != "logs"
    }


@pytest.fixture(scope="session")
def tree_of() -> Callable[[Path], dict[str, bytes]]:
    return tree


@pytest.fixture(scope="session")
def tiny_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, two visits, one picture each, as small as a picture can be measured."""
    from densitometry import simulate
    from densitometry.simulate.series import SeriesSettings
    from densitometry.simulate.studies import StudyPlan, write_study

    scene = dataclasses.replace(simulate.preset("clipped"), size_px=TINY_PX, um_per_px=8.0)
    folder = tmp_path_factory.mktemp("tiny") / "study"
    write_study(folder, StudyPlan(SeriesSettings(scene, visits=2, replicates=1), people=2), seed=4)
    return folder


@pytest.fixture(scope="session")
def tiny_results(tiny_original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from densitometry.cli.app import run

    out = tmp_path_factory.mktemp("tiny-results") / "out"
    assert run(["study", "run", str(tiny_original), str(out), "-q"]) == 0
    return out


@pytest.fixture
def tiny(tiny_original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_original, tmp_path / "study"))


@pytest.fixture
def tiny_out(tiny_results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_results, tmp_path / "out"))


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts the command line in a process of its own."""
    source = str(Path(densitometry.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}

    def begin(*arguments: object) -> subprocess.Popen[str]:
        # a process started in the background, as these tests may be, ignores Ctrl-C, and so do its children
        listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        code = f"{listen}; from densitometry.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin
