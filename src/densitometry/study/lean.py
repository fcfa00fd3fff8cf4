"""What the parent of a run keeps of each picture: the rest lies on disk, so that thousands fit in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from densitometry.batch import Outcome
from densitometry.schema import IMAGES, column_names
from densitometry.schema_study import VISIT_MEASURES

FOLLOWED_KEYS = ("scale", "psf_um", "image")
"""What following needs of a summary besides the hairs."""
_KEPT = frozenset(
    (
        "quality",
        *FOLLOWED_KEYS,
        *column_names(IMAGES),
        *(name + end for name in VISIT_MEASURES for end in ("", "_low", "_high")),
    )
)


def lean_outcome(outcome: Outcome) -> Outcome:
    """Return an outcome with as much of its summary as the tables of a study and following need."""
    if outcome.summary is None:
        return outcome
    summary = {name: value for name, value in outcome.summary.items() if name in _KEPT}
    if "quality" in summary:
        summary["quality"] = {"verdict": summary["quality"]["verdict"]}
    return replace(outcome, summary=with_shared_names(summary))


def lean_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Return rows that share the names of their columns: each that was read has brought its own."""
    return tuple(with_shared_names(row) for row in rows)


def with_shared_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same fields under names that all others share, also inside."""
    return {
        sys.intern(name): with_shared_names(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
    }
