"""`densitometry report`: pages a clinician opens, made from the results of a study."""

from __future__ import annotations

from pathlib import Path

import click

from densitometry.cli import console

_PEOPLE_SHOWN = 10
REPORT_SCHEMA = "densitometry.report/1"


@click.command("report")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--participant", "participants", multiple=True, metavar="ID", help="Only this participant.")
@click.option("--redcap", is_flag=True, help="Also write redcap.csv, for import, and its data dictionary.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(out: Path, participants: tuple[str, ...], redcap: bool, as_json: bool) -> None:
    """Write sub-….html for each participant, and group.html, into OUT, the results of `study run`.

    Each is one file that opens from disk and asks for nothing else. They are made from the tables and
    pictures in OUT; nothing is measured again.
    """
    from densitometry.report.page import build_reports, export_redcap
    from densitometry.study.code_lists import AGENTS

    words = {agent.code: agent.english for agent in AGENTS.entries}
    labels = [label.removeprefix("sub-") for label in participants]
    built = build_reports(out, labels, lambda code: words.get(code, code.replace("_", " ")))
    exports = [str(path) for path in export_redcap(out)] if redcap else []
    if as_json:
        console.say_json(
            {
                "schema": REPORT_SCHEMA,
                "out": str(out),
                "group": str(built.group),
                "participants": {label: str(path) for label, path in built.people.items()},
                "exports": exports,
                "notices": list(built.notices),
            }
        )
        return
    for notice in built.notices:
        console.note(notice)
    for path in list(built.people.values())[:_PEOPLE_SHOWN]:
        console.say(str(path))
    if len(built.people) > _PEOPLE_SHOWN:
        console.say(f"... and {len(built.people) - _PEOPLE_SHOWN} more")
    for export in exports:
        console.say(export)
    console.say()
    console.say(f"open {built.group}")
