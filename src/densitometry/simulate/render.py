"""Photograph a scene: skin, shafts in z order, what lies over them, light, lens, camera; and its truth."""

# ruff: noqa: PLR2004 (numbers here are the shapes and chances of what is drawn)
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from densitometry.simulate import camera as lens
from densitometry.simulate import strokes
from densitometry.simulate.cover import burn_in, in_circle, lay_bubbles, lay_surround
from densitometry.simulate.phantom import Phantom, PhantomHair
from densitometry.simulate.scene import VELLUS_BELOW_UM, Scene, Shaft
from densitometry.simulate.settings import CameraSettings, HairSettings, as_plain
from densitometry.simulate.skin import SHINE, lay_flakes, paint_skin
from densitometry.simulate.strokes import Board

SURFACE_STEP_UM = 7.0
LANES = 7
LUMP_STEPS = 8  # of the surface: 56 µm


@dataclass(frozen=True, slots=True)
class View:
    """How the camera looks at the scalp.

    Attributes:
        um_per_px: edge of a pixel on the scalp [µm].
        size_px: (width, height) of the picture.
        centre_um: place on the scalp that falls in the middle of the picture.
        turn_rad: rotation of the scalp in the picture.
    """

    um_per_px: float
    size_px: tuple[int, int]
    centre_um: tuple[float, float]
    turn_rad: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """Return the 2x3 matrix from µm on the scalp to pixels (origin: centre of the top-left pixel)."""
        c, s = np.cos(self.turn_rad) / self.um_per_px, np.sin(self.turn_rad) / self.um_per_px
        turn = np.array([[c, -s], [s, c]])
        middle = np.array([self.size_px[0] / 2 - 0.5, self.size_px[1] / 2 - 0.5])
        return np.column_stack([turn, middle - turn @ np.array(self.centre_um)])


def whole_field(scene: Scene, um_per_px: float) -> View:
    """Return the view that shows the whole field of the scene at `um_per_px`."""
    width, height = scene.settings.size_um
    return View(
        um_per_px,
        (max(8, round(width / um_per_px)), max(8, round(height / um_per_px))),
        (width / 2, height / 2),
    )


def render_scene(
    scene: Scene,
    um_per_px: float | None = None,
    rng: np.random.Generator | None = None,
    *,
    view: View | None = None,
    camera: CameraSettings | None = None,
    oversample: int = 2,
) -> Phantom:
    """Photograph a scene.

    Args:
        scene: the scalp.
        um_per_px: edge of a pixel [µm]; None takes the scene's own.
        rng: noise, bubbles, glare and marks; None takes the scene's seed.
        view: place, scale and size of the picture; overrides `um_per_px`.
        camera: other light or lens than the scene's own.
        oversample: grid points per pixel and axis on which shafts are composited; covers are exact at 1 too.

    Returns:
        The picture with the truth of every hair that reaches into it.
    """
    rng = rng if rng is not None else np.random.default_rng(scene.skin_seed)
    view = view if view is not None else whole_field(scene, um_per_px or scene.settings.um_per_px)
    camera = camera if camera is not None else scene.settings.camera
    cover = scene.settings.cover
    width, height = view.size_px
    to_px = view.matrix()
    layers = paint_skin(scene, to_px, (height, width), view.um_per_px, _board(height, width, 0))
    reflectance = layers.reflectance
    gloss = np.array(SHINE, np.float32)
    # Shine that lies under a hair is hidden by it; the reflectance it is added to is painted over.
    reflectance += layers.shine[..., None] * gloss
    picture, top = _composite(scene, reflectance, to_px, view.um_per_px, oversample)
    lay_flakes(picture, layers)
    light = lens.light_field(camera, (height, width))
    picture *= light
    hidden = np.zeros((height, width), np.bool_)
    lay_bubbles(picture, hidden, cover, view.um_per_px, rng)
    picture = lens.blur(picture, camera.psf_px)
    picture = lens.defocus(picture, camera)
    if cover.circle:
        lay_surround(picture, hidden, rng)
    rgb = lens.to_bytes(lens.expose(picture, camera, rng))
    rgb = burn_in(rgb, hidden, cover, view.um_per_px, rng)
    rgb = lens.through_jpeg(rgb, camera.jpeg_quality)
    n = len(scene.shafts)
    truths = [
        _truth(shaft, k, to_px, view, top, cover.circle)
        for k, shaft in enumerate((*scene.shafts, *scene.loose))
    ]
    kept = [k for k in range(n) if truths[k] is not None]
    index = np.full(len(truths) + 1, -1, np.int16)
    index[kept] = np.arange(len(kept))
    provenance = {
        "settings": as_plain(replace(scene.settings, camera=camera)),
        "skin_seed": scene.skin_seed,
        "view": as_plain(view),
    }
    return Phantom(
        rgb,
        view.um_per_px,
        tuple(t for t in truths[:n] if t is not None),
        tuple(t for t in truths[n:] if t is not None),
        index[top],
        hidden,
        cover.circle,
        camera.psf_px,
        provenance,
    )


@lru_cache(maxsize=6)
def _board(height: int, width: int, _grid: int) -> Board:
    """Return scratch that every painter leaves as it found it, so that it can be shared between pictures."""
    return Board(height, width)


def _composite(
    scene: Scene, reflectance: strokes.F32, to_px: NDArray[np.float64], um_per_px: float, oversample: int
) -> tuple[strokes.F32, NDArray[np.int32]]:
    """Paint the shafts over the skin on a finer grid; return the picture and the top shaft of each pixel."""
    height, width = reflectance.shape[:2]
    fine = reflectance
    if oversample > 1:
        size = (width * oversample, height * oversample)
        fine = np.asarray(cv2.resize(reflectance, size, interpolation=cv2.INTER_LINEAR), np.float32)
    fine = np.ascontiguousarray(fine, np.float32)
    top = np.full(fine.shape[:2], -1, np.int32)
    board = _board(fine.shape[0], fine.shape[1], 1)
    to_grid = to_px * oversample
    to_grid[:, 2] += 0.5 * oversample - 0.5
    grid_um = um_per_px / oversample
    for number, shaft in ((len(scene.shafts) + k, s) for k, s in enumerate(scene.loose)):
        _paint(scene, shaft, number, fine, top, board, to_grid, grid_um)
    for number, shaft in enumerate(scene.shafts):
        _paint(scene, shaft, number, fine, top, board, to_grid, grid_um)
    if oversample > 1:
        fine = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        top = np.ascontiguousarray(top[oversample // 2 :: oversample, oversample // 2 :: oversample])
    return fine, top


def _paint(
    scene: Scene,
    shaft: Shaft,
    number: int,
    fine: strokes.F32,
    top: NDArray[np.int32],
    board: Board,
    to_grid: NDArray[np.float64],
    grid_um: float,
) -> None:
    hairs = scene.settings.hairs
    pts = shaft.line_um @ to_grid[:, :2].T + to_grid[:, 2]
    reach = 0.5 * shaft.d_um / grid_um + 40
    low, high = pts.min(0), pts.max(0)
    if (
        high[0] < -reach
        or high[1] < -reach
        or low[0] > fine.shape[1] + reach
        or low[1] > fine.shape[0] + reach
    ):
        return
    rng = np.random.default_rng(shaft.seed)
    u = rng.random(14)
    loose = shaft.unit_id < 0
    fade_um = (
        0.0 if loose else hairs.root_fade_um * (0.3 + 1.6 * u[0] ** 2) * min(1.0, 0.3 + shaft.d_um / 80.0)
    )
    lead_um = 2.2 * fade_um
    half = 0.5 * shaft.width_um / grid_um
    if lead_um > 0:
        back = pts[0] - pts[1]
        back = back / (np.linalg.norm(back) + 1e-9)
        pts = np.vstack([pts[0] + back * lead_um / grid_um, pts])
        half = np.r_[half[0] * 0.9, half]
    length = float(np.hypot(*np.diff(pts, axis=0).T).sum())
    n_surface = int(length * grid_um / SURFACE_STEP_UM) + 12
    edge = _edges(rng, n_surface, hairs.roughness_um * (0.4 + 1.2 * u[1]), shaft.d_um) / grid_um
    edge, torn = _worn(shaft, hairs, edge, grid_um)
    texture = rng.standard_normal((n_surface, LANES), dtype=np.float32)
    texture[1:] = 0.75 * texture[1:] + 0.66 * texture[:-1]
    texture[:, 1:] = 0.8 * texture[:, 1:] + 0.6 * texture[:, :-1]
    slant = (2 * u[2] - 1) * (0.35 if u[3] < 0.7 else 1.1)
    p = np.zeros(strokes.N_PARAMETERS)
    p[strokes.ROOT_ARC], p[strokes.FADE] = lead_um / grid_um, fade_um / grid_um
    p[strokes.ROOT_SLANT] = (2 * u[4] - 1) * 0.5
    p[strokes.TIP_ARC], p[strokes.TIP_SLANT] = length, slant if shaft.clipped else 0.0
    p[strokes.TIP_ROUND] = u[5] * hairs.rounded if shaft.clipped else 1.0
    p[strokes.SCATTER] = shaft.scatter
    p[strokes.EDGE_DARK] = 0.25 + 0.4 * u[6]
    streak = hairs.streak * (u[7] ** 1.5) * 2.0
    p[strokes.STREAK], p[strokes.STREAK_AT], p[strokes.STREAK_WIDTH] = (
        streak,
        (2 * u[8] - 1) * 0.45,
        0.1 + 0.3 * u[9],
    )
    p[strokes.SPARKLE] = hairs.sparkle * u[10] * 1.5
    p[strokes.FACE] = (
        0.25 * u[11] if u[12] < 0.4 and shaft.clipped and shaft.d_um > 40 and hairs.streak > 0 else 0.0
    )
    p[strokes.UM], p[strokes.TEXTURE_STEP], p[strokes.OPACITY] = grid_um, SURFACE_STEP_UM / grid_um, 1.0
    strokes.paint_shaft(
        fine, top, number, board, pts, half, edge, texture, torn, shaft.pigment, shaft.body, SHINE, p
    )


def _edges(rng: np.random.Generator, n: int, rough_um: float, d_um: float) -> strokes.F32:
    """Return (n, 2) departures of both edges [µm]: zero mean, correlated over 20 µm, small on fine hairs."""
    raw = rng.standard_normal((n + 4, 2), dtype=np.float32)
    smooth = (0.5 * raw[:-4] + raw[1:-3] + 1.2 * raw[2:-2] + raw[3:-1] + 0.5 * raw[4:]) / 2.0
    smooth -= smooth.mean(0)
    rough = min(rough_um, 0.12 * d_um)
    return np.asarray(np.clip(rough * smooth, -0.3 * d_um, 0.3 * d_um), np.float32)


def _worn(
    shaft: Shaft, hairs: HairSettings, edge: strokes.F32, grid_um: float
) -> tuple[strokes.F32, strokes.F32]:
    """Return the edges with slow lumps and how much of the cut end is torn away in each lane [grid px]."""
    torn = np.zeros(LANES, np.float32)
    if hairs.lumps <= 0.0 and hairs.ragged <= 0.0:
        return edge, torn
    rng = np.random.default_rng((shaft.seed, 1))
    d_px = shaft.d_um / grid_um
    knots = rng.normal(0, hairs.lumps * rng.random() * d_px, (len(edge) // LUMP_STEPS + 3, 2))
    at = np.arange(len(edge)) / LUMP_STEPS
    slow = np.stack([np.interp(at, np.arange(len(knots)), knots[:, k]) for k in (0, 1)], 1)
    slow -= slow.mean(0)
    if shaft.clipped:
        depth = hairs.ragged * d_px * rng.random() ** 2
        torn = np.asarray(depth * rng.random(LANES), np.float32)
        torn -= torn.min()
    return np.asarray(edge + slow, np.float32), torn


def _truth(
    shaft: Shaft, number: int, to_px: NDArray[np.float64], view: View, top: NDArray[np.int32], circle: bool
) -> PhantomHair | None:
    """Return the truth of one shaft, or None when no part of its line lies in the picture."""
    width, height = view.size_px
    line = shaft.line_um @ to_px[:, :2].T + to_px[:, 2]
    low, high = line.min(0), line.max(0)
    if high[0] < -0.5 or high[1] < -0.5 or low[0] > width - 0.5 or low[1] > height - 0.5:
        return None
    arc = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    dense = np.arange(0.0, arc[-1], 1.0)
    x, y = np.interp(dense, arc, line[:, 0]), np.interp(dense, arc, line[:, 1])
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    if circle:
        inside &= in_circle(x, y, width, height)
    if not inside.any():
        return None
    over = top[np.rint(y[inside]).astype(int), np.rint(x[inside]).astype(int)]
    loose = shaft.unit_id < 0
    visible = (
        1.0 - float(np.mean(over > number)) if not loose else float(np.mean((over < 0) | (over == number)))
    )
    ends = line[[0, -1]]
    ends_in = (
        (ends[:, 0] >= -0.5) & (ends[:, 1] >= -0.5) & (ends[:, 0] < width - 0.5) & (ends[:, 1] < height - 0.5)
    )
    if circle:
        ends_in &= in_circle(ends[:, 0], ends[:, 1], width, height)
    return PhantomHair(
        line,
        shaft.width_um / view.um_per_px,
        line[0],
        line[-1],
        shaft.d_um,
        shaft.d_um < VELLUS_BELOW_UM,
        shaft.unit_id,
        bool(ends_in[0]) and not loose,
        bool(ends_in[1]),
        visible,
        shaft.clipped,
    )
