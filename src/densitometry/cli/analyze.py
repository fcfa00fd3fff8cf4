"""`densitometry analyze`: pictures in, a folder of results out, a sentence and a small table on stdout."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console
from densitometry.cli.exits import EXIT_BUG, EXIT_GATE, EXIT_OK, EXIT_REFUSED, EXIT_SOME_FAILED
from densitometry.cli.options import (
    jobs_option,
    out_option,
    overlay_option,
    recipe_options,
    scale_arguments,
    scale_options,
    talk_options,
)

if TYPE_CHECKING:
    from densitometry.batch import Job, Lean, Outcome, Record, Source
    from densitometry.inputs import Input

_MAX_TABLE_ROWS = 40
_SHORTEST_S = 0.01
_SECONDS_PER_MINUTE = 60


@click.command("analyze")
@click.argument(
    "inputs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="IMAGE|FOLDER..."
)
@out_option("Folder of the results; made if it is not there.")
@scale_options
@recipe_options
@jobs_option
@overlay_option
@click.option("--no-gate", is_flag=True, help="Measure pictures that the quality gate refuses, too.")
@click.option("--force", is_flag=True, help="Write into a folder that holds results of another recipe.")
@click.option("--record-names", is_flag=True, help="Write the file's name into summary.json.")
@talk_options
def command(
    inputs: tuple[Path, ...],
    out: Path,
    recipe_name: str,
    overrides: tuple[str, ...],
    jobs: int,
    no_overlay: bool,
    no_gate: bool,
    force: bool,
    record_names: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **scale: Any,
) -> int:
    """Measure pictures: hairs per cm², shaft thickness in µm, and a picture that shows every hair.

    A FOLDER stands for the pictures directly in it. The scale must be said in exactly one way.
    """
    from densitometry import batch
    from densitometry.inputs import check_scale, find_pictures, inputs_of
    from densitometry.recipe import load_recipe
    from densitometry.report import images
    from densitometry.schema import IMAGES

    recipe = load_recipe(recipe_name, overrides)
    pictures = find_pictures(inputs)
    arguments = scale_arguments(**scale)
    check_scale(arguments, pictures, recipe.capture)
    items = inputs_of(pictures, arguments)
    images.check_kind(out, IMAGES, "analyze")
    batch.prepare_output(out, items, recipe, force=force)
    job = batch.Job(out, recipe, overlay=not no_overlay, gate=not no_gate, record_names=record_names)
    outcomes = measure(job, items, jobs, verbose=verbose, quiet=quiet)
    if as_json:
        console.say_json(as_object(out, recipe.digest, outcomes))
    else:
        show(out, outcomes)
    return exit_code(outcomes)


def measure(
    job: Job,
    inputs: Sequence[Input],
    jobs: int,
    *,
    verbose: bool,
    quiet: bool,
    record: Record | None = None,
    source: Source | None = None,
    lean: Lean | None = None,
) -> list[Outcome]:
    """Run the pictures with a progress bar on a terminal, and say on stderr what failed."""
    from densitometry import batch

    def report(outcome: Outcome) -> None:
        if outcome.error is not None:
            console.show_error(*outcome.error)
            if verbose and outcome.details:
                console.note(outcome.details)
        elif verbose:
            console.note(f"{outcome.picture}: {outcome.status}")
        if verbose and outcome.summary is not None and outcome.summary["quality"]["reasons"]:
            console.note(f"{outcome.picture}: {'; '.join(outcome.summary['quality']['reasons'])}")

    record = record or batch.record_rows
    if quiet or len(inputs) <= 1 or not sys.stderr.isatty():
        return batch.run(job, inputs, jobs, report, record, source, lean)
    started = time.monotonic()
    with click.progressbar(
        length=len(inputs), label="measuring", file=sys.stderr, show_pos=True, item_show_func=_rate
    ) as bar:

        def advance(outcome: Outcome) -> None:
            if outcome.error is not None:
                console.note("")
            report(outcome)
            bar.update(1, (bar.pos + 1) / max(time.monotonic() - started, _SHORTEST_S))

        return batch.run(job, inputs, jobs, advance, record, source, lean)


def _rate(per_second: Any) -> str:
    return "" if per_second is None else f"{per_second * _SECONDS_PER_MINUTE:.1f} pictures/min"


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return the contract's exit code of a finished run."""
    statuses = {outcome.status for outcome in outcomes}
    if any(outcome.is_bug for outcome in outcomes):
        return EXIT_BUG
    if statuses == {"measured"}:
        return EXIT_OK
    if statuses == {"failed"}:
        return EXIT_REFUSED
    return EXIT_GATE if statuses == {"rejected"} else EXIT_SOME_FAILED


def as_object(out: Path, recipe_digest: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what --json prints."""
    import json

    from densitometry._version import __version__
    from densitometry.report.results import summary_json
    from densitometry.schema import ANALYZE_SCHEMA

    return {
        "schema": ANALYZE_SCHEMA,
        "version": __version__,
        "recipe_digest": recipe_digest,
        "out": str(out),
        "images": [
            {
                "picture": outcome.picture,
                "status": outcome.status,
                "error": dict(zip(("code", "what", "why", "fix"), outcome.error, strict=True))
                if outcome.error
                else None,
                "summary": json.loads(summary_json(outcome.summary)) if outcome.summary is not None else None,
            }
            for outcome in outcomes
        ],
    }


def show(out: Path, outcomes: Sequence[Outcome]) -> None:
    """Print a sentence and a small table."""
    measured = [outcome for outcome in outcomes if outcome.status == "measured"]
    if len(outcomes) == 1 and measured:
        console.say(sentence(measured[0]))
    else:
        counts = Counter(outcome.status for outcome in outcomes)
        said = ", ".join(
            f"{count} {status}"
            for status, count in sorted(counts.items(), key=lambda item: item[0] != "measured")
        )
        console.say(f"{len(outcomes)} picture{'s' * (len(outcomes) != 1)}: {said}.")
    if outcomes:
        console.say()
        header = ("picture", "hairs", "per cm²", "95 % interval", "mean µm", "vellus %", "quality")
        console.say(console.table([_table_row(outcome) for outcome in outcomes[:_MAX_TABLE_ROWS]], header))
        if len(outcomes) > _MAX_TABLE_ROWS:
            console.say(f"... and {len(outcomes) - _MAX_TABLE_ROWS} more in {out / 'images.tsv'}")
    written = [outcome for outcome in outcomes if outcome.summary is not None]
    if written:
        first = out / written[0].picture
        console.say()
        console.say(f"open {first / 'overlay.png'}" if (first / "overlay.png").exists() else f"see {first}")


def sentence(outcome: Outcome) -> str:
    """Return the one sentence that says what was measured."""
    summary = outcome.summary or {}
    if summary["density_per_cm2"] is None:
        return f"{outcome.picture}: {summary['n_hairs']:g} hairs; no part of the picture is valid field."
    interval = _interval(summary, "density_per_cm2", ".0f")
    text = f"{outcome.picture}: {summary['density_per_cm2']:.0f} hairs per cm²"
    text += f" ({interval})" if interval else ""
    if summary.get("mean_diameter_um") is not None:
        text += f", mean shaft {summary['mean_diameter_um']:.1f} µm"
    return f"{text}; {summary['n_hairs']:g} hairs on {summary['area_cm2']:.3f} cm²."


def _table_row(outcome: Outcome) -> tuple[str, ...]:
    summary: Mapping[str, Any] = outcome.summary or {}
    fraction = summary.get("vellus_fraction")
    quality = (
        summary["quality"]["verdict"] if summary else f"{outcome.error[0] if outcome.error else ''} failed"
    )
    return (
        outcome.picture,
        _number(summary.get("n_hairs"), "g"),
        _number(summary.get("density_per_cm2"), ".1f"),
        _interval(summary, "density_per_cm2", ".1f") or "-",
        _number(summary.get("mean_diameter_um"), ".1f"),
        _number(None if fraction is None else 100 * fraction, ".1f"),
        quality,
    )


def _interval(summary: Mapping[str, Any], name: str, form: str) -> str:
    low, high = summary.get(f"{name}_low"), summary.get(f"{name}_high")
    return "" if low is None or high is None else f"{low:{form}}–{high:{form}}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
