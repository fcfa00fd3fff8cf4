"""`densitometry doctor`: whether this installation can do its work, check by check."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata

import click

from densitometry._version import __version__
from densitometry.cli import console
from densitometry.cli.exits import EXIT_BUG, EXIT_OK

_PACKAGES = ("numpy", "scipy", "pandas", "opencv-python-headless", "scikit-image", "numba", "pillow", "click")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(as_json: bool) -> int:
    """Check that the installation can do its work."""
    checks: list[dict[str, str | bool]] = []
    for name, check in _checks().items():
        started = time.perf_counter()
        try:
            said, good = check(), True
        except Exception as error:  # noqa: BLE001  a check that fails is what doctor reports
            said, good = f"{type(error).__name__}: {error}", False
        checks.append({"name": name, "ok": good, "said": said})
        if not as_json:
            console.say(
                f"{'ok  ' if good else 'FAIL'}  {name:<16}{said}  ({time.perf_counter() - started:.1f} s)"
            )
    if as_json:
        console.say_json({"schema": "densitometry.doctor/1", "version": __version__, "checks": checks})
    return EXIT_OK if all(entry["ok"] for entry in checks) else EXIT_BUG


def _checks() -> dict[str, Callable[[], str]]:
    return {"program": _program, "packages": _packages, "recipes": _recipes, "a measurement": _measurement}


def _program() -> str:
    return (
        f"densitometry {__version__}, Python {platform.python_version()}, {sys.platform} {platform.machine()}"
    )


def _packages() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)


def _recipes() -> str:
    from densitometry.recipe import load_recipe, shipped_recipes

    return ", ".join(load_recipe(name).name for name in shipped_recipes())


def _measurement() -> str:
    """Measure one small simulated picture: every room at work."""
    import numpy as np

    from densitometry.analysis import analyze
    from densitometry.capture import from_array
    from densitometry.units import PixelSize

    skin = np.full((256, 256, 3), (205, 165, 145), np.uint8)
    skin[60:200, 125:131] = (40, 30, 28)
    result = analyze(from_array(skin, PixelSize(8.0, "simulated")))
    return f"{len(result.hairs)} hair traced in a drawn picture of one"
