"""The tables of a report: visits, changes, quality, methods, hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from densitometry.report.page import courses, frame, timeline
from densitometry.report.page.load import EVERYWHERE, Capture, Output, Row, Spot
from densitometry.report.page.markup import Child, Markup, join, name_of, number, tag
from densitometry.report.page.sentences import (
    MEASURE_OF,
    PERCENT,
    amount_of,
    change_number,
    day_words,
    unit_of,
    value_number,
    verdict_key,
)
from densitometry.report.page.texts import Texts

_HASH_SHOWN = 16
_CUTOFF_KEY = "cutoff_um"


def visits(spot: Spot, name_of_agent: Callable[[str], str], texts: Texts) -> Markup:
    """Return every visit of a site with all measures and their ranges, folded."""
    header: list[Child] = [texts.word("visit"), texts.word("col_date"), texts.word("col_day")]
    header.append(texts.word("col_status"))
    header += [f"{texts.word(measure)}{unit_of(measure, texts)}" for measure in timeline.MEASURES]
    header.append(texts.word("col_treatments"))
    rows: list[list[Child]] = []
    for row in spot.visits:
        change = spot.changes.get(row["session"])
        cells: list[Child] = [name_of(row["session"]), row["date"] or texts.word("none"), _day(row)]
        cells.append(texts.word(_status_key(row)))
        cells += [_ranged(row, measure, texts) for measure in timeline.MEASURES]
        cells.append(courses.treatments_of(change, name_of_agent, texts) if change else "")
        rows.append(cells)
    caption = join([name_of(spot.title), ": ", texts.say("col_range")])
    return frame.folded(texts.say("numbers"), frame.table(header, rows, caption))


def treatments(rows: Sequence[Row], texts: Texts) -> Markup:
    """Return every treatment of a participant as it is recorded."""
    keys = ("col_agent", "col_start", "col_end", "col_dose", "col_route", "col_sites", "col_note")
    lines: list[list[Child]] = []
    for row in rows:
        end = texts.word("once" if row["single"] else "goes_on")
        dose = [number(row["dose"], f"{row['dose']:g}"), f" {row['unit']}"] if row["dose"] is not None else ""
        sites = row["sites"].replace("+", ", ")
        where = texts.word("everywhere") if row["sites"] == EVERYWHERE else sites
        lines.append(
            [
                name_of(row["agent_name"] or row["agent"]),
                row["start"] or texts.word("not_known"),
                row["end"] or end,
                dose,
                row["route"],
                name_of(where or texts.word("none")),
                name_of(row["note"]) if row["note"] else "",
            ]
        )
    return frame.table([texts.word(key) for key in keys], lines, texts.word("treatments"))


def about(row: Row | None, texts: Texts) -> Markup | None:
    """Return what is recorded about a participant, as a line; None where nothing is."""
    if row is None:
        return None
    parts: list[Child] = []
    for key in ("sex", "age_years", "diagnosis_name", "arm", "centre", "note"):
        if row[key] in (None, ""):
            continue
        shown: Child = name_of(row[key])
        if key == "age_years":
            shown = number(row[key], f"{row[key]:g}")
        parts += [" · " if parts else None, texts.say(f"about_{key}"), ": ", shown]
    return tag("p", join(parts), class_="about") if parts else None


def changes(spots: Sequence[Spot], texts: Texts) -> Markup:
    """Return every comparison of every site, folded: figures, noise, finding, reason."""
    header: list[Child] = [texts.word("site"), texts.word("visit")]
    header += [texts.word(MEASURE_OF[figure]) for figure in MEASURE_OF]
    header += [texts.word("col_verdict"), texts.word("col_reason")]
    rows: list[list[Child]] = []
    for spot in spots:
        for session, row in spot.changes.items():
            cells: list[Child] = [name_of(spot.title), name_of(session)]
            for figure in MEASURE_OF:
                amount = amount_of(row, figure, texts)
                if amount is None:
                    cells.append(texts.word("none"))
                    continue
                noise = (
                    None if amount.noise is None else [tag("br"), texts.word("col_noise"), " ", amount.noise]
                )
                cells.append(join([amount.shown, tag("br"), "(", amount.low, " … ", amount.high, ")", noise]))
            cells += [frame.badge(verdict_key(row), texts), str(row["reason"])]
            rows.append(cells)
    if not rows:
        return Markup("")
    return frame.folded(texts.say("numbers"), frame.table(header, rows, texts.word("col_change")))


def cycles(rows: Sequence[Row], name_of_agent: Callable[[str], str], texts: Texts) -> Markup:
    """Return how each cycle of a treatment given in sessions ended, and the mean change a cycle so far."""
    keys = ("site", "col_agent", "col_cycle", "visit", "col_since", "col_change", "col_in_cycle", "col_slope")
    lines: list[list[Child]] = []
    for row in rows:

        def shown(name: str, row: Row = row) -> Markup | str:
            value = row[name]
            return texts.word("none") if value is None else change_number(value, row["figure"], texts)

        slope = [shown("slope_per_cycle")]
        if row["slope_low"] is not None and row["slope_high"] is not None:
            slope += [" (", shown("slope_low"), " … ", shown("slope_high"), ")"]
        lines.append(
            [
                name_of(row["site"]),
                name_of(name_of_agent(row["agent"])),
                number(row["cycle"], str(row["cycle"])),
                name_of(row["session"]),
                number(row["days_since_treatment"], str(row["days_since_treatment"])),
                shown("change"),
                shown("change_in_cycle"),
                slope,
            ]
        )
    about = tag("p", texts.say("cycles_about"), class_="note")
    return join([about, frame.table([texts.word(key) for key in keys], lines, texts.word("cycles"))])


def growth(rows: Sequence[Row], texts: Texts) -> Markup:
    """Return the shares of growing and resting hairs of clipped spots pictured again."""
    keys = (
        "site",
        "visit",
        "col_previous",
        "col_days",
        "col_growing",
        "col_resting",
        "col_rate",
        "col_reason",
    )
    lines: list[list[Child]] = []
    for row in rows:
        rate = row["rate_mm_per_day"]
        lines.append(
            [
                name_of(row["site"]),
                name_of(row["session"]),
                name_of(row["previous_session"]),
                None if row["days"] is None else number(row["days"], str(row["days"])),
                _share(row, "growing", texts),
                _share(row, "resting", texts),
                texts.word("none") if rate is None else number(rate, f"{rate:.2f}"),
                str(row["growth_reason"]),
            ]
        )
    about = tag("p", texts.say("growth_about"), class_="note")
    return join([about, frame.table([texts.word(key) for key in keys], lines, texts.word("growth"))])


def quality(captures: Sequence[Capture], texts: Texts) -> Markup:
    """Return the quality of each picture, what was excluded and how it was scaled."""
    keys = ("picture", "col_status", "col_quality", "col_reasons", "col_area", "col_hairs", "col_excluded")
    header: list[Child] = [texts.word(key) for key in (*keys, "col_scale")]
    rows = [_quality_row(item, texts) for item in captures]
    rules = dict.fromkeys(
        str(item.summary["counting_rule"])
        for item in captures
        if item.summary is not None and item.summary.get("counting_rule")
    )
    said = [tag("p", tag("strong", texts.say("counting_rule")), ": ", rule) for rule in rules]
    note = tag("p", texts.say("quality_note"), class_="note")
    return join([frame.table(header, rows, texts.word("quality")), *said, note])


def methods(output: Output, captures: Sequence[Capture], texts: Texts) -> Markup:
    """Return a paragraph for a paper."""
    summaries = [item.summary for item in captures if item.summary is not None]
    first: Any = summaries[0] if summaries else {}
    sources = {row["sdc_source"] for row in output.changes} - {""}
    source = next((word for word in ("person", "study", "prior") if word in sources), "none")
    pictures = [item for item in captures if item.row["status"] != "left_out"]
    unknown = texts.word("not_known")
    cutoffs = cutoffs_of(captures)
    values: dict[str, Child] = {
        "version": str(first.get("version") or output.environment.get("version") or unknown),
        "recipe": str(first.get("recipe") or unknown),
        "digest": str(first.get("recipe_digest") or unknown)[:_HASH_SHOWN],
        "cutoff": f"{cutoffs[0]:g} µm" if cutoffs else unknown,
        "repeatability": texts.word(f"repeatability_{source}"),
        "rejected": str(sum(item.row["status"] == "rejected" for item in pictures)),
        "pictures": str(len(pictures)),
    }
    return tag("p", texts.say("methods_text", **values), class_="methods")


def provenance(output: Output, captures: Sequence[Capture], texts: Texts) -> Markup:
    """Return versions and hashes, folded."""
    unknown = texts.word("not_known")
    version = str(output.environment.get("version") or unknown)
    packages = output.environment.get("packages")
    words = ""
    if isinstance(packages, dict):
        words = ", ".join(f"{name} {found}" for name, found in packages.items())
    rows: list[list[Child]] = [
        [
            _picture_name(item.row),
            tag("code", str(item.row["sha256"]) or unknown),
            tag("code", str(item.row["recipe_digest"]) or unknown),
        ]
        for item in captures
    ]
    header: list[Child] = [texts.word(key) for key in ("picture", "col_sha", "col_recipe")]
    lines = [tag("p", texts.say("version_of", version=version), ". ", texts.say("made_from"))]
    if words:
        lines.append(tag("p", texts.say("packages"), ": ", words))
    return join(
        [*lines, frame.folded(texts.say("provenance"), frame.table(header, rows, texts.word("provenance")))]
    )


def cutoffs_of(captures: Sequence[Capture]) -> list[float]:
    """Return the cut-offs between vellus and terminal hair that the results state [µm]."""
    for item in captures:
        found = [] if item.summary is None else item.summary.get("by_cutoff") or []
        cutoffs = [entry[_CUTOFF_KEY] for entry in found if isinstance(entry, dict) and _CUTOFF_KEY in entry]
        if cutoffs:
            return [float(cutoff) for cutoff in cutoffs]
    return []


def _quality_row(item: Capture, texts: Texts) -> list[Child]:
    row, summary = item.row, item.summary
    verdict = row["quality"] if row["quality"] in ("accept", "warn", "reject") else "unknown"
    cells: list[Child] = [
        _picture_name(row),
        texts.word(_status_key(row)),
        frame.light(verdict, texts, short=True),
        _remarks(item, texts),
        texts.word("none")
        if row["area_cm2"] is None
        else number(row["area_cm2"], f"{row['area_cm2']:.3f} cm²"),
        texts.word("none") if row["n_hairs"] is None else number(row["n_hairs"], f"{row['n_hairs']:g}"),
        _excluded(item, texts),
    ]
    if summary is None or not isinstance(summary.get("scale"), dict):
        return [*cells, texts.word("not_known")]
    scale = summary["scale"]
    error = scale.get("rel_error")
    said = texts.word("scale_no_error")
    if isinstance(error, int | float):
        said = texts.word("scale_error", percent=f"{PERCENT * error:.2g}")
    shown = f"{scale.get('um_per_px'):.4g}" if isinstance(scale.get("um_per_px"), int | float) else "?"
    return [*cells, texts.say("scale_said", scale=shown, origin=str(scale.get("origin")), error=said)]


def _remarks(item: Capture, texts: Texts) -> Child:
    if item.row["error"]:
        return f"{item.row['error_code']} {item.row['error']}".strip()
    if item.summary is None:
        return texts.word("missing_summary") if item.row["status"] == "measured" else texts.word("none")
    stated = item.summary.get("quality")
    reasons = stated.get("reasons") if isinstance(stated, dict) else None
    return " ".join(str(reason) for reason in reasons) if reasons else texts.word("no_remarks")


def _excluded(item: Capture, texts: Texts) -> Child:
    from densitometry.report import results
    from densitometry.report.page.hairs import read_hairs

    table = None if item.folder is None else read_hairs(item.folder / results.HAIRS_NAME)
    if table is None:
        return texts.word("none")
    return str(int((~table["counted"]).sum()))


def _share(row: Row, kind: str, texts: Texts) -> Child:
    ends = [row[f"{kind}_{name}"] for name in ("fraction", "low", "high")]
    if None in ends:
        return texts.word("none")
    value, low, high = (number(end, f"{PERCENT * end:.0f} %") for end in ends)
    return join([value, " (", low, " … ", high, ")"])


def _picture_name(row: Row) -> Markup:
    run = "" if row["run"] is None else f" · {row['run']}"
    if not row["site"]:
        return name_of(row["picture"])
    return join([name_of(row["site"]), " · ", name_of(row["session"]), run])


def _ranged(row: Row, measure: str, texts: Texts) -> Child:
    value, low, high = (value_number(row, measure + end, measure) for end in ("", "_low", "_high"))
    if value is None:
        return texts.word("none")
    if low is None or high is None:
        return value
    return join([value, tag("br"), "(", low, " … ", high, ")"])


def _day(row: Row) -> Child:
    return None if row["day"] is None else number(row["day"], str(row["day"]))


def _status_key(row: Row) -> str:
    known = ("measured", "rejected", "failed", "missed", "left_out")
    return f"status_{row['status']}" if row["status"] in known else "not_known"


__all__ = ["changes", "cutoffs_of", "day_words", "methods", "provenance", "quality", "visits"]
