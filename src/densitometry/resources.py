"""Where recipes and sample pictures lie: in the package when installed, else at the repository's root."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_REPOSITORY = _PACKAGE.parents[1]


def folder(name: str) -> Path:
    """Return the shipped data folder `name` ("pipelines" or "sample_images").

    Raises:
        FileNotFoundError: if the installation lacks it (a broken build, not a user's mistake).
    """
    for parent in (_PACKAGE, _REPOSITORY):
        candidate = parent / name
        if candidate.is_dir():
            return candidate
    msg = f"the installation lacks its data folder {name!r}"
    raise FileNotFoundError(msg)
