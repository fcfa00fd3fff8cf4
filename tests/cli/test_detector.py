"""The detector without a learned part can be chosen."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Run


def test_classical_detector_measures(run: Run, pictures: Path, tmp_path: Path) -> None:
    done = run(
        "analyze",
        pictures / "one.png",
        "--um-per-px",
        8,
        "--out",
        tmp_path / "out",
        "--no-overlay",
        "--set",
        "trace.detector=classical",
    )
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "out" / "one" / "summary.json").read_text(encoding="utf-8"))
    assert summary["n_hairs"] > 0
