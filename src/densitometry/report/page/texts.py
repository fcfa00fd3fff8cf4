"""Every text of the reports, in one catalogue: a translation is another file with the same keys.

Sentences come from here and from the tables, never from anywhere else. None says what brought a change about.
"""

from __future__ import annotations

import difflib
import shlex
import string
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from densitometry.errors import ReportError
from densitometry.report.page.markup import Child, Markup, fill

CATALOGUE_NAME = "english.toml"
LANGUAGE = "en"
_LANGUAGE_KEY = "language"


def english() -> str:
    """Return the shipped catalogue, TOML: what a translation begins with."""
    return resources.files(__package__).joinpath(CATALOGUE_NAME).read_text(encoding="utf-8")


def _texts_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return key → text of a catalogue whose keys may stand in tables."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= value if isinstance(value, Mapping) else {key: value}
    return found


ENGLISH: Mapping[str, str] = MappingProxyType(
    {key: text for key, text in _texts_of(tomllib.loads(english())).items() if key != _LANGUAGE_KEY}
)


class Texts:
    """The catalogue of one language."""

    def __init__(self, catalogue: Mapping[str, str] = ENGLISH, language: str = LANGUAGE) -> None:
        """Take a catalogue with the keys of `ENGLISH`; a key that it lacks falls back to English.

        Raises:
            KeyError: the catalogue has a key that is not in `ENGLISH`.
        """
        unknown = sorted(set(catalogue) - set(ENGLISH))
        if unknown:
            raise KeyError(unknown[0])
        self._catalogue = {**ENGLISH, **catalogue}
        self.language = language

    def has(self, key: str) -> bool:
        """Whether there is a text of this key."""
        return key in self._catalogue

    def say(self, key: str, **values: Child) -> Markup:
        """Return a text with its places filled; values that are text are escaped."""
        return fill(self._catalogue[key], **values)

    def word(self, key: str, **values: object) -> str:
        """Return a text as text, for a place that takes no elements."""
        return self._catalogue[key].format_map(values)


def read_texts(path: Path) -> Texts:
    """Return the catalogue of a file.

    Raises:
        ReportError: the file cannot be read, has a key or a place in braces that the English catalogue does
            not have, or a value that is no text.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unusable(path, why) from error
    given = _texts_of(content)
    language = given.pop(_LANGUAGE_KEY, LANGUAGE)
    for key, text in [(_LANGUAGE_KEY, language), *given.items()]:
        if not isinstance(text, str):
            raise _unusable(path, f"{key} is no text")
    for key, text in given.items():
        if key not in ENGLISH:
            near = difflib.get_close_matches(key, ENGLISH, n=1)
            raise _unusable(path, f"there is no text {key!r}{f'; {near[0]!r} is one' if near else ''}")
        known, found = _places(ENGLISH[key]), _places(text)
        if found is None or known is None or not found <= known:
            shown = ", ".join(f"{{{name}}}" for name in sorted(known or ())) or "none"
            raise _unusable(
                path, f"{key} has other places in braces than the English text, which has {shown}"
            )
    return Texts(given, language)


def _places(text: str) -> set[str] | None:
    """Return the names in braces of a text; None where the braces do not fit or hold more than a name."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return None
    names = {name for _, name, _, _ in parts if name is not None}
    plain = all(not form and not conversion for _, _, form, conversion in parts)
    return names if plain and all(name.isidentifier() for name in names) else None


def _unusable(path: Path, why: str) -> ReportError:
    return ReportError(
        f"{path} is no usable catalogue of texts",
        why,
        f"densitometry report --english-texts > {shlex.quote(str(path.with_suffix('.new.toml')))}"
        "   # and translate what you need",
    )
