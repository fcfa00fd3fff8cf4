"""The pixel size with its origin, and the only px ↔ µm ↔ cm² arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

UM_PER_MM = 1_000.0
UM_PER_CM = 10_000.0
UM2_PER_CM2 = 1e8


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Edge length of one square pixel on the scalp, where it came from and how sure it is.

    Attributes:
        um_per_px: edge length [µm], > 0 and finite.
        origin: what stated it: "option", "field_width", "device", "sidecar" or "simulated".
        rel_error: relative standard error of `um_per_px` (0.01 = 1 %); None when nobody stated it.
        geometry: "square" or a sentence saying how unequal pixels were resampled.

    Raises:
        ValueError: if `um_per_px` is not a positive finite number or `rel_error` is negative.
    """

    um_per_px: float
    origin: str
    rel_error: float | None = None
    geometry: str = "square"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.um_per_px) and self.um_per_px > 0):
            msg = f"um_per_px must be a positive finite number, not {self.um_per_px!r}"
            raise ValueError(msg)
        if self.rel_error is not None and not (math.isfinite(self.rel_error) and self.rel_error >= 0):
            msg = f"rel_error must be a non-negative finite number or None, not {self.rel_error!r}"
            raise ValueError(msg)

    def to_px(self, length_um: float) -> float:
        """Convert a length on the scalp [µm] to native pixels."""
        return length_um / self.um_per_px

    def to_um(self, length_px: float) -> float:
        """Convert a length in native pixels to µm on the scalp."""
        return length_px * self.um_per_px

    def area_cm2(self, n_pixels: float) -> float:
        """Convert a number of native pixels to an area [cm²]."""
        return n_pixels * self.um_per_px**2 / UM2_PER_CM2
