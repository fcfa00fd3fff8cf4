"""Options that several commands share: the scale, the recipe, how many processes, how much is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_Command = Callable[..., Any]


def scale_options(command: _Command) -> _Command:
    """Add the ways to say the scale; exactly one is needed."""
    for option in reversed(
        (
            click.option("--um-per-px", type=float, metavar="X", help="Edge of one pixel on the scalp [µm]."),
            click.option(
                "--field-width-mm",
                type=float,
                metavar="X",
                help="Width of the whole picture on the scalp [mm].",
            ),
            click.option(
                "--device", metavar="FILE.toml", help="Device profile with the scale and its error."
            ),
            click.option(
                "--scale-from",
                type=click.Choice(["sidecar"]),
                help="Read the scale from the .json beside each picture.",
            ),
            click.option(
                "--scale-error-pct",
                type=float,
                metavar="X",
                help="Standard error of the scale, where known [%].",
            ),
        )
    ):
        command = option(command)
    return command


def recipe_options(command: _Command) -> _Command:
    """Add the recipe and its overrides."""
    for option in reversed(
        (
            click.option(
                "--recipe",
                "recipe_name",
                default="trichoscopy",
                metavar="NAME|FILE",
                show_default=True,
                help="How to measure; see `densitometry recipe list`.",
            ),
            click.option(
                "--set",
                "overrides",
                multiple=True,
                metavar="STAGE.KEY=VALUE",
                help="Change one key of the recipe; may be repeated.",
            ),
        )
    ):
        command = option(command)
    return command


def talk_options(command: _Command) -> _Command:
    """Add --json, -v and -q."""
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table."),
            click.option("-v", "--verbose", is_flag=True, help="Say more on stderr."),
            click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors."),
        )
    ):
        command = option(command)
    return command


def jobs_option(command: _Command) -> _Command:
    """Add --jobs."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Number of processes.",
    )(command)


def overlay_option(command: _Command) -> _Command:
    """Add --no-overlay."""
    text = "Leave the pictures out of the results."
    return click.option("--no-overlay", is_flag=True, help=text)(command)


def scale_arguments(
    um_per_px: float | None,
    field_width_mm: float | None,
    device: str | None,
    scale_from: str | None,
    scale_error_pct: float | None,
) -> dict[str, Any]:
    """Return the keyword arguments of `read` that were given."""
    given = {
        "um_per_px": um_per_px,
        "field_width_mm": field_width_mm,
        "device": device,
        "scale_from": scale_from,
        "scale_error_pct": scale_error_pct,
    }
    return {name: value for name, value in given.items() if value is not None}


def out_option(help_text: str) -> Callable[[_Command], _Command]:
    """Return the --out option."""
    return click.option(
        "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help=help_text
    )
