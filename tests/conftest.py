from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from densitometry.cli.app import run as run_command_line

UM_PER_PX = 8.0
Run = Callable[..., "Finished"]


@dataclass(frozen=True)
class Finished:
    """What one call of the command line left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        return self.err.strip().splitlines()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process."""

    def call(*arguments: object) -> Finished:
        capsys.readouterr()
        code = run_command_line([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Finished(code, out, err)

    return call


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small simulated pictures, `one.png` and `two.png`, with truth and scale beside them."""
    from densitometry import simulate

    folder = tmp_path_factory.mktemp("phantoms")
    for seed, name in enumerate(("one", "two")):
        settings = dataclasses.replace(simulate.preset("clipped"), size_px=(320, 256), um_per_px=UM_PER_PX)
        rng = np.random.default_rng(seed)
        phantom = simulate.render_scene(simulate.grow_scene(settings, rng), rng=rng)
        simulate.write_phantom(folder, name, phantom)
    return folder


@pytest.fixture
def pictures(phantom_folder: Path, tmp_path: Path) -> Path:
    """A private copy of the simulated pictures."""
    return Path(shutil.copytree(phantom_folder, tmp_path / "pictures"))


@pytest.fixture(scope="session")
def make_results() -> Callable[..., Path]:
    """Return the function that writes results of a study by hand (see report_results.py)."""
    place = Path(__file__).with_name("report_results.py")
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[..., Path] = module.make_results
    return function


@pytest.fixture(scope="session")
def results_folder(make_results: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two people, two sites and three visits."""
    return make_results(tmp_path_factory.mktemp("results") / "out")
