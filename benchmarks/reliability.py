"""Whether stated doubts can be trusted: how often intervals of each level hold the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from benchmarks.score import PictureScore

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)
MEASURES: Mapping[str, Callable[[PictureScore], Sequence[float]]] = {
    "diameter of a hair": lambda score: score.sigmas,
    "mean diameter": lambda score: _known(score, "mean_diameter"),
    "density": lambda score: _known(score, "density"),
}
COLOURS = ("#0072b2", "#d55e00", "#009e73")
"""Okabe and Ito's palette for colour-blind readers (2008, "Color universal design")."""
_SIDE, _LEFT, _TOP, _RIGHT, _BOTTOM = 300.0, 56.0, 28.0, 170.0, 46.0
_TICKS = (0, 25, 50, 75, 100)


def _known(score: PictureScore, name: str) -> tuple[float, ...]:
    value = score.figure_sigmas.get(name)
    return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class Curve:
    """Of one measure, the share of intervals of each of `LEVELS` that hold the truth.

    Hairs of one picture err together: the mean over pictures of each picture's share.
    """

    measure: str
    pictures: int
    held: tuple[float, ...]


def curves(scores: Sequence[PictureScore]) -> list[Curve]:
    """Return a curve for each measure, intervals of other levels being those of 95 % scaled as a normal."""
    found = []
    for measure, sigmas_of in MEASURES.items():
        errors = [np.abs(sigmas) for score in scores if len(sigmas := sigmas_of(score))]
        held = tuple(
            float(np.mean([np.mean(e <= norm.ppf((1 + level) / 2)) for e in errors])) if errors else 0.0
            for level in LEVELS
        )
        found.append(Curve(measure, len(errors), held))
    return found


def drawing(shown: Sequence[Curve], title: str) -> str:
    """Return the curves as an SVG drawing: stated level across, what is held up, the diagonal in grey."""
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"',
        f'  aria-label="{title}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        f'<text x="{_LEFT:g}" y="18" font-weight="bold">{title}</text>',
        f'<path d="M{_x(0)} {_y(0)}H{_x(1)}V{_y(1)}H{_x(0)}Z" fill="none" stroke="#888"/>',
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#aaa" stroke-dasharray="4 3"/>',
    ]
    for tick in _TICKS:
        at = tick / 100
        parts.append(f'<text x="{_x(at)}" y="{_TOP + _SIDE + 16:g}" text-anchor="middle">{tick}</text>')
        parts.append(f'<text x="{_LEFT - 6:g}" y="{_y(at)}" text-anchor="end" dy="4">{tick}</text>')
    parts.append(
        f'<text x="{_x(0.5)}" y="{_TOP + _SIDE + 36:g}" text-anchor="middle">stated level [%]</text>'
        f'<text transform="translate(16 {_y(0.5)}) rotate(-90)" text-anchor="middle">'
        "holds the truth [%]</text>"
    )
    for number, (curve, colour) in enumerate(zip(shown, COLOURS, strict=True)):
        places = [(_x(level), _y(held)) for level, held in zip(LEVELS, curve.held, strict=True)]
        way = "L".join(f"{x} {y}" for x, y in places)
        parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        key = _TOP + 20 + 20 * number
        parts.append(
            f'<path d="M{_LEFT + _SIDE + 14:g} {key:g}h20" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{_LEFT + _SIDE + 40:g}" y="{key:g}" dy="4">{curve.measure}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(share: float) -> str:
    return f"{_LEFT + _SIDE * share:.1f}"


def _y(share: float) -> str:
    return f"{_TOP + _SIDE * (1 - share):.1f}"
