"""Before and after: two pictures that stand side by side on paper and lie under a slider on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densitometry.report import results
from densitometry.report.page import axes
from densitometry.report.page.hairs import FATES, LinkedHair, Pair, read_pair
from densitometry.report.page.load import Capture, Row, Spot
from densitometry.report.page.markup import Markup, join, name_of, number, plain, tag
from densitometry.report.page.pictures import Embedded, embed, panels_of, picture_of, read_picture
from densitometry.report.page.texts import Texts

_MARK_SHARE = 0.011
"""Half size of a mark as a share of the picture's width."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes the pictures of one page.

    Attributes:
        root: results folder.
        most_bytes: of one embedded picture.
        texts: catalogue.
    """

    root: Path
    most_bytes: int
    texts: Texts

    def comparison(self, spot: Spot, row: Row) -> Markup:
        """Return the pictures of a visit beside or on those of the baseline, or why there are none."""
        pair = read_pair(self.root, spot, row)
        overlay = None if pair is None else read_picture(pair.folder / results.OVERLAY_NAME)
        panels = None
        if pair is not None and overlay is not None:
            panels = panels_of(overlay, pair.width_px, pair.height_px)
        if pair is None or panels is None:
            return self._loose(spot, row, compared=pair is not None)
        pictures = [embed(panel, self.most_bytes) for panel in panels]
        if not pair.registered:
            why = pair.reason or str(row["reason"]) or self.texts.word("why_unknown")
            said = tag("p", self.texts.say("not_registered", why=f"{why} "), class_="note")
            return join([said, self._still(spot, row, pictures)])
        return self._interactive(spot, row, pair, pictures)

    def single(self, spot: Spot, session: str) -> Markup | None:
        """Return the first picture of a visit that has one; None where none has."""
        captures = [item for item in spot.captures if item.row["session"] == session]
        for capture in captures:
            picture = self._overlay_of(capture)
            if picture is not None:
                words = {"site": name_of(spot.title), "visit": name_of(session)}
                plain_words = {"site": plain(spot.title), "visit": plain(session)}
                alt = self.texts.word("single", **plain_words)
                image = _image(picture, alt)
                return tag(
                    "figure", image, tag("figcaption", self.texts.say("single", **words)), class_="still"
                )
        return None

    def _overlay_of(self, capture: Capture) -> Embedded | None:
        if capture.folder is None or capture.summary is None:
            return None
        overlay = read_picture(capture.folder / results.OVERLAY_NAME)
        if overlay is None:
            return None
        image = capture.summary.get("image")
        size = image if isinstance(image, dict) else {}
        width, height = size.get("width_px"), size.get("height_px")
        if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
            overlay = picture_of(overlay, width, height)
        return embed(overlay, self.most_bytes)

    def _loose(self, spot: Spot, row: Row, *, compared: bool) -> Markup:
        """Return the pictures of both visits as they were measured, as far as there are any, and why so."""
        texts = self.texts
        shown = [self.single(spot, str(row[name])) for name in ("baseline_session", "session") if row[name]]
        found = [item for item in shown if item is not None]
        said = []
        if not compared and row["verdict"] != "refused":
            said.append(tag("p", texts.say("comparison_missing"), class_="note"))
        elif not compared:
            why = str(row["reason"]) or texts.word("why_unknown")
            said.append(tag("p", texts.say("no_pair", why=why), class_="note"))
        if compared or not found:
            said.append(tag("p", texts.say("no_pictures"), class_="note"))
        return join([*said, tag("div", *found, class_="stills") if found else None])

    def _still(self, spot: Spot, row: Row, pictures: Sequence[Embedded]) -> Markup:
        keys = ("viewer_before", "viewer_after_loose")
        visits = (str(row["baseline_session"]), str(row["session"]))
        figures = []
        for key, visit, picture in zip(keys, visits, pictures, strict=True):
            alt = f"{plain(spot.title)}: {self.texts.word(key, visit=plain(visit))}"
            caption = tag("figcaption", self.texts.say(key, visit=name_of(visit)))
            figures.append(tag("figure", _image(picture, alt), caption, class_="still"))
        return tag("div", *figures, class_="stills")

    def _interactive(self, spot: Spot, row: Row, pair: Pair, pictures: Sequence[Embedded]) -> Markup:
        texts, visits = self.texts, (str(row["baseline_session"]), str(row["session"]))
        panes = []
        for side, key, visit, picture, hairs in zip(
            ("before", "after"),
            ("viewer_before", "viewer_after"),
            visits,
            pictures,
            (pair.before, pair.after),
            strict=True,
        ):
            alt = f"{plain(spot.title)}: {texts.word(key, visit=plain(visit))}"
            layer = self._layer(hairs, pair, visits)
            world = tag("div", _image(picture, alt), layer, class_="world")
            caption = tag("figcaption", texts.say(key, visit=name_of(visit)))
            panes.append(tag("figure", world, caption, class_=f"pane {side}"))
        label = texts.word("viewer", site=plain(spot.title), before=plain(visits[0]), after=plain(visits[1]))
        handle = tag("div", class_="handle", aria_hidden="true")
        keys = tag("p", texts.say("keys"), class_="keys script")
        stage = tag("div", *panes, handle, class_="stage", role="group", aria_label=label, tabindex="0")
        tip = tag("p", texts.say("tip"), class_="tip script", role="status", aria_live="polite")
        return tag(
            "div",
            stage,
            self._tools(label),
            tip,
            self._legend(pair),
            keys,
            class_="viewer",
        )

    def _tools(self, label: str) -> Markup:
        texts = self.texts
        slider = tag(
            "label",
            tag("span", texts.say("slide")),
            tag(
                "input",
                type="range",
                min="0",
                max="100",
                value="50",
                aria_label=f"{texts.word('slide')}: {label}",
            ),
            class_="slide",
        )
        blink = tag(
            "button",
            texts.say("blink"),
            type="button",
            data_act="blink",
            aria_pressed="false",
            data_on=texts.word("blink_stop"),
            data_off=texts.word("blink"),
        )
        marks = tag("button", texts.say("show_marks"), type="button", data_act="marks", aria_pressed="true")
        buttons = [
            tag("button", texts.say(key), type="button", data_act=act)
            for key, act in (
                ("zoom_in", "in"),
                ("zoom_out", "out"),
                ("zoom_reset", "reset"),
                ("hair_previous", "previous"),
                ("hair_next", "next"),
            )
        ]
        return tag("div", slider, blink, marks, *buttons, class_="tools script")

    def _layer(self, hairs: Sequence[LinkedHair], pair: Pair, visits: tuple[str, str]) -> Markup:
        size = max(4.0, _MARK_SHARE * pair.width_px)
        drawn = []
        for hair in hairs:
            if hair.fate not in FATES:
                continue
            title = tag("title", self._about(hair, visits))
            line = axes.path([(float(x), float(y)) for x, y in hair.line_px], "hit")
            drawn.append(tag("g", title, line, *_mark(hair, size), class_=f"hair {hair.fate}"))
        return tag(
            "svg",
            *drawn,
            viewBox=f"-0.5 -0.5 {pair.width_px} {pair.height_px}",
            class_="layer",
            aria_hidden="true",
            focusable="false",
        )

    def _about(self, hair: LinkedHair, visits: tuple[str, str]) -> str:
        first, then = (plain(visit) for visit in visits)
        shown = {
            "before": "–" if hair.before_um is None else f"{hair.before_um:.1f}",
            "after": "–" if hair.after_um is None else f"{hair.after_um:.1f}",
        }
        return self.texts.word(f"hair_{hair.fate}", number=hair.number, first=first, then=then, **shown)

    def _legend(self, pair: Pair) -> Markup:
        texts = self.texts
        items = []
        for fate in FATES:
            sample = tag(
                "svg",
                axes.line(2, 8, 30, 8, "sample"),
                *_shape(fate, 16.0, 8.0, 5.0),
                viewBox="0 0 32 16",
                class_=f"key {fate}",
                aria_hidden="true",
                focusable="false",
            )
            items.append(tag("li", sample, texts.say(f"fate_{fate}"), " ", _count(pair, fate)))
        return tag("ul", *items, class_="legend")


def _count(pair: Pair, fate: str) -> Markup:
    return number(pair.counts[fate], str(pair.counts[fate]))


def _mark(hair: LinkedHair, size: float) -> list[Markup]:
    x, y = (float(part) for part in hair.line_px[0])
    return _shape(hair.fate, x, y, size)


def _shape(fate: str, x: float, y: float, size: float) -> list[Markup]:
    """Return the shape that says a fate without its colour: none followed, plus, cross, or a diamond."""
    if fate == "gained":
        steps = f"M{x - size:.1f} {y:.1f}H{x + size:.1f}M{x:.1f} {y - size:.1f}V{y + size:.1f}"
    elif fate == "lost":
        left, right, top, bottom = x - size, x + size, y - size, y + size
        steps = (
            f"M{left:.1f} {top:.1f}L{right:.1f} {bottom:.1f}M{left:.1f} {bottom:.1f}L{right:.1f} {top:.1f}"
        )
    elif fate == "uncertain":
        steps = (
            f"M{x:.1f} {y - size:.1f}L{x + size:.1f} {y:.1f}L{x:.1f} {y + size:.1f}L{x - size:.1f} {y:.1f}Z"
        )
    else:
        half = size / 2
        return [axes.circle(x, y, half, "halo"), axes.circle(x, y, half, "mark")]
    return [tag("path", d=steps, class_="halo"), tag("path", d=steps, class_="mark")]


def _image(picture: Embedded, alt: str) -> Markup:
    return tag("img", src=picture.uri, alt=alt, width=picture.width_px, height=picture.height_px)


def fates_sentence(row: Row, texts: Texts) -> Markup | None:
    """Return how many hairs had which fate, in words; None where hairs were not linked."""
    if any(row[f"hairs_{fate}"] is None for fate in FATES):
        return None
    counts = {fate: number(row[f"hairs_{fate}"], str(row[f"hairs_{fate}"])) for fate in FATES}
    return texts.say("fates", **counts)
