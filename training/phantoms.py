"""Phantoms of a preset, traced as far as calibration wants them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densitometry.analysis import trace_options
from densitometry.settings import TraceSettings
from densitometry.simulate import Phantom, SceneSettings, grow_scene, preset, render_scene
from densitometry.trace.grid import GridPicture, to_grid
from densitometry.trace.maps import EvidenceMaps
from densitometry.trace.segments import Segment
from densitometry.trace.tracer import find_evidence, find_segments
from densitometry.units import PixelSize

Floats = NDArray[np.float64]
NEVER = math.inf
SIDE_UM = 6000.0
UM_PER_PX = (5.0, 9.0)
CURLY = "dark_skin"
CURL_PER_MM, WAVE_PER_MM = (0.5, 2.5), (0.5, 3.0)


@dataclass(frozen=True, slots=True)
class Traced:
    """A phantom and the hairs traced in it.

    Attributes:
        phantom: with its truth.
        um_per_px: its scale.
        picture: on the detection grid.
        maps: what the detector says of it.
        hairs: traced, in pixels of the grid.
    """

    phantom: Phantom
    um_per_px: float
    picture: GridPicture
    maps: EvidenceMaps
    hairs: list[Segment]

    def native(self, points: Floats) -> Floats:
        """Return points of the grid (n, 2) in pixels of the picture."""
        return (points + 0.5) / np.array(self.picture.factor) - 0.5


def preset_scene(kind: str, rng: np.random.Generator) -> SceneSettings:
    """Return a preset at a scale drawn by chance."""
    um = float(rng.uniform(*UM_PER_PX))
    side = int(SIDE_UM / um)
    return dataclasses.replace(preset(kind), um_per_px=um, size_px=(side, side))


def curly_scene(rng: np.random.Generator) -> SceneSettings:
    """Return curly hair, up to twice as curly as the preset, at a scale drawn by chance."""
    scene = preset_scene(CURLY, rng)
    curl, wave = float(rng.uniform(*CURL_PER_MM)), float(rng.uniform(*WAVE_PER_MM))
    hairs = dataclasses.replace(scene.hairs, curl_per_mm=curl, wave_per_mm=wave)
    return dataclasses.replace(scene, hairs=hairs)


def traced_preset(kind: str, rng: np.random.Generator, settings: TraceSettings) -> Traced:
    """Render a phantom of a preset at a scale drawn by chance, and trace it."""
    scene = preset_scene(kind, rng)
    return traced_scene(scene, scene.um_per_px, rng, settings)


def traced_scene(
    scene: SceneSettings, um_per_px: float, rng: np.random.Generator, settings: TraceSettings
) -> Traced:
    """Render a scene and trace it."""
    phantom = render_scene(grow_scene(scene, rng), um_per_px, rng)
    options = trace_options(settings, PixelSize(um_per_px, "simulated"))
    picture = to_grid(phantom.rgb, np.ones(phantom.rgb.shape[:2], np.bool_), options.grid_px)
    maps = find_evidence(picture, options)
    return Traced(phantom, um_per_px, picture, maps, find_segments(maps, picture, options))
