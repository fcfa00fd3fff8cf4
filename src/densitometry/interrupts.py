"""A Ctrl-C that is not lost.

Where a library calls Python back (a compiler that tells of its object code, a destructor), a
`KeyboardInterrupt` raised there is printed, and the work goes on. So it is remembered that there was one, and
asked for between items of work.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_interrupted = threading.Event()


@contextmanager
def remembered() -> Iterator[None]:
    """Remember a Ctrl-C that comes in the meantime; it raises `KeyboardInterrupt` as ever.

    Does nothing in threads, and where whoever started this process, or calls it, has a handler of their own.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _interrupted.clear()
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _interrupted.clear()


def was_interrupted() -> bool:
    """Whether there was a Ctrl-C, lost or not."""
    return _interrupted.is_set()


def raise_if_interrupted() -> None:
    """Raise the interrupt again that may have been lost.

    Raises:
        KeyboardInterrupt: there was one.
    """
    if was_interrupted():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _interrupted.set()
    signal.default_int_handler(number, frame)
