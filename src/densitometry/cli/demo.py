"""`densitometry demo`: the whole way on the sample study, ending with the numbers and what to open."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console
from densitometry.cli.study_run import Where, carry_out, exit_code_of

if TYPE_CHECKING:
    from densitometry.study.entities import Picture
    from densitometry.study.run import Tables

Spot = tuple[str, str]
"""Participant and site."""

HEADER = ("spot", "visit", "hairs", "true", "mean µm", "true", "change %", "true", "verdict")
PERCENT = 100
MOST_JOBS = 2


@click.command("demo")
@click.argument("out", type=click.Path(path_type=Path), default=Path("demo_output"), metavar="[OUT]")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Number of processes; two where there are cores."
)
def command(out: Path, jobs: int | None) -> int:
    """Measure and follow the simulated sample study, and set the numbers beside the truth.

    Two people, two sites, three visits: the first person is treated, and more and thicker hairs were drawn
    on the vertex from visit to visit; nothing was done to the second person, nor to an occiput.
    """
    from densitometry import batch, resources
    from densitometry.executors import local_executor
    from densitometry.recipe import load_recipe
    from densitometry.report.page import build_reports
    from densitometry.study import problems_of, read_study
    from densitometry.study.code_lists import AGENTS
    from densitometry.study.plan import plan_run

    study = read_study(resources.folder("sample_images"))
    plan = plan_run(study, problems_of(study), batch.Job(out, load_recipe()))
    jobs = jobs or min(MOST_JOBS, os.cpu_count() or 1)
    with closing(local_executor(jobs)) as here:
        outcomes, tables = carry_out(plan, Where(here, jobs), reason="", deviation={}, force=True)
    words = {agent.code: agent.english for agent in AGENTS.entries}
    pages = build_reports(out, [], lambda code: words.get(code, code.replace("_", " "))).people
    if tables is not None:
        console.say(against_truth(tables, plan.pictures.values(), study.root))
        console.say()
    for page in pages.values():
        console.say(f"open {page}")
    return exit_code_of(plan, outcomes, tables)


def against_truth(tables: Tables, pictures: Iterable[Picture], root: Path) -> str:
    """Return a table of measured beside true values, one row a person, site and visit.

    Hairs are the mean of a visit's pictures, measured and drawn. The true change is that of the whole spot,
    of which each picture shows a part.
    """
    drawn = _drawn(pictures)
    growing = _growing(root)
    changes = {_place(row): row for row in tables.changes.to_dict("records")}
    rows = []
    for row in tables.visits.sort_values(["participant", "site", "session"]).to_dict("records"):
        place = _place(row)
        spot, session = place
        true_hairs, true_um = drawn[place]
        change = changes.get(place, {})
        first = growing[spot, min(label for person, label in growing if person == spot)]
        true_change = PERCENT * (growing[place] / first - 1)
        rows.append(
            (
                f"sub-{spot[0]} {spot[1]}",
                f"ses-{session}",
                _cell(row["n_hairs"], ".1f"),
                f"{true_hairs:.1f}",
                _cell(row["mean_diameter_um"], ".1f"),
                f"{true_um:.1f}",
                _cell(change.get("density_change_pct"), "+.1f"),
                f"{true_change:+.1f}" if change else "-",
                change.get("verdict") or "-",
            )
        )
    return console.table(rows, HEADER)


def _place(row: Mapping[Any, Any]) -> tuple[Spot, str]:
    return (row["participant"], row["site"]), row["session"]


def _drawn(pictures: Iterable[Picture]) -> dict[tuple[Spot, str], tuple[float, float]]:
    """Return the true number of hairs and their mean diameter for each visit to a spot."""
    counts: dict[tuple[Spot, str], list[int]] = defaultdict(list)
    diameters: dict[tuple[Spot, str], list[float]] = defaultdict(list)
    for picture in pictures:
        place = (picture.participant, picture.site), picture.session
        truth = json.loads(picture.path.with_suffix(".json").read_text(encoding="utf-8"))
        rooted = [float(hair["d_um"]) for hair in truth["hairs"] if hair["root_inside"]]
        counts[place].append(len(rooted))
        diameters[place] += rooted
    return {place: (fmean(counts[place]), fmean(diameters[place])) for place in counts}


def _growing(root: Path) -> dict[tuple[Spot, str], int]:
    """Return how many follicles of each spot show a hair at each visit."""
    from densitometry.simulate.studies import TRUTH_FILE

    found: dict[tuple[Spot, str], int] = defaultdict(int)
    lines = (root / TRUTH_FILE).read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    for line in lines[1:]:
        row = dict(zip(columns, line.split("\t"), strict=True))
        place = row["participant"].removeprefix("sub-"), row["site"]
        found[place, row["session"].removeprefix("ses-")] += row["shows"] == "y"
    return found


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
