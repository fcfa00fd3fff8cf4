"""A simulated picture with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TRUTH_SCHEMA = "densitometry.phantom/1"


@dataclass(frozen=True, slots=True)
class PhantomHair:
    """Truth of one hair that shows in the picture.

    Attributes:
        line_px: (N, 2) centre line [x, y], root first, whole (also outside the picture).
        width_px: (N,) outer-edge diameter along it [px].
        root_px, tip_px: (2,) its ends.
        d_um: diameter without the first and last 100 µm and the tapering tip [µm].
        vellus: d_um < 30.
        unit_id: follicular unit; -1 for a loose piece.
        root_inside, tip_inside: whether the ends lie in the valid field.
        visible: share of its length in the picture not hidden by other hairs.
        clipped: cut end (True) or natural tip.
    """

    line_px: NDArray[np.float64]
    width_px: NDArray[np.float64]
    root_px: NDArray[np.float64]
    tip_px: NDArray[np.float64]
    d_um: float
    vellus: bool
    unit_id: int
    root_inside: bool
    tip_inside: bool
    visible: float
    clipped: bool


@dataclass(frozen=True, slots=True)
class Phantom:
    """A simulated picture.

    Attributes:
        rgb: (H, W, 3) uint8.
        um_per_px: edge of a pixel on the scalp [µm].
        hairs: hairs that reach into the picture, lowest first.
        loose: cut pieces lying on the skin; not hairs of this scalp.
        top: (H, W) int16, index into `hairs` of the uppermost shaft at each pixel, -1 elsewhere.
        hidden: (H, W) bool, True where bubbles, glare, marks or the dark surround hide the scalp.
        circle: the valid field is the circle of radius 0.48 x height round the centre.
        psf_px: standard deviation of the point spread that was applied [px].
        provenance: preset, settings and seed, ready for JSON.
    """

    rgb: NDArray[np.uint8]
    um_per_px: float
    hairs: tuple[PhantomHair, ...]
    loose: tuple[PhantomHair, ...]
    top: NDArray[np.int16]
    hidden: NDArray[np.bool_]
    circle: bool
    psf_px: float
    provenance: dict[str, Any]

    def truth(self) -> dict[str, Any]:
        """Return the truth for JSON; coordinates are [x, y] from the centre of the top-left pixel."""
        height, width = self.rgb.shape[:2]
        return {
            "schema": TRUTH_SCHEMA,
            "um_per_px": self.um_per_px,
            "PixelSize": [self.um_per_px, self.um_per_px],
            "PixelSizeUnits": "um",
            "width": width,
            "height": height,
            "circle": self.circle,
            "psf_px": self.psf_px,
            "hairs": [_plain(hair) for hair in self.hairs],
            "loose": [_plain(hair) for hair in self.loose],
            "provenance": self.provenance,
        }


def _plain(hair: PhantomHair) -> dict[str, Any]:
    return {
        "line_px": np.round(hair.line_px, 3).tolist(),
        "width_px": np.round(hair.width_px, 3).tolist(),
        "root_px": np.round(hair.root_px, 3).tolist(),
        "tip_px": np.round(hair.tip_px, 3).tolist(),
        "d_um": round(hair.d_um, 3),
        "vellus": hair.vellus,
        "fu": hair.unit_id,
        "root_inside": hair.root_inside,
        "tip_inside": hair.tip_inside,
        "visible": round(hair.visible, 4),
        "clipped": hair.clipped,
    }
