"""What following needs to know about one picture: hairs with their roots in µm, and the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from densitometry.errors import InputLayoutError
from densitometry.follow.look import Look, look_of
from densitometry.model import BoolArray, FloatArray, ScaledImage
from densitometry.units import UM2_PER_CM2

IntArray = NDArray[np.int64]

FIELD_CELL_UM = 50.0
"""Edge of a cell of the coarse field: its staircase border moves an area of 0.4 cm² by less than 0.1 %."""
DIRECTION_REACH_UM = 300.0
"""The direction of a hair is that of its first stretch of this length, before it bends under its weight."""
NORMAL_95 = 1.96
SURE_ROOT_SWAPPED, UNSURE_ROOT_SWAPPED = 0.05, 0.4
"""Chance that a root lies at the wrong end of its hair, where the tracer was sure and where it was not."""
UNSURE_HAIR_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class Field:
    """The valid field of a picture on a coarse grid.

    Attributes:
        mask: (rows, columns) bool, True where scalp can be seen.
        cell_um: edge of a cell [µm].
        origin_um: [x, y] of the centre of the first cell [µm].
    """

    mask: BoolArray
    cell_um: float = FIELD_CELL_UM
    origin_um: tuple[float, float] = (FIELD_CELL_UM / 2, FIELD_CELL_UM / 2)

    @property
    def area_cm2(self) -> float:
        """Area of the cells that are True [cm²]."""
        return float(np.count_nonzero(self.mask)) * self.cell_um**2 / UM2_PER_CM2

    @property
    def extent_um(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the grid [µm]."""
        rows, columns = self.mask.shape
        left, top = self.origin_um[0] - self.cell_um / 2, self.origin_um[1] - self.cell_um / 2
        return left, top, left + columns * self.cell_um, top + rows * self.cell_um

    @property
    def centre_um(self) -> FloatArray:
        """Middle of the grid, (2,) [µm]."""
        left, top, right, bottom = self.extent_um
        return np.array([(left + right) / 2, (top + bottom) / 2])

    def contains(self, points_um: FloatArray) -> BoolArray:
        """Tell for (N, 2) points [x, y] [µm] whether they lie on a True cell; False outside the grid."""
        cells = np.floor((np.asarray(points_um) - np.array(self.extent_um[:2])) / self.cell_um)
        rows, columns = self.mask.shape
        inside = (cells >= 0).all(axis=1) & (cells[:, 0] < columns) & (cells[:, 1] < rows)
        found = np.zeros(len(cells), dtype=bool)
        at = cells[inside].astype(np.int64)
        found[inside] = self.mask[at[:, 1], at[:, 0]]
        return found

    def cells_um(self) -> FloatArray:
        """Return the centres of the True cells, (M, 2) [x, y] [µm]."""
        rows, columns = np.nonzero(self.mask)
        return np.asarray(np.column_stack([columns, rows]) * self.cell_um + np.array(self.origin_um))

    def eroded(self, margin_um: float) -> Field:
        """Return the field without what lies closer than `margin_um` to its border."""
        padded = np.pad(self.mask, 1).astype(np.uint8)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        kept = (np.asarray(distance)[1:-1, 1:-1] - 0.5) * self.cell_um >= margin_um
        return Field(kept & self.mask, self.cell_um, self.origin_um)

    @staticmethod
    def rectangle(width_um: float, height_um: float, cell_um: float = FIELD_CELL_UM) -> Field:
        """Return a field that is True over a rectangle whose top-left corner is the origin."""
        shape = (max(1, round(height_um / cell_um)), max(1, round(width_um / cell_um)))
        return Field(np.ones(shape, dtype=bool), cell_um, (cell_um / 2, cell_um / 2))

    @staticmethod
    def from_pixels(valid: BoolArray, um_per_px: float, cell_um: float = FIELD_CELL_UM) -> Field:
        """Return the coarse field of a (H, W) pixel mask; a cell is True when most of it is valid."""
        height, width = valid.shape
        shape = (max(1, round(height * um_per_px / cell_um)), max(1, round(width * um_per_px / cell_um)))
        share = cv2.resize(valid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        corner = -um_per_px / 2
        return Field(np.asarray(share) > 0.5, cell_um, (corner + cell_um / 2, corner + cell_um / 2))  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class DetectionErrors:
    """How often the tracer at most misses a hair or makes one up, per hair, and how that is known.

    A miss counts only if the same hair would be seen another time: what is never seen cancels in a change.

    Attributes:
        missed_per_hair, false_per_hair: rates in [0, 1).
        source: where the rates come from.
    """

    missed_per_hair: float = 0.06
    false_per_hair: float = 0.06
    source: str = "assumed until measured on simulated re-captures"

    @property
    def total(self) -> float:
        """Missed and false hairs together, per hair."""
        return self.missed_per_hair + self.false_per_hair


@dataclass(frozen=True, slots=True)
class Patch:
    """Hairs of one picture whose root can be placed, N of them, and the field they were seen in.

    Attributes:
        hair_id: (N,) the hair's number in its picture.
        root_um: (N, 2) root [x, y] in the picture's stated scale [µm].
        direction_rad: (N,) direction from the root along the shaft.
        diameter_um, diameter_sigma_um: (N,) shaft diameter and its standard error [µm].
        length_um: (N,) visible length [µm].
        length_known: (N,) both ends are in the field.
        count_weight: (N,) 0, 0.5 or 1.
        resolved: (N,) the diameter is not below the resolution.
        unit_id: (N,) follicular unit, -1 where it is not known.
        confidence: (N,) chance in [0, 1] that there is a root of a hair here.
        field: where scalp could be seen.
        um_per_px: stated scale of the picture.
        scale_rel_error: relative standard error of that scale; None when nobody stated it.
        errors: how often the tracer errs.
        tip_um: (N, 2) other end [µm], NaN where it is not in the picture; None: known of no hair.
        swap_chance: (N,) chance that the root is at that other end; None: as for sure roots.
        look: what a second look at the picture needs; None where only the table of hairs is known.
    """

    hair_id: IntArray
    root_um: FloatArray
    direction_rad: FloatArray
    diameter_um: FloatArray
    diameter_sigma_um: FloatArray
    length_um: FloatArray
    length_known: BoolArray
    count_weight: FloatArray
    resolved: BoolArray
    unit_id: IntArray
    confidence: FloatArray
    field: Field
    um_per_px: float
    scale_rel_error: float | None = None
    errors: DetectionErrors = DetectionErrors()
    tip_um: FloatArray | None = None
    swap_chance: FloatArray | None = None
    look: Look | None = None

    def __post_init__(self) -> None:
        n = len(self.hair_id)
        if self.root_um.shape != (n, 2) or not np.isfinite(self.root_um).all():
            msg = f"root_um must be {n} finite points [x, y]"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.hair_id)

    def take(self, rows: IntArray) -> Patch:
        """Return the hairs of these rows."""
        chosen: dict[str, Any] = {
            item.name: value[rows]
            for item in fields(self)
            if isinstance(value := getattr(self, item.name), np.ndarray)
        }
        return replace(self, **chosen)

    def joined(self, more: Patch) -> Patch:
        """Return these hairs and then those of `more`; the field and the scale stay."""
        both: dict[str, Any] = {
            item.name: np.concatenate([value, getattr(more, item.name)])
            for item in fields(self)
            if isinstance(value := getattr(self, item.name), np.ndarray) and item.name not in _OPTIONAL
        }
        both |= {
            name: np.concatenate([getattr(p, full) for p in (self, more)]) for name, full in _OPTIONAL.items()
        }
        return replace(self, **both)

    @property
    def far_end_um(self) -> FloatArray:
        """Other end of each hair, (N, 2) [µm]; NaN where it is not known."""
        return np.full(self.root_um.shape, np.nan) if self.tip_um is None else self.tip_um

    @property
    def swapped(self) -> FloatArray:
        """Chance that root and tip are mistaken for each other, (N,)."""
        return np.full(len(self), SURE_ROOT_SWAPPED) if self.swap_chance is None else self.swap_chance


_OPTIONAL = {"tip_um": "far_end_um", "swap_chance": "swapped"}


class MeasuredPicture(Protocol):
    """What `patch_of` reads of an analysis."""

    @property
    def image(self) -> ScaledImage:
        """The picture with its scale and field."""

    @property
    def hairs(self) -> pd.DataFrame:
        """One row per hair, columns of `schema.HAIRS`."""

    @property
    def lines_px(self) -> Sequence[FloatArray]:
        """One centre line [px] per row, root first."""


def patch_of(analysis: MeasuredPicture, errors: DetectionErrors | None = None) -> Patch:
    """Return what following needs of an analysed picture; hairs without a root in it are left out.

    Args:
        analysis: the analysis of one picture.
        errors: how often the tracer errs; None takes the shipped assumption.

    Raises:
        InputLayoutError: if the analysis has another number of lines than of hairs.
    """
    table = analysis.hairs
    if len(table) != len(analysis.lines_px):
        raise InputLayoutError(
            "an analysis does not hold together",
            f"it has {len(table)} hairs and {len(analysis.lines_px)} lines",
            "analyze the picture again",
        )
    pixel_size = analysis.image.pixel_size
    rooted = table["root_x_um"].notna().to_numpy() & table["root_y_um"].notna().to_numpy()
    rows = table[rooted]
    lines = [line for line, kept in zip(analysis.lines_px, rooted, strict=True) if kept]
    flags = [frozenset(str(text).split(";")) for text in rows["flags"]]
    spread = (_floats(rows, "diameter_high_um") - _floats(rows, "diameter_low_um")) / (2 * NORMAL_95)
    unit = rows["unit_id"].astype("Int64")
    return Patch(
        hair_id=rows["hair_id"].to_numpy(np.int64),
        root_um=np.column_stack([_floats(rows, "root_x_um"), _floats(rows, "root_y_um")]).reshape(-1, 2),
        direction_rad=np.array([start_direction(line * pixel_size.um_per_px) for line in lines], dtype=float),
        diameter_um=_floats(rows, "diameter_um"),
        diameter_sigma_um=np.maximum(spread, 0.0),
        length_um=_floats(rows, "length_um"),
        length_known=rows["tip_x_um"].notna().to_numpy(),
        count_weight=_floats(rows, "count_weight"),
        resolved=np.array(["below_resolution" not in words for words in flags], dtype=bool),
        unit_id=np.asarray(unit.fillna(-1), dtype=np.int64),
        confidence=np.array(
            [UNSURE_HAIR_CONFIDENCE if "uncertain_hair" in words else 1.0 for words in flags], dtype=float
        ),
        field=Field.from_pixels(analysis.image.valid, pixel_size.um_per_px),
        um_per_px=pixel_size.um_per_px,
        scale_rel_error=pixel_size.rel_error,
        errors=errors or DetectionErrors(),
        tip_um=np.column_stack([_floats(rows, "tip_x_um"), _floats(rows, "tip_y_um")]).reshape(-1, 2),
        swap_chance=np.where(rows["root_sure"], SURE_ROOT_SWAPPED, UNSURE_ROOT_SWAPPED),
        look=look_of(
            analysis.image, lines, _floats(rows, "diameter_um"), rows["hair_id"].to_numpy(np.int64)
        ),
    )


def start_direction(line_um: FloatArray, reach_um: float = DIRECTION_REACH_UM) -> float:
    """Return the direction [rad] of the first `reach_um` of a (N, 2) line; 0 for a single point."""
    if len(line_um) < 2:  # noqa: PLR2004
        return 0.0
    steps = np.linalg.norm(np.diff(line_um, axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    reach = min(reach_um, float(travelled[-1]))
    end = np.array([np.interp(reach, travelled, line_um[:, axis]) for axis in (0, 1)])
    return float(np.arctan2(end[1] - line_um[0, 1], end[0] - line_um[0, 0]))


def _floats(rows: pd.DataFrame, name: str) -> NDArray[Any]:
    return rows[name].to_numpy(dtype=float)
