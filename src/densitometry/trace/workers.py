"""Two threads for work that lets go of Python's lock, where no other process of ours is at work beside."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")

WORKERS = 2


def may_share_work() -> bool:
    """Whether a second thread may help; one process of several has its processor to itself."""
    return multiprocessing.parent_process() is None and _processors() > 1


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def do_all(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Do the work for every part; parts do not touch each other's results, so order changes nothing."""
    if len(parts) > 1 and may_share_work():
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, parts))
    else:
        for part in parts:
            work(part)
