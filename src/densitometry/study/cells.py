"""What one cell of a table says: dates, numbers, labels; one with two readings is refused with both."""

from __future__ import annotations

import contextlib
import re
from datetime import date, timedelta

from densitometry.errors import TableError

Moment = date | int
"""An ISO date, or a day on a participant's own count."""

MISSING = ("", "n/a", "na")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2199
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_THREE_NUMBERS = re.compile(r"([0-9]{1,4})\s*[./-]\s*([0-9]{1,2})\s*[./-]\s*([0-9]{1,4})")
_WITH_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{1,2}:[0-9]{2}.*")
_COMPACT = re.compile(r"[0-9]{8}")
_SPREADSHEET_DAY = re.compile(r"[34][0-9]{4}")
_SPREADSHEET_EPOCH = date(1899, 12, 30)
_TWO_DIGIT_YEARS = 100
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LABEL = re.compile(r"[A-Za-z0-9]+")


def is_missing(text: str) -> bool:
    """Whether a cell says nothing."""
    return text.casefold() in MISSING


def iso_date(text: str) -> date:
    """Return the date that `text` is.

    Raises:
        TableError: it is no ISO date; the error names every reading it may have.
    """
    if _ISO_DATE.fullmatch(text):
        with contextlib.suppress(ValueError):
            found = date.fromisoformat(text)
            if EARLIEST_YEAR <= found.year <= LATEST_YEAR:
                return found
        raise TableError(
            f"{text!r} is not a day of the calendar", "no such date exists", "write a date that exists"
        )
    readings = _readings(text)
    why = "only ISO dates (YYYY-MM-DD) are read, because other ways to write a date have several readings"
    if len(readings) > 1:
        words = " or ".join(f"{day} ({how})" for day, how in readings.items())
        raise TableError(f"{text!r} can be read as {words}", why, f"write {' or '.join(readings)}")
    fix = f"write {next(iter(readings))}" if readings else "write it like 2026-04-03"
    raise TableError(f"{text!r} is not an ISO date", why, fix)


def whole_number(text: str) -> int:
    """Return a whole number.

    Raises:
        TableError: it is none.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    raise TableError(f"{text!r} is not a whole number", "a whole number is needed here", "write digits only")


def moment(text: str) -> Moment:
    """Return a date, or a day where `text` is a whole number of at most four digits.

    Raises:
        TableError: it is neither.
    """
    if re.fullmatch(r"[+-]?[0-9]{1,4}", text):
        return int(text)
    return iso_date(text)


def number(text: str, decimal: str, low: float, high: float) -> float:
    """Return a number written with the decimal mark `decimal`, from `low` to `high` inclusive.

    Raises:
        TableError: it is no number, or out of range.
    """
    plain = text.replace(",", ".") if decimal == "," else text
    if not _NUMBER.fullmatch(plain):
        raise TableError(
            f"{text!r} is not a number",
            "digits with at most one decimal mark are read; units belong into the column's own place",
            "write the number alone, such as 5.5",
        )
    value = float(plain)
    if not low <= value <= high:
        raise TableError(
            f"{text} is out of range",
            f"{low:g} to {high:g} is possible here",
            "correct the number (or its unit)",
        )
    return value


def label(text: str, prefix: str = "") -> str:
    """Return a label without its prefix, leading zeros kept.

    Raises:
        TableError: it holds anything but letters and digits.
    """
    bare = text.removeprefix(prefix)
    if _LABEL.fullmatch(bare):
        return bare
    kept = "".join(re.findall(r"[A-Za-z0-9]+", bare))
    raise TableError(
        f"{text!r} is not a label",
        "labels become parts of file names: letters A to Z and digits only, no spaces, hyphens or accents",
        f"write {prefix}{kept}" if kept else f"write a label such as {prefix}01",
    )


def _readings(text: str) -> dict[str, str]:
    """Return ISO date → how the text was read, for every way that gives a date."""
    found: dict[str, str] = {}
    if (with_time := _WITH_TIME.fullmatch(text)) is not None:
        return {with_time[1]: "without the time"}
    if _COMPACT.fullmatch(text):
        _add(found, int(text[:4]), int(text[4:6]), int(text[6:]), "year, month, day")
    if (three := _THREE_NUMBERS.fullmatch(text)) is not None:
        first, second, third = (int(part) for part in three.groups())
        if len(three[1]) == 4:  # noqa: PLR2004  a year has four digits
            _add(found, first, second, third, "year, month, day")
        else:
            _add(found, _full_year(third), second, first, "day first")
            _add(found, _full_year(third), first, second, "month first")
            if third < _TWO_DIGIT_YEARS:
                _add(found, _full_year(first), second, third, "year first")
    if _SPREADSHEET_DAY.fullmatch(text):
        day = _SPREADSHEET_EPOCH + timedelta(days=int(text))
        found[day.isoformat()] = "a spreadsheet's day number"
    return found


def _full_year(year: int) -> int:
    return 2000 + year if year < _TWO_DIGIT_YEARS else year


def _add(found: dict[str, str], year: int, month: int, day: int, how: str) -> None:
    with contextlib.suppress(ValueError):
        found.setdefault(date(year, month, day).isoformat(), how)
