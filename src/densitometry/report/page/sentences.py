"""What a row of change.tsv says, as one fixed sentence: how much, how sure, and never why."""

from __future__ import annotations

import re
from dataclasses import dataclass

from densitometry.follow.response import ENDPOINTS
from densitometry.report.page.load import Row, Spot
from densitometry.report.page.markup import Markup, join, name_of, number, tag
from densitometry.report.page.texts import Texts
from densitometry.schema import CHANGE_FIGURES
from densitometry.schema_study import VISIT_MEASURES

MEASURE_OF = {
    "terminal_density_change_pct": "terminal_density_per_cm2",
    "density_change_pct": "density_per_cm2",
    "cumulative_thickness_change_pct": "cumulative_thickness_mm_per_cm2",
    "mean_diameter_change_um": "mean_diameter_um",
    "vellus_fraction_change": "vellus_fraction",
}
DEFAULT_ENDPOINT = "terminal_density"
PERCENT = 100
INCONCLUSIVE = "inconclusive"
"""Code of the reason whose sentence holds the figures already."""

_STUDY_CODE = re.compile("E2[0-9]{2}")
"""A problem of the study's own tables."""

VERDICTS = ("improved", "stable", "worsened", "undetermined", "refused")


@dataclass(frozen=True, slots=True)
class Amount:
    """One figure of a change with its range and noise, as shown: None where it is not known."""

    value: float
    shown: Markup
    low: Markup
    high: Markup
    noise: Markup | None
    kind: str


def endpoint_of(row: Row | None) -> str:
    """Return the figure of a change that makes the verdict."""
    word = DEFAULT_ENDPOINT if row is None else row["verdict_endpoint"]
    return ENDPOINTS.get(word, ENDPOINTS[DEFAULT_ENDPOINT])


def amount_of(row: Row, figure: str, texts: Texts) -> Amount | None:
    """Return a figure of a change with the range that a claim about the person needs.

    The region interval where the table has one, else the stated one.
    """
    value = row[figure]
    ends = [row[f"{figure}_region_low"], row[f"{figure}_region_high"]]
    kind = "region"
    if None in ends:
        ends = [row[f"{figure}_low"], row[f"{figure}_high"]]
        kind = "region" if row["interval_kind"] == "region" else "patch"
    if value is None or None in ends:
        return None
    sdc = row[f"{figure}_sdc"]
    return Amount(
        value,
        change_number(value, figure, texts),
        change_number(ends[0], figure, texts),
        change_number(ends[1], figure, texts),
        noise=None if sdc is None else change_number(sdc, figure, texts, signed=False),
        kind=kind,
    )


def change_number(value: float, figure: str, texts: Texts, *, signed: bool = True) -> Markup:
    """Return a change as it is shown, with its unit; fractions as points of a per cent."""
    unit = CHANGE_FIGURES[figure][0]
    factor = 1 if unit else PERCENT
    shown = value * factor
    digits = 0 if unit == "%" and abs(shown) >= 1 else 1
    sign = "+" if signed else ""
    if not signed and value < 0:
        shown = -shown
    words = f"{shown:{sign}.{digits}f}".replace("-", "−")
    shown_unit = unit or texts.word("unit_points")
    return number(value, f"{words} {shown_unit}")


def value_number(row: Row, name: str, measure: str) -> Markup | None:
    """Return a value of visits.tsv as it is shown, without its unit; None where it is not known."""
    value = row[name]
    if value is None:
        return None
    if measure == "vellus_fraction":
        return number(value, f"{PERCENT * value:.0f} %")
    digits = 0 if VISIT_MEASURES[measure][0] == "1/cm²" else 1
    return number(value, f"{value:.{digits}f}")


def unit_of(measure: str, texts: Texts) -> str:
    """Return the unit shown after a value, with a space before it where there is one."""
    unit = {"1/cm²": texts.word("unit_per_cm2")}.get(VISIT_MEASURES[measure][0], VISIT_MEASURES[measure][0])
    return f" {unit}" if unit else ""


def verdict_key(row: Row | None) -> str:
    """Return the key of the catalogue for what a row finds."""
    if row is None:
        return "verdict_none"
    return f"verdict_{row['verdict']}" if row["verdict"] in VERDICTS else "verdict_none"


def day_words(row: Row, texts: Texts) -> str:
    """Return the date or day of a visit in words."""
    if row["date"]:
        return str(row["date"])
    return texts.word("day_unknown") if row["day"] is None else texts.word("day", day=row["day"])


def sentence(spot: Spot, row: Row | None, visit: Row, texts: Texts) -> Markup:
    """Return the one sentence about a site at a visit.

    Args:
        spot: the site.
        row: of change.tsv; None where there is none.
        visit: of visits.tsv.
        texts: catalogue.
    """
    site = name_of(spot.title)
    if row is None:
        if visit["baseline"] or len(spot.visits) == 1:
            return _first(spot, visit, texts)
        return texts.say("no_change_row", site=site, visit=name_of(visit["session"]))
    why = str(row["reason"]) or texts.word("why_unknown")
    if row["verdict"] not in VERDICTS or row["verdict"] == "refused":
        said = texts.say("refused", site=site, visit=name_of(visit["session"]), why=_ended(why))
        return join([said, _to_know(row, texts)])
    figure = endpoint_of(row)
    measure = texts.word(MEASURE_OF[figure])
    when = _when(row, texts)
    amount = amount_of(row, figure, texts)
    if row["verdict"] == "undetermined" or amount is None:
        figures = None
        if amount is not None and row["reason_code"] != INCONCLUSIVE:
            figures = texts.say("figures", amount=amount.shown, low=amount.low, high=amount.high)
        said = texts.say(
            "undetermined", site=site, measure=measure, when=when, why=_ended(why), figures=figures
        )
        return join([said, _to_know(row, texts)])
    if row["verdict"] == "stable":
        parts = {"amount": amount.shown, "low": amount.low, "high": amount.high}
        return texts.say("stable", site=site, measure=measure, when=when, **parts)
    said = texts.say(
        "changed",
        site=site,
        measure=measure,
        amount=change_number(amount.value, figure, texts, signed=False),
        direction=texts.word("higher" if amount.value > 0 else "lower"),
        low=amount.low,
        high=amount.high,
        then=_then(row, when, texts),
        noise=None if amount.noise is None else texts.say("noise", sdc=amount.noise),
    )
    return join([said, texts.say("no_cause")])


def range_note(row: Row | None, texts: Texts) -> Markup | None:
    """Return what the range of a change is for; None where no range is shown."""
    amount = None if row is None or row["verdict"] == "refused" else amount_of(row, endpoint_of(row), texts)
    return None if amount is None else texts.say(f"range_{amount.kind}")


def _to_know(row: Row, texts: Texts) -> Markup | None:
    """Return what would have to be done to know, where there is such a thing."""
    key = f"to_know_{row['reason_code']}"
    if _STUDY_CODE.fullmatch(str(row["reason_code"])):
        key = "to_know_study"
    return join([" ", texts.say("to_know", what=texts.say(key))]) if texts.has(key) else None


def _first(spot: Spot, visit: Row, texts: Texts) -> Markup:
    measure = MEASURE_OF[ENDPOINTS[DEFAULT_ENDPOINT]]
    numbers = [value_number(visit, measure + end, measure) for end in ("", "_low", "_high")]
    if None in numbers:
        return texts.say("first_unmeasured", site=name_of(spot.title))
    value, low, high = numbers
    said = tag("span", value, unit_of(measure, texts))
    return texts.say(
        "first", site=name_of(spot.title), measure=texts.word(measure), value=said, low=low, high=high
    )


def _then(row: Row, when: Markup | None, texts: Texts) -> Markup:
    if row["baseline_date"]:
        return texts.say("then_date", date=str(row["baseline_date"]), visit=name_of(row["baseline_session"]))
    return texts.say("then_visit", when=when)


def _when(row: Row, texts: Texts) -> Markup | None:
    if not row["baseline_session"]:
        return None
    visit = name_of(row["baseline_session"])
    if row["baseline_date"]:
        return texts.say("when_date", visit=visit, date=str(row["baseline_date"]))
    if row["day"] is None:
        return texts.say("when_unknown", visit=visit)
    return texts.say("when", visit=visit, days=number(row["day"], str(row["day"])))


def _ended(sentence_of_table: str) -> str:
    text = sentence_of_table.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
