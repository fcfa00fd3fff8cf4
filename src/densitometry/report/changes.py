"""The files of one comparison: change.json and links.csv, as the schema lays them out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry.report.results import OVERLAY_NAME, table_csv
from densitometry.schema import LINKS

CHANGE_NAME = "change.json"
LINKS_NAME = "links.csv"
BASELINE_PICTURE, FOLLOWUP_PICTURE = "baseline.jpg", "followup.jpg"
"""The two pictures without drawing, the later laid on the earlier where it was registered."""

COMPARISON_NAMES = frozenset({CHANGE_NAME, LINKS_NAME, OVERLAY_NAME, BASELINE_PICTURE, FOLLOWUP_PICTURE})
CHANGE_DECIMALS = 6


def write_comparison(folder: Path, record: Mapping[str, Any], links: pd.DataFrame) -> None:
    """Write the tables of one comparison into an existing folder, change.json last."""
    (folder / LINKS_NAME).write_text(table_csv(links, LINKS), encoding="utf-8", newline="\n")
    (folder / CHANGE_NAME).write_text(change_json(record), encoding="utf-8", newline="\n")


def change_json(record: Mapping[str, Any]) -> str:
    """Return change.json, one key a line: numbers to six decimals, null for what cannot be said."""
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in rounded(record).items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def rounded(value: Any) -> Any:
    """Return nested values with every number to six decimals, as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, CHANGE_DECIMALS) + 0.0 if math.isfinite(value) else None
    return value
