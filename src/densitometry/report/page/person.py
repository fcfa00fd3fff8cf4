"""The report of one participant: what changed, how sure, and the pictures to see it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from densitometry.report.page import charts, courses, frame, tables, timeline
from densitometry.report.page.axes import figure
from densitometry.report.page.hairs import change_folder, followed_diameters, hairs_of_visits
from densitometry.report.page.load import Capture, Output, Person, Row, Spot
from densitometry.report.page.markup import Markup, join, name_of, plain, tag
from densitometry.report.page.pictures import Album
from densitometry.report.page.sentences import (
    MEASURE_OF,
    amount_of,
    day_words,
    endpoint_of,
    range_note,
    sentence,
    unit_of,
    value_number,
    verdict_key,
)
from densitometry.report.page.texts import Texts
from densitometry.report.page.viewer import Viewer, fates_sentence

_GROWTH_PLACE = 5
_CARDS_OF_A_PAGE = 2
"""Sites whose summary fits on one page of paper without making their pictures smaller."""

LIGHTS = ("accept", "warn", "reject")


@dataclass(frozen=True, slots=True)
class Page:
    """What one page is made of.

    Attributes:
        output: the results.
        person: whose page.
        name_of_agent: code of a treatment → words.
        texts: catalogue.
        viewer: makes the pictures.
    """

    output: Output
    person: Person
    name_of_agent: Callable[[str], str]
    texts: Texts
    viewer: Viewer


def person_page(output: Output, person: Person, name_of_agent: Callable[[str], str], texts: Texts) -> Markup:
    """Return the whole HTML page of a participant."""
    album = Album()
    page = Page(output, person, name_of_agent, texts, Viewer(output.folder, album, texts))
    sections = [
        ("at_a_glance", _glance(page)),
        ("over_time", _over_time(page)),
        ("before_after", _before_after(page)),
        ("diameters", _diameters(page)),
        ("followed", _followed(page)),
        ("quality", tables.quality(person.captures, texts)),
        ("methods", tables.methods(output, person.captures, texts)),
        ("limits", tag("p", texts.say("limits_text"))),
        ("provenance", tables.provenance(output, person.captures, texts)),
    ]
    growth = [row for row in output.growth if row["participant"] == person.label]
    if growth:
        sections.insert(_GROWTH_PLACE, ("growth", tables.growth(growth, texts)))
    cycles = [row for row in output.cycles if row["participant"] == person.label]
    if cycles:
        sections.insert(_GROWTH_PLACE, ("cycles", tables.cycles(cycles, name_of_agent, texts)))
    title = texts.say("title_person", participant=name_of(person.label))
    notices = (*output.notices, *person.notices)
    head = texts.word("title_person", participant=plain(person.label))
    return album.fill(frame.page(head, title, notices, sections, texts, group_link=True))


def light(captures: Sequence[Capture], session: str) -> str:
    """Return the worst quality of the pictures of a visit: accept, warn, reject or unknown."""
    verdicts = {item.row["quality"] for item in captures if item.row["session"] == session} & set(LIGHTS)
    return max(verdicts, key=LIGHTS.index) if verdicts else "unknown"


def shown_visit(spot: Spot) -> Row | None:
    """Return the visit that the first screen shows: the last one with a measurement, else the last."""
    candidates = spot.measured or spot.visits
    later = [row for row in candidates if not row["baseline"]]
    return later[-1] if later else (candidates[-1] if candidates else None)


def _glance(page: Page) -> Markup:
    cards = [_card(page, spot) for spot in page.person.spots]
    note = tag("p", page.texts.say("other_visits"), class_="note further")
    about = tables.about(page.person.about, page.texts)
    return join(
        [about, tag("div", *cards, class_="cards" if len(cards) <= _CARDS_OF_A_PAGE else "cards many"), note]
    )


def _card(page: Page, spot: Spot) -> Markup:
    texts, visit = page.texts, shown_visit(spot)
    heading = tag("h3", name_of(spot.title))
    if visit is None:
        return tag("article", heading, tag("p", texts.say("first_unmeasured", site=name_of(spot.title))))
    row = spot.changes.get(visit["session"])
    quality = light(spot.captures, visit["session"])
    when = texts.say("latest", visit=name_of(visit["session"]), day=day_words(visit, texts))
    head = tag("p", when, " ", frame.light(quality, texts), class_="meta")
    said = tag("p", sentence(spot, row, visit, texts), class_="sentence")
    if row is not None:
        pictures: Markup | None = page.viewer.comparison(spot, row)
    else:
        pictures = page.viewer.single(spot, str(visit["session"]))
        pictures = pictures or tag("p", texts.say("no_pictures"), class_="note")
    numbers = _headline(row, visit, texts)
    note = range_note(row, texts)
    fates = None if row is None else fates_sentence(row, texts)
    about = [tag("p", note, class_="note") if note else None]
    about.append(tag("p", fates, class_="note fates") if fates else None)
    return tag("article", heading, head, numbers, said, pictures, *about, class_="card")


def _headline(row: Row | None, visit: Row, texts: Texts) -> Markup:
    """Return the one number with its range, and what was found as a word."""
    verdict = verdict_key(row) if row is not None or not visit["baseline"] else "verdict_first"
    badge = frame.badge(verdict, texts)
    amount = None if row is None or row["verdict"] == "refused" else amount_of(row, endpoint_of(row), texts)
    if row is not None and amount is not None:
        label = texts.word("change_of", measure=texts.word(MEASURE_OF[endpoint_of(row)]))
        class_ = "headline unsure" if row["verdict"] == "undetermined" else "headline"
        span = tag("span", amount.low, " … ", amount.high, class_="span")
        return tag("div", tag("strong", amount.shown), span, tag("span", label), badge, class_=class_)
    measure = MEASURE_OF["terminal_density_change_pct"]
    numbers = [value_number(visit, measure + end, measure) for end in ("", "_low", "_high")]
    if None in numbers:
        return tag("div", tag("strong", texts.say("no_number")), badge, class_="headline")
    span = tag("span", numbers[1], " … ", numbers[2], class_="span")
    label = f"{texts.word(measure)}{unit_of(measure, texts)}"
    return tag("div", tag("strong", numbers[0]), span, tag("span", label), badge, class_="headline")


def _over_time(page: Page) -> Markup:
    texts = page.texts
    drift = next(
        (spot for spot in page.person.spots if spot.is_drift_check and spot.modality == "trich"), None
    )
    parts: list[Markup] = []
    recorded: list[bool] = []
    for spot in page.person.spots:
        found = courses.courses_of(spot, page.name_of_agent)
        other = drift if timeline.legend_needs_drift(spot, drift) else None
        parts.append(tag("h3", name_of(spot.title)))
        drawn = [
            tag("div", timeline.timeline(spot, measure, other, found, texts), class_="chart")
            for measure in timeline.MEASURES
        ]
        parts.append(tag("div", *drawn, class_="charts"))
        parts.append(frame.time_legend(drift=other is not None, courses=found, texts=texts))
        if len(found) > courses.MOST_LANES:
            more = str(len(found) - courses.MOST_LANES)
            parts.append(tag("p", texts.say("more_treatments", count=more), class_="note"))
        if not found:
            parts.append(tag("p", texts.say("no_treatments"), class_="note"))
        recorded += [course.recorded for course in found]
        parts.append(tables.visits(spot, page.name_of_agent, texts))
    if recorded:
        key = "treatment_note" if all(recorded) else "treatment_note_seen"
        parts.append(tag("p", texts.say(key), class_="note"))
    if page.person.courses:
        rows = tables.treatments(page.person.courses, texts)
        parts.append(frame.folded(texts.say("treatments"), rows))
    return join([*parts, tag("p", texts.say("field_note"), class_="note")])


def _before_after(page: Page) -> Markup:
    """Return every visit of every site that the first screen does not show, and what was found at each."""
    parts: list[Markup] = []
    for spot in page.person.spots:
        first = shown_visit(spot)
        for visit in spot.visits:
            row = spot.changes.get(visit["session"])
            if visit is first or (visit["baseline"] and row is None):
                continue
            said = tag("p", sentence(spot, row, visit, page.texts), class_="sentence")
            body = page.viewer.comparison(spot, row) if row is not None else None
            summary = tag(
                "summary",
                name_of(spot.title),
                " · ",
                name_of(visit["session"]),
                f" · {day_words(visit, page.texts)} ",
                frame.badge(verdict_key(row), page.texts),
            )
            parts.append(tag("details", summary, said, body, class_="visit"))
    parts.append(tables.changes(page.person.spots, page.texts))
    parts.append(tag("p", page.texts.say("embedded"), class_="note"))
    return join(parts)


def _diameters(page: Page) -> Markup:
    texts = page.texts
    cutoffs = tables.cutoffs_of(page.person.captures)
    parts: list[Markup] = []
    for spot in page.person.spots:
        parts.append(tag("h3", name_of(spot.title)))
        visits = hairs_of_visits(spot)
        if not visits:
            parts.append(tag("p", texts.say("no_hairs"), class_="note"))
            continue
        site = plain(spot.title)
        drawn = (
            figure(charts.diameters(site, visits, cutoffs, texts), charts.diameters_about(cutoffs, texts)),
            figure(charts.units(site, visits, texts), texts.say("chart_units_about")),
        )
        parts.append(tag("div", *drawn, class_="charts"))
    return join(parts)


def _followed(page: Page) -> Markup:
    texts = page.texts
    drawn: list[Markup] = []
    for spot in page.person.spots:
        for session, row in spot.changes.items():
            pairs = followed_diameters(change_folder(page.output.folder, spot, row))
            if pairs:
                visits = {"before": str(row["baseline_session"]), "after": str(session)}
                chart = charts.pairs(spot.title, visits, pairs, texts)
                words = {name: name_of(visit) for name, visit in visits.items()}
                drawn.append(figure(chart, texts.say("chart_pairs", site=name_of(spot.title), **words)))
    if not drawn:
        return tag("p", texts.say("no_pairs"), class_="note")
    about = tag("p", texts.say("chart_pairs_about"), class_="note lead")
    return join([about, tag("div", *drawn, class_="charts")])
