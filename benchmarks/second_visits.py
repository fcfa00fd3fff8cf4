"""Pairs of visits as pictures of the second renderer: the same shafts cut again, some gone, some new.

Skin, film, camera, shafts and their looks are `benchmarks.second_renderer`'s; only where the camera stands
and how the skin is bent comes from `densitometry.simulate`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.second_renderer import scene
from benchmarks.second_renderer.fields import Floats
from benchmarks.second_renderer.kinds import KINDS as PICTURES
from benchmarks.second_renderer.kinds import Kind as Picture
from benchmarks.second_renderer.picture import photograph
from benchmarks.second_renderer.scene import Shaft
from benchmarks.visit_pairs import Booleans, Kind, Shot, VisitPair, draw_showing
from densitometry.simulate.render import View
from densitometry.simulate.visits import Mapping, Positioning, position

SETTING = "second"
"""Name of these pairs among the settings of `benchmarks.visits`."""
SUPPORTED = ("moved", "null", "cycle", "gain", "loss", "gain10", "loss10", "other", "device")
_PICTURE = PICTURES["clipped"]
GROWN_MM = 0.62
"""Shafts are grown this long and cut shorter at either visit."""
CUT_UM, CUT_SPREAD, SHORTEST_UM = (380.0, 500.0), 0.1, 250.0
TURN_RAD, HAIR_TURN_RAD, RUN_TURN_RAD = 0.2, 0.12, 0.02
RUN_SHIFT_UM = 250.0
PIECES = (0, 0, 1, 3)


def make_pair(kind: Kind, seed: int, replicates: int = 1) -> VisitPair:
    """Render a pair of visits; the same arguments give the same pictures.

    Raises:
        ValueError: if this renderer cannot show such a pair.
    """
    if kind.name not in SUPPORTED:
        msg = f"the second renderer has no pairs of kind {kind.name!r}: choose from {', '.join(SUPPORTED)}"
        raise ValueError(msg)
    rng = np.random.default_rng([seed, SUPPORTED.index(kind.name), 2])
    field = _field(kind, rng)
    hairs = _grown(field, rng)
    showing = draw_showing(kind, len(hairs), rng)
    first = _visit(field, hairs, showing[0], kind, 0, replicates, seed, rng)
    if kind.person:
        field = _field(kind, rng)
        hairs = _grown(field, rng)
        showing = np.ones((2, len(hairs)), dtype=bool)
    second = _visit(field, hairs, showing[1], kind, 1, replicates, seed, rng)
    root = np.array([_on_scalp(field, shaft)[0] for shaft in hairs]).reshape(-1, 2)
    diameter = np.array([shaft.diameter_um for shaft in hairs])
    return VisitPair((first, second), root, showing, diameter, np.ones(len(hairs), dtype=bool))


def _field(kind: Kind, rng: np.random.Generator) -> Picture:
    """Return the picture's kind made larger all round, of one person: one tone of skin."""
    width, height = _PICTURE.size_um
    reach = kind.shift_um + RUN_SHIFT_UM + 3 * kind.bending_um
    reach += np.hypot(width, height) / 2 * (np.sin(kind.turn_rad) + kind.zoom)
    margin = int(np.ceil(reach / _PICTURE.um_per_px))
    low, high = (value * (1 + kind.regrown) for value in _PICTURE.density_per_cm2)
    tone = _PICTURE.skin_tones[int(rng.integers(len(_PICTURE.skin_tones)))]
    return replace(
        _PICTURE,
        size_px=(_PICTURE.size_px[0] + 2 * margin, _PICTURE.size_px[1] + 2 * margin),
        density_per_cm2=(low, high),
        length_mm=(GROWN_MM, _PICTURE.length_mm[1]),
        skin_tones=(tone,),
    )


def _grown(field: Picture, rng: np.random.Generator) -> list[Shaft]:
    return [shaft for shaft in scene.grow(field, rng) if not shaft.loose]


def _on_scalp(field: Picture, shaft: Shaft) -> Floats:
    return (shaft.line_px + 0.5) * field.um_per_px


def _visit(
    field: Picture,
    hairs: list[Shaft],
    showing: Booleans,
    kind: Kind,
    number: int,
    replicates: int,
    seed: int,
    rng: np.random.Generator,
) -> tuple[Shot, ...]:
    """Photograph the spot at one visit: hairs cut anew, at the second one lying otherwise."""
    later = number == 1
    cut_um = rng.uniform(*CUT_UM) * (1 + CUT_SPREAD * rng.standard_normal(len(hairs)))
    turn = later * (rng.normal(0, TURN_RAD) + rng.normal(0, HAIR_TURN_RAD, len(hairs)))
    lines = [
        _turned(_cut(_on_scalp(field, shaft), shaft.length_um, cut_um[k]), turn[k])
        for k, shaft in enumerate(hairs)
    ]
    stand, zoom = Positioning(field_um=_PICTURE.size_um), 1.0
    told = _PICTURE.um_per_px
    if later:
        way, far = rng.uniform(0, 2 * np.pi), kind.shift_um * np.sqrt(rng.random())
        stand = replace(
            stand,
            shift_um=(far * np.cos(way), far * np.sin(way)),
            turn_rad=rng.uniform(-kind.turn_rad, kind.turn_rad),
            bending_um=kind.bending_um,
        )
        zoom = 1 + rng.uniform(-kind.zoom, kind.zoom)
        told = kind.followup_um_per_px or told
    true = told / zoom
    shots = []
    for run in range(replicates):
        near = stand
        if run:
            shift = np.array(stand.shift_um) + rng.uniform(-RUN_SHIFT_UM, RUN_SHIFT_UM, 2)
            near = replace(stand, shift_um=(float(shift[0]), float(shift[1])))
        mapping = position(field.size_um, near, rng)
        shafts = [replace(shaft, line_px=line) for shaft, line in zip(hairs, lines, strict=True)]
        stated = true if kind.zoom_told else told
        shots.append(_shoot(field, shafts, showing, mapping, (true, stated), seed, rng))
    return tuple(shots)


def _cut(line_um: Floats, length_um: float, to_um: float) -> Floats:
    """Return what a cut leaves of a line whose points lie at even steps."""
    left = min(1.0, max(to_um, SHORTEST_UM) / length_um)
    return line_um[: max(2, round(left * (len(line_um) - 1)) + 1)]


def _turned(line_um: Floats, turn_rad: float) -> Floats:
    """Turn a line about its root."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return np.asarray(line_um[0] + (line_um - line_um[0]) @ np.array([[c, s], [-s, c]]))


def _shoot(
    field: Picture,
    hairs: list[Shaft],
    showing: Booleans,
    mapping: Mapping,
    scales: tuple[float, float],
    seed: int,
    rng: np.random.Generator,
) -> Shot:
    """Photograph hairs whose `line_px` is on the scalp [µm] at a true and a stated scale [µm/px]."""
    width, height = _PICTURE.size_um
    true, stated = scales
    size = _PICTURE.size_px
    if stated > 1.2 * _PICTURE.um_per_px:
        size = (round(width / stated), round(height / stated))
    picture = replace(field, um_per_px=true, size_px=size, density_per_cm2=_PICTURE.density_per_cm2)
    view = View(true, size, (width / 2, height / 2))
    matrix = view.matrix()
    placed: list[tuple[Shaft, int]] = []
    for k in np.flatnonzero(showing):
        hair = hairs[k]
        line = _turned(hair.line_px, rng.normal(0, RUN_TURN_RAD))
        px = mapping(np.asarray(line, float)) @ matrix[:, :2].T + matrix[:, 2]
        if scene.reaches(picture, px):
            steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
            laid = replace(
                hair, line_px=px, radius_um=hair.radius_um[: len(px)], length_um=float(steps.sum())
            )
            placed.append((laid, int(k)))
    colour = placed[0][0].colour if placed else _PICTURE.colours[0][0]
    pieces = [scene.loose_piece(picture, colour, rng) for _ in range(rng.choice(PIECES))]
    shafts = [shaft for shaft, _ in placed] + pieces
    shot = photograph(picture, shafts, rng.uniform(-0.5, 0.5), seed, rng)
    rows = [row["number"] for row in shot.truth["hairs"]]
    follicle = np.array([placed[row][1] for row in rows], dtype=np.int64)
    return Shot(shot.rgb, true, stated, shot.truth, follicle, shot.hidden, mapping, view)
