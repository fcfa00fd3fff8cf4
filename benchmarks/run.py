"""Accuracy and speed of this project and of what a user would otherwise pick, side by side in one run."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import pictures, report, score, speed, tools
from benchmarks.environment import ROOT, PeersUnavailableError, peers_python, source_digest
from benchmarks.pictures import KINDS, Kind, Picture
from benchmarks.tools import OURS, PEERS, Run, Tool

RESULTS = Path(__file__).with_name("results.json")
QUICK_KINDS = ("clipped", "ordinary")
QUICK_SIZE_PX = (640, 512)
SCHEMA = "densitometry.benchmark/1"


@click.command()
@click.option(
    "--quick", is_flag=True, help="Two small pictures and no 12 MP: does it run? Leaves docs/ alone."
)
@click.option(
    "--pictures",
    "n_pictures",
    type=click.IntRange(1, 1000),
    default=3,
    show_default=True,
    help="Pictures of each kind.",
)
@click.option(
    "--kind",
    "kind_names",
    type=click.Choice([k.name for k in KINDS]),
    multiple=True,
    help="Only these kinds of picture; docs/ is then left alone.",
)
@click.option("--no-peers", is_flag=True, help="Only this project; docs/ is then left alone.")
@click.option("--no-speed", is_flag=True, help="Accuracy only; docs/ is then left alone.")
@click.option("--no-accuracy", is_flag=True, help="Speed only; docs/ is then left alone.")
@click.option(
    "--speed-of",
    "speed_names",
    type=click.Choice([k.name for k in speed.KINDS]),
    multiple=True,
    help="Time these pictures only; docs/ is then left alone.",
)
@click.option(
    "--update",
    is_flag=True,
    help="A whole run in parts: put these figures into results.json and docs/ beside those already there.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep pictures and traces here and take pictures from here that are there already.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the figures go as JSON; benchmarks/results.json for a whole run.",
)
def main(
    quick: bool,
    n_pictures: int,
    kind_names: tuple[str, ...],
    no_peers: bool,
    no_speed: bool,
    no_accuracy: bool,
    speed_names: tuple[str, ...],
    update: bool,
    keep: Path | None,
    results: Path | None,
) -> None:
    """Render phantoms, run every tool on them, score against the truth, time, and print tables side by side.

    A whole run rewrites benchmarks/results.json and the tables in docs/accuracy.md; so does a part with
    --update, which leaves the figures of other parts as they are.
    """
    if quick and update:
        raise click.UsageError("--quick pictures are too small to be kept: leave out --update")
    whole = not (quick or kind_names or no_peers or no_speed or no_accuracy or speed_names)
    peers = () if no_peers else PEERS
    if peers:
        _prepare_peers()
    wanted = kind_names or (QUICK_KINDS if quick else tuple(k.name for k in KINDS))
    kinds = [k for k in KINDS if k.name in wanted]
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="densitometry-bench-")))
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "quick": quick,
            "conditions": report.conditions(),
            "accuracy": {}
            if no_accuracy
            else measure_accuracy(
                kinds, (OURS, *peers), folder, 1 if quick else n_pictures, QUICK_SIZE_PX if quick else None
            ),
            "speed": dict(speed.NOTHING_MEASURED)
            if no_speed
            else speed.measure_speed(peers, folder / "speed", say, names=speed_names, quick=quick),
        }
    if update and RESULTS.exists():
        found = merge(json.loads(RESULTS.read_text(encoding="utf-8")), found)
    text = report.document(found)
    click.echo(text)
    target = results or (RESULTS if whole or update else None)
    if target:
        target.write_text(
            json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
        )
        say(f"figures: {target}")
    if whole or update:
        report.write_document(text)
        say(f"tables: {report.DOCUMENT.relative_to(ROOT)}")
    if _ours_failed(found):
        say("this project failed on a picture: see 'Not measured'")
        sys.exit(1)


def merge(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return earlier figures with newer ones in their place, tool by tool; the newer run's conditions.

    Figures of another schema are dropped whole: they mean something else.
    """
    if before.get("schema") != found["schema"]:
        return found
    kinds = {**before["accuracy"], **found["accuracy"]}
    accuracy = {
        kind.name: {**before["accuracy"].get(kind.name, {}), **found["accuracy"].get(kind.name, {})}
        for kind in KINDS
        if kind.name in kinds
    }
    old, new = before["speed"], found["speed"]
    names = [kind.name for kind in speed.KINDS if kind.name in {**old["pictures"], **new["pictures"]}]
    timed = {
        **{key: new[key] or old[key] for key in speed.NOTHING_MEASURED},
        "pictures": {
            name: {**old["pictures"].get(name, {}), **new["pictures"].get(name, {})} for name in names
        },
    }
    return {**found, "accuracy": accuracy, "speed": timed}


def say(line: str) -> None:
    """Tell on stderr what is going on."""
    click.echo(line, err=True)


def _prepare_peers() -> None:
    try:
        peers_python()
    except PeersUnavailableError as error:
        say("error: the peers' environment .venv-peers cannot be made")
        say(f"why: {error}")
        say("fix: python -m benchmarks --no-peers")
        sys.exit(3)


def measure_accuracy(
    kinds: Sequence[Kind],
    used: Sequence[Tool],
    folder: Path,
    n_pictures: int,
    size_px: tuple[int, int] | None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return kind → tool → pooled figures.

    Args:
        kinds: what to render.
        used: tools to run, each on all pictures.
        folder: where pictures and traces go.
        n_pictures: of each kind.
        size_px: width, height; None for each kind's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    warm_up = pictures.render(pictures.WARM_UP, 0, folder)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in kinds:
        say(f"accuracy, {kind.name}: rendering")
        rendered = [pictures.render(kind, k, folder, size_px) for k in range(n_pictures)]
        found[kind.name] = {}
        for tool in used:
            say(f"accuracy, {kind.name}: {tool.name}")
            out = folder / "traces" / tool.name
            done = tools.run(tool, rendered, out, warm_up=warm_up)
            found[kind.name][tool.name] = _pooled(done, rendered, out)
    return found


def _pooled(done: Run, rendered: Sequence[Picture], out: Path) -> dict[str, Any]:
    """Score the pictures that a tool measured; those it failed on are told, not dropped."""
    measured = [k for k, error in enumerate(done.errors) if error is None]
    scores = []
    for k in measured:
        truth, hidden = pictures.read_truth(rendered[k])
        scores.append(score.score_picture(truth, hidden, *score.read_result(out / rendered[k].stem)))
    per_mp = [s / p.megapixels for s, p in zip(done.seconds, rendered, strict=True) if s is not None]
    return {
        **score.pool(scores),
        "source": source_digest(),
        "seconds_per_mp": float(np.median(per_mp)) if per_mp else None,
        "failed": len(rendered) - len(measured),
        "error": next((error for error in done.errors if error is not None), None),
    }


def _ours_failed(found: dict[str, Any]) -> bool:
    rows = [rows[OURS.name] for rows in found["accuracy"].values() if OURS.name in rows]
    timed = [rows[OURS.name] for rows in found["speed"]["pictures"].values() if OURS.name in rows]
    timed += found["speed"]["field"]
    return any(row["failed"] for row in rows) or any(row["error"] for row in timed)
