from __future__ import annotations

import errno
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

import densitometry
from densitometry import exclusive
from densitometry.errors import OutputError

HOLD = """
import sys, time
from pathlib import Path
from densitometry.exclusive import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_one_waits_until_the_first_has_ended_however_it_ended(tmp_path):
    environment = {"PYTHONPATH": str(Path(densitometry.__file__).parents[1])}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        ender = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.5; kill -9 {holder.pid}"])
        began = time.monotonic()
        with exclusive.alone_in(tmp_path):
            assert time.monotonic() - began > 0.3
    assert holder.wait() == -9
    ender.wait()


def test_a_disk_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(exclusive, "_hold", refuse)
    with pytest.raises(OutputError, match="cannot be locked"), exclusive.alone_in(tmp_path):
        pass


def test_windows_waits_as_long_as_somebody_else_holds_it(tmp_path, monkeypatch):
    calls: list[str] = []

    def locking(_, mode, length):
        calls.append(mode)
        assert length == 1
        if calls.count("lock") < 3 and mode == "lock":
            raise OSError(errno.EDEADLK, "held")

    monkeypatch.setitem(
        sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_LOCK="lock", LK_UNLCK="unlock")
    )
    with (tmp_path / "lock").open("a+") as stream:
        monkeypatch.setattr(sys, "platform", "win32")
        exclusive._hold(stream)
        exclusive._release(stream)
        monkeypatch.undo()
    assert calls == ["lock", "lock", "lock", "unlock"]
