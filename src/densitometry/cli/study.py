"""`densitometry study`: folders of people, visits and pictures, begun, filled, corrected, checked and run."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console, study_run, study_trial

if TYPE_CHECKING:
    from densitometry.study.changes import Change

_WORDS_SHOWN = 20


@click.group("study")
def command() -> None:
    """Folders of people, visits and pictures: begin, fill, correct, check and run them."""


command.add_command(study_run.command)
for _command in study_trial.COMMANDS:
    command.add_command(_command)


def _study_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("study", type=click.Path(path_type=Path))(function)


def _json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "Print one JSON object instead of lines."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)


def _dry_run_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(function)


def _scale_options(function: Callable[..., Any]) -> Callable[..., Any]:
    edge = click.FloatRange(min=0, min_open=True)
    function = click.option(
        "--scale-error-pct",
        type=click.FloatRange(0, 50),
        metavar="X",
        help="Standard error of the scale [%].",
    )(function)
    return click.option("--um-per-px", type=edge, metavar="X", help="Edge of one pixel on the scalp [µm].")(
        function
    )


def _selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--run", type=click.IntRange(min=1), default=None, metavar="N", help="Only this run."),
        click.option("--site", default="", metavar="LABEL", help="Only this site."),
        click.option("--session", default="", metavar="LABEL", help="Only this visit."),
        click.option("--participant", required=True, metavar="ID", help="Whose pictures."),
    ):
        function = option(function)
    return function


@command.command("init")
@_study_argument
@click.option("--name", metavar="TEXT", help="Name of the study; the folder's name when not given.")
@_scale_options
def init(study: Path, name: str | None, um_per_px: float | None, scale_error_pct: float | None) -> None:
    """Begin a study in the new folder STUDY: its tables with their columns, and nothing else.

    With --um-per-px the scale holds for every trichoscopy picture that does not state its own.
    """
    from densitometry.study.editing import init_study

    if um_per_px is None and scale_error_pct is not None:
        raise click.UsageError("--scale-error-pct is the error of --um-per-px, which is not given")
    change = init_study(
        study, name or study.resolve().name, um_per_px=um_per_px, scale_error_pct=scale_error_pct
    )
    _carry_out(change, study, dry_run=False)
    console.say()
    console.say(
        f"add pictures: densitometry study add {shlex.quote(str(study))} a.jpg --participant 01 "
        "--session w00 --site vertex --date 2026-03-01" + ("" if um_per_px else " --um-per-px 5.5")
    )


@command.command("add")
@_study_argument
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--participant", required=True, metavar="ID", help="Whose pictures; leading zeros are kept.")
@click.option("--session", required=True, metavar="LABEL", help="Which visit, such as w00.")
@click.option("--site", default="", metavar="LABEL", help="Target area on the scalp, such as vertex.")
@click.option(
    "--modality", default="trich", show_default=True, metavar="NAME", help="trich, macro or global."
)
@click.option("--date", default="", metavar="YYYY-MM-DD", help="Date of a new visit.")
@click.option("--day", default="", metavar="N", help="Day of a new visit, where dates are left out.")
@click.option("--planned-week", default="", metavar="N", help="Week of the plan.")
@click.option("--baseline", is_flag=True, help="Mark a new visit as the one the others are compared with.")
@click.option("--diagnosis", default="", metavar="CODE", help="Diagnosis of a new participant.")
@click.option("--sex", default="", metavar="CODE", help="Sex of a new participant: f, m or x.")
@click.option("--age", default="", metavar="YEARS", help="Age of a new participant.")
@click.option("--centre", default="", metavar="TEXT", help="Clinic of a new participant.")
@click.option("--arm", default="", metavar="TEXT", help="Arm of a new participant.")
@_scale_options
@_dry_run_option
def add(study: Path, images: tuple[Path, ...], dry_run: bool, **given: Any) -> None:
    """Copy IMAGES into STUDY as the next runs of one site and visit.

    Sidecars (.json) beside the pictures come along; participant and visit get their rows.
    """
    from densitometry.study.editing import NewPictures, add_pictures

    visit = {name: given[name] for name in ("date", "day", "planned_week")}
    visit["baseline"] = "y" if given["baseline"] else ""
    person = {name: given[name] for name in ("diagnosis", "sex", "age", "centre", "arm")}
    new = NewPictures(
        given["participant"],
        given["session"],
        given["site"],
        given["modality"],
        visit,
        person,
        given["um_per_px"],
        given["scale_error_pct"],
    )
    _carry_out(add_pictures(study, images, new), study, dry_run)


@command.command("move")
@_study_argument
@_selection_options
@click.option("--to-participant", default="", metavar="ID", help="Participant they belong to.")
@click.option("--to-session", default="", metavar="LABEL", help="Visit they belong to.")
@click.option("--to-site", default="", metavar="LABEL", help="Site they show.")
@click.option("--to-run", default="", metavar="N", help="Number of the replicate.")
@_dry_run_option
def move(study: Path, dry_run: bool, **given: Any) -> None:
    """Put pictures under the participant, visit, site or run they truly belong to.

    Their sidecars go with them; rows of whole visits and participants do, too.
    """
    from densitometry.study.moving import move_pictures

    names = {"sub": "to_participant", "ses": "to_session", "site": "to_site", "run": "to_run"}
    target = {key: given[name] for key, name in names.items()}
    _carry_out(move_pictures(study, _selection(given), target), study, dry_run)


@command.command("remove")
@_study_argument
@_selection_options
@click.option("--yes", is_flag=True, help="Do it; without it, only say what would be removed.")
def remove(study: Path, yes: bool, **given: Any) -> None:
    """Take pictures out of STUDY and delete them; of a whole visit or participant, the rows, too."""
    from densitometry.study.moving import remove_pictures

    change = remove_pictures(study, _selection(given))
    _carry_out(change, study, dry_run=not yes)
    if not yes:
        console.say("add --yes to remove them for good")


@command.command("status")
@_study_argument
@_json_option
def status(study: Path, as_json: bool) -> None:
    """Show who is in STUDY (a folder or a manifest), with how many visits and pictures."""
    from densitometry.study import read_study
    from densitometry.study.overview import as_json as entry_json
    from densitometry.study.overview import overview

    found = read_study(study)
    entries = overview(found)
    if as_json:
        tables = {file: form.words() for file, form in found.tables.items()}
        content = {"schema": "densitometry.study-status/1", "study": found.name, "layout": found.layout}
        console.say_json(
            {**content, "tables": tables, "participants": [entry_json(entry) for entry in entries]}
        )
        return
    console.say(
        f"{found.name}: {_count(len(entries), 'participant')}, {_count(len(found.pictures), 'picture')}"
    )
    rows = [
        [
            f"sub-{entry.participant}",
            entry.diagnosis,
            str(entry.sessions),
            str(entry.pictures),
            ",".join(entry.sites) or "–",
            f"ses-{entry.baseline}" if entry.baseline else "–",
            str(entry.errors or "–"),
        ]
        for entry in entries
    ]
    if rows:
        header = ["participant", "diagnosis", "visits", "pictures", "sites", "baseline", "errors"]
        console.say(console.table(rows, header))
    for file, form in found.tables.items():
        console.note(f"{file}: {form.words()}")
    if any(entry.errors for entry in entries):
        console.say(f"see what is wrong: densitometry study check {shlex.quote(str(study))}")


@command.command("check")
@_study_argument
@_json_option
def check(study: Path, as_json: bool) -> None:
    """List everything that is wrong with STUDY (a folder or a manifest) at once; measure nothing."""
    from densitometry.errors import StudyCheckError
    from densitometry.study import check_study
    from densitometry.study.problems import errors_only

    problems = check_study(study)
    errors = errors_only(problems)
    warnings = len(problems) - len(errors)
    if as_json:
        items = [item.as_json() for item in problems]
        counts = {"errors": len(errors), "warnings": warnings}
        console.say_json(
            {"schema": "densitometry.study-check/1", "study": str(study), **counts, "problems": items}
        )
    else:
        for item in problems:
            kind = f"{item.severity}[{item.code}]"
            console.say(f"{item.place}\n  {kind}: {item.what}\n    why: {item.why}\n    fix: {item.fix}")
        if not errors:
            console.say(f"{study} can be run: no errors, {_count(warnings, 'warning')}")
    if errors:
        raise StudyCheckError(
            f"{study} has {_count(len(errors), 'error')} and {_count(warnings, 'warning')}",
            f"the first is in {errors[0].place}: {errors[0].what}",
            errors[0].fix,
        )


def _selection(given: dict[str, Any]) -> Any:
    from densitometry.study.moving import Selection

    return Selection(given["participant"], given["session"], given["site"], given["run"] or 0)


def _carry_out(change: Change, study: Path, dry_run: bool) -> None:
    if not dry_run:
        change.apply()
    for line in change.words[:_WORDS_SHOWN]:
        console.say(f"would {line}" if dry_run else line)
    if len(change.words) > _WORDS_SHOWN:
        console.say(f"and {_count(len(change.words) - _WORDS_SHOWN, 'more step')}")
    console.say(f"{study}: nothing was changed" if dry_run else f"{study}: done")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
