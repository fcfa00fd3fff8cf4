"""A comparison of two visits as a picture: the later laid on the earlier, hairs coloured by fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from densitometry import follow
from densitometry.analysis import Analysis
from densitometry.model import FloatArray
from densitometry.report import changes, fates, results
from densitometry.report.canvas import encode_jpeg, encode_png, to_uint8

_PLAIN_QUALITY = 90


@dataclass(frozen=True, slots=True)
class _Laid:
    """The follow-up's picture as it is shown: pixels, centre lines in them, and what a width is times."""

    pixels: Any
    lines_px: Sequence[FloatArray]
    widening: float
    registered: bool


def write_pictures(folder: Path, comparison: follow.Comparison, here: Analysis, there: Analysis) -> None:
    """Write overlay.png, baseline.jpg and followup.jpg of a comparison into an existing folder.

    Args:
        folder: where to write.
        comparison: of the visits.
        here: the baseline's picture of the primary pair.
        there: the follow-up's.
    """
    laid = _lay(comparison, here, there)
    drawn = _drawn_side_by_side(comparison, here, there, laid)
    (folder / results.OVERLAY_NAME).write_bytes(encode_png(drawn))
    plain = {changes.BASELINE_PICTURE: to_uint8(here.image.pixels), changes.FOLLOWUP_PICTURE: laid.pixels}
    for name, pixels in plain.items():
        (folder / name).write_bytes(encode_jpeg(pixels, _PLAIN_QUALITY))


def overlay_of(comparison: follow.Comparison, here: Analysis, there: Analysis) -> Any:
    """Return both visits side by side, the later laid on the earlier: (H', W', 3) uint8 RGB.

    Args:
        comparison: of the visits.
        here: the baseline's picture of the primary pair.
        there: the follow-up's.
    """
    return _drawn_side_by_side(comparison, here, there, _lay(comparison, here, there))


def _lay(comparison: follow.Comparison, here: Analysis, there: Analysis) -> _Laid:
    """Return the follow-up laid on the baseline; only made to fit where it was not registered."""
    scales = (here.image.pixel_size.um_per_px, there.image.pixel_size.um_per_px)
    deformation = comparison.registration.deformation
    pixels = to_uint8(there.image.pixels)
    size = (here.image.width_px, here.image.height_px)
    if deformation is None:
        factor = min(size[0] / pixels.shape[1], size[1] / pixels.shape[0])
        lines = tuple((line + 0.5) * factor - 0.5 for line in there.lines_px)
        return _Laid(_fitted(pixels, factor, size), lines, factor, registered=False)
    pixels = fates.warp_onto(pixels, lambda at: deformation(at * scales[0]) / scales[1], *size)
    lines = _moved(there.lines_px, lambda at: deformation.inverse(at * scales[1]) / scales[0])
    return _Laid(pixels, lines, scales[1] / scales[0], registered=True)


def _drawn_side_by_side(comparison: follow.Comparison, here: Analysis, there: Analysis, laid: _Laid) -> Any:
    kinds = _fates(comparison, follow.links_table(comparison))
    title = "follow-up, laid on the baseline" if laid.registered else "follow-up, not registered"
    shared = comparison.registration.shared
    area = None if shared is None else shared.mask
    panels = (
        fates.Panel(
            "baseline", to_uint8(here.image.pixels), _drawn(here, here.lines_px, 1.0, kinds[0]), area
        ),
        fates.Panel(title, laid.pixels, _drawn(there, laid.lines_px, laid.widening, kinds[1]), area),
    )
    counts = Counter(str(status) for status in comparison.links.status)
    sentence = f"{comparison.verdict.verdict}: {comparison.verdict.reason}"
    return fates.draw_fates(panels, sentence, counts, here.image.pixel_size.um_per_px, here.recipe.report)


def _fates(comparison: follow.Comparison, links: pd.DataFrame) -> tuple[dict[int, str], dict[int, str]]:
    """Return hair_id → fate for the baseline and the follow-up of the primary pair."""
    inside = comparison.links.shared
    kinds: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for row, shared in zip(links.to_dict("records"), inside, strict=True):
        for kind, column in zip(kinds, ("baseline_hair_id", "followup_hair_id"), strict=True):
            if not pd.isna(row[column]) and shared:
                kind[int(row[column])] = row["status"]
    return kinds


def _drawn(
    analysis: Analysis, lines: Sequence[FloatArray], widening: float, kinds: Mapping[int, str]
) -> list[fates.FateDrawing]:
    um_per_px = analysis.image.pixel_size.um_per_px
    return [
        fates.FateDrawing(
            np.asarray(line, float),
            np.full(len(line), max(1.0, diameter_um / um_per_px * widening)),
            kinds.get(int(hair_id), fates.NOT_COMPARED),
        )
        for hair_id, diameter_um, line in zip(
            analysis.hairs["hair_id"], analysis.hairs["diameter_um"], lines, strict=True
        )
        if len(line) > 1
    ]


def _moved(lines: Sequence[FloatArray], place: Callable[[FloatArray], FloatArray]) -> tuple[FloatArray, ...]:
    """Return lines through a mapping of places, in one call."""
    if not lines:
        return ()
    ends = np.cumsum([len(line) for line in lines])[:-1]
    return tuple(np.split(place(np.concatenate(lines)), ends))


def _fitted(pixels: Any, factor: float, size: tuple[int, int]) -> Any:
    """Return a picture shrunk or enlarged into the top-left corner of a panel of the given size."""
    height, width = pixels.shape[:2]
    scaled = cv2.resize(pixels, (max(1, round(width * factor)), max(1, round(height * factor))))
    panel = np.full((size[1], size[0], 3), 40, np.uint8)
    rows, columns = min(size[1], scaled.shape[0]), min(size[0], scaled.shape[1])
    panel[:rows, :columns] = scaled[:rows, :columns]
    return panel
