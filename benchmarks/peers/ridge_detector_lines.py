"""Steger's line detector with widths, as the package ridge-detector offers it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from ridge_detector import RidgeDetector
from skimage.io import imread

from benchmarks.harness import save_lines, serve
from benchmarks.peers import LEAST_LENGTH_UM

LINE_WIDTHS_UM = (30.0, 60.0, 90.0)


def trace(path: str, um_per_px: float) -> list[dict[str, Any]]:
    """Trace dark hairs of one picture; contrast limits are the package's own."""
    detector = RidgeDetector(
        line_widths=np.array(LINE_WIDTHS_UM) / um_per_px, min_len=LEAST_LENGTH_UM / um_per_px, dark_line=True
    )
    detector.detect_lines(imread(path))
    return [_line(contour, um_per_px) for contour in detector.contours]


def _line(contour: Any, um_per_px: float) -> dict[str, Any]:
    points = np.stack([contour.col, contour.row], axis=1)
    widths = np.asarray(contour.width_l) + np.asarray(contour.width_r)
    return {
        "points": np.round(points, 2).tolist(),
        "diameter_um": float(np.median(widths) * um_per_px),
        "length_um": float(np.hypot(*np.diff(points, axis=0).T).sum() * um_per_px),
    }


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(trace, save_lines)
