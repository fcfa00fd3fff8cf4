"""The hairs of a comparison as a layer over a picture: a line in the colour of its fate, a sign at its root.

Lines are written in whole pixels of the baseline's picture, because hundreds of them share a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from densitometry.model import FloatArray
from densitometry.report.page import axes
from densitometry.report.page.hairs import LinkedHair
from densitometry.report.page.markup import Markup, plain, tag
from densitometry.report.page.texts import Texts

_MARK_SHARE = 0.008
"""Half size of a sign as a share of the picture's width."""

_LINE_SHARE = 0.0022
"""Width of a line as a share of the picture's width."""

_SMALLEST_MARK_PX, _SMALLEST_LINE_PX = 3, 0.6


def drawing(
    hairs: Sequence[LinkedHair], size_px: tuple[int, int], visits: tuple[str, str], texts: Texts
) -> Markup:
    """Return the layer of one picture.

    Args:
        hairs: in pixels of the baseline.
        size_px: width and height of the baseline's picture.
        visits: labels of baseline and visit.
        texts: catalogue.
    """
    mark = max(_SMALLEST_MARK_PX, round(_MARK_SHARE * size_px[0]))
    drawn = [
        tag(
            "g",
            tag("title", about(hair, visits, texts)),
            *_line(hair.line_px),
            *_sign(hair.fate, round(hair.line_px[0][0]), round(hair.line_px[0][1]), mark),
            class_=f"hair {hair.fate}",
        )
        for hair in hairs
    ]
    line = max(_SMALLEST_LINE_PX, _LINE_SHARE * size_px[0])
    return tag(
        "svg",
        tag("g", *drawn, font_size=f"{line:.1f}"),
        viewBox=f"-0.5 -0.5 {size_px[0]} {size_px[1]}",
        class_="layer",
        aria_hidden="true",
        focusable="false",
    )


def sample(fate: str) -> Markup:
    """Return the key of one fate for a legend."""
    return tag(
        "svg",
        axes.line(2, 8, 30, 8, "line"),
        *_sign(fate, 16, 8, 5),
        viewBox="0 0 32 16",
        class_=f"key {fate}",
        font_size="2.4",
        aria_hidden="true",
        focusable="false",
    )


def about(hair: LinkedHair, visits: tuple[str, str], texts: Texts) -> str:
    """Return a hair's fate and its diameter at each visit, in words."""
    first, then = (plain(visit) for visit in visits)
    shown = {
        "before": "–" if hair.before_um is None else f"{hair.before_um:.1f}",
        "after": "–" if hair.after_um is None else f"{hair.after_um:.1f}",
    }
    key = f"hair_{hair.fate}"
    if hair.fate == "outside":
        key = "hair_outside_before" if hair.after_um is None else "hair_outside_after"
    return texts.word(key, number=hair.number, first=first, then=then, **shown)


def _line(line_px: FloatArray) -> list[Markup]:
    places = np.rint(line_px).astype(int)
    steps = "".join(f"l{x} {y}" for x, y in np.diff(places, axis=0) if x or y)
    path = f"M{places[0, 0]} {places[0, 1]}{steps}"
    return [tag("path", d=path, class_="halo"), tag("path", d=path, class_="line")]


def _sign(fate: str, x: int, y: int, size: int) -> list[Markup]:
    """Return the sign that says a fate without its colour: a dot followed, plus, cross, or a diamond."""
    if fate == "matched":
        return [axes.circle(x, y, size / 2, "dot-sign")]
    if fate == "gained":
        steps = f"M{x - size} {y}h{2 * size}M{x} {y - size}v{2 * size}"
    elif fate == "lost":
        steps = f"M{x - size} {y - size}l{2 * size} {2 * size}m0 {-2 * size}l{-2 * size} {2 * size}"
    elif fate == "uncertain":
        steps = f"M{x} {y - size}l{size} {size}l{-size} {size}l{-size} {-size}z"
    else:
        return []
    return [tag("path", d=steps, class_="halo"), tag("path", d=steps, class_="line sign")]
