"""Simulated trichoscopy pictures with truth: `grow_scene` grows a scalp, `render_scene` photographs it."""

from densitometry.simulate.files import write_phantom
from densitometry.simulate.phantom import Phantom, PhantomHair
from densitometry.simulate.presets import PRESETS, preset
from densitometry.simulate.render import View, render_scene, whole_field
from densitometry.simulate.scene import Scene, Shaft, Unit, grow_scene
from densitometry.simulate.settings import (
    CameraSettings,
    CoverSettings,
    HairSettings,
    SceneSettings,
    SkinSettings,
)
from densitometry.simulate.variety import random_settings

__all__ = [
    "PRESETS",
    "CameraSettings",
    "CoverSettings",
    "HairSettings",
    "Phantom",
    "PhantomHair",
    "Scene",
    "SceneSettings",
    "Shaft",
    "SkinSettings",
    "Unit",
    "View",
    "grow_scene",
    "preset",
    "random_settings",
    "render_scene",
    "whole_field",
    "write_phantom",
]
