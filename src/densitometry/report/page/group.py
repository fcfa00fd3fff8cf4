"""The page of the whole study: everybody as a dot that opens a report, what is missing, what was left out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from densitometry.report.page import axes, frame
from densitometry.report.page.flow import flow
from densitometry.report.page.load import Output, Row
from densitometry.report.page.markup import Child, Markup, join, name_of, plain, shortened, tag
from densitometry.report.page.sentences import MEASURE_OF, change_number, endpoint_of, verdict_key
from densitometry.report.page.texts import Texts
from densitometry.schema import CHANGE_FIGURES

_HEIGHT, _TOP, _BOTTOM = 260.0, 34.0, 44.0
_SPREAD = 7.0
"""Least distance between two dots, so that each can be pointed at [chart units]."""

_CHANGED = ("improved", "worsened")
_ARM_ROW, _LETTER = 18.0, 8.0
_MARK_STEP, _MARKS_A_ROW = 15.0, 24


def group_page(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    """Return the whole HTML page of a study.

    Args:
        output: the results.
        names: participant → file name of the report.
        texts: catalogue.
    """
    sessions = {(row["participant"], row["session"]) for row in output.visits}
    lead = texts.say(
        "group_lead",
        people=str(len(output.participants)),
        visits=str(len(sessions)),
        pictures=str(len(output.images)),
    )
    sections = [
        ("group_people", join([tag("p", lead), _people(output, names, texts)])),
        ("group_changes", _changes(output, names, texts)),
        ("group_flow", flow(output, texts)),
        ("group_missing", _missing(output, texts)),
        ("group_quality", _quality(output, names, texts)),
        ("limits", tag("p", texts.say("limits_text"))),
    ]
    title = texts.word("title_group")
    return frame.page(title, texts.say("title_group"), output.notices, sections, texts)


def _people(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    arms = any(output.arm_of(label) for label in output.participants)
    keys = ["participant", "arm", "col_latest", "col_missing", "col_pictures"]
    if not arms:
        keys.remove("arm")
    pictures = Counter(row["participant"] for row in output.images)
    missing = Counter(row["participant"] for row in output.visits if row["status"] != "measured")
    latest: dict[str, dict[str, Row]] = {}
    for row in output.changes:
        latest.setdefault(row["participant"], {})[row["site"]] = row
    rows: list[list[Child]] = []
    for label in output.participants:
        found = [
            tag(
                "li", name_of(site), " · ", name_of(row["session"]), " ", frame.badge(verdict_key(row), texts)
            )
            for site, row in latest.get(label, {}).items()
        ]
        said = tag("ul", *found, class_="plain") if found else texts.word("none")
        link = tag("a", name_of(label), href=names[label])
        arm: list[Child] = [name_of(output.arm_of(label) or texts.word("no_arm"))] if arms else []
        rows.append([link, *arm, said, str(missing[label]), str(pictures[label])])
    return frame.table([texts.word(key) for key in keys], rows, texts.word("group_people"))


def _changes(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    figure = endpoint_of(output.changes[0] if output.changes else None)
    places: dict[tuple[str, str], list[Row]] = {}
    for row in output.changes:
        if row[figure] is not None:
            places.setdefault((row["site"], row["modality"]), []).append(row)
    arms = sorted({output.arm_of(label) for label in output.participants})
    about = [tag("p", texts.say("group_changes_about"))]
    if not any(arms):
        about.append(tag("p", texts.say("no_arms"), class_="note"))
    if not places:
        return join([*about, tag("p", texts.say("no_changes"))])
    order = list(dict.fromkeys(row["session"] for row in output.visits))
    charts: list[Markup] = []
    lines: list[list[Child]] = []
    for (site, modality), rows in sorted(places.items()):
        title = site if modality in ("trich", "") else f"{site} ({modality})"
        sessions = sorted({row["session"] for row in rows}, key=order.index)
        columns = [(session, arm) for session in sessions for arm in arms]
        groups = {
            (session, arm): [
                row for row in rows if row["session"] == session and output.arm_of(row["participant"]) == arm
            ]
            for session, arm in columns
        }
        named = {arm: arm or texts.word("no_arm") for arm in arms} if any(arms) else {}
        charts.append(tag("div", _strip(title, groups, named, figure, names, texts), class_="chart"))
        for (session, arm), found in groups.items():
            values = [row[figure] for row in found]
            median: Child = texts.word("none")
            if values:
                median = change_number(statistics.median(values), figure, texts)
            cells: list[Child] = [name_of(title), name_of(session)]
            if named:
                cells.append(name_of(named[arm]))
            lines.append([*cells, median, str(len(values))])
    keys = ["site", "visit", "arm", "col_median", "col_people"]
    if not any(arms):
        keys.remove("arm")
    table = frame.table([texts.word(key) for key in keys], lines, texts.word("group_changes"))
    return join([*about, tag("div", *charts, class_="charts"), table])


def _strip(
    site: str,
    groups: Mapping[tuple[str, str], Sequence[Row]],
    arms: Mapping[str, str],
    figure: str,
    names: Mapping[str, str],
    texts: Texts,
) -> Markup:
    """Return the changes at one site: one column a visit and arm, one linked dot a participant."""
    values = [row[figure] for rows in groups.values() for row in rows]
    height = _HEIGHT + (_ARM_ROW if arms else 0.0)
    up = axes.value_scale(values, _HEIGHT - _BOTTOM, _TOP, zero=True)
    step = (axes.WIDTH - axes.LEFT - axes.RIGHT) / len(groups)
    unit = CHANGE_FIGURES[figure][0]
    heading = f"{shortened(plain(site), 20)}: {texts.word(MEASURE_OF[figure])}" + (
        f" [{unit}]" if unit else ""
    )
    parts: list[Markup] = [axes.text(4, 18, heading, "axis", "start")]
    parts += axes.value_axis(up, axes.LEFT, axes.WIDTH - axes.RIGHT)
    parts.append(axes.line(axes.LEFT, up(0.0), axes.WIDTH - axes.RIGHT, up(0.0), "axis-line"))
    bottom = _HEIGHT - _BOTTOM + 20
    sessions = list(dict.fromkeys(session for session, _ in groups))
    wide = step * len(groups) / len(sessions)
    for index, session in enumerate(sessions):
        x = axes.LEFT + (index + 0.5) * wide
        under = bottom + (_ARM_ROW if arms else 0.0)
        parts.append(axes.text(x, under, session, most=max(3, int(wide / _LETTER))))
        if index and arms:
            edge = axes.LEFT + index * wide
            parts.append(axes.line(edge, _TOP, edge, under, "grid"))
    for index, ((session, arm), rows) in enumerate(groups.items()):
        middle = axes.LEFT + (index + 0.5) * step
        if arms:
            parts.append(axes.text(middle, bottom, arms[arm], "tick faint", most=max(2, int(step / _LETTER))))
        if rows:
            y = up(statistics.median([row[figure] for row in rows]))
            half = min(24.0, step / 2 - 2)
            parts.append(axes.line(middle - half, y, middle + half, y, "group-median"))
        taken: list[tuple[float, float]] = []
        for row in sorted(rows, key=lambda row: row[figure]):
            y = up(row[figure])
            x = _free(middle, y, taken, step / 2 - _SPREAD)
            taken.append((x, y))
            who = f"{plain(row['participant'])}, {plain(session)}" + (f", {plain(arms[arm])}" if arms else "")
            words = f"{who}: {row[figure]:+.1f}"
            mark = tag(
                "a", tag("title", words), *_dot(row, x, y), href=names[row["participant"]], aria_label=words
            )
            parts.append(mark)
    return tag("svg", *parts, viewBox=f"0 0 {axes.WIDTH:g} {height:g}", role="group", aria_label=plain(site))


def _free(middle: float, y: float, taken: Sequence[tuple[float, float]], most: float) -> float:
    """Return the place nearest to the middle of a column at which a dot meets no other."""
    for number_ in range(int(2 * most / _SPREAD) + 1):
        shift = _SPREAD * ((number_ + 1) // 2) * (1 if number_ % 2 else -1)
        if all((middle + shift - x) ** 2 + (y - other) ** 2 >= _SPREAD**2 for x, other in taken):
            return middle + shift
    return middle


def _dot(row: Row, x: float, y: float) -> list[Markup]:
    touch = axes.circle(x, y, 9, "touch")
    if row["verdict"] in _CHANGED:
        return [touch, axes.circle(x, y, 4.5, "dot own")]
    if row["verdict"] == "stable":
        return [touch, axes.circle(x, y, 4, "dot hollow")]
    steps = f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7"
    return [touch, tag("path", d=steps, class_="dot open")]


def _missing(output: Output, texts: Texts) -> Markup:
    rows: list[list[Child]] = [
        [name_of(row["participant"]), name_of(row["session"]), name_of(row["site"]), _status(row, texts)]
        for row in output.visits
        if row["status"] != "measured"
    ]
    if not rows:
        return tag("p", texts.say("nothing_missing"))
    header = [texts.word(key) for key in ("participant", "visit", "site", "col_status")]
    return frame.table(header, rows, texts.word("group_missing"))


def _quality(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    counts = Counter(row["quality"] or "unknown" for row in output.images)
    lights = [
        tag("li", frame.light(word, texts, short=True), " ", str(counts[word]))
        for word in ("accept", "warn", "reject", "unknown")
        if counts[word]
    ]
    rows = -(-len(output.images) // _MARKS_A_ROW) or 1
    marks = []
    for index, row in enumerate(output.images):
        line, column = divmod(index, _MARKS_A_ROW)
        x, y = _MARK_STEP * (column + 0.5), _MARK_STEP * (line + 0.5)
        words = f"{plain(row['picture'])}: {_status(row, texts)}"
        mark = [axes.circle(x, y, 7, "touch"), *_quality_mark(row, x, y), tag("title", words)]
        link = names.get(row["participant"])
        marks.append(tag("a", *mark, href=link, aria_label=words) if link else tag("g", *mark))
    width = _MARK_STEP * min(_MARKS_A_ROW, max(1, len(output.images)))
    box = f"0 0 {width:g} {_MARK_STEP * rows:g}"
    svg = tag(
        "svg", *marks, viewBox=box, role="group", aria_label=texts.word("group_quality"), class_="marks",
        width=f"{2 * width:g}",
    )  # fmt: skip
    about = tag("p", texts.say("group_pictures_about"), class_="note")
    return join([tag("ul", *lights, class_="plain"), about, svg])


def _quality_mark(row: Row, x: float, y: float) -> list[Markup]:
    if row["status"] in ("rejected", "failed"):
        return [tag("path", d=f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7", class_="dot open")]
    if row["quality"] == "warn":
        return [axes.path([(x - 4, y + 3.5), (x + 4, y + 3.5), (x, y - 4)], "dot warned", closed=True)]
    return [axes.circle(x, y, 4, "dot own")]


def _status(row: Row, texts: Texts) -> str:
    known = ("measured", "rejected", "failed", "missed", "left_out")
    return texts.word(f"status_{row['status']}" if row["status"] in known else "not_known")
