"""Stand-ins for rooms that are not there yet; each is dropped when its room arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from densitometry.model import FloatArray, ScaledImage, TraceResult
from densitometry.schema import HAIRS, SUMMARY_MEASURES


def trace_hairs(pixels: Any, valid: Any, settings: Any) -> TraceResult:
    return TraceResult((), 0.8, "assumed")


@dataclass(frozen=True, slots=True)
class HairTable:
    hairs: pd.DataFrame
    lines_px: tuple[FloatArray, ...]


def measure_hairs(result: TraceResult, image: ScaledImage, settings: Any) -> HairTable:
    s = image.pixel_size
    rows, lines = [], []
    for k, t in enumerate(result.traces):
        w = t.width_px[np.isfinite(t.width_px)]
        d = s.to_um(float(np.median(w))) if w.size else s.to_um(1.0)
        length = s.to_um(float(np.linalg.norm(np.diff(t.points_px, axis=0), axis=1).sum()))
        if length < settings.minimum_length_um:
            continue
        r = s.to_um(t.points_px[0].astype(float)) if t.starts_inside else (np.nan, np.nan)
        e = s.to_um(t.points_px[-1].astype(float)) if t.ends_inside else (np.nan, np.nan)
        weight = 1.0 if t.starts_inside else 0.0
        flags = list(t.flags) + ([] if weight else ["root_outside"])
        rows.append(
            (
                len(rows) + 1,
                d,
                d * 0.9,
                d * 1.1,
                length,
                "terminal" if d >= 30 else "vellus",
                r[0],
                r[1],
                e[0],
                e[1],
                True,
                weight,
                weight > 0,
                None,
                float(np.std(w)) if w.size else np.nan,
                int(w.size),
                ";".join(flags),
            )
        )
        lines.append(t.points_px)
    frame = pd.DataFrame(rows, columns=[c.name for c in HAIRS]).astype({c.name: c.dtype for c in HAIRS})
    return HairTable(frame, tuple(lines))


def summarize(table: HairTable, image: ScaledImage, result: TraceResult, settings: Any) -> dict[str, Any]:
    n = float(table.hairs["count_weight"].sum())
    out: dict[str, Any] = {c.name: None for c in SUMMARY_MEASURES}
    out["n_hairs"] = n
    out["density_per_cm2"] = n / image.area_cm2
    out["mean_diameter_um"] = float(table.hairs["diameter_um"].mean()) if len(table.hairs) else None
    return out
