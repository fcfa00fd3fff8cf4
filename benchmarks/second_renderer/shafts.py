"""Shafts drawn over the skin: an exact outline, then light through, around and off a cylinder of pigment."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree
from scipy.special import erf

from benchmarks.second_renderer.fields import F32, SUBPIXEL_BITS, Floats, smooth_line, subpixel
from benchmarks.second_renderer.kinds import COLOURS, HairColour, Kind
from benchmarks.second_renderer.scene import Shaft

EDGE_SIGMA = 0.33
"""Softness of an outline in focus [finer px]."""
SQRT_2 = 1.4142
WALK = 1.5
"""Distance between points of the centre line [finer px]."""
PATH_FACTOR = 1.7
"""Light passes a shaft down and up again, partly beside it: path over chord."""
SCALE_PITCH_UM = 9.0
"""Length of a cuticle scale: how quickly shine and medulla change along a shaft [µm]."""
STREAK_PITCH_UM = 60.0
SHINE_TINT = (0.93, 0.97, 1.05)
FACET_UM = 9.0
LENS_SHARE = 0.45
"""Share of what is seen through a shaft that comes from all around it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a shaft looks like apart from its colour and shape; strengths are shares of the illumination.

    Attributes:
        density, body: deviations of pigment and of scattered light, standard normal.
        streaks: (A, B) pattern along and across.
        rim: darkening of the edges.
        side: which flank is lit, −1 to 1.
        shine_at, shine_width: place and width of the bright line, in radii.
        shine: its strength.
        shine_along, medulla_along: how both change along the shaft.
        facet: whether a flat cut end glints.
    """

    density: float
    body: float
    streaks: Floats
    rim: float
    side: float
    shine_at: float
    shine_width: float
    shine: float
    shine_along: Floats
    medulla_along: Floats
    facet: bool


@dataclass(frozen=True, slots=True)
class Footprint:
    """The (P,) finer pixels that a shaft may touch, in its own terms.

    Attributes:
        rows, columns: of the pixels.
        across: signed distance from the centre line.
        along: distance from the root.
        share: the same as a share of the length, 0 to 1.
        radius: of the shaft here.
        tip: where along the shaft it ends for this pixel.
        cover: share of the pixel inside the outline, 0 to 1.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    across: Floats
    along: Floats
    share: Floats
    radius: Floats
    tip: Floats
    cover: Floats


def footprint(shaft: Shaft, um_per_px: float, oversampling: int, shape: tuple[int, int]) -> Footprint | None:
    """Lay the outline of a shaft on the finer grid; None where it misses the picture.

    Args:
        shaft: whose `diameter_um` the outline is as wide as.
        um_per_px: of the picture [µm/px].
        oversampling: finer pixels per pixel along a side.
        shape: (H, W) of the finer grid.
    """
    fine_um = um_per_px / oversampling
    knots = (shaft.line_px + 0.5) * oversampling - 0.5
    arc = np.r_[0, np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))]
    length = arc[-1]
    at = np.linspace(0, length, max(4, int(length / WALK) + 1))
    line = np.stack([np.interp(at, arc, knots[:, k]) for k in (0, 1)], 1)
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    radii = np.interp(at, arc, shaft.radius_um) / fine_um
    lift = shaft.lift_um / fine_um
    pixels = _pixels_near(line, radii.max() + 3 * lift + 3, shape)
    if pixels is None:
        return None
    rows, columns = pixels
    places = np.stack([columns, rows], 1).astype(float)
    _, nearest = cKDTree(line).query(places)
    away, direction = places - line[nearest], tangent[nearest]
    along = at[nearest] + (away * direction).sum(1)
    across = away[:, 1] * direction[:, 0] - away[:, 0] * direction[:, 1]
    radius = np.interp(along, at, radii)
    share = np.clip(along / length, 0, 1)
    sigma = np.hypot(EDGE_SIGMA, lift * np.maximum(share - 0.3, 0) / 0.7)
    cover = 0.5 * (erf((radius - across) / (SQRT_2 * sigma)) + erf((radius + across) / (SQRT_2 * sigma)))
    tip = np.full_like(along, length)
    if shaft.cut:
        slope = np.tan(shaft.slant)
        tip = length - (np.abs(slope) * radius - slope * across)
    cover *= np.clip(tip - along + 0.5, 0, 1) * np.clip(along + 0.5, 0, 1)
    return Footprint(rows, columns, across, along, share, radius, tip, cover)


def _pixels_near(
    line: Floats, reach: float, shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return rows and columns of the pixels within `reach` of a line."""
    height, width = shape
    x0, y0 = np.maximum(0, np.floor(line.min(0) - reach)).astype(int)
    x1, y1 = np.minimum([width, height], np.ceil(line.max(0) + reach) + 1).astype(int)
    if x1 <= x0 or y1 <= y0:
        return None
    near = np.zeros((y1 - y0, x1 - x0), np.uint8)
    thickness = int(np.ceil(2 * reach))
    cv2.polylines(near, [subpixel(line - [x0, y0])], False, 1, thickness, cv2.LINE_8, SUBPIXEL_BITS)
    rows, columns = np.nonzero(near)
    return (rows + y0, columns + x0) if len(rows) else None


def lay_flat(canvas: Floats, prints: Footprint, value: float) -> None:
    """Fill the outline with one value: what the stated width is checked against."""
    under = canvas[prints.rows, prints.columns]
    canvas[prints.rows, prints.columns] = under + (prints.cover[:, None] * (value - under)).astype(F32)


def dress(shaft: Shaft, kind: Kind, shine_at: float, rng: np.random.Generator) -> Look:
    """Draw the look of one shaft; `shine_at` is where the lamp puts the bright line, in radii."""
    density, body = rng.standard_normal(2)
    along = max(6, int(shaft.length_um / STREAK_PITCH_UM))
    streaks = (
        rng.standard_normal((along, 14), dtype=F32) * 0.5 + rng.standard_normal((1, 14), dtype=F32) * 0.8
    )
    scales = max(6, int(shaft.length_um / SCALE_PITCH_UM))
    return Look(
        density=density,
        body=body,
        streaks=np.ascontiguousarray(streaks),
        rim=rng.uniform(*kind.rim),
        side=rng.uniform(-1, 1),
        shine_at=float(np.clip(shine_at + rng.normal(0, 0.15), -0.7, 0.7)),
        shine_width=rng.uniform(0.08, 0.22),
        shine=rng.uniform(*kind.shine) * (rng.random() < 0.8),
        shine_along=np.clip(
            0.25 + 0.5 * smooth_line(rng, scales, 30) + 0.45 * rng.standard_normal(scales), 0, 2.5
        ),
        medulla_along=np.clip(
            0.75 + 0.45 * smooth_line(rng, scales, 14) + 0.15 * rng.standard_normal(scales), 0.05, 1.6
        ),
        facet=rng.random() < 0.35,
    )


def draw(
    canvas: Floats,
    owner: NDArray[np.int32],
    number: int,
    shaft: Shaft,
    look: Look,
    kind: Kind,
    light: float,
    rng: np.random.Generator,
) -> None:
    """Lay one shaft over the finer canvas in place and write its number where it covers more than half.

    Args:
        canvas: (H, W, 3) linear light.
        owner: (H, W) number of the uppermost shaft; 0 for none.
        number: of this shaft, from 1.
        shaft: what is drawn.
        look: how it is drawn.
        kind: of the picture.
        light: level of the illumination.
        rng: draws how the skin laps over the root.
    """
    prints = footprint(shaft, kind.um_per_px, kind.oversampling, (owner.shape[0], owner.shape[1]))
    if prints is None:
        return
    cover = prints.cover
    if not shaft.loose:
        cover = cover * _above_skin(prints, kind, rng)
    under = canvas[prints.rows, prints.columns]
    colour = _colour(prints, under, shaft, look, kind.um_per_px / kind.oversampling, light)
    canvas[prints.rows, prints.columns] = under + (cover[:, None] * (colour - under)).astype(F32)
    own = cover > 0.5
    owner[prints.rows[own], prints.columns[own]] = number


def _above_skin(prints: Footprint, kind: Kind, rng: np.random.Generator) -> Floats:
    """Return how far the shaft has come out of the skin, which laps over its first tens of µm."""
    lap_um = rng.uniform(20, 75) if kind.clipped else rng.uniform(12, 40)
    lap = lap_um / (kind.um_per_px / kind.oversampling)
    wave = prints.across / np.maximum(prints.radius, 1) * rng.uniform(0.5, 2) + rng.uniform(0, 6)
    lip = 1 + 0.5 * np.sin(wave)
    return np.clip(0.35 + 0.65 * prints.along / (lap * lip + 0.5), 0, 1)


def _colour(
    prints: Footprint, under: Floats, shaft: Shaft, look: Look, fine_um: float, light: float
) -> Floats:
    """Return the (P, 3) colour of a shaft over what lies under it."""
    colour = COLOURS[shaft.colour]
    place = prints.across / np.maximum(prints.radius, 0.3)
    edge = np.clip(np.abs(place), 0, 1)
    bulge = np.sqrt(np.maximum(1 - edge * edge, 0))
    streak = _streak(prints, place, look)
    path_um = PATH_FACTOR * (2 * prints.radius * fine_um * bulge) * (1 + 0.22 * streak)
    absorption = np.array(colour.absorption_per_um) * np.exp(0.18 * look.density)
    through = np.exp(-path_um[:, None] * absorption)
    seen = (1 - LENS_SHARE) * under + LENS_SHARE * under.mean(0)
    rim = 1 - look.rim * np.clip((edge - 0.45) / 0.55, 0, 1) ** 1.5
    core = 1 + 0.5 * look.rim * np.exp(-((edge / 0.38) ** 2))
    shown = seen * through * (rim * core)[:, None]
    shown = shown + _scattered(place, bulge, streak, through, colour, look, light)
    if colour.medulla is not None:
        shown = shown + _medulla(prints, place, through, colour.medulla, look, light)
    shown = shown + _shine(prints, place, streak, look, light)
    if shaft.cut and look.facet:
        glint = np.clip(1 - (prints.tip - prints.along) * fine_um / FACET_UM, 0, 1)
        shown = shown + (0.05 * glint)[:, None] * light
    return np.asarray(shown)


def _streak(prints: Footprint, place: Floats, look: Look) -> Floats:
    rows, columns = look.streaks.shape
    at = [prints.share * (rows - 1), np.clip((place + 1) * 0.5, 0, 1) * (columns - 1)]
    return np.asarray(map_coordinates(look.streaks, at, order=1, mode="nearest"))


def _scattered(
    place: Floats,
    bulge: Floats,
    streak: Floats,
    through: Floats,
    colour: HairColour,
    look: Look,
    light: float,
) -> Floats:
    """Return light that comes back from within the shaft."""
    body = np.array(colour.body) * np.exp(0.15 * look.body) * light
    solid = 1 - through.mean(1, keepdims=True)
    lit = 0.55 + 0.45 * bulge + 0.25 * look.side * place * 0.6
    return np.asarray(body * ((1 + 0.35 * streak) * lit)[:, None] * (0.3 + 0.7 * solid))


def _medulla(
    prints: Footprint, place: Floats, through: Floats, strength: float, look: Look, light: float
) -> Floats:
    """Return the bright axis of fair hair: its medulla, and light that the shaft gathers."""
    along = np.interp(prints.share, np.linspace(0, 1, len(look.medulla_along)), look.medulla_along)
    axis = np.exp(-(((place - look.shine_at * 0.25) / 0.24) ** 2))
    return np.asarray((strength * along * axis)[:, None] * light * (0.30 + 0.25 * through))


def _shine(prints: Footprint, place: Floats, streak: Floats, look: Look, light: float) -> Floats:
    """Return the bright line off the cuticle, broken by its scales, with its fainter second."""
    along = np.interp(prints.share, np.linspace(0, 1, len(look.shine_along)), look.shine_along)
    first = np.exp(-(((place - look.shine_at) / look.shine_width) ** 2))
    second = np.exp(-(((place - look.shine_at * 0.2) / (1.4 * look.shine_width)) ** 2))
    strength = look.shine * along * (first + 0.4 * second) * (1 + 0.3 * streak)
    return np.asarray(strength[:, None] * np.array(SHINE_TINT) * light)
