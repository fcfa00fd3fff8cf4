"""One scalp at several visits: shed, regrown, thickened, cut, re-positioned; identities known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.scene import UM2_PER_CM2, Scene, Shaft

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

BENDING_WAVES = 4
SPREAD_IN_UNIT_UM = 45.0


@dataclass(frozen=True, slots=True)
class Scalp:
    """The follicles of one piece of scalp, M of them, growing a visible hair or not.

    Attributes:
        root_um: (M, 2) [x, y] on the scalp [µm].
        direction_rad, diameter_um: (M,) of the hair the follicle grows.
        unit_id: (M,) follicular unit.
        visible: (M,) a hair shows now.
        size_um: width and height of the piece [µm]; a field of view is taken from its middle.
    """

    root_um: Floats
    direction_rad: Floats
    diameter_um: Floats
    unit_id: Integers
    visible: Booleans
    size_um: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ScalpSettings:
    """How a simulated piece of scalp is grown.

    Attributes:
        density_per_cm2: visible hairs [1/cm²].
        dormant_fraction: follicles without a visible hair, as a share of all.
        unit_weights: relative frequency of units of 1 to 4 follicles.
        unit_spacing_um: least distance of two units [µm].
        terminal_um, terminal_sd: median [µm] and log-scale deviation of terminal diameters.
        vellus_fraction, vellus_range_um: share and limits [µm] of fine hairs.
        lie_rad, lie_sd_rad, fan_sd_rad: common direction, its scatter between and within units [rad].
    """

    density_per_cm2: float = 160.0
    dormant_fraction: float = 0.15
    unit_weights: tuple[float, float, float, float] = (0.4, 0.4, 0.15, 0.05)
    unit_spacing_um: float = 450.0
    terminal_um: float = 65.0
    terminal_sd: float = 0.2
    vellus_fraction: float = 0.12
    vellus_range_um: tuple[float, float] = (14.0, 29.0)
    lie_rad: float = 0.6
    lie_sd_rad: float = 0.25
    fan_sd_rad: float = 0.1


@dataclass(frozen=True, slots=True)
class VisitChange:
    """What happened to the hairs since the visit before.

    Attributes:
        lost_fraction, regrown_fraction: hairs that fell and that appeared, as shares of the visible ones.
        random_counts: counts are drawn (True) or exact to the hair (False).
        thickening: factor on every diameter.
        lie_turn_rad, lie_sd_rad: all hairs lie turned by this, each by its own scatter [rad].
    """

    lost_fraction: float = 0.0
    regrown_fraction: float = 0.0
    random_counts: bool = False
    thickening: float = 1.0
    lie_turn_rad: float = 0.0
    lie_sd_rad: float = 0.1


@dataclass(frozen=True, slots=True)
class Positioning:
    """How the camera stands on the skin, and how well hairs are then seen.

    Attributes:
        field_um: width and height of the field [µm].
        shift_um, turn_rad: place and rotation of the field on the scalp.
        scale: apparent length over true length.
        bending_um: root mean square of the smooth deformation of the skin [µm].
        bending_wave_um: shortest wavelength of the deformation [µm].
        missed_fraction, false_fraction: hairs not seen and things taken for hairs, per visible hair.
        jitter_um: standard deviation of a root's place, per axis [µm].
        diameter_sd_um, direction_sd_rad: error of a diameter [µm] and a direction.
    """

    field_um: tuple[float, float] = (9300.0, 7000.0)
    shift_um: tuple[float, float] = (0.0, 0.0)
    turn_rad: float = 0.0
    scale: float = 1.0
    bending_um: float = 0.0
    bending_wave_um: float = 6000.0
    missed_fraction: float = 0.03
    false_fraction: float = 0.03
    jitter_um: float = 15.0
    diameter_sd_um: float = 3.0
    direction_sd_rad: float = 0.08


@dataclass(frozen=True, slots=True)
class Mapping:
    """Scalp [µm] → picture [µm]: smooth bending, then turn, scale and shift about the middle."""

    centre_um: Floats
    field_um: Floats
    turn: Floats
    waves: tuple[tuple[Floats, Floats, float], ...]

    def __call__(self, points_um: Floats) -> Floats:
        """Map (N, 2) places on the scalp to places in the picture, both [x, y] in µm."""
        points = np.asarray(points_um, float)
        bent = points.copy()
        for wave, amplitude, phase in self.waves:
            bent += np.cos(points @ wave + phase)[:, None] * amplitude
        return (bent - self.centre_um) @ self.turn.T + self.field_um / 2


@dataclass(frozen=True, slots=True)
class Sighting:
    """The hairs seen in one picture, K of them, with their identity.

    Attributes:
        root_um: (K, 2) root in the picture [µm]; direction_rad, diameter_um, unit_id: (K,).
        follicle: (K,) index into the scalp's follicles, -1 for what is no hair.
        mapping: scalp → picture.
        field_um: width and height of the field [µm].
        present: (M,) follicles with a visible hair whose root falls in the field.
    """

    root_um: Floats
    direction_rad: Floats
    diameter_um: Floats
    unit_id: Integers
    follicle: Integers
    mapping: Mapping
    field_um: tuple[float, float]
    present: Booleans


def grow_scalp(
    rng: np.random.Generator,
    settings: ScalpSettings | None = None,
    size_um: tuple[float, float] = (16000.0, 14000.0),
) -> Scalp:
    """Grow a piece of scalp as a table of follicles.

    Args:
        rng: the only source of chance.
        settings: what to grow.
        size_um: width and height [µm]; leave a margin round the field of view for re-positioning.
    """
    settings = settings or ScalpSettings()
    weights = np.asarray(settings.unit_weights, float)
    weights /= weights.sum()
    per_unit = float(weights @ np.arange(1, len(weights) + 1))
    follicles_per_cm2 = settings.density_per_cm2 / (1.0 - settings.dormant_fraction)
    n_units = int(rng.poisson(follicles_per_cm2 / per_unit * size_um[0] * size_um[1] / UM2_PER_CM2))
    places = _spaced_places(n_units, size_um, settings.unit_spacing_um, rng)
    counts = rng.choice(len(weights), size=n_units, p=weights) + 1
    unit = np.repeat(np.arange(n_units), counts)
    n = len(unit)
    root = places[unit] + rng.normal(0, SPREAD_IN_UNIT_UM, (n, 2)) * (counts[unit] > 1)[:, None]
    lie = settings.lie_rad + rng.normal(0, settings.lie_sd_rad, n_units)
    diameter = np.clip(settings.terminal_um * np.exp(rng.normal(0, settings.terminal_sd, n)), 31.0, 120.0)
    fine = rng.random(n) < settings.vellus_fraction
    diameter[fine] = rng.uniform(*settings.vellus_range_um, int(fine.sum()))
    return Scalp(
        root_um=root,
        direction_rad=lie[unit] + rng.normal(0, settings.fan_sd_rad, n),
        diameter_um=diameter,
        unit_id=unit.astype(np.int64),
        visible=rng.random(n) >= settings.dormant_fraction,
        size_um=size_um,
    )


def scalp_of(scene: Scene) -> Scalp:
    """Return the hairs of a scene as follicles that all show, in the order of its shafts."""
    shafts = scene.shafts
    heading = np.array([s.line_um[min(8, len(s.line_um) - 1)] - s.line_um[0] for s in shafts]).reshape(-1, 2)
    return Scalp(
        root_um=np.array([s.line_um[0] for s in shafts]).reshape(-1, 2),
        direction_rad=np.arctan2(heading[:, 1], heading[:, 0]),
        diameter_um=np.array([s.d_um for s in shafts]),
        unit_id=np.array([s.unit_id for s in shafts], dtype=np.int64),
        visible=np.ones(len(shafts), dtype=bool),
        size_um=scene.settings.size_um,
    )


def next_visit(scalp: Scalp, change: VisitChange, rng: np.random.Generator) -> Scalp:
    """Return the scalp some time later: hairs fell, follicles at rest grew one, all may have thickened."""
    shown, resting = np.flatnonzero(scalp.visible), np.flatnonzero(~scalp.visible)
    count = rng.poisson if change.random_counts else round
    n_lost = min(int(count(change.lost_fraction * len(shown))), len(shown))
    n_regrown = min(int(count(change.regrown_fraction * len(shown))), len(resting))
    visible = scalp.visible.copy()
    visible[rng.choice(shown, n_lost, replace=False)] = False
    visible[rng.choice(resting, n_regrown, replace=False)] = True
    lie = change.lie_turn_rad + rng.normal(0, change.lie_sd_rad, len(visible))
    return replace(
        scalp,
        visible=visible,
        diameter_um=scalp.diameter_um * change.thickening,
        direction_rad=scalp.direction_rad + lie,
    )


def position(scalp_size_um: tuple[float, float], stand: Positioning, rng: np.random.Generator) -> Mapping:
    """Draw the deformation of the skin and return the whole mapping scalp → picture."""
    waves = []
    for _ in range(BENDING_WAVES if stand.bending_um > 0 else 0):
        heading, length = rng.uniform(0, 2 * np.pi), stand.bending_wave_um * rng.uniform(1.0, 2.0)
        push = rng.uniform(0, 2 * np.pi)
        wave = 2 * np.pi / length * np.array([np.cos(heading), np.sin(heading)])
        # A cosine of amplitude a has mean square a²/2; the waves add in squares.
        amplitude = stand.bending_um * np.sqrt(2.0 / BENDING_WAVES)
        waves.append((wave, amplitude * np.array([np.cos(push), np.sin(push)]), rng.uniform(0, 2 * np.pi)))
    c, s = np.cos(stand.turn_rad), np.sin(stand.turn_rad)
    centre = np.asarray(scalp_size_um) / 2 + np.asarray(stand.shift_um)
    turn = stand.scale * np.array([[c, -s], [s, c]])
    return Mapping(centre, np.asarray(stand.field_um, float), turn, tuple(waves))


def sight(scalp: Scalp, stand: Positioning, rng: np.random.Generator) -> Sighting:
    """Return what a good tracer would report of the scalp seen from `stand`: a table, no picture.

    Args:
        scalp: the follicles.
        stand: position of the camera and errors of the tracer.
        rng: the only source of chance.
    """
    mapping = position(scalp.size_um, stand, rng)
    width, height = stand.field_um
    place = mapping(scalp.root_um)
    inside = ((place >= 0) & (place < (width, height))).all(axis=1)
    present = scalp.visible & inside
    seen = np.flatnonzero(present & (rng.random(len(present)) >= stand.missed_fraction))
    n_false = int(rng.poisson(stand.false_fraction * present.sum()))
    borrowed = rng.choice(seen, n_false) if len(seen) else np.zeros(0, dtype=np.int64)
    n_false = len(borrowed)
    like = np.concatenate([seen, borrowed])
    root = np.concatenate([place[seen], rng.uniform((0, 0), (width, height), (n_false, 2))])
    root = root + rng.normal(0, stand.jitter_um, root.shape)
    diameter = stand.scale * scalp.diameter_um[like] + rng.normal(0, stand.diameter_sd_um, len(like))
    order = np.lexsort((root[:, 0], root[:, 1]))
    first_free = int(scalp.unit_id.max(initial=-1)) + 1
    unit = np.concatenate([scalp.unit_id[seen], first_free + np.arange(n_false)])
    turned = scalp.direction_rad[like] + stand.turn_rad
    return Sighting(
        root_um=root[order],
        direction_rad=(turned + rng.normal(0, stand.direction_sd_rad, len(like)))[order],
        diameter_um=np.maximum(diameter, 5.0)[order],
        unit_id=unit[order].astype(np.int64),
        follicle=np.concatenate([seen, np.full(n_false, -1)])[order].astype(np.int64),
        mapping=mapping,
        field_um=stand.field_um,
        present=present,
    )


@dataclass(frozen=True, slots=True)
class SceneChange:
    """What happened to the hairs of a scene, and how the skin lies now.

    Attributes:
        lost: indices of shafts that fell.
        cut_to_um: shafts are cut to this length [µm] after growing; None leaves them.
        grown_um: length every remaining shaft gained before the cut [µm].
        thickening: factor on every diameter.
        lie_turn_rad, lie_sd_rad: shafts lie turned about their root by this and their own scatter.
        new_skin: the skin between the hairs is drawn anew.
    """

    lost: tuple[int, ...] = ()
    cut_to_um: float | None = None
    grown_um: float = 0.0
    thickening: float = 1.0
    lie_turn_rad: float = 0.0
    lie_sd_rad: float = 0.0
    new_skin: bool = True


def next_scene(
    scene: Scene, change: SceneChange, rng: np.random.Generator, mapping: Mapping | None = None
) -> tuple[Scene, Integers]:
    """Return a scene some time later, ready to be photographed, and each shaft's index in the scene before.

    Hairs that regrow are made by dropping them from the earlier visit instead: call it with them in `lost`.

    Args:
        scene: the scene before.
        change: what happened.
        rng: the only source of chance.
        mapping: moves the skin under the camera (of `position`); None leaves it in place.
    """
    lost = frozenset(change.lost)
    kept = [k for k in range(len(scene.shafts)) if k not in lost]
    shafts = tuple(_later_shaft(scene.shafts[k], change, rng, mapping) for k in kept)
    units = scene.units
    if mapping is not None:
        moved = mapping(np.array([(u.x_um, u.y_um) for u in units]).reshape(-1, 2))
        turn = float(np.arctan2(mapping.turn[1, 0], mapping.turn[0, 0]))
        units = tuple(
            replace(unit, x_um=float(x), y_um=float(y), angle_rad=unit.angle_rad + turn)
            for unit, (x, y) in zip(units, moved, strict=True)
        )
    skin_seed = int(rng.integers(2**31)) if change.new_skin else scene.skin_seed
    later = replace(scene, units=units, shafts=shafts, skin_seed=skin_seed)
    return later, np.array(kept, dtype=np.int64)


def _later_shaft(
    shaft: Shaft, change: SceneChange, rng: np.random.Generator, mapping: Mapping | None
) -> Shaft:
    line, width = shaft.line_um, shaft.width_um * change.thickening
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    if change.grown_um > 0:
        # What grew is at the root: the old shaft is pushed outwards along its own line.
        heading = (line[-1] - line[-2]) / max(1e-9, float(np.linalg.norm(line[-1] - line[-2])))
        line = np.vstack([line, line[-1] + heading * change.grown_um])
        travelled = np.append(travelled, travelled[-1] + change.grown_um)
        width = np.append(width, width[-1])
    clipped = shaft.clipped
    if change.cut_to_um is not None and travelled[-1] > change.cut_to_um:
        at = np.append(travelled[travelled < change.cut_to_um], change.cut_to_um)
        line = np.column_stack([np.interp(at, travelled, line[:, axis]) for axis in (0, 1)])
        width = np.interp(at, travelled, width)
        clipped = True
    angle = change.lie_turn_rad + rng.normal(0, change.lie_sd_rad)
    c, s = np.cos(angle), np.sin(angle)
    line = line[0] + (line - line[0]) @ np.array([[c, s], [-s, c]])
    if mapping is not None:
        line = mapping(line)
    return replace(shaft, line_um=line, width_um=width, d_um=shaft.d_um * change.thickening, clipped=clipped)


def _spaced_places(
    n: int, size_um: tuple[float, float], spacing_um: float, rng: np.random.Generator
) -> Floats:
    """Throw n darts that keep a least distance; one that fails a few times stays where it fell last."""
    placed = np.empty((n, 2))
    for k in range(n):
        for _ in range(6):
            dart = rng.uniform((0, 0), size_um)
            if k == 0 or ((placed[:k] - dart) ** 2).sum(axis=1).min() > spacing_um**2:
                break
        placed[k] = dart
    return placed
