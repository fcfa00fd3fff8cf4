"""The laws of the house: layers, names, vocabulary, shipped files."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import densitometry
from densitometry import schema, schema_study
from densitometry.recipe import STAGES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/densitometry"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 400


def test_imports_point_down():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    finished = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_are_short_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < MAX_LINES
    assert ast.get_docstring(ast.parse(text))


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in calls}


def test_only_the_command_line_prints():
    printing = {"print", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    guilty = [path for path in MODULES if _calls(path) & printing and SOURCE / "cli" not in path.parents]
    assert guilty == []


def test_only_capture_decodes():
    decoding = {"cv2.imread", "cv2.imdecode", "Image.open", "PIL.Image.open"}
    # the simulator's camera compresses and decompresses in memory; it reads no file
    rooms = {SOURCE / "capture", SOURCE / "simulate"}
    guilty = [path for path in MODULES if _calls(path) & decoding and not rooms & set(path.parents)]
    assert guilty == []


def test_the_unstable_vesselness_filters_are_not_used():
    guilty = [
        path for path in MODULES if re.search(r"\b(frangi|meijering)\b", path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


def test_public_names_exist_and_are_sorted():
    assert sorted(densitometry.__all__, key=str.casefold) == sorted(dir(densitometry), key=str.casefold)
    for name in densitometry.__all__:
        assert getattr(densitometry, name) is not None
    with pytest.raises(AttributeError):
        _ = densitometry.nothing_of_this_name


def test_every_setting_is_documented_and_within_its_range():
    for stage, kind in STAGES.items():
        for item in dataclasses.fields(kind):
            meta = item.metadata
            assert meta.get("doc"), f"{stage}.{item.name}"
            values = item.default if isinstance(item.default, tuple) else (item.default,)
            for value in values:
                assert not meta["choices"] or value in meta["choices"]
                assert meta["low"] is None or value >= meta["low"]
                assert meta["high"] is None or value <= meta["high"]


TABLES = (
    *(schema.HAIRS, schema.TRACE_PROPERTIES, schema.IMAGES, schema.SUMMARY, schema.LINKS, schema.CHANGE),
    *(schema_study.STUDY_IMAGES, schema_study.STUDY_HAIRS, schema_study.VISITS, schema_study.CHANGES),
    *(schema_study.GROWTH, schema_study.CYCLES, schema_study.REPEATABILITY, schema_study.DICTIONARY),
    *(schema_study.PEOPLE, schema_study.SESSIONS, schema_study.COURSES),
)


def test_schema_names_are_unique_and_explained():
    for table in TABLES:
        names = schema.column_names(table)
        assert len(names) == len(set(names))
        assert all(column.meaning for column in table)
    assert set(schema.NOT_COUNTED_FLAGS) <= set(schema.FLAGS)


def test_units_are_in_the_names():
    ends = {
        "µm": "_um",
        "px": "_px",
        "cm²": "_cm2",
        "µm/px": "_um_per_px",
        "1/cm²": ("_per_cm2", "_low", "_high"),
        "mm/cm²": ("_mm_per_cm2", "_low", "_high"),
    }
    for table in (schema.HAIRS, schema.TRACE_PROPERTIES, schema.IMAGES, schema.SUMMARY):
        for column in table:
            if column.unit and column.name != "um_per_px":
                name = column.name.removesuffix("_low").removesuffix("_high")
                assert column.name.endswith(ends[column.unit]) or name.endswith(ends[column.unit]), column


def test_flags_written_in_the_code_are_in_the_vocabulary():
    words = set()
    for path in (*(SOURCE / "trace").glob("*.py"), *(SOURCE / "measure").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("flags.append"):
                words |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    assert words <= set(schema.FLAGS)


def test_every_option_of_the_command_line_is_used_by_a_test():
    used = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/cli").glob("*.py"))
    missing = [option for option in _options() if f'"{option}"' not in used and f"{option} " not in used]
    assert missing == []


def _options() -> list[str]:
    import click

    from densitometry.cli.app import COMMANDS, application

    context = click.Context(application)
    found = []
    commands = [application.get_command(context, name) for name in COMMANDS]
    while commands:
        command = commands.pop()
        if isinstance(command, click.Group):
            commands += command.commands.values()
        found += [option.opts[-1] for option in command.params if isinstance(option, click.Option)]
    return sorted(set(found) - {"--verbose", "--quiet"})


def test_the_lock_names_versions_and_hashes_and_no_host():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#", "-"))]
    assert pins
    assert all("==" in line for line in pins)
    assert text.count("--hash=sha256:") > len(pins)
    assert not re.search(r"https?:|file:|index-url|find-links| @ ", text)


def test_the_reference_is_current():
    finished = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, f"{finished.stdout}{finished.stderr} (make docs)"


@pytest.mark.parametrize("tool", [("ruff", "check", "src", "tests"), ("mypy",)], ids=lambda tool: tool[0])
def test_lint(tool):
    command = [sys.executable, "-m", *tool]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
