"""Write docs/reference/ from the definitions in the code; with --check, only say whether it is current."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from densitometry import errors, schema, schema_study
from densitometry.cli.app import COMMANDS, application
from densitometry.recipe import STAGES, key_range, load_recipe, shipped_recipes
from densitometry.report.page import fhir_codes

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Made from the code by `make docs`; edit the definitions, not this page. -->\n\n"
HELP_WIDTH = 100


def main() -> int:
    """Write the pages, or with --check name those that are not current."""
    stale = []
    for name, text in pages().items():
        path = REFERENCE / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            REFERENCE.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"not current: {', '.join(stale)}\n" if stale else "all pages are current\n")
    return 1 if stale and "--check" in sys.argv else 0


def pages() -> dict[str, str]:
    """Return file name → text of every generated page."""
    return {
        "commands.md": commands(),
        "outputs.md": outputs(),
        "recipes.md": recipes(),
        "errors.md": error_codes(),
        "fhir.md": fhir(),
    }


def recipes() -> str:
    """Return the page of recipe keys."""
    lines = ["# Recipes", "", "Lengths are µm on the scalp. A recipe names only the keys it changes.", ""]
    lines += ["| recipe | digest |", "|---|---|"]
    lines += [f"| `{name}` | `{load_recipe(name).digest[:12]}` |" for name in shipped_recipes()]
    for stage, kind in STAGES.items():
        lines += [
            "",
            f"## [{stage}]",
            "",
            (kind.__doc__ or "").strip(),
            "",
            "| key | value | accepted | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{item.name}` | `{_value(item.default)}` | {key_range(item)} | {item.metadata['doc']} |"
            for item in dataclasses.fields(kind)
        ]
    return NOTICE + "\n".join(lines) + "\n"


def outputs() -> str:
    """Return the data dictionary."""
    lines = ["# Outputs", ""]
    tables = (
        ("traces.geojson: properties of a LineString", schema.TRACE_PROPERTIES),
        ("hairs.csv", schema.HAIRS),
        ("summary.json", schema.SUMMARY),
        ("images.tsv", schema.IMAGES),
        ("change.json", schema.CHANGE),
        ("links.csv", schema.LINKS),
        ("A study: images.tsv", schema_study.STUDY_IMAGES[: -len(schema.IMAGES)]),
        ("A study: hairs.parquet or hairs.csv", schema_study.STUDY_HAIRS[: -len(schema.HAIRS)]),
        ("A study: visits.tsv", schema_study.VISITS),
        ("A study: change.tsv", schema_study.CHANGES),
        ("A study: growth.tsv, and growth in change.json with --days", schema_study.GROWTH),
        ("A study: cycles.tsv", schema_study.CYCLES),
        ("A study: repeatability.tsv", schema_study.REPEATABILITY),
        ("A study: data_dictionary.tsv", schema_study.DICTIONARY),
        ("A study: participants.tsv in the results", schema_study.PEOPLE),
        ("A study: sessions.tsv in the results", schema_study.SESSIONS),
        ("A study: treatments.tsv in the results", schema_study.COURSES),
    )
    for title, table in tables:
        lines += [f"## {title}", "", "| name | type | unit | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{column.name}` | {_dtype(column)} | {column.unit} | {column.meaning} |" for column in table
        ]
        if table in (
            schema_study.STUDY_IMAGES[: -len(schema.IMAGES)],
            schema_study.STUDY_HAIRS[: -len(schema.HAIRS)],
        ):
            lines += ["", f"and the columns of {title.removeprefix('A study: ')} above."]
        lines.append("")
    lines += ["## Flags", "", "| flag | meaning |", "|---|---|"]
    lines += [f"| `{flag}` | {meaning} |" for flag, meaning in schema.FLAGS.items()]
    lines += ["", "## Status of a picture", "", "| status | meaning |", "|---|---|"]
    lines += [f"| `{status}` | {meaning} |" for status, meaning in schema.STATUSES.items()]
    return NOTICE + "\n".join(lines) + "\n"


def commands() -> str:
    """Return the page of commands: what --help says."""
    lines = ["# Commands", ""]
    context = click.Context(application, info_name="densitometry", terminal_width=HELP_WIDTH)
    for name in sorted(COMMANDS):
        command = application.get_command(context, name)
        if command is not None:
            lines += _help(command, context, name, level=2)
    return NOTICE + "\n".join(lines) + "\n"


def fhir() -> str:
    """Return the page of the code system of the FHIR export."""
    lines = [
        "# FHIR",
        "",
        "`densitometry report OUT --fhir` writes `observations.ndjson`, one FHIR R4B Observation a line,",
        "and `fhir_codesystem.json`, the CodeSystem they use.",
        "",
        f"System: `{fhir_codes.SYSTEM}`, version {fhir_codes.VERSION}. It names no server.",
        "A code never changes its meaning. Units are UCUM.",
        "",
    ]
    titles = {
        "Measures of a visit": fhir_codes.MEASURES.values(),
        "Changes since the baseline": fhir_codes.CHANGES.values(),
        "Components": fhir_codes.PARTS,
        "Findings": fhir_codes.FINDINGS,
    }
    for title, codes in titles.items():
        lines += [f"## {title}", "", "| code | display | UCUM | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{item.code}` | {item.display} | {f'`{item.ucum}`' if item.ucum else ''} | "
            f"{item.definition} |"
            for item in codes
        ]
        lines.append("")
    return NOTICE + "\n".join(lines)


def error_codes() -> str:
    """Return the page of error codes."""
    lines = ["# Errors", "", "| code | exit code | meaning |", "|---|---|---|"]
    lines.append("| `E001` | 1 | A bug in the program. |")
    kinds = sorted(errors.DensitometryError.__subclasses__(), key=lambda kind: kind.code)
    lines += [f"| `{kind.code}` | {kind.exit_status} | {(kind.__doc__ or '').strip()} |" for kind in kinds]
    return NOTICE + "\n".join(lines) + "\n"


def _help(command: click.Command, parent: click.Context, name: str, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=HELP_WIDTH)
    lines = ["#" * level + f" {context.command_path}", "", "```text", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for child in sorted(command.commands):
            lines += _help(command.commands[child], context, child, level + 1)
    return lines


def _dtype(column: schema.Column) -> str:
    return f"{column.dtype} or empty" if column.nullable else column.dtype


def _value(value: object) -> str:
    return (
        "[" + ", ".join(map(repr, value)) + "]" if isinstance(value, tuple) else repr(value).replace("'", '"')
    )


if __name__ == "__main__":
    sys.exit(main())
