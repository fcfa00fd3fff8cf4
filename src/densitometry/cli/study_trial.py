"""`densitometry study lock|cut|verify|blind|unblind`: what holds a trial fast, and what hides who is who."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from densitometry.cli import console
from densitometry.cli.exits import EXIT_OK
from densitometry.cli.options import recipe_options

_FINDINGS_SHOWN = 40
_DIGEST_SHOWN = 12


def _study_argument(function: Any) -> Any:
    return click.argument("study", type=click.Path(path_type=Path))(function)


def _reason_option(function: Any) -> Any:
    text = "Why what was held is replaced; recorded."
    return click.option("--reason", default="", metavar="TEXT", help=text)(function)


def _json_option(function: Any) -> Any:
    text = "Print one JSON object instead of lines."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)


@click.command("lock")
@_study_argument
@recipe_options
@_reason_option
def lock(study: Path, recipe_name: str, overrides: tuple[str, ...], reason: str) -> int:
    """Fix the recipe and the version that may measure STUDY; `study run` then refuses others."""
    from densitometry.recipe import load_recipe
    from densitometry.study import read_study
    from densitometry.study.trial import audit_folder, lock_study

    found = read_study(study)
    held = lock_study(found, load_recipe(recipe_name, overrides), reason)
    console.say(
        f"{found.name} is locked to recipe {held['recipe']} {held['recipe_digest'][:_DIGEST_SHOWN]} "
        f"and version {held['version']}"
    )
    console.say(f"recorded in {audit_folder(found)}")
    return EXIT_OK


@click.command("cut")
@_study_argument
@click.option(
    "--through",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Last day of the visits that are frozen.",
)
@_reason_option
def cut(study: Path, through: datetime, reason: str) -> int:
    """Freeze pictures, sidecars and rows of all visits of STUDY up to a day, by their hashes."""
    from densitometry.study import read_study
    from densitometry.study.trial import cut_study

    found = read_study(study)
    day: date = through.date()
    prints = cut_study(found, day, reason)
    files = sum(item.place == "study" for item in prints)
    console.say(f"{found.name}: {files} files and {len(prints) - files} rows through {day} are frozen")
    console.say(f"see whether they still are: densitometry study verify {study}")
    return EXIT_OK


@click.command("verify")
@_study_argument
@click.argument("out", required=False, type=click.Path(path_type=Path), metavar="[OUT]")
@_json_option
def verify(study: Path, out: Path | None, as_json: bool) -> int:
    """Hash the files, results and logs of STUDY and its results OUT again; name what was altered."""
    from densitometry.errors import StudyAlteredError
    from densitometry.study import read_study
    from densitometry.study.record import verify as verify_study

    found = verify_study(read_study(study), out)
    if as_json:
        items = [{"place": item.place, "what": item.what} for item in found.findings]
        head = {"schema": "densitometry.study-verify/1", "study": str(study), "files": found.files}
        console.say_json({**head, "lines": found.lines, "findings": items})
    else:
        for item in found.findings[:_FINDINGS_SHOWN]:
            console.say(f"{item.place}: {item.what}")
        if len(found.findings) > _FINDINGS_SHOWN:
            console.say(f"and {len(found.findings) - _FINDINGS_SHOWN} more (see them with --json)")
    if found.findings:
        first = found.findings[0]
        raise StudyAlteredError(
            f"{len(found.findings)} things are not as they were recorded, the first: {first.place}",
            first.what,
            "put them back from a copy; or, if they are right, run again and give the --reason",
        )
    if not as_json:
        console.say(f"{found.files} files and rows and {found.lines} lines of log are as they were recorded")
    return EXIT_OK


@click.command("blind")
@_study_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the key is written; OUT.key.json when not given. It must not travel with OUT.",
)
def blind(study: Path, out: Path, key: Path | None) -> int:
    """Copy the pictures of STUDY to OUT under random codes: no participant, visit or arm can be told."""
    import secrets

    import numpy as np

    from densitometry.study import problems_of, read_study
    from densitometry.study.blinding import blind_study

    found = read_study(study)
    place = key or out.with_name(f"{out.name}.key.json")
    made = blind_study(found, problems_of(found), out, place, np.random.default_rng(secrets.randbits(128)))
    for name, why in made.left_out:
        console.note(f"left out: {name}: {why}")
    for words in made.betrayed:
        console.note(f"warning: {words}")
    console.say(f"{made.pictures} pictures under random codes in {out}")
    console.say(f"the key is {place}: keep it where nobody who sees {out} can read it")
    console.say(f"measure them: densitometry study run {out / 'pictures.csv'} RESULTS")
    return EXIT_OK


@click.command("unblind")
@_study_argument
@click.argument("blinded", type=click.Path(path_type=Path), metavar="RESULTS")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The key of the copy."
)
def unblind(study: Path, blinded: Path, out: Path, key: Path) -> int:
    """Put RESULTS of a blinded copy back under the participants and visits of STUDY, and follow them."""
    from densitometry.study import problems_of, read_study
    from densitometry.study.unblinding import unblind_results

    found = read_study(study)
    plan, tables = unblind_results(found, problems_of(found), blinded, key, out)
    console.say(f"{found.name}: {len(plan.done)} pictures put back, {len(tables.changes)} visits followed")
    console.say(f"open {out / 'change.tsv'}, {out / 'visits.tsv'}")
    return EXIT_OK


COMMANDS = (lock, cut, verify, blind, unblind)
