"""Where hairs grow and how they run: follicular units, directions, lengths, thicknesses, bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.second_renderer.fields import TURN, Floats, smooth_line
from benchmarks.second_renderer.kinds import Kind

VELLUS_BELOW_UM = 30.0
VELLUS_UM, INTERMEDIATE_UM, TERMINAL_UM = (12.0, 30.0), (30.0, 50.0), (50.0, 90.0)
TERMINAL_MEDIAN_UM, TERMINAL_SPREAD = 67.0, 0.15
UNIT_SIZES = (1, 2, 3, 4)
UNIT_SHARES = (0.36, 0.43, 0.17, 0.04)
UNIT_SHARES_CLIPPED = (0.30, 0.43, 0.21, 0.06)
UNIT_SHARES_THINNING = (0.55, 0.36, 0.09, 0.0)
THINNING_VELLUS = 0.2
"""A kind with more vellus than this has lost hairs from its units."""
STEP_UM = 4.0
LOOSE_POINTS = 30
LOOSE_UNIT = -1
MARGIN_UM = 70.0
UM_PER_MM = 1000.0
UM2_PER_CM2 = 1e8


@dataclass(frozen=True, slots=True)
class Shaft:
    """One hair as it lies.

    Attributes:
        line_px: (N, 2) centre line [x, y] [px] from the root; pixel (i, j) has its centre at x = i, y = j.
        radius_um: (N,) outer radius [µm].
        diameter_um: outer width where it does not taper: the median along it [µm].
        length_um: of the centre line [µm].
        unit: number of its follicular unit; `LOOSE_UNIT` for a loose piece.
        colour: name in `kinds.COLOURS`.
        cut: ends flat, not in a tip.
        slant: of the cut [rad].
        lift_um: blur at the tip of a shaft that leaves the focal plane [µm].
        height: what lies higher is drawn later.
        loose: a cut piece lying on the skin.
    """

    line_px: Floats
    radius_um: Floats
    diameter_um: float
    length_um: float
    unit: int
    colour: str
    cut: bool
    slant: float
    lift_um: float = 0.0
    height: float = 0.0
    loose: bool = False

    @property
    def vellus(self) -> bool:
        """Whether it is thinner than 30 µm."""
        return self.diameter_um < VELLUS_BELOW_UM


@dataclass(frozen=True, slots=True)
class _Lie:
    """What the hairs of one picture share: direction [rad], its gradient, bend [rad/mm], colour."""

    direction: float
    gradient: Floats
    bend: float
    colour: str


def grow(kind: Kind, rng: np.random.Generator) -> list[Shaft]:
    """Return all shafts that reach the picture, lowest first."""
    origins, sizes = _units(kind, rng)
    lie = _Lie(
        direction=rng.uniform(0, 2 * np.pi),
        gradient=rng.normal(0, 0.35, 2),
        bend=rng.normal(0, kind.bend_per_mm),
        colour=_colour(kind, rng, weighted=True),
    )
    shafts: list[Shaft] = []
    for number, (origin, size) in enumerate(zip(origins, sizes, strict=True)):
        shafts += _unit(kind, lie, number, origin, int(size), rng)
    if kind.clipped:
        shafts += [loose_piece(kind, lie.colour, rng) for _ in range(rng.choice([0, 0, 1, 3]))]
    return sorted(shafts, key=lambda shaft: shaft.height)


def _units(kind: Kind, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Throw follicular units over the picture and a margin: (U, 2) places [µm] and (U,) hairs of each."""
    shares = np.array(UNIT_SHARES_CLIPPED if kind.clipped else UNIT_SHARES)
    if kind.vellus > THINNING_VELLUS:
        shares = np.array(UNIT_SHARES_THINNING)
    density = rng.uniform(*kind.density_per_cm2) / UM2_PER_CM2
    margin = (kind.length_mm[0] * UM_PER_MM) * 1.25
    width, height = kind.size_um
    units = density / (shares @ np.array(UNIT_SIZES))
    wanted = rng.poisson(units * (width + 2 * margin) * (height + 2 * margin))
    gap, thrown = 0.62 / np.sqrt(units), np.zeros((0, 2))
    for _ in range(wanted * 40):
        place = rng.uniform([-margin, -margin], [width + margin, height + margin])
        if len(thrown) == 0 or ((thrown - place) ** 2).sum(1).min() > (gap * rng.uniform(0.75, 1)) ** 2:
            thrown = np.vstack([thrown, place])
            if len(thrown) >= wanted:
                break
    return thrown, rng.choice(UNIT_SIZES, len(thrown), p=shares)


def _unit(
    kind: Kind, lie: _Lie, number: int, origin: Floats, size: int, rng: np.random.Generator
) -> list[Shaft]:
    width, height = kind.size_um
    direction = (
        lie.direction
        + lie.gradient[0] * (origin[0] / width - 0.5)
        + lie.gradient[1] * (origin[1] / height - 0.5)
        + np.radians(kind.jitter_deg) * rng.standard_normal()
    )
    span_um = rng.uniform(45, 110) if kind.clipped else rng.uniform(35, 110)
    across = np.array([-np.sin(direction), np.cos(direction)])
    along = np.array([np.cos(direction), np.sin(direction)])
    offsets = (np.arange(size) - (size - 1) / 2) * span_um + rng.normal(0, 14, size)
    cut_length = rng.normal(1, 0.08)
    shafts = []
    for offset in offsets:
        diameter_um = _diameter(kind, rng)
        length_um = _length(kind, diameter_um, cut_length, rng)
        spread = np.radians(kind.fan_deg)
        start = (
            direction
            + spread * rng.standard_normal() * (1.5 if diameter_um < VELLUS_BELOW_UM else 1)
            + spread * 0.5 * (offset / span_um if size > 1 else 0) * rng.choice([-1, 1, 1])
        )
        angles = _angles(kind, start, lie.bend, diameter_um, length_um, rng)
        root = origin + across * offset + along * rng.normal(0, 35 if kind.clipped else 22)
        line_px = _walk(root, angles, length_um) / kind.um_per_px - 0.5
        if reaches(kind, line_px):
            shafts.append(_finish(kind, lie, number, line_px, diameter_um, length_um, rng))
    return shafts


def _diameter(kind: Kind, rng: np.random.Generator, vellus: float | None = None) -> float:
    """Draw an outer width [µm]; `vellus` replaces the kind's share."""
    share = kind.vellus if vellus is None else vellus
    draw = rng.random()
    if draw < share:
        return float(rng.uniform(*VELLUS_UM))
    if draw < share + kind.intermediate:
        return float(rng.uniform(*INTERMEDIATE_UM))
    while True:
        width = TERMINAL_MEDIAN_UM * np.exp(TERMINAL_SPREAD * rng.standard_normal())
        if TERMINAL_UM[0] <= width <= TERMINAL_UM[1]:
            return float(width)


def _length(kind: Kind, diameter_um: float, cut_length: float, rng: np.random.Generator) -> float:
    mean, spread = kind.length_mm
    shortest = 0.25 if kind.clipped else 0.5
    length_um = max(shortest, mean * (1 + spread * rng.standard_normal())) * UM_PER_MM
    if kind.clipped:
        own = mean * UM_PER_MM * cut_length * (1 + 0.13 * rng.standard_normal())
        return float(np.clip(own, 290, 620))
    return length_um * rng.uniform(0.3, 0.65) if diameter_um < VELLUS_BELOW_UM else length_um


def _angles(
    kind: Kind, start: float, bend: float, diameter_um: float, length_um: float, rng: np.random.Generator
) -> Floats:
    """Return the direction [rad] at even steps along a shaft."""
    steps = int(length_um / STEP_UM) + 1
    count = steps + 1
    arc = np.arange(count) * length_um / steps
    curvature = (
        (bend + kind.bend_per_mm * rng.standard_normal()) / UM_PER_MM
        + kind.bend_per_mm * 0.5 / UM_PER_MM * smooth_line(rng, count, 500 / STEP_UM)
    )  # fmt: skip
    if diameter_um < VELLUS_BELOW_UM:
        curvature = curvature + 0.6 / UM_PER_MM * smooth_line(rng, count, 350 / STEP_UM)
    angles = start + np.cumsum(curvature) * (length_um / steps)
    if kind.curl:
        period, swing = rng.uniform(1000, 2000), rng.uniform(0.4, 1.1)
        wave = swing * np.sin(2 * np.pi * arc / period + rng.uniform(0, TURN))
        angles = angles + kind.curl * (wave + rng.choice([-1, 1]) * arc / rng.uniform(900, 3500))
    return np.asarray(angles)


def _walk(root: Floats, angles: Floats, length_um: float) -> Floats:
    middle = (angles[1:] + angles[:-1]) / 2
    steps = np.cumsum(np.stack([np.cos(middle), np.sin(middle)], 1), 0) * (length_um / len(middle))
    return np.asarray(root + np.vstack([[0, 0], steps]))


def reaches(kind: Kind, line_px: Floats) -> bool:
    """Tell whether a line comes near the picture."""
    margin = MARGIN_UM / kind.um_per_px
    low, high = line_px.min(0), line_px.max(0)
    return bool((high >= -margin).all() and (low <= np.array(kind.size_px) + margin).all())


def _finish(
    kind: Kind,
    lie: _Lie,
    unit: int,
    line_px: Floats,
    diameter_um: float,
    length_um: float,
    rng: np.random.Generator,
) -> Shaft:
    """Give a line its thickness, end, colour and height."""
    vellus = diameter_um < VELLUS_BELOW_UM
    count = len(line_px)
    arc = np.arange(count) * length_um / (count - 1)
    wobble = smooth_line(rng, count, 300 / STEP_UM) * 0.02
    radius_um = diameter_um / 2 * (1 + wobble - np.median(wobble))
    cut = kind.clipped and not (vellus and rng.random() < 0.6)
    if not cut:
        taper_from = length_um * rng.uniform(0.66, 0.9)
        share = np.clip((arc - taper_from) / (length_um - taper_from), 0, 1)
        radius_um = np.maximum(radius_um * (1 - share ** rng.uniform(1.1, 2.2)), 1.0)
    colour = lie.colour if rng.random() > 0.12 else _colour(kind, rng)
    lift_um = 0.0 if kind.clipped or rng.random() < 0.6 else rng.uniform(2, 9)
    slant = rng.normal(0, 0.18)
    height = rng.random() + 0.3 * vellus
    return Shaft(line_px, radius_um, diameter_um, length_um, unit, colour, cut, slant, lift_um, height)


def loose_piece(kind: Kind, colour: str, rng: np.random.Generator) -> Shaft:
    """Drop a cut piece on the skin."""
    width, height = kind.size_um
    length_um, angle = rng.uniform(120, 280), rng.uniform(0, TURN)
    start = rng.uniform([0.05 * width, 0.05 * height], [0.95 * width, 0.95 * height])
    arc = np.linspace(0, length_um, LOOSE_POINTS)
    diameter_um = _diameter(kind, rng, vellus=0.0)
    line_px = (start + arc[:, None] * [np.cos(angle), np.sin(angle)]) / kind.um_per_px - 0.5
    radius_um = np.full(LOOSE_POINTS, diameter_um / 2)
    shaft = Shaft(
        line_px, radius_um, diameter_um, length_um, LOOSE_UNIT, colour, cut=True, slant=rng.normal(0, 0.3)
    )
    return replace(shaft, height=2.0, loose=True)


def _colour(kind: Kind, rng: np.random.Generator, *, weighted: bool = False) -> str:
    names: Sequence[str] = [name for name, _ in kind.colours]
    odds = np.array([odds for _, odds in kind.colours])
    return str(rng.choice(names, p=odds / odds.sum()) if weighted else rng.choice(names))
