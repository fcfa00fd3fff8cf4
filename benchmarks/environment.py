"""The environments of the benchmark: the peers' own packages, and thread pools of one thread for everybody.

The variables do not reach threads that a program starts itself, as this project's network does for several
tiles.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = Path(__file__).with_name("peers") / "requirements.txt"
PEERS_FOLDER = ROOT / ".venv-peers"
STAMP_NAME = ".made-from"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


class PeersUnavailableError(RuntimeError):
    """The peers' environment could not be made; the message is fit for a person."""


def peers_python() -> Path:
    """Return the interpreter of the peers' environment, which is made when missing or older than its pins.

    Raises:
        PeersUnavailableError: if it cannot be made.
    """
    stamp = PEERS_FOLDER / STAMP_NAME
    wanted = f"{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()} {sys.version_info[:2]}"
    python = interpreter(PEERS_FOLDER)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making {PEERS_FOLDER.name} for the peers (once)", file=sys.stderr, flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(PEERS_FOLDER)],
        [*pip, "--require-hashes", "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeersUnavailableError(
                done.stderr.strip().splitlines()[-1] if done.stderr.strip() else str(command)
            )
    (PEERS_FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def interpreter(environment: Path) -> Path:
    """Return where a virtual environment keeps its interpreter on this system."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def source_digest() -> str:
    """Return twelve digits that change with any line of this project's code: what a figure was made by."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "densitometry").rglob("*")):
        if path.suffix in (".py", ".onnx", ".toml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def one_thread() -> dict[str, str]:
    """Return this process's variables with every thread pool held at one thread."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
