"""Work on a Dask cluster, behind the interface of `executors`: Dask schedules, retries and moves."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from densitometry._version import __version__
from densitometry.errors import ClusterError
from densitometry.executors import IN_FLIGHT_PER_WORKER, Lost
from densitometry.interrupts import raise_if_interrupted

CONNECT_S = 10.0
"""How long the scheduler, and then its first worker, may take to answer [s]."""
PATIENCE_S = 120.0
"""How long a run waits while the cluster has no worker at all: one that died may be replaced [s]."""
POLL_S = 2.0
DECIDING_PACKAGES = ("numpy", "scipy", "opencv-python-headless", "scikit-image", "numba", "onnxruntime")
"""Packages whose version may move a number."""

T = TypeVar("T")
R = TypeVar("R")


class DaskCluster:
    """Works on the workers of a Dask scheduler; what a dead worker held is given to another by Dask."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address

    def unordered(
        self, call: Callable[[T], R], items: Iterable[T]
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each item with its result as it arrives, or with `Lost` where it ended worker after worker.

        Raises:
            ClusterError: the scheduler went away, or no worker is left.
        """
        source = iter(items)
        waiting: dict[Any, T] = {}
        try:
            while True:
                self._fill(call, source, waiting)
                if not waiting:
                    return
                done = self._some_done(waiting)
                raise_if_interrupted()
                for future in done:
                    yield waiting.pop(future), self._result(future)
        except BaseException:
            if self._client.status == "running":
                self._client.cancel(list(waiting))
            raise

    def close(self) -> None:
        """Leave the cluster; it stays."""
        self._client.close(timeout=POLL_S)

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError) as error:
            raise self._gone() from error

    def _fill(self, call: Callable[[T], R], source: Iterator[T], waiting: dict[Any, T]) -> None:
        import dask

        room = IN_FLIGHT_PER_WORKER * max(1, self._threads()) - len(waiting)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):  # pictures travel
            while room > 0 and (item := next(source, None)) is not None:
                waiting[self._client.submit(call, item, pure=False)] = item
                room -= 1

    def _some_done(self, waiting: dict[Any, T]) -> list[Any]:
        from distributed import CancelledError, wait

        alone_since = time.monotonic()
        while True:
            try:
                with self._client.as_current():
                    done = wait(list(waiting), timeout=POLL_S, return_when="FIRST_COMPLETED").done
                return list(done)
            except CancelledError as error:
                raise self._gone() from error
            except TimeoutError as error:
                if self._threads():
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > PATIENCE_S:
                    raise self._gone() from error

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except KilledWorker:
            return Lost()
        except (CancelledError, OSError) as error:
            raise self._gone() from error

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the cluster at {self._address} went away while it worked",
            "its scheduler stopped, or it has no worker any more",
            "start it again, then run the same line again: what is done is kept",
        )


def connect(address: str, must_see: Sequence[Path] = ()) -> DaskCluster:
    """Return the cluster at an address, with its workers found to be like this machine.

    Args:
        address: of the scheduler, such as tcp://10.0.0.1:8786.
        must_see: files that every worker must be able to read.

    Raises:
        ClusterError: Dask is not installed, nobody answers, there is no worker, a worker has another version
            of what decides the numbers, or does not see a file.
    """
    try:
        import distributed
    except ImportError as error:
        raise ClusterError(
            "Dask is not installed",
            "--cluster speaks to a Dask cluster",
            "pip install 'densitometry[cluster]'",
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except Exception as error:
        raise ClusterError(
            f"no cluster answers at {address}",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            "dask scheduler --port 8786   # and on each machine: dask worker ADDRESS --nthreads 1",
        ) from error
    try:
        _check_workers(client, address, must_see)
    except BaseException:
        client.close(timeout=POLL_S)
        raise
    return DaskCluster(client, address)


def _check_workers(client: Any, address: str, must_see: Sequence[Path]) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError as error:
        raise ClusterError(
            f"the cluster at {address} has no worker",
            "the scheduler answers, and nobody works for it",
            f"dask worker {shlex.quote(address)} --nthreads 1 --nworkers 8",
        ) from error
    own = {"densitometry": __version__, **{name: metadata.version(name) for name in DECIDING_PACKAGES}}
    try:
        answers = client.run(_questions(), [str(path) for path in must_see], DECIDING_PACKAGES)
    except Exception as error:
        raise ClusterError(
            f"the workers of {address} cannot be asked what they are",
            f"{type(error).__name__}: {error}",
            f"pip install densitometry=={__version__} 'densitometry[cluster]'   # the same on every machine",
        ) from error
    for worker, (versions, unseen) in sorted(answers.items()):
        for name, version in own.items():
            if versions.get(name) != version:
                raise ClusterError(
                    f"worker {worker} has {name} {versions.get(name) or '(none)'}, this machine {version}",
                    "results would depend on who measured",
                    f"pip install {name}=={version}   # on the worker's machine, and start it again",
                )
        if unseen:
            raise ClusterError(
                f"the worker {worker} does not see {unseen[0]}",
                "pictures are read by the workers, from storage that all machines share",
                "add --send-images, or give the path under which all machines see the study",
            )


def _questions() -> Callable[..., Any]:
    """Return a function that travels by its code: it must run where this package is missing."""

    def answer(paths: list[str], packages: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
        from importlib import metadata
        from pathlib import Path

        versions = {}
        try:
            from densitometry._version import __version__

            versions["densitometry"] = __version__
        except ImportError:
            pass
        for name in packages:
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return versions, [path for path in paths if not Path(path).is_file()]

    return answer
