from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densitometry.report.canvas import encode_jpeg
from densitometry.report.page import build_reports

REQUIRE = "DENSITOMETRY_REQUIRE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 60.0
# the browser reads its commands from 3 and writes its answers to 4
LAUNCHER = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Chrome:
    """A browser without a window, driven over two pipes: no port is opened and no driver is needed."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        command = [
            *(
                sys.executable,
                "-c",
                LAUNCHER,
                str(to_read),
                str(to_write),
                program,
                "--headless",
                "--no-sandbox",
            ),
            *("--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", "--no-first-run"),
            *("--disable-background-networking", f"--user-data-dir={profile}", "about:blank"),
        ]
        self._process = subprocess.Popen(
            command, pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        os.set_blocking(self._read, False)
        self._number, self._buffer = 0, b""
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets", session="")["targetInfos"]
        page = next(item for item in targets if item["type"] == "page")["targetId"]
        self._session = ""
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        where = getattr(self, "_session", "") if session is None else session
        if where:
            message["sessionId"] = where
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for answer in self._answers():
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                self.events.append(answer)
            time.sleep(0.01)
        raise TimeoutError(method)

    def open(self, path: Path, width: int = 1280, height: int = 900, *, mobile: bool = False) -> None:
        self.events.clear()
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + PATIENCE_S
        while self.ask("document.readyState + location.href") != "complete" + path.resolve().as_uri():
            assert time.monotonic() < until
            time.sleep(0.02)

    def ask(self, expression: str) -> Any:
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def key(self, name: str, shift: bool = False) -> None:
        parameters: dict[str, Any] = {"key": name, "code": name, "modifiers": 8 if shift else 0}
        if len(name) == 1:
            parameters["text"] = name
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def point(self, x: float, y: float, kind: str = "mouseMoved") -> None:
        press = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **press)

    def screenshot(self, target: Path) -> None:
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        target.write_bytes(base64.b64decode(data))

    def pdf(self, target: Path) -> None:
        self.events.clear()
        target.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    def requests(self) -> list[str]:
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[Any]:
        names = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [event["params"] for event in self.events if event.get("method") in names]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.call("Browser.close", session="")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _answers(self) -> list[dict[str, Any]]:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read, 1 << 20):
                self._buffer += chunk
        *whole, self._buffer = self._buffer.split(b"\0")
        return [json.loads(part) for part in whole]


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    program = next(filter(None, (shutil.which(name) for name in NAMES)), None)
    if program is None:
        assert not os.environ.get(REQUIRE), f"{REQUIRE} is set and there is no chromium"
        pytest.skip("no chromium on this machine")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chrome(program, Path(profile))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(results_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its reports."""
    folder = Path(shutil.copytree(results_folder, tmp_path_factory.mktemp("pages") / "out"))
    build_reports(folder)
    return folder


@pytest.fixture(scope="session")
def large_page(make_results: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a person of six visits and two sites, as large as it may be."""
    sessions = [f"w{week:02d}" for week in range(0, 72, 12)]
    out = Path(
        make_results(
            tmp_path_factory.mktemp("large") / "out", people=["01"], sessions=sessions, picture_px=(320, 240)
        )
    )
    grain = np.random.default_rng(3).integers(0, 256, (1000, 1400, 3)).astype(np.uint8)
    for path in out.rglob("*.jpg"):
        path.write_bytes(encode_jpeg(grain, 95))
    return build_reports(out).people["01"]
