"""What wet skin does beside hairs: a bright film along and between shafts, and folds as fine as a hair."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densitometry.simulate.scene import Scene, Shaft
from densitometry.simulate.strokes import F32, Board, soft_stroke

POINTS_ALONG = 14
FILM_SHINE = 0.2


def lay_film(
    reflectance: F32,
    shine: F32,
    relief: F32,
    scene: Scene,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
    board: Board,
) -> None:
    """Light the film that climbs up the sides of shafts; between two that lie close both sides add up."""
    strength = scene.settings.skin.film
    if strength <= 0.0:
        return
    film = np.zeros(shine.shape, np.float32)
    rng = np.random.default_rng((scene.skin_seed, 1))
    for shaft in scene.shafts:
        draws = rng.random(8)
        for side, some in ((-1.0, draws[:4]), (1.0, draws[4:])):
            if some[0] < 0.25:
                continue
            line, along = _beside(shaft, side * (0.5 + 0.35 * some[1]), um_to_px)
            sigma = max(0.6, (4.0 + 0.12 * shaft.d_um * (0.4 + some[2])) / um_per_px)
            reach = 0.3 + 1.2 * some[3]  # the film stands highest at the opening
            gain = strength * (0.3 + some[0]) * np.clip(1.15 - along / reach, 0.0, 1.0)
            soft_stroke(film, board, line, sigma, gain * _broken(rng))
    film *= np.clip(0.8 + relief, 0.1, 2.0)
    reflectance *= (1.0 + film)[..., None]  # lit from within as well as shining
    shine += FILM_SHINE * film


def _beside(
    shaft: Shaft, diameters: float, um_to_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Line so many diameters to the side of a shaft [px], and the share of its length before each point."""
    along = np.linspace(0.0, 1.0, POINTS_ALONG)
    at = along * (len(shaft.line_um) - 1)
    k = np.arange(len(shaft.line_um))
    line = np.stack([np.interp(at, k, shaft.line_um[:, axis]) for axis in (0, 1)], 1)
    heading = np.gradient(line, axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True) + 1e-9
    line = line + diameters * shaft.d_um * np.stack([-heading[:, 1], heading[:, 0]], 1)
    return line @ um_to_px[:, :2].T + um_to_px[:, 2], along


def _broken(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(np.clip(0.8 + 0.5 * rng.standard_normal(POINTS_ALONG), 0.0, 2.0), np.float64)


def lay_folds(dark: F32, scene: Scene, um_to_px: NDArray[np.float64], um_per_px: float, board: Board) -> None:
    """Add short fine folds in small groups, each dark with a bright flank; many run the way the hairs lie."""
    skin = scene.settings.skin
    if skin.folds_per_cm2 <= 0.0:
        return
    rng = np.random.default_rng((scene.skin_seed, 2))
    for _ in range(scene.count(skin.folds_per_cm2, rng)):
        middle = scene.somewhere_um(rng)
        if scene.units and rng.random() < 0.5:  # skin folds where shafts leave it
            unit = scene.units[int(rng.integers(len(scene.units)))]
            middle = np.array([unit.x_um, unit.y_um]) + rng.normal(0, 120.0, 2)
        heading = rng.uniform(0, np.pi) if rng.random() < 0.4 else scene.settings.hairs.lie_rad
        heading += rng.normal(0, 0.35)
        spacing, depth = rng.uniform(35.0, 150.0), skin.fold_depth * rng.uniform(0.3, 1.5)
        for k in range(int(rng.integers(1, 5))):
            _fold(
                dark, board, rng, middle + _across(heading) * k * spacing, heading, depth, um_to_px, um_per_px
            )


def _across(heading: float) -> NDArray[np.float64]:
    return np.array([-np.sin(heading), np.cos(heading)])


def _fold(
    dark: F32,
    board: Board,
    rng: np.random.Generator,
    middle_um: NDArray[np.float64],
    heading: float,
    depth: float,
    um_to_px: NDArray[np.float64],
    um_per_px: float,
) -> None:
    length = float(np.exp(rng.uniform(np.log(120.0), np.log(1100.0))))
    turns = heading + rng.normal(0, 0.12) + np.cumsum(rng.normal(0, 0.14, POINTS_ALONG))
    steps = length / POINTS_ALONG * np.stack([np.cos(turns), np.sin(turns)], 1)
    line = np.cumsum(steps, 0)
    line += middle_um + rng.normal(0, 40.0, 2) - line[POINTS_ALONG // 2]
    sigma_um = rng.uniform(4.0, 16.0)
    gain = depth * np.sin(np.linspace(0.15, 3.0, POINTS_ALONG)) * _broken(rng)
    flank = line + _across(heading) * sigma_um * rng.uniform(1.6, 3.0) * rng.choice([-1.0, 1.0])
    for path, share in ((line, 1.0), (flank, -rng.uniform(0.2, 0.9))):
        soft_stroke(
            dark,
            board,
            path @ um_to_px[:, :2].T + um_to_px[:, 2],
            max(0.6, sigma_um / um_per_px),
            share * gain,
        )
