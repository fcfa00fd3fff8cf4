"""Following measured on pictures: pairs of visits rendered, analysed, compared and held against the truth.

`python -m benchmarks.visits --kind cycle --pairs 20 --jobs 2` adds rows to the results file; `--tables`
prints (and with `--document` writes) what all rows say together, so that a run can be split.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import cv2

from benchmarks import real_visits, second_visits, visit_report
from benchmarks.environment import source_digest
from benchmarks.strangers import compare_strangers
from benchmarks.visit_pairs import FIRST_TEST_SEED, KINDS, SETTINGS, make_pair
from benchmarks.visit_score import analyze, measure, score_pair

RESULTS = Path(__file__).with_name("visits.jsonl")
DECIMALS = 4


@click.command()
@click.option(
    "--kind", "kinds", type=click.Choice(list(KINDS)), multiple=True, help="What happens; repeatable."
)
@click.option(
    "--pairs", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Pairs of each kind."
)
@click.option(
    "--first-seed",
    type=click.IntRange(0),
    default=FIRST_TEST_SEED,
    show_default=True,
    help="Seed of the first pair; whoever tunes stays below 1000.",
)
@click.option(
    "--replicates", type=click.IntRange(1, 9), default=1, show_default=True, help="Pictures a visit."
)
@click.option("--setting", type=click.Choice(list(SETTINGS)), default="clipped", show_default=True)
@click.option(
    "--renderer",
    type=click.Choice(["first", "second"]),
    default="first",
    show_default=True,
    help="second: pictures of benchmarks.second_renderer, which has a setting of its own.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=RESULTS,
    show_default="benchmarks/visits.jsonl",
    help="Rows are added here; pairs measured by this very state of the code are kept, others replaced.",
)
@click.option(
    "--real",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Frames outside the repository (NAME.jpg, NAME.json with um_per_px) instead of rendered pairs.",
)
@click.option(
    "--strangers",
    is_flag=True,
    help="Compare people with others instead, everybody with the next three; --pairs is the comparisons.",
)
@click.option("--tables", is_flag=True, help="Measure nothing; print what the rows say.")
@click.option("--document", is_flag=True, help="Write the tables into docs/follow-accuracy.md, too.")
def main(
    kinds: tuple[str, ...],
    pairs: int,
    first_seed: int,
    replicates: int,
    setting: str,
    renderer: str,
    jobs: int,
    results: Path,
    real: Path | None,
    strangers: bool,
    tables: bool,
    document: bool,
) -> None:
    """Render pairs of visits, follow them with the shipped recipe, and print findings beside the truth."""
    rows = read_rows(results)
    if not tables:
        if real is not None:
            found: Iterable[dict[str, Any]] = real_visits.measure_folder(real, pairs, jobs)
        elif strangers:
            setting = second_visits.SETTING if renderer == "second" else setting
            found = compare_strangers(setting, pairs, first_seed, jobs)
        else:
            chosen = kinds or (tuple(KINDS) if renderer == "first" else second_visits.SUPPORTED)
            if renderer == "second":
                setting = second_visits.SETTING
                if strange := set(chosen) - set(second_visits.SUPPORTED):
                    raise click.UsageError(f"the second renderer has no {', '.join(sorted(strange))}")
            todo = [(k, setting, first_seed + n, replicates) for k in chosen for n in range(pairs)]
            source = source_digest()
            known = {key for key, row in rows.items() if row.get("source") == source}
            todo = [job for job in todo if (*job, None) not in known]
            found = run(todo, jobs)
        for row in found:
            rows[key_of(row)] = row
            write_rows(results, rows)
            say(line_of(row))
    text = visit_report.document(list(rows.values()))
    click.echo(text)
    if document:
        visit_report.write(text)


def run(todo: list[tuple[str, str, int, int]], jobs: int) -> Iterator[dict[str, Any]]:
    """Measure pairs (kind, setting, seed, replicates), in this order."""
    if jobs == 1:
        yield from map(measure_pair, todo)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure_pair, todo)


def measure_pair(job: tuple[str, str, int, int]) -> dict[str, Any]:
    """Render, analyse, compare and score one pair."""
    name, setting, seed, replicates = job
    kind = KINDS[name]
    cv2.setNumThreads(1)
    head = {"kind": name, "setting": setting, "seed": seed, "replicates": replicates}
    if setting == second_visits.SETTING:
        pair = second_visits.make_pair(kind, seed, replicates)
    else:
        pair = make_pair(kind, SETTINGS[setting], seed, replicates)
    n = len(pair.root_um)
    started = time.process_time()
    visits = [[(shot, analyze(shot, zoom_told=kind.zoom_told)) for shot in visit] for visit in pair.visits]
    spent = time.process_time() - started
    measured = [[measure(shot, analysis, n) for shot, analysis in visit] for visit in visits]
    if kind.person:
        pair = replace(pair, showing=pair.showing & False)
    row = score_pair(pair, measured, kind.days)
    return {**head, "day": date.today().isoformat(), "source": source_digest(), "analysis_s": spent, **row}


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what names a row: measuring the same again replaces it."""
    return tuple(row.get(name) for name in ("kind", "setting", "seed", "replicates", "name"))


def read_rows(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows of a results file by their keys; none where there is no file."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return {key_of(row): row for row in rows}


def write_rows(path: Path, rows: dict[tuple[Any, ...], dict[str, Any]]) -> None:
    """Write all rows, one a line, in a fixed order."""
    ordered = [rows[key] for key in sorted(rows, key=str)]
    lines = [json.dumps(_rounded(row), ensure_ascii=False, separators=(",", ":")) for row in ordered]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def line_of(row: dict[str, Any]) -> str:
    """Return one line about a pair, for whoever watches."""
    found, true = row.get("density_found"), row.get("density_true")
    change = "" if found is None or true is None else f", density {found:+.1f} % (true {true:+.1f} %)"
    name = row.get("name") or row.get("seed")
    return f"{row['kind']} {name}: {row['verdict']}{change}"


def say(line: str) -> None:
    """Tell on stderr what is going on."""
    click.echo(line, err=True)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.visits")
    sys.exit(0)
