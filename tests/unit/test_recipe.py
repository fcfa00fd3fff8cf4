from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densitometry.errors import RecipeError
from densitometry.recipe import STAGES, Recipe, difference, load_recipe, parse_recipe, shipped_recipes

HEAD = 'schema = "densitometry.recipe/1"\nname = "test"\n'
KEYS = [(stage, item) for stage, kind in STAGES.items() for item in dataclasses.fields(kind)]


def test_the_default_serves_without_a_name():
    assert load_recipe() == dataclasses.replace(
        Recipe("trichoscopy"), **{s: getattr(load_recipe(), s) for s in STAGES}
    )


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_survive_their_own_printing(name):
    recipe = load_recipe(name)
    assert parse_recipe(recipe.to_toml()) == recipe


def test_the_digest_is_of_the_content_and_not_of_the_name():
    assert parse_recipe(HEAD).digest == load_recipe("base").digest
    assert load_recipe("base", ["measure.unit_radius_um=149"]).digest != load_recipe("base").digest


def test_a_whole_number_passes_as_a_number():
    assert load_recipe("base", ["measure.unit_radius_um=149"]) == load_recipe(
        "base", ["measure.unit_radius_um=149.0"]
    )


def test_inheritance_keeps_what_is_not_changed(tmp_path):
    parent, child = tmp_path / "parent.toml", tmp_path / "child.toml"
    parent.write_text(HEAD + 'extends = "base"\n[measure]\nunit_radius_um = 99\nend_margin_um = 50\n')
    child.write_text(HEAD + f'extends = "{parent.as_posix()}"\n[measure]\nend_margin_um = 60\n')
    measure = load_recipe(child).measure
    assert (measure.unit_radius_um, measure.end_margin_um) == (99, 60)


def test_a_circle_of_inheritance_is_refused(tmp_path):
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(HEAD + f'extends = "{two.as_posix()}"\n')
    two.write_text(HEAD + f'extends = "{one.as_posix()}"\n')
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(one)


def test_difference_names_each_key_that_differs():
    changed = load_recipe("base", ["measure.unit_radius_um=99"])
    assert difference(load_recipe("base"), changed) == [("measure.unit_radius_um", 260.0, 99.0)]


@given(st.sampled_from(KEYS), st.data())
def test_a_misspelt_key_is_refused_with_the_nearest_name(entry, data):
    stage, item = entry
    at = data.draw(st.integers(0, len(item.name) - 1))
    wrong = item.name[:at] + ("x" if item.name[at] == "q" else "q") + item.name[at + 1 :]
    with pytest.raises(RecipeError) as refused:
        parse_recipe(f"{HEAD}[{stage}]\n{wrong} = 1\n")
    assert repr(item.name) in refused.value.why


@given(
    st.sampled_from(KEYS),
    st.sampled_from(["'''word'''", "{a = 1}", "[[1]]", "1979-05-27", "[]", "nan", "true", "1.5"]),
)
def test_a_value_of_another_type_is_refused_or_fits(entry, text):
    stage, item = entry
    try:
        recipe = parse_recipe(f"{HEAD}[{stage}]\n{item.name} = {text}\n")
    except RecipeError as error:
        assert error.why
        assert error.fix.startswith("densitometry ")
    else:
        assert type(getattr(getattr(recipe, stage), item.name)) is type(item.default)


@given(st.text(max_size=60))
def test_any_text_is_a_recipe_or_refused(text):
    try:
        parse_recipe(text)
    except RecipeError as error:
        assert error.lines().count("\n") >= 2


@given(st.text(max_size=40))
def test_any_override_is_taken_or_refused(text):
    try:
        load_recipe("base", [text])
    except RecipeError as error:
        assert "--set" in error.what or error.why


@pytest.mark.parametrize(
    "text",
    [
        "",
        'schema = "other/1"\nname = "x"',
        'schema = "densitometry.recipe/1"',
        HEAD + "measure = 3",
        HEAD + "extends = 3",
        HEAD + 'extends = "nothing"',
        HEAD + "[measure]\nprimary_cutoff_um = 35",
        HEAD + "[measure]\ncutoffs_um = [1]",
    ],
)
def test_what_is_refused(text):
    with pytest.raises(RecipeError) as refused:
        parse_recipe(text)
    assert refused.value.fix.startswith("densitometry ")
