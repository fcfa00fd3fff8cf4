"""Every table the product writes: column → dtype, unit, meaning, decimals; and the vocabulary of flags.

Writers, readers, tests and the data dictionary all read these; a name never gets another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SUMMARY_SCHEMA = "densitometry.summary/1"
TRACES_SCHEMA = "densitometry.traces/1"
ANALYZE_SCHEMA = "densitometry.analyze/1"


@dataclass(frozen=True, slots=True)
class Column:
    """One column or key: how it is typed, what it says and how many decimals are written (None: all)."""

    name: str
    dtype: str
    unit: str
    meaning: str
    decimals: int | None = None
    nullable: bool = False


FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "root_outside": "the root lies outside the picture or its field of view: not counted",
        "root_masked": "the root lies under a burned-in mark, a bubble or glare: not counted",
        "not_rooted": "seen in the field but not growing from it (a fallen piece): not counted",
        "tip_outside": "the tip lies outside the field of view: the length is a lower bound",
        "tip_masked": "the tip lies under a mark, a bubble or glare: the length is a lower bound",
        "uncertain_root": "which end is the root could not be told with confidence",
        "below_resolution": "too thin for the resolution: diameter an upper bound, class uncertain",
        "crossing": "crosses at least one other hair; the overlapped stretch gives no width",
        "bundled": "runs along another hair for a part of its length",
        "few_widths": "the diameter rests on few cross-sections",
        "short": "seen along too short a way to leave out both ends: the margins were shrunk",
        "low_contrast": "hardly darker or lighter than the skin beside it",
        "light_hair": "lighter than the skin beside it",
        "uncertain_hair": "may not be a hair: found with low confidence",
    }
)
NOT_COUNTED_FLAGS = ("root_outside", "root_masked", "not_rooted")
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "measured": "all of its results were written",
        "rejected": "the quality gate refused it: reasons were written, measures are null",
        "failed": "it could not be read or measured: nothing was written",
        "left_out": "a whole-head photograph in a study: kept, not measured",
    }
)

_ID = Column(
    "hair_id",
    "int64",
    "",
    "number of the hair in this picture, from 1, ordered by the first point: y, then x",
)
_DIAMETER = (
    Column(
        "diameter_um",
        "float64",
        "µm",
        "shaft diameter: robust mean of the outer-edge width, ends left out",
        2,
    ),
    Column("diameter_low_um", "float64", "µm", "lower end of the 95 % interval of the diameter", 2),
    Column("diameter_high_um", "float64", "µm", "upper end of the 95 % interval of the diameter", 2),
    Column("length_um", "float64", "µm", "length of the visible shaft in the picture plane", 1),
    Column("class", "str", "", "terminal, vellus or uncertain at the primary cut-off"),
)
_COUNTING = (
    Column("root_sure", "bool", "", "true where the first point is the root end with confidence"),
    Column("count_weight", "float64", "", "share with which the hair belongs to the field: 0, 0.5 or 1", 1),
    Column("counted", "bool", "", "true where count_weight is above 0"),
    Column(
        "unit_id",
        "Int64",
        "",
        "follicular unit of the root, from 1; empty where the root is not known",
        nullable=True,
    ),
)
_FLAGS_COLUMN = Column("flags", "str", "", "words of the flag vocabulary, joined by a semicolon")

HAIRS: tuple[Column, ...] = (
    _ID,
    *_DIAMETER,
    Column(
        "root_x_um",
        "float64",
        "µm",
        "root, right of the centre of the top-left pixel; empty when not in the picture",
        1,
        True,
    ),
    Column(
        "root_y_um",
        "float64",
        "µm",
        "root, below the centre of the top-left pixel; empty when not in the picture",
        1,
        True,
    ),
    Column("tip_x_um", "float64", "µm", "tip, as root_x_um", 1, True),
    Column("tip_y_um", "float64", "µm", "tip, as root_y_um", 1, True),
    *_COUNTING,
    Column("width_sd_um", "float64", "µm", "standard deviation of the widths along the shaft", 2, True),
    Column("n_widths", "int64", "", "number of cross-sections the diameter rests on"),
    _FLAGS_COLUMN,
)
"""Columns of hairs.csv and of `Analysis.hairs`."""

TRACE_PROPERTIES: tuple[Column, ...] = (
    _ID,
    *_DIAMETER,
    Column("root_px", "point", "px", "[x, y] of the root; null when the root is not in the picture", 2, True),
    Column("tip_px", "point", "px", "[x, y] of the tip; null when the tip is not in the picture", 2, True),
    *_COUNTING,
    Column("flags", "list", "", "words of the flag vocabulary"),
)
"""Properties of each LineString of traces.geojson."""

COORDINATE_DECIMALS_PX = 2

IMAGES: tuple[Column, ...] = (
    Column("picture", "str", "", "stem of the input and name of its result folder"),
    Column("status", "str", "", "measured, rejected or failed"),
    Column("error_code", "str", "", "code of the refusal; empty when measured", nullable=True),
    Column("error", "str", "", "the refusal in words; empty when measured", nullable=True),
    Column(
        "sha256",
        "str",
        "",
        "digest of the input file's bytes; empty when it could not be read",
        nullable=True,
    ),
    Column("recipe_digest", "str", "", "digest of the recipe that measured it"),
    Column("quality", "str", "", "accept, warn or reject; empty when it could not be read", nullable=True),
    Column("um_per_px", "float64", "µm/px", "scale", None, True),
    Column("area_cm2", "float64", "cm²", "valid field", None, True),
    Column("n_hairs", "float64", "", "sum of the count weights", 1, True),
    Column("density_per_cm2", "float64", "1/cm²", "n_hairs / area_cm2", None, True),
    Column("mean_diameter_um", "float64", "µm", "mean diameter of resolved counted hairs", 2, True),
)
"""Columns of images.tsv: one row per input."""


def _estimate(name: str, unit: str, meaning: str, decimals: int | None) -> tuple[Column, ...]:
    return (
        Column(name, "float64", unit, meaning, decimals, True),
        Column(
            f"{name}_low", "float64", unit, f"lower end of the 95 % patch interval of {name}", decimals, True
        ),
        Column(
            f"{name}_high", "float64", unit, f"upper end of the 95 % patch interval of {name}", decimals, True
        ),
    )


SUMMARY_HEAD: tuple[Column, ...] = (
    Column("schema", "str", "", "name and version of this layout"),
    Column("version", "str", "", "version of the product"),
    Column("recipe", "str", "", "name of the recipe"),
    Column("recipe_digest", "str", "", "SHA-256 of the resolved recipe"),
    Column("image", "object", "", "sha256, width_px, height_px, tone; the file's name only if asked"),
    Column("scale", "object", "", "um_per_px, rel_error (null when nobody stated it), origin, geometry"),
    Column("psf_um", "float64", "µm", "standard deviation of the point spread on the scalp", 2, True),
    Column("psf_source", "str", "", "what told the point spread", nullable=True),
    Column("quality", "object", "", "verdict, reasons, metrics"),
    Column("area_cm2", "float64", "cm²", "valid field"),
)
SUMMARY_MEASURES: tuple[Column, ...] = (
    Column("n_hairs", "float64", "", "sum of the count weights", 1, True),
    *_estimate("density_per_cm2", "1/cm²", "n_hairs / area_cm2", None),
    Column(
        "density_sampling_low",
        "float64",
        "1/cm²",
        "lower end of the region interval of the density: adds the sampling of the scalp",
        2,
        True,
    ),
    Column(
        "density_sampling_high",
        "float64",
        "1/cm²",
        "upper end of the region interval of the density",
        2,
        True,
    ),
    *_estimate(
        "terminal_density_per_cm2", "1/cm²", "density of resolved hairs at or above the primary cut-off", 3
    ),
    *_estimate("vellus_fraction", "", "share of resolved counted hairs below the primary cut-off", 5),
    *_estimate("mean_diameter_um", "µm", "mean diameter of resolved counted hairs", 3),
    *_estimate("median_diameter_um", "µm", "median diameter of resolved counted hairs", 3),
    *_estimate("diameter_cv", "", "standard deviation of the diameters over their mean", 5),
    *_estimate("cumulative_thickness_mm_per_cm2", "mm/cm²", "sum of weight times diameter over the area", 4),
    *_estimate("follicular_units_per_cm2", "1/cm²", "openings from which counted hairs grow, per area", 3),
    *_estimate("hairs_per_unit", "", "counted hairs per follicular unit", 4),
    Column(
        "unresolved_fraction", "float64", "", "share of counted hairs too thin for the resolution", 5, True
    ),
    Column("by_cutoff", "list", "", "fraction and density below each of cutoffs_um", nullable=True),
    Column("counting_rule", "str", "", "the counting rule used and why", nullable=True),
)
SUMMARY: tuple[Column, ...] = (*SUMMARY_HEAD, *SUMMARY_MEASURES)
"""Keys of summary.json in the order written; a measure may add keys of its own after these."""


LINKS: tuple[Column, ...] = (
    Column("baseline_hair_id", "Int64", "", "hair_id at the baseline; empty for a gained hair", None, True),
    Column("followup_hair_id", "Int64", "", "hair_id at the follow-up; empty for a lost hair", None, True),
    Column("status", "str", "", "matched, gained, lost or uncertain"),
    Column(
        "distance_um",
        "float64",
        "µm",
        "from the follow-up's root to where the baseline's lies there",
        1,
        True,
    ),
    Column("baseline_diameter_um", "float64", "µm", "shaft diameter at the baseline", 2, True),
    Column("followup_diameter_um", "float64", "µm", "shaft diameter at the follow-up", 2, True),
)
"""Columns of links.csv: hairs of the skin that both pictures show."""

CHANGE_FIGURES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "density_change_pct": ("%", "change of the number of hairs on the same skin"),
        "density_change_per_cm2": ("1/cm²", "the same per cm² of the baseline"),
        "terminal_density_change_pct": ("%", "change of the number of terminal hairs"),
        "mean_diameter_change_um": ("µm", "change of the mean shaft diameter"),
        "vellus_fraction_change": ("", "change of the share of vellus hairs"),
        "cumulative_thickness_change_pct": ("%", "change of the summed diameters"),
    }
)
"""Figures of a change: name → unit and meaning."""

CHANGE: tuple[Column, ...] = (
    Column("schema", "str", "", "name and version of this layout"),
    Column(
        "registration",
        "object",
        "",
        "status ok or refused, reason, affine_px (2×3, baseline px → follow-up px), grid (9 columns of 7 "
        "pairs of places in px), residual_um (leave-one-out), overlap_cm2, overlap_fraction, scale_ratio",
    ),
    Column("pairing", "str", "", "hairs: the same skin was compared; none"),
    Column("hairs", "object", "", "matched, gained, lost, uncertain: rows of links.csv"),
    *(
        Column(
            name,
            "object",
            unit,
            f"{meaning}: value, low, high, sdc, region_low, region_high, kind",
            None,
            True,
        )
        for name, (unit, meaning) in CHANGE_FIGURES.items()
    ),
    Column("growth", "object", "", "growing and resting hairs, where the days between were said", None, True),
    Column("verdict_endpoint", "str", "", "the one measure that makes the verdict"),
    Column("sdc_source", "object", "", "what the repeatability rests on: source, sd, df, n", None, True),
    Column("verdict", "str", "", "improved, stable, worsened, undetermined or refused"),
    Column("reason_code", "str", "", "why, as a word"),
    Column("reason", "str", "", "why, as a sentence"),
)
"""Keys of change.json that are promised; it holds a few more that explain them."""


def column_names(columns: tuple[Column, ...]) -> list[str]:
    """Return the names of `columns` in order."""
    return [column.name for column in columns]


def dtypes(columns: tuple[Column, ...]) -> dict[str, str]:
    """Return name → pandas dtype."""
    return {column.name: column.dtype for column in columns}
