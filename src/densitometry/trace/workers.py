"""Two threads for work that lets go of Python's lock, where no other process of ours is at work beside."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")

WORKERS = 2


def may_share_work() -> bool:
    """Whether a second thread may help; one process of several has its processor to itself."""
    return multiprocessing.parent_process() is None


def do_all(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Do the work for every part; parts do not touch each other's results, so order changes nothing."""
    if len(parts) > 1 and may_share_work():
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, parts))
    else:
        for part in parts:
            work(part)
