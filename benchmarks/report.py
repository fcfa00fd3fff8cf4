"""The benchmark's findings as tables: on the terminal, and between the markers of docs/accuracy.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT, source_digest
from benchmarks.pictures import KINDS
from benchmarks.tools import DECODE, OURS, PEERS, Tool

DOCUMENT = ROOT / "docs" / "accuracy.md"
START, END = "<!-- benchmark:start -->", "<!-- benchmark:end -->"
NEW_DOCUMENT = f"# Accuracy and speed\n\n{START}\n{END}\n"
NOTHING = "–"
BUSY_LOAD = 0.5
"""Load per core before the run above which seconds are not worth quoting."""
SHOWN_PACKAGES = ("densitometry", "numpy", "opencv-python-headless", "onnxruntime", "numba")

Row = Mapping[str, Any]
Format = Callable[[Row], str]

HOW = """\
Made by `make bench`; edit nothing between the markers. Phantoms with exact truth, seeds from 900 000,
each a preset of `densitometry simulate` moved a little by its own draw; no test and no training saw
them. All tools ran on the same files in one run, each in one process with every thread pool held at
one thread, warm, from file to tables. There is one exception: this project takes a second thread for the
network, for a step of pictures higher than 768 px of 8 µm, and for very many cross-sections: its seconds
are wall time on up to two cores. The peers stand at one untuned setting each (`benchmarks/peers/`), given
the scale in µm, and look for dark hair only, as their recipes do.

A trace is right when it and the hair run along each other for at least half of their joint length
(within 25 µm or 2.5 px and 35°), one to one; hairs in view for less than 200 µm are neither required
nor wrong. A peer's count gives each end inside the picture one half. Errors are means of absolute
errors over pictures, signed means in brackets; thickness is the median over hairs."""


def number(row: Row, name: str, digits: int, factor: float = 1.0, *, sign: bool = False) -> str:
    """Return one figure as text, a dash where there is none."""
    value = row.get(name)
    if value is None:
        return NOTHING
    text = f"{factor * value:{'+' if sign else ''}.{digits}f}"
    return text.replace("-", "−")


def with_bias(name: str, bias: str, digits: int) -> Format:
    """Return a formatter of an error with its signed mean in brackets."""

    def show(row: Row) -> str:
        if row.get(name) is None:
            return NOTHING
        return f"{number(row, name, digits)} ({number(row, bias, digits, sign=True)})"

    return show


def plain(name: str, digits: int, factor: float = 1.0) -> Format:
    """Return a formatter of one figure."""
    return lambda row: number(row, name, digits, factor)


SIDE_BY_SIDE: tuple[tuple[str, Format], ...] = (
    ("Hair F1", plain("f1", 3)),
    ("Count error [%]", with_bias("count_error_pct", "count_bias_pct", 1)),
    ("Thickness: median error, bias [µm]", with_bias("thickness_error_um", "thickness_bias_um", 1)),
    ("Seconds per megapixel", plain("seconds_per_mp", 2)),
)
OWN_FIGURES: tuple[tuple[str, Format], ...] = (
    ("precision", plain("precision", 3)),
    ("recall", plain("recall", 3)),
    ("density [%]", with_bias("density_error_pct", "density_bias_pct", 1)),
    ("mean diameter [µm]", with_bias("mean_diameter_error_um", "mean_diameter_bias_um", 1)),
    ("class right [%]", plain("class_right", 1, 100)),
    ("roots ≤ 100 µm [%]", plain("roots_within_100_um", 1, 100)),
    ("vellus < 30 µm [points]", with_bias("vellus_30_error_points", "vellus_30_bias_points", 1)),
    ("vellus < 40 µm [points]", with_bias("vellus_40_error_points", "vellus_40_bias_points", 1)),
    ("units [%]", with_bias("units_error_pct", "units_bias_pct", 1)),
    ("hairs per unit", with_bias("hairs_per_unit_error", "hairs_per_unit_bias", 2)),
    ("unresolved [%]", plain("unresolved_share", 1, 100)),
)
_PEER_NAMES = frozenset(tool.name for tool in PEERS)
COVERAGE: tuple[tuple[str, Format], ...] = (
    ("pictures", plain("pictures", 0)),
    ("hair diameter [%]", plain("diameter_coverage", 1, 100)),
    ("mean diameter [%]", plain("mean_diameter_coverage", 1, 100)),
    ("median diameter [%]", plain("median_diameter_coverage", 1, 100)),
    ("coefficient of variation [%]", plain("diameter_cv_coverage", 1, 100)),
    ("share of vellus hairs [%]", plain("vellus_fraction_coverage", 1, 100)),
    ("density [%]", plain("density_coverage", 1, 100)),
)


def document(results: Mapping[str, Any]) -> str:
    """Return all tables as Markdown."""
    kinds: Mapping[str, Mapping[str, Row]] = results["accuracy"]
    scales = {k.name: f"{k.name}, {k.um_per_px:g} µm/px" for k in KINDS}
    ran = [t for t in (OURS, *PEERS) if any(t.name in rows for rows in kinds.values())]
    parts = [HOW]
    for title, show in SIDE_BY_SIDE:
        head = ("picture", *(t.label for t in ran))
        body = [
            (scales[kind], *(_cell(rows.get(t.name, {}), show) for t in ran)) for kind, rows in kinds.items()
        ]
        parts += [f"### {title}", table(head, body)]
    for title, columns in (
        ("densitometry's own figures", OWN_FIGURES),
        ("95 % intervals that hold the truth", COVERAGE),
    ):
        head = ("picture", *(name for name, _ in columns))
        body = [
            (scales[kind], *(show(rows[OURS.name]) for _, show in columns))
            for kind, rows in kinds.items()
            if OURS.name in rows
        ]
        parts += [f"### {title}", table(head, body)]
    timed = results["speed"]["pictures"].values()
    parts += _speed(
        results["speed"], [t for t in (DECODE, OURS, *PEERS) if any(t.name in rows for rows in timed)]
    )
    parts += _failures(results)
    parts.append(_conditions(results))
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns line up on a terminal too."""
    rows = [head, *body]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def _cell(row: Row, show: Format) -> str:
    text = show(row)
    return f"{text} [{row['failed']} failed]" if row.get("failed") else text


def _speed(speed: Mapping[str, Any], ran: Sequence[Tool]) -> list[str]:
    """Return the sections on time and memory."""
    parts = []
    for name, rows in speed["pictures"].items():
        ours = rows.get(OURS.name, {}).get("seconds")
        body = []
        for tool in ran:
            row = rows.get(tool.name, {})
            ratio = row["seconds"] / ours if ours and row.get("seconds") else None
            body.append(
                (
                    tool.label,
                    number(row, "seconds", 3),
                    number(row, "seconds_per_mp", 3),
                    NOTHING if ratio is None else f"{ratio:.2f}×",
                    number(row, "peak_mb", 0),
                )
            )
        size = next(iter(rows.values()))
        parts.append(f"### Speed: {name} at {size['um_per_px']:g} µm/px, JPEG")
        parts.append(table(("tool", "seconds", "s per MP", "time / ours", "peak memory [MB]"), body))
    if speed["field"]:
        fields = [
            (
                f"{r['megapixels']:.1f}",
                number(r, "seconds", 2),
                number(r, "seconds_per_mp", 3),
                number(r, "peak_mb", 0),
            )
            for r in speed["field"]
        ]
        parts.append("### densitometry over larger fields of the same scalp at the same scale")
        parts.append(table(("MP", "seconds", "s per MP", "peak memory [MB]"), fields))
    facts = []
    if speed["start_up_s"] is not None:
        facts.append(f"`densitometry --version` took {speed['start_up_s']:.2f} s.")
    if speed["two_processes_ratio"] is not None:
        ratio = speed["two_processes_ratio"]
        facts.append(
            f"Two processes, a processor each, measured {ratio:.2f}× what one does (half the 1.9 MP picture)."
        )
    return [*parts, " ".join(facts)] if facts else parts


def _failures(results: Mapping[str, Any]) -> list[str]:
    """Return what did not run, in words: a missing figure is never left unexplained."""
    lines = [
        f"- {kind}, {name}: failed on {row['failed']} of {row['failed'] + row['pictures']}: {row['error']}"
        for kind, rows in results["accuracy"].items()
        for name, row in rows.items()
        if row["failed"]
    ]
    lines += [
        f"- speed, {picture}, {name}: {row['error']}"
        for picture, rows in results["speed"]["pictures"].items()
        for name, row in rows.items()
        if row["error"]
    ]
    lines += [
        f"- speed, {r['megapixels']:.1f} MP: {r['error']}" for r in results["speed"]["field"] if r["error"]
    ]
    return ["### Not measured", "\n".join(lines)] if lines else []


def _conditions(results: Mapping[str, Any]) -> str:
    where = results["conditions"]
    packages = ", ".join(f"{name} {version}" for name, version in where["packages"].items())
    note = " A quick run: too few and too small pictures to quote." if results["quick"] else ""
    note += _older(results["accuracy"]) + _fewer(results["accuracy"])
    if (where["load_before"] or 0.0) > BUSY_LOAD * where["cores"]:
        note += f" The machine was busy (load {where['load_before']:.1f}): read ratios, not seconds."
    return f"{where['system']}, {where['cores']} cores, Python {where['python']}; {packages}.{note}"


def _older(kinds: Mapping[str, Mapping[str, Row]]) -> str:
    """Return a sentence that names rows of a run in parts that were made by other code than the last one."""
    made = {kind: rows[OURS.name].get("source") for kind, rows in kinds.items() if OURS.name in rows}
    now = source_digest()
    older = [kind for kind, source in made.items() if source != now]
    return f" Made by an earlier state of the code: {', '.join(older)}." if older else ""


def _fewer(kinds: Mapping[str, Mapping[str, Row]]) -> str:
    """Return a sentence that says so where the other tools saw only the first of this project's pictures."""
    seen = [
        (rows[OURS.name].get("pictures"), row.get("pictures"))
        for rows in kinds.values()
        for name, row in rows.items()
        if name in _PEER_NAMES and OURS.name in rows
    ]
    fewer = [theirs for ours, theirs in seen if ours is not None and theirs is not None and theirs < ours]
    if not fewer:
        return ""
    least = min(fewer)
    return f" Of each kind the other tools saw the first {least:g} of this project's pictures only."


def conditions() -> dict[str, Any]:
    """Return where the figures were made."""
    versions = {}
    for name in SHOWN_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "system": f"{platform.system()} {platform.machine()}, {_processor()}",
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": versions,
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"


def write_document(text: str, path: Path = DOCUMENT, markers: tuple[str, str] = (START, END)) -> None:
    """Put the tables between the markers of the page; what stands around them stays.

    Raises:
        ValueError: if the page lacks the markers.
    """
    first, last = markers
    page = path.read_text(encoding="utf-8") if path.exists() else NEW_DOCUMENT
    before, start, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not (start and end):
        msg = f"{path.name} lacks the markers {first} and {last}: put them where the tables belong"
        raise ValueError(msg)
    path.write_text(f"{before}{first}\n\n{text}\n{last}{after}", encoding="utf-8", newline="\n")
