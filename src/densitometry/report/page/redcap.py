"""Visits and changes as an import file for REDCap, with the data dictionary that makes its project.

One record a visit and site, so that importing again, after more visits or sites, meets the same records.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from densitometry.report.page.load import Output
from densitometry.schema import Column
from densitometry.schema_study import CHANGES, VISITS

REDCAP_NAME, DICTIONARY_NAME = "redcap.csv", "redcap_dictionary.csv"
RECORD = "record_id"
_FORM = "densitometry"
_LEFT_OUT = frozenset({"reason"})
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "modality": ("trich", "macro"),
    "status": ("measured", "rejected", "failed", "missed"),
    "verdict": ("improved", "stable", "worsened", "undetermined", "refused"),
    "pairing": ("hairs", "none"),
    "registration": ("ok", "refused"),
    "interval_kind": ("patch", "region"),
    "sdc_source": ("prior", "study", "person"),
}
_DICTIONARY = (
    *("Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label"),
    *("Choices, Calculations, OR Slider Labels", "Field Note", "Text Validation Type OR Show Slider Number"),
    *("Text Validation Min", "Text Validation Max", "Identifier?"),
    *("Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment"),
    *("Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?", "Field Annotation"),
)


def fields() -> tuple[Column, ...]:
    """Return the columns that are exported: those of visits.tsv, then those only change.tsv has."""
    visits = {column.name for column in VISITS}
    more = (column for column in CHANGES if column.name not in visits | _LEFT_OUT)
    return (*VISITS, *more)


def records(output: Output) -> str:
    """Return the import file: a line a visit and site, empty where something is not known.

    Choices carry their word as code, yes or no is 1 or 0. Free text is left out.
    """
    key = ("participant", "session", "site", "modality")
    changes = {tuple(row[name] for name in key): row for row in output.changes}
    lines = [[RECORD, *(column.name for column in fields())]]
    for visit in output.visits:
        place = tuple(visit[name] for name in key)
        row = {**changes.get(place, {}), **visit}
        record = f"sub-{place[0]}_ses-{place[1]}_site-{place[2]}_{place[3]}"
        lines.append([record, *(_cell(row.get(column.name)) for column in fields())])
    return _csv(lines)


def dictionary() -> str:
    """Return the data dictionary of a project that takes the import file."""
    lines = [list(_DICTIONARY), _line({"name": RECORD, "label": "participant, visit, site and modality"})]
    for column in fields():
        unit = f" [{column.unit}]" if column.unit else ""
        entry = {"name": column.name, "label": f"{column.meaning}{unit}"}
        if column.name in _CHOICES:
            entry |= {"type": "radio", "choices": " | ".join(f"{w}, {w}" for w in _CHOICES[column.name])}
        elif column.dtype == "bool":
            entry["type"] = "truefalse"
        elif column.dtype != "str":
            entry["validation"] = "integer" if column.dtype.casefold() == "int64" else "number"
        lines.append(_line(entry))
    return _csv(lines)


def _line(entry: Mapping[str, str]) -> list[str]:
    cells = dict.fromkeys(_DICTIONARY, "")
    cells[_DICTIONARY[0]] = entry["name"]
    cells[_DICTIONARY[1]] = _FORM
    cells["Field Type"] = entry.get("type", "text")
    cells["Field Label"] = entry["label"]
    cells["Choices, Calculations, OR Slider Labels"] = entry.get("choices", "")
    cells["Text Validation Type OR Show Slider Number"] = entry.get("validation", "")
    return list(cells.values())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _csv(lines: list[list[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()
