"""How well this project does on pictures of a renderer it was not built beside.

`python -m benchmarks.second` renders, measures and scores them.

Networks are trained on `densitometry simulate`, and `python -m benchmarks` measures on it too. Here the
pictures come from `benchmarks.second_renderer`, which shares no code with it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import cv2

from benchmarks.environment import source_digest
from benchmarks.ours import measure
from benchmarks.report import Format, plain, table, with_bias, write_document
from benchmarks.score import PictureScore, pool, read_result, score_picture
from benchmarks.second_renderer.kinds import KINDS
from benchmarks.second_renderer.picture import render
from densitometry.recipe import DEFAULT_RECIPE

FIRST_SEED = 950_000
"""Seeds from here on are for measuring: nobody may tune on them. Tuning uses seeds below `TUNING_SEEDS`."""
TUNING_SEEDS = 1_000
MARKERS = ("<!-- second:start -->", "<!-- second:end -->")

HOW = f"""\
Made by `python -m benchmarks.second --document`; edit nothing between the markers. The pictures come from
`benchmarks/second_renderer`, which shares no code with `densitometry simulate`, on which the network was
trained: shafts are drawn analytically over a skin of pigment fields under a wet film. Seeds from
{FIRST_SEED}, on which nobody may tune; tuning uses seeds below {TUNING_SEEDS}. Scored as the benchmark below;
thickness is the median over hairs of the absolute error, other errors are means over pictures of absolute
errors, with signed means in brackets; the last columns say how often 95 % intervals hold the truth."""

COLUMNS: tuple[tuple[str, Format], ...] = (
    ("pictures", plain("pictures", 0)),
    ("hair F1", plain("f1", 3)),
    ("precision", plain("precision", 3)),
    ("recall", plain("recall", 3)),
    ("density [%]", with_bias("density_error_pct", "density_bias_pct", 1)),
    ("thickness [µm]", with_bias("thickness_error_um", "thickness_bias_um", 1)),
    ("class right [%]", plain("class_right", 1, 100)),
    ("roots ≤ 100 µm [%]", plain("roots_within_100_um", 1, 100)),
    ("held: hair diameter [%]", plain("diameter_coverage", 0, 100)),
    ("mean diameter [%]", plain("mean_diameter_coverage", 0, 100)),
    ("density [%]", plain("density_coverage", 0, 100)),
)


def measure_one(job: tuple[str, int], folder: Path, recipe: str = DEFAULT_RECIPE) -> tuple[str, PictureScore]:
    """Render one picture of a kind, analyse its file and score what was written.

    Args:
        job: name of the kind and seed.
        folder: where the picture, its truth and the traces go.
        recipe: name or file.
    """
    cv2.setNumThreads(1)
    kind, seed = job
    rendered = render(KINDS[kind], seed)
    path = rendered.save(folder)
    out = folder / "traces" / path.stem
    measure(str(path), rendered.kind.um_per_px, recipe).save(out, overlay=False)
    return kind, score_picture(rendered.truth, rendered.hidden, *read_result(out))


def measured(scores: Sequence[tuple[str, PictureScore]]) -> dict[str, dict[str, float | int | None]]:
    """Return the pooled figures of each kind that has a picture, in the order of `KINDS`."""
    by_kind = {name: [score for kind, score in scores if kind == name] for name in KINDS}
    return {name: pool(found) for name, found in by_kind.items() if found}


def document(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table as Markdown, a row for each kind."""
    head = ("picture", *(name for name, _ in COLUMNS))
    body = [
        (f"{name}, {KINDS[name].um_per_px:g} µm/px", *(show(row) for _, show in COLUMNS))
        for name, row in figures.items()
    ]
    day = datetime.now(UTC).date()
    return f"{HOW}\n\n{table(head, body)}\n\nMeasured on {day}, state of the code {source_digest()}.\n"


@click.command()
@click.option("--count", type=click.IntRange(1, 1000), default=3, show_default=True, help="Of each kind.")
@click.option("--kind", "kinds", type=click.Choice(list(KINDS)), multiple=True, help="Only these kinds.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--document", "write", is_flag=True, help="Write the table into docs/accuracy.md.")
def main(count: int, kinds: tuple[str, ...], jobs: int, keep: Path | None, write: bool) -> None:
    """Render pictures, analyse and score them, and print a row of figures for each kind."""
    if write and kinds:
        raise click.UsageError("a part of the kinds would drop the others from the page: leave out --kind")
    wanted = [(name, FIRST_SEED + k) for name in kinds or KINDS for k in range(count)]
    scores = []
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="densitometry-second-")))
        workers = stack.enter_context(get_context("spawn").Pool(jobs))
        for kind, score in workers.imap(partial(measure_one, folder=folder), wanted):
            scores.append((kind, score))
            click.echo(f"{len(scores)} of {len(wanted)}: {kind}", err=True)
    text = document(measured(scores))
    click.echo(text)
    if write:
        write_document(text, markers=MARKERS)


if __name__ == "__main__":
    main()
