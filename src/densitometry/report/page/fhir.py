"""Visits and changes as FHIR R4B Observations, one JSON object a line (NDJSON).

Units are UCUM; codes are of the code system in `fhir_codes`. A value that is not known is left out; a visit
that was not measured is an observation that says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from densitometry.follow.response import ENDPOINTS
from densitometry.report.page import fhir_codes as codes
from densitometry.report.page.load import Output, Row

OBSERVATIONS_NAME = "observations.ndjson"
_CATEGORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "imaging",
            "display": "Imaging",
        }
    ]
}
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ABSENT_REASONS: Mapping[str, tuple[str, str]] = {
    "missed": ("not-performed", "Not Performed"),
    "rejected": ("error", "Error"),
    "failed": ("error", "Error"),
}
_DIGEST_LETTERS = 40


def observations(output: Output) -> str:
    """Return one observation a line: each measure of each visit and site, then each change."""
    version = str(output.environment.get("version") or "")
    lines = [_visit(row, name, version) for row in output.visits for name in codes.MEASURES]
    lines += [_change(row, name, version) for row in output.changes for name in codes.CHANGES]
    return "".join(one_line(line) for line in lines)


def one_line(resource: Mapping[str, Any]) -> str:
    """Return a resource as one line of JSON."""
    return json.dumps(resource, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _visit(row: Row, name: str, version: str) -> dict[str, Any]:
    coded = codes.MEASURES[name]
    found = _base(row, coded, version)
    value = row[name]
    if value is None:
        reason = _ABSENT_REASONS.get(str(row["status"]), ("unknown", "Unknown"))
        found["dataAbsentReason"] = _absent(*reason)
    else:
        found["valueQuantity"] = codes.quantity(value, coded)
    interval = _interval(row[f"{name}_low"], row[f"{name}_high"], codes.INTERVAL_PATCH, coded)
    found["component"] = [*_labels(row), *([interval] if interval else [])]
    return found


def _change(row: Row, name: str, version: str) -> dict[str, Any]:
    coded = codes.CHANGES[name]
    found = _base(row, coded, version)
    if row[name] is None:
        found["dataAbsentReason"] = _absent("unknown", "Unknown")
    else:
        found["valueQuantity"] = codes.quantity(row[name], coded)
    stated = codes.INTERVAL_REGION if row["interval_kind"] == "region" else codes.INTERVAL_PATCH
    parts = [
        _interval(row[f"{name}_low"], row[f"{name}_high"], stated, coded),
        _interval(row[f"{name}_region_low"], row[f"{name}_region_high"], codes.INTERVAL_REGION, coded),
    ]
    if stated == codes.INTERVAL_REGION and parts[1] is not None:
        parts = parts[1:]
    labels = _labels(row)
    if row["baseline_session"]:
        labels.append(_text(codes.BASELINE, str(row["baseline_session"])))
    if ENDPOINTS.get(str(row["verdict_endpoint"])) == name:
        labels += [_finding(item) for item in codes.FINDINGS if item.code == row["verdict"]]
        if row["reason"]:
            found["note"] = [{"text": str(row["reason"])}]
    noise = row[f"{name}_sdc"]
    if noise is not None:
        quantity = codes.quantity(noise, coded)
        labels.append({"code": codes.concept(codes.part(codes.NOISE)), "valueQuantity": quantity})
    found["component"] = [*labels, *(item for item in parts if item is not None)]
    return found


def _base(row: Row, coded: codes.Coded, version: str) -> dict[str, Any]:
    place = [str(row[key]) for key in ("participant", "session", "site", "modality")]
    key = "\n".join([*place, coded.code])
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:_DIGEST_LETTERS],
        "status": "final",
        "category": [_CATEGORY],
        "code": codes.concept(coded),
        "subject": {"identifier": {"value": place[0]}, "type": "Patient"},
        "bodySite": {"text": place[2] or "scalp"},
        "method": {"text": f"densitometry {version}".strip()},
    }
    if row["date"]:
        found["effectiveDateTime"] = str(row["date"])
    return found


def _labels(row: Row) -> list[dict[str, Any]]:
    found = [_text(codes.VISIT, str(row["session"]) or "not known")]
    return [*found, _text(codes.MODALITY, str(row["modality"]))] if row["modality"] else found


def _finding(item: codes.Coded) -> dict[str, Any]:
    return {"code": codes.concept(codes.part(codes.FINDING)), "valueCodeableConcept": codes.concept(item)}


def _text(code: str, value: str) -> dict[str, Any]:
    return {"code": codes.concept(codes.part(code)), "valueString": value}


def _interval(low: Any, high: Any, code: str, coded: codes.Coded) -> dict[str, Any] | None:
    if low is None or high is None:
        return None
    ends = {"low": codes.quantity(low, coded), "high": codes.quantity(high, coded)}
    return {"code": codes.concept(codes.part(code)), "valueRange": ends}


def _absent(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": _ABSENT, "code": code, "display": display}]}
