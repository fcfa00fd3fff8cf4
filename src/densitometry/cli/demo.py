"""`densitometry demo`: the main job on the sample pictures, ending with what to open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console
from densitometry.cli.analyze import exit_code, measure, show
from densitometry.cli.options import jobs_option

if TYPE_CHECKING:
    from densitometry.batch import Outcome


@click.command("demo")
@click.argument("out", type=click.Path(path_type=Path), default=Path("demo_output"), metavar="[OUT]")
@jobs_option
def command(out: Path, jobs: int) -> int:
    """Measure the simulated sample pictures, and set the numbers beside the truth."""
    from densitometry import batch, resources
    from densitometry.inputs import find_pictures, inputs_of
    from densitometry.recipe import load_recipe

    recipe = load_recipe()
    pictures = find_pictures([resources.folder("sample_images")])
    inputs = inputs_of(pictures, {"scale_from": "sidecar"})
    batch.prepare_output(out, inputs, recipe, force=True)
    job = batch.Job(out, recipe)
    console.say(f"measuring {len(pictures)} simulated pictures, whose truth is known, into {out}")
    console.say()
    outcomes = measure(job, inputs, jobs, verbose=False, quiet=False)
    show(out, outcomes)
    console.say()
    console.say(against_truth(pictures, outcomes))
    return exit_code(outcomes)


def against_truth(pictures: Sequence[Path], outcomes: Sequence[Outcome]) -> str:
    """Return a table of measured beside true values."""
    rows = []
    for path, outcome in zip(pictures, outcomes, strict=True):
        if outcome.status != "measured" or outcome.summary is None:
            continue
        truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        rooted = [hair for hair in truth["hairs"] if hair["root_inside"]]
        mean_um = sum(hair["d_um"] for hair in rooted) / max(1, len(rooted))
        rows.append(
            (
                outcome.picture,
                _cell(outcome.summary["n_hairs"], "g"),
                str(len(rooted)),
                _cell(outcome.summary["mean_diameter_um"], ".1f"),
                f"{mean_um:.1f}",
            )
        )
    return console.table(rows, ("picture", "hairs", "true", "mean µm", "true"))


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
