"""Sidecars: JSON beside the pictures, inherited from folder to folder, the nearest statement winning."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from densitometry.errors import ScaleError, StudyLayoutError
from densitometry.study.problems import Problem, problem
from densitometry.units import UM_PER_MM

SCALE_KEYS = ("PixelSize", "PixelSizeUnits", "PixelSizeErrorPct")
UM_PER_UNIT: Mapping[str, float] = {"mm": UM_PER_MM, "um": 1.0, "µm": 1.0, "μm": 1.0, "nm": 1e-3}
LARGEST_ERROR_PCT = 50.0


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One JSON file: for which modality and entities it holds, and its CamelCase keys (None: unreadable)."""

    file: str
    folder: Path
    modality: str
    entities: Mapping[str, str]
    keys: Mapping[str, Any] | None

    def applies(self, modality: str, entities: Mapping[str, str]) -> bool:
        """Whether it holds for a picture of these entities."""
        return modality == self.modality and all(
            entities.get(key) == value for key, value in self.entities.items()
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """Edges of a pixel [µm], standard error [%] and the file that says so; None where nothing is stated."""

    um_per_px: tuple[float, float] | None = None
    error_pct: float | None = None
    source: str = ""


def read_sidecar(
    path: Path, file: str, modality: str, entities: Mapping[str, str]
) -> tuple[Sidecar, list[Problem]]:
    """Read a sidecar; one that cannot be read comes back with `keys` None and a finding."""
    try:
        keys = json.loads(path.read_text(encoding="utf-8-sig"))
        why = "" if isinstance(keys, dict) else "it holds no object {…}"
    except OSError as error:
        keys, why = None, error.strerror or "no such file"
    except (ValueError, RecursionError) as error:
        keys, why = None, f"it is not JSON ({error})"
    if not why:
        # other keys, such as the truth of a simulated picture, may be long and mean nothing here
        own = {name: value for name, value in keys.items() if name[:1].isupper()}
        return Sidecar(file, path.parent, modality, entities, own), []
    finding = problem(
        ScaleError,
        f"the sidecar {file} cannot be used",
        why,
        'write it like this: {"PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"} with your own numbers',
        file=file,
    )
    return Sidecar(file, path.parent, modality, entities, None), [finding]


def merge(sidecars: Sequence[Sidecar]) -> tuple[dict[str, Any], str]:
    """Merge sidecars, the nearest last; return the keys and the file that states the scale.

    A sidecar that states PixelSize puts the whole scale of those before it out of force, its error included.
    """
    keys: dict[str, Any] = {}
    source = ""
    for sidecar in sidecars:
        own = sidecar.keys or {}
        if "PixelSize" in own:
            if source:
                keys = {name: value for name, value in keys.items() if name not in SCALE_KEYS}
            source = sidecar.file
        keys |= own
    return keys, source


def in_force(sidecars: Sequence[Sidecar], modality: str, entities: Mapping[str, str]) -> list[Sidecar]:
    """Return those that hold for a picture, the nearest last: by depth, then by number of entities."""
    found = [sidecar for sidecar in sidecars if sidecar.applies(modality, entities)]
    return sorted(found, key=lambda item: (len(item.folder.parts), len(item.entities), item.file))


def rivals(sidecars: Sequence[Sidecar]) -> list[tuple[Sidecar, Sidecar]]:
    """Return pairs of sidecars of one picture of which neither is nearer."""
    pairs = pairwise(sidecars)
    return [(a, b) for a, b in pairs if a.folder == b.folder and len(a.entities) == len(b.entities)]


def scale_of(keys: Mapping[str, Any], source: str) -> Scale:
    """Return the scale that merged keys state; an empty one where they state none.

    Raises:
        ScaleError: it is no length, its unit is not known, or its error is no percentage.
    """
    if "PixelSize" not in keys:
        return Scale()
    unit, size = keys.get("PixelSizeUnits"), keys["PixelSize"]
    if not isinstance(unit, str) or unit not in UM_PER_UNIT:
        raise _refused(source, f"PixelSizeUnits is {unit!r}; it must be one of mm, um, nm")
    edges = size if isinstance(size, list) else [size, size]
    if len(edges) not in (2, 3) or not all(_is_number(edge) and edge > 0 for edge in edges):
        raise _refused(source, f"PixelSize is {size!r}; it must be a list [x, y] of positive numbers")
    error_pct = keys.get("PixelSizeErrorPct")
    if error_pct is not None and not (_is_number(error_pct) and 0 <= error_pct < LARGEST_ERROR_PCT):
        raise _refused(source, f"PixelSizeErrorPct is {error_pct!r}; it is a standard error in percent")
    factor = UM_PER_UNIT[unit]
    return Scale(
        (edges[0] * factor, edges[1] * factor), None if error_pct is None else float(error_pct), source
    )


def refuse_broken(sidecars: Sequence[Sidecar], picture: str) -> None:
    """Refuse a picture one of whose sidecars cannot be read: the one above it may not hold.

    Raises:
        ScaleError: one cannot.
    """
    broken = [item.file for item in sidecars if item.keys is None]
    if broken:
        raise ScaleError(
            f"the scale of {picture} is not known",
            f"its sidecar {broken[-1]} cannot be read, and what another says may not hold",
            f"correct {broken[-1]}",
        )


def orphan(sidecar: Sidecar) -> Problem:
    """Return the finding about a sidecar that no picture has."""
    return problem(
        StudyLayoutError,
        f"the sidecar {sidecar.file} holds for no picture",
        "its name says for which pictures it holds, and none of them is there",
        "give it the name of its picture with .json at the end, or delete it",
        file=sidecar.file,
        severity="warning",
    )


def rivalry(first: Sidecar, second: Sidecar) -> Problem:
    """Return the finding about two sidecars of which neither is nearer."""
    return problem(
        ScaleError,
        f"{first.file} and {second.file} hold for the same pictures",
        "both lie in one folder and name as many entities, so which one wins cannot be told",
        f"merge them into one, or delete {second.file}",
        file=first.file,
        prevents="measuring",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refused(source: str, why: str) -> ScaleError:
    return ScaleError(
        f"the scale in {source} cannot be used", why, 'write "PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"'
    )
