"""`densitometry compare`: two visits of one spot in, what changed out, hair by hair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console
from densitometry.cli.exits import EXIT_GATE, EXIT_OK, EXIT_SOME_FAILED
from densitometry.cli.options import (
    out_option,
    overlay_option,
    recipe_options,
    scale_arguments,
    scale_options,
    talk_options,
)

if TYPE_CHECKING:
    from densitometry.analysis import Analysis
    from densitometry.comparison import VisitChange
    from densitometry.errors import DensitometryError
    from densitometry.recipe import Recipe

PERCENT = 100
_VISIT_OPTIONS = ("--baseline", "--followup")
_FIGURES = (
    ("density_change_pct", "hairs", "%"),
    ("terminal_density_change_pct", "terminal hairs", "%"),
    ("cumulative_thickness_change_pct", "cumulative thickness", "%"),
    ("mean_diameter_change_um", "mean shaft", "µm"),
    ("vellus_fraction_change", "share of vellus hairs", ""),
)


class SeveralPictures(click.Command):
    """Lets one --baseline or --followup be followed by several pictures."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its pictures, then parse as ever."""
        spread: list[str] = []
        current, waiting = "", False
        for number, word in enumerate(args):
            if word == "--":
                spread += [*([current] if waiting else []), *args[number:]]
                current, waiting = "", False
                break
            if word.startswith("-") and word != "-":
                spread += [current] if waiting else []
                waiting = word in _VISIT_OPTIONS
                current = word if waiting else ""
                spread += [] if waiting else [word]
            elif current:
                spread += [current, word]
                waiting = False
            else:
                spread.append(word)
        return super().parse_args(ctx, [*spread, *([current] if waiting else [])])


@click.command("compare", cls=SeveralPictures)
@click.argument(
    "pictures",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[BASELINE FOLLOWUP]",
)
@out_option("Folder of the comparison; made if it is not there, replaced if it holds an earlier one.")
@click.option(
    "--baseline",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="IMG...",
    help="Pictures of the earlier visit, where there are several.",
)
@click.option(
    "--followup",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="IMG...",
    help="Pictures of the later visit.",
)
@scale_options
@click.option(
    "--followup-um-per-px",
    type=float,
    metavar="X",
    help="Edge of one pixel at the later visit, where it is another [µm].",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Days between two pictures of one clipped spot: tells growing from resting hairs.",
)
@recipe_options
@overlay_option
@talk_options
def command(
    pictures: tuple[Path, ...],
    out: Path,
    baseline: tuple[Path, ...],
    followup: tuple[Path, ...],
    followup_um_per_px: float | None,
    days: float | None,
    recipe_name: str,
    overrides: tuple[str, ...],
    no_overlay: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **scale: Any,
) -> int:
    """Compare two visits of one spot: which hairs stayed, came and went, and whether that is more than noise.

    BASELINE and FOLLOWUP are one picture each; with several pictures a visit, name them after --baseline
    and --followup. The scale must be said in exactly one way.
    """
    from densitometry.comparison import check_target, compare, picture_names
    from densitometry.inputs import check_names, check_scale
    from densitometry.recipe import load_recipe

    visits = _visits(pictures, baseline, followup)
    check_names([*visits[0], *visits[1]])
    recipe = load_recipe(recipe_name, overrides)
    arguments = scale_arguments(**scale)
    later = dict(arguments)
    if followup_um_per_px is not None:
        later = {"um_per_px": followup_um_per_px}
        later |= {name: arguments[name] for name in ("scale_error_pct",) if name in arguments}
    for files, said in zip(visits, (arguments, later), strict=True):
        check_scale(said, files, recipe.capture)
    picture_names([path.stem for path in visits[0]], [path.stem for path in visits[1]])
    check_target(out)
    tell = None if quiet or not verbose else console.note
    failed: list[tuple[Path, DensitometryError]] = []
    analyses = [
        _analyzed(files, said, recipe, failed, tell)
        for files, said in zip(visits, (arguments, later), strict=True)
    ]
    change = compare(analyses[0], analyses[1], days=days)
    change.save(out, overlay=not no_overlay)
    _show(out, change, failed, as_json=as_json, overlay=not no_overlay)
    return _exit_code(analyses, failed)


def _visits(
    pictures: tuple[Path, ...], baseline: tuple[Path, ...], followup: tuple[Path, ...]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    if pictures and (baseline or followup):
        raise click.UsageError("give BASELINE FOLLOWUP, or --baseline and --followup, not both")
    if not (baseline or followup):
        if len(pictures) != len(_VISIT_OPTIONS):
            raise click.UsageError(
                "give two pictures, BASELINE FOLLOWUP, or --baseline IMG... --followup IMG..."
            )
        return pictures[:1], pictures[1:]
    if not (baseline and followup):
        raise click.UsageError(f"{'--followup' if baseline else '--baseline'} is missing")
    return baseline, followup


def _analyzed(
    files: Sequence[Path],
    scale: dict[str, Any],
    recipe: Recipe,
    failed: list[tuple[Path, DensitometryError]],
    tell: Any,
) -> list[Analysis]:
    """Analyze the pictures of a visit; one that cannot be read is left out where the visit has others.

    Raises:
        DensitometryError: what is wrong with the first, where none can be read.
    """
    from densitometry.analysis import analyze
    from densitometry.capture import read
    from densitometry.errors import DensitometryError

    done, refusals = [], []
    for path in files:
        try:
            image = read(path, **scale, settings=recipe.capture, quality_settings=recipe.quality)
            done.append(analyze(image, recipe))
        except DensitometryError as error:
            refusals.append((path, error))
            continue
        if tell is not None:
            quality = done[-1].summary["quality"]
            tell("; ".join([f"{path}: {quality['verdict']}", *quality["reasons"]]))
    if not done:
        raise refusals[0][1]
    failed += refusals
    return done


def _exit_code(analyses: Sequence[Sequence[Analysis]], failed: Sequence[object]) -> int:
    from densitometry.comparison import is_measured

    measured = [is_measured(analysis) for visit in analyses for analysis in visit]
    if not any(measured):
        return EXIT_GATE
    return EXIT_OK if all(measured) and not failed else EXIT_SOME_FAILED


def _show(
    out: Path,
    change: VisitChange,
    failed: Sequence[tuple[Path, DensitometryError]],
    *,
    as_json: bool,
    overlay: bool,
) -> None:
    for _, error in failed:
        console.show_refusal(error)
    record = change.record
    if as_json:
        refused = [
            {"picture": path.stem, "code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
            for path, error in failed
        ]
        console.say_json({**record, "out": str(out), "failed": refused})
        return
    console.say(f"{change.verdict}: {change.reason}")
    rows = [row for row in (_row(record, *figure) for figure in _FIGURES) if row is not None]
    if rows:
        hairs = record["hairs"]
        said = ", ".join(f"{hairs[fate]} {fate}" for fate in ("matched", "gained", "lost", "uncertain"))
        console.say(
            f"hairs of the same skin: {said}"
            if record["pairing"] == "hairs"
            else "not the same skin: two fields of one site compared"
        )
        console.say()
        console.say(console.table(rows, ("change of", "", "95 % interval", "smallest detectable")))
    if record["growth"] is not None:
        console.say()
        console.say(_growth_sentence(record["growth"]))
    console.say()
    console.say(f"open {out / 'overlay.png'}" if overlay else f"see {out / 'change.json'}")


def _growth_sentence(growth: dict[str, Any]) -> str:
    if growth["resting_fraction"] is None:
        return f"growth: not known: {growth['growth_reason']}."
    share, low, high = (PERCENT * growth[f"resting_{part}"] for part in ("fraction", "low", "high"))
    return (
        f"growth: {share:.0f} % of {growth['n_hairs']} hairs rest (95 % interval {low:.0f}–{high:.0f} %), "
        f"the others grew {growth['rate_mm_per_day']:.2f} mm a day."
    )


def _row(record: dict[str, Any], name: str, label: str, unit: str) -> tuple[str, ...] | None:
    figure = record[name]
    if figure is None or figure["value"] is None:
        return None
    form = "+.3f" if not unit else "+.1f"
    low, high, sdc = (figure[part] for part in ("region_low", "region_high", "sdc"))
    interval = "-" if low is None or high is None else f"{low:{form}} to {high:{form}}"
    return (
        label,
        f"{figure['value']:{form}} {unit}".rstrip(),
        interval,
        "-" if sdc is None else f"{sdc:{form[1:]}}",
    )
