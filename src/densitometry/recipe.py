"""TOML → frozen `Recipe`: strict keys and types, inheritance, overrides, a digest, the resolved whole."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import shlex
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densitometry import resources
from densitometry.errors import RecipeError
from densitometry.settings import (
    CaptureSettings,
    FollowSettings,
    MeasureSettings,
    QualitySettings,
    ReportSettings,
    TraceSettings,
    Value,
)

RECIPE_SCHEMA = "densitometry.recipe/1"
DEFAULT_RECIPE = "trichoscopy"
STAGES: Mapping[str, type[Any]] = types.MappingProxyType(
    {
        "capture": CaptureSettings,
        "quality": QualitySettings,
        "trace": TraceSettings,
        "measure": MeasureSettings,
        "follow": FollowSettings,
        "report": ReportSettings,
    }
)
_HEADER_KEYS = ("schema", "name", "extends")
_SHOW = "densitometry recipe show trichoscopy   # a whole, valid recipe to compare with"
_TYPE_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every setting of one way of measuring, resolved; equal content has an equal digest."""

    name: str
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    follow: FollowSettings = field(default_factory=FollowSettings)
    report: ReportSettings = field(default_factory=ReportSettings)

    def content(self) -> dict[str, dict[str, Value]]:
        """Return stage → key → value, without the name."""
        return {
            stage: {item.name: getattr(getattr(self, stage), item.name) for item in dataclasses.fields(kind)}
            for stage, kind in STAGES.items()
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved content, 64 hexadecimal digits."""
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_toml(self) -> str:
        """Return the resolved whole as TOML with each key's meaning; reading it gives an equal recipe."""
        lines = [f"schema = {_toml_value(RECIPE_SCHEMA)}", f"name = {_toml_value(self.name)}"]
        for stage, values in self.content().items():
            lines += ["", f"[{stage}]"]
            docs = {item.name: item.metadata.get("doc", "") for item in dataclasses.fields(STAGES[stage])}
            lines += [f"{name} = {_toml_value(value)}  # {docs[name]}" for name, value in values.items()]
        return "\n".join(lines) + "\n"


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the product: name → file, in order of name."""
    return {path.stem: path for path in sorted(resources.folder("pipelines").glob("*.toml"))}


def load_recipe(name_or_file: str | Path = DEFAULT_RECIPE, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe by name or from a file, resolve what it extends, then apply `stage.key=VALUE` overrides.

    Raises:
        RecipeError: unknown recipe, table or key, wrong type or range, circular inheritance, not TOML.
    """
    source = _find(name_or_file)
    name, values = _resolve(source, seen=())
    for override in overrides:
        stage, key, value = _parse_override(override)
        values.setdefault(stage, {})[key] = value
    return _build(name, values)


def parse_recipe(text: str, source: str = "recipe") -> Recipe:
    """Build a recipe from TOML text; `source` names it in errors.

    Raises:
        RecipeError: as `load_recipe`.
    """
    name, values = _resolve_text(text, source, seen=())
    return _build(name, values)


def difference(first: Recipe, second: Recipe) -> list[tuple[str, Value, Value]]:
    """Return (stage.key, value in `first`, value in `second`) for every key that differs."""
    one, two = first.content(), second.content()
    return [
        (f"{stage}.{name}", one[stage][name], two[stage][name])
        for stage in STAGES
        for name in one[stage]
        if one[stage][name] != two[stage][name]
    ]


def key_range(item: dataclasses.Field[Any]) -> str:
    """Return the accepted values of one key in words, for errors and the reference."""
    choices, low, high = (item.metadata.get(part) for part in ("choices", "low", "high"))
    if choices:
        return " or ".join(_toml_value(choice) for choice in choices)
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else "any"


def _find(name_or_file: str | Path) -> Path:
    text = str(name_or_file)
    shipped = shipped_recipes()
    if text in shipped:
        return shipped[text]
    path = Path(text)
    if path.is_file():
        return path
    near = difflib.get_close_matches(text, shipped, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise RecipeError(
        what=f"there is no recipe {text!r}",
        why=f"{hint}it is neither a file nor one of: {', '.join(shipped)}",
        fix="densitometry recipe list",
    )


def _resolve(path: Path, seen: tuple[str, ...]) -> tuple[str, dict[str, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            what=f"the recipe {path.name} cannot be read",
            why=str(error),
            fix=f"ls -l {shlex.quote(str(path))}",
        ) from error
    return _resolve_text(text, path.name, seen)


def _resolve_text(text: str, source: str, seen: tuple[str, ...]) -> tuple[str, dict[str, dict[str, Any]]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(
            what=f"the recipe {source} is not TOML",
            why=str(error),
            fix=_SHOW,
        ) from error
    name, parent = _read_header(document, source)
    values: dict[str, dict[str, Any]] = {}
    if parent is not None:
        if parent in seen:
            raise RecipeError(
                what=f"the recipe {source} extends itself",
                why=f"the chain is {' → '.join((*seen, parent))}",
                fix=_SHOW,
            )
        _, values = _resolve(_find(parent), (*seen, parent))
    for stage, table in document.items():
        if stage in _HEADER_KEYS:
            continue
        if stage not in STAGES:
            raise _unknown(
                f"table [{stage}]" if isinstance(table, dict) else f"key {stage!r}",
                stage,
                (*STAGES, *_HEADER_KEYS),
                source,
            )
        if not isinstance(table, dict):
            raise RecipeError(
                what=f"{stage!r} in {source} is {_describe(table)}, not a table",
                why=f"{stage} is a stage and holds keys",
                fix=_SHOW,
            )
        kind = STAGES[stage]
        checked = {key: _check(kind, stage, key, value, source) for key, value in table.items()}
        values.setdefault(stage, {}).update(checked)
    return name, values


def _read_header(document: dict[str, Any], source: str) -> tuple[str, str | None]:
    schema = document.get("schema")
    if schema != RECIPE_SCHEMA:
        raise RecipeError(
            what=f"the recipe {source} does not say schema = {RECIPE_SCHEMA!r}",
            why="it is missing"
            if schema is None
            else f"it says {schema!r}, which this version does not read",
            fix=_SHOW,
        )
    for key in ("name", "extends"):
        if key in document and not (isinstance(document[key], str) and document[key]):
            raise RecipeError(
                what=f"{key!r} in {source} is {_describe(document[key])}, not a text in quotes",
                why=f"{key} names a recipe",
                fix=_SHOW,
            )
    if "name" not in document:
        raise RecipeError(
            what=f"the recipe {source} has no name", why="results are labelled with it", fix=_SHOW
        )
    return document["name"], document.get("extends")


def _parse_override(override: str) -> tuple[str, str, Value]:
    path, equals, text = override.partition("=")
    stage, dot, key = path.strip().partition(".")
    if not (equals and dot):
        raise RecipeError(
            what=f"--set {override!r} cannot be understood",
            why="it must read stage.key=VALUE",
            fix="densitometry recipe show trichoscopy --set measure.primary_cutoff_um=40",
        )
    if stage not in STAGES:
        raise _unknown(f"stage {stage!r}", stage, tuple(STAGES), "--set")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # an unquoted word, as shells leave it
    return stage, key, _check(STAGES[stage], stage, key, value, "--set")


def _check(kind: type[Any], stage: str, key: str, value: Any, source: str) -> Value:
    """Return `value` as the key's own type, or refuse it."""
    items = {item.name: item for item in dataclasses.fields(kind)}
    if key not in items:
        raise _unknown(f"key {stage}.{key}", key, tuple(items), source)
    expected = typing.get_type_hints(kind)[key]
    converted = _convert(value, expected)
    if converted is None:
        raise RecipeError(
            what=f"{stage}.{key} in {source} is {_describe(value)}, not {_type_words(expected)}",
            why=str(items[key].metadata.get("doc", "")),
            fix=_show_with(stage, items[key]),
        )
    _check_range(items[key], stage, converted, source)
    return converted


def _convert(value: Any, expected: Any) -> Value | None:
    """Return `value` as `expected`, None where it is of another kind; a whole number is a number."""
    if typing.get_origin(expected) is tuple:
        if not isinstance(value, list | tuple) or not value:
            return None
        item_type = typing.get_args(expected)[0]
        parts = [_convert(part, item_type) for part in value]
        return None if any(part is None for part in parts) else tuple(typing.cast("list[float]", parts))
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not expected or (expected is float and not math.isfinite(value)):
        return None
    return typing.cast("Value", value)


def _check_range(item: dataclasses.Field[Any], stage: str, value: Value, source: str) -> None:
    choices: tuple[Value, ...] = item.metadata.get("choices", ())
    low, high = item.metadata.get("low"), item.metadata.get("high")
    for part in value if isinstance(value, tuple) else (value,):
        outside = bool(choices) and part not in choices
        if isinstance(part, int | float):
            outside |= (low is not None and part < low) or (high is not None and part > high)
        if outside:
            raise RecipeError(
                what=f"{stage}.{item.name} in {source} is {part!r}, outside {key_range(item)}",
                why=str(item.metadata.get("doc", "")),
                fix=_show_with(stage, item),
            )


def _build(name: str, values: Mapping[str, Mapping[str, Any]]) -> Recipe:
    recipe = Recipe(name=name, **{stage: kind(**values.get(stage, {})) for stage, kind in STAGES.items()})
    cutoff = recipe.measure.primary_cutoff_um
    if cutoff not in recipe.measure.cutoffs_um:
        wider = _toml_value((*recipe.measure.cutoffs_um, cutoff))
        raise RecipeError(
            what=f"measure.primary_cutoff_um {cutoff:g} is not among measure.cutoffs_um",
            why=f"cutoffs_um is {_toml_value(recipe.measure.cutoffs_um)}",
            fix=f"densitometry recipe show {recipe.name} --set 'measure.cutoffs_um={wider}'",
        )
    return recipe


def _unknown(label: str, word: str, known: tuple[str, ...], source: str) -> RecipeError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    why = f"the nearest known name is {near[0]!r}" if near else "this stage has no keys"
    return RecipeError(what=f"unknown {label} in {source}", why=why, fix=_SHOW)


def _show_with(stage: str, item: dataclasses.Field[Any]) -> str:
    return f"densitometry recipe show trichoscopy --set '{stage}.{item.name}={_toml_value(item.default)}'"


def _describe(value: Any) -> str:
    return f"{value!r} ({_TYPE_WORDS.get(type(value), type(value).__name__)})"


def _type_words(expected: Any) -> str:
    if typing.get_origin(expected) is tuple:
        return f"a list, each item {_type_words(typing.get_args(expected)[0])}"
    return _TYPE_WORDS[expected]


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(part) for part in value) + "]"
    return repr(value)
