"""Frozen values that travel between the rooms.

Legend of array letters: H, W picture height and width; N points of one hair; K hairs.
Pixel coordinates are [x, y], origin at the centre of the top-left pixel, y down, of the upright picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.units import PixelSize

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScaledImage:
    """One upright picture with its scale: the only way into measuring.

    Attributes:
        pixels: (H, W, 3) uint8 or uint16, RGB as stored (not linear light).
        pixel_size: edge length of a pixel with its origin.
        valid: (H, W) bool, True where scalp can be seen; False in the dark surround and on burned-in marks.
        masked: (H, W) bool, True on pixels inside the field that hide what lies under them
            (burned-in text and lines, bubbles, glare); a subset of ~valid.
        tone: "sRGB assumed", "ICC" or "linear".
        sha256: hex digest of the file's bytes ("" for a picture that never was a file).
        name: stem of the file's name, used for the result's folder and shown only if asked.
        quality: verdict, reasons and metrics of capture.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    pixel_size: PixelSize
    valid: BoolArray
    masked: BoolArray
    tone: str
    sha256: str
    name: str
    quality: Quality

    @property
    def height_px(self) -> int:
        """Number of rows H."""
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Number of columns W."""
        return int(self.pixels.shape[1])

    @property
    def area_cm2(self) -> float:
        """Area of the valid field [cm²]."""
        return self.pixel_size.area_cm2(float(np.count_nonzero(self.valid)))


@dataclass(frozen=True, slots=True)
class Quality:
    """What the picture allows: verdict "accept", "warn" or "reject", reasons in words, metrics by name."""

    verdict: str
    reasons: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """One hair as seen in the picture, in native pixels; nothing in it knows µm.

    Attributes:
        points_px: (N, 2) float, the centre line [x, y], root first, about 3 detection pixels apart or closer.
        width_px: (N,) float, outer-edge width of the shaft across the line, NaN where it cannot be measured.
        width_sigma_px: (N,) float, standard error of each width, NaN with it.
        clear: (N,) bool, True where no other hair overlaps or touches the cross-section.
        root_probability: chance in [0, 1] that the first point is the root end.
        presence: chance in [0, 1] that this is one hair (and not skin, shadow or half of another).
        starts_inside, ends_inside: whether the first and last point are true ends inside the valid field
            (False: the hair is cut by the frame or by a masked area there).
        contrast: signed optical density of the shaft against local skin (> 0: darker than skin).
        width_shared_px: standard error that all widths of the hair share (from the point spread).
        flags: vocabulary of `schema.FLAGS`.
    """

    points_px: FloatArray
    width_px: FloatArray
    width_sigma_px: FloatArray
    clear: BoolArray
    root_probability: float
    presence: float
    starts_inside: bool
    ends_inside: bool
    contrast: float
    flags: tuple[str, ...] = ()
    width_shared_px: float = 0.0


@dataclass(frozen=True, slots=True)
class TraceResult:
    """All hairs of one picture and what tracing learned about the picture.

    Attributes:
        traces: K traces in a fixed order (by first point: y, then x).
        psf_sigma_px: standard deviation of the Gaussian point spread [native px].
        psf_source: "edges of shafts" or "assumed".
    """

    traces: tuple[Trace, ...]
    psf_sigma_px: float
    psf_source: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number a person will act on: value with its interval, which says what it is for.

    Attributes:
        value, low, high: None when the quantity is undefined (no hair, nothing resolved).
        kind: "patch" (this patch of scalp) or "region" (adds the sampling of the scalp).
        unit: unit of all three numbers.
        n: how many hairs or units it rests on.
        method: short name of how the interval was made.
    """

    value: float | None
    low: float | None
    high: float | None
    kind: str
    unit: str
    n: int
    method: str
