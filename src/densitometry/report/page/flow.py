"""A flow diagram: how many participants, pictures and comparisons went how far, and why some stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from densitometry.report.page import axes, frame
from densitometry.report.page.load import Output, Row
from densitometry.report.page.markup import Child, Markup, join, number, plain, tag
from densitometry.report.page.texts import Texts

_WIDTH, _HIGH, _GAP, _EDGE = 440.0, 38.0, 16.0, 6.0
_TRUNK, _BRANCH = 28.0, 58.0
_REASONS_SHOWN = 12
_LETTERS = 42
_LAST = ("flow_changed", "flow_stable", "flow_undetermined")
"""What comparisons end in: boxes below each other, with nothing after them."""

_ARROW = 5.0

Step = tuple[str, int, Sequence[tuple[str, int]]]
"""Key of a text, how many went on to here, and what leaves after it: keys and counts."""


def flow(output: Output, texts: Texts) -> Markup:
    """Return the diagram, the same as a table of counts, and the reasons of what stopped."""
    steps = _steps(output)
    lines: list[list[Child]] = []
    for key, count, leaving in steps:
        lines.append([texts.word(key), number(count, str(count))])
        lines += [[f"– {texts.word(off)}", number(gone, str(gone))] for off, gone in leaving]
    header = [texts.word("group_flow"), texts.word("col_count")]
    counts = frame.folded(texts.say("numbers"), frame.table(header, lines, texts.word("group_flow")))
    about = tag("p", texts.say("flow_about"), class_="note")
    return join([about, tag("div", _diagram(steps, texts), class_="flow"), counts, _reasons(output, texts)])


def _steps(output: Output) -> list[Step]:
    statuses = Counter(row["status"] for row in output.images)
    verdicts = Counter(row["verdict"] for row in output.changes)
    pictured = {row["participant"] for row in output.images if row["participant"]}
    without = sum(label not in pictured for label in output.participants)
    left = [(f"flow_{word}", statuses[word]) for word in ("left_out", "failed", "rejected") if statuses[word]]
    compared = [
        ("flow_changed", verdicts["improved"] + verdicts["worsened"]),
        ("flow_stable", verdicts["stable"]),
        ("flow_undetermined", verdicts["undetermined"]),
    ]
    return [
        ("flow_people", len(output.participants), [("flow_no_pictures", without)] if without else []),
        ("flow_pictures", len(output.images), left),
        ("flow_measured", statuses["measured"], []),
        ("flow_due", len(output.changes), [("flow_refused", verdicts["refused"])]),
        *((key, count, ()) for key, count in compared),
    ]


def _diagram(steps: Sequence[Step], texts: Texts) -> Markup:
    """Return boxes from top to bottom along one line; what leaves it hangs on its right."""
    parts: list[Markup] = []
    y = _EDGE
    for key, count, leaving in steps:
        end = key.startswith(_LAST)
        parts += _box(_EDGE, y, _WIDTH - 2 * _EDGE, count, texts.word(key), "flow-on")
        below = y + _HIGH
        y = below + (_EDGE if end else _GAP)
        for off, gone in leaving:
            parts.append(axes.line(_TRUNK, y + _HIGH / 2, _BRANCH - 2, y + _HIGH / 2, "flow-line"))
            parts.append(_arrow(_BRANCH, y + _HIGH / 2, across=True))
            parts += _box(_BRANCH, y, _WIDTH - _EDGE - _BRANCH, gone, texts.word(off), "flow-off")
            y += _HIGH + _GAP
        if not end:
            parts.append(axes.line(_TRUNK, below, _TRUNK, y - 2, "flow-line"))
            parts.append(_arrow(_TRUNK, y, across=False))
    about = "; ".join(f"{texts.word(key)}: {count}" for key, count, _ in steps)
    return axes.drawing(texts.word("group_flow"), about, _WIDTH, y, *parts)


def _box(x: float, y: float, width: float, count: int, words: str, class_: str) -> list[Markup]:
    label = axes.text(x + 66, y + _HIGH / 2 + 5, words, "tick", "start", most=_LETTERS)
    figure = axes.text(x + 54, y + _HIGH / 2 + 5, str(count), "axis", "end")
    return [axes.rect(x, y, width, _HIGH, class_), figure, label]


def _arrow(x: float, y: float, *, across: bool) -> Markup:
    if across:
        places = [(x - 2 * _ARROW, y - _ARROW), (x - 2 * _ARROW, y + _ARROW), (x, y)]
    else:
        places = [(x - _ARROW, y - 2 * _ARROW), (x + _ARROW, y - 2 * _ARROW), (x, y)]
    return axes.path(places, "flow-head", closed=True)


def _reasons(output: Output, texts: Texts) -> Markup | None:
    """Return why pictures were not measured and visits not compared, the most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    for row in output.images:
        if row["status"] in ("failed", "rejected"):
            found[texts.word(f"flow_{row['status']}"), _why(row)] += 1
    for row in output.changes:
        if row["verdict"] == "refused":
            found[texts.word("flow_refused"), str(row["reason_code"])] += 1
    if not found:
        return None
    most = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_REASONS_SHOWN]
    lines: list[list[Child]] = [[key, plain(why), number(count, str(count))] for (key, why), count in most]
    if len(found) > _REASONS_SHOWN:
        rest = sum(found.values()) - sum(count for _, count in most)
        lines.append(["…", "", number(rest, str(rest))])
    header = [texts.word(key) for key in ("col_status", "col_why", "col_count")]
    return frame.table(header, lines, texts.word("flow_reasons"))


def _why(row: Row) -> str:
    return f"{row['error_code']} {row['error']}".strip() or str(row["quality"])
