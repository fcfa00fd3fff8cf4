"""Pictures of one spot of one scalp at several visits: the same follicles, told apart in every picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.phantom import Phantom
from densitometry.simulate.render import View, render_scene
from densitometry.simulate.scene import Scene, Shaft, grow_scene
from densitometry.simulate.settings import CameraSettings, SceneSettings
from densitometry.simulate.visits import Positioning, SceneChange, next_scene, position

BENDS_AT_MOST = 3.0
"""A sum of waves hardly ever exceeds so many times its root mean square."""
LIGHT_SD = 0.04
LIGHT_TURN_SD_RAD = 0.4
RUN_LIE_SD_RAD = 0.02
RECUT_SPREAD = (0.9, 1.5)
GROWN_SHARE = 0.3
SUBPIXEL_PX = 1e-6


@dataclass(frozen=True, slots=True)
class SeriesSettings:
    """One spot and what happens to it from visit to visit.

    Attributes:
        scene: kind of picture, its size and scale; its density is that of the first visit.
        visits: number of visits, the first included.
        replicates: pictures a visit, each placed anew.
        dormant_fraction: follicles without a visible hair at the first visit, as a share of all; more where
            `gain` and `turnover` need more to come from.
        turnover: share of the visible hairs that fall, and that come back, between two visits.
        gain: relative change of the number of visible hairs by the last visit, in equal steps.
        thickening: factor on every diameter by the last visit, in equal steps on the log scale.
        shift_um, turn_rad, bending_um: re-positioning: each picture up to this far from the middle, turned by
            up to this, and bent by this root mean square.
        lie_sd_rad: how far each hair comes to lie otherwise at another visit.
        last_um_per_px: scale of another device at the last visit; None keeps the device.
    """

    scene: SceneSettings
    visits: int = 3
    replicates: int = 2
    dormant_fraction: float = 0.2
    turnover: float = 0.08
    gain: float = 0.0
    thickening: float = 1.0
    shift_um: float = 250.0
    turn_rad: float = 0.06
    bending_um: float = 25.0
    lie_sd_rad: float = 0.12
    last_um_per_px: float | None = None

    @property
    def resting_share(self) -> float:
        """Share of the follicles that rest at the first visit."""
        needed = max(0.0, self.gain) + 2 * self.turnover
        return max(self.dormant_fraction, needed / (1 + needed))


@dataclass(frozen=True, slots=True)
class Capture:
    """One picture of a series.

    Attributes:
        visit: number of the visit, from 0.
        run: number of the replicate, from 1.
        phantom: the picture with its truth.
        follicle: (K,) for each of `phantom.hairs` its follicle, the same number at every visit.
        showing: (M,) for each follicle of the spot, whether it shows a hair at this visit.
        diameter_um: (M,) diameter of the hair each follicle grows at this visit.
    """

    visit: int
    run: int
    phantom: Phantom
    follicle: NDArray[np.int64]
    showing: NDArray[np.bool_]
    diameter_um: NDArray[np.float64]

    def truth(self) -> dict[str, Any]:
        """Return the picture's truth for JSON, each hair with the number of its follicle."""
        truth = self.phantom.truth()
        truth["hairs"] = [
            {**hair, "follicle": int(number)}
            for hair, number in zip(truth["hairs"], self.follicle, strict=True)
        ]
        return truth


def shoot_series(settings: SeriesSettings, rng: np.random.Generator) -> Iterator[Capture]:
    """Grow one spot and photograph it at every visit, run by run.

    Args:
        settings: the spot and what happens to it.
        rng: the only source of chance.
    """
    spot = _grow_spot(settings, rng)
    showing = np.ones(len(spot.shafts), dtype=bool)
    showing[rng.permutation(len(showing))[: round(settings.resting_share * len(showing))]] = False
    first = int(showing.sum())
    for visit in range(settings.visits):
        if visit:
            progress = visit / max(1, settings.visits - 1)
            wanted = round(first * (1 + settings.gain * progress))
            showing = _cycle(showing, settings.turnover, wanted, rng)
        scene, follicles, thickening = _visit_scene(spot, settings, visit, showing, rng)
        diameters = np.array([shaft.d_um for shaft in spot.shafts], float) * thickening
        camera = another_day(settings.scene.camera, rng)
        other_device = settings.last_um_per_px if visit == settings.visits - 1 else None
        um_per_px = other_device or settings.scene.um_per_px
        for run in range(1, settings.replicates + 1):
            phantom, kept = _shoot(scene, settings, camera, um_per_px, rng)
            yield Capture(visit, run, phantom, follicles[kept], showing.copy(), diameters)


def _grow_spot(settings: SeriesSettings, rng: np.random.Generator) -> Scene:
    """Grow the field with a margin, so that re-positioned pictures are full of skin, too."""
    scene = settings.scene
    reach = math.hypot(*scene.size_um) / 2 * abs(math.sin(settings.turn_rad))
    margin_px = math.ceil((settings.shift_um + reach + BENDS_AT_MOST * settings.bending_um) / scene.um_per_px)
    size = (scene.size_px[0] + 2 * margin_px, scene.size_px[1] + 2 * margin_px)
    hairs = replace(scene.hairs, density_per_cm2=scene.hairs.density_per_cm2 / (1 - settings.resting_share))
    return grow_scene(replace(scene, size_px=size, hairs=hairs), rng)


def _cycle(
    showing: NDArray[np.bool_], turnover: float, wanted: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Let hairs fall, and follicles at rest grow new ones until `wanted` show, as far as there are any."""
    shown, resting = np.flatnonzero(showing), np.flatnonzero(~showing)
    n_grown = min(round(turnover * len(shown)) + max(0, wanted - len(shown)), len(resting))
    n_lost = min(max(0, len(shown) + n_grown - wanted), len(shown))
    later = showing.copy()
    later[rng.choice(shown, n_lost, replace=False)] = False
    later[rng.choice(resting, n_grown, replace=False)] = True
    return later


def _visit_scene(
    spot: Scene,
    settings: SeriesSettings,
    visit: int,
    showing: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[Scene, NDArray[np.int64], float]:
    """Return the spot as it is at a visit, the follicle of each shaft, and how much thicker shafts are."""
    thickening = settings.thickening ** (visit / max(1, settings.visits - 1))
    length = settings.scene.hairs.length_um
    cut = settings.scene.hairs.clipped_fraction > 0 and visit > 0
    change = SceneChange(
        lost=tuple(int(k) for k in np.flatnonzero(~showing)),
        cut_to_um=length * rng.uniform(*RECUT_SPREAD) if cut else None,
        grown_um=length * GROWN_SHARE * rng.random() if visit else 0.0,
        thickening=thickening,
        lie_turn_rad=rng.normal(0, settings.lie_sd_rad) if visit else 0.0,
        lie_sd_rad=settings.lie_sd_rad if visit else 0.0,
    )
    scene, follicles = next_scene(spot, change, rng)
    return scene, follicles, thickening


def _shoot(
    scene: Scene,
    settings: SeriesSettings,
    camera: CameraSettings,
    um_per_px: float,
    rng: np.random.Generator,
) -> tuple[Phantom, NDArray[np.int64]]:
    """Place the camera anew and take one picture; return it with the shaft of each of its hairs."""
    field = settings.scene.size_um
    stand = Positioning(
        field_um=field,
        shift_um=(
            rng.uniform(-settings.shift_um, settings.shift_um),
            rng.uniform(-settings.shift_um, settings.shift_um),
        ),
        turn_rad=rng.uniform(-settings.turn_rad, settings.turn_rad),
        bending_um=settings.bending_um,
    )
    mapping = position(scene.settings.size_um, stand, rng)
    placed, kept = next_scene(scene, SceneChange(lie_sd_rad=RUN_LIE_SD_RAD), rng, mapping)
    size = (round(field[0] / um_per_px), round(field[1] / um_per_px))
    own = replace(settings.scene, size_px=size, um_per_px=um_per_px, camera=camera)
    placed = replace(placed, settings=own, loose=strewn(placed.loose, field, rng))
    view = View(um_per_px, size, (field[0] / 2, field[1] / 2))
    phantom = render_scene(placed, rng=rng, view=view)
    return phantom, kept[shafts_of(phantom, placed, view)]


def another_day(camera: CameraSettings, rng: np.random.Generator) -> CameraSettings:
    """Return the camera in the light of another day."""
    tint = np.exp(rng.normal(0, LIGHT_SD, 3))
    red, green, blue = (float(part * factor) for part, factor in zip(camera.light, tint, strict=True))
    return replace(
        camera,
        light=(red, green, blue),
        light_angle_rad=camera.light_angle_rad + float(rng.normal(0, LIGHT_TURN_SD_RAD)),
        exposure=camera.exposure * float(np.exp(rng.normal(0, LIGHT_SD))),
    )


def strewn(
    pieces: tuple[Shaft, ...], field_um: tuple[float, float], rng: np.random.Generator
) -> tuple[Shaft, ...]:
    """Return cut pieces lying elsewhere: they are not of this skin and never stay."""
    return tuple(
        replace(piece, line_um=piece.line_um - piece.line_um[0] + rng.uniform((0, 0), field_um))
        for piece in pieces
    )


def shafts_of(phantom: Phantom, scene: Scene, view: View) -> NDArray[np.int64]:
    """Return the index of the shaft that each hair of a picture is; both are in one order."""
    to_px = view.matrix()
    roots = np.array([shaft.line_um[0] for shaft in scene.shafts]).reshape(-1, 2) @ to_px[:, :2].T
    roots += to_px[:, 2]
    found, start = [], 0
    for hair in phantom.hairs:
        near = np.flatnonzero((np.abs(roots[start:] - hair.root_px) < SUBPIXEL_PX).all(axis=1))
        start += int(near[0]) + 1
        found.append(start - 1)
    return np.array(found, dtype=np.int64)
