"""Grow the geometry of a simulated scalp in µm: units, hairs, cut pieces; nothing here knows pixels."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.settings import Colour, HairSettings, SceneSettings

POINT_SPACING_UM = 28.0
MOST_POINTS = 140
END_MARGIN_UM = 100.0
VELLUS_BELOW_UM = 30.0
UM2_PER_CM2 = 1e8
# Units farther outside than this many lengths cannot reach into the field and are not grown.
OUTGROWN = 1.6
# Nor are straight hairs that point away from it.
LEAVING, NEAR_UM, STRAIGHT_PER_MM = 0.5, 400.0, 0.6
UNDERSIZED_UM = (18.0, 42.0)
UNDERSIZED_LENGTH_UM = 300.0
FLARE_UM = 50.0
# How far clinging neighbours are apart at the skin and at their ends [diameters], as marked pairs of 40 real
# frames are (median 96 and 64 µm); how many of them lie along each other in the end.
CLINGING_ROOTS, CLINGING_ENDS, CLINGING_ALONG = (0.9, 1.7), (0.0, 1.05), 0.4


@dataclass(frozen=True, slots=True)
class Shaft:
    """One hair on the scalp.

    Attributes:
        line_um: (N, 2) centre line [x, y] in µm from the corner of the field, root first.
        width_um: (N,) outer-edge diameter along it [µm].
        d_um: median diameter without the first and last 100 µm and without the tapering tip [µm].
        unit_id: follicular unit; -1 for a loose piece.
        pigment: absorption of red, green, blue [1/µm].
        scatter: [1/µm]; body: colour of the scattered light (linear).
        clipped: cut end (True) or natural tip.
        seed: of the details of its surface.
    """

    line_um: NDArray[np.float64]
    width_um: NDArray[np.float64]
    d_um: float
    unit_id: int
    pigment: Colour
    scatter: float
    body: Colour
    clipped: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A follicular unit: place [µm], direction of its shafts [rad] and radius of its opening [µm]."""

    x_um: float
    y_um: float
    angle_rad: float
    radius_um: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A scalp to photograph: settings, units, shafts in z order (lowest first), seed of the skin."""

    settings: SceneSettings
    units: tuple[Unit, ...]
    shafts: tuple[Shaft, ...]
    loose: tuple[Shaft, ...]
    skin_seed: int

    def count(self, per_cm2: float, rng: np.random.Generator) -> int:
        """Draw how many of something that frequent lie in the field."""
        width, height = self.settings.size_um
        return int(rng.poisson(per_cm2 * width * height / UM2_PER_CM2)) if per_cm2 > 0 else 0

    def somewhere_um(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw a place (x, y) in the field [µm]."""
        width, height = self.settings.size_um
        return np.array([rng.uniform(0, width), rng.uniform(0, height)])


def grow_scene(settings: SceneSettings, rng: np.random.Generator) -> Scene:
    """Grow hairs over the field and a margin round it, so that hairs rooted outside reach in.

    Args:
        settings: what to grow; `size_px` and `um_per_px` give the field.
        rng: the only source of chance; the same state gives the same scene.
    """
    hairs = settings.hairs
    width, height = settings.size_um
    margin = min(4000.0, hairs.length_um * float(np.exp(1.6 * hairs.length_sd))) + 300.0
    weights = np.asarray(hairs.unit_weights, float)
    per_unit = float((weights * np.arange(1, 5)).sum() / max(1e-9, weights.sum()))
    area = (width + 2 * margin) * (height + 2 * margin)
    n_units = rng.poisson(hairs.density_per_cm2 / per_unit * area / UM2_PER_CM2) if weights.sum() else 0
    places = _place_units(n_units, width, height, margin, hairs.unit_spacing_um, rng)
    tilt = rng.normal(0, 0.25 / max(width, height), 2)
    units: list[Unit] = []
    shafts: list[Shaft] = []
    for unit_id, (x, y) in enumerate(places):
        lie = hairs.lie_rad + tilt[0] * (x - width / 2) + tilt[1] * (y - height / 2)
        angle = (
            lie + rng.normal(0, hairs.lie_sd_rad) + (rng.uniform(-2.5, 2.5) if rng.random() < 0.03 else 0.0)
        )
        count = int(rng.choice(4, p=weights / weights.sum())) + 1
        away_x, away_y = x - np.clip(x, 0.0, width), y - np.clip(y, 0.0, height)
        outside = float(np.hypot(away_x, away_y))
        leaving = np.cos(angle) * away_x + np.sin(angle) * away_y > LEAVING * outside
        if outside > NEAR_UM and leaving and hairs.curl_per_mm < STRAIGHT_PER_MM:
            continue
        if outside > 300.0 + OUTGROWN * hairs.length_um * abs(rng.normal(1.0, hairs.length_sd)):
            continue
        grown, radius = _grow_unit(hairs, unit_id, x, y, angle, count, rng)
        shafts += grown
        units.append(Unit(float(x), float(y), float(angle), radius))
    order = rng.permutation(len(shafts))
    level = np.array([s.unit_id + rng.normal(0, 0.6) for s in shafts]) if shafts else np.zeros(0)
    if rng.random() < 0.7:
        order = np.argsort(level)
    shafts = [shafts[k] for k in order]
    n_loose = rng.poisson(hairs.loose_per_cm2 * width * height / UM2_PER_CM2)
    loose = tuple(_loose_piece(hairs, width, height, rng) for _ in range(n_loose))
    return Scene(settings, tuple(units), tuple(shafts), loose, int(rng.integers(2**31)))


def _place_units(
    n: int, width: float, height: float, margin: float, spacing: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Throw darts that keep a least distance; one that fails a few times stays where it fell last."""
    placed = np.empty((n, 2))
    low = -margin
    for k in range(n):
        for _ in range(6):
            x, y = rng.uniform(low, width + margin), rng.uniform(low, height + margin)
            gap = (placed[:k, 0] - x) ** 2 + (placed[:k, 1] - y) ** 2
            if k == 0 or gap.min() > spacing**2:
                break
        placed[k] = x, y
    return placed


def _diameter(hairs: HairSettings, rng: np.random.Generator) -> tuple[float, bool]:
    """Draw a diameter and whether the hair is an undersized short one."""
    u = rng.random()
    if u < hairs.undersized_fraction:
        return float(rng.uniform(*UNDERSIZED_UM)), True
    if u < hairs.undersized_fraction + hairs.vellus_fraction:
        return float(rng.uniform(*hairs.vellus_range_um)), False
    drawn = hairs.terminal_um * np.exp(rng.normal(0, hairs.terminal_sd))
    return float(np.clip(drawn, *hairs.terminal_range_um)), False


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """How K shafts of a unit stand: (K,) offset across the unit [µm], turn from its direction, own bend."""

    lateral_um: NDArray[np.float64]
    turn_rad: NDArray[np.float64]
    bend_per_um: NDArray[np.float64]


def _arrange(
    hairs: HairSettings, count: int, mean_d: float, unit_length: float, rng: np.random.Generator
) -> _Arrangement:
    """Set the shafts of one unit beside each other, apart, in a V, converging, crossing or clinging."""
    way = str(rng.choice(["beside", "apart", "vee", "converge", "cross"], p=[0.4, 0.17, 0.19, 0.12, 0.12]))
    slots = np.arange(count) - (count - 1) / 2
    slots = slots[rng.permutation(count)] if rng.random() < 0.3 else slots
    gap = {
        "beside": hairs.crowding * rng.uniform(0.75, 1.3),
        "apart": rng.uniform(1.5, 3.2),
        "vee": rng.uniform(0.1, 0.6),
        "converge": rng.uniform(1.2, 2.4),
        "cross": rng.uniform(0.2, 1.6),
    }[way]
    lateral = slots * gap * mean_d + rng.normal(0, 0.08 * mean_d, count)
    spread = {
        "beside": rng.normal(0, 0.03),
        "apart": rng.normal(0.03, 0.06),
        "vee": rng.uniform(0.08, 0.4),
        "converge": -rng.uniform(0.08, 0.25),
        "cross": -rng.uniform(0.2, 0.7),
    }[way]
    straightens = False
    if hairs.cling > 0.0 and rng.random() < hairs.cling:
        way, gap = "cling", rng.uniform(*CLINGING_ROOTS)
        lateral = slots * gap * mean_d + rng.normal(0, 0.08 * mean_d, count)
        spread = (rng.uniform(*CLINGING_ENDS) - gap) * mean_d / unit_length
        straightens = rng.random() < CLINGING_ALONG
        spread *= 2.0 if straightens else 1.0
    calm = way in ("beside", "apart", "cling")
    turns = slots * spread + rng.normal(0, hairs.fan_sd_rad * (0.35 if calm else 0.7), count)
    return _Arrangement(lateral, turns, -turns / unit_length if straightens else np.zeros(count))


def _grow_unit(
    hairs: HairSettings, unit_id: int, x: float, y: float, angle: float, count: int, rng: np.random.Generator
) -> tuple[list[Shaft], float]:
    """Grow the hairs of one unit; return them with the radius of their opening [µm]."""
    drawn = [_diameter(hairs, rng) for _ in range(count)]
    mean_d = float(np.mean([d for d, _ in drawn]))
    unit_length = hairs.length_um * np.exp(rng.normal(0, hairs.length_sd))
    beside = _arrange(hairs, count, mean_d, unit_length, rng)
    along = rng.normal(0, 18.0 + 0.3 * mean_d, count)
    ux, uy = np.cos(angle), np.sin(angle)
    bend = rng.normal(0, hairs.curl_per_mm) / 1000.0
    shafts = []
    for k, (d, undersized) in enumerate(drawn):
        sx = x + along[k] * ux - beside.lateral_um[k] * uy
        sy = y + along[k] * uy + beside.lateral_um[k] * ux
        turn = beside.turn_rad[k] + (rng.normal(0, 0.3) if undersized or d < VELLUS_BELOW_UM else 0.0)
        length = unit_length * np.exp(rng.normal(0, 0.16 if rng.random() < 0.8 else 0.5))
        if undersized:
            length = min(length, UNDERSIZED_LENGTH_UM * np.exp(rng.normal(0, 0.4)))
        elif d < VELLUS_BELOW_UM:
            length *= rng.uniform(0.4, 1.0)
        clipped = bool(rng.random() < hairs.clipped_fraction)
        shafts.append(
            _grow_shaft(
                hairs,
                unit_id,
                sx,
                sy,
                angle + turn,
                d,
                max(110.0, float(length)),
                clipped,
                0.7 * bend + 0.3 * rng.normal(0, hairs.curl_per_mm) / 1000.0 + beside.bend_per_um[k],
                rng,
            )
        )
    radius = 0.55 * mean_d + 0.3 * float(np.ptp(beside.lateral_um)) + rng.uniform(5, 25)
    return shafts, float(radius)


def _colour(hairs: HairSettings, d_um: float, rng: np.random.Generator) -> tuple[Colour, float, Colour]:
    weights = np.array([c[0] for c in hairs.colours])
    _, pigment, scatter, body = hairs.colours[int(rng.choice(len(weights), p=weights / weights.sum()))]
    more = float(np.exp(rng.normal(0, 0.3)))
    # Fine hairs carry less pigment per volume: they look brown beside black ones.
    fine = float(np.clip(d_um / 60.0, 0.3, 1.0)) if rng.random() < 0.75 else 1.0
    tint = np.exp(rng.normal(0, 0.12, 3))
    tone = float(np.exp(rng.normal(0, 0.3)))
    r, g, b = (float(v * more * fine * t) for v, t in zip(pigment, tint, strict=True))
    br, bg, bb = (float(min(0.95, v * tone)) for v in body)
    return (r, g, b), float(scatter * (0.5 + 0.5 * fine)), (br, bg, bb)


def _grow_shaft(
    hairs: HairSettings,
    unit_id: int,
    x: float,
    y: float,
    angle: float,
    d_um: float,
    length_um: float,
    clipped: bool,
    bend_per_um: float,
    rng: np.random.Generator,
) -> Shaft:
    n = int(np.clip(length_um / POINT_SPACING_UM, 5, MOST_POINTS)) + 1
    s = np.linspace(0.0, length_um, n)
    period = rng.uniform(800.0, 3000.0)
    wave = rng.normal(0, hairs.wave_per_mm) / 1000.0 * np.cos(2 * np.pi * s / period + rng.uniform(0, 6.28))
    heading = angle + np.cumsum((bend_per_um + wave) * (s[1] - s[0]))
    step = s[1] - s[0]
    line = np.empty((n, 2))
    line[0] = x, y
    line[1:, 0] = x + np.cumsum(np.cos(heading[:-1])) * step
    line[1:, 1] = y + np.cumsum(np.sin(heading[:-1])) * step
    slow = 1.0 + rng.normal(0, 0.015) * np.sin(s / rng.uniform(120, 500) + rng.uniform(0, 6.28))
    narrow = hairs.root_narrowing * rng.uniform(-0.4, 1.6)
    slow = slow * (1.0 - narrow * np.exp(-s / rng.uniform(20, 50)))
    taper = 0.0
    if not clipped:
        taper = min(0.5 * length_um, rng.uniform(150.0, 600.0))
        left = np.clip((length_um - s) / taper, 0.0, 1.0)
        slow = slow * (0.12 + 0.88 * left**0.7)
    if clipped and hairs.flare > 0.0:
        slow = slow * (1.0 + hairs.flare * rng.random() ** 2 * np.exp((s - length_um) / FLARE_UM))
    width = d_um * slow
    body_part = (s >= END_MARGIN_UM) & (s <= length_um - max(END_MARGIN_UM, taper))
    if not body_part.any():
        body_part = (s >= 0.3 * length_um) & (s <= 0.6 * length_um)
    measured = float(np.median(width[body_part])) if body_part.any() else float(np.median(width))
    pigment, scatter, body = _colour(hairs, d_um, rng)
    return Shaft(line, width, measured, unit_id, pigment, scatter, body, clipped, int(rng.integers(2**31)))


def _loose_piece(hairs: HairSettings, width: float, height: float, rng: np.random.Generator) -> Shaft:
    d = float(rng.choice([rng.uniform(8, 30), rng.uniform(30, 90)]))
    return _grow_shaft(
        hairs,
        -1,
        rng.uniform(0, width),
        rng.uniform(0, height),
        rng.uniform(0, 6.28),
        d,
        float(rng.uniform(60, 350)),
        True,
        rng.normal(0, 2.0) / 1000.0,
        rng,
    )
