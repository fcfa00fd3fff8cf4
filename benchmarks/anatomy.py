"""What each part of tracing buys, how far stated doubts can be trusted, and where it goes most wrong.

`python -m benchmarks.anatomy --document` renders pictures of both renderers on which nobody tunes, measures
them with all parts and with one part left out at a time, and rewrites its section of `docs/accuracy.md` and
the drawings in `docs/images`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import cv2

from benchmarks import reliability
from benchmarks.cases import Case, score, show
from benchmarks.environment import ROOT, source_digest
from benchmarks.gallery import CROP_UM, Failure, sheet, worst_stretch
from benchmarks.report import number, table, write_document
from benchmarks.score import PictureScore, pool, read_result

MARKERS = ("<!-- anatomy:start -->", "<!-- anatomy:end -->")
IMAGES = ROOT / "docs" / "images"
WHOLE = "all parts"
PARTS: Mapping[str, tuple[str, ...]] = {
    WHOLE: (),
    "one reading in place of eight": ("trace.readings=1",),
    "no exchange of tails": ("trace.exchange_odds=50",),
    "no joins around bends": ("trace.bend_odds=50",),
    "lines that ran on stay": ("trace.cut_odds=50",),
    "doubtful lines stay": ("trace.least_presence=0",),
    "bodies of two stay one line": ("trace.sibling_odds=50",),
    "classical detector": ('trace.detector="classical"',),
}
"""Each part of tracing, and the recipe keys that leave it out."""
ROWS = (
    *(("own", kind) for kind in ("clipped", "ordinary", "dense", "dark_skin")),
    *(("second", kind) for kind in ("clipped", "ordinary", "dense", "curly")),
)
_CURLS = "curls that meet curls", ("0020-hairs-lost-in-bends", "0021-exchanges-in-curled-hair")
TRIED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "clipped": (
        "shafts that touch along their length, three in one body, a fine hair beside a thick one",
        ("0012-tufts", "0016-two-shafts-in-one-body"),
    ),
    "ordinary": (
        "crossings below 15° and hairs that lie in line",
        ("0004-evidence-maps-then-curves", "0018-lines-that-ran-on"),
    ),
    "dense": (
        "several crossings on every hair, so that pieces change owners",
        ("0017-lines-that-are-hardly-hairs", "0018-lines-that-ran-on"),
    ),
    "dark_skin": _CURLS,
    "curly": _CURLS,
}
"""What goes wrong in a kind of picture, and the decisions that tell what was tried."""
Found = Mapping[str, PictureScore]


def measure(case: Case, folder: Path) -> tuple[Case, dict[str, PictureScore], Failure]:
    """Measure one picture with all parts, and with each left out."""
    shown = show(case, folder / case.renderer)
    scores = {}
    for part, overrides in PARTS.items():
        out = folder / "traces" / f"{case.renderer}-{case.kind}-{case.number}-{list(PARTS).index(part)}"
        scores[part] = score(shown, out, overrides)
        if part == WHOLE:
            whole = scores[part]
            f1 = 2 * whole.matched / max(1, whole.required + whole.found)
            failure = worst_stretch(case, shown, read_result(out)[0], f1)
    return case, scores, failure


def ablation(found: Sequence[tuple[Case, Found]]) -> str:
    """Return what each part buys as a Markdown table: hair F1 and signed error of the count, by kind."""
    rows = list(dict.fromkeys(case.row for case, _ in found))
    body = []
    for part in PARTS:
        cells = []
        for row in rows:
            pooled = pool([scores[part] for case, scores in found if case.row == row])
            cells.append(f"{number(pooled, 'f1', 3)} ({number(pooled, 'count_bias_pct', 1, sign=True)})")
        body.append((part, *cells))
    return table(("", *rows), body)


def doubts(found: Sequence[tuple[Case, Found]], images: Path) -> str:
    """Return how often intervals hold the truth, and draw it: one drawing a renderer."""
    body = []
    for renderer in dict.fromkeys(case.renderer for case, _ in found):
        shown = reliability.curves([scores[WHOLE] for case, scores in found if case.renderer == renderer])
        drawing = reliability.drawing(shown, f"{renderer} pictures")
        (images / f"reliability-{renderer}.svg").write_text(drawing, encoding="utf-8", newline="\n")
        body += [
            (renderer, curve.measure, str(curve.pictures), *(f"{100 * held:.0f}" for held in curve.held))
            for curve in shown
        ]
    head = ("pictures", "interval of", "number", *(f"{100 * level:g} %" for level in reliability.LEVELS))
    return table(head, body)


def gallery(failures: Sequence[Failure], images: Path) -> str:
    """Return a caption for the worst stretch of each kind, and draw them."""
    worst: dict[str, Failure] = {}
    for failure in sorted(failures, key=lambda f: (-(f.missed + f.false), f.f1)):
        worst.setdefault(failure.case.row, failure)
    chosen = [worst[row] for row in dict.fromkeys(f.case.row for f in failures)]
    cv2.imwrite(str(images / "failures.webp"), sheet(chosen), [cv2.IMWRITE_WEBP_QUALITY, 80])
    return "\n".join(f"{k}. {_caption(failure)}" for k, failure in enumerate(chosen, start=1))


def _caption(failure: Failure) -> str:
    trouble, decisions = TRIED[failure.case.kind]
    links = " and ".join(f"[{name[:4].lstrip('0')}](decisions/{name}.md)" for name in decisions)
    return (
        f"{failure.case.row}, picture {failure.case.number} (F1 {failure.f1:.2f} as a whole): "
        f"{failure.missed} missed, {failure.false} false here; {trouble}: decisions {links}."
    )


def document(found: Sequence[tuple[Case, Found, Failure]], images: Path) -> str:
    """Return the section as Markdown and write its drawings."""
    scored = [(case, scores) for case, scores, _ in found]
    count = len({case.number for case, _ in scored})
    return f"""\
Made by `python -m benchmarks.anatomy --document`; edit nothing between the markers. {count} pictures of each
kind of either renderer, with seeds on which nobody tunes, measured on {datetime.now(UTC).date()}, state of
the code {source_digest()}.

### What each part buys

Hair F1, and the error of the count in % with its sign, with one part left out at a time. Parts share work:
what one leaves undone another may do.

{ablation(scored)}

### How far stated doubts can be trusted

Share of intervals [%] that hold the truth of their picture, by the level they are stated for; those of other
levels than 95 % are scaled from it as a normal's. Above its level an interval is wider than it need be, below
it too narrow.

{doubts(scored, images)}

![Stated level against what is held, own pictures](images/reliability-own.svg)
![Stated level against what is held, pictures of the second renderer](images/reliability-second.svg)

### Where it goes most wrong

Of each kind the {CROP_UM / 1000:g} mm in which most went wrong: the picture, what was to be found (missed in
red), what was traced (false in magenta). What is right is green.

![Eight stretches of scalp, each beside its true hairs and its traced lines](images/failures.webp)

{gallery([failure for *_, failure in found], images)}
"""


@click.command()
@click.option("--count", type=click.IntRange(1, 100), default=4, show_default=True, help="Of each kind.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--document", "write", is_flag=True, help="Rewrite its section of docs/accuracy.md.")
def main(count: int, jobs: int, keep: Path | None, write: bool) -> None:
    """Measure pictures with all parts of tracing and with one left out, and print what comes of it."""
    cases = [Case(renderer, kind, n) for renderer, kind in ROWS for n in range(count)]
    found = []
    with ExitStack() as stack:
        folder = keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="densitometry-anatomy-"))
        )
        workers = stack.enter_context(get_context("spawn").Pool(jobs))
        for done in workers.imap(partial(measure, folder=folder), cases):
            found.append(done)
            click.echo(f"{len(found)} of {len(cases)}: {done[0].row}", err=True)
        images = IMAGES if write else folder
        text = document(found, images)
    click.echo(text)
    if write:
        write_document(text, markers=MARKERS)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.anatomy")
