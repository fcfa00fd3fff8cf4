"""An analysis read back from the folder it was saved in, with its picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densitometry.analysis import Analysis
from densitometry.capture.picture import read_again
from densitometry.errors import OutputError
from densitometry.model import FloatArray
from densitometry.recipe import Recipe
from densitometry.report import results
from densitometry.report.folders import move_away
from densitometry.schema import HAIRS, dtypes


def load_analysis(folder: Path, picture: Path, scale: Mapping[str, Any], recipe: Recipe) -> Analysis:
    """Return what was saved about a picture, as numbers of the saved decimals.

    Args:
        folder: of the picture's results.
        picture: the file they are of.
        scale: keyword arguments of `read` that say its scale.
        recipe: that measured it.

    Raises:
        OutputError: the results cannot be read, or are of other bytes.
        UnreadableImageError, ScaleError: the picture cannot.
    """
    hairs, lines, summary = _saved(folder)
    image = read_again(picture, scale, recipe.capture)
    if image.sha256 != summary["image"]["sha256"]:
        raise OutputError(
            f"the results in {folder} are not of {picture.name} as it is now",
            "the picture was changed after it was measured",
            "run the same line again: it is then measured anew",
        )
    return Analysis(image, recipe, hairs, lines, tuple(np.full(len(line), np.nan) for line in lines), summary)


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
