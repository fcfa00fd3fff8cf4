"""Tables of a measured study: column → dtype, unit, meaning, decimals."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from densitometry.schema import CHANGE_FIGURES, HAIRS, IMAGES, LINKS, Column

STUDY_RUN_SCHEMA = "densitometry.study-run/1"

_ENTITIES = (
    Column("participant", "str", "", "label, without sub-"),
    Column("session", "str", "", "label of the visit, without ses-"),
    Column("site", "str", "", "target area; empty for a whole-head photograph", nullable=True),
)
_MODALITY = Column("modality", "str", "", "trich, macro or global")
_DAY = Column("day", "Int64", "", "days since the participant's baseline visit", nullable=True)

STUDY_IMAGES: tuple[Column, ...] = (
    *_ENTITIES,
    Column("run", "Int64", "", "number of the replicate", nullable=True),
    _MODALITY,
    *IMAGES,
)
"""Columns of a study's images.tsv: one row per input."""

STUDY_HAIRS: tuple[Column, ...] = (
    *_ENTITIES,
    Column("run", "Int64", "", "number of the replicate"),
    _MODALITY,
    *HAIRS,
)
"""Columns of a study's hairs.csv: the hairs of all measured pictures."""


def _replicated(name: str, unit: str, decimals: int) -> tuple[Column, ...]:
    ends = "of its patch interval, averaged over the runs: as wide as for one run"
    return (
        Column(name, "float64", unit, "mean of the accepted runs", decimals, True),
        Column(f"{name}_low", "float64", unit, f"lower end {ends}", decimals, True),
        Column(f"{name}_high", "float64", unit, f"upper end {ends}", decimals, True),
        Column(f"{name}_sd", "float64", unit, "standard deviation between the runs", decimals, True),
    )


VISIT_MEASURES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "density_per_cm2": ("1/cm²", 3),
        "terminal_density_per_cm2": ("1/cm²", 3),
        "vellus_fraction": ("", 5),
        "mean_diameter_um": ("µm", 3),
        "median_diameter_um": ("µm", 3),
        "diameter_cv": ("", 5),
        "cumulative_thickness_mm_per_cm2": ("mm/cm²", 4),
        "follicular_units_per_cm2": ("1/cm²", 3),
        "hairs_per_unit": ("", 4),
    }
)
VISITS: tuple[Column, ...] = (
    *_ENTITIES,
    _MODALITY,
    _DAY,
    Column("baseline", "bool", "", "true for the visit that the others are compared with"),
    Column("status", "str", "", "measured, rejected or failed (no picture of it was measured), or missed"),
    Column("n_pictures", "int64", "", "pictures of the visit"),
    Column("n_accepted", "int64", "", "pictures that were measured and are averaged here"),
    Column("area_cm2", "float64", "cm²", "mean valid field", 6, True),
    Column("n_hairs", "float64", "", "mean of the pictures' sums of count weights", 2, True),
    *(
        column
        for name, (unit, decimals) in VISIT_MEASURES.items()
        for column in _replicated(name, unit, decimals)
    ),
)
"""Columns of visits.tsv: participant × session × site, replicates combined."""


def _changed(name: str, unit: str, meaning: str) -> tuple[Column, ...]:
    words = {
        "": meaning,
        "_low": "lower end of its 95 % interval, of the kind in interval_kind",
        "_high": "upper end of that interval",
        "_region_low": "lower end of its 95 % region interval, which verdicts use",
        "_region_high": "upper end of that interval",
        "_sdc": "smallest detectable change",
    }
    return tuple(Column(name + end, "float64", unit, text, 4, True) for end, text in words.items())


CHANGES: tuple[Column, ...] = (
    *_ENTITIES,
    _MODALITY,
    Column("baseline_session", "str", "", "the visit it is compared with", nullable=True),
    _DAY,
    Column("verdict", "str", "", "improved, stable, worsened, undetermined or refused"),
    Column("verdict_endpoint", "str", "", "the one measure that makes the verdict"),
    Column("reason_code", "str", "", "why, as a word, or the code of the study's problem"),
    Column("reason", "str", "", "why, as a sentence"),
    Column("pairing", "str", "", "hairs: the same skin was compared; none"),
    Column("registration", "str", "", "ok or refused; empty where nothing was registered", nullable=True),
    Column("n_baseline", "int64", "", "accepted pictures of the baseline"),
    Column("n_followup", "int64", "", "accepted pictures of the visit"),
    Column("overlap_cm2", "float64", "cm²", "skin that both pictures show", 5, True),
    Column("overlap_fraction", "float64", "", "its share of the baseline's field", 4, True),
    Column("residual_um", "float64", "µm", "leave-one-out error of the registration", 2, True),
    *(
        Column(
            f"hairs_{fate}", "Int64", "", f"hairs {fate}, of the pair of pictures in links.csv", None, True
        )
        for fate in ("matched", "gained", "lost", "uncertain")
    ),
    Column("interval_kind", "str", "", "patch or region", nullable=True),
    *(column for name, of in CHANGE_FIGURES.items() for column in _changed(name, *of)),
    Column("sdc_source", "str", "", "prior, study or person", nullable=True),
    Column("sdc_df", "float64", "", "degrees of freedom of the repeatability", 1, True),
    Column("treatments", "str", "", "agents begun by then and not ended, joined by +", nullable=True),
    Column("last_treatment", "str", "", "last single treatment of the site by then", nullable=True),
    Column("days_since_treatment", "Int64", "", "days since that treatment", nullable=True),
)
"""Columns of change.tsv: every visit against its baseline, site by site."""

GROWTH_MEASURES: tuple[Column, ...] = (
    Column("n_hairs", "int64", "", "matched hairs that show both ends in both pictures"),
    Column("growing_fraction", "float64", "", "share of growing (anagen) hairs", 4, True),
    Column("growing_low", "float64", "", "lower end of its 95 % interval", 4, True),
    Column("growing_high", "float64", "", "upper end of that interval", 4, True),
    Column("resting_fraction", "float64", "", "share of resting (telogen) hairs", 4, True),
    Column("resting_low", "float64", "", "lower end of its 95 % interval", 4, True),
    Column("resting_high", "float64", "", "upper end of that interval", 4, True),
    Column("rate_mm_per_day", "float64", "mm/day", "mean growth of the growing hairs", 4, True),
    Column("rate_sd_mm_per_day", "float64", "mm/day", "its standard deviation between hairs", 4, True),
    Column("abnormal", "boolean", "", "true if even resting_low lies above 0.20", None, True),
    Column("growth_reason", "str", "", "why the shares are not known; empty where they are", nullable=True),
)
GROWTH: tuple[Column, ...] = (
    *_ENTITIES,
    _MODALITY,
    Column("previous_session", "str", "", "the visit a few days before"),
    Column("days", "int64", "", "days between the two"),
    *GROWTH_MEASURES,
)
"""Columns of growth.tsv: phototrichograms, clipped spots pictured again one to three days later."""

PEOPLE: tuple[Column, ...] = (
    Column("participant", "str", "", "label, without sub-"),
    Column("sex", "str", "", "f, m or x", nullable=True),
    Column("age_years", "float64", "years", "age at the first visit", 1, True),
    Column("centre", "str", "", "clinic that took the pictures", nullable=True),
    Column("arm", "str", "", "arm of a trial", nullable=True),
    Column("diagnosis", "str", "", "codes of the diagnoses, joined by +", nullable=True),
    Column("diagnosis_name", "str", "", "the same in words", nullable=True),
    Column("baseline_session", "str", "", "the visit that the others are compared with", nullable=True),
    Column("baseline_rule", "str", "", "how that visit was found, or why none was", nullable=True),
    Column("note", "str", "", "free text; shown, never interpreted", nullable=True),
)
"""Columns of participants.tsv in the results: who was studied."""

SESSIONS: tuple[Column, ...] = (
    Column("participant", "str", "", "label, without sub-"),
    Column("session", "str", "", "label of the visit, without ses-"),
    Column("date", "str", "", "ISO date", nullable=True),
    _DAY,
    Column("planned_week", "float64", "weeks", "week of the plan", 1, True),
    Column("note", "str", "", "free text; shown, never interpreted", nullable=True),
)
"""Columns of sessions.tsv in the results: when each visit was."""

COURSES: tuple[Column, ...] = (
    Column("participant", "str", "", "label, without sub-"),
    Column("agent", "str", "", "code of the agent"),
    Column("agent_name", "str", "", "the agent in words, as written where the code is for others"),
    Column("single", "bool", "", "true for one session (an injection, a transplant), false for a course"),
    Column("start", "str", "", "first day as recorded: ISO date or day", nullable=True),
    Column("end", "str", "", "last day as recorded; empty while it goes on", nullable=True),
    Column("start_day", "Int64", "", "first day, since the baseline visit", nullable=True),
    Column("end_day", "Int64", "", "last day, since the baseline visit", nullable=True),
    Column("dose", "float64", "", "dose in unit", None, True),
    Column("unit", "str", "", "unit of the dose", nullable=True),
    Column("route", "str", "", "code of the route", nullable=True),
    Column("sites", "str", "", "sites it touches, joined by +; * for all", nullable=True),
    Column("note", "str", "", "free text; shown, never interpreted", nullable=True),
)
"""Columns of treatments.tsv in the results: each course, each single treatment."""

CYCLES: tuple[Column, ...] = (
    Column("participant", "str", "", "label, without sub-"),
    Column("site", "str", "", "target area that was treated"),
    _MODALITY,
    Column("agent", "str", "", "code of the agent given in sessions"),
    Column("cycle", "int64", "", "number of the session that began it, from 1"),
    Column("injection_day", "Int64", "", "day it began, since the baseline visit", nullable=True),
    Column(
        "session", "str", "", "last visit of the cycle with a change; one on the next injection's day counts"
    ),
    Column("days_since_treatment", "int64", "", "from the injection to that visit"),
    Column("figure", "str", "", "the change of the verdict's endpoint, a column of change.tsv"),
    Column("change", "float64", "", "its value against the baseline, in that column's unit", 4),
    Column("change_in_cycle", "float64", "", "against the last visit of the cycle before", 4, True),
    Column("slope_per_cycle", "float64", "", "mean change a cycle so far: a line from the baseline", 4, True),
    Column("slope_low", "float64", "", "lower end of its 95 % interval; empty below three points", 4, True),
    Column("slope_high", "float64", "", "upper end of that interval", 4, True),
)
"""Columns of cycles.tsv: sites treated in sessions (injections), cycle by cycle."""

REPEATABILITY: tuple[Column, ...] = (
    Column("figure", "str", "", "the figure of a change it is the error of"),
    Column("sd", "float64", "", "within-visit standard deviation of one picture, on the working scale", 6),
    Column("df", "float64", "", "degrees of freedom behind it", 1),
    Column("n", "int64", "", "pictures it rests on; 0 for the shipped prior alone"),
    Column("source", "str", "", "prior or study"),
)
"""Columns of repeatability.tsv: natural logarithm for figures in %, else the figure's unit."""

DICTIONARY: tuple[Column, ...] = (
    Column("file", "str", "", "table below the folder of results"),
    Column("column", "str", "", "name of the column"),
    Column("type", "str", "", "type of its values"),
    Column("unit", "str", "", "unit of its values", nullable=True),
    Column("empty", "bool", "", "true where a cell may be empty (n/a in .tsv)"),
    Column("meaning", "str", "", "what it says"),
)
"""Columns of data_dictionary.tsv."""

STUDY_TABLES: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        "images.tsv": STUDY_IMAGES,
        "hairs": STUDY_HAIRS,
        "visits.tsv": VISITS,
        "change.tsv": CHANGES,
        "growth.tsv": GROWTH,
        "cycles.tsv": CYCLES,
        "repeatability.tsv": REPEATABILITY,
        "links.csv": LINKS,
        "data_dictionary.tsv": DICTIONARY,
    }
)
"""Every table of a study's results; "hairs" stands for hairs.parquet or hairs.csv."""


def data_dictionary() -> str:
    """Return data_dictionary.tsv: a row for every column of every table of a study's results."""
    lines = ["\t".join(column.name for column in DICTIONARY)]
    for file, table in STUDY_TABLES.items():
        lines += [
            "\t".join((file, c.name, c.dtype, c.unit or "n/a", "true" if c.nullable else "false", c.meaning))
            for c in table
        ]
    return "\n".join(lines) + "\n"
