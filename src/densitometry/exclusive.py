"""One process at a time: a lock that ends with its holder, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from densitometry.report.folders import not_writable

LOCK_NAME = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is not there; others wait.

    Where the system has no such locks (Windows), nothing is held: there, run one command at a time.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK_NAME).open("a")
    except OSError as error:
        raise not_writable(folder / LOCK_NAME, error) from error
    with stream:
        try:
            import fcntl
        except ImportError:
            pass
        else:
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
