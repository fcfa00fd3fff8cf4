"""`densitometry recipe`: list, show, check and compare recipes."""

from __future__ import annotations

import click

from densitometry.cli import console
from densitometry.settings import Value


@click.group("recipe")
def command() -> None:
    """List, show, check and compare recipes."""


@command.command("list")
def list_recipes() -> None:
    """Name the recipes that come with the product."""
    from densitometry.recipe import DEFAULT_RECIPE, load_recipe, shipped_recipes

    for name in shipped_recipes():
        note = "  (default)" if name == DEFAULT_RECIPE else ""
        console.say(f"{name:<20}{load_recipe(name).digest[:12]}{note}")


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@click.option(
    "--set", "overrides", multiple=True, metavar="STAGE.KEY=VALUE", help="Change one key; may be repeated."
)
def show(name: str, overrides: tuple[str, ...]) -> None:
    """Print a recipe with everything it inherits: itself a valid recipe."""
    from densitometry.recipe import load_recipe

    console.say_document(load_recipe(name, overrides).to_toml())


@command.command("check")
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Say whether a recipe can be used, and what it would change."""
    from densitometry.recipe import DEFAULT_RECIPE, difference, load_recipe

    recipe = load_recipe(file)
    changes = difference(load_recipe(DEFAULT_RECIPE), recipe)
    console.say(
        f"{file} is valid, digest {recipe.digest[:12]}; differs from {DEFAULT_RECIPE} in {len(changes)} keys"
    )
    _show_changes(changes)


@command.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def diff(first: str, second: str) -> None:
    """Name every key in which two recipes differ."""
    from densitometry.recipe import difference, load_recipe

    changes = difference(load_recipe(first), load_recipe(second))
    if not changes:
        console.say(f"{first} and {second} measure alike.")
    _show_changes(changes)


def _show_changes(changes: list[tuple[str, Value, Value]]) -> None:
    for path, before, after in changes:
        console.say(f"{path}: {before} → {after}")
