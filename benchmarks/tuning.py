"""How well this project does on pictures on which one may tune, of both renderers.

`python -m benchmarks.tuning --renderer second --kind clipped --count 12 --recipe mine.toml` renders, measures
and scores them. The figures on tuning pictures in docs/decisions can be made again so; those that decide come
from seeds that this never draws.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import cv2

from benchmarks import pictures
from benchmarks.cases import OWN_KINDS
from benchmarks.ours import measure
from benchmarks.report import table
from benchmarks.score import PictureScore, pool, read_result, score_picture
from benchmarks.second import COLUMNS, TUNING_SEEDS, measure_one
from benchmarks.second_renderer.kinds import KINDS as SECOND_KINDS
from densitometry.recipe import DEFAULT_RECIPE

FIRST_SEED = 300


def measure_own(job: tuple[str, int], folder: Path, recipe: str) -> tuple[str, PictureScore]:
    """Do what `benchmarks.second.measure_one` does with a picture of `densitometry simulate`."""
    cv2.setNumThreads(1)
    kind, seed = job
    picture = pictures.render_seed(OWN_KINDS[kind], seed, folder)
    out = folder / "traces" / picture.stem
    measure(str(picture.path), picture.um_per_px, recipe).save(out, overlay=False)
    return kind, score_picture(*pictures.read_truth(picture), *read_result(out))


@click.command()
@click.option("--renderer", type=click.Choice(["own", "second"]), default="own", show_default=True)
@click.option("--kind", "kinds", multiple=True, help="Only these kinds; repeatable.")
@click.option("--count", type=click.IntRange(1, TUNING_SEEDS), default=12, show_default=True, help="Of each.")
@click.option("--first-seed", type=click.IntRange(0, TUNING_SEEDS - 1), default=FIRST_SEED, show_default=True)
@click.option("--recipe", default=DEFAULT_RECIPE, show_default=True, help="Name or file.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def main(
    renderer: str,
    kinds: tuple[str, ...],
    count: int,
    first_seed: int,
    recipe: str,
    jobs: int,
    keep: Path | None,
) -> None:
    """Render tuning pictures, analyse and score them, and print a row of figures for each kind."""
    own = renderer == "own"
    known = list(OWN_KINDS if own else SECOND_KINDS)
    if strange := set(kinds) - set(known):
        raise click.UsageError(f"no kind {', '.join(sorted(strange))}: choose from {', '.join(known)}")
    if first_seed + count > TUNING_SEEDS:
        raise click.UsageError(f"seeds for tuning end below {TUNING_SEEDS}: lower --first-seed or --count")
    chosen = [kind for kind in known if kind in kinds or not kinds]
    found: dict[str, list[PictureScore]] = {kind: [] for kind in chosen}
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="densitometry-tuning-")))
        folder.mkdir(parents=True, exist_ok=True)
        workers = stack.enter_context(get_context("spawn").Pool(jobs))
        todo = [(kind, first_seed + k) for kind in chosen for k in range(count)]
        one = partial(measure_own if own else measure_one, folder=folder, recipe=recipe)
        for kind, score in workers.imap(one, todo):
            found[kind].append(score)
    rows = [(kind, *(show(pool(scores)) for _, show in COLUMNS)) for kind, scores in found.items()]
    click.echo(table(("picture", *(name for name, _ in COLUMNS)), rows))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tuning")
