from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from densitometry.batch import Job, Outcome
from densitometry.cli.analyze import measure
from densitometry.inputs import Input
from densitometry.recipe import load_recipe

NAMES = ("a", "b", "c", "d")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def source(_: Job, inputs: object) -> Iterator[Outcome]:
    for item in inputs:  # type: ignore[attr-defined]
        yield Outcome(item.name, "failed", error=("E101", f"cannot read {item.name}", "why", "fix"))


def test_a_terminal_shows_how_many_are_done_the_rate_and_the_time_left(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    inputs = [Input(Path(name), name, name, {}) for name in NAMES]
    outcomes = measure(
        Job(tmp_path / "out", load_recipe()), inputs, 1, verbose=False, quiet=False, source=source
    )
    assert [outcome.picture for outcome in outcomes] == list(NAMES)
    said = stderr.getvalue()
    assert "4/4" in said
    assert "pictures/min" in said
    assert "cannot read d" in said
