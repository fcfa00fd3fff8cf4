"""HTML and SVG made of escaped parts: whatever is not `Markup` is text and stays text."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

# What HTML forbids (controls, surrogates, non-characters) and what turns the direction of the writing that
# follows is shown as a replacement character.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_VOID = frozenset({"img", "input", "meta", "link", "br", "hr", "path", "line", "rect", "circle", "polyline"})
_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Markup(str):
    """Text that is HTML already: made by this module, never from a value of a table."""

    __slots__ = ()


Child = str | Markup | None | Iterable["str | Markup | None"]


def escape(text: str) -> Markup:
    """Return text as HTML that shows exactly it; what may harm the page becomes a replacement sign."""
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", text), quote=True))


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return one element.

    Args:
        name: of the element.
        children: text (escaped), Markup, None (nothing) or several of these.
        attributes: `class_` is class, `_` becomes `-`; Markup is written as it is, other text escaped; True
            writes the name alone, None and False nothing.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID and not children:
        return Markup(
            f"<{name}{written}>" if name in {"img", "input", "meta", "link"} else f"<{name}{written}/>"
        )
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return children one after the other."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(child))
        else:
            parts.append(join(child))
    return Markup("".join(parts))


def fill(template: str, **values: Child) -> Markup:
    """Return a template of the catalogue with its places filled; values that are text are escaped."""
    return Markup(escape(template).format_map({name: join([value]) for name, value in values.items()}))


def name_of(text: object) -> Markup:
    """Return a name that a person wrote, kept from turning the writing direction of what follows."""
    return tag("bdi", _BIDI_CONTROLS.sub("\ufffd", str(text)), class_="name")


def number(value: float, shown: str) -> Markup:
    """Return a number as it is shown, with the value of the table it was taken from."""
    return tag("data", shown, value=repr(float(value)))


def shortened(text: str, most: int) -> str:
    """Return text of at most `most` characters, the rest an ellipsis; combining marks are not cut loose."""
    if len(text) <= most:
        return text
    cut = most - 1
    while cut > 1 and unicodedata.combining(text[cut]):
        cut -= 1
    return text[:cut] + "…"


def plain(text: str) -> str:
    """Return a person's text for a place that takes no elements (a title, an SVG text)."""
    return _BIDI_CONTROLS.sub("\ufffd", text)


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, Markup):
        return f' {name}="{value}"'
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{escape(shown)}"'
