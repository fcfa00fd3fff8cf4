"""How far a comparison of two visits is from the truth of their pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import densitometry as dm
from benchmarks.matching import (
    REQUIRED_LENGTH_UM,
    REQUIRED_VISIBLE,
    STEP_PX,
    TOLERANCE_PX,
    TOLERANCE_UM,
    pair_hairs,
    sample,
)
from benchmarks.visit_pairs import Shot, VisitPair
from densitometry import follow
from densitometry.analysis import Analysis
from densitometry.comparison import VisitChange, growth_of
from densitometry.follow.compare import Comparison
from densitometry.follow.match import GAINED, LOST, MATCHED
from densitometry.units import PixelSize

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SCALE_REL_ERROR = 0.005
"""Stated for scales that are true: a calibrated device."""
ON_HAIR_SHARE = 0.5
"""A trace lies on a hair, though it may not be the hair's own, if at least this share of it does."""
PICTURE = "density_change_pct"
DIAMETER = "mean_diameter_change_um"


@dataclass(frozen=True, slots=True)
class Measured:
    """One analysed picture with what is known about it.

    Attributes:
        analysis: what the product measured.
        follicle: by hair_id, the follicle of the hair that the trace lies on; -1 where there is none.
        traced: (M,) follicles whose hair has a trace of its own.
        visible: (M,) follicles with enough of their hair in view.
    """

    analysis: Analysis
    follicle: dict[int, int]
    traced: Booleans
    visible: Booleans


def analyze(shot: Shot, *, zoom_told: bool) -> Analysis:
    """Measure one picture with the shipped recipe, the scale stated as the kind of pair says."""
    size = PixelSize(shot.stated_um_per_px, "simulated", SCALE_REL_ERROR if zoom_told else None)
    return dm.analyze(dm.from_array(shot.rgb, size), gate=False)


def measure(shot: Shot, analysis: Analysis, n_follicles: int) -> Measured:
    """Find the hair under every trace."""
    seen = ~shot.hidden
    hairs = [*shot.truth["hairs"], *shot.truth["loose"]]
    truth = sample([np.asarray(hair["line_px"], float) for hair in hairs], seen)
    found = sample(list(analysis.lines_px), seen)
    pairs, on_truth = pair_hairs(truth, found, max(TOLERANCE_PX, TOLERANCE_UM / shot.um_per_px))
    owner = np.append(shot.follicle, np.full(len(hairs) - len(shot.follicle), -1))
    owner[owner >= n_follicles] = -1  # somebody else's
    under = np.full(len(found.per_curve), -1)
    if hairs and len(under):
        best = on_truth.argmax(axis=1)
        under = np.where(on_truth[np.arange(len(best)), best] >= ON_HAIR_SHARE, owner[best], -1)
    for t, f in pairs:
        under[f] = owner[t]
    traced, visible = np.zeros(n_follicles, bool), np.zeros(n_follicles, bool)
    traced[[owner[t] for t, _ in pairs if owner[t] >= 0]] = True
    length_um = truth.per_curve * STEP_PX * shot.um_per_px
    enough = [
        length_um[k] >= REQUIRED_LENGTH_UM and hair["visible"] >= REQUIRED_VISIBLE
        for k, hair in enumerate(shot.truth["hairs"])
    ]
    seen_well = owner[: len(enough)][np.array(enough, bool)]
    visible[seen_well[seen_well >= 0]] = True
    ids = analysis.hairs["hair_id"].to_numpy()
    return Measured(analysis, {int(i): int(f) for i, f in zip(ids, under, strict=True)}, traced, visible)


def compare_timed(visits: Sequence[Sequence[Analysis]]) -> tuple[VisitChange, float, float]:
    """Compare two visits; also return the seconds and processor seconds that took beyond the analyses."""
    started, used = time.perf_counter(), time.process_time()
    known = follow.Circumstances(scarring=False)
    found = dm.compare(list(visits[0]), list(visits[1]), circumstances=known)
    return found, time.perf_counter() - started, time.process_time() - used


def judgement(found: Comparison) -> dict[str, Any]:
    """Return whether a comparison was accepted, on what evidence, and its verdict, as a row's fields."""
    evidence = found.registration.evidence
    return {
        "registered": found.registration.ok,
        "refusal": found.registration.reason_code or None,
        "nats": None if evidence is None else evidence.total,
        "verdict": found.verdict.verdict,
    }


def score_pair(pair: VisitPair, visits: Sequence[Sequence[Measured]], days: float = 0.0) -> dict[str, Any]:
    """Compare two analysed visits and return all findings as plain numbers; None where there is none."""
    change, seconds, cpu_seconds = compare_timed([[m.analysis for m in visit] for visit in visits])
    found = change.comparison
    row: dict[str, Any] = {
        **judgement(found),
        "reason_code": found.verdict.reason_code,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    shared = found.registration.shared
    if shared is None:
        return row
    here, there = found.primary.baseline, found.primary.followup
    shots = (pair.visits[0][here], pair.visits[1][there])
    row["grid_um"] = grid_residual_um(found, shots)
    row["overlap"] = found.registration.overlap_fraction
    inside = shared.contains(shots[0].to_px(pair.root_um) * shots[0].stated_um_per_px)
    row |= score_links(pair, (visits[0][here], visits[1][there]), found, inside)
    row |= score_change(pair, found, inside)
    if days:
        row |= score_growth(pair, found, (visits[0][here], visits[1][there]), inside, days)
    return row


def grid_residual_um(found: Comparison, shots: tuple[Shot, Shot]) -> float | None:
    """Return the root mean square error of the registration's grid [µm] in the follow-up's plane."""
    grid = found.registration.grid_um
    if grid is None or np.isnan(grid[:, 1, 0]).all():
        return None
    known = grid[~np.isnan(grid[:, 1, 0])]
    scalp = shots[0].to_scalp_um(known[:, 0] / shots[0].stated_um_per_px)
    truth = shots[1].to_px(scalp) * shots[1].stated_um_per_px
    return float(np.sqrt(((truth - known[:, 1]) ** 2).sum(axis=1).mean()))


def link_follicles(found: Comparison, visits: Sequence[Measured]) -> tuple[Integers, Integers]:
    """Return the follicle under either hair of each link; -1 under no hair, -2 where the link has none."""
    links = found.links
    patches = (found.baselines[found.primary.baseline], found.followups[found.primary.followup])
    sides = []
    for rows, patch, measured in zip((links.baseline, links.followup), patches, visits, strict=True):
        ids = [int(patch.hair_id[row]) if row >= 0 else None for row in rows]
        sides.append(np.array([-2 if i is None else measured.follicle.get(i, -1) for i in ids], np.int64))
    return sides[0], sides[1]


def score_links(
    pair: VisitPair, visits: tuple[Measured, Measured], found: Comparison, inside: Booleans
) -> dict[str, Any]:
    """Count right partners, and gained and lost hairs told right, on the skin both pictures show."""
    links = found.links
    one, other = link_follicles(found, visits)
    matched = links.status == MATCHED
    right = np.zeros(len(inside), bool)
    right[one[matched & (one == other) & (one >= 0)]] = True
    both = inside & pair.showing.all(axis=0) & visits[0].visible & visits[1].visible
    twice = both & visits[0].traced & visits[1].traced
    row: dict[str, Any] = {
        "visible_both": int(both.sum()),
        "visible_both_right": int((both & right).sum()),
        "traced_both": int(twice.sum()),
        "traced_both_right": int((twice & right).sum()),
        "matched": int(matched.sum()),
        "matched_wrong": int((matched & (one != other) & (one >= 0) & (other >= 0)).sum()),
    }
    for name, status, then, now, follicle, measured in (
        ("lost", LOST, 0, 1, one, visits[0]),
        ("gained", GAINED, 1, 0, other, visits[1]),
    ):
        changed = pair.showing[then] & ~pair.showing[now]
        called = follicle[links.status == status]
        due = changed & inside & measured.visible
        row[f"{name}_called"] = len(called)
        row[f"{name}_called_right"] = int(changed[called[called >= 0]].sum())
        row[f"{name}_true"] = int(due.sum())
        row[f"{name}_found"] = int(due[np.unique(called[called >= 0])].sum())
    return row


def score_change(pair: VisitPair, found: Comparison, inside: Booleans) -> dict[str, Any]:
    """Compare the change of density and of mean diameter over the shared skin with the truth."""
    change = found.change
    if change is None:
        return {}
    there = pair.showing & inside
    counts = there.sum(axis=1)
    row: dict[str, Any] = {"hairs": int(counts[0])}
    figure = change.figures[PICTURE]
    if counts[0] and figure.value is not None and figure.low is not None and figure.high is not None:
        true = 100.0 * (counts[1] / counts[0] - 1)
        row |= {
            "density_true": true,
            "density_found": figure.value,
            "density_low": figure.low,
            "density_high": figure.high,
            "region_low": figure.region_low,
            "region_high": figure.region_high,
        }
    row["working"] = {
        name: figure.working for name, figure in change.figures.items() if figure.value is not None
    }
    terminal = change.figures["terminal_density_change_pct"]
    row["terminal_found"] = terminal.value
    row["terminal_region"] = [terminal.region_low, terminal.region_high]
    diameter = change.figures[DIAMETER].value
    if diameter is not None and counts.all():
        means = [float(pair.diameter_um[visit].mean()) for visit in there]
        row["diameter_error_um"] = diameter - (means[1] - means[0])
    return row


def score_growth(
    pair: VisitPair, found: Comparison, visits: tuple[Measured, Measured], inside: Booleans, days: float
) -> dict[str, Any]:
    """Compare the growing share of a phototrichogram with that of the hairs visible on both days."""
    growth = growth_of(found, days)
    both = inside & visits[0].visible & visits[1].visible
    return {
        "growing_true": float(pair.growing[both].mean()) if both.any() else None,
        "growing_found": growth.growing_fraction,
        "growing_low": growth.growing_low,
        "growing_high": growth.growing_high,
        "growing_reason": growth.reason or None,
    }
