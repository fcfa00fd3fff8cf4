"""How far a set of traces is from a phantom's truth.

A truth hair and a trace are the same hair when they run along each other (within 25 µm or 2.5 px, and
35°) for at least half of the length that both have in view together; every hair and every trace is
used at most once, and the pairing is the one that shares most. Stretches under bubbles, glare and
marks are no evidence either way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SAME_HAIR_SHARE = 0.5
TOLERANCE_PX, TOLERANCE_UM = 2.5, 25.0
SAME_DIRECTION_COS = math.cos(math.radians(35.0))
STEP_PX = 1.5
REQUIRED_LENGTH_UM = 200.0
"""The contract asks for every hair seen along at least this much."""
REQUIRED_VISIBLE = 0.25
"""A hair with less of itself above other hairs is neither required nor wrong."""
EXCUSED_SHARE, HIDDEN_SHARE = 0.3, 0.5
"""A trace with such a share on hairs that are not required, or under what hides it, is not counted wrong."""
CIRCLE_RADIUS = 0.48
CLASS_CUT_UM, CLASS_MARGIN_UM = 30.0, 6.0
CUTOFFS_UM = (30.0, 40.0)
ROOT_UM = 100.0
UM2_PER_CM2 = 1e8


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
        figures: errors of the picture's own figures, by name; None where the tool states none.
        holds: whether the interval of the picture's figure holds the truth of this picture, by name.
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
    figures: Mapping[str, float | None] = field(default_factory=dict)
    holds: Mapping[str, bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Samples:
    """Points along curves: (S, 2) places and unit directions, (S,) curve of each, (K,) samples per curve."""

    points: Floats
    directions: Floats
    owner: NDArray[np.int64]
    per_curve: NDArray[np.int64]


def sample(lines: Sequence[Floats], seen: Bools) -> Samples:
    """Walk along curves in even steps and keep what can be seen.

    Args:
        lines: (N, 2) curves [x, y] [px].
        seen: (H, W) True where nothing hides the scalp.
    """
    points, directions, owners = [np.empty((0, 2))], [np.empty((0, 2))], [np.empty(0, np.int64)]
    for number, line in enumerate(lines):
        arc = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        at = np.arange(0.0, arc[-1] + 1e-9, STEP_PX)
        place = np.stack([np.interp(at, arc, line[:, 0]), np.interp(at, arc, line[:, 1])], axis=1)
        along = np.gradient(place, axis=0) if len(at) > 1 else np.zeros_like(place)
        cell = np.rint(place).astype(np.int64)
        inside = np.asarray(((cell >= 0) & (cell < (seen.shape[1], seen.shape[0]))).all(axis=1), np.bool_)
        kept = inside.copy()
        kept[inside] = seen[cell[inside, 1], cell[inside, 0]]
        points.append(place[kept])
        directions.append(along[kept] / np.maximum(np.linalg.norm(along[kept], axis=1, keepdims=True), 1e-9))
        owners.append(np.full(int(kept.sum()), number))
    owner = np.concatenate(owners)
    counts = np.bincount(owner, minlength=len(lines)).astype(np.int64)
    return Samples(np.vstack(points), np.vstack(directions), owner, counts)


def shared_samples(a: Samples, b: Samples, tolerance_px: float) -> tuple[Floats, Floats]:
    """Return (A, B) counts of samples of each a that run along each b, and (A, B) of each b along each a."""
    shape = (len(a.per_curve), len(b.per_curve))
    if not (len(a.points) and len(b.points)):
        return np.zeros(shape), np.zeros(shape)
    near = cKDTree(a.points).sparse_distance_matrix(cKDTree(b.points), tolerance_px, output_type="ndarray")
    i, j = near["i"], near["j"]
    parallel = np.abs((a.directions[i] * b.directions[j]).sum(axis=1)) >= SAME_DIRECTION_COS
    i, j = i[parallel], j[parallel]
    return (
        _tally(i, a.owner, b.owner[j], shape),
        _tally(j, b.owner, a.owner[i], shape[::-1]).T,
    )


def _tally(
    samples: NDArray[np.int64], owner: NDArray[np.int64], other: NDArray[np.int64], shape: tuple[int, int]
) -> Floats:
    """Return how many samples of each curve have each of the other curves nearby.

    Args:
        samples: number of the sample, once for each near sample of another curve.
        owner: curve of each sample.
        other: the other curve, one per entry of `samples`.
        shape: number of curves on either side.
    """
    sample_number, other_number = np.divmod(np.unique(samples.astype(np.int64) * shape[1] + other), shape[1])
    pair = owner[sample_number] * shape[1] + other_number
    return np.bincount(pair, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)


def pair_hairs(truth: Samples, found: Samples, tolerance_px: float) -> tuple[list[tuple[int, int]], Floats]:
    """Return the one-to-one pairs (truth, found) and (B, A): each found curve's share on each truth curve."""
    along_truth, along_found = shared_samples(truth, found, tolerance_px)
    both = np.minimum(along_truth, along_found)
    union = truth.per_curve[:, None] + found.per_curve[None] - both
    share = both / np.maximum(union, 1)
    rows, columns = linear_sum_assignment(share, maximize=True)
    pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if share[r, c] >= SAME_HAIR_SHARE]
    return pairs, (along_found / np.maximum(found.per_curve[None], 1)).T


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
    field_of_view = _field_of_view(hidden.shape, bool(truth["circle"]))
    seen = field_of_view & ~hidden
    hairs = [*truth["hairs"], *truth["loose"]]
    lines = [line for line, _ in traces]
    true_samples = sample([np.asarray(h["line_px"], float) for h in hairs], seen)
    found_samples = sample(lines, seen)
    covered = sample(lines, hidden & field_of_view).per_curve
    required = np.array(
        [
            k < len(truth["hairs"])
            and n * STEP_PX * um >= REQUIRED_LENGTH_UM
            and hairs[k]["visible"] >= REQUIRED_VISIBLE
            for k, n in enumerate(true_samples.per_curve)
        ],
        np.bool_,
    )
    pairs, on_truth = pair_hairs(true_samples, found_samples, max(TOLERANCE_PX, TOLERANCE_UM / um))
    hits = [(t, f) for t, f in pairs if required[t]]
    excused = covered > HIDDEN_SHARE / (1 - HIDDEN_SHARE) * found_samples.per_curve
    if (~required).any():
        excused |= on_truth[:, ~required].max(axis=1) >= EXCUSED_SHARE
    excused[[f for _, f in hits]] = False
    here = rooted_in(truth["hairs"], seen)
    area_cm2 = float(np.count_nonzero(seen)) * um**2 / UM2_PER_CM2
    per_hair = _judge_hairs([(hairs[t], traces[f][1]) for t, f in hits], um)
    figures, holds = _judge_figures(here, area_cm2, summary)
    return PictureScore(
        required=int(required.sum()),
        found=len(traces) - int(excused.sum()),
        matched=len(hits),
        true_count=len(here),
        count=_count(traces, summary, field_of_view, TOLERANCE_UM / um),
        density_error_pct=figures.pop("density_error_pct"),
        **per_hair,
        figures=figures,
        holds=holds,
    )


def _field_of_view(shape: tuple[int, ...], circle: bool) -> Bools:
    height, width = shape
    if not circle:
        return np.ones((height, width), np.bool_)
    y, x = np.ogrid[:height, :width]
    return np.asarray(np.hypot(x - width / 2, y - height / 2) < CIRCLE_RADIUS * height, np.bool_)


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
    errors, held, classes, roots, unresolved = [], [], [], [], 0
    for hair, trace in pairs:
        true_um = hair["d_um"]
        kind = trace.get("class")
        unresolved += kind == "uncertain"
        if trace.get("diameter_um") is not None:
            errors.append(float(trace["diameter_um"]) - true_um)
        if trace.get("diameter_low_um") is not None and trace.get("diameter_high_um") is not None:
            held.append(bool(trace["diameter_low_um"] <= true_um <= trace["diameter_high_um"]))
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
    }


def _judge_figures(
    here: Sequence[Mapping[str, Any]], area_cm2: float, summary: Mapping[str, Any] | None
) -> tuple[dict[str, float | None], dict[str, bool | None]]:
    """Compare a picture's stated figures and their intervals with the truth of this picture."""
    if summary is None:
        return {"density_error_pct": None}, {}
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
    return figures, holds


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
