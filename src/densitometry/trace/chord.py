"""The outer edge of a dark round shaft: towards its edges light passes less and less of it."""

from __future__ import annotations

import math

_RIM_SHARE = 0.3
"""How much of what Beer and Lambert's law takes from the edges is given back. With none, dark shafts of the
simulator that stand free come out 0.6 µm too thin and those of the second renderer 2.4, at every pixel size;
with all of it the simulator's come out too thick. Refraction darkens the edges too, how much differs."""
_LIGHT, _DARK = 1.2, 1.6
"""Optical densities between which the law sets in: edges of lighter shafts are drawn by refraction."""


def outer_share(density: float) -> float:
    """Return how much wider a round shaft is than the bar fitted to it, from 1.

    A ray at x radii from the middle passes sqrt(1 - x²) of the diameter, so that a shaft of optical density D
    in the middle lets through exp(-D sqrt(1 - x²)). A bar fitted to it ends at half of the darkness.

    Args:
        density: optical density (natural logarithm) of the middle against the skin; negative: lighter.
    """
    sets_in = min(1.0, max(0.0, (density - _LIGHT) / (_DARK - _LIGHT)))
    if sets_in == 0.0:
        return 1.0
    half = -math.log((1.0 + math.exp(-density)) / 2)
    return 1.0 + _RIM_SHARE * sets_in * (1.0 / math.sqrt(1.0 - (half / density) ** 2) - 1.0)
