"""Take back roots that ran on into the shadow of the shaft under the skin.

Skin over a shaft lets its blue-grey shadow through, which goes on where the hair ends. It is fainter than the
shaft: the root is where the shaft's own darkness begins. All lengths are pixels of the detection grid.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densitometry.trace.segments import Segment
from densitometry.trace.tone import tone_along

Floats = NDArray[np.floating[Any]]

_DARK = -0.35
"""Log contrast of a shaft that is dark enough to tell a shadow from it."""
_SHADOW_SHARE = 0.5
"""Share of the shaft's log contrast that a shadow does not reach, but the shaft does.

On 20 real frames that served for choosing, roots lay 24 µm (median; a tenth beyond 126 µm) further out than
people put them; with this share 15 and 78 µm. 0.6: 8 and 63 µm, but shafts that fade at their root lose more.
"""
_SHAFT_PX = 4
"""The shaft begins where so many points in a row are dark."""
_LEAST_PX, _MOST_PX, _MOST_SHARE = 4, 30, 0.5
"""Less than 32 µm is a root that fades; more than 240 µm or half the hair is more than a shadow shows."""
_SEEN = 0.5
"""End evidence of a root whose shadow the border cuts."""
_SHORTEST_PX = 12
"""Shorter pieces leave too little shaft to tell its darkness."""


def leave_shadows(hairs: Sequence[Segment], contrast: Floats) -> list[Segment]:
    """Cut what lies in shadow off the roots of dark hairs.

    Args:
        hairs: root first.
        contrast: (h, w, 3) log contrast to the skin, without gaps; negative where darker.
    """
    return [_left(hair, contrast) for hair in hairs]


def _left(hair: Segment, contrast: Floats) -> Segment:
    n = len(hair.points)
    if n < _SHORTEST_PX:
        return hair
    darkness = tone_along(hair.points, contrast)
    shaft = float(np.median(darkness[n // 3 :]))
    if shaft > _DARK:
        return hair
    dark = np.convolve(np.pad(darkness, 1, "edge"), np.full(3, 1 / 3), "valid") <= _SHADOW_SHARE * shaft
    most = int(min(_MOST_PX, _MOST_SHARE * n))
    begin = next((k for k in range(most) if dark[k : k + _SHAFT_PX].all()), most)
    if not _LEAST_PX <= begin < most:
        return hair
    return dataclasses.replace(
        hair,
        points=hair.points[begin:],
        evidence=hair.evidence[begin:],
        half_width=hair.half_width[begin:],
        root_cut=False,  # a line that ran to the border in shadow has its root before it
        root_end=_SEEN if hair.root_cut else hair.root_end,
    )
