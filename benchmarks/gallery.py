"""The worst of what went wrong, as pictures: what was to be found, and what was traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case, Shown
from benchmarks.matching import Match, match_hairs

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

CROP_UM = 1600.0
PANEL_PX = 300
RIGHT, MISSED, FALSE = (80, 220, 80), (60, 60, 255), (255, 80, 255)
"""BGR: hairs and traces that are each other's, hairs without a trace, traces that are no hair."""
_FRACTION_BITS = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """A stretch of a picture in which much went wrong.

    Attributes:
        case: the picture.
        f1: of the whole picture.
        missed, false: hairs and traces in the stretch.
        panels: (h, 3 h, 3) BGR: the picture, what was to be found, what was traced.
    """

    case: Case
    f1: float
    missed: int
    false: int
    panels: Pixels


def worst_stretch(
    case: Case, shown: Shown, traces: Sequence[tuple[NDArray[np.float64], Any]], f1: float
) -> Failure:
    """Return the square of `CROP_UM` of a picture that holds most missed hairs and false traces."""
    match = match_hairs(shown.truth, shown.hidden, traces)
    truth = [np.asarray(hair["line_px"], float) for hair in match.hairs]
    lines = [line for line, _ in traces]
    missed, false = match.missed, match.false
    wrong = [truth[k] for k in missed] + [lines[k] for k in false]
    middles = np.array([line.mean(axis=0) for line in wrong]).reshape(-1, 2)
    half = CROP_UM / shown.um_per_px / 2
    height, width = shown.hidden.shape
    within = np.clip(middles, half, np.maximum(half, np.array([width, height]) - half))
    inside = (np.abs(middles[None] - within[:, None]) <= half).all(axis=2)
    centre = within[int(inside.sum(axis=1).argmax())] if wrong else np.array([width / 2, height / 2])
    here = (np.abs(middles - centre) <= half).all(axis=1)
    return Failure(
        case,
        f1,
        int(here[: len(missed)].sum()),
        int(here[len(missed) :].sum()),
        _panels(shown, match, truth, lines, centre, half),
    )


def _panels(
    shown: Shown,
    match: Match,
    truth: Sequence[NDArray[np.float64]],
    lines: Sequence[NDArray[np.float64]],
    centre: NDArray[np.float64],
    half: float,
) -> Pixels:
    zoom = PANEL_PX / (2 * half)
    move = np.array([[zoom, 0, PANEL_PX / 2 - zoom * centre[0]], [0, zoom, PANEL_PX / 2 - zoom * centre[1]]])
    plain = np.asarray(
        cv2.warpAffine(
            np.asarray(cv2.imread(str(shown.path))),
            move,
            (PANEL_PX, PANEL_PX),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )
    asked, found = plain.copy(), plain.copy()
    hits = dict(match.hits)
    missed, false = set(match.missed), set(match.false)
    for k, line in enumerate(truth):
        if k in missed or k in hits:
            _draw(asked, line, move, MISSED if k in missed else RIGHT)
    for k, line in enumerate(lines):
        if k in false or not match.excused[k]:
            _draw(found, line, move, FALSE if k in false else RIGHT)
    return np.hstack([plain, asked, found])


def _draw(panel: Pixels, line: NDArray[np.float64], move: NDArray[np.float64], colour: Colour) -> None:
    places = line @ move[:, :2].T + move[:, 2]
    points = np.round(places * 2**_FRACTION_BITS).astype(np.int32)
    cv2.polylines(panel, [points], False, colour, 2, cv2.LINE_AA, _FRACTION_BITS)


def sheet(failures: Sequence[Failure]) -> Pixels:
    """Return all failures below each other, numbered."""
    rows = []
    for number, failure in enumerate(failures, start=1):
        row = failure.panels.copy()
        cv2.putText(row, str(number), (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(row, str(number), (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
        rows.append(row)
    return np.vstack(rows)
