"""`densitometry report`: pages a clinician opens, made from the results of a study."""

from __future__ import annotations

from pathlib import Path

import click

from densitometry.cli import console

_PEOPLE_SHOWN = 10
REPORT_SCHEMA = "densitometry.report/1"


def _show_english(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from densitometry.report.page.texts import english

        console.say(english().rstrip("\n"))
        context.exit()


@click.command("report")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--participant", "participants", multiple=True, metavar="ID", help="Only this participant.")
@click.option("--pdf", is_flag=True, help="Also write each page as PDF; needs the extra [pdf].")
@click.option("--fhir", is_flag=True, help="Also write FHIR R4B observations and their code system.")
@click.option("--redcap", is_flag=True, help="Also write redcap.csv, for import, and its data dictionary.")
@click.option(
    "--texts",
    "texts_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Catalogue of texts in another language.",
)
@click.option(
    "--english-texts",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_english,
    help="Print the English catalogue, to translate, and stop.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(
    out: Path,
    participants: tuple[str, ...],
    pdf: bool,
    fhir: bool,
    redcap: bool,
    texts_file: Path | None,
    as_json: bool,
) -> None:
    """Write sub-….html for each participant, and group.html, into OUT, the results of `study run`.

    Each is one file that opens from disk and asks for nothing else. They are made from the tables and
    pictures in OUT; nothing is measured again.
    """
    from densitometry.report.page import build_reports, export_fhir, export_redcap
    from densitometry.report.page.texts import read_texts
    from densitometry.study.code_lists import AGENTS

    words = {agent.code: agent.english for agent in AGENTS.entries}
    labels = [label.removeprefix("sub-") for label in participants]
    texts = None if texts_file is None else read_texts(texts_file)
    built = build_reports(out, labels, lambda code: words.get(code, code.replace("_", " ")), texts, pdf=pdf)
    wanted = ((redcap, export_redcap), (fhir, export_fhir))
    exports = [str(path) for chosen, export in wanted if chosen for path in export(out, texts)]
    if as_json:
        console.say_json(
            {
                "schema": REPORT_SCHEMA,
                "out": str(out),
                "group": str(built.group),
                "participants": {label: str(path) for label, path in built.people.items()},
                "pdfs": [str(path) for path in built.pdfs],
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
    for export in (*map(str, built.pdfs[:_PEOPLE_SHOWN]), *exports):
        console.say(export)
    console.say()
    console.say(f"open {built.group}")
