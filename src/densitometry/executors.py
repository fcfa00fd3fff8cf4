"""Who does the work: this process or a pool of processes; `cluster` adds Dask behind the same interface."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from typing import Any, Generic, Protocol, TypeVar

from densitometry.interrupts import raise_if_interrupted

IN_FLIGHT_PER_WORKER = 2
"""Items handed to a worker: one it works on, and the next, so that it never waits."""
MOST_DEATHS = 2
"""An item that ended its process this often is given up: once may be somebody else's doing."""
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands in place of a result whose process was ended each time it was tried."""


class Executor(Protocol):
    """Applies a function to items, here or elsewhere."""

    def unordered(
        self, call: Callable[[T], R], items: Iterable[T]
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each item with its result as it arrives; `items` are drawn as workers become free.

        Args:
            call: a function that can be pickled and does not raise.
            items: what it is applied to; at most two per worker are under way.
        """

    def close(self) -> None:
        """Let the workers go."""


class InProcess:
    """Works in this process, one item after the other."""

    def unordered(
        self, call: Callable[[T], R], items: Iterable[T]
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each item with its result, in order."""
        for item in items:
            result = call(item)
            raise_if_interrupted()
            yield item, result

    def prepare(self, modules: Sequence[str]) -> None:
        """Do nothing: what this process needs it imports where it needs it."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Task(Generic[T]):
    item: T
    deaths: int = 0


@dataclass(slots=True)
class _Lane(Generic[T]):
    """A pool of one process: if it dies, the item it worked on is known, and no other is touched."""

    pool: ProcessPoolExecutor
    tasks: dict[Future[Any], _Task[T]] = field(default_factory=dict)
    prepared: Future[None] | None = None

    @property
    def is_broken(self) -> bool:
        return any(
            future.done() and isinstance(future.exception(), BrokenProcessPool) for future in self.tasks
        )

    @property
    def has_died(self) -> bool:
        processes = list((self.pool._processes or {}).values())  # noqa: SLF001  no public way
        return any(not process.is_alive() for process in processes)


class LocalPool:
    """Works in processes of this machine; a process that dies is replaced and its item tried once more."""

    def __init__(self, workers: int) -> None:
        self._lanes: list[_Lane[Any]] = [_Lane(_new_pool()) for _ in range(workers)]

    def unordered(
        self, call: Callable[[T], R], items: Iterable[T]
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each item with its result as it arrives, or with `Lost` where its process died twice."""
        source = iter(items)
        again: deque[_Task[T]] = deque()
        try:
            while True:
                self._fill(call, source, again)
                waiting = [future for lane in self._lanes for future in lane.tasks]
                if not waiting:
                    return
                wait(waiting, return_when=FIRST_COMPLETED)
                raise_if_interrupted()
                for lane in self._lanes:
                    yield from _finished(lane, again)
        except BaseException:
            self._end()
            raise

    def prepare(self, modules: Sequence[str]) -> None:
        """Start the processes and have them import `modules` while this one reads what there is to do."""
        for lane in self._lanes:
            with _one_thread():
                lane.prepared = lane.pool.submit(_import_all, tuple(modules))

    def close(self) -> None:
        """End the processes; nobody waits for those that still prepare."""
        for lane in self._lanes:
            if lane.prepared is not None and not lane.prepared.done():
                _terminate(lane)
            lane.pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self, call: Callable[[T], R], source: Iterator[T], again: deque[_Task[T]]) -> None:
        for depth in range(IN_FLIGHT_PER_WORKER):  # every worker gets its first before any its second
            for lane in self._lanes:
                if len(lane.tasks) > depth:
                    continue
                task = again.popleft() if again else _next_task(source)
                if task is None:
                    return
                _submit(lane, call, task)

    def _end(self) -> None:
        """Stop at once: nobody waits for what is under way any more."""
        for lane in self._lanes:
            _terminate(lane)
            lane.tasks.clear()


def _terminate(lane: _Lane[Any]) -> None:
    for process in list((lane.pool._processes or {}).values()):  # noqa: SLF001  no public way
        process.terminate()


def _next_task(source: Iterator[T]) -> _Task[T] | None:
    for item in source:
        return _Task(item)
    return None


def _submit(lane: _Lane[T], call: Callable[[T], R], task: _Task[T]) -> None:
    if not lane.tasks and lane.has_died:  # while it had nothing to do: no item is to blame
        _replace(lane)
    with _one_thread():
        try:
            future = lane.pool.submit(call, task.item)
        except BrokenProcessPool:
            _replace(lane)
            future = lane.pool.submit(call, task.item)
    lane.tasks[future] = task


def _finished(lane: _Lane[T], again: deque[_Task[T]]) -> Iterator[tuple[T, Any]]:
    """Yield what a lane has done; after a death its first item is charged, the others only wait again."""
    broken = lane.is_broken
    if broken:
        wait(lane.tasks)  # the pool breaks all of them, one by one
    guilty = True
    for future, task in list(lane.tasks.items()):
        if not future.done():
            continue
        del lane.tasks[future]
        if not isinstance(future.exception(), BrokenProcessPool):
            yield task.item, future.result()
            continue
        task.deaths += guilty
        guilty = False
        if task.deaths >= MOST_DEATHS:
            yield task.item, Lost()
        else:
            again.append(task)
    if broken:
        _replace(lane)


def _replace(lane: _Lane[T]) -> None:
    lane.pool.shutdown(wait=True, cancel_futures=True)
    lane.pool = _new_pool()


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have a process started here use one thread for its numerical libraries, whoever imports them first."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, end with it, and take one core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread_here()


def _import_all(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def one_thread_here() -> None:
    """Have libraries that are already loaded in this process use one thread."""
    import cv2

    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)  # a parent killed outright tells nobody; without this, workers would wait for ever


def local_executor(workers: int) -> InProcess | LocalPool:
    """Return what works in `workers` processes of this machine: this one alone where it is one."""
    return LocalPool(workers) if workers > 1 else InProcess()
