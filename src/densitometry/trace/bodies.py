"""The dark body that a traced line lies in, straightened along it. Lengths are pixels of the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from densitometry.trace.bars import BEGIN, END, OFFSET
from densitometry.trace.segments import Segment

Floats = NDArray[np.floating[Any]]

_SHAFT = 0.6
"""Beyond the first and the last place with this share of the shaft's usual darkness a line runs in shadow."""
_SKIN, _FULL = 0.35, 0.85
"""Shares of the shaft's darkness that count as skin, shadow on skin included, and as shaft."""
_DARKER = 1.4
"""Whatever is so many times darker than the shaft is another."""
_LEAST_DARKNESS = 0.4
_THINNEST_PX = 1.8
"""Shafts fainter, or thinner in half width, are not told from what lies about them."""
_SHORTEST_PX, _LONGEST_PX = 10, 140
"""Longer hairs bend more than a bar does."""
_MOST_WANDER = 1.5
"""A line keeps to a parabola within so many half widths."""
_BESIDE, _LEAST_BESIDE_PX = 4.2, 6.0
"""How far beside a line is looked: in half widths, and at least so far beyond the shaft's edge."""
BEYOND_PX = 3.0
"""How far beyond both ends of a line is looked."""
_OTHERS_PX = 1.5
"""So far beyond their edges other traced hairs hide what is there."""
_HIDES_PX = 20
"""No hair hides anything so far from its line."""


@dataclass(frozen=True, slots=True)
class Body:
    """The straightened surroundings of a line; its own places are (along, 0).

    Attributes:
        along, across: (n,) and (m,) places [px].
        fill: (n, m) darkness as a share of the shaft's, 0 for skin and 1 for shaft.
        weight: (n, m) 0 where another hair or the border of the picture hides.
        half_width: that the maps expect of the shaft.
        bow: of the line, by which the stretch was straightened.
        middle, ahead, aside: point and unit vectors [x, y] of the stretch.
    """

    along: Floats
    across: Floats
    fill: Floats
    weight: Floats
    half_width: float
    bow: Floats
    middle: Floats
    ahead: Floats
    aside: Floats

    def points(self, bar: Floats) -> Floats:
        """Return the middle of a bar in the picture, (n, 2) about a pixel apart."""
        s = np.linspace(bar[BEGIN], bar[END], max(2, round(float(bar[END] - bar[BEGIN])) + 1))
        n = np.polyval(bar[OFFSET:BEGIN][::-1], s) + np.polyval(self.bow, s)
        return np.asarray(self.middle + s[:, None] * self.ahead + n[:, None] * self.aside)

    def straight(self, points: Floats) -> tuple[Floats, Floats]:
        """Return where points (n, 2) of the picture lie along and across the stretch."""
        s, n = (points - self.middle) @ self.ahead, (points - self.middle) @ self.aside
        # far ahead the parabola leads astray
        return s, n - np.polyval(self.bow, np.clip(s, 2 * self.along[0], 2 * self.along[-1]))

    def raster(self, points: Floats) -> NDArray[np.int32]:
        """Return column and row (n, 2) of the stretch nearest to points (n, 2) of the picture."""
        s, n = self.straight(points)
        return np.asarray(np.rint(np.stack([n - self.across[0], s - self.along[0]], axis=1)), np.int32)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The traced hairs of a picture and what is seen of it.

    Attributes:
        hairs: traced lines, root first.
        half_widths: (n,) median half width of every hair.
        boxes: (n, 2, 2) lowest and highest [x, y] of every hair.
        plane: (h, w) log contrast to the skin, mean of the colours.
        seen: (h, w) 1 where scalp is seen, else 0.
    """

    hairs: Sequence[Segment]
    half_widths: Floats
    boxes: Floats
    plane: NDArray[np.float32]
    seen: NDArray[np.uint8]

    def near(self, low: Floats, high: Floats) -> list[int]:
        """Return the hairs whose boxes meet the box between two corners [x, y]."""
        meet = ((self.boxes[:, 0] < high) & (self.boxes[:, 1] > low)).all(axis=1)
        return [int(k) for k in np.flatnonzero(meet)]


def surroundings_of(hairs: Sequence[Segment], contrast: Floats, valid: NDArray[np.bool_]) -> Surroundings:
    """Gather what bodies are cut from.

    Args:
        hairs: traced lines, root first.
        contrast: (h, w, 3) log contrast to the skin.
        valid: (h, w) where scalp is seen.
    """
    corners = [(hair.points.min(axis=0), hair.points.max(axis=0)) for hair in hairs]
    third = np.full((1, 3), 1 / 3, np.float32)
    return Surroundings(
        hairs,
        np.array([hair.usual_half_width for hair in hairs], np.float64),
        np.array(corners, np.float64).reshape(len(hairs), 2, 2),
        np.asarray(cv2.transform(np.asarray(contrast, np.float32), third), np.float32),
        valid.astype(np.uint8),
    )


def body_of(which: Sequence[int], around: Surroundings) -> Body | None:
    """Return the straightened surroundings of hairs that lie in one body; None where no bar could tell.

    Args:
        which: indices of the hairs, first the one along which the stretch is laid.
        around: the hairs of the picture and what is seen of it.
    """
    shafts = [shaft for i in which if (shaft := shaft_of(i, around))]
    if len(shafts) < len(which):
        return None
    line, usual, half_width = shafts[0]
    chord = line[-1] - line[0]
    length = float(np.hypot(*chord))
    if half_width < _THINNEST_PX or length < _SHORTEST_PX:
        return None
    ahead = chord / length
    aside, middle = np.array([-ahead[1], ahead[0]]), (line[0] + line[-1]) / 2
    s, n = (line - middle) @ ahead, (line - middle) @ aside
    bow = np.polyfit(s, n, 2)
    if np.abs(np.polyval(bow, s) - n).max() > _MOST_WANDER * half_width + 1:
        return None
    reach = math.ceil(max(_BESIDE * half_width, half_width + _LEAST_BESIDE_PX))
    along = np.arange(-length / 2 - BEYOND_PX, length / 2 + BEYOND_PX + 0.5)
    across = np.arange(-reach, reach + 0.5)
    at = middle + along[:, None, None] * ahead
    at = at + (across[None, :] + np.polyval(bow, along)[:, None])[..., None] * aside
    x, y = (at[..., k].astype(np.float32) for k in (0, 1))
    share = np.asarray(np.expm1(cv2.remap(around.plane, x, y, cv2.INTER_LINEAR))) / usual
    # beyond the picture it reads 0
    weight = (np.asarray(cv2.remap(around.seen, x, y, cv2.INTER_NEAREST)) > 0) & (share < _DARKER)
    fill = np.clip((share - _SKIN) / (_FULL - _SKIN), 0.0, 1.0).astype(np.float64)
    body = Body(along, across, fill, weight.astype(np.float64), half_width, bow, middle, ahead, aside)
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    beside = around.near(low - _HIDES_PX, high + _HIDES_PX)
    _hide_others(body, [k for k in beside if k not in which], around)
    _hide_apart(body, [shaft[0] for shaft in shafts])
    return body


def shaft_of(which: int, around: Surroundings) -> tuple[Floats, float, float] | None:
    """Return the stretch of a line that is as dark as a shaft, how dark, and its half width.

    None where it is too faint, too short or too long for bars.
    """
    hair = around.hairs[which]
    first, last, usual = _dark_stretch(np.ascontiguousarray(hair.points, np.float64), around.plane)
    if first < 0 or not _SHORTEST_PX <= last - first + 1 <= _LONGEST_PX:
        return None
    inside = slice(first, last + 1)
    return hair.points[inside], usual, float(np.median(hair.half_width[inside]))


@njit(cache=True, nogil=True)
def _dark_stretch(points: Floats, plane: NDArray[np.float32]) -> tuple[int, int, float]:
    """Return the first and last place as dark as a shaft, and how dark it is; -1, -1 where it is faint."""
    height, width = plane.shape
    darkness = np.empty(len(points))
    for i in range(len(points)):
        column, row = round(points[i, 0]), round(points[i, 1])
        darkness[i] = math.expm1(plane[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
    usual = float(np.median(darkness))
    if abs(usual) < _LEAST_DARKNESS:
        return -1, -1, usual
    usual = float(np.median(darkness[darkness / usual > _SHAFT]))
    on = np.flatnonzero(darkness / usual > _SHAFT)
    return on[0], on[-1], usual


def _hide_others(body: Body, others: Sequence[int], around: Surroundings) -> None:
    """Take the weight off what other traced hairs cover."""
    mask = np.zeros(body.weight.shape, np.uint8)
    for other in others:
        place = body.raster(around.hairs[other].points)
        near = (place > -_HIDES_PX).all(axis=1) & (place < np.array(mask.shape)[::-1] + _HIDES_PX).all(axis=1)
        thick = max(1, round(2 * (float(around.half_widths[other]) + _OTHERS_PX)))
        if near.any():
            cv2.polylines(mask, [place[near]], False, 1, thick)
    body.weight[mask > 0] = 0.0


def _hide_apart(body: Body, lines: Sequence[Floats]) -> None:
    """Take the weight off what is dark and not connected to the lines."""
    dark = ((body.fill > 0.0) & (body.weight > 0.0)).astype(np.uint8)
    _, label = cv2.connectedComponents(dark)
    own = np.zeros(dark.shape, np.uint8)
    cv2.polylines(own, [body.raster(line) for line in lines], False, 1, 3)
    apart = ((dark > 0) & ~np.isin(label, label[own > 0])).astype(np.uint8)
    body.weight[cv2.dilate(apart, np.ones((3, 3), np.uint8)) > 0] = 0.0
