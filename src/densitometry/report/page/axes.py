"""Axes of the charts: round ticks, drawn as inline SVG whose colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from densitometry.report.page.markup import Child, Markup, plain, shortened, tag

WIDTH, LEFT, RIGHT = 440.0, 56.0, 14.0
FONT = 14.0
_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_NICE_ABOVE = 0.08
_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values linearly to places on the chart."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.start + share * (self.end - self.start)


def value_scale(values: Sequence[float], start: float, end: float, *, zero: bool = False) -> Scale:
    """Return a scale that holds all values with a little room; from zero where `zero`."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    room = _NICE_ABOVE * (high - low) or abs(high) * _NICE_ABOVE or 1.0
    return Scale(low if zero and low == 0 else low - room, high + room, start, end)


def ticks(scale: Scale, most: int) -> list[float]:
    """Return round values within a scale, `most` at most."""
    span = scale.high - scale.low
    if span <= 0 or not math.isfinite(span):
        return [scale.low]
    raw = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * part for part in _ROUND_STEPS if power * part >= raw * (1 - 1e-9))
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [step * number for number in range(first, last + 1)]


def tick_text(value: float) -> str:
    """Return a tick's value without float noise."""
    return f"{value:.6g}" if abs(value) > _ZERO else "0"


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return tag("line", x1=_at(x1), y1=_at(y1), x2=_at(x2), y2=_at(y2), class_=class_)


def rect(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """Return a rectangle."""
    return tag(
        "rect", x=_at(x), y=_at(y), width=_at(max(0, width)), height=_at(max(0, height)), class_=class_
    )


def circle(x: float, y: float, radius: float, class_: str, *children: Child) -> Markup:
    """Return a circle."""
    return tag("circle", *children, cx=_at(x), cy=_at(y), r=_at(radius), class_=class_)


def path(
    points: Sequence[tuple[float, float]], class_: str, *children: Child, closed: bool = False
) -> Markup:
    """Return straight lines through points."""
    steps = " ".join(f"{'M' if i == 0 else 'L'}{_at(x)} {_at(y)}" for i, (x, y) in enumerate(points))
    return tag("path", *children, d=steps + (" Z" if closed else ""), class_=class_)


def text(
    x: float, y: float, words: str, class_: str = "tick", anchor: str = "middle", most: int = 0
) -> Markup:
    """Return a text; of `most` characters at most, then the whole is its tool tip."""
    shown = shortened(plain(words), most) if most else plain(words)
    whole = tag("title", plain(words)) if shown != plain(words) else None
    return tag("text", shown, whole, x=_at(x), y=_at(y), class_=class_, text_anchor=anchor)


def value_axis(scale: Scale, left: float, right: float, most: int = 4) -> list[Markup]:
    """Return grid lines and values of a vertical scale."""
    parts = []
    for value in ticks(scale, most):
        y = scale(value)
        parts += [
            line(left, y, right, y, "grid"),
            text(left - 6, y + FONT / 3, tick_text(value), anchor="end"),
        ]
    return parts


def figure(svg: Markup, caption: Child, class_: str = "chart") -> Markup:
    """Return a chart with its caption."""
    return tag("figure", svg, tag("figcaption", caption), class_=class_)


def drawing(name: str, about: str, width: float, height: float, *children: Child) -> Markup:
    """Return a chart that says in words what it shows."""
    return tag(
        "svg",
        tag("title", plain(name)),
        tag("desc", plain(about)),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"{plain(name)}. {plain(about)}",
    )


def _at(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
