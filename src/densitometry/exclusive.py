"""One process at a time: a lock that ends with its holder, however that ends."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from densitometry.errors import OutputError
from densitometry.report.folders import not_writable

LOCK_NAME = ".lock"
_HELD_BY_ANOTHER = (errno.EACCES, errno.EDEADLK)
"""How Windows says, after ten seconds, that somebody else holds the lock still."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is not there; others wait.

    Raises:
        OutputError: the folder cannot be written, or its disk knows no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK_NAME).open("a+")
    except OSError as error:
        raise not_writable(folder / LOCK_NAME, error) from error
    with stream:
        try:
            _hold(stream)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be locked",
                f"{error.strerror or error}: runs that end at the same time could spoil each other's tables",
                "name an output folder on a disk that knows locks; results can be copied afterwards",
            ) from error
        try:
            yield
        finally:
            _release(stream)


def _hold(stream: IO[str]) -> None:
    """Wait until the file is this process's own."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            stream.seek(0)
            try:
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno in _HELD_BY_ANOTHER:
                    continue
                raise
            return
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)


def _release(stream: IO[str]) -> None:
    """Let the next one in; elsewhere than on Windows closing the file does so."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
