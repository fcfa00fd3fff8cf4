"""A second look: what a picture shows where only the other visit's picture has a trace.

A hair that one visit's tracing found and the other's did not has either come or gone, or was overlooked. If
it was overlooked, the other picture is as dark (or as light) along it as the hair itself, or others cover it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.model import BoolArray, FloatArray, ScaledImage
from densitometry.trace.light import DARK_LIGHT, to_linear

IntArray = NDArray[np.int64]

CELL_UM = 8.0
BACKGROUND_UM, BACKGROUND_PASSES = 330.0, 3
"""Width and number of the box means that follow the skin's brightness."""
LEAST_BARE = 1e-4
FOOTPRINT_MARGIN_UM = 6.0
"""A trace accounts for this much on either side of its shaft."""
LUMA = (0.2126, 0.7152, 0.0722)
NEAREST_UM, FARTHEST_UM, STEP_UM, END_UM = 30.0, 270.0, 15.0, 20.0
"""Stretch of a hair that is looked at, from its root: farther out it may lie elsewhere or have been cut."""
LANES = (-0.3, 0.0, 0.3)
"""Places across a hair, in diameters."""
TURNS_RAD = tuple(float(turn) for turn in np.linspace(-0.36, 0.36, 9))
ALONG_UM, SIDES_UM = (-40.0, 0.0, 40.0), (-45.0, -22.5, 0.0, 22.5, 45.0)
TURN_SD_RAD, PLACE_SD_UM = 0.25, 20.0
POSE_PRICE = 0.3
"""What half a squared standard deviation of the pose costs, in shares of the hair's own contrast."""
LEAST_SHADE = 0.12
"""Hairs that differ less from the skin (natural logarithm) cannot be looked for."""
WEIGHTS = (5.0, -2.9, 3.2, -4.4, 2.2)
"""Log odds of "overlooked" against "not there": dark and bright share at the best pose, at the expected pose,
constant; fitted by `python -m benchmarks.calibrate_look`."""
MOST_NATS = 4.0
"""A second look never says more than this: a few of what was taken for hairs are neither."""


@dataclass(frozen=True, slots=True)
class Look:
    """How much darker than the skin round it each place is, and which trace accounts for it.

    Attributes:
        darkness: (h, w) natural logarithm of the skin's light over the place's; negative where lighter.
        hair_id: (h, w) trace that covers the cell, 0 where none does.
        seen: (h, w) the cell lies in the valid field.
        cell_um: edge of a cell; the first begins at the corner of the picture's first pixel.
        um_per_px: of the picture.
    """

    darkness: NDArray[np.float32]
    hair_id: NDArray[np.int32]
    seen: BoolArray
    cell_um: float
    um_per_px: float

    def cells(self, points_um: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
        """Return rows and columns of (..., 2) places [µm], and whether they lie in the valid field."""
        at = np.floor((points_um + self.um_per_px / 2) / self.cell_um).astype(np.int64)
        rows, columns = self.darkness.shape
        inside = (at >= 0).all(axis=-1) & (at[..., 0] < columns) & (at[..., 1] < rows)
        x, y = np.where(inside, at[..., 0], 0), np.where(inside, at[..., 1], 0)
        return y, x, np.asarray(inside & self.seen[y, x])


@dataclass(frozen=True, slots=True)
class Sought:
    """Hairs to look for, N of them, where they should lie in a picture.

    Attributes:
        root_um: (N, 2) root [µm].
        direction_rad: (N,) first direction.
        diameter_um, length_um: (N,) of the shaft.
        shade: (N,) how much darker than the skin it should be (natural logarithm).
    """

    root_um: FloatArray
    direction_rad: FloatArray
    diameter_um: FloatArray
    length_um: FloatArray
    shade: FloatArray


def look_of(
    image: ScaledImage, lines_px: Sequence[FloatArray], diameter_um: FloatArray, hair_id: IntArray
) -> Look:
    """Return what a second look needs of a picture.

    Args:
        image: the picture.
        lines_px: (N, 2) centre line of each trace that accounts for what it covers.
        diameter_um: (N,) of its shaft.
        hair_id: (N,) its number, from 1.
    """
    um = image.pixel_size.um_per_px
    height, width = image.pixels.shape[:2]
    size = (max(1, round(width * um / CELL_UM)), max(1, round(height * um / CELL_UM)))
    small = cv2.resize(to_linear(image.pixels), size, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(image.valid.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5  # noqa: PLR2004
    light = np.log(np.asarray(small) @ np.array(LUMA, np.float32) + np.float32(DARK_LIGHT))
    scale = np.array(size) / (width, height)
    owner = np.zeros(size[::-1], np.int32)
    for line, diameter, number in zip(lines_px, diameter_um, hair_id, strict=True):
        reach = max(1, round((float(diameter) + 2 * FOOTPRINT_MARGIN_UM) / CELL_UM))
        at = np.round((line + 0.5) * scale - 0.5).astype(np.int32)
        cv2.polylines(owner, [at.reshape(-1, 1, 2)], isClosed=False, color=int(number), thickness=reach)
    background = _skin_round(light, np.asarray(seen & (owner == 0)))
    return Look(background - light, owner, np.asarray(seen, np.bool_), um / float(scale[0]), um)


def shade_of(look: Look, sought: Sought) -> FloatArray:
    """Return how much darker than the skin a picture is where hairs lie, (N,); NaN outside the field."""
    shades = np.full(len(sought.root_um), np.nan)
    for k, (root, direction) in enumerate(zip(sought.root_um, sought.direction_rad, strict=True)):
        y, x, inside = look.cells(root + _turned(_footprint(sought, k), np.array([direction]))[0])
        if inside.any():
            shades[k] = float(look.darkness[y, x][inside].mean())
    return shades


def overlooked_nats(look: Look, sought: Sought) -> FloatArray:
    """Return for each hair the log odds that the picture shows it untraced, over its not being there, (N,).

    0 where nothing can be told: hairs hardly darker or lighter than the skin.

    Args:
        look: of the picture.
        sought: hairs without a trace in it.
    """
    nats = np.zeros(len(sought.root_um))
    for k, shade in enumerate(sought.shade):
        if np.isfinite(shade) and abs(shade) >= LEAST_SHADE:
            features = (*features_of(look, sought, k), 1.0)
            nats[k] = np.clip(np.dot(WEIGHTS, features), -MOST_NATS, MOST_NATS)
    return nats


def features_of(look: Look, sought: Sought, k: int) -> tuple[float, float, float, float]:
    """Return dark and bright shares of a hair's place that no trace covers, at the best and expected pose."""
    turns = np.array(TURNS_RAD)
    footprint = _footprint(sought, k)
    direction = sought.direction_rad[k]
    ahead = np.array([np.cos(direction), np.sin(direction)])
    aside = np.array([-ahead[1], ahead[0]])
    shifts = np.array([a * ahead + b * aside for a in ALONG_UM for b in SIDES_UM])
    strain = (turns[:, None] / TURN_SD_RAD) ** 2 + (shifts**2).sum(axis=1) / PLACE_SD_UM**2
    turned = _turned(footprint, direction + turns)
    y, x, inside = look.cells(sought.root_um[k] + turned[:, None] + shifts[None, :, None])
    bare = inside & (look.hair_id[y, x] == 0)
    like = np.clip(look.darkness[y, x] / sought.shade[k], 0.0, 1.0)
    dark = np.where(bare, like, 0.0).mean(axis=-1)
    bright = np.where(bare, 1 - like, 0.0).mean(axis=-1)
    best = np.unravel_index(int((dark - bright - POSE_PRICE * 0.5 * strain).argmax()), strain.shape)
    home = (len(TURNS_RAD) // 2, len(shifts) // 2)
    return float(dark[best]), float(bright[best]), float(dark[home]), float(bright[home])


def _footprint(sought: Sought, k: int) -> FloatArray:
    """Return places along and across the first stretch of a hair whose root is the origin, (S, 2) [µm]."""
    end = max(min(sought.length_um[k] - END_UM, FARTHEST_UM), NEAREST_UM + 2 * STEP_UM)
    along = np.arange(NEAREST_UM, end + 1, STEP_UM)
    across = np.array(LANES) * sought.diameter_um[k]
    return np.asarray(np.stack(np.meshgrid(along, across), axis=-1).reshape(-1, 2))


def _turned(places_um: FloatArray, turns_rad: FloatArray) -> FloatArray:
    """Turn (S, 2) places by each of (T,) angles, (T, S, 2)."""
    c, s = np.cos(turns_rad)[:, None], np.sin(turns_rad)[:, None]
    x, y = places_um[:, 0], places_um[:, 1]
    return np.stack([x * c - y * s, x * s + y * c], axis=-1)


def _skin_round(light: NDArray[np.float32], bare: BoolArray) -> NDArray[np.float32]:
    """Return the mean of the bare cells round each cell."""
    window = round(BACKGROUND_UM / CELL_UM) | 1
    weight = bare.astype(np.float32)
    total = light * weight
    for _ in range(BACKGROUND_PASSES):
        total = np.asarray(cv2.blur(total, (window, window), borderType=cv2.BORDER_REFLECT))
        weight = np.asarray(cv2.blur(weight, (window, window), borderType=cv2.BORDER_REFLECT))
    return np.asarray(total / np.maximum(weight, LEAST_BARE), np.float32)
