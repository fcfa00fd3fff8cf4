"""Following on real frames outside the repository: the same scalp made to look like another visit.

A frame is cropped, turned, lit otherwise, made noisy and compressed; hairs are painted out of one of the two.
Nothing of the frames is kept: rows hold numbers and the frame's running number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import densitometry as dm
from benchmarks.environment import source_digest
from benchmarks.visit_score import judgement
from densitometry import follow
from densitometry.analysis import Analysis
from densitometry.units import PixelSize

Pixels = NDArray[np.uint8]

FIRST_SEED = 900_000
CROP, TURN_RAD, ZOOM = 0.06, 0.16, 0.03
EXPOSURE_SD, TINT_SD, NOISE, JPEG_QUALITY = 0.12, 0.04, 2.0, 85
EDITED_SHARE = 0.12
SURROUND_UM, WIDER = 80.0, 1.4
SAME_PLACE_UM = 120.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One real frame: its file, its scale, and whose it is (the digits of its name's second part)."""

    path: Path
    um_per_px: float
    person: str


def frames_in(folder: Path) -> list[Frame]:
    """Return the frames of a folder, by name."""
    found = []
    for path in sorted(folder.glob("*.jpg")):
        truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        person = "".join(c for c in path.stem.split("_")[-1] if c.isdigit())
        found.append(Frame(path, float(truth["um_per_px"]), person))
    return found


def measure_folder(folder: Path, n_others: int, jobs: int) -> Iterator[dict[str, Any]]:
    """Yield rows: each frame against itself changed, with hairs painted out, and pairs of people.

    Args:
        folder: of the frames.
        n_others: pairs of frames of different people, at most; spread evenly over all there are.
        jobs: processes.
    """
    frames = frames_in(folder)
    todo = [(number, frame) for number, frame in enumerate(frames)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        patches = []
        for rows, patch in pool.map(_measure_frame, todo):
            patches.append(patch)
            yield from rows
        pairs = [(i, j) for i in range(len(frames)) for j in range(i) if frames[i].person != frames[j].person]
        chosen = np.unique(np.linspace(0, len(pairs) - 1, min(n_others, len(pairs))).round().astype(int))
        for k in chosen:
            i, j = pairs[k]
            found = follow.compare_visits(patches[i], patches[j])
            yield _row("real-other", f"{i}-{j}", found)


def _measure_frame(job: tuple[int, Frame]) -> tuple[list[dict[str, Any]], follow.Patch]:
    cv2.setNumThreads(1)
    number, frame = job
    rng = np.random.default_rng(FIRST_SEED + number)
    pixels = np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(frame.path))), cv2.COLOR_BGR2RGB), np.uint8)
    first = _analyze(pixels, frame.um_per_px)
    again, _ = revisited(pixels, rng)
    second = _analyze(again, frame.um_per_px)
    rows = [
        _row("real-same", str(number), follow.compare_visits(follow.patch_of(first), follow.patch_of(second)))
    ]
    painted, places_um = painted_out(pixels, first, rng)
    if len(places_um):
        rng_again = np.random.default_rng(FIRST_SEED + number)
        bare, _ = revisited(painted, rng_again)
        third = _analyze(bare, frame.um_per_px)
        rows.append(_edited_row(number, first, third, places_um))
    return rows, follow.patch_of(first)


def revisited(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.float64]]:
    """Return the scalp as another visit might show it: cropped, turned, resized, lit, noisy, compressed."""
    height, width = pixels.shape[:2]
    turn, zoom = rng.uniform(-TURN_RAD, TURN_RAD), 1 + rng.uniform(-ZOOM, ZOOM)
    shift = rng.uniform(-CROP, CROP, 2) * (width, height)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), np.degrees(turn), zoom)
    matrix[:, 2] += shift
    # The largest upright rectangle round the middle that is full of skin.
    full = cv2.warpAffine(np.full((height, width), 255, np.uint8), matrix, (width, height)) == 255
    left, top, right, bottom = _largest_inside(np.asarray(full))
    moved = np.asarray(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC))
    moved = moved[top:bottom, left:right].astype(np.float64)
    matrix[:, 2] -= (left, top)
    ramp = 1 + 0.15 * rng.uniform(-1, 1) * np.linspace(-1, 1, moved.shape[1])[None, :, None]
    gain = np.exp(rng.normal(0, EXPOSURE_SD)) * np.exp(rng.normal(0, TINT_SD, 3)) * ramp
    # Light acts on linear values; 2.2 is near enough to the sRGB curve for a change of light.
    lit = 255 * np.clip((moved / 255) ** 2.2 * gain, 0, 1) ** (1 / 2.2)
    noisy = np.clip(lit + rng.normal(0, NOISE, lit.shape), 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy(), np.asarray(matrix)


def _largest_inside(full: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    height, width = full.shape
    for step in range(min(height, width) // 2):
        x, y = round(step * width / height), step
        sides = full[y, x : width - x], full[-y - 1, x : width - x], full[y : height - y, [x, -x - 1]]
        if all(side.all() for side in sides):
            return x, y, width - x, height - y
    return 0, 0, width, height


def painted_out(
    pixels: Pixels, analysis: Analysis, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.float64]]:
    """Paint some traced hairs over with the skin beside them; also return their roots, (k, 2) [µm]."""
    um = analysis.image.pixel_size.um_per_px
    table = analysis.hairs
    alone = _standing_alone(analysis)
    k = min(len(alone), max(1, round(EDITED_SHARE * len(table))))
    chosen = rng.choice(alone, k, replace=False) if len(alone) else []
    painted = pixels.copy()
    for row in chosen:
        mask = np.zeros(pixels.shape[:2], np.uint8)
        width = WIDER * float(table["diameter_um"].iloc[row]) + SURROUND_UM
        line = np.round(_longer(analysis.lines_px[row], SURROUND_UM / um)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(mask, [line], isClosed=False, color=255, thickness=max(3, round(width / um)))
        painted = np.asarray(cv2.inpaint(painted, mask, 5, cv2.INPAINT_TELEA), np.uint8)
    roots = table[["root_x_um", "root_y_um"]].to_numpy(float)[list(chosen)]
    return painted, roots.reshape(-1, 2)


def _longer(line: NDArray[np.float64], reach_px: float) -> NDArray[np.float64]:
    """Return a line that runs on at both ends."""
    ways = [line[0] - line[min(3, len(line) - 1)], line[-1] - line[max(-4, -len(line))]]
    ends = [way / max(1e-9, float(np.hypot(*way))) * reach_px for way in ways]
    return np.vstack([line[0] + ends[0], line, line[-1] + ends[1]])


def _standing_alone(analysis: Analysis) -> NDArray[np.int64]:
    """Return counted hairs with nothing else traced near: they can be painted out without touching others."""
    um = analysis.image.pixel_size.um_per_px
    lines = analysis.lines_px
    rows = []
    height, width = analysis.image.pixels.shape[:2]
    margin = 0.12 * np.array([width, height])
    for k, line in enumerate(lines):
        if not analysis.hairs["counted"].iloc[k] or analysis.hairs[["root_x_um"]].isna().iloc[k, 0]:
            continue
        if (line < margin).any() or (line > np.array([width, height]) - margin).any():
            continue
        others = [other for j, other in enumerate(lines) if j != k]
        gap = min(
            (np.hypot(*(line[:, None] - other[None]).transpose(2, 0, 1)).min() for other in others),
            default=np.inf,
        )
        if gap * um > SURROUND_UM + float(analysis.hairs["diameter_um"].iloc[k]):
            rows.append(k)
    return np.array(rows, np.int64)


def _edited_row(
    number: int, first: Analysis, third: Analysis, places_um: NDArray[np.float64]
) -> dict[str, Any]:
    found = follow.compare_visits(follow.patch_of(first), follow.patch_of(third))
    row = _row("real-edited", str(number), found)
    if found.change is None or found.registration.shared is None:
        return row
    inside = found.registration.shared.contains(places_um)
    links = found.links
    lost = links.place_um[(links.status == "lost") & links.shared]
    gaps = np.hypot(*(places_um[inside][:, None] - lost[None]).transpose(2, 0, 1))
    met = gaps.min(axis=1) < SAME_PLACE_UM if gaps.size else np.zeros(int(inside.sum()), bool)
    net = found.change.baseline_hairs - found.change.followup_hairs
    return {
        **row,
        "edited": int(inside.sum()),
        "told": int(met.sum()),
        "lost_called": len(lost),
        "net_lost": net,
    }


def _row(kind: str, name: str, found: follow.Comparison) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "day": date.today().isoformat(),
        "source": source_digest(),
        **judgement(found),
    }
    if found.change is not None:
        figure = found.change.figures["density_change_pct"]
        row |= {"hairs": found.change.baseline_hairs, "density_found": figure.value}
        row |= {"density_low": figure.low, "density_high": figure.high}
        row |= {f"n_{s}": found.links.count(s) for s in ("matched", "gained", "lost", "uncertain")}
    return row


def _analyze(pixels: Pixels, um_per_px: float) -> Analysis:
    return dm.analyze(dm.from_array(pixels, PixelSize(um_per_px, "option")), gate=False)
