"""The frame of every page: head, notices, headings, lights and badges; styles and script inside."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from densitometry.report.page import axes
from densitometry.report.page.courses import Course
from densitometry.report.page.markup import Child, Markup, join, tag
from densitometry.report.page.texts import Texts

GROUP_NAME = "group.html"
_TAG = re.compile(r"<[^>]*>")
_MARKS = {
    "verdict_improved": "▲",
    "verdict_worsened": "▼",
    "verdict_stable": "=",
    "verdict_undetermined": "?",
    "verdict_refused": "×",
    "verdict_first": "•",
    "verdict_none": "–",
    "light_accept": "●",
    "light_warn": "▲",
    "light_reject": "✕",
    "light_unknown": "○",
}


def page(
    name: str,
    title: Markup,
    notices: Sequence[str],
    sections: Sequence[tuple[str, Markup]],
    texts: Texts,
    *,
    group_link: bool = False,
) -> Markup:
    """Return a whole HTML document that asks nothing of any other file.

    Args:
        name: the document's title, as text.
        title: its first heading.
        notices: what could not be read.
        sections: key of the heading and content.
        texts: catalogue.
        group_link: whether to link to the page of the whole study.
    """
    style, script = asset("chart.css") + asset("style.css"), asset("script.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", name),
        tag("style", Markup(style)),
    )
    contents = tag(
        "nav",
        tag("ul", *(tag("li", tag("a", texts.say(key), href=f"#{key}")) for key, _ in sections)),
        aria_label=texts.word("contents"),
    )
    back = tag("a", texts.say("all_people"), href=GROUP_NAME, class_="back") if group_link else None
    said = None
    if notices:
        items = tag("ul", *(tag("li", notice) for notice in dict.fromkeys(notices)))
        said = tag("section", tag("h2", texts.say("notices"), id="notices"), items, class_="notices")
    body = tag(
        "body",
        tag("a", texts.say("skip"), href="#main", class_="skip"),
        tag("header", back, tag("h1", title), contents),
        tag("main", said, *(_section(key, content, texts) for key, content in sections), id="main"),
        tag("script", Markup(script)),
    )
    return Markup(f"<!doctype html>\n{tag('html', head, body, lang=texts.language)}\n")


def badge(key: str, texts: Texts, words: str = "") -> Markup:
    """Return a finding as a sign and a word; `words` is the key of other words than its own."""
    sign = tag("span", _MARKS[key], aria_hidden="true")
    return tag("span", sign, " ", texts.say(words or key), class_=f"badge {key}")


def light(verdict: str, texts: Texts, *, short: bool = False) -> Markup:
    """Return the quality light of accept, warn, reject or unknown: shape, colour and word."""
    return badge(f"light_{verdict}", texts, f"short_{verdict}" if short else "")


def table(header: Sequence[Child], rows: Sequence[Sequence[Child]], caption: Child) -> Markup:
    """Return a table that scrolls within its own width; the first cell of a row is its heading."""
    head = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in header)))
    lines = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows
    ]
    whole = tag("table", tag("caption", caption), head, tag("tbody", *lines))
    return tag("div", whole, class_="scroll", tabindex="0", role="group", aria_label=_text(caption))


def folded(summary: Child, *content: Child) -> Markup:
    """Return content that is folded away on a screen."""
    return tag("details", tag("summary", summary), *content)


def time_legend(*, drift: bool, courses: Sequence[Course], texts: Texts) -> Markup:
    """Return what the signs of the charts over time mean."""
    keys = [
        ("legend_value", [axes.line(16, 2, 16, 14, "range own"), axes.circle(16, 8, 4, "dot own")]),
        ("legend_band", [axes.rect(2, 3, 28, 10, "band")]),
    ]
    if drift:
        keys.append(
            (
                "legend_drift",
                [axes.line(2, 8, 30, 8, "series drift"), axes.rect(12.5, 4.5, 7, 7, "dot drift")],
            )
        )
    if any(course.marks for course in courses):
        keys.append(("legend_injection", [axes.path([(10, 2), (22, 2), (16, 14)], "injection", closed=True)]))
    if any(course.spans for course in courses):
        recorded = all(course.recorded for course in courses)
        key = "legend_course" if recorded else "legend_course_seen"
        keys.append((key, [axes.rect(2, 4, 28, 8, "course")]))
    items = [
        tag("li", tag("svg", *drawn, viewBox="0 0 32 16", class_="key", aria_hidden="true"), texts.say(key))
        for key, drawn in keys
    ]
    return tag("ul", *items, class_="legend")


def _section(key: str, content: Markup, texts: Texts) -> Markup:
    return tag(
        "section",
        tag("h2", texts.say(key), id=f"{key}-title"),
        content,
        id=key,
        aria_labelledby=f"{key}-title",
    )


def _text(child: Child) -> str:
    return html.unescape(_TAG.sub("", join([child])))


@cache
def asset(name: str) -> str:
    """Return a file of this package: a style sheet or the script."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
