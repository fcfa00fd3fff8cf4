"""`densitometry study run`: every picture measured, replicates combined, every visit against its baseline."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from densitometry.cli import console
from densitometry.cli.analyze import exit_code, measure
from densitometry.cli.exits import EXIT_BUG, EXIT_GATE, EXIT_OK, EXIT_REFUSED, EXIT_SOME_FAILED
from densitometry.cli.options import jobs_option, overlay_option, recipe_options, talk_options

if TYPE_CHECKING:
    from densitometry.batch import Outcome, Source
    from densitometry.executors import Executor, InProcess, LocalPool
    from densitometry.recipe import Recipe
    from densitometry.study.entities import Study
    from densitometry.study.people_run import Advance
    from densitometry.study.plan import Plan
    from densitometry.study.run import Tables

_MAX_TABLE_ROWS = 40
_MEASURING = ("densitometry.batch", "densitometry.analysis", "densitometry.report.figures")
"""What a worker imports to measure."""


@click.command("run")
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--participant", "participants", multiple=True, metavar="ID", help="Only this one; repeatable.")
@click.option("--session", "sessions", multiple=True, metavar="LABEL", help="Only this visit; repeatable.")
@recipe_options
@jobs_option
@overlay_option
@click.option("--force", is_flag=True, help="Measure everything again, also over results of another recipe.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Measure, and compare visits, on a Dask cluster, such as tcp://10.0.0.1:8786.",
)
@click.option(
    "--send-images",
    is_flag=True,
    help="With --cluster: send the pictures to workers that do not see them; visits are then compared here.",
)
@click.option(
    "--measure-only", is_flag=True, help="Measure and leave the other tables to a later run: for shards."
)
@click.option(
    "--reason", default="", metavar="TEXT", help="Why a run deviates from a locked or cut study; recorded."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@talk_options
def command(
    study: Path,
    out: Path,
    participants: tuple[str, ...],
    sessions: tuple[str, ...],
    recipe_name: str,
    overrides: tuple[str, ...],
    jobs: int,
    no_overlay: bool,
    force: bool,
    cluster: str | None,
    send_images: bool,
    measure_only: bool,
    reason: str,
    dry_run: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Measure every picture of STUDY into OUT and compare every visit with its baseline, site by site.

    What was measured before with the same file, scale and recipe is kept. Errors of the study stop only
    what they concern; each such picture and visit gets its row with the reason.
    """
    from densitometry.executors import local_executor
    from densitometry.recipe import load_recipe
    from densitometry.study import read_study
    from densitometry.study.trial import check_held, check_run

    if send_images and cluster is None:
        raise click.UsageError("--send-images is for --cluster, which is not given")
    with closing(local_executor(jobs)) as here:
        if not (dry_run or cluster or out.exists()):
            here.prepare(_MEASURING)  # much is to be done: no worker need wait for the plan
        found = read_study(study)
        altered = check_held(found, reason)
        recipe = load_recipe(_recipe_of(found, recipe_name), overrides)
        deviation = check_run(found, recipe, reason) | altered
        plan = _plan(found, recipe, out, participants, sessions, overlay=not no_overlay, force=force)
        if dry_run:
            _show_plan(plan, as_json=as_json)
            return EXIT_OK
        where = Where(here, jobs, cluster, send_images, measure_only, verbose, quiet)
        outcomes, tables = carry_out(plan, where, reason, deviation, force=force)
    if as_json:
        console.say_json(_as_object(plan, outcomes, tables))
    else:
        _show(plan, outcomes, tables)
    return exit_code_of(plan, outcomes, tables)


def _plan(
    study: Study,
    recipe: Recipe,
    out: Path,
    participants: Sequence[str],
    sessions: Sequence[str],
    *,
    overlay: bool,
    force: bool,
) -> Plan:
    from densitometry import batch
    from densitometry.study import problems_of
    from densitometry.study.plan import plan_run

    job = batch.Job(out, recipe, overlay=overlay)
    people = [label.removeprefix("sub-") for label in participants]
    visits = [label.removeprefix("ses-") for label in sessions]
    return plan_run(study, problems_of(study), job, people, visits, force=force)


def _recipe_of(study: Study, named: str) -> str | Path:
    """Return the recipe that was named, or, where none was and the study is locked, that of the lock."""
    from densitometry.study.trial import locked_recipe

    source = click.get_current_context().get_parameter_source("recipe_name")
    given = source is not click.core.ParameterSource.DEFAULT
    return named if given else locked_recipe(study) or named


@dataclass(frozen=True, slots=True)
class Where:
    """By whom the work is done, how much of it, and how much is said."""

    here: InProcess | LocalPool
    jobs: int
    cluster: str | None = None
    send_images: bool = False
    measure_only: bool = False
    verbose: bool = False
    quiet: bool = False


def carry_out(
    plan: Plan, where: Where, reason: str, deviation: Mapping[str, Any], *, force: bool
) -> tuple[list[Outcome], Tables | None]:
    """Do what a plan says and record it; say on stderr what is wrong with the study."""
    from datetime import UTC, datetime

    from densitometry import batch
    from densitometry.study.leftovers import take_over
    from densitometry.study.record import record_finish, record_shard, record_start
    from densitometry.study.run import write_log

    started = datetime.now(UTC)
    take_over(plan, force=force)
    batch.prepare_output(plan.job.out, plan.todo, plan.job.recipe, force=force)
    _tell_problems(plan, quiet=where.quiet)
    record_start(plan, reason, deviation)
    outcomes, tables = _measure_and_follow(plan, where)
    write_log(plan, outcomes, started)
    (record_shard if where.measure_only else record_finish)(plan, reason)
    return outcomes, tables


def _measure_and_follow(plan: Plan, where: Where) -> tuple[list[Outcome], Tables | None]:
    """Measure what is to measure and write the tables; they are None where they are left to a later run."""
    from densitometry import batch
    from densitometry.remote import outcomes_from
    from densitometry.study.lean import lean_outcome
    from densitometry.study.run import record_images, write_tables

    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        source: Source = partial(batch.outcomes_by, where.here)
        away = _connected(plan, where, stack)
        if away is not None:
            source = partial(outcomes_from, away, send_images=where.send_images)
        if plan.todo:
            record = partial(record_images, plan)
            outcomes = measure(
                *(plan.job, plan.todo, where.jobs),
                verbose=where.verbose,
                quiet=where.quiet,
                record=record,
                source=source,
                lean=lean_outcome,
            )
        elif where.measure_only:
            record_images(plan, plan.job, [])
        if where.measure_only:
            return outcomes, None
        apart = None if where.send_images else away
        advance = stack.enter_context(_bar(quiet=where.quiet))
        tables = write_tables(plan, outcomes, where.here, apart, advance)
        _tell_failures(tables, verbose=where.verbose)
        return outcomes, tables


def _connected(plan: Plan, where: Where, stack: ExitStack) -> Executor | None:
    """Return the cluster, where one was named and there is something to do on it."""
    from densitometry.cluster import connect

    if where.cluster is None or not (plan.todo or not (where.send_images or where.measure_only)):
        return None
    pictures = [*(item.path for item in plan.todo), *(item.path for item in plan.pictures.values())]
    must_see = [] if where.send_images else [path.resolve() for path in pictures[:1]]
    return stack.enter_context(closing(connect(where.cluster, must_see)))


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Advance | None]:
    """Yield what shows how far following has come, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as stack:
        shown: list[Any] = []

        def advance(_: int, of: int) -> None:
            if not shown:
                bar = click.progressbar(length=of, label="comparing visits", file=sys.stderr, show_pos=True)
                shown.append(stack.enter_context(bar))
            shown[0].update(1)

        yield advance


def _tell_failures(tables: Tables, *, verbose: bool) -> None:
    for failure in tables.failures:
        console.show_error(failure.code, failure.what, failure.why, failure.fix)
        if verbose and failure.details:
            console.note(failure.details)


def _tell_problems(plan: Plan, *, quiet: bool) -> None:
    from densitometry.study.problems import errors_only

    errors = errors_only(plan.problems)
    for item in errors:
        console.show_error(item.code, f"{item.place}: {item.what}", item.why, item.fix)
    warnings = len(plan.problems) - len(errors)
    if warnings and not quiet:
        console.note(f"{warnings} more to know: densitometry study check {shlex.quote(str(plan.study.root))}")


def exit_code_of(plan: Plan, outcomes: Sequence[Outcome], tables: Tables | None = None) -> int:
    """Return the contract's exit code over pictures measured now, kept and stopped, and people followed."""
    code = _code_of_pictures(plan, outcomes)
    failures = () if tables is None else tables.failures
    if any(failure.details for failure in failures):
        return EXIT_BUG
    return EXIT_SOME_FAILED if failures and code in (EXIT_OK, EXIT_GATE) else code


def _code_of_pictures(plan: Plan, outcomes: Sequence[Outcome]) -> int:
    known = [*outcomes, *plan.done.values()]
    stopped = any(row["status"] == "failed" for row in plan.stopped)
    if not known:
        return EXIT_REFUSED if stopped else EXIT_OK
    code = exit_code(known)
    return EXIT_SOME_FAILED if stopped and code in (EXIT_OK, EXIT_GATE) else code


def _counts(plan: Plan, outcomes: Sequence[Outcome]) -> Counter[str]:
    statuses = [outcome.status for outcome in (*outcomes, *plan.done.values())]
    return Counter([*statuses, *(str(row["status"]) for row in plan.stopped)])


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        content = {
            "schema": "densitometry.study-plan/1",
            "study": str(plan.study.root),
            "measure": [item.name for item in plan.todo],
            "keep": sorted(plan.done),
            "stopped": [
                {name: row[name] for name in ("picture", "status", "error_code", "error")}
                for row in plan.stopped
            ],
        }
        console.say_json(content)
        return
    for item in plan.todo[:_MAX_TABLE_ROWS]:
        console.say(f"would measure {item.name}")
    if len(plan.todo) > _MAX_TABLE_ROWS:
        console.say(f"and {len(plan.todo) - _MAX_TABLE_ROWS} more")
    for row in plan.stopped:
        why = f"{row['error_code']} {row['error']}" if row["error"] else "a whole-head photograph"
        console.say(f"would not measure {row['picture']}: {why}")
    console.say(
        f"{plan.study.name}: {len(plan.todo)} to measure, {len(plan.done)} kept, {len(plan.stopped)} not "
        "measured; nothing was written"
    )


def _show(plan: Plan, outcomes: Sequence[Outcome], tables: Tables | None) -> None:
    counts = _counts(plan, outcomes)
    said = ", ".join(f"{counts[word]} {word.replace('_', ' ')}" for word in sorted(counts, key=_rank))
    kept = f" ({len(plan.done)} kept from before)" if plan.done else ""
    console.say(f"{plan.study.name}: {said or 'no pictures'}{kept}.")
    if tables is None:
        console.say(f"tables are not written yet: densitometry study run {plan.study.root} {plan.job.out}")
        return
    rows = [
        (
            f"sub-{row['participant']} {row['site']}",
            f"ses-{row['session']}",
            row["verdict"],
            _change(row["terminal_density_change_pct"]),
            _change(row["density_change_pct"]),
            row["reason_code"],
        )
        for row in tables.changes.to_dict("records")
    ]
    if rows:
        console.say()
        header = ("spot", "visit", "verdict", "terminal %", "hairs %", "because")
        console.say(console.table(rows[:_MAX_TABLE_ROWS], header))
        if len(rows) > _MAX_TABLE_ROWS:
            console.say(f"... and {len(rows) - _MAX_TABLE_ROWS} more in {plan.job.out / 'change.tsv'}")
    console.say()
    console.say(f"open {plan.job.out / 'change.tsv'}, {plan.job.out / 'visits.tsv'}")
    console.say(f"make pages of it: densitometry report {shlex.quote(str(plan.job.out))}")


def _rank(word: str) -> int:
    order = ("measured", "rejected", "failed", "left_out")
    return order.index(word) if word in order else len(order)


def _change(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


def _as_object(plan: Plan, outcomes: Sequence[Outcome], tables: Tables | None) -> dict[str, Any]:
    from densitometry.report.changes import rounded
    from densitometry.schema_study import STUDY_RUN_SCHEMA

    content: dict[str, Any] = rounded(
        {
            "schema": STUDY_RUN_SCHEMA,
            "study": str(plan.study.root),
            "out": str(plan.job.out),
            "recipe_digest": plan.job.recipe.digest,
            "images": dict(_counts(plan, outcomes)),
            "kept": len(plan.done),
            "changes": [] if tables is None else tables.changes.to_dict("records"),
        }
    )
    return content
