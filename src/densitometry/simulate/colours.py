"""Hair colours: absorption of red, green, blue [1/µm], scatter [1/µm] and colour of the scattered light."""

from __future__ import annotations

from densitometry.simulate.settings import Colour

HairColour = tuple[float, Colour, float, Colour]

BLACK: tuple[Colour, float, Colour] = ((0.075, 0.09, 0.105), 0.03, (0.010, 0.009, 0.009))
DARK_BROWN: tuple[Colour, float, Colour] = ((0.035, 0.055, 0.08), 0.02, (0.035, 0.022, 0.014))
BROWN: tuple[Colour, float, Colour] = ((0.018, 0.034, 0.055), 0.016, (0.10, 0.055, 0.028))
RED: tuple[Colour, float, Colour] = ((0.006, 0.022, 0.045), 0.014, (0.30, 0.11, 0.035))
BLOND: tuple[Colour, float, Colour] = ((0.004, 0.009, 0.020), 0.012, (0.42, 0.29, 0.14))
GREY: tuple[Colour, float, Colour] = ((0.006, 0.006, 0.006), 0.018, (0.40, 0.40, 0.41))
WHITE: tuple[Colour, float, Colour] = ((0.001, 0.001, 0.0015), 0.022, (0.80, 0.80, 0.82))


def mix(*parts: tuple[float, tuple[Colour, float, Colour]]) -> tuple[HairColour, ...]:
    """Return hair colours with their weights, as `HairSettings.colours` takes them."""
    return tuple((weight, *kind) for weight, kind in parts)
