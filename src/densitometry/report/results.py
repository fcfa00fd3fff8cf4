"""The files of one measured picture: traces.geojson, hairs.csv, summary.json, as the schema lays them out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry.model import FloatArray
from densitometry.schema import (
    COORDINATE_DECIMALS_PX,
    HAIRS,
    SUMMARY,
    TRACE_PROPERTIES,
    TRACES_SCHEMA,
    Column,
    column_names,
)

TRACES_NAME = "traces.geojson"
HAIRS_NAME = "hairs.csv"
SUMMARY_NAME = "summary.json"
OVERLAY_NAME = "overlay.png"
RESULT_NAMES = frozenset({TRACES_NAME, HAIRS_NAME, SUMMARY_NAME, OVERLAY_NAME})
_FLAG_SEPARATOR = ";"


def write_tables(
    folder: Path,
    hairs: pd.DataFrame,
    lines_px: Sequence[FloatArray],
    summary: Mapping[str, Any],
    um_per_px: float,
) -> None:
    """Write the three tables of one picture into an existing folder.

    Args:
        folder: where to write.
        hairs: one row per hair, columns of `schema.HAIRS`.
        lines_px: one (N, 2) centre line [x, y] in pixels per row of `hairs`, root first.
        summary: what summary.json says, JSON-able.
        um_per_px: scale [µm/px].
    """
    (folder / TRACES_NAME).write_text(
        traces_geojson(hairs, lines_px, um_per_px), encoding="utf-8", newline="\n"
    )
    (folder / HAIRS_NAME).write_text(hairs_csv(hairs), encoding="utf-8", newline="\n")
    (folder / SUMMARY_NAME).write_text(summary_json(summary), encoding="utf-8", newline="\n")


def hairs_csv(hairs: pd.DataFrame) -> str:
    """Return hairs.csv: numbers with the schema's decimals, empty cells for what is not known."""
    return table_csv(hairs, HAIRS)


def table_csv(table: pd.DataFrame, columns: tuple[Column, ...]) -> str:
    """Return a comma-separated table with the schema's decimals, empty cells for what is not known."""
    return _delimited(table, columns, separator=",")


def table_tsv(table: pd.DataFrame, columns: tuple[Column, ...]) -> str:
    """Return a tab-separated table with the schema's decimals, "n/a" for what is not known."""
    return _delimited(table, columns, separator="\t", missing="n/a")


def traces_geojson(hairs: pd.DataFrame, lines_px: Sequence[FloatArray], um_per_px: float) -> str:
    """Return traces.geojson: one LineString per hair in pixel [x, y], root first, one feature a line."""
    features = [
        json.dumps(
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": [_point(point) for point in line]},
                "properties": _properties(row, um_per_px),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for row, line in zip(hairs.to_dict("records"), lines_px, strict=True)
    ]
    head = f'{{"type":"FeatureCollection","schema":"{TRACES_SCHEMA}","features":['
    return head + ("\n" + ",\n".join(features) + "\n" if features else "") + "]}\n"


def summary_json(summary: Mapping[str, Any]) -> str:
    """Return summary.json: keys in the schema's order, its decimals, null for what is not defined."""
    decimals = {column.name: column.decimals for column in SUMMARY}
    ordered = [name for name in column_names(SUMMARY) if name in summary]
    ordered += [name for name in summary if name not in decimals]
    content = {name: _plain(summary[name], decimals.get(name)) for name in ordered}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _properties(row: Mapping[Any, Any], um_per_px: float) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in TRACE_PROPERTIES:
        if column.dtype == "point":
            end = column.name.removesuffix("_px")
            x, y = row[f"{end}_x_um"], row[f"{end}_y_um"]
            values[column.name] = None if pd.isna(x) else _point((x / um_per_px, y / um_per_px))
        elif column.dtype == "list":
            values[column.name] = [flag for flag in row[column.name].split(_FLAG_SEPARATOR) if flag]
        else:
            values[column.name] = _plain(row[column.name], column.decimals)
    return values


def _point(point: Sequence[float] | FloatArray) -> list[float]:
    return [round(float(part), COORDINATE_DECIMALS_PX) + 0.0 for part in point]


def _plain(value: Any, decimals: int | None) -> Any:
    """Return `value` as JSON knows it: no NaN, no numpy, no minus zero, rounded."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part, decimals) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, decimals) for part in value]
    if value is None or value is pd.NA:
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if decimals is None else round(value, decimals) + 0.0
    return value


def _delimited(table: pd.DataFrame, columns: tuple[Column, ...], separator: str, missing: str = "") -> str:
    lines = [separator.join(column_names(columns))]
    lines += [
        separator.join(_cell(row[column.name], column, separator, missing) for column in columns)
        for row in table.to_dict("records")
    ]
    return "\n".join(lines) + "\n"


def _cell(value: Any, column: Column, separator: str, missing: str) -> str:
    plain = _plain(value, column.decimals)
    if plain is None or plain == "":
        return missing
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float) and column.decimals is not None:
        return f"{plain:.{column.decimals}f}"
    text = str(plain).replace("\t", " ").replace("\n", " ")
    return '"' + text.replace('"', '""') + '"' if separator == "," and ("," in text or '"' in text) else text
