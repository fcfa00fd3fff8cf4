"""The code system of the FHIR export: measures, changes and findings, with their units in UCUM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

CODE_SYSTEM_NAME = "fhir_codesystem.json"
SYSTEM = "urn:uuid:5d1c7a0e-52b1-4f0c-9a55-6d2b8c1f7e30"
"""Identifier of the code system; it names no server, and it never changes."""

UCUM = "http://unitsofmeasure.org"
VERSION = "1"
FINDING, INTERVAL_PATCH, INTERVAL_REGION, NOISE, BASELINE, VISIT, MODALITY = (
    "finding",
    "interval-patch",
    "interval-region",
    "smallest-detectable-change",
    "baseline-visit",
    "visit",
    "modality",
)


@dataclass(frozen=True, slots=True)
class Coded:
    """One code: what it is called, what it means, its unit in UCUM and as it is written; "" without one."""

    code: str
    display: str
    definition: str
    ucum: str = ""
    unit: str = ""


MEASURES: Mapping[str, Coded] = MappingProxyType(
    {
        "density_per_cm2": Coded(
            "hair-density", "Hair density", "Counted hairs per area of valid field.", "/cm2", "per cm²"
        ),
        "terminal_density_per_cm2": Coded(
            "terminal-hair-density",
            "Terminal hair density",
            "Counted hairs at or above the primary cut-off of shaft diameter, per area.",
            "/cm2",
            "per cm²",
        ),
        "vellus_fraction": Coded(
            "vellus-fraction",
            "Share of vellus hairs",
            "Share of resolved counted hairs below the primary cut-off of shaft diameter.",
            "1",
            "share",
        ),
        "mean_diameter_um": Coded(
            "mean-shaft-diameter",
            "Mean shaft diameter",
            "Mean diameter of the resolved counted hairs in the plane of the scalp.",
            "um",
            "µm",
        ),
        "cumulative_thickness_mm_per_cm2": Coded(
            "cumulative-hair-thickness",
            "Cumulative hair thickness",
            "Sum of the shaft diameters of counted hairs per area.",
            "mm/cm2",
            "mm/cm²",
        ),
        "follicular_units_per_cm2": Coded(
            "follicular-unit-density",
            "Follicular unit density",
            "Follicular units, groups of hairs that leave the skin together, per area.",
            "/cm2",
            "per cm²",
        ),
        "hairs_per_unit": Coded(
            "hairs-per-follicular-unit", "Hairs per follicular unit", "Mean of counted hairs.", "1", "hairs"
        ),
    }
)
"""Column of visits.tsv → its code."""

CHANGES: Mapping[str, Coded] = MappingProxyType(
    {
        "density_change_pct": Coded(
            "hair-density-change",
            "Change of hair density",
            "Change of the number of hairs on the same skin since the baseline visit.",
            "%",
            "%",
        ),
        "terminal_density_change_pct": Coded(
            "terminal-hair-density-change",
            "Change of terminal hair density",
            "Change of the number of terminal hairs on the same skin since the baseline visit.",
            "%",
            "%",
        ),
        "mean_diameter_change_um": Coded(
            "mean-shaft-diameter-change",
            "Change of mean shaft diameter",
            "Change of the mean diameter since the baseline visit.",
            "um",
            "µm",
        ),
        "vellus_fraction_change": Coded(
            "vellus-fraction-change",
            "Change of the share of vellus hairs",
            "Difference of the shares since the baseline visit.",
            "1",
            "share",
        ),
        "cumulative_thickness_change_pct": Coded(
            "cumulative-hair-thickness-change",
            "Change of cumulative hair thickness",
            "Change of the summed diameters since the baseline visit.",
            "%",
            "%",
        ),
    }
)
"""Column of change.tsv → its code."""

PARTS: tuple[Coded, ...] = (
    Coded(FINDING, "Finding", "What a comparison with the baseline comes to; one of the codes of findings."),
    Coded(INTERVAL_PATCH, "95 % interval for this patch", "For the skin pictured, not for the whole site."),
    Coded(
        INTERVAL_REGION,
        "95 % interval for the site of the person",
        "Holds sampling of the scalp and the hair cycle, too.",
    ),
    Coded(NOISE, "Smallest detectable change", "A change up to this size is measurement noise."),
    Coded(BASELINE, "Baseline visit", "Label of the visit that is compared with."),
    Coded(VISIT, "Visit", "Label of the visit."),
    Coded(MODALITY, "Modality", "trich for trichoscopy, macro for a close-up photograph."),
)
FINDINGS: tuple[Coded, ...] = (
    Coded("improved", "Improved", "Better at the endpoint, beyond sampling and measurement noise."),
    Coded("stable", "Stable", "No change beyond measurement: the interval lies within the margin."),
    Coded("worsened", "Worsened", "Worse at the endpoint, beyond sampling and measurement noise."),
    Coded("undetermined", "Undetermined", "The figures, or the circumstances, allow no judgement."),
    Coded("refused", "Refused", "The visits could not be compared."),
)


def all_codes() -> tuple[Coded, ...]:
    """Return every code of the system."""
    return (*MEASURES.values(), *CHANGES.values(), *PARTS, *FINDINGS)


def code_system() -> dict[str, Any]:
    """Return the code system as a FHIR R4B resource."""
    return {
        "resourceType": "CodeSystem",
        "id": "densitometry",
        "url": SYSTEM,
        "version": VERSION,
        "name": "Densitometry",
        "title": "Hair measurement by trichoscopy",
        "status": "active",
        "experimental": False,
        "caseSensitive": True,
        "content": "complete",
        "count": len(all_codes()),
        "concept": [
            {"code": item.code, "display": item.display, "definition": item.definition}
            for item in all_codes()
        ],
    }


def concept(item: Coded) -> dict[str, Any]:
    """Return a code as a FHIR CodeableConcept."""
    coding = {"system": SYSTEM, "version": VERSION, "code": item.code, "display": item.display}
    return {"coding": [coding], "text": item.display}


def quantity(value: float, item: Coded) -> dict[str, Any]:
    """Return a value as a FHIR Quantity in UCUM."""
    return {"value": value, "unit": item.unit, "system": UCUM, "code": item.ucum}


def part(code: str) -> Coded:
    """Return the code of a part of an observation, or of a finding."""
    return next(item for item in (*PARTS, *FINDINGS) if item.code == code)
