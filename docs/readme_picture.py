"""Write docs/images/*.webp, the pictures in README.md, from simulated data: overlay, report and timeline."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from densitometry.cli.app import run

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_images/sourcedata/clipped-0011.jpg"
UM_PER_PX = "5.5"
IMAGES = ROOT / "docs/images"
WIDTH_PX = 960
MAX_BYTES = 300_000
MARGIN_PX = 12
QUALITIES = (82, 70, 55, 40)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STUDY = ("--visits", "3", "--people", "1", "--site", "vertex", "--replicates", "3", "--seed", "21", "--jpeg")
GROWTH = ("--gain-pct", "25", "--thickening-pct", "25", "--size-px", "960", "768")
TREATMENTS = (
    ("platelet_rich_plasma", "2026-01-26", "intradermal"),
    ("platelet_rich_plasma", "2026-02-23", "intradermal"),
    ("platelet_rich_plasma", "2026-05-18", "intradermal"),
)
SHOWN = {
    # file name → what the page shows of itself, and the width of the window
    "report": ("header,main>section:not(#at_a_glance),#at_a_glance>h2{display:none!important}", 760),
    "timeline": (
        (
            "header,main>section:not(#over_time),#over_time>h2,details,.note,.charts>:nth-child(n+3)"
            "{display:none!important}.charts{grid-template-columns:1fr 1fr!important}"
        ),
        960,
    ),
}


def main() -> int:
    """Measure a sample and a small study, and keep small pictures of what came of them."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = run(["analyze", str(SAMPLE), "--um-per-px", UM_PER_PX, "--out", f"{folder}/one", "-q"])
        with Image.open(folder / "one" / SAMPLE.stem / "overlay.png") as overlay:
            keep(overlay.convert("RGB"), "overlay")
        return measured or report(folder)


def report(folder: Path) -> int:
    """Simulate, measure and report a study; photograph its page."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.stderr.write("no chromium: the pictures of the report stay as they are\n")
        return 0
    study, out = folder / "study", folder / "results"
    code = run(["simulate", str(study), *STUDY, *GROWTH])
    with (study / "treatments.tsv").open("a", encoding="utf-8") as table:
        table.writelines(f"sub-01\t{agent}\t{start}\t{route}\tvertex\n" for agent, start, route in TREATMENTS)
    code = code or run(["study", "run", str(study), str(out), "-q"]) or run(["report", str(out)])
    if code:
        return code
    page = (out / "sub-01.html").read_text(encoding="utf-8")
    page = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    for name, (style, width) in SHOWN.items():
        place = folder / f"{name}.html"
        place.write_text(page.replace("</head>", f"<style>{style}</style></head>"), encoding="utf-8")
        keep(photograph(browser, place, width), name)
    return 0


def photograph(browser: str, page: Path, width_px: int) -> Image.Image:
    """Return what a page shows, with a narrow margin."""
    picture = page.with_suffix(".png")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={width_px},1600", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    with Image.open(picture) as taken:
        whole = taken.convert("RGB")
    box = ImageChops.difference(whole, Image.new("RGB", whole.size, whole.getpixel((0, 0)))).getbbox()
    if box is None:
        return whole
    left, top, right, bottom = box
    return whole.crop((left - MARGIN_PX, max(0, top - MARGIN_PX), right + MARGIN_PX, bottom + MARGIN_PX))


def keep(picture: Image.Image, name: str) -> None:
    """Write a picture as small as a page can carry."""
    if picture.width > WIDTH_PX:
        height = round(picture.height * WIDTH_PX / picture.width)
        picture = picture.resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    target = IMAGES / f"{name}.webp"
    for quality in QUALITIES:
        picture.save(target, quality=quality, method=6)
        if target.stat().st_size <= MAX_BYTES:
            return
    sys.stderr.write(f"{target} is larger than {MAX_BYTES} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
