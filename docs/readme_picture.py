"""Write docs/images/overlay.png, the picture in README.md, from a sample picture."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from densitometry.cli.app import run

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_images/sourcedata/clipped-0011.jpg"
UM_PER_PX = "5.5"
PICTURE = ROOT / "docs/images/overlay.png"
WIDTH_PX = 960
MAX_BYTES = 500_000
COLOURS = (256, 128, 64, 32)


def main() -> int:
    """Measure the sample, and keep its overlay small enough for a page."""
    with tempfile.TemporaryDirectory() as folder:
        code = run(["analyze", str(SAMPLE), "--um-per-px", UM_PER_PX, "--out", f"{folder}/out", "--quiet"])
        if code:
            return code
        with Image.open(Path(folder) / "out" / SAMPLE.stem / "overlay.png") as overlay:
            height = round(overlay.height * WIDTH_PX / overlay.width)
            small = overlay.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    PICTURE.parent.mkdir(exist_ok=True)
    for colours in COLOURS:
        small.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            PICTURE, optimize=True
        )
        if PICTURE.stat().st_size <= MAX_BYTES:
            return 0
    sys.stderr.write(f"{PICTURE} is larger than {MAX_BYTES} bytes\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
