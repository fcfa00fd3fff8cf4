"""The pages do what they say: every command, program and file shown is carried out, in order, page by page.

How a page is read: a fence without a language holds command lines; `python` is a program; `toml` and `json`
are the content of the file named last in the text above them; `text` is only shown. A page needs nothing
that it does not make itself.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from densitometry.cli.app import run as run_command_line

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs/reference"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if GENERATED not in page.parents]
OTHERS = [ROOT / name for name in ("CONTRIBUTING.md", "benchmarks/README.md", "training/README.md")]
OTHERS += [ROOT / "sample_images/README.md"]

NOT_RUN = {
    "make demo": "makes an environment of its own; `make test` did the same to get here",
    "pip install .": "changes the environment the tests run in",
    "densitometry compare day0.jpg day2.jpg --um-per-px 5.5 --days 2 --out growth": (
        "`simulate` draws visits weeks apart; tests/cli/test_compare.py runs --days"
    ),
}
"""Lines of the pages that are not carried out, and why."""
QUICK = ("write-a-recipe.md", "state-the-scale.md")
"""Pages that measure one picture or two."""

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the language, the content and the text above each fence."""
    text = page.read_text(encoding="utf-8")
    end = 0
    for found in FENCE.finditer(text):
        indent, language, content = found.groups()
        lines = [line.removeprefix(indent) for line in content.splitlines()]
        yield language, "\n".join(lines) + "\n", text[end : found.start()]
        end = found.end()


def command_lines(content: str) -> list[str]:
    return [line for line in content.replace("\\\n", " ").splitlines() if line.strip()]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def carry_out(line: str) -> None:
    words = shlex.split(line, comments=True)
    if " ".join(words) in NOT_RUN:
        return
    if words[0] == "densitometry":
        assert run_command_line(words[1:]) == 0, line
    elif words[0] == "cp":
        sources = [match for word in words[1:-1] for match in sorted(Path().glob(word))]
        assert len(sources) == 1, line
        shutil.copy(sources[0], words[-1])
    else:
        pytest.fail(f"neither carried out nor listed in NOT_RUN: {line}")


def pages_with_fences() -> list[object]:
    pages = [page for page in PAGES if any(language != "text" for language, _, _ in blocks(page))]
    return [
        pytest.param(page, id=name_of(page), marks=[] if page.name in QUICK else [pytest.mark.slow])
        for page in pages
    ]


@pytest.mark.parametrize("page", pages_with_fences())
def test_a_page_can_be_followed_word_for_word(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, (language, content, above) in enumerate(blocks(page)):
        if language == "":
            for line in command_lines(content):
                carry_out(line)
        elif language == "python":
            program = tmp_path / f"program-{number}.py"
            program.write_text(content, encoding="utf-8")
            runpy.run_path(str(program))
        elif language in {"toml", "json"}:
            (tomllib if language == "toml" else json).loads(content)
            names = [name for name in INLINE.findall(above) if name.endswith(f".{language}")]
            assert names, f"say into which file this goes:\n{content}"
            Path(names[-1]).write_text(content, encoding="utf-8")
        else:
            assert language == "text"
    places = {place for place in INLINE.findall(page.read_text(encoding="utf-8")) if "/" in place}
    for place in sorted(places):
        if re.fullmatch(r"[\w./-]+", place) and Path(place).parts[0] in {
            item.name for item in tmp_path.iterdir()
        }:
            assert Path(place).exists(), f"the page names {place}"


def test_lines_that_are_not_run_are_still_in_a_page():
    shown = {
        " ".join(shlex.split(line, comments=True))
        for page in PAGES
        for language, content, _ in blocks(page)
        if language == ""
        for line in command_lines(content)
    }
    assert set(NOT_RUN) <= shown


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_every_make_target_named_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    code = "\n".join([*INLINE.findall(text), *(content for _, content, _ in blocks(page))])
    assert set(re.findall(r"^make ([a-z][a-z-]*)", code, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_every_link_into_the_repository_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path) if path else page
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {
                re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            }
            assert anchor in anchors, target
