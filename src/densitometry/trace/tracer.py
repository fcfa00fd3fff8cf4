"""Pixels in, hairs out: the fixed order of tracing. Native pixels everywhere but on the detection grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.model import Trace, TraceResult
from densitometry.trace.bends import join_bends
from densitometry.trace.bundles import bundle_widths
from densitometry.trace.classical import classical_maps
from densitometry.trace.confidence import drop_doubtful, root_probability
from densitometry.trace.curves import FollowSettings, follow_curves
from densitometry.trace.exchange import ExchangeSettings, exchange_tails
from densitometry.trace.gaps import drop_gaps
from densitometry.trace.grid import GridPicture, to_grid
from densitometry.trace.joins import JoinSettings, join_segments
from densitometry.trace.light import srgb_table, to_linear
from densitometry.trace.maps import EvidenceMaps
from densitometry.trace.network import network_maps
from densitometry.trace.rims import drop_bridged, drop_rims
from densitometry.trace.run_ons import cut_run_ons
from densitometry.trace.segments import Segment, SegmentSettings, cut_curves
from densitometry.trace.shadows import leave_shadows
from densitometry.trace.siblings import SiblingSettings, split_siblings
from densitometry.trace.width import STATIONS_ALIKE, WidthProfile, WidthSettings, measure_widths

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Everything tracing needs to know, in pixels.

    Attributes:
        detector: "network" or "classical".
        readings: of the network, whose mean is traced (`trace.network.READINGS`).
        read_often_px, read_twice_px: pixels of the detection grid beyond which a picture is read twice at
            most, and once.
        grid_px: native pixels per pixel of the detection grid.
        bend_odds: log odds from which on two pieces are joined around a bend.
        cut_odds: log odds from which on a line that ran on from one hair into another is cut.
        least_presence: lines less likely to be hairs are dropped.
        follow, segment, join, exchange, sibling: settings on the detection grid.
        width: settings in native pixels.
    """

    detector: str
    readings: int
    read_often_px: float
    read_twice_px: float
    grid_px: float
    bend_odds: float
    cut_odds: float
    least_presence: float
    follow: FollowSettings
    segment: SegmentSettings
    join: JoinSettings
    exchange: ExchangeSettings
    sibling: SiblingSettings
    width: WidthSettings


def find_evidence(picture: GridPicture, options: TraceOptions) -> EvidenceMaps:
    """Evidence maps of a picture on the detection grid."""
    if options.detector == "classical":
        return classical_maps(picture.contrast)
    size, readings = picture.valid.size, options.readings
    if size > options.read_often_px:
        readings = min(readings, 2 if size <= options.read_twice_px else 1)
    return network_maps(picture.contrast, picture.fine, picture.valid, readings)


def find_segments(maps: EvidenceMaps, picture: GridPicture, options: TraceOptions) -> list[Segment]:
    """Follow, cut, join, exchange, leave what is no hair, split: the hairs of the maps, in grid pixels."""
    field = picture.valid.astype(np.uint8)
    curves = follow_curves(maps.lifted, maps.half_width_px, options.follow)
    hairs = join_segments(cut_curves(curves, maps, field, options.segment), options.join)
    hairs = exchange_tails(hairs, picture.contrast, options.exchange)
    hairs = join_bends(hairs, maps, picture.contrast, options.bend_odds)
    hairs = drop_gaps(leave_shadows(hairs, picture.contrast), picture.contrast)
    hairs = cut_run_ons(hairs, maps, picture.contrast, options.segment, options.cut_odds)
    hairs = drop_doubtful(drop_rims(hairs, picture.valid), field.shape, options.least_presence)
    hairs = split_siblings(hairs, picture.contrast, picture.valid, options.sibling)
    return bundle_widths(hairs, picture.contrast, picture.valid)


def fuse(
    profile: WidthProfile, expected: Floats, settings: WidthSettings
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Put the width fitted to each cross-section and the width the maps expect together, by their precision.

    A cross-section that contradicts the maps beyond doubt (a flake, an untraced neighbour) is not believed.
    What the maps expect errs alike all along a hair, and so does, for its part, what every fit shares: the
    more cross-sections are seen, the less the maps count beside them.

    Returns:
        Widths, their standard errors, and where a cross-section took part.
    """
    doubt = settings.expected_error * expected + settings.expected_error_px
    own = np.hypot(
        np.nan_to_num(profile.sigma, nan=np.inf),
        settings.section_error * expected + settings.section_error_px,
    )
    faint = settings.faint_error * expected * math.exp(-max(0.0, profile.contrast))
    shared = np.hypot(profile.blur_error, faint)
    apart = np.abs(np.nan_to_num(profile.width, nan=np.inf) - expected)
    # beside another hair a cross-section may have measured both
    seen = (
        np.isfinite(profile.width)
        & profile.clear
        & (apart < settings.believed_sigma * np.hypot(own, doubt))
        & (own < 2 * doubt)
    )
    weight = np.where(seen, 1.0 / np.square(np.where(seen, own, 1.0)), 0.0)
    alone = max(1.0, np.count_nonzero(seen) / STATIONS_ALIKE)
    prior = np.where(seen, 1.0 / alone + np.square(shared / np.where(seen, own, 1.0)), 1.0) / np.square(doubt)
    width = (np.where(seen, profile.width, 0.0) * weight + expected * prior) / (weight + prior)
    return width, 1.0 / np.sqrt(weight + prior), seen


def _trace(segment: Segment, profile: WidthProfile, expected: Floats, settings: WidthSettings) -> Trace:
    """One hair with its widths and what is known of its ends."""
    width, sigma, clear = fuse(profile, expected, settings)
    return Trace(
        points_px=np.stack([profile.x, profile.y], axis=1),
        width_px=width,
        width_sigma_px=sigma,
        clear=clear,
        root_probability=root_probability(segment),
        presence=segment.chance,
        starts_inside=not segment.root_cut,
        ends_inside=not segment.tip_cut,
        contrast=profile.contrast,
        width_shared_px=profile.blur_error,
        flags=("bundled",) if not profile.clear.any() else (),
    )


def trace_hairs(
    pixels: NDArray[Any],
    valid: NDArray[np.bool_],
    options: TraceOptions,
    bridged: NDArray[np.bool_] | None = None,
) -> TraceResult:
    """Trace every hair of a picture.

    Args:
        pixels: (H, W, 3) uint8 or uint16 sRGB codes; drawn marks filled in.
        valid: (H, W) bool, the field that may hold hair; drawn marks that were filled in are part of it.
        options: settings in pixels.
        bridged: (H, W) bool, the drawn marks that were filled in; None where there are none.

    Returns:
        All hairs, ordered by their first point.
    """
    picture = to_grid(pixels, valid, options.grid_px)
    segments = find_segments(find_evidence(picture, options), picture, options)
    if bridged is not None and bridged.any():
        segments = drop_bridged(segments, picture.mask(bridged))
    scale = np.array(picture.factor)
    lines = [(s.points + 0.5) / scale - 0.5 for s in segments]
    halves = [s.half_width * options.grid_px for s in segments]
    coded = pixels.dtype == np.uint8
    source, table = (pixels, srgb_table()) if coded else (to_linear(pixels), np.zeros(0, np.float32))
    profiles = measure_widths(source, table, lines, halves, options.width)
    traces = []
    for segment, profile, half, line in zip(segments, profiles, halves, lines, strict=True):
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.linspace(0.0, along[-1], len(profile.x))
        traces.append(_trace(segment, profile, 2 * np.interp(at, along, half), options.width))
    traces.sort(key=lambda t: (round(float(t.points_px[0, 1]), 3), round(float(t.points_px[0, 0]), 3)))
    psf = [p.psf_px for p in profiles]
    return TraceResult(
        traces=tuple(traces),
        psf_sigma_px=float(np.median(psf)) if psf else options.width.assumed_psf_px,
        psf_source="edges of shafts" if psf else "assumed",
    )
