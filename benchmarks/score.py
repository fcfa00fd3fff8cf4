"""How far a set of traces is from a phantom's truth; which trace is which hair says `benchmarks.matching`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching import TOLERANCE_UM, match_hairs

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CLASS_CUT_UM, CLASS_MARGIN_UM = 30.0, 6.0
CUTOFFS_UM = (30.0, 40.0)
ROOT_UM = 100.0
UM2_PER_CM2 = 1e8
SIGMAS_OF_INTERVAL = 1.96
"""Standard errors that a 95 % interval reaches to either side of a figure."""


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One picture's findings, kept apart so that kinds of pictures can be pooled.

    Attributes:
        required, found, matched: truth hairs asked for; traces not excused; pairs.
        true_count, count: hairs rooted in the valid field, and what the tool counts.
        density_error_pct: of the tool's stated density; None where it states none.
        diameter_errors_um: found minus true of every matched hair with a diameter.
        held_um: per matched hair, whether its interval holds the truth.
        class_right, root_right: per matched hair that can be judged.
        unresolved: matched hairs that the tool calls too thin to measure.
        sigmas: per matched hair with an interval, its error in standard errors as stated.
        figures: errors of the picture's own figures, by name; None where the tool states none.
        holds: whether the interval of the picture's figure holds the truth of this picture, by name.
        figure_sigmas: errors of the figures in standard errors as stated, by name.
    """

    required: int
    found: int
    matched: int
    true_count: int
    count: float
    density_error_pct: float | None
    diameter_errors_um: tuple[float, ...]
    held_um: tuple[bool, ...] = ()
    class_right: tuple[bool, ...] = ()
    root_right: tuple[bool, ...] = ()
    unresolved: int = 0
    sigmas: tuple[float, ...] = ()
    figures: Mapping[str, float | None] = field(default_factory=dict)
    holds: Mapping[str, bool | None] = field(default_factory=dict)
    figure_sigmas: Mapping[str, float | None] = field(default_factory=dict)


def score_picture(
    truth: Mapping[str, Any],
    hidden: Bools,
    traces: Sequence[tuple[Floats, Mapping[str, Any]]],
    summary: Mapping[str, Any] | None,
) -> PictureScore:
    """Score one tool on one picture.

    Args:
        truth: what the simulator wrote beside the picture.
        hidden: (H, W) pixels under bubbles, glare, marks or the dark surround.
        traces: (N, 2) line [x, y] and properties (`diameter_um` at least) of each trace.
        summary: the picture's own figures (summary.json); None for a tool that gives traces only.
    """
    um = float(truth["um_per_px"])
    match = match_hairs(truth, hidden, traces)
    here = rooted_in(truth["hairs"], match.seen)
    area_cm2 = float(np.count_nonzero(match.seen)) * um**2 / UM2_PER_CM2
    per_hair = _judge_hairs([(match.hairs[t], traces[f][1]) for t, f in match.hits], um)
    figures, holds, sigmas = _judge_figures(here, area_cm2, summary)
    return PictureScore(
        required=int(match.required.sum()),
        found=len(traces) - int(match.excused.sum()),
        matched=len(match.hits),
        true_count=len(here),
        count=_count(traces, summary, match.field_of_view, TOLERANCE_UM / um),
        density_error_pct=figures.pop("density_error_pct"),
        **per_hair,
        figures=figures,
        holds=holds,
        figure_sigmas=sigmas,
    )


def rooted_in(hairs: Iterable[Mapping[str, Any]], seen: Bools) -> list[Mapping[str, Any]]:
    """Return the truth hairs that a picture's density counts: those whose root lies in the field seen."""
    return [hair for hair in hairs if hair["root_inside"] and _at(seen, hair["root_px"])]


def _at(area: Bools, point: Sequence[float]) -> bool:
    x, y = round(point[0]), round(point[1])
    return 0 <= y < area.shape[0] and 0 <= x < area.shape[1] and bool(area[y, x])


def _count(
    traces: Sequence[tuple[Floats, Mapping[str, Any]]],
    summary: Mapping[str, Any] | None,
    field_of_view: Bools,
    margin_px: float,
) -> float:
    """Return what a tool counts: its own figure, or half for each end that the frame does not cut.

    A half for each end is the kindest rule to a tool that knows no roots: hairs cut by the frame do
    not inflate it.
    """
    if summary is not None:
        return float(summary["n_hairs"])
    ends = [end for line, _ in traces for end in (line[0], line[-1])]
    steps = [(dx, dy) for dx in (-margin_px, margin_px) for dy in (-margin_px, margin_px)]
    return sum(all(_at(field_of_view, end + np.array(s)) for s in steps) for end in ends) / 2


def _judge_hairs(
    pairs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], um_per_px: float
) -> dict[str, Any]:
    """Compare each matched hair's own figures with the truth."""
    errors, held, sigmas, classes, roots, unresolved = [], [], [], [], [], 0
    for hair, trace in pairs:
        true_um = hair["d_um"]
        kind = trace.get("class")
        unresolved += kind == "uncertain"
        if trace.get("diameter_um") is not None:
            errors.append(float(trace["diameter_um"]) - true_um)
        if trace.get("diameter_low_um") is not None and trace.get("diameter_high_um") is not None:
            low, high = float(trace["diameter_low_um"]), float(trace["diameter_high_um"])
            held.append(bool(low <= true_um <= high))
            sigmas.append(_sigmas(float(trace["diameter_um"]), low, high, true_um))
        if kind in ("terminal", "vellus") and abs(true_um - CLASS_CUT_UM) > CLASS_MARGIN_UM:
            classes.append((kind == "vellus") == (true_um < CLASS_CUT_UM))
        if "root_px" in trace and hair["root_inside"]:
            root = trace["root_px"]
            roots.append(root is not None and math.dist(root, hair["root_px"]) * um_per_px <= ROOT_UM)
    return {
        "diameter_errors_um": tuple(errors),
        "held_um": tuple(held),
        "class_right": tuple(classes),
        "root_right": tuple(roots),
        "unresolved": unresolved,
        "sigmas": tuple(sigmas),
    }


def _sigmas(stated: float, low: float, high: float, true: float) -> float:
    """Return an error in standard errors, a 95 % interval reaching 1.96 of them to either side."""
    reach = (high if true > stated else low) - stated
    return (true - stated) / max(abs(reach), 1e-9) * SIGMAS_OF_INTERVAL


def _judge_figures(
    here: Sequence[Mapping[str, Any]], area_cm2: float, summary: Mapping[str, Any] | None
) -> tuple[dict[str, float | None], dict[str, bool | None], dict[str, float | None]]:
    """Compare a picture's stated figures and their intervals with the truth of this picture."""
    if summary is None:
        return {"density_error_pct": None}, {}, {}
    diameters = np.array([h["d_um"] for h in here])
    units = len({h["fu"] for h in here})
    density = len(here) / area_cm2
    mean_um = float(diameters.mean()) if len(here) else None
    rows = {row["cutoff_um"]: row for row in summary.get("by_cutoff") or []}
    figures = {
        "density_error_pct": _relative_pct(summary.get("density_per_cm2"), density),
        "mean_diameter_error_um": _difference(summary.get("mean_diameter_um"), mean_um),
        "units_error_pct": _relative_pct(summary.get("follicular_units_per_cm2"), units / area_cm2),
        "hairs_per_unit_error": _difference(
            summary.get("hairs_per_unit"), len(here) / units if units else None
        ),
    }
    for cutoff in CUTOFFS_UM:
        below = 100 * float((diameters < cutoff).mean()) if len(here) else None
        stated = rows.get(cutoff, {}).get("vellus_fraction")
        name = f"vellus_{cutoff:g}_error_points"
        figures[name] = _difference(None if stated is None else 100 * stated, below)
    holds = {
        "density": _holds(summary, "density_per_cm2", density),
        "mean_diameter": _holds(summary, "mean_diameter_um", mean_um),
    }
    if len(here) > 1:
        holds |= {
            "median_diameter": _holds(summary, "median_diameter_um", float(np.median(diameters))),
            "diameter_cv": _holds(summary, "diameter_cv", float(diameters.std(ddof=1) / diameters.mean())),
            "vellus_fraction": _holds(summary, "vellus_fraction", float((diameters < CLASS_CUT_UM).mean())),
        }
    sigmas = {
        "density": _figure_sigmas(summary, "density_per_cm2", density),
        "mean_diameter": _figure_sigmas(summary, "mean_diameter_um", mean_um),
    }
    return figures, holds, sigmas


def _figure_sigmas(summary: Mapping[str, Any], name: str, true: float | None) -> float | None:
    stated, low, high = (summary.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if stated is None or low is None or high is None or true is None:
        return None
    return _sigmas(stated, low, high, true)


def _difference(stated: float | None, true: float | None) -> float | None:
    return None if stated is None or true is None else float(stated) - true


def _relative_pct(stated: float | None, true: float) -> float | None:
    return None if stated is None or true == 0 else 100 * (float(stated) / true - 1)


def _holds(summary: Mapping[str, Any], name: str, true: float | None) -> bool | None:
    low, high = summary.get(f"{name}_low"), summary.get(f"{name}_high")
    return None if low is None or high is None or true is None else bool(low <= true <= high)


def pool(scores: Sequence[PictureScore]) -> dict[str, float | int | None]:
    """Pool the pictures of one kind: F1 over all hairs, errors of figures as means over pictures."""
    matched, required, found = (sum(getattr(s, n) for s in scores) for n in ("matched", "required", "found"))
    errors = np.array([e for s in scores for e in s.diameter_errors_um])
    counted = [s for s in scores if s.true_count]
    count_pct = [100 * (s.count / s.true_count - 1) for s in counted]
    pooled: dict[str, float | int | None] = {
        "pictures": len(scores),
        "hairs": required,
        "f1": 2 * matched / (required + found) if required + found else None,
        "precision": matched / found if found else None,
        "recall": matched / required if required else None,
        "count_error_pct": _mean(map(abs, count_pct)),
        "count_bias_pct": _mean(count_pct),
        "density_error_pct": _mean(
            abs(s.density_error_pct) for s in scores if s.density_error_pct is not None
        ),
        "density_bias_pct": _mean(s.density_error_pct for s in scores if s.density_error_pct is not None),
        "thickness_error_um": float(np.median(np.abs(errors))) if len(errors) else None,
        "thickness_bias_um": float(np.mean(errors)) if len(errors) else None,
        "class_right": _mean(r for s in scores for r in s.class_right),
        "roots_within_100_um": _mean(r for s in scores for r in s.root_right),
        "unresolved_share": sum(s.unresolved for s in scores) / matched if matched else None,
        # Hairs of one picture err together: its share is one observation.
        "diameter_coverage": _mean(np.mean(s.held_um) for s in scores if s.held_um),
    }
    for name in sorted({name for s in scores for name in s.figures}):
        stated = [value for s in scores if (value := s.figures.get(name)) is not None]
        pooled[name.replace("_error", "_bias")] = _mean(stated)
        pooled[name] = _mean(map(abs, stated))
    for name in sorted({name for s in scores for name in s.holds}):
        pooled[f"{name}_coverage"] = _mean(value for s in scores if (value := s.holds.get(name)) is not None)
    return pooled


def _mean(values: Iterable[float | bool | np.floating[Any]]) -> float | None:
    known = [float(v) for v in values]
    return sum(known) / len(known) if known else None


def read_result(folder: Path) -> tuple[list[tuple[Floats, dict[str, Any]]], dict[str, Any] | None]:
    """Read what a tool wrote: its traces, and summary.json where there is one."""
    collection = json.loads((folder / "traces.geojson").read_text(encoding="utf-8"))
    traces = [
        (np.asarray(f["geometry"]["coordinates"], float)[:, :2], f["properties"])
        for f in collection["features"]
        if f["geometry"]["type"] == "LineString"
    ]
    path = folder / "summary.json"
    return traces, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
