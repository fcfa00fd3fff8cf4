"""Which hairs belong to the field, and how strongly: the counting rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densitometry.model import BoolArray, FloatArray, Trace
from densitometry.settings import MeasureSettings

COUNTING_RULE = (
    "A hair counts when its root lies inside the valid field, so that every hair of the scalp belongs to "
    "exactly one field however long it is; where root and tip cannot be told apart, "
    "each end inside counts one half."
)
_MASK_REACH_PX = 3


@dataclass(frozen=True, slots=True)
class Count:
    """How one hair counts.

    Attributes:
        weight: 0, 0.5 or 1.
        root_sure: whether the first point is the root with confidence.
        root_px, tip_px: (2,) [x, y], None where the end is not in the picture.
        place_px: (2,) the end by which the hair is counted, None for weight 0.
        flags: why the weight is 0 or unsure, and which ends are hidden.
    """

    weight: float
    root_sure: bool
    root_px: FloatArray | None
    tip_px: FloatArray | None
    place_px: FloatArray | None
    flags: tuple[str, ...]


def count_hair(trace: Trace, masked: BoolArray, settings: MeasureSettings) -> Count:
    """Apply the counting rule to one hair.

    Args:
        trace: the hair.
        masked: (H, W) bool, pixels inside the field that hide what lies under them.
        settings: `root_sure_probability` decides from where on a root counts as seen.
    """
    first, last = trace.points_px[0], trace.points_px[-1]
    sure = trace.root_probability >= settings.root_sure_probability
    flags = list(trace.flags)
    root = first if trace.starts_inside else None
    tip = last if trace.ends_inside else None
    if tip is None:
        flags.append("tip_masked" if hidden_by_mask(last, masked) else "tip_outside")
    if not sure:
        flags.append("uncertain_root")
    if "not_rooted" in flags:
        return Count(0.0, sure, root, tip, None, tuple(flags))
    weight = float(root is not None) if sure else 0.5 * (float(root is not None) + float(tip is not None))
    if weight == 0:
        flags.append("root_masked" if hidden_by_mask(first, masked) else "root_outside")
        return Count(0.0, sure, root, tip, None, tuple(flags))
    return Count(weight, sure, root, tip, root if root is not None else tip, tuple(flags))


def hidden_by_mask(point_px: FloatArray, masked: BoolArray) -> bool:
    """Return whether an end stops at a masked pixel rather than at the frame or the surround."""
    x, y = (round(float(value)) for value in point_px)
    rows = slice(max(0, y - _MASK_REACH_PX), max(0, y + _MASK_REACH_PX + 1))
    columns = slice(max(0, x - _MASK_REACH_PX), max(0, x + _MASK_REACH_PX + 1))
    return bool(np.any(masked[rows, columns]))
