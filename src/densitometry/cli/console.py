"""Printing: results to stdout, everything else to stderr, in colours and letters the terminal can show."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import click

from densitometry.errors import DensitometryError

_PLAIN_LETTERS = {"µ": "u", "²": "2", "→": "->", "–": "-", "×": "x", "…": "...", "±": "+/-"}


def printable(text: str, stream: TextIO) -> str:
    """Return `text` with letters that `stream` cannot encode replaced by plain ones."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        for letter, plain in _PLAIN_LETTERS.items():
            text = text.replace(letter, plain)
        text = text.encode("ascii", "replace").decode()
    return text


def colours(stream: TextIO) -> bool:
    """Whether `stream` may be coloured: a terminal, and NO_COLOR is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def say(text: str = "") -> None:
    """Write a line of the result to stdout."""
    click.echo(printable(text, sys.stdout), color=colours(sys.stdout))


def say_document(text: str) -> None:
    """Write a text that ends with its own line feed, such as a recipe, to stdout."""
    click.echo(printable(text, sys.stdout), nl=False)


def note(text: str) -> None:
    """Write a line of log to stderr."""
    click.echo(printable(text, sys.stderr), err=True, color=colours(sys.stderr))


def say_json(content: Mapping[str, Any]) -> None:
    """Write the one JSON object that --json promises."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def show_error(code: str, what: str, why: str, fix: str) -> None:
    """Write the three lines of a refusal to stderr, each on one line."""
    first = click.style(f"error[{code}]:", fg="red", bold=True)
    note(f"{first} {_one_line(what)}\n  why: {_one_line(why)}\n  fix: {_one_line(fix)}")


def show_refusal(error: DensitometryError) -> None:
    """Write the three lines of `error`."""
    show_error(error.code, error.what, error.why, error.fix)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Return aligned columns; the first is set left, the others right."""
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = []
    for row in cells:
        parts = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())
