"""An analysis read back from the folder it was saved in: whole, with its picture, or what following needs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densitometry import follow
from densitometry.analysis import Analysis
from densitometry.capture import read
from densitometry.errors import OutputError
from densitometry.model import BoolArray, FloatArray, Quality, ScaledImage
from densitometry.recipe import Recipe
from densitometry.report import results
from densitometry.report.folders import move_away
from densitometry.schema import HAIRS, dtypes
from densitometry.units import PixelSize

FIELD_KEY = "field"
_ONE_CELL = np.ones((1, 1), np.bool_)


def load_analysis(folder: Path, picture: Path, scale: Mapping[str, Any], recipe: Recipe) -> Analysis:
    """Return what was saved about a picture, as numbers of the saved decimals.

    Args:
        folder: of the picture's results.
        picture: the file they are of.
        scale: keyword arguments of `read` that say its scale.
        recipe: that measured it.

    Raises:
        OutputError: the results cannot be read.
        UnreadableImageError, ScaleError: the picture cannot.
    """
    image = read(picture, **scale, settings=recipe.capture, quality_settings=recipe.quality)
    hairs, lines, summary = _saved(folder)
    return Analysis(image, recipe, hairs, lines, tuple(np.full(len(line), np.nan) for line in lines), summary)


def with_field(analysis: Analysis) -> Analysis:
    """Return the analysis with its coarse field in the summary: `load_patch` then needs no picture."""
    seen = follow.Field.from_pixels(analysis.image.valid, analysis.image.pixel_size.um_per_px)
    rows, columns = seen.mask.shape
    field = {"rows": rows, "columns": columns, "runs": _runs_of(seen.mask)}
    return dataclasses.replace(analysis, summary={**analysis.summary, FIELD_KEY: field})


def load_patch(folder: Path) -> follow.Patch | None:
    """Return what following needs of a saved picture; None where its summary does not say its field.

    Raises:
        OutputError: the results cannot be read.
    """
    hairs, lines, summary = _saved(folder)
    if FIELD_KEY not in summary:
        return None
    stated = summary["scale"]
    pixel_size = PixelSize(stated["um_per_px"], stated["origin"], stated["rel_error"])
    field = summary[FIELD_KEY]
    mask = _mask_of(field["runs"], (field["rows"], field["columns"]))
    no_picture = ScaledImage(
        np.zeros((1, 1, 3), np.uint8), pixel_size, _ONE_CELL, ~_ONE_CELL, "", "", "", Quality("")
    )
    patch = follow.patch_of(_Saved(no_picture, hairs, lines))
    return dataclasses.replace(patch, field=dataclasses.replace(patch.field, mask=mask))


@dataclasses.dataclass(frozen=True, slots=True)
class _Saved:
    """What `follow.patch_of` reads; its picture holds the scale alone."""

    image: ScaledImage
    hairs: pd.DataFrame
    lines_px: tuple[FloatArray, ...]


def _runs_of(mask: BoolArray) -> str:
    """Return lengths of runs in reading order, the first of cells that are False."""
    flat = np.concatenate([[False], mask.ravel()])
    edges = np.flatnonzero(np.diff(flat))
    return " ".join(map(str, np.diff(np.concatenate([[0], edges, [mask.size]]))))


def _mask_of(runs: str, shape: tuple[int, int]) -> BoolArray:
    lengths = [int(word) for word in runs.split()]
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(shape)


def _saved(folder: Path) -> tuple[pd.DataFrame, tuple[FloatArray, ...], Any]:
    try:
        summary = json.loads((folder / results.SUMMARY_NAME).read_text(encoding="utf-8"))
        hairs = read_hairs(folder / results.HAIRS_NAME)
        traces = json.loads((folder / results.TRACES_NAME).read_text(encoding="utf-8"))
        lines = tuple(
            np.asarray(feature["geometry"]["coordinates"], float).reshape(-1, 2)
            for feature in traces["features"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"the results in {folder} cannot be read", f"{type(error).__name__}: {error}", move_away(folder)
        ) from error
    return hairs, lines, summary


def read_hairs(path: Path) -> pd.DataFrame:
    """Return hairs.csv with the columns and types of `schema.HAIRS`.

    Raises:
        ValueError: it is no such table.
    """
    kinds = dtypes(HAIRS)
    texts = {name: "str" for name, kind in kinds.items() if kind == "str"}
    table = pd.read_csv(
        path,
        dtype=texts,
        keep_default_na=False,
        na_values={name: [""] for name in kinds if name not in texts},
    )
    return table[list(kinds)].astype(kinds)
