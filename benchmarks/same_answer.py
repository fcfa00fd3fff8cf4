"""Does the same scalp give the same answer when its picture is turned, relit, recompressed or resampled?

`python -m benchmarks.same_answer` takes simulated pictures; `--pictures FOLDER` takes those of a folder,
each beside a JSON file that names its `um_per_px`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import densitometry as dm
from benchmarks import pictures
from densitometry.recipe import DEFAULT_RECIPE

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]

CIRCLE_RADIUS = 0.48
"""Radius of the round field a turned picture is compared in, as a share of the height."""
TURN_DEG = 17.0
KINDS = ("clipped", "ordinary")
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


def toned(rgb: Pixels, gain: tuple[float, float, float] = (1, 1, 1), gamma: float = 1.0) -> Pixels:
    """Multiply the channels (their codes) and raise them to a power."""
    light = np.clip(rgb / 255.0 * gain, 0, 1) ** gamma
    return np.round(light * 255).astype(np.uint8)


def recompressed(rgb: Pixels, quality: int) -> Pixels:
    """Send a picture through JPEG."""
    code = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def resampled(rgb: Pixels, factor: float) -> Pixels:
    """Shrink or enlarge a picture."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=how), np.uint8)


def moved(rgb: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """Resample a picture by a (2, 3) affine matrix, the frame kept."""
    size = rgb.shape[1::-1]
    return np.asarray(
        cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def in_circle(rgb: Pixels) -> Pixels:
    """Blacken all but the round field, so that a turned picture shows the same skin."""
    height, width = rgb.shape[:2]
    y, x = np.ogrid[:height, :width]
    outside = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) > CIRCLE_RADIUS * height
    masked = rgb.copy()
    masked[outside] = 0
    return masked


def turned(rgb: Pixels, degrees: float) -> Pixels:
    """Turn a picture about its middle within its round field."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return in_circle(moved(rgb, np.asarray(matrix, np.float64)))


@dataclass(frozen=True, slots=True)
class SameScalp:
    """One way to photograph the same scalp again.

    Attributes:
        change: what is done to the picture.
        before: what is done to the picture it is compared with.
        scale: pixels of the changed picture per pixel of the first.
    """

    change: Change
    before: Change = np.ascontiguousarray
    scale: float = 1.0


CHANGES: dict[str, SameScalp] = {
    "turned by 90°": SameScalp(lambda p: np.ascontiguousarray(np.rot90(p))),
    "turned by 17°": SameScalp(partial(turned, degrees=TURN_DEG), in_circle),
    "mirrored": SameScalp(lambda p: np.ascontiguousarray(p[:, ::-1])),
    "shifted half a pixel": SameScalp(partial(moved, matrix=np.array([[1, 0, 0.5], [0, 1, 0.5]]))),
    "darker by 20 %": SameScalp(partial(toned, gain=(0.8, 0.8, 0.8))),
    "brighter by 20 %": SameScalp(partial(toned, gain=(1.2, 1.2, 1.2))),
    "gamma 0.9": SameScalp(partial(toned, gamma=0.9)),
    "gamma 1.1": SameScalp(partial(toned, gamma=1.1)),
    "other white balance": SameScalp(partial(toned, gain=(0.95, 1.0, 0.9))),
    "JPEG 75": SameScalp(partial(recompressed, quality=75), partial(recompressed, quality=95)),
    "resampled × 0.7": SameScalp(partial(resampled, factor=0.7), scale=0.7),
    "resampled × 1.5": SameScalp(partial(resampled, factor=1.5), scale=1.5),
}


def figures(rgb: Pixels, um_per_px: float, recipe: str) -> tuple[float, float]:
    """Return density [1/cm²] and mean diameter [µm] of a picture."""
    image = dm.from_array(rgb, dm.PixelSize(um_per_px, "stated"))
    summary = dm.analyze(image, dm.load_recipe(recipe)).summary
    diameter = summary["mean_diameter_um"]
    return float(summary["density_per_cm2"]), float("nan") if diameter is None else float(diameter)


def compare(picture: tuple[Path, float], recipe: str) -> list[dict[str, str | float]]:
    """Measure one picture and all its changes; density changes [%], mean diameter changes [µm]."""
    path, um_per_px = picture
    rgb = np.ascontiguousarray(np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
    rows: list[dict[str, str | float]] = []
    straight: dict[bytes, tuple[float, float]] = {}
    for name, same in CHANGES.items():
        first = same.before(rgb)
        key = first.tobytes()
        if key not in straight:
            straight[key] = figures(first, um_per_px, recipe)
        density, diameter = straight[key]
        again, again_um = figures(same.change(rgb), um_per_px / same.scale, recipe)
        change = 100 * (again / density - 1) if density else float("nan")
        rows.append({"change": name, "density_pct": change, "diameter_um": again_um - diameter})
    return rows


def table(rows: list[dict[str, str | float]]) -> pd.DataFrame:
    """Return one row per change: mean and largest absolute move of density and mean diameter."""
    found = pd.DataFrame(rows)
    moves = found.assign(
        density_pct=found["density_pct"].abs(), diameter_um=found["diameter_um"].abs()
    ).groupby("change", sort=False)
    return moves.agg(
        pictures=("density_pct", "size"),
        density_mean_pct=("density_pct", "mean"),
        density_largest_pct=("density_pct", "max"),
        diameter_mean_um=("diameter_um", "mean"),
        diameter_largest_um=("diameter_um", "max"),
    )


def _simulated(count: int, folder: Path) -> Iterator[tuple[Path, float]]:
    for kind in pictures.KINDS:
        if kind.name in KINDS:
            for number in range(count):
                yield pictures.render(kind, number, folder).path, kind.um_per_px


def _stored(folder: Path) -> Iterator[tuple[Path, float]]:
    for path in sorted(folder.iterdir()):
        beside = path.with_suffix(".json")
        if path.suffix.lower() in SUFFIXES and beside.exists():
            yield path, float(json.loads(beside.read_text(encoding="utf-8"))["um_per_px"])


@click.command()
@click.option("--count", type=click.IntRange(1, 100), default=3, show_default=True, help="Of each kind.")
@click.option(
    "--pictures", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR"
)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), default=Path("benchmark_pictures"))
@click.option("--recipe", default=DEFAULT_RECIPE, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True)
def main(count: int, folder: Path | None, keep: Path, recipe: str, jobs: int) -> None:
    """Print how far density and mean diameter move when nothing but the picture has changed."""
    keep.mkdir(parents=True, exist_ok=True)
    todo = list(_stored(folder) if folder else _simulated(count, keep))
    if not todo:
        raise click.UsageError(f"{folder} holds no picture with a JSON file beside it that names um_per_px")
    with get_context("spawn").Pool(jobs) as pool:
        rows = [row for found in pool.imap(partial(compare, recipe=recipe), todo) for row in found]
    click.echo(table(rows).round(2).to_string())


if __name__ == "__main__":
    main()
