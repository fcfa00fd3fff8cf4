"""File names of a tree: `sub-01_ses-w00_site-vertex_run-1_trich.jpg` ↔ entities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from densitometry.errors import StudyLayoutError, TableError
from densitometry.study.cells import label
from densitometry.study.code_lists import MODALITIES

ENTITY_ORDER = ("sub", "ses", "site", "run")
EXAMPLE = "sub-01_ses-w00_site-vertex_run-1_trich.jpg"
MODALITY_CODES = tuple(entry.code for entry in MODALITIES.entries)
WHOLE_HEAD = "global"


@dataclass(frozen=True, slots=True)
class ParsedName:
    """Entities of a file name in their order, and its last word."""

    entities: Mapping[str, str]
    suffix: str


def parse(stem: str) -> ParsedName:
    """Take the stem of a picture's or a sidecar's name apart.

    Raises:
        StudyLayoutError: an entity is unknown, named twice, out of order or no label, or the modality is
            missing or unknown.
    """
    *parts, suffix = stem.split("_")
    if suffix not in MODALITY_CODES:
        raise refused(stem, f"it must end with one of {', '.join('_' + code for code in MODALITY_CODES)}")
    entities: dict[str, str] = {}
    for part in parts:
        key, dash, value = part.partition("-")
        if not dash or key not in ENTITY_ORDER:
            raise refused(stem, f"{part!r} is none of {', '.join(f'{key}-…' for key in ENTITY_ORDER)}")
        if key in entities:
            raise refused(stem, f"{key} is named twice")
        try:
            entities[key] = label(value)
        except TableError as error:
            raise refused(stem, f"{error.what}; {error.why}") from error
    order = [ENTITY_ORDER.index(key) for key in entities]
    if order != sorted(order):
        raise refused(stem, f"the order is {', '.join(ENTITY_ORDER)}")
    if not re.fullmatch(r"[1-9]\d*|0+[1-9]\d*", entities.get("run", "1")):
        raise refused(stem, "a run is a number from 1")
    return ParsedName(entities, suffix)


def refused(stem: str, why: str) -> StudyLayoutError:
    """Return the refusal of a name."""
    return StudyLayoutError(f"the name {stem!r} does not say what it shows", why, f"rename it like {EXAMPLE}")
