"""`densitometry simulate`: phantoms with exact truth, one by one or as a study of visits."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console

if TYPE_CHECKING:
    from densitometry.simulate import SceneSettings

RANDOM_PRESET = "random"
STUDY_SIZE_PX, STUDY_UM_PER_PX = (640, 512), 8.0
PERCENT = 100
_REPEATABLE = {"sites": "site", "agents": "agent"}


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
@click.option(
    "--visits",
    type=click.IntRange(min=1, max=50),
    metavar="N",
    help="Draw a study: the same people seen N times. The options below go with it.",
)
@click.option("--people", type=click.IntRange(1, 99), metavar="N", help="How many people; 2 if not given.")
@click.option(
    "--site", "sites", multiple=True, metavar="LABEL", help="A spot of each; vertex if not given. Repeatable."
)
@click.option(
    "--replicates", type=click.IntRange(1, 20), metavar="N", help="Pictures a visit; 2 if not given."
)
@click.option("--weeks", type=click.IntRange(1, 520), metavar="N", help="Between visits; 12 if not given.")
@click.option(
    "--turnover-pct",
    type=click.FloatRange(0, 50),
    metavar="X",
    help="Hairs that fall, and that come back, between visits; 8 if not given.",
)
@click.option(
    "--gain-pct",
    type=click.FloatRange(-90, 25),
    metavar="X",
    help="Change of the number of hairs of treated people by the last visit.",
)
@click.option(
    "--thickening-pct",
    type=click.FloatRange(-50, 100),
    metavar="X",
    help="Change of every diameter of treated people by the last visit.",
)
@click.option(
    "--agent",
    "agents",
    multiple=True,
    metavar="CODE",
    help="What treated people are given; minoxidil_topical if not given. Repeatable.",
)
@click.option(
    "--last-um-per-px",
    type=click.FloatRange(min=1, max=50),
    metavar="X",
    help="Scale of another device at the last visit [µm].",
)
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
    visits: int | None,
    **given: Any,
) -> None:
    """Draw simulated pictures into OUT, each with its exact truth beside it as NAME.json.

    The truth names every hair with its line, root, tip, diameter and follicular unit; it serves as the
    scale's sidecar, too. With --visits, OUT becomes a study folder of people, sites and visits, and each
    hair of the truth carries the number of its follicle, which stays the same from visit to visit.
    """
    from densitometry import simulate

    if preset not in (*simulate.PRESETS, RANDOM_PRESET):
        known = ", ".join((*simulate.PRESETS, RANDOM_PRESET))
        message = f"there is no {preset!r}; there are {known}"
        raise click.BadParameter(message, param_hint="--preset")
    if visits is None:
        for name, value in given.items():
            if value not in (None, ()):
                message = f"--{_REPEATABLE.get(name, name).replace('_', '-')}"
                raise click.UsageError(f"{message} goes with --visits, which is not given")
        _single_pictures(out, preset, range(seed, seed + count), um_per_px, size_px, jpeg, as_json)
        return
    if count != 1:
        raise click.UsageError("--count is for single pictures, which --visits does not draw")
    scene = _scene(preset, seed, um_per_px or STUDY_UM_PER_PX, size_px or STUDY_SIZE_PX)
    _study(out, scene, visits, seed, ".jpg" if jpeg else ".png", as_json, given)


def _single_pictures(
    out: Path,
    preset: str,
    seeds: range,
    um_per_px: float | None,
    size_px: tuple[int, int] | None,
    jpeg: bool,
    as_json: bool,
) -> None:
    import numpy as np

    from densitometry import simulate

    written = []
    for number in seeds:
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
        quoted, results = shlex.quote(str(out)), shlex.quote(_beside(out))
        console.say()
        console.say(f"measure them: densitometry analyze {quoted} --scale-from sidecar --out {results}")


def _scene(preset: str, seed: int, um_per_px: float, size_px: tuple[int, int]) -> SceneSettings:
    import numpy as np

    from densitometry import simulate

    if preset == RANDOM_PRESET:
        settings = simulate.random_settings(np.random.default_rng(seed))
    else:
        settings = simulate.preset(preset)
    return dataclasses.replace(settings, size_px=size_px, um_per_px=um_per_px)


def _study(
    out: Path,
    scene: SceneSettings,
    visits: int,
    seed: int,
    suffix: str,
    as_json: bool,
    given: dict[str, Any],
) -> None:
    from densitometry.simulate.series import SeriesSettings
    from densitometry.simulate.studies import StudyPlan, write_study
    from densitometry.study.cells import label
    from densitometry.study.code_lists import AGENTS

    series: dict[str, Any] = {"scene": scene, "visits": visits, "last_um_per_px": given["last_um_per_px"]}
    if given["replicates"]:
        series["replicates"] = given["replicates"]
    if given["turnover_pct"] is not None:
        series["turnover"] = given["turnover_pct"] / PERCENT
    series["gain"] = (given["gain_pct"] or 0.0) / PERCENT
    series["thickening"] = 1 + (given["thickening_pct"] or 0.0) / PERCENT
    plan: dict[str, Any] = {name: given[name] for name in ("people", "weeks") if given[name]}
    if given["sites"]:
        plan["sites"] = tuple(dict.fromkeys(label(site) for site in given["sites"]))
    if given["agents"]:
        codes = [AGENTS.resolve(agent).code for agent in given["agents"]]
        plan["agents"] = tuple(dict.fromkeys(codes))
    written = write_study(out, StudyPlan(SeriesSettings(**series), suffix=suffix, **plan), seed)
    if as_json:
        images = [dataclasses.asdict(picture) for picture in written]
        console.say_json({"schema": "densitometry.simulate-study/1", "study": str(out), "images": images})
        return
    people = len({picture.participant for picture in written})
    console.say(
        f"{out}: {people} {'person' if people == 1 else 'people'}, {visits} "
        f"{'visit' if visits == 1 else 'visits'}, {len(written)} pictures, "
        "truth beside each and in derivatives/truth"
    )
    console.say()
    console.say(f"measure it: densitometry study run {shlex.quote(str(out))} {shlex.quote(_beside(out))}")


def _beside(out: Path) -> str:
    return "results" if out == Path() else f"{out}-results"


def _scaled(size_px: tuple[int, int], factor: float) -> tuple[int, int]:
    return round(size_px[0] * factor), round(size_px[1] * factor)
