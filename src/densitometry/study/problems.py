"""What is wrong with a study: one value a finding, with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from densitometry.errors import DensitometryError

Severity = Literal["error", "warning"]
Prevents = Literal["measuring", "following", "nothing"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a study.

    Attributes:
        code: code of the error class it belongs to, such as "E204".
        what: what is wrong, naming the value.
        why: why that matters.
        fix: what to do about it.
        file: path below the study's folder, with `/`.
        line: line of a table, from 1; None where the finding is about a whole file.
        column: column of a table; "" where the finding is about a whole row or file.
        severity: "error", or "warning" for what is worth knowing and stops nothing.
        prevents: the first thing that cannot be done until it is mended: "measuring" the pictures in scope,
            "following" the participant from visit to visit, or "nothing".
        participant: label of the participant in scope; "" for the whole study.
        session: label of the session in scope; "" for all.
        picture: path of the picture in scope below the study's folder; "" for all.
    """

    code: str
    what: str
    why: str
    fix: str
    file: str
    line: int | None = None
    column: str = ""
    severity: Severity = "error"
    prevents: Prevents = "nothing"
    participant: str = ""
    session: str = ""
    picture: str = ""

    @property
    def place(self) -> str:
        """File, line and column as a person reads them."""
        parts = [self.file]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


def problem(
    kind: type[DensitometryError],
    what: str,
    why: str,
    fix: str,
    *,
    file: str,
    line: int | None = None,
    column: str = "",
    severity: Severity = "error",
    prevents: Prevents = "nothing",
    participant: str = "",
    session: str = "",
    picture: str = "",
) -> Problem:
    """Return a finding of the error class `kind`."""
    return Problem(
        kind.code, what, why, fix, file, line, column, severity, prevents, participant, session, picture
    )


def from_error(error: DensitometryError, file: str, prevents: Prevents = "nothing") -> Problem:
    """Return the finding that says what `error` says about `file`."""
    return Problem(error.code, error.what, error.why, error.fix, file, prevents=prevents)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the findings, each once, by file, line, column and text."""
    return tuple(sorted(set(problems), key=lambda item: (item.file, item.line or 0, item.column, item.what)))


def errors_only(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return those that are errors."""
    return tuple(item for item in problems if item.severity == "error")
