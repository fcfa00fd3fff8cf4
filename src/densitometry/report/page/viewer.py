"""Before and after: two pictures that stand side by side on paper and lie under a slider on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densitometry.report import changes, results
from densitometry.report.page import layer
from densitometry.report.page.hairs import FATES, OUTSIDE, Pair, read_pair
from densitometry.report.page.load import Capture, Row, Spot
from densitometry.report.page.markup import Markup, join, name_of, number, plain, tag
from densitometry.report.page.pictures import Album, Embedded, picture_of, read_picture
from densitometry.report.page.texts import Texts


@dataclass(frozen=True, slots=True)
class Viewer:
    """Makes the pictures of one page.

    Attributes:
        root: results folder.
        album: takes the pictures.
        texts: catalogue.
    """

    root: Path
    album: Album
    texts: Texts

    def comparison(self, spot: Spot, row: Row) -> Markup:
        """Return the pictures of a visit beside or on those of the baseline, or why there are none."""
        pair = read_pair(self.root, spot, row)
        plain = () if pair is None else (changes.BASELINE_PICTURE, changes.FOLLOWUP_PICTURE)
        found = [read_picture(pair.folder / name) for name in plain] if pair is not None else []
        pictures = [self.album.add(picture) for picture in found if picture is not None]
        if pair is None or len(pictures) != len(plain):
            return self._loose(spot, row, compared=pair is not None)
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
        return self.album.add(overlay)

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
            drawn = layer.drawing(hairs, (pair.width_px, pair.height_px), visits, texts)
            world = tag("div", _image(picture, alt), drawn, class_="world")
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

    def _legend(self, pair: Pair) -> Markup:
        texts = self.texts
        items = [
            tag("li", layer.sample(fate), texts.say(f"fate_{fate}"), " ", _count(pair, fate))
            for fate in FATES
        ]
        if any(hair.fate == OUTSIDE for hair in (*pair.before, *pair.after)):
            items.append(tag("li", layer.sample(OUTSIDE), texts.say("fate_outside")))
        return tag("ul", *items, class_="legend")


def _count(pair: Pair, fate: str) -> Markup:
    return number(pair.counts[fate], str(pair.counts[fate]))


def _image(picture: Embedded, alt: str) -> Markup:
    return tag("img", src=Markup(picture.slot), alt=alt, width=picture.width_px, height=picture.height_px)


def fates_sentence(row: Row, texts: Texts) -> Markup | None:
    """Return how many hairs had which fate, in words; None where hairs were not linked."""
    if any(row[f"hairs_{fate}"] is None for fate in FATES):
        return None
    counts = {fate: number(row[f"hairs_{fate}"], str(row[f"hairs_{fate}"])) for fate in FATES}
    return texts.say("fates", **counts)
