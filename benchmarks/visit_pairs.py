"""Pairs of visits as pictures with their truth: which follicle is which, where the skin went, who changed.

Scalps come from the simulator's presets, moved by a draw of their own (`pictures.varied`). Seeds from
900 000 are for measuring only; whoever tunes uses seeds below 1000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import varied
from densitometry import simulate
from densitometry.simulate.colours import BLACK, BLOND, GREY, mix
from densitometry.simulate.render import View, render_scene
from densitometry.simulate.scene import Scene, Shaft, grow_scene
from densitometry.simulate.series import another_day, shafts_of, strewn
from densitometry.simulate.settings import SceneSettings
from densitometry.simulate.visits import Mapping, Positioning, SceneChange, next_scene, position

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

FIRST_TEST_SEED = 900_000
COARSE_UM_PER_PX = 9.0
LIE_TURN_SD_RAD, LIE_SD_RAD, RUN_LIE_SD_RAD = 0.2, 0.12, 0.02
RECUT_SPREAD, GROWN_SHARE = (0.9, 1.4), 0.3
RUN_SHIFT_UM, RUN_TURN_RAD, RUN_BENDING_UM = 250.0, 0.05, 25.0
DYE = mix((1.0, BLACK))
FADED = mix((0.5, GREY), (0.5, BLOND))
GROWTH_MM_PER_DAY, GROWTH_SD, DAYS_APART = 0.33, 0.15, 2.0
SHORT_UM = 330.0
"""Hairs are cut about this short on the first day of a phototrichogram."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of picture, as `--setting` names it."""

    name: str
    preset: str
    um_per_px: float
    size_px: tuple[int, int]


SETTINGS = {
    s.name: s
    for s in (
        Setting("clipped", "clipped", 5.5, (1280, 1024)),
        Setting("wide", "clipped", 5.5, (1632, 1224)),
        Setting("large", "clipped", 8.0, (1600, 1200)),
        Setting("ordinary", "ordinary", 8.0, (1200, 900)),
        Setting("small", "clipped", 8.0, (640, 512)),
    )
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What happens between two visits.

    Attributes:
        name: as `--kind` names it.
        lost, regrown: hairs that fall and come, as shares of those that show.
        shift_um, turn_rad: the later pictures lie up to this far and turned from the earlier ones.
        zoom: relative change of the apparent size, either way.
        zoom_told: the scale stated for a picture is its true one; otherwise that of the first visit.
        bending_um: root mean square of the skin's deformation.
        person: the later pictures show somebody else.
        followup_um_per_px: scale of another device at the later visit.
        dyed: grey and fair hair at the first visit, dyed black at the second.
        days: clipped on the first day and pictured again so many days later; 0: another visit.
    """

    name: str
    lost: float = 0.0
    regrown: float = 0.0
    shift_um: float = 1000.0
    turn_rad: float = 0.21
    zoom: float = 0.04
    zoom_told: bool = True
    bending_um: float = 60.0
    person: bool = False
    followup_um_per_px: float | None = None
    dyed: bool = False
    days: float = 0.0


KINDS = {
    k.name: k
    for k in (
        Kind("moved", 0.15, 0.15, shift_um=2000.0, zoom_told=False),
        Kind("null"),
        Kind("cycle", 0.08, 0.08),
        Kind("gain", 0.0, 0.25),
        Kind("loss", 0.20, 0.0),
        Kind("gain10", 0.0, 0.10),
        Kind("loss10", 0.10, 0.0),
        Kind("other", person=True),
        Kind("device", followup_um_per_px=COARSE_UM_PER_PX),
        Kind("dyed", dyed=True),
        Kind("days", shift_um=500.0, zoom=0.0, days=DAYS_APART),
    )
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture with its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        um_per_px, stated_um_per_px: true scale, and the one the product is told.
        truth: hairs, loose pieces and scale as `Phantom.truth` gives them.
        follicle: (K,) follicle of each of the truth's hairs.
        hidden: (H, W) pixels that hide the scalp.
        mapping, view: place on the scalp → place under the camera → pixel.
    """

    rgb: NDArray[np.uint8]
    um_per_px: float
    stated_um_per_px: float
    truth: dict[str, Any]
    follicle: Integers
    hidden: Booleans
    mapping: Mapping
    view: View

    def to_px(self, scalp_um: Floats) -> Floats:
        """Map (N, 2) places on the scalp to pixels [x, y]."""
        matrix = self.view.matrix()
        return np.asarray(self.mapping(scalp_um) @ matrix[:, :2].T + matrix[:, 2])

    def to_scalp_um(self, px: Floats) -> Floats:
        """Undo `to_px`; bending is gentle, so that a few steps do."""
        matrix = self.view.matrix()
        placed = (px - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        back = np.linalg.inv(self.mapping.turn).T
        found = (placed - self.mapping.field_um / 2) @ back + self.mapping.centre_um
        for _ in range(8):
            found = found - (self.mapping(found) - placed) @ back
        return np.asarray(found)


@dataclass(frozen=True, slots=True)
class VisitPair:
    """Two visits of one spot, or of two people.

    Attributes:
        visits: pictures of the earlier and of the later one.
        root_um: (M, 2) root of every follicle on the scalp.
        showing: (2, M) whether it shows a hair at either visit.
        diameter_um: (M,) of its hair.
        growing: (M,) whether it grew between two days of a phototrichogram.
    """

    visits: tuple[tuple[Shot, ...], tuple[Shot, ...]]
    root_um: Floats
    showing: Booleans
    diameter_um: Floats
    growing: Booleans


def make_pair(kind: Kind, setting: Setting, seed: int, replicates: int = 1) -> VisitPair:
    """Render a pair of visits; the same arguments give the same pictures."""
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind.name)])
    scene_settings = _scene_settings(kind, setting, rng)
    spot = _grow_spot(kind, scene_settings, rng)
    showing = draw_showing(kind, len(spot.shafts), rng)
    growing = rng.random(len(spot.shafts)) < rng.uniform(0.7, 0.92)
    first = _visit(spot, kind, 0, showing[0], growing, scene_settings, replicates, rng)
    if kind.person:
        spot = _grow_spot(kind, _scene_settings(kind, setting, rng), rng)
        showing = np.ones((2, len(spot.shafts)), dtype=bool)
        growing = showing[0]
    second = _visit(spot, kind, 1, showing[1], growing, scene_settings, replicates, rng)
    root = np.array([shaft.line_um[0] for shaft in spot.shafts]).reshape(-1, 2)
    diameter = np.array([shaft.d_um for shaft in spot.shafts])
    return VisitPair((first, second), root, showing, diameter, growing)


def _scene_settings(kind: Kind, setting: Setting, rng: np.random.Generator) -> SceneSettings:
    settings = varied(simulate.preset(setting.preset), rng)
    settings = replace(settings, size_px=setting.size_px, um_per_px=setting.um_per_px)
    if kind.days:
        settings = replace(settings, hairs=replace(settings.hairs, length_um=SHORT_UM, length_sd=0.12))
    if kind.dyed:
        settings = replace(settings, hairs=replace(settings.hairs, colours=FADED))
    return settings


def _grow_spot(kind: Kind, settings: SceneSettings, rng: np.random.Generator) -> Scene:
    """Grow the field with a margin, so that moved pictures are full of skin, and follicles to come."""
    width, height = settings.size_um
    reach = kind.shift_um + RUN_SHIFT_UM + 3 * kind.bending_um
    reach += np.hypot(width, height) / 2 * (np.sin(kind.turn_rad) + kind.zoom)
    margin_px = int(np.ceil(reach / settings.um_per_px))
    size = (settings.size_px[0] + 2 * margin_px, settings.size_px[1] + 2 * margin_px)
    density = settings.hairs.density_per_cm2 * (1 + kind.regrown)
    hairs = replace(settings.hairs, density_per_cm2=density)
    return grow_scene(replace(settings, size_px=size, hairs=hairs), rng)


def draw_showing(kind: Kind, n: int, rng: np.random.Generator) -> Booleans:
    """Return which follicles show at either visit."""
    n_first = round(n / (1 + kind.regrown))
    order = rng.permutation(n)
    showing = np.zeros((2, n), dtype=bool)
    showing[0, order[:n_first]] = True
    showing[1] = True
    showing[1, order[: round(kind.lost * n_first)]] = False
    return showing


def _visit(
    spot: Scene,
    kind: Kind,
    number: int,
    showing: Booleans,
    growing: Booleans,
    settings: SceneSettings,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[Shot, ...]:
    """Photograph the spot at one visit: other light, hairs cut again and lying otherwise at the second."""
    later = number == 1
    cut = later and settings.hairs.clipped_fraction > 0 and not kind.days
    length = settings.hairs.length_um
    change = SceneChange(
        lost=tuple(int(k) for k in np.flatnonzero(~showing)),
        cut_to_um=length * rng.uniform(*RECUT_SPREAD) if cut else None,
        grown_um=length * GROWN_SHARE * rng.random() if later and not kind.days else 0.0,
        lie_turn_rad=rng.normal(0, LIE_TURN_SD_RAD) if later else 0.0,
        lie_sd_rad=LIE_SD_RAD if later else 0.0,
    )
    if later and kind.days:
        spot = _grown(spot, growing, kind.days, rng)
    if later and kind.dyed:
        spot = replace(spot, shafts=tuple(_dyed(shaft) for shaft in spot.shafts))
    scene, follicles = next_scene(spot, change, rng)
    camera = another_day(settings.camera, rng)
    stand = Positioning(field_um=settings.size_um)
    zoom, told = 1.0, settings.um_per_px
    if later:
        way, far = rng.uniform(0, 2 * np.pi), kind.shift_um * np.sqrt(rng.random())
        turn = rng.uniform(-kind.turn_rad, kind.turn_rad)
        stand = replace(stand, shift_um=(far * np.cos(way), far * np.sin(way)), turn_rad=turn)
        zoom = 1 + rng.uniform(-kind.zoom, kind.zoom)
        told = kind.followup_um_per_px or told
    true = told / zoom
    shots = []
    for run in range(replicates):
        near = _moved(stand, rng) if run else stand
        bending = (kind.bending_um if later else 0.0) if run == 0 else RUN_BENDING_UM
        mapping = position(scene.settings.size_um, replace(near, bending_um=bending), rng)
        stated = true if kind.zoom_told else told
        shots.append(_shoot(scene, follicles, mapping, replace(settings, camera=camera), true, stated, rng))
    return tuple(shots)


def _moved(stand: Positioning, rng: np.random.Generator) -> Positioning:
    """Return where the camera comes to stand when it is put down once more."""
    shift = np.array(stand.shift_um) + rng.uniform(-RUN_SHIFT_UM, RUN_SHIFT_UM, 2)
    turn = stand.turn_rad + rng.uniform(-RUN_TURN_RAD, RUN_TURN_RAD)
    return replace(stand, shift_um=(float(shift[0]), float(shift[1])), turn_rad=turn)


def _shoot(
    scene: Scene,
    follicles: Integers,
    mapping: Mapping,
    settings: SceneSettings,
    um_per_px: float,
    stated_um_per_px: float,
    rng: np.random.Generator,
) -> Shot:
    width, height = settings.size_um
    placed, kept = next_scene(scene, SceneChange(lie_sd_rad=RUN_LIE_SD_RAD), rng, mapping)
    size = settings.size_px
    if stated_um_per_px > 1.2 * settings.um_per_px:
        size = (round(width / stated_um_per_px), round(height / stated_um_per_px))
    own = replace(settings, size_px=size, um_per_px=um_per_px)
    placed = replace(placed, settings=own, loose=strewn(placed.loose, (width, height), rng))
    view = View(um_per_px, size, (width / 2, height / 2))
    phantom = render_scene(placed, rng=rng, view=view)
    follicle = follicles[kept[shafts_of(phantom, placed, view)]]
    return Shot(
        phantom.rgb, um_per_px, stated_um_per_px, phantom.truth(), follicle, phantom.hidden, mapping, view
    )


def _dyed(shaft: Shaft) -> Shaft:
    _, pigment, scatter, body = DYE[0]
    return replace(shaft, pigment=pigment, scatter=scatter, body=body)


def _grown(spot: Scene, growing: Booleans, days: float, rng: np.random.Generator) -> Scene:
    """Let the growing hairs grow, each at its own rate."""
    rate_um = 1000 * GROWTH_MM_PER_DAY * np.exp(rng.normal(0, GROWTH_SD, len(growing)))
    shafts = list(spot.shafts)
    for k in np.flatnonzero(growing):
        one = replace(spot, shafts=(shafts[k],))
        longer, _ = next_scene(one, SceneChange(grown_um=float(rate_um[k] * days), new_skin=False), rng)
        shafts[k] = longer.shafts[0]
    return replace(spot, shafts=tuple(shafts))
