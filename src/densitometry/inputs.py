"""What is measured: which pictures, under which names their results are kept, with which scale."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import InputLayoutError, ScaleError
from densitometry.settings import CaptureSettings

PIXELS_PER_MEGAPIXEL = 1_000_000
MOST_STEM_BYTES = 200
"""Longest stem of a picture: file systems take 255 bytes, and unfinished folders have longer names."""
_PLAIN_LETTERS = 60
_TAKEN_STEMS = ("images.tsv", "recipe.toml", "change.json", "links.csv", "overlay.png")
_HIDDEN_STEM = ".partial-"
_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories of letters that break a line, or are no text."""


@dataclass(frozen=True, slots=True)
class Input:
    """One picture to measure.

    Attributes:
        path: the file.
        name: what its row in images.tsv is called; unique in a run.
        folder: of its results, below the output folder, with `/`.
        scale: keyword arguments of `read` that say its scale.
    """

    path: Path
    name: str
    folder: str
    scale: Mapping[str, Any] = field(hash=False)


def inputs_of(pictures: Iterable[Path], scale: Mapping[str, Any]) -> list[Input]:
    """Return pictures of one scale as inputs, named by their stems."""
    return [Input(path, path.stem, path.stem, scale) for path in pictures]


def find_pictures(inputs: Iterable[Path]) -> list[Path]:
    """Return the pictures named, those directly in named folders included, each once, in the order given.

    Raises:
        InputLayoutError: a folder without pictures, a name that no folder of results can have, or two
            pictures with one stem.
    """
    found: dict[Path, Path] = {}
    for item in inputs:
        members = [item]
        if item.is_dir():
            members = sorted(path for path in item.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
            if not members:
                raise InputLayoutError(
                    what=f"the folder {item} holds no pictures",
                    why=f"pictures directly in it that end in {', '.join(PICTURE_SUFFIXES)} are read",
                    fix=f"find {shlex.quote(str(item))} -iname '*.jpg'",
                )
        for path in members:
            found.setdefault(_resolved(path), path)
    pictures = list(found.values())
    check_names(pictures)
    _refuse_equal_stems(pictures)
    return pictures


def check_scale(scale: Mapping[str, Any], pictures: Sequence[Path], settings: CaptureSettings) -> None:
    """Refuse, before any work, a scale that would be refused for every picture.

    What a sidecar says differs between pictures: it is refused picture by picture.

    Raises:
        ScaleError: none was stated, it is no length, or absurd for the first picture that can be read.
    """
    from densitometry.capture.header import HeaderError, read_header
    from densitometry.capture.scale import ScaleRequest, resolve_scale

    request = ScaleRequest(**scale)
    if request.scale_from is not None:
        return
    for path in pictures:
        if not path.is_file():
            continue  # refused by name when it is read
        try:
            header = read_header(path.read_bytes())
        except (HeaderError, OSError):
            continue  # refused by name when it is read
        sides = (header.width_px, header.height_px)
        if (
            min(sides) < settings.min_side_px
            or math.prod(sides) > settings.max_megapixels * PIXELS_PER_MEGAPIXEL
        ):
            continue
        with contextlib.suppress(ScaleError):
            resolve_scale(request, path, header.height_px)  # the upright picture may be the turned one
            return
        resolve_scale(request, path, header.width_px)
        return
    if not scale:
        resolve_scale(request, pictures[0], 1)


def check_names(pictures: Iterable[Path]) -> None:
    """Refuse pictures whose stem cannot be the name of a folder of results, nor a cell of a table.

    Raises:
        InputLayoutError: the stem is `.` or `..`, longer than 200 bytes, holds a control character or bytes
            that are no text, or is the name of a file beside the folders.
    """
    for path in pictures:
        stem = path.stem
        if stem in (".", "..") or stem.casefold() in _TAKEN_STEMS or stem.startswith(_HIDDEN_STEM):
            why = f"its results would be kept in a folder {stem!r}, which is not free for that"
        elif any(unicodedata.category(letter) in _UNWRITABLE for letter in stem):
            why = "it holds a line break, another control character, or bytes that are no text"
        elif len(os.fsencode(stem)) > MOST_STEM_BYTES:
            why = f"it is longer than {MOST_STEM_BYTES} bytes, too long for a folder of results"
        else:
            continue
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:_PLAIN_LETTERS].strip(".-")
        new = path.with_name(f"picture-{plain}".rstrip("-") + path.suffix)
        raise InputLayoutError(
            what=f"the picture {_shell_word(path)} needs another name",
            why=why,
            fix=f"mv -- {_shell_word(path)} {_shell_word(new)}",
        )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links that lead in a circle: refused by name when read
        return path.absolute()


def _shell_word(path: Path) -> str:
    """Return a path as one word for a shell, on one line whatever is in it."""
    text = str(path)
    if not any(unicodedata.category(letter) in _UNWRITABLE for letter in text):
        return shlex.quote(text)
    letters = (
        "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))
        if unicodedata.category(letter) in _UNWRITABLE
        else f"\\{letter}"
        if letter in "\\'"
        else letter
        for letter in text
    )
    return f"$'{''.join(letters)}'"


def _refuse_equal_stems(pictures: Sequence[Path]) -> None:
    folded = Counter(path.stem.casefold() for path in pictures)
    for stem, count in folded.items():
        if count > 1:
            same = [str(path) for path in pictures if path.stem.casefold() == stem]
            raise InputLayoutError(
                what=f"{' and '.join(same)} have one name",
                why=f"results are kept in one folder a name, and these would share {Path(same[0]).stem!r}",
                fix=_rename(Path(same[1])),
            )


def _rename(path: Path) -> str:
    return shlex.join(["mv", str(path), str(path.with_stem(f"{path.stem}-2"))])
