from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from densitometry import executors, interrupts
from densitometry.errors import OutputError
from densitometry.executors import IN_FLIGHT_PER_WORKER, InProcess, LocalPool, Lost

NUMBERS = list(range(9))


def square(number: int) -> int:
    return number * number


def threads(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")]


def die_once(item: tuple[Path, int]) -> int:
    """End the process the first time, as an out-of-memory killer would."""
    folder, number = item
    mark = folder / str(number)
    if number % 4 == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_always(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(_: int) -> int:
    raise OutputError("what", "why", "fix")


def test_every_executor_gives_every_item_once():
    for executor in (InProcess(), LocalPool(2)):
        with closing(executor):
            found = dict(executor.unordered(square, NUMBERS))
        assert found == {number: number * number for number in NUMBERS}


def test_an_interrupt_that_got_lost_is_raised_after_the_item():
    asked: list[int] = []

    def lost(number: int) -> int:
        asked.append(number)
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        return number

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.remembered():
            list(InProcess().unordered(lost, NUMBERS))
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == NUMBERS[:1]
    assert not interrupts.was_interrupted()


def test_an_interrupt_is_left_to_whoever_handles_it():
    def own(*_: object) -> None:
        heard.append(True)

    heard: list[bool] = []
    before = signal.signal(signal.SIGINT, own)
    try:
        with interrupts.remembered():
            os.kill(os.getpid(), signal.SIGINT)
            assert not interrupts.was_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard


@pytest.mark.slow
def test_a_process_that_dies_loses_no_item(tmp_path):
    with closing(LocalPool(2)) as pool:
        found = list(pool.unordered(die_once, [(tmp_path, number) for number in NUMBERS]))
    assert sorted(result for _, result in found) == NUMBERS


def test_an_item_that_always_ends_its_process_is_given_up_alone():
    with closing(LocalPool(2)) as pool:
        found = dict(pool.unordered(die_always, NUMBERS))
    assert found.pop(3) == Lost()
    assert found == {number: number for number in NUMBERS if number != 3}


def test_items_are_drawn_as_workers_become_free():
    drawn: list[int] = []

    def source():
        for number in NUMBERS:
            drawn.append(number)
            yield number

    with closing(LocalPool(1)) as pool:
        for done, _ in enumerate(pool.unordered(square, source())):
            assert len(drawn) <= done + 1 + IN_FLIGHT_PER_WORKER
            time.sleep(0.01)


def test_libraries_of_a_worker_use_one_thread_and_the_parent_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with closing(LocalPool(1)) as pool:
        assert dict(pool.unordered(threads, [0])) == {0: ["1", "1"]}
    assert threads(0) == ["3", None]


def test_a_refusal_travels_whole_and_ends_the_run():
    with closing(LocalPool(1)) as pool, pytest.raises(OutputError) as caught:
        list(pool.unordered(refuse, [0]))
    assert (caught.value.what, caught.value.why, caught.value.fix) == ("what", "why", "fix")


def own_process(_: int) -> int:
    return os.getpid()


def test_a_process_that_died_idle_is_nobodys_fault():
    with closing(LocalPool(1)) as pool:
        for _ in range(3):
            [(_, process)] = pool.unordered(own_process, [0])
            os.kill(process, signal.SIGKILL)
            time.sleep(0.3)
        assert list(pool.unordered(square, NUMBERS[:3])) == [(0, 0), (1, 1), (2, 4)]


def test_one_process_serves_several_streams():
    with closing(LocalPool(1)) as pool:
        found = {process for _ in range(3) for _, process in pool.unordered(own_process, [0, 1])}
    assert len(found) == 1


def loaded(name: str) -> bool:
    return name in sys.modules


def test_workers_are_prepared_before_there_is_work():
    with closing(LocalPool(2)) as pool:
        pool.prepare(("fractions",))
        found = dict(pool.unordered(loaded, ["fractions"]))
        assert found == {"fractions": True}
    with closing(InProcess()) as here:
        here.prepare(("a module that is not there",))


def dawdle(marks: str, modules: tuple[str, ...]) -> None:
    (Path(marks) / str(os.getpid())).touch()
    time.sleep(600)


def test_nobody_waits_for_workers_that_only_prepare(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "_import_all", partial(dawdle, str(tmp_path)))
    pool = LocalPool(1)
    pool.prepare(())
    while not any(tmp_path.iterdir()):
        time.sleep(0.05)
    pool.close()
    [worker] = [int(path.name) for path in tmp_path.iterdir()]
    assert not psutil.pid_exists(worker)


def test_what_cannot_be_imported_ahead_is_told_by_the_work_itself():
    with closing(LocalPool(2)) as pool:
        pool.prepare(("a module that is not there",))
        assert sorted(result for _, result in pool.unordered(square, [2, 3])) == [4, 9]
