"""What is measured: which pictures, under which names their results are kept, with which scale."""

from __future__ import annotations

import contextlib
import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry.capture.suffixes import PICTURE_SUFFIXES
from densitometry.errors import InputLayoutError, ScaleError
from densitometry.settings import CaptureSettings

PIXELS_PER_MEGAPIXEL = 1_000_000


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
        InputLayoutError: a folder without pictures, or two pictures with one stem.
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
            found.setdefault(path.resolve(), path)
    pictures = list(found.values())
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
