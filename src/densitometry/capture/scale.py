"""The one stated way from pixels to µm: an option, a device profile or a sidecar.

Density changes with the square of the scale, so a scale nobody stated is refused, and two statements that
disagree are refused with both names.
"""

from __future__ import annotations

import difflib
import json
import math
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densitometry.errors import ScaleError
from densitometry.units import UM_PER_MM, PixelSize

# A fifth of a hair's spacing: nothing can be counted on less.
NARROWEST_FIELD_MM = 0.5
# Wider than any head: the number was meant in another unit.
WIDEST_FIELD_MM = 300.0
# Two statements of one scale: rounding of printed digits passes, another lens does not.
LARGEST_DISAGREEMENT = 0.005
LARGEST_ERROR_PCT = 50.0
# Below this, unequal pixels change no width by a hundredth of a µm.
SQUARE_TOLERANCE = 1e-4

SIDECAR = "sidecar"
_UM_PER_UNIT: Mapping[str, float] = {"mm": UM_PER_MM, "um": 1.0, "µm": 1.0, "nm": 1e-3}
_DEVICE_KEYS = ("name", "um_per_px", "field_width_mm", "picture_width_px", "error_pct", "source")


@dataclass(frozen=True, slots=True)
class ScaleRequest:
    """What the user stated about the scale; None where nothing was said.

    Attributes:
        um_per_px: edge of a pixel [µm].
        field_width_mm: width of the upright picture on the scalp [mm].
        device: path of a device profile (TOML).
        scale_from: "sidecar", to read the JSON file beside the picture.
        scale_error_pct: relative standard error of the scale [%].
    """

    um_per_px: float | None = None
    field_width_mm: float | None = None
    device: str | Path | None = None
    scale_from: str | None = None
    scale_error_pct: float | None = None


@dataclass(frozen=True, slots=True)
class StatedScale:
    """Pixel edges as stated [µm], which source said so, and its relative error (None: not stated)."""

    x_um: float
    y_um: float
    origin: str
    words: str
    rel_error: float | None = None

    @property
    def square(self) -> bool:
        """Whether both edges are equal."""
        return abs(self.x_um / self.y_um - 1) <= SQUARE_TOLERANCE

    def pixel_size(self) -> PixelSize:
        """Return the square pixel (the finer edge) with the sentence that says how it was made."""
        edge = min(self.x_um, self.y_um)
        geometry = "square"
        if not self.square:
            geometry = f"resampled from {self.x_um:g} × {self.y_um:g} µm to square pixels of {edge:g} µm"
        return PixelSize(edge, self.origin, self.rel_error, geometry)


def resolve_scale(request: ScaleRequest, path: Path, width_px: int) -> StatedScale:
    """Return the scale of an upright picture `width_px` wide from exactly what was stated.

    Raises:
        ScaleError: nothing was stated, two sources differ by more than 0.5 %, a source is unreadable, or the
            number is not positive, not finite or absurd for a scalp.
    """
    stated = [source for source in _sources(request, path, width_px) if source is not None]
    if not stated:
        raise ScaleError(
            f"the scale of {path.name} is not known",
            "nothing says how many µm one pixel is, and a guessed scale would make every number wrong",
            ways_to_state(path),
        )
    chosen = stated[0]
    for other in stated[1:]:
        for mine, theirs in ((chosen.x_um, other.x_um), (chosen.y_um, other.y_um)):
            if abs(theirs / mine - 1) > LARGEST_DISAGREEMENT:
                raise ScaleError(
                    f"two scales for {path.name}",
                    f"{chosen.words} says {mine:g} µm/px, {other.words} says {theirs:g} µm/px",
                    f"find out which is right and give only that one: {ways_to_state(path)}",
                )
    errors = [source.rel_error for source in stated if source.rel_error is not None]
    rel_error = errors[0] if errors else None
    if request.scale_error_pct is not None:
        rel_error = _error_fraction(request.scale_error_pct, "--scale-error-pct", path)
    return StatedScale(chosen.x_um, chosen.y_um, chosen.origin, chosen.words, rel_error)


def ways_to_state(path: Path) -> str:
    """Return one runnable line for each way of stating the scale (the numbers stand for the user's own)."""
    picture = shlex.quote(str(path))
    start = f"densitometry analyze {picture} --out results"
    ways = ("--um-per-px 5.5", "--field-width-mm 7.0", "--device my-microscope.toml", "--scale-from sidecar")
    return "  or  ".join(f"{start} {way}" for way in ways)


def _sources(request: ScaleRequest, path: Path, width_px: int) -> list[StatedScale | None]:
    return [
        _from_option(request.um_per_px, path, width_px),
        _from_field_width(request.field_width_mm, path, width_px),
        _from_device(request.device, path, width_px),
        _from_sidecar(request.scale_from, path, width_px),
    ]


def _from_option(um_per_px: float | None, path: Path, width_px: int) -> StatedScale | None:
    if um_per_px is None:
        return None
    edge = _sensible(um_per_px, width_px, "--um-per-px", path)
    return StatedScale(edge, edge, "option", "--um-per-px")


def _from_field_width(field_width_mm: float | None, path: Path, width_px: int) -> StatedScale | None:
    if field_width_mm is None:
        return None
    edge = _sensible(field_width_mm * UM_PER_MM / width_px, width_px, "--field-width-mm", path)
    return StatedScale(edge, edge, "field_width", "--field-width-mm")


def _sensible(um_per_px: float, width_px: int, words: str, path: Path) -> float:
    """Refuse what is no length or no scalp."""
    if not (math.isfinite(um_per_px) and um_per_px > 0):
        raise ScaleError(
            f"the scale of {path.name} is not a length",
            f"{words} gives {um_per_px:g} µm per pixel, and a pixel needs a positive, finite size",
            ways_to_state(path),
        )
    field_mm = um_per_px * width_px / UM_PER_MM
    if not NARROWEST_FIELD_MM <= field_mm <= WIDEST_FIELD_MM:
        limit = (
            f"less than {NARROWEST_FIELD_MM:g} mm holds no countable scalp"
            if field_mm < NARROWEST_FIELD_MM
            else f"more than {WIDEST_FIELD_MM:g} mm is wider than a head"
        )
        raise ScaleError(
            f"the scale of {path.name} is absurd",
            f"by {words} the picture would be {field_mm:,.4g} mm wide; {limit} (is the unit µm per pixel?)",
            ways_to_state(path),
        )
    return um_per_px


def _error_fraction(error_pct: Any, words: str, path: Path) -> float:
    if not _is_number(error_pct) or not 0 <= error_pct < LARGEST_ERROR_PCT:
        raise ScaleError(
            f"the scale error of {path.name} is not usable",
            f"{words} is {error_pct!r}; it is a standard error from 0 to under {LARGEST_ERROR_PCT:g} percent",
            "give it like this: --scale-error-pct 1.0 (or leave it out when it is not known)",
        )
    return float(error_pct) / 100


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _from_device(device: str | Path | None, path: Path, width_px: int) -> StatedScale | None:
    """Read a device profile: how wide the field or a pixel of one instrument is, and how sure that is."""
    if device is None:
        return None
    profile = Path(device)
    words = f"device profile {profile.name}"
    entries = _device_entries(profile, words)
    given = [name for name in ("um_per_px", "field_width_mm") if name in entries]
    if len(given) != 1:
        raise _bad_device(
            words, f"it must hold exactly one of um_per_px and field_width_mm, and holds {len(given)}"
        )
    wanted = entries.get("picture_width_px")
    if wanted is not None and wanted != width_px:
        raise ScaleError(
            f"{words} is not for {path.name}",
            f"it is for pictures {wanted} px wide, and this one is {width_px} px wide (cropped or resized?)",
            f"use the picture as the device stored it, or state its own scale: {ways_to_state(path)}",
        )
    x_um, y_um = _pair(entries[given[0]], words, given[0])
    if given[0] == "field_width_mm":
        x_um = y_um = x_um * UM_PER_MM / width_px
    error = entries.get("error_pct")
    return StatedScale(
        _sensible(x_um, width_px, words, path),
        _sensible(y_um, width_px, words, path),
        "device",
        words,
        None if error is None else _error_fraction(error, f"error_pct in {words}", path),
    )


def _device_entries(profile: Path, words: str) -> dict[str, Any]:
    try:
        entries = tomllib.loads(profile.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad_device(words, f"the file cannot be read ({error.strerror or 'no such file'})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad_device(words, f"it is not TOML ({error})") from error
    for name in entries:
        if name not in _DEVICE_KEYS:
            near = difflib.get_close_matches(name, _DEVICE_KEYS, 1, 0.0)
            raise _bad_device(words, f"unknown key {name!r}; the nearest known one is {near[0]!r}")
    for name in ("name", "source"):
        if not isinstance(entries.get(name, ""), str):
            raise _bad_device(words, f"{name} must be a text in quotes")
    width = entries.get("picture_width_px")
    if width is not None and (not isinstance(width, int) or isinstance(width, bool) or width <= 0):
        raise _bad_device(words, "picture_width_px must be a positive whole number")
    return entries


def _bad_device(words: str, why: str) -> ScaleError:
    return ScaleError(
        f"{words} cannot be used",
        why,
        'write the profile like this: name = "Microscope 70x", field_width_mm = 7.06, error_pct = 1.0, '
        'source = "stage micrometer, date"',
    )


def _pair(value: Any, words: str, name: str) -> tuple[float, float]:
    """Return one number, or a list [x, y] for um_per_px, as a pair."""
    if _is_number(value):
        return float(value), float(value)
    if (
        isinstance(value, list)
        and len(value) == len(("x", "y"))
        and all(map(_is_number, value))
        and name != "field_width_mm"
    ):
        return float(value[0]), float(value[1])
    raise _bad_device(
        words, f"{name} must be a number" + ("" if name == "field_width_mm" else " or a list [x, y]")
    )


def sidecar_path(path: Path) -> Path:
    """Return where the sidecar of a picture lies: same folder, same stem, `.json`."""
    return path.with_suffix(".json")


def _from_sidecar(scale_from: str | None, path: Path, width_px: int) -> StatedScale | None:
    """Read PixelSize [x, y] and PixelSizeUnits, the keys of BIDS microscopy; others are left alone."""
    if scale_from is None:
        return None
    if scale_from != SIDECAR:
        raise ScaleError(
            f"the scale cannot be read from {scale_from!r}",
            "--scale-from knows only: sidecar (the JSON file beside the picture)",
            f"densitometry analyze {shlex.quote(str(path))} --out results --scale-from sidecar",
        )
    file = sidecar_path(path)
    words = f"sidecar {file.name}"
    entries = _sidecar_entries(file, words)
    size, unit = entries.get("PixelSize"), entries.get("PixelSizeUnits")
    if not isinstance(unit, str) or unit not in _UM_PER_UNIT:
        raise _bad_sidecar(words, f"PixelSizeUnits is {unit!r}; it must be one of {', '.join(_UM_PER_UNIT)}")
    if _is_number(size):
        size = [size, size]
    if not (isinstance(size, list) and len(size) in (2, 3) and all(map(_is_number, size))):
        raise _bad_sidecar(words, f"PixelSize is {size!r}; it must be a list [x, y] of numbers")
    factor = _UM_PER_UNIT[unit]
    error = entries.get("PixelSizeErrorPct")
    return StatedScale(
        _sensible(size[0] * factor, width_px, words, path),
        _sensible(size[1] * factor, width_px, words, path),
        SIDECAR,
        words,
        None if error is None else _error_fraction(error, f"PixelSizeErrorPct in {words}", path),
    )


def _sidecar_entries(file: Path, words: str) -> dict[str, Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad_sidecar(words, f"the file cannot be read ({error.strerror or 'no such file'})") from error
    except (ValueError, RecursionError) as error:
        raise _bad_sidecar(words, f"it is not JSON ({error})") from error
    if not isinstance(entries, dict) or "PixelSize" not in entries:
        near = difflib.get_close_matches("PixelSize", entries if isinstance(entries, dict) else [], 1)
        hint = f"; {near[0]!r} is not read" if near else ""
        raise _bad_sidecar(words, f"it does not state PixelSize{hint}")
    return entries


def _bad_sidecar(words: str, why: str) -> ScaleError:
    return ScaleError(
        f"{words} cannot be used",
        why,
        'write beside the picture: {"PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"} with your own numbers',
    )
