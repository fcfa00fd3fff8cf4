"""The floor as a measured process: `cv2.imread` alone, on one thread."""

from __future__ import annotations

from typing import Any

import cv2

from benchmarks.harness import serve


def decode(path: str, _um_per_px: float) -> Any:
    """Decode one picture and do nothing else."""
    return cv2.imread(path)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(decode, lambda _result, _folder: None)
