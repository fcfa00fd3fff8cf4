from __future__ import annotations

import pytest

from densitometry.errors import CodeError
from densitometry.study import code_lists
from densitometry.study.code_lists import AGENTS, DIAGNOSES, IMMERSIONS, MODALITIES, ROUTES, SEXES, YES_NO
from densitometry.study.records import read_agent, read_diagnoses, read_sites

LISTS = (AGENTS, DIAGNOSES, IMMERSIONS, MODALITIES, ROUTES, SEXES, YES_NO)


@pytest.mark.parametrize("codes", LISTS, ids=lambda codes: codes.name)
def test_codes_are_unique_and_find_themselves(codes):
    names = [entry.code for entry in codes.entries]
    assert len(names) == len(set(names))
    for entry in codes.entries:
        assert codes.resolve(entry.code) == entry
        for word in (entry.english, entry.german, *entry.synonyms):
            assert entry in codes.find(word), word
            assert entry in codes.find(f" {word.upper()} ".replace(" ", "_")), word


@pytest.mark.parametrize(
    "codes", [item for item in LISTS if item is not AGENTS], ids=lambda codes: codes.name
)
def test_only_agents_have_words_that_need_the_route(codes):
    for entry in codes.entries:
        for word in (entry.english, entry.german, *entry.synonyms):
            assert codes.find(word) == (entry,), word


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("AGA", "androgenetic_alopecia"),
        ("Androgenetische Alopezie", "androgenetic_alopecia"),
        ("kreisrunder Haarausfall", "alopecia_areata"),
        ("telogenes Effluvium", "telogen_effluvium"),
        ("LPP", "lichen_planopilaris"),
        ("Frontale fibrosierende Alopezie", "frontal_fibrosing_alopecia"),
        ("CCCA", "ccca"),
        ("diskoider Lupus", "discoid_lupus"),
        ("sekundaere vernarbende Alopezie", "secondary_scarring"),
    ],
)
def test_diagnoses_in_two_languages(text, code):
    assert [item.code for item in read_diagnoses(text)] == [code]


def test_scarring_diagnoses_are_marked():
    scarring = {entry.code for entry in DIAGNOSES.entries if entry.scarring}
    assert {"lichen_planopilaris", "frontal_fibrosing_alopecia", "ccca", "discoid_lupus"} <= scarring
    assert not scarring & {"androgenetic_alopecia", "telogen_effluvium", "alopecia_areata", "healthy"}


def test_an_unknown_code_names_the_nearest():
    with pytest.raises(CodeError) as caught:
        DIAGNOSES.resolve("lichen planopillaris")
    assert "lichen_planopilaris" in caught.value.fix
    assert caught.value.code == "E203"


def test_every_window_says_where_it_comes_from():
    windows = [entry.too_early for entry in AGENTS.entries if entry.too_early]
    assert windows
    assert all(window.source and 0 <= window.from_week < window.to_week for window in windows)
    shedding = AGENTS.by_code("minoxidil_topical").too_early
    assert (shedding.from_week, shedding.to_week) == (2, 8)


def test_routes_of_agents_are_known_routes():
    known = {entry.code for entry in ROUTES.entries}
    assert all(set(entry.routes) <= known for entry in AGENTS.entries)


def test_the_route_tells_which_agent_is_meant():
    assert read_agent("Minoxidil", "oral").code == "minoxidil_oral"
    assert read_agent("minoxidil", "topical").code == "minoxidil_topical"
    with pytest.raises(CodeError) as caught:
        read_agent("minoxidil", "")
    assert "minoxidil_topical or minoxidil_oral" in caught.value.fix


def test_other_agents_keep_their_text():
    assert read_agent("other: caffeine shampoo", "") is code_lists.OTHER_AGENT
    with pytest.raises(CodeError, match="names nothing"):
        read_agent("other:", "")
    with pytest.raises(CodeError) as caught:
        read_agent("caffeine shampoo", "")
    assert caught.value.fix.endswith("other: caffeine shampoo")


def test_treated_sites_have_roles_where_written():
    assert [(item.site, item.role) for item in read_sites("recipient:frontal + donor:site-occiput")] == [
        ("frontal", "recipient"),
        ("occiput", "donor"),
    ]
    assert [item.site for item in read_sites("vertex, frontal")] == ["vertex", "frontal"]
