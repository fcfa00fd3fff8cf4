"""`densitometry simulate`: phantoms with exact truth, for trying the program and for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from densitometry.cli import console

RANDOM_PRESET = "random"


@click.command("simulate")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--preset",
    default="clipped",
    show_default=True,
    metavar="NAME",
    help="Kind of scalp; `random` draws one anew for each picture.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many pictures.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the first picture; the next take the next seeds.",
)
@click.option(
    "--um-per-px",
    type=click.FloatRange(min=1, max=50),
    metavar="X",
    help="Scale [µm]; the preset's own when not given.",
)
@click.option(
    "--size-px",
    type=click.IntRange(min=64, max=20_000),
    nargs=2,
    metavar="W H",
    help="Size of the pictures [px].",
)
@click.option("--jpeg", is_flag=True, help="Write JPEG in place of PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(
    out: Path,
    preset: str,
    count: int,
    seed: int,
    um_per_px: float | None,
    size_px: tuple[int, int] | None,
    jpeg: bool,
    as_json: bool,
) -> None:
    """Draw simulated pictures into OUT, each with its exact truth beside it as NAME.json.

    The truth names every hair with its line, root, tip, diameter and follicular unit; it serves as the
    scale's sidecar, too.
    """
    import numpy as np

    from densitometry import simulate

    if preset not in (*simulate.PRESETS, RANDOM_PRESET):
        known = ", ".join((*simulate.PRESETS, RANDOM_PRESET))
        message = f"there is no {preset!r}; there are {known}"
        raise click.BadParameter(message, param_hint="--preset")
    written = []
    for number in range(seed, seed + count):
        rng = np.random.default_rng(number)
        settings = simulate.random_settings(rng) if preset == RANDOM_PRESET else simulate.preset(preset)
        scale = um_per_px or settings.um_per_px
        size = size_px or _scaled(settings.size_px, settings.um_per_px / scale)
        settings = dataclasses.replace(settings, size_px=size, um_per_px=scale)
        phantom = simulate.render_scene(simulate.grow_scene(settings, rng), rng=rng)
        path = simulate.write_phantom(out, f"{preset}-{number:04d}", phantom, ".jpg" if jpeg else ".png")
        written.append(
            {"picture": str(path), "seed": number, "um_per_px": scale, "hairs": len(phantom.hairs)}
        )
        if not as_json:
            console.say(f"{path}  {len(phantom.hairs)} hairs, {scale:g} µm/px, truth in {path.stem}.json")
    if as_json:
        console.say_json({"schema": "densitometry.simulate/1", "images": written})
    else:
        console.say()
        console.say(f"measure them: densitometry analyze {out} --scale-from sidecar --out {out}-results")


def _scaled(size_px: tuple[int, int], factor: float) -> tuple[int, int]:
    return round(size_px[0] * factor), round(size_px[1] * factor)
