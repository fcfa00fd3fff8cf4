"""The page of the whole study: everybody as a dot that opens a report, what is missing, what was left out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from densitometry.report.page import axes, frame
from densitometry.report.page.load import Output, Row
from densitometry.report.page.markup import Child, Markup, join, name_of, number, plain, shortened, tag
from densitometry.report.page.sentences import MEASURE_OF, change_number, endpoint_of, verdict_key
from densitometry.report.page.texts import Texts
from densitometry.schema import CHANGE_FIGURES

_HEIGHT, _TOP, _BOTTOM = 260.0, 34.0, 44.0
_SPREAD = 7.0
"""Least distance between two dots, so that each can be pointed at [chart units]."""

_CHANGED = ("improved", "worsened")
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
        ("group_flow", _flow(output, texts)),
        ("group_missing", _missing(output, texts)),
        ("group_quality", _quality(output, names, texts)),
        ("limits", tag("p", texts.say("limits_text"))),
    ]
    title = texts.word("title_group")
    return frame.page(title, texts.say("title_group"), output.notices, sections, texts)


def _people(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    keys = ("participant", "col_latest", "col_missing", "col_pictures")
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
        rows.append([link, said, str(missing[label]), str(pictures[label])])
    return frame.table([texts.word(key) for key in keys], rows, texts.word("group_people"))


def _changes(output: Output, names: Mapping[str, str], texts: Texts) -> Markup:
    figure = endpoint_of(output.changes[0] if output.changes else None)
    places: dict[tuple[str, str], list[Row]] = {}
    for row in output.changes:
        if row[figure] is not None:
            places.setdefault((row["site"], row["modality"]), []).append(row)
    about = [tag("p", texts.say("group_changes_about")), tag("p", texts.say("arms_note"), class_="note")]
    if not places:
        return join([*about, tag("p", texts.say("no_changes"))])
    order = list(dict.fromkeys(row["session"] for row in output.visits))
    charts, lines = [], []
    for (site, modality), rows in sorted(places.items()):
        title = site if modality in ("trich", "") else f"{site} ({modality})"
        charts.append(tag("div", _strip(title, rows, order, figure, names, texts), class_="chart"))
        for session in sorted({row["session"] for row in rows}, key=order.index):
            values = [row[figure] for row in rows if row["session"] == session]
            median = change_number(statistics.median(values), figure)
            lines.append([name_of(title), name_of(session), median, str(len(values))])
    header = [texts.word(key) for key in ("site", "visit", "col_median", "col_people")]
    table = frame.table(header, lines, texts.word("group_changes"))
    return join([*about, tag("div", *charts, class_="charts"), table])


def _strip(
    site: str,
    rows: Sequence[Row],
    order: Sequence[str],
    figure: str,
    names: Mapping[str, str],
    texts: Texts,
) -> Markup:
    """Return the changes at one site: one column a visit, one linked dot a participant."""
    sessions = sorted({row["session"] for row in rows}, key=order.index)
    up = axes.value_scale([row[figure] for row in rows], _HEIGHT - _BOTTOM, _TOP, zero=True)
    step = (axes.WIDTH - axes.LEFT - axes.RIGHT) / len(sessions)
    measure = texts.word(MEASURE_OF[figure])
    unit = CHANGE_FIGURES[figure][0]
    heading = f"{shortened(plain(site), 20)}: {measure}" + (f" [{unit}]" if unit else "")
    parts: list[Markup] = [axes.text(4, 18, heading, "axis", "start")]
    parts += axes.value_axis(up, axes.LEFT, axes.WIDTH - axes.RIGHT)
    parts.append(axes.line(axes.LEFT, up(0.0), axes.WIDTH - axes.RIGHT, up(0.0), "axis-line"))
    for index, session in enumerate(sessions):
        middle = axes.LEFT + (index + 0.5) * step
        parts.append(axes.text(middle, _HEIGHT - _BOTTOM + 20, session, most=max(3, int(step / 8))))
        taken: list[tuple[float, float]] = []
        for row in sorted((row for row in rows if row["session"] == session), key=lambda row: row[figure]):
            y = up(row[figure])
            x = _free(middle, y, taken, step / 2 - _SPREAD)
            taken.append((x, y))
            words = f"{plain(row['participant'])}, {plain(session)}: {row[figure]:+.1f}"
            mark = _dot(row, x, y)
            about = tag("title", words)
            parts.append(tag("a", about, *mark, href=names[row["participant"]], aria_label=words))
    return tag("svg", *parts, viewBox=f"0 0 {axes.WIDTH:g} {_HEIGHT:g}", role="group", aria_label=plain(site))


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


def _flow(output: Output, texts: Texts) -> Markup:
    """Return how many pictures and visits went on at each step, and how many did not."""
    statuses = Counter(row["status"] for row in output.images)
    verdicts = Counter(row["verdict"] for row in output.changes)
    changed = sum(verdicts[word] for word in _CHANGED)

    def box(key: str, count: int, class_: str) -> Markup:
        return tag("li", tag("strong", number(count, str(count))), " ", texts.say(key), class_=class_)

    steps = [
        box("flow_pictures", len(output.images), "on"),
        *(box(f"flow_{word}", statuses[word], "off") for word in ("left_out", "failed", "rejected")),
        box("flow_measured", statuses["measured"], "on"),
        box("flow_due", len(output.changes), "on"),
        box("flow_refused", verdicts["refused"], "off"),
        box("flow_undetermined", verdicts["undetermined"], "on"),
        box("flow_stable", verdicts["stable"], "on"),
        box("flow_changed", changed, "on"),
    ]
    return tag("ol", *steps, class_="flow")


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
