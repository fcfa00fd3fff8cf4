"""One picture and one recipe → Analysis: the rooms in their fixed order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import median_filter

from densitometry._version import __version__
from densitometry.capture import fill_masked
from densitometry.measure import measure_hairs, summarize
from densitometry.model import BoolArray, FloatArray, ScaledImage, TraceResult
from densitometry.recipe import Recipe, load_recipe
from densitometry.report import results
from densitometry.report.folders import whole_folder
from densitometry.schema import HAIRS, SUMMARY_MEASURES, SUMMARY_SCHEMA, column_names, dtypes
from densitometry.settings import TraceSettings
from densitometry.trace.curves import FollowSettings
from densitometry.trace.exchange import ExchangeSettings
from densitometry.trace.joins import JoinSettings
from densitometry.trace.segments import SegmentSettings
from densitometry.trace.siblings import SiblingSettings
from densitometry.trace.tracer import TraceOptions, trace_hairs
from densitometry.trace.width import WidthSettings
from densitometry.units import UM2_PER_CM2, PixelSize

_SMOOTHED_SECTIONS = 9
"""Cross-sections a drawn edge is smoothed over; the numbers are not."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was measured in one picture.

    Attributes:
        image: the picture with its scale, field and quality.
        recipe: every setting used.
        hairs: one row per hair seen, columns of `schema.HAIRS` (µm).
        lines_px: one (N, 2) centre line [x, y] [px] per row, root first.
        widths_px: one (N,) outer-edge width [px] per row, NaN where it could not be measured.
        summary: what summary.json holds, JSON-able.
    """

    image: ScaledImage
    recipe: Recipe
    hairs: pd.DataFrame
    lines_px: tuple[FloatArray, ...]
    widths_px: tuple[FloatArray, ...]
    summary: Mapping[str, Any]

    def save(self, folder: str | Path, *, overlay: bool = True) -> Path:
        """Write the tables and the overlay of the picture; the folder appears whole or not at all.

        Returns:
            The folder.

        Raises:
            OutputError: if the folder cannot be written or holds other files.
        """
        target = Path(folder)
        with whole_folder(target, results.RESULT_NAMES) as partial:
            results.write_tables(
                partial, self.hairs, self.lines_px, self.summary, self.image.pixel_size.um_per_px
            )
            if overlay:
                from densitometry.report.canvas import encode_png

                (partial / results.OVERLAY_NAME).write_bytes(encode_png(self.overlay()))
        return target

    def overlay(self) -> Any:
        """Return the picture with every hair drawn along its measured edges: (H', W', 3) uint8 RGB."""
        from densitometry.report import figures

        rows = self.hairs.to_dict("records")
        um_per_px = self.image.pixel_size.um_per_px
        drawings = [
            figures.HairDrawing(
                points_px=line,
                width_px=_complete(width, row["diameter_um"] / um_per_px),
                kind=row["class"],
                counted=row["counted"],
                root_px=None
                if pd.isna(row["root_x_um"])
                else (row["root_x_um"] / um_per_px, row["root_y_um"] / um_per_px),
                root_sure=row["root_sure"],
            )
            for row, line, width in zip(rows, self.lines_px, self.widths_px, strict=True)
        ]
        return figures.overlay(self.image, self.hairs, drawings, self.summary, self.recipe.report)


def analyze(image: ScaledImage, recipe: Recipe | None = None, *, gate: bool = True) -> Analysis:
    """Measure one picture.

    Args:
        image: the picture with its scale, from `read`.
        recipe: settings; the recipe "trichoscopy" when None.
        gate: whether a picture of verdict "reject" is left unmeasured (its measures are then null).

    Returns:
        The hairs and the summary.
    """
    recipe = load_recipe() if recipe is None else recipe
    head = _summary_head(image, recipe)
    if gate and image.quality.verdict == "reject":
        measures: dict[str, Any] = dict.fromkeys(column_names(SUMMARY_MEASURES))
        return Analysis(
            image, recipe, empty_hairs(), (), (), {**head, "psf_um": None, "psf_source": None, **measures}
        )
    traced = _trace(image, recipe)
    table = measure_hairs(traced, image, recipe.measure)
    measures = summarize(table, image, recipe.measure)
    psf = {"psf_um": image.pixel_size.to_um(traced.psf_sigma_px), "psf_source": traced.psf_source}
    widths = _widths_of(table.lines_px, traced)
    return Analysis(image, recipe, table.hairs, table.lines_px, widths, {**head, **psf, **measures})


def _trace(image: ScaledImage, recipe: Recipe) -> TraceResult:
    """Hand the picture to tracing, which knows pixels only; thin drawn lines are filled in."""
    thin = _thin_part(image.masked, image.pixel_size.to_px(recipe.trace.bridged_mark_um))
    pixels = fill_masked(image.pixels, image.masked)
    options = trace_options(recipe.trace, image.pixel_size)
    field = image.valid | thin if thin.any() else image.valid
    return trace_hairs(pixels, field, options, thin)


def _thin_part(masked: BoolArray, width_px: float) -> BoolArray:
    """Masked pixels in strokes thinner than a width: what a hair visibly runs on below."""
    if not masked.any():
        return masked
    side = max(3, round(width_px) | 1)
    thick = cv2.morphologyEx(masked.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    thick = cv2.dilate(thick, np.ones((3, 3), np.uint8))
    return np.asarray(masked & (thick == 0), np.bool_)


def trace_options(settings: TraceSettings, pixel_size: PixelSize) -> TraceOptions:
    """Turn lengths on the scalp into pixels of the detection grid and of the picture."""
    grid_um = settings.grid_um
    return TraceOptions(
        detector=settings.detector,
        readings=settings.readings,
        read_often_px=settings.read_often_cm2 * UM2_PER_CM2 / grid_um**2,
        read_twice_px=settings.read_twice_cm2 * UM2_PER_CM2 / grid_um**2,
        grid_px=pixel_size.to_px(grid_um),
        bend_odds=settings.bend_odds,
        cut_odds=settings.cut_odds,
        least_presence=settings.least_presence,
        follow=FollowSettings(
            seed_evidence=settings.seed_evidence,
            stop_evidence=settings.stop_evidence,
            max_gap_px=settings.max_gap_um / grid_um,
            max_turn_rad_per_px=grid_um / settings.shortest_bend_um,
            usual_curl_rad_per_px=grid_um / settings.usual_bend_um,
            min_length_px=settings.minimum_length_um / grid_um,
        ),
        segment=SegmentSettings(
            end_gain=settings.end_gain_um / grid_um,
            cut_end_gain=settings.end_gain_um / grid_um,
            price=settings.hair_price_um / grid_um,
            min_length_px=settings.minimum_length_um / grid_um,
        ),
        join=JoinSettings(max_gap_px=settings.max_join_um / grid_um),
        exchange=ExchangeSettings(least_odds=settings.exchange_odds),
        sibling=SiblingSettings(least_odds=settings.sibling_odds),
        width=WidthSettings(
            station_px=pixel_size.to_px(settings.station_um),
            along_px=pixel_size.to_px(settings.station_um) / 2,
            flank_px=max(3.0, pixel_size.to_px(settings.flank_um)),
            neighbourhood_px=pixel_size.to_px(settings.psf_neighbourhood_um),
        ),
    )


def empty_hairs() -> pd.DataFrame:
    """Return a hairs table with all its columns and no rows."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes(HAIRS).items()})


def _summary_head(image: ScaledImage, recipe: Recipe) -> dict[str, Any]:
    return {
        "schema": SUMMARY_SCHEMA,
        "version": __version__,
        "recipe": recipe.name,
        "recipe_digest": recipe.digest,
        "image": {
            "sha256": image.sha256,
            "width_px": image.width_px,
            "height_px": image.height_px,
            "tone": image.tone,
        },
        "scale": {
            "um_per_px": float(image.pixel_size.um_per_px),
            "rel_error": image.pixel_size.rel_error,
            "origin": image.pixel_size.origin,
            "geometry": image.pixel_size.geometry,
        },
        "quality": {
            "verdict": image.quality.verdict,
            "reasons": list(image.quality.reasons),
            "metrics": dict(image.quality.metrics),
        },
        "area_cm2": image.area_cm2,
    }


def _widths_of(lines_px: tuple[FloatArray, ...], traced: TraceResult) -> tuple[FloatArray, ...]:
    """Return each listed line's widths; measuring keeps the tracer's points, and may leave hairs out."""
    by_line = {id(trace.points_px): trace.width_px for trace in traced.traces}
    return tuple(by_line.get(id(line), np.full(len(line), np.nan)) for line in lines_px)


def _complete(width_px: FloatArray, diameter_px: float) -> FloatArray:
    """Fill unmeasured widths from their neighbours, or with the hair's diameter where none was measured."""
    known = np.isfinite(width_px)
    if not known.any():
        return np.full(len(width_px), diameter_px)
    at = np.arange(len(width_px))
    whole = np.interp(at, at[known], width_px[known])
    return np.asarray(
        median_filter(whole, size=min(len(whole), _SMOOTHED_SECTIONS), mode="nearest"), np.float64
    )


def with_name(analysis: Analysis, name: str) -> Analysis:
    """Return the analysis with the file's name in its summary: written only when asked for."""
    summary = {**analysis.summary, "image": {**analysis.summary["image"], "name": name}}
    return dataclasses.replace(analysis, summary=summary)
