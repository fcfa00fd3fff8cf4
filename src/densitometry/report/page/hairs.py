"""Single hairs of a results folder: rows, centre lines, and one visit's hairs linked to another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import RBFInterpolator

from densitometry.model import FloatArray
from densitometry.report import changes, results
from densitometry.report.page.charts import VisitHairs
from densitometry.report.page.load import TRICHOSCOPY, Capture, Row, Spot, folder_inside, read_object
from densitometry.schema import HAIRS, column_names, dtypes

FATES = ("matched", "gained", "lost", "uncertain")
OUTSIDE = "outside"
_LINE_POINTS = 8
_SMALLEST_GRID = 6
"""Places of a grid from which a smooth mapping is made."""


@dataclass(frozen=True, slots=True)
class LinkedHair:
    """One hair as the viewer draws it.

    Attributes:
        number: hair_id, of the baseline where the hair was there.
        fate: matched, gained, lost, uncertain or outside.
        before_um, after_um: diameter at each visit; None where it was not there.
        line_px: (N, 2) centre line in pixels of the baseline, root first.
    """

    number: int
    fate: str
    before_um: float | None
    after_um: float | None
    line_px: FloatArray


@dataclass(frozen=True, slots=True)
class Pair:
    """A comparison as the report shows it.

    Attributes:
        folder: of the comparison.
        registered: whether the follow-up was laid on the baseline.
        reason: why not, in words.
        width_px, height_px: size of the baseline's picture.
        before, after: hairs of each visit, in pixels of the baseline.
        counts: hairs by fate.
    """

    folder: Path
    registered: bool
    reason: str
    width_px: int
    height_px: int
    before: tuple[LinkedHair, ...]
    after: tuple[LinkedHair, ...]
    counts: Mapping[str, int]


def read_hairs(path: Path) -> pd.DataFrame | None:
    """Return hairs.csv; None where it is missing, incomplete or of another layout."""
    kinds = dtypes(HAIRS)
    texts = {name: "str" for name, kind in kinds.items() if kind == "str"}
    values = {name: [""] for name in kinds if name not in texts}
    try:
        table = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=values)
        return table[column_names(HAIRS)].astype(kinds)
    except (OSError, ValueError, KeyError):
        return None


def hairs_of_visits(spot: Spot) -> list[VisitHairs]:
    """Return the hairs of each visit with a measurement that can be read."""
    found = []
    for row in spot.measured:
        tables = []
        for number, capture in enumerate(spot.captures):
            if capture.row["session"] == row["session"] and capture.row["status"] == "measured":
                table = None if capture.folder is None else read_hairs(capture.folder / results.HAIRS_NAME)
                if table is not None:
                    tables.append(table.assign(picture=number))
        if tables:
            found.append(VisitHairs(str(row["session"]), pd.concat(tables, ignore_index=True)))
    return found


def change_folder(root: Path, spot: Spot, row: Row) -> Path | None:
    """Return the folder of a comparison; None where it is missing."""
    word = "change" if spot.modality == TRICHOSCOPY else f"{spot.modality}-change"
    stem = f"sub-{row['participant']}_ses-{row['session']}_site-{row['site']}_{word}"
    return folder_inside(root, f"sub-{row['participant']}", f"ses-{row['session']}", stem)


def read_links(folder: Path) -> pd.DataFrame | None:
    """Return links.csv; None where it cannot be read."""
    ids = {"baseline_hair_id": "Int64", "followup_hair_id": "Int64"}
    try:
        table = pd.read_csv(folder / changes.LINKS_NAME, dtype={**ids, "status": "str"})
    except (OSError, ValueError):
        return None
    wanted = {*ids, "status", "baseline_diameter_um", "followup_diameter_um"}
    return table if wanted <= set(table.columns) else None


def read_pair(root: Path, spot: Spot, row: Row) -> Pair | None:
    """Return the comparison of a visit with its hairs; None where there is none that can be read."""
    folder = change_folder(root, spot, row)
    record = read_object(folder / changes.CHANGE_NAME) if folder else None
    if folder is None or record is None:
        return None
    try:
        return _pair(folder, record, {str(item.row["picture"]): item for item in spot.captures})
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _pair(folder: Path, record: Mapping[str, Any], captures: Mapping[str, Capture]) -> Pair | None:
    registration, pairs = record["registration"], record["pictures"]["pairs"]
    registered = registration["status"] == "ok"
    primary = next((pair for pair in pairs if (pair["status"] == "ok") == registered), pairs[0])
    here = captures.get(record["baseline"][primary["baseline"]])
    there = captures.get(record["followup"][primary["followup"]])
    if here is None or there is None or here.summary is None:
        return None
    image = here.summary["image"]
    before: tuple[LinkedHair, ...] = ()
    after: tuple[LinkedHair, ...] = ()
    links = read_links(folder)
    if registered and links is not None:
        place = onto_baseline(registration)
        before = _linked(here, links, "baseline", None)
        after = _linked(there, links, "followup", place)
    return Pair(
        folder,
        registered,
        str(registration.get("reason") or record.get("reason") or ""),
        int(image["width_px"]),
        int(image["height_px"]),
        before,
        after,
        {fate: int(record["hairs"].get(fate, 0)) for fate in FATES},
    )


def onto_baseline(registration: Mapping[str, Any]) -> Any:
    """Return the mapping of (N, 2) follow-up pixels to baseline pixels that a change.json states.

    A thin plate through the stated grid; its affine part where the grid has too few places.
    """
    grid = [pair for column in registration["grid"] or () for pair in column if pair[1] is not None]
    if len(grid) >= _SMALLEST_GRID:
        here, there = (np.asarray([pair[end] for pair in grid], float) for end in (0, 1))
        try:
            return RBFInterpolator(there, here, kernel="thin_plate_spline")
        except np.linalg.LinAlgError:
            pass
    affine = np.asarray(registration["affine_px"], float)
    inverse, shift = np.linalg.inv(affine[:, :2]), affine[:, 2]
    return lambda points: (points - shift) @ inverse.T


def _linked(capture: Capture, links: pd.DataFrame, visit: str, place: Any) -> tuple[LinkedHair, ...]:
    traces = None if capture.folder is None else read_object(capture.folder / results.TRACES_NAME)
    if traces is None:
        return ()
    rows = links[links[f"{visit}_hair_id"].notna()].to_dict("records")
    fates = {int(row[f"{visit}_hair_id"]): row for row in rows}
    lines, numbers = [], []
    for feature in traces["features"]:
        line = np.asarray(feature["geometry"]["coordinates"], float).reshape(-1, 2)
        if len(line) > 1:
            lines.append(_sparse(line))
            numbers.append(
                (int(feature["properties"]["hair_id"]), float(feature["properties"]["diameter_um"]))
            )
    if place is not None and lines:
        ends = np.cumsum([len(line) for line in lines])[:-1]
        lines = list(np.split(np.asarray(place(np.concatenate(lines))), ends))
    return tuple(
        _hair(number, diameter, fates.get(number), visit, line)
        for (number, diameter), line in zip(numbers, lines, strict=True)
    )


def _hair(
    number: int, diameter_um: float, row: Mapping[Any, Any] | None, visit: str, line: FloatArray
) -> LinkedHair:
    before, after = (diameter_um, None) if visit == "baseline" else (None, diameter_um)
    if row is None or row["status"] not in FATES:
        return LinkedHair(number, OUTSIDE, before, after, line)
    before, after = _known(row["baseline_diameter_um"]), _known(row["followup_diameter_um"])
    if row["status"] == "matched" and not pd.isna(row["baseline_hair_id"]):
        number = int(row["baseline_hair_id"])
    return LinkedHair(number, str(row["status"]), before, after, line)


def followed_diameters(folder: Path | None) -> Sequence[tuple[float, float]]:
    """Return the diameters of followed hairs at both visits [µm]."""
    links = None if folder is None else read_links(folder)
    if links is None:
        return ()
    matched = links[links["status"] == "matched"][["baseline_diameter_um", "followup_diameter_um"]].dropna()
    return [(float(then), float(now)) for then, now in matched.itertuples(index=False)]


def _known(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _sparse(line: FloatArray) -> FloatArray:
    if len(line) <= _LINE_POINTS:
        return line
    return np.asarray(line[np.linspace(0, len(line) - 1, _LINE_POINTS).round().astype(int)])
