"""Charts of single hairs: diameters by visit, hairs per unit, and followed hairs one to one."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from densitometry.report.page import axes
from densitometry.report.page.markup import Markup, plain
from densitometry.report.page.texts import Texts

BIN_UM = 10.0
UNIT_SIZES = (1, 2, 3, 4)
_MOST_UM = 200.0
_ROW, _TOP, _BOTTOM = 74.0, 26.0, 38.0
_THICK_UM = 0.0
_PAIR_HEIGHT = 280.0


@dataclass(frozen=True, slots=True)
class VisitHairs:
    """The hairs of one visit: rows of hairs.csv of all its measured pictures, with the picture's number."""

    session: str
    hairs: pd.DataFrame

    def diameters(self) -> list[float]:
        """Return the diameters of resolved counted hairs [µm]."""
        counted = self.hairs["counted"] & ~self.hairs["flags"].str.contains("below_resolution", regex=False)
        return [float(value) for value in self.hairs.loc[counted, "diameter_um"]]

    def unit_sizes(self) -> Counter[int]:
        """Return how many follicular units have 1, 2, 3 and 4 or more counted hairs."""
        known = self.hairs[self.hairs["counted"] & self.hairs["unit_id"].notna()]
        sizes = known.groupby(["picture", "unit_id"]).size()
        return Counter(min(int(size), UNIT_SIZES[-1]) for size in sizes)


def diameters(site: str, visits: Sequence[VisitHairs], cutoffs_um: Sequence[float], texts: Texts) -> Markup:
    """Return the distribution of diameters, one row a visit over one axis."""
    widest = max((value for visit in visits for value in visit.diameters()), default=0.0)
    bins = int(min(_MOST_UM, widest) // BIN_UM) + 1
    across = axes.Scale(0.0, bins * BIN_UM, axes.LEFT, axes.WIDTH - axes.RIGHT)
    shares = [_shares(visit.diameters(), bins) for visit in visits]
    most = max((share for row in shares for share in row), default=1.0) or 1.0
    height = _TOP + _ROW * len(visits) + _BOTTOM
    parts: list[Markup] = []
    for number, (visit, row) in enumerate(zip(visits, shares, strict=True)):
        floor = _TOP + _ROW * (number + 1) - 4
        up = axes.Scale(0.0, most, floor, floor - _ROW + 26)
        for index, share in enumerate(row):
            left, right = across(index * BIN_UM), across((index + 1) * BIN_UM)
            parts.append(axes.rect(left + 1, up(share), right - left - 2, floor - up(share), "bar"))
        parts.append(axes.line(axes.LEFT, floor, axes.WIDTH - axes.RIGHT, floor, "axis-line"))
        parts.append(axes.text(axes.LEFT - 6, floor - 2, visit.session, "tick", "end", most=6))
        count = texts.word("hairs_n", n=len(visit.diameters()))
        parts.append(axes.text(axes.WIDTH - axes.RIGHT, floor - _ROW + 22, count, "tick faint", "end"))
    bottom = _TOP + _ROW * len(visits)
    for cutoff in cutoffs_um:
        parts.append(axes.line(across(cutoff), _TOP - 6, across(cutoff), bottom, "cutoff"))
        parts.append(axes.text(across(cutoff), 14, f"{cutoff:g}", "tick"))
    parts += [axes.text(across(value), bottom + 14, f"{value:g}") for value in axes.ticks(across, 6)]
    parts.append(axes.text(axes.WIDTH - axes.RIGHT, bottom + 32, texts.word("axis_um"), "axis", "end"))
    name = texts.word("chart_diameter", site=site)
    return axes.drawing(name, diameters_about(cutoffs_um, texts), axes.WIDTH, height, *parts)


def diameters_about(cutoffs_um: Sequence[float], texts: Texts) -> str:
    """Return what the distribution shows, in words."""
    cutoffs = ", ".join(f"{cutoff:g} µm" for cutoff in cutoffs_um) or texts.word("none")
    return texts.word("chart_diameter_about", step=f"{BIN_UM:g}", cutoffs=cutoffs)


def units(site: str, visits: Sequence[VisitHairs], texts: Texts) -> Markup:
    """Return the share of follicular units by their hairs, one row a visit."""
    height = _TOP + _ROW * len(visits) + _BOTTOM
    step = (axes.WIDTH - axes.LEFT - axes.RIGHT) / len(UNIT_SIZES)
    parts: list[Markup] = []
    for number, visit in enumerate(visits):
        sizes = visit.unit_sizes()
        total = sum(sizes.values())
        floor = _TOP + _ROW * (number + 1) - 4
        up = axes.Scale(0.0, 1.0, floor, floor - _ROW + 26)
        for index, size in enumerate(UNIT_SIZES):
            share = sizes[size] / total if total else 0.0
            left = axes.LEFT + index * step
            parts.append(axes.rect(left + 12, up(share), step - 24, floor - up(share), "bar"))
            parts.append(axes.text(left + step / 2, up(share) - 4, f"{sizes[size]}", "tick faint"))
        parts.append(axes.line(axes.LEFT, floor, axes.WIDTH - axes.RIGHT, floor, "axis-line"))
        parts.append(axes.text(axes.LEFT - 6, floor - 2, visit.session, "tick", "end", most=6))
    bottom = _TOP + _ROW * len(visits)
    for index, size in enumerate(UNIT_SIZES):
        label = texts.word("units_more") if size == UNIT_SIZES[-1] else str(size)
        parts.append(axes.text(axes.LEFT + (index + 0.5) * step, bottom + 14, label))
    parts.append(axes.text(axes.WIDTH - axes.RIGHT, bottom + 32, texts.word("units_axis"), "axis", "end"))
    name = texts.word("chart_units", site=site)
    return axes.drawing(name, texts.word("chart_units_about"), axes.WIDTH, height, *parts)


def pairs(
    site: str, visits: Mapping[str, str], diameters_um: Sequence[tuple[float, float]], texts: Texts
) -> Markup:
    """Return one line per followed hair from its diameter at the baseline to that at a visit.

    Args:
        site: name of the site.
        visits: "before" and "after" → label of the visit.
        diameters_um: diameter at the baseline and at the visit, a pair a hair [µm].
        texts: catalogue.
    """
    before, after = visits["before"], visits["after"]
    values = [value for pair in diameters_um for value in pair]
    up = axes.value_scale(values, _PAIR_HEIGHT - 36, 16)
    left, right = axes.LEFT + 30, axes.WIDTH - axes.RIGHT - 40
    parts = axes.value_axis(up, axes.LEFT, axes.WIDTH - axes.RIGHT)
    for then, now in diameters_um:
        kind = "thicker" if now - then >= _THICK_UM else "thinner"
        parts.append(axes.line(left, up(then), right, up(now), f"pair {kind}"))
    medians = [statistics.median(pair[end] for pair in diameters_um) for end in (0, 1)]
    parts.append(axes.line(left, up(medians[0]), right, up(medians[1]), "pair median"))
    parts += [
        axes.circle(x, up(value), 5, "dot own") for x, value in zip((left, right), medians, strict=True)
    ]
    parts.append(axes.text(left, _PAIR_HEIGHT - 14, before, most=14))
    parts.append(axes.text(right, _PAIR_HEIGHT - 14, after, most=14))
    parts.append(axes.text(4, 14, texts.word("axis_um"), "axis", "start"))
    name = texts.word("chart_pairs", site=site, before=plain(before), after=plain(after))
    return axes.drawing(name, texts.word("chart_pairs_about"), axes.WIDTH, _PAIR_HEIGHT, *parts)


def _shares(values: Sequence[float], bins: int) -> list[float]:
    counts = Counter(min(bins - 1, int(value // BIN_UM)) for value in values)
    return [counts[index] / len(values) if values else 0.0 for index in range(bins)]
