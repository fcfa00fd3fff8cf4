"""Coded values: how a word in a table finds its code, and the codes nearest to a word that finds none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from densitometry.errors import CodeError

_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "é": "e", "è": "e", "&": " and "})
_NEAREST_SHOWN = 3
_NEAREST_LIKENESS = 0.5


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a coded list.

    Attributes:
        code: what results and exports carry.
        english: name for a person.
        german: name for a person.
        synonyms: other words that mean the same, abbreviations included.
    """

    code: str
    english: str
    german: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis(Code):
    """A diagnosis; `scarring` where follicles are lost for good, so that a gain never speaks for itself."""

    scarring: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Weeks after a start in which no verdict can be made, inclusive.

    Attributes:
        from_week: first week after the start.
        to_week: last week after the start.
        reason: what happens in these weeks.
        source: where the figures come from; "convention" where they are agreed and not measured.
    """

    from_week: float
    to_week: float
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Agent(Code):
    """A treatment.

    Attributes:
        routes: codes of the routes it may be given by; the first is meant where none is written;
            empty where any may be.
        in_sessions: given session by session (injections, procedures), not as a course.
        systemic: True or False whatever the route; None where the route decides.
        too_early: weeks after each start in which no verdict can be made.
    """

    routes: tuple[str, ...] = ()
    in_sessions: bool = False
    systemic: bool | None = None
    too_early: Window | None = None


@dataclass(frozen=True, slots=True)
class Route(Code):
    """A way of giving a treatment; `systemic` where it reaches the whole body."""

    systemic: bool = False


C = TypeVar("C", bound=Code)


@dataclass(frozen=True)
class CodeList(Generic[C]):
    """A list of codes with its name in the singular, such as "diagnosis"."""

    name: str
    entries: tuple[C, ...]

    @cached_property
    def _words(self) -> Mapping[str, tuple[C, ...]]:
        words: dict[str, tuple[C, ...]] = {}
        for entry in self.entries:
            for word in (entry.code, entry.english, entry.german, *entry.synonyms):
                known = words.get(plain(word), ())
                if entry not in known:
                    words[plain(word)] = (*known, entry)
        return words

    def find(self, text: str) -> tuple[C, ...]:
        """Return the entries that `text` may mean: none, one, or several where the word is ambiguous."""
        return self._words.get(plain(text), ())

    def by_code(self, code: str) -> C:
        """Return the entry of exactly this code.

        Raises:
            KeyError: there is none.
        """
        return {entry.code: entry for entry in self.entries}[code]

    def nearest(self, text: str) -> list[str]:
        """Return the codes whose names look most like `text`, best first; all where none looks like it."""
        near = difflib.get_close_matches(plain(text), self._words, 3 * _NEAREST_SHOWN, _NEAREST_LIKENESS)
        found = [entry.code for word in near for entry in self._words[word]]
        return list(dict.fromkeys(found))[:_NEAREST_SHOWN] or [entry.code for entry in self.entries]

    def resolve(self, text: str) -> C:
        """Return the one entry that `text` means.

        Raises:
            CodeError: the word is in no entry, or in several.
        """
        found = self.find(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise ambiguous(self.name, text, found)
        raise CodeError(
            f"{self.name} {text!r} is not known",
            "coded values decide how results are judged, so a word that is not in the list is never guessed",
            f"write the {self.name} as one of: {', '.join(self.nearest(text))}",
        )


def ambiguous(name: str, text: str, found: Sequence[Code]) -> CodeError:
    """Return the refusal of a word that several entries know."""
    return CodeError(
        f"{name} {text!r} may mean several things",
        "they are judged differently",
        f"write which is meant: {' or '.join(entry.code for entry in found)}",
    )


def plain(text: str) -> str:
    """Return a word without case, accents, hyphens and underscores, for comparing."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold().translate(_SPELLED_OUT)))
