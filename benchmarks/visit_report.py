"""What rows of `benchmarks.visits` say together: tables for the terminal and docs/follow-accuracy.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import ROOT
from benchmarks.report import END, NOTHING, START, table, write_document
from benchmarks.visit_pairs import KINDS

DOCUMENT = ROOT / "docs" / "follow-accuracy.md"
SUCCESS_UM = 50.0
GROWTH_POINTS = 5.0
NULL_POINTS = 2.0
LEAST_REPEATS = 10
Row = dict[str, Any]

HOW = """\
Made by `python -m benchmarks.visits --document`; edit nothing between the markers. Two visits of one spot
whose follicles are known, analysed with the shipped recipe and compared as `densitometry compare` does.
The later visit has other light, skin texture, loose pieces and lie of hairs, and is clipped anew; it is
shifted by up to 1 mm ("moved": 2 mm), turned by up to 12°, ±4 % in size, and bent by 60 µm. Density
changes are in percent of the baseline on the shared skin; errors in points."""


def document(rows: Sequence[Row]) -> str:
    """Return all tables as Markdown."""
    rendered = _groups([row for row in rows if not row["kind"].startswith("real")])
    parts = [HOW]
    if rendered:
        parts += ["### Registration and links", _links_table(rendered)]
        parts += ["### Change and verdict", _change_table(rendered)]
        parts += _growth(rendered)
        parts += _repeatability([r for r in rows if r["kind"] == "null" and r.get("replicates") == 1])
    real = _groups([row for row in rows if row["kind"].startswith("real")])
    if real:
        parts += ["### Real frames", _real_table(real)]
    days = sorted({row["day"] for row in rows if row.get("day")})
    if days:
        parts.append(f"Measured {days[0]} to {days[-1]}; seconds are processor seconds.")
    return "\n\n".join(parts) + "\n"


def write(text: str, path: Path = DOCUMENT) -> None:
    """Put the tables between the markers of the page.

    Raises:
        ValueError: if the page lacks the markers.
    """
    if not path.exists():
        path.write_text(f"# Accuracy of following\n\n{START}\n{END}\n", encoding="utf-8")
    write_document(text, path)


def _groups(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    order = [*KINDS, "real-same", "real-edited", "real-other"]
    groups: dict[tuple[int, str, int], list[Row]] = {}
    for row in rows:
        place = (order.index(row["kind"]), row.get("setting") or "", row.get("replicates") or 1)
        groups.setdefault(place, []).append(row)
    found = []
    for (number, setting, replicates), members in sorted(groups.items()):
        name = order[number] + (f", {setting}" if setting else "")
        found.append((name + (f", {replicates} pictures a visit" if replicates > 1 else ""), members))
    return found


def _links_table(groups: Sequence[tuple[str, list[Row]]]) -> str:
    head = (
        "pairs of visits",
        "n",
        "accepted",
        "found within 50 µm",
        "grid RMS, median / worst [µm]",
        "right partner: seen twice",
        "traced twice",
        "lost: precision / recall",
        "gained: precision / recall",
        "seconds",
    )
    body = []
    for name, rows in groups:
        grid = [r["grid_um"] for r in rows if r.get("grid_um") is not None]
        spent = [r["cpu_seconds"] for r in rows if r.get("cpu_seconds") is not None]
        known = [r for r in rows if r.get("visible_both") is not None and not KINDS[r["kind"]].person]
        body.append(
            (
                name,
                str(len(rows)),
                str(sum(r["registered"] for r in rows)),
                _share(sum(g <= SUCCESS_UM for g in grid), len(rows)) if known else NOTHING,
                f"{np.median(grid):.0f} / {max(grid):.0f}" if known and grid else NOTHING,
                _ratio(known, "visible_both_right", "visible_both"),
                _ratio(known, "traced_both_right", "traced_both"),
                _changed(known, "lost"),
                _changed(known, "gained"),
                f"{np.median(spent):.2f}" if spent else NOTHING,
            )
        )
    return table(head, body)


def _change_table(groups: Sequence[tuple[str, list[Row]]]) -> str:
    head = (
        "pairs of visits",
        "density error, median (mean)",
        "half-width, median",
        "holds the truth",
        "diameter bias [µm]",
        "improved",
        "stable",
        "worsened",
        "undetermined",
        "refused",
    )
    body = []
    for name, rows in groups:
        known = [r for r in rows if r.get("density_found") is not None and not KINDS[r["kind"]].person]
        error = np.array([r["density_found"] - r["density_true"] for r in known])
        half = [(r["density_high"] - r["density_low"]) / 2 for r in known]
        held = sum(r["density_low"] <= r["density_true"] <= r["density_high"] for r in known)
        thick = [r["diameter_error_um"] for r in known if r.get("diameter_error_um") is not None]
        verdicts = Counter(r["verdict"] for r in rows)
        body.append(
            (
                name,
                f"{np.median(np.abs(error)):.1f} ({error.mean():+.1f})" if known else NOTHING,
                f"{np.median(half):.1f}" if known else NOTHING,
                _share(held, len(known)),
                f"{np.mean(thick):+.2f}" if thick and KINDS[rows[0]["kind"]].zoom_told else NOTHING,
                *(str(verdicts[v]) for v in ("improved", "stable", "worsened", "undetermined", "refused")),
            )
        )
    return table(head, body)


def _growth(groups: Sequence[tuple[str, list[Row]]]) -> list[str]:
    rows = [r for _, members in groups for r in members if KINDS[r["kind"]].days]
    known = [r for r in rows if r.get("growing_found") is not None and r.get("growing_true") is not None]
    if not rows:
        return []
    if not known:
        return [f"Growing share: told in none of {len(rows)} pairs."]
    error = np.array([100 * (r["growing_found"] - r["growing_true"]) for r in known])
    held = sum(r["growing_low"] <= r["growing_true"] <= r["growing_high"] for r in known)
    within = _share(int((np.abs(error) <= GROWTH_POINTS).sum()), len(known))
    sentence = (
        f"Growing share, two days apart: told in {len(known)} of {len(rows)} pairs; error in points, median "
        f"{np.median(np.abs(error)):.1f}, mean {error.mean():+.1f}, within ±{GROWTH_POINTS:g} in {within}; "
        f"interval holds the truth in {_share(held, len(known))}."
    )
    return [sentence]


def _repeatability(rows: Sequence[Row]) -> list[str]:
    """Return the within-visit SD of one picture: what `follow.repeatability.SAME_SKIN_PRIOR` is set from."""
    known = [r["working"] for r in rows if r.get("working")]
    if len(known) < LEAST_REPEATS:
        return []
    body = []
    for name in known[0]:
        values = np.array([w[name] for w in known if name in w])
        # Two pictures of unchanged skin differ by √2 times the scatter of one.
        body.append((name, f"{np.sqrt((values**2).mean() / 2):.4f}", str(len(values))))
    head = ("figure (working scale)", "SD of one picture", "pairs")
    return ["### Repeatability on unchanged skin", table(head, body)]


def _real_table(groups: Sequence[tuple[str, list[Row]]]) -> str:
    head = ("pairs", "n", "accepted", "null change: median / worst [points]", "within 2 points", "hairs told")
    body = []
    for name, rows in groups:
        null = [
            abs(r["density_found"])
            for r in rows
            if r.get("density_found") is not None and name == "real-same"
        ]
        told, edited = (sum(r.get(key) or 0 for r in rows) for key in ("told", "edited"))
        body.append(
            (
                name,
                str(len(rows)),
                str(sum(r["registered"] for r in rows)),
                f"{np.median(null):.1f} / {max(null):.1f}" if null else NOTHING,
                _share(sum(n <= NULL_POINTS for n in null), len(null)),
                f"{told} of {edited}" if edited else NOTHING,
            )
        )
    return table(head, body)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else NOTHING


def _ratio(rows: Sequence[Row], part: str, whole: str) -> str:
    total = sum(r[whole] for r in rows)
    return f"{100 * sum(r[part] for r in rows) / total:.1f} %" if total else NOTHING


def _changed(rows: Sequence[Row], name: str) -> str:
    called, right = sum(r[f"{name}_called"] for r in rows), sum(r[f"{name}_called_right"] for r in rows)
    true, found = sum(r[f"{name}_true"] for r in rows), sum(r[f"{name}_found"] for r in rows)
    if not true:
        return NOTHING
    return f"{right / called if called else 0.0:.2f} / {found / true:.2f}"
