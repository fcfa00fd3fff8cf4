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
from typing import Any

import click
import cv2

import densitometry as dm
from benchmarks import pictures
from benchmarks.report import table
from benchmarks.score import PictureScore, pool, read_result, score_picture
from benchmarks.second import COLUMNS, TUNING_SEEDS
from benchmarks.second_renderer.kinds import KINDS as SECOND_KINDS
from benchmarks.second_renderer.picture import render as render_second
from densitometry.recipe import DEFAULT_RECIPE

OWN_KINDS = {kind.name: kind for kind in pictures.KINDS}
FIRST_SEED = 300


def measure_one(job: tuple[str, int], own: bool, recipe: str, folder: Path) -> tuple[str, PictureScore]:
    """Render one picture of a kind, analyse its file and score what was written.

    Args:
        job: name of the kind and seed.
        own: rendered by `densitometry simulate`, else by `benchmarks.second_renderer`.
        recipe: name or file.
        folder: where the picture, its truth and the traces go.
    """
    cv2.setNumThreads(1)
    kind, seed = job
    truth: dict[str, Any]
    if own:
        picture = pictures.render_seed(OWN_KINDS[kind], seed, folder)
        path, um_per_px, (truth, hidden) = picture.path, picture.um_per_px, pictures.read_truth(picture)
    else:
        rendered = render_second(SECOND_KINDS[kind], seed)
        path, um_per_px, truth, hidden = (
            rendered.save(folder),
            rendered.kind.um_per_px,
            rendered.truth,
            rendered.hidden,
        )
    out = folder / "traces" / path.stem
    image = dm.read(path, um_per_px=um_per_px)
    dm.analyze(image, dm.load_recipe(recipe), gate=False).save(out, overlay=False)
    return kind, score_picture(truth, hidden, *read_result(out))


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
        jobs_todo = [(kind, first_seed + k) for kind in chosen for k in range(count)]
        measure = partial(measure_one, own=own, recipe=recipe, folder=folder)
        for kind, score in workers.imap(measure, jobs_todo):
            found[kind].append(score)
    rows = [(kind, *(show(pool(scores)) for _, show in COLUMNS)) for kind, scores in found.items()]
    click.echo(table(("picture", *(name for name, _ in COLUMNS)), rows))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tuning")
