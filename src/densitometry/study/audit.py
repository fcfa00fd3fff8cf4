"""An append-only log, its lines chained by their hashes; people and subjects are random keys in it."""

from __future__ import annotations

import csv
import getpass
import hashlib
import io
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from densitometry._version import __version__
from densitometry.exclusive import LOCK_NAME, alone_in
from densitometry.report.folders import not_writable, write_whole_file

LOG_NAME, HEAD_NAME, KEYS_NAME = "audit.jsonl", "audit.head", "audit_keys.tsv"
AUDIT_NAMES = frozenset({LOG_NAME, HEAD_NAME, KEYS_NAME, LOCK_NAME})
BEGINNING = "0" * 64
"""What stands in the first line in place of the hash of a line before it."""
ERASED = "erased"
"""What stands in the map of keys in place of a label that was erased."""
_KEY_BYTES = 8
_KEY_COLUMNS = ("key", "kind", "label")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded: a file, or a line of a log, and what is wrong with it."""

    place: str
    what: str


@dataclass(slots=True)
class Keys:
    """The map from people and subjects to their random keys; it lies apart from the log and may be erased.

    Attributes:
        path: the file of the map.
        labels: key → kind ("person" or "subject") and label.
    """

    path: Path
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)

    @staticmethod
    def read(folder: Path) -> Keys:
        """Return the map that lies in a folder; an empty one where there is none."""
        found = Keys(folder / KEYS_NAME)
        if found.path.is_file():
            rows = list(csv.reader(io.StringIO(found.path.read_text(encoding="utf-8")), delimiter="\t"))
            found.labels = {row[0]: (row[1], row[2]) for row in rows[1:] if len(row) == len(_KEY_COLUMNS)}
        return found

    def key_of(self, kind: str, label: str) -> str:
        """Return the key of a label, drawing a new one where it has none."""
        for key, known in self.labels.items():
            if known == (kind, label):
                return key
        key = secrets.token_hex(_KEY_BYTES)
        self.labels[key] = (kind, label)
        return key

    def is_erased(self, key: str) -> bool:
        """Whether the label of a key was erased."""
        return self.labels.get(key, ("", ""))[1] == ERASED

    def write(self) -> None:
        """Write the map, in the order of the keys: it says nothing about who came first."""
        lines = ["\t".join(_KEY_COLUMNS)]
        lines += ["\t".join((key, *self.labels[key])) for key in sorted(self.labels)]
        write_whole_file(self.path, "\n".join(lines) + "\n")


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log of one folder."""

    folder: Path

    @property
    def path(self) -> Path:
        """The log's file."""
        return self.folder / LOG_NAME

    def append(self, what: str, why: str = "", details: Mapping[str, Any] | None = None) -> str:
        """Add a line and return its hash; the folder is made if it is not there.

        Args:
            what: what was done.
            why: the reason, where one was given.
            details: more, JSON-able; no names of people or subjects but their keys.

        Raises:
            OutputError: the log cannot be written.
        """
        with alone_in(self.folder):
            lines = self._whole_lines()
            keys = Keys.read(self.folder)
            record = {
                "n": len(lines) + 1,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "what": what,
                "why": why,
                "by": keys.key_of("person", _user()),
                "version": __version__,
                **(details or {}),
                "before": digest_of(lines[-1]) if lines else BEGINNING,
            }
            keys.write()
            line = json.dumps(record, ensure_ascii=False).encode()
            # announced first: a line that a killed run left behind the head is told from one that was added
            self._write_head({"lines": len(lines), "hash": record["before"], "next": digest_of(line)})
            self._write(sum(len(known) + 1 for known in lines), line)
            self._write_head({"lines": len(lines) + 1, "hash": digest_of(line)})
        return digest_of(line)

    def records(self) -> list[dict[str, Any]]:
        """Return what the lines say; those that cannot be read are left out, for `findings` to name."""
        found = []
        for line in self._lines():
            record = _parsed(line)
            if record is not None:
                found.append(record)
        return found

    def hash_of(self, record: Mapping[str, Any]) -> str:
        """Return the hash of the line that says this; "" where none does."""
        return next((digest_of(line) for line in self._lines() if _parsed(line) == record), "")

    def last(self, what: str) -> dict[str, Any] | None:
        """Return the last line about something."""
        return next((record for record in reversed(self.records()) if record.get("what") == what), None)

    def findings(self) -> list[Finding]:
        """Return every line that is not as it was written, is missing or stands elsewhere."""
        lines, found = self._lines(), []
        before, expected = BEGINNING, 1
        for place, line in enumerate(lines, 1):
            record = _parsed(line)
            if record is None:
                found.append(self._finding(f"line {place} cannot be read: it was altered"))
            elif record.get("n") != expected:
                found.append(self._finding(f"line {expected} is missing or stands elsewhere"))
            elif record.get("before") != before:
                where = f"line {place - 1} or {place}" if place > 1 else "line 1"
                found.append(self._finding(f"{where} was altered: their hashes do not fit"))
            before = digest_of(line)
            expected = (record.get("n") if record else None) or expected
            expected = expected + 1 if isinstance(expected, int) else place + 1
        return found + self._head_findings(lines)

    def _head_findings(self, lines: list[bytes]) -> list[Finding]:
        path = self.folder / HEAD_NAME
        if not lines and not path.exists():
            return []
        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            count, last, announced = int(head["lines"]), str(head["hash"]), str(head.get("next", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return [Finding(HEAD_NAME, "is missing or was altered")]
        if count > len(lines):
            missing = f"line {len(lines) + 1} is missing" if lines else "all lines are missing"
            return [self._finding(f"{missing}: {count} were written")]
        if (digest_of(lines[count - 1]) if count else BEGINNING) != last:
            return [self._finding(f"line {count} was altered: it is not what {HEAD_NAME} says")]
        if len(lines) > count + 1 or (len(lines) > count and digest_of(lines[count]) != announced):
            return [self._finding(f"line {count + 1} was added: {count} were written")]
        return []

    def _finding(self, what: str) -> Finding:
        return Finding(LOG_NAME, what)

    def _lines(self) -> list[bytes]:
        return self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []

    def _whole_lines(self) -> list[bytes]:
        """Return the lines without a torn last one, which a killed run or a full disk leaves."""
        lines = self._lines()
        while lines and _parsed(lines[-1]) is None and len(lines) > self._written():
            lines.pop()
        return lines

    def _written(self) -> int:
        try:
            return int(json.loads((self.folder / HEAD_NAME).read_text(encoding="utf-8"))["lines"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _write_head(self, head: Mapping[str, Any]) -> None:
        write_whole_file(self.folder / HEAD_NAME, json.dumps(head) + "\n")

    def _write(self, start: int, line: bytes) -> None:
        """Write a line behind the first `start` bytes; what lies behind them is torn."""
        try:
            with self.path.open("ab") as stream:
                stream.truncate(start)
                stream.write(line + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise not_writable(self.path, error) from error


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("n"), int) else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
