"""When a second thread is taken."""

from __future__ import annotations

import os

import pytest

from densitometry.trace import workers


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processors can be set apart here")
@pytest.mark.parametrize(("processors", "shares"), [({0}, False), ({0, 1}, True)])
def test_a_process_on_one_processor_takes_no_second_thread(
    monkeypatch: pytest.MonkeyPatch, processors: set[int], shares: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: processors)
    monkeypatch.setattr(workers.multiprocessing, "parent_process", lambda: None)
    assert workers.may_share_work() is shares


def test_one_process_of_several_takes_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_processors", lambda: 2)
    monkeypatch.setattr(workers.multiprocessing, "parent_process", object)
    assert not workers.may_share_work()
