"""Folders that appear whole or not at all: written under a hidden name, then put in place."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from densitometry.errors import OutputError

PARTIAL_PREFIX = ".partial-"


@contextmanager
def whole_folder(target: Path, owned_names: frozenset[str]) -> Iterator[Path]:
    """Yield an empty folder to write into; on leaving without an error it takes the place of `target`.

    An existing `target` is replaced only where all its entries are named in `owned_names`.

    Raises:
        OutputError: if `target` is a file, holds something else, or cannot be written.
    """
    check_replaceable(target, owned_names)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL_PREFIX}{target.name}-", dir=target.parent))
    except OSError as error:
        raise not_writable(target, error) from error
    try:
        yield partial
        _put_in_place(partial, target)
    except OSError as error:
        raise not_writable(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_whole_file(target: Path, content: str | bytes | Iterable[str]) -> None:
    """Write a file that is replaced in one step; text as UTF-8 with line feeds, pieces of it as they come.

    Raises:
        OutputError: if it cannot be written.
    """
    partial = target.with_name(f"{PARTIAL_PREFIX}{target.name}-{os.getpid()}")
    try:
        pieces = [content] if isinstance(content, (str, bytes)) else content
        with partial.open("wb") as stream:
            stream.writelines(
                piece if isinstance(piece, bytes) else piece.encode("utf-8") for piece in pieces
            )
        partial.replace(target)
    except OSError as error:
        raise not_writable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_partials(*targets: Path) -> None:
    """Remove what processes that were stopped left of files or folders; parents are read once."""
    names: dict[Path, set[str]] = {}
    for target in targets:
        names.setdefault(target.parent, set()).add(target.name)
    for folder, own in names.items():
        entries = list(folder.iterdir()) if folder.is_dir() else []
        for partial in entries:
            begun = partial.name.removeprefix(PARTIAL_PREFIX).rpartition("-")[0]
            if not partial.name.startswith(PARTIAL_PREFIX) or begun not in own:
                continue
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


def check_replaceable(target: Path, owned_names: frozenset[str]) -> None:
    """Refuse a `target` that is a file or a folder with entries that are not ours.

    Raises:
        OutputError: in both cases.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(
            what=f"{target} is a file, not a folder",
            why="results are written into a folder of this name",
            fix=move_away(target),
        )
    foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in owned_names)
    if foreign:
        raise OutputError(
            what=f"the folder {target} holds other files: {', '.join(foreign[:3])}",
            why="it would be replaced whole, and they would be lost",
            fix=move_away(target),
        )


def move_away(target: Path) -> str:
    """Return the line that makes room for `target` and loses nothing."""
    return f"mv {shlex.quote(str(target))} {shlex.quote(str(target) + '.old')}"


def not_writable(target: Path, error: OSError) -> OutputError:
    """Return the refusal for a place that the system does not let us write to."""
    place = shlex.quote(str(target.parent))
    remedies = {
        errno.ENOSPC: f"df -h {place}   # make room, then run the same line again: what is done is kept",
        errno.EDQUOT: f"quota -s   # make room in {place}, then run the same line again",
        errno.EROFS: f"findmnt -T {place}   # the disk is read-only: name a folder on another one",
    }
    return OutputError(
        what=f"{target} cannot be written",
        why=error.strerror or str(error),
        fix=remedies.get(error.errno or 0, f"ls -ld {place}"),
    )


def _put_in_place(partial: Path, target: Path) -> None:
    partial.chmod(0o755)  # mkdtemp makes it private
    if not target.exists():
        partial.replace(target)
        return
    retired = Path(tempfile.mkdtemp(prefix=f"{PARTIAL_PREFIX}{target.name}-", dir=target.parent))
    try:
        target.replace(retired / "old")
        try:
            partial.replace(target)
        except BaseException:
            (retired / "old").replace(target)
            raise
    finally:
        shutil.rmtree(retired, ignore_errors=True)
