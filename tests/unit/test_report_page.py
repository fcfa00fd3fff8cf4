from __future__ import annotations

import html
import re
import shutil
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from densitometry.errors import OutputError, ReportError, StudyKeyError
from densitometry.report.canvas import encode_jpeg
from densitometry.report.page import build_reports
from densitometry.report.page.axes import Scale, ticks
from densitometry.report.page.build import file_name
from densitometry.report.page.courses import courses_of
from densitometry.report.page.group import group_page
from densitometry.report.page.load import folder_inside, person_of, read_output
from densitometry.report.page.markup import Markup, escape, name_of, shortened, tag
from densitometry.report.page.person import person_page, shown_visit
from densitometry.report.page.pictures import PAGE_BYTES, Album, data_uri, picture_of
from densitometry.report.page.sentences import sentence
from densitometry.report.page.texts import ENGLISH, Texts, english, read_texts

HOSTILE = "<script>alert('x')</script>\"&\u202eevil\U0001f600" + "x" * 300
CREDIT = re.compile(r"\b(responded|worked|works|cured?|because of the treatment|thanks to)\b", re.IGNORECASE)


class Walk(HTMLParser):
    """Collects what a page refers to, its tags and its numbers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.values: list[float] = []
        self.unclosed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        if tag == "data":
            self.values.append(float(given["value"] or "nan"))
        if tag not in {"img", "input", "meta", "link"}:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag


@pytest.fixture(scope="module")
def built(results_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(results_folder, tmp_path_factory.mktemp("built") / "out"))
    build_reports(folder)
    return folder


@pytest.fixture
def own(results_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results_folder, tmp_path / "out"))


def _person(folder: Path) -> Any:
    texts = Texts()
    return person_of(read_output(folder, texts), "01", texts)


def _page(folder: Path, label: str = "01") -> str:
    return (folder / file_name(label)).read_text(encoding="utf-8")


def _text(page: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", body)).split())


def _spaced(page: str) -> str:
    """Return the text of a page with a space between neighbouring cells."""
    return _text(page.replace("<", " <"))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_every_participant_and_the_study_get_a_page(built):
    for label in ("01", "02"):
        assert "Hair measurement: participant " + label in _text(_page(built, label))
    group = (built / "group.html").read_text(encoding="utf-8")
    assert {"sub-01.html", "sub-02.html"} <= set(Walk(group).links)


@pytest.mark.parametrize("name", ["sub-01.html", "group.html"])
def test_a_page_is_whole_and_asks_for_nothing(built, name):
    walk = Walk((built / name).read_text(encoding="utf-8"))
    assert walk.unclosed == []
    own = {"sub-01.html", "sub-02.html", "group.html", "data:,"}
    assert all(link in own or link.startswith(("#", "data:image/jpeg;base64,")) for link in walk.links)


def test_the_same_results_give_the_same_bytes(own):
    build_reports(own)
    before = {path.name: path.read_bytes() for path in own.glob("*.html")}
    build_reports(own)
    assert before == {path.name: path.read_bytes() for path in own.glob("*.html")}
    assert len(before) == 3


def test_every_number_is_found_in_a_table(built):
    found = set()
    for path in [*built.glob("*.tsv"), *built.rglob("change.json")]:
        found |= {float(part) for part in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", path.read_text("utf-8"))}
    values = Walk(_page(built)).values
    assert len(values) > 100
    assert [value for value in values if value not in found] == []
    group = Walk((built / "group.html").read_text(encoding="utf-8")).values
    tables = [pd.read_csv(path, sep="\t") for path in built.glob("*.tsv")]
    counted = {float(n) for table in tables for name in table for n in table[name].value_counts(dropna=False)}
    rows = {float(len(table)) for table in tables}
    assert len(group) > 4
    assert [value for value in group if value not in found | counted | rows] == []


def test_the_sentences_are_the_fixed_ones(built):
    text = _text(_page(built))
    assert "vertex: terminal hair density is 25 % higher (+6 % to +26 %) than on 2026-01-12 (baseline" in text
    assert "changes up to 6 % are measurement noise. This does not show what caused it." in text
    assert "occiput: cannot say whether terminal hair density changed" in text
    assert "since the baseline on 2026-01-12 (visit w00)" in text
    assert not CREDIT.search(text)


def test_no_text_of_the_catalogue_gives_credit():
    assert [key for key, text in ENGLISH.items() if CREDIT.search(text)] == []


def test_every_text_is_used_and_every_used_text_exists():
    folder = Path(build_reports.__code__.co_filename).parent
    code = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "texts.py")
    made = (
        "about_",
        "to_know_",
        "verdict_",
        "light_",
        "short_",
        "status_",
        "fate_",
        "hair_",
        "range_",
        "repeatability_",
        "flow_",
    )
    unused = [key for key in ENGLISH if f'"{key}"' not in code and not key.startswith(made)]
    unused = [key for key in unused if not key.endswith(("_per_cm2", "_um", "_unit", "_fraction"))]
    assert unused == []
    used = re.findall(r'texts\.(?:say|word)\(\s*"(\w+)"', code)
    assert [key for key in used if key not in ENGLISH] == []


def test_a_language_may_lack_keys_but_not_invent_them():
    texts = Texts({"followed": "Einzeln verfolgte Haare"}, "de")
    assert texts.word("followed") == "Einzeln verfolgte Haare"
    assert texts.word("quality") == ENGLISH["quality"]
    with pytest.raises(KeyError):
        Texts({"folowed": "…"})


def test_a_catalogue_gives_its_language_to_the_page(own):
    build_reports(own, texts=Texts({"at_a_glance": "Auf einen Blick"}, "de"))
    assert '<html lang="de">' in _page(own)
    assert "Auf einen Blick" in _page(own)


def test_treatments_are_on_the_axis_where_the_results_have_them(results_folder):
    spot = _person(results_folder).spots[0]
    courses = {course.name: course for course in courses_of(spot, str)}
    assert courses["botulinum toxin A"].marks == (-400, 70, 154)
    assert courses["minoxidil, topical"].spans == ((10, None),)
    assert _person(results_folder).spots[1].courses == ()


def test_without_their_table_treatments_are_as_the_comparisons_name_them(own):
    (own / "treatments.tsv").unlink()
    courses = {course.name: course for course in courses_of(_person(own).spots[0], str)}
    assert courses["botulinum_toxin_a"].marks == (70, 154)
    assert courses["minoxidil_topical"].spans == ((84, 168),)
    build_reports(own)
    text = _text(_page(own))
    assert "treatments.tsv is missing" in text
    assert "courses over the visits at which they were running" in text


def test_arms_dates_and_treatments_are_shown(built):
    text = _spaced(_page(built))
    assert "Sex: f · age at the first visit: 41 · arm: active" in text
    assert "Latest visit: w24 , 2026-06-29" in text
    assert "minoxidil, topical 2026-01-22 goes on" in text
    assert "30 U" in text
    assert "at night" in text
    group = _spaced((built / "group.html").read_text(encoding="utf-8"))
    assert "vertex w24 active +25 % 1" in group
    assert "vertex w24 control +25 % 1" in group


def test_a_course_long_before_the_first_visit_does_not_squeeze_the_axis(built):
    """The mark at day -400 is left to the table; the visits keep most of the axis."""
    places = [
        float(x)
        for x in re.findall(r'<circle cx="([0-9.]+)" cy="[0-9.]+" r="5" class="dot own"', _page(built))
    ]
    assert max(places) - min(places) > 200


def test_what_would_settle_it_is_said(results_folder):
    spot = _person(results_folder).spots[0]
    visit = shown_visit(spot)
    for code, words in (
        ("inconclusive", "take more pictures"),
        ("too_early", "wait"),
        ("E203", "study check"),
    ):
        row = {**spot.changes["w24"], "verdict": "undetermined", "reason_code": code}
        assert words in _text(sentence(spot, row, visit, Texts())).partition("To know:")[2]
    row = {**spot.changes["w24"], "verdict": "undetermined", "reason_code": "unheard_of"}
    assert "To know" not in _text(sentence(spot, row, visit, Texts()))


def test_the_flow_counts_what_stopped_and_why(make_results, tmp_path):
    out = make_results(tmp_path / "out", people=["01"], registered=False)
    with (out / "participants.tsv").open("a", encoding="utf-8") as file:
        file.write("77" + "\tn/a" * 9 + "\n")
    build_reports(out)
    group = _spaced((out / "group.html").read_text(encoding="utf-8"))
    assert "participants in the study 2 – without a picture 1 pictures found 6" in group
    assert "later visits of a site, to be compared 4 – not compared 4" in group
    assert "not compared registration_refused 4" in group


def test_a_translation_is_a_file(tmp_path, own):
    own_words = tmp_path / "de.toml"
    own_words.write_text('language = "de"\n[words]\nat_a_glance = "Auf einen Blick"\n', encoding="utf-8")
    build_reports(own, texts=read_texts(own_words))
    assert "Auf einen Blick" in _page(own)
    assert '<html lang="de">' in _page(own)
    own_words.write_text(english(), encoding="utf-8")
    assert read_texts(own_words).word("quality") == ENGLISH["quality"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('daay = "x"', "'day' is one"),
        ('day = "Tag {tag}"', "other places in braces"),
        ('day = "Tag {day!r}"', "other places in braces"),
        ('day = "Tag {day"', "other places in braces"),
        ("day = 3", "is no text"),
        ("day = ", "Invalid value"),
    ],
)
def test_a_translation_that_cannot_work_is_refused(tmp_path, content, words):
    path = tmp_path / "de.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        read_texts(path)
    assert words in caught.value.why
    assert "--english-texts" in caught.value.fix


def test_hairs_are_told_apart_by_shape_and_word(built):
    page = _page(built)
    for fate in ("matched", "gained", "lost", "uncertain"):
        assert f'class="hair {fate}"' in page
    assert "Hair 1, followed: 25.0 µm at w00, 27.5 µm at w24" in page
    assert "Hair 4, only at w24" in page
    assert "Hair 5, only at w00" in page


def test_six_visits_of_two_sites_stay_within_the_size(make_results, tmp_path):
    sessions = [f"w{week:02d}" for week in range(0, 72, 12)]
    out = make_results(tmp_path / "out", people=["01"], sessions=sessions, picture_px=(320, 240))
    grain = np.random.default_rng(3).integers(0, 256, (1000, 1400, 3)).astype(np.uint8)
    for path in out.rglob("*.jpg"):
        path.write_bytes(encode_jpeg(grain, 95))
    started = time.process_time()
    build_reports(out)
    assert time.process_time() - started < 6
    assert 0.5 * PAGE_BYTES < (out / "sub-01.html").stat().st_size <= PAGE_BYTES
    assert _page(out).count("data:image/jpeg") == 20


def test_a_person_of_six_visits_is_built_within_two_seconds(make_results, tmp_path):
    """In processor time: what else the machine does is not the report's."""
    sessions = [f"w{week:02d}" for week in range(0, 72, 12)]
    out = make_results(tmp_path / "out", people=["01"], sessions=sessions, picture_px=(960, 768))
    texts = Texts()
    started = time.process_time()
    output = read_output(out, texts)
    person_page(output, person_of(output, "01", texts), str, texts)
    assert time.process_time() - started < 2


@pytest.mark.slow
def test_a_study_of_two_hundred_people_is_shown_within_twenty_seconds(make_results, tmp_path):
    people = [f"{number:03d}" for number in range(200)]
    out = make_results(tmp_path / "out", people=people, pictures=False)
    texts = Texts()
    started = time.process_time()
    output = read_output(out, texts)
    page = group_page(output, {label: file_name(label) for label in people}, texts)
    assert time.process_time() - started < 20
    assert len(set(re.findall(r'href="(sub-\d+\.html)"', page))) == 200


def test_slots_of_pictures_cannot_come_from_a_text():
    assert "\0" not in escape("\0007\0")
    album = Album()
    slot = album.add(np.zeros((8, 8, 3), np.uint8)).slot
    assert album.fill(Markup(f"<p>{slot}</p>")).startswith("<p>data:image/jpeg;base64,")


def test_growing_and_resting_hairs_are_shown_where_there_are_any(make_results, tmp_path, built):
    row = {"participant": "01", "session": "w12", "site": "vertex", "modality": "trich", "days": 2}
    row |= {"previous_session": "w00", "n_hairs": 40, "growing_fraction": 0.75, "growing_low": 0.6}
    row |= {"growing_high": 0.85, "rate_mm_per_day": 0.34}
    out = make_results(tmp_path / "out", people=["01"], sites=["vertex"], growth=[row])
    build_reports(out)
    text = _text(_page(out))
    assert "Growing and resting hairs" in text
    assert "75 % (60 % … 85 %)" in text
    assert "Growing and resting hairs" not in _text(_page(built))


def test_a_picture_is_made_to_fit_its_limit():
    noisy = np.random.default_rng(1).integers(0, 256, (900, 1200, 3)).astype(np.uint8)
    limit = 100_000
    found = data_uri(noisy, limit)
    assert 0.4 * limit < len(found) < limit * 1.4
    assert found == data_uri(noisy, limit)


def test_an_overlay_of_another_layout_is_not_cut():
    assert picture_of(np.zeros((300, 501, 3), np.uint8), 100, 80).shape == (300, 501, 3)
    assert picture_of(np.zeros((200, 200, 3), np.uint8), 100, 80).shape == (160, 200, 3)


@pytest.mark.parametrize("column", ["participant", "site", "session"])
def test_hostile_names_stay_text(make_results, tmp_path, column):
    out = make_results(tmp_path / "out", people=["01"], sites=["vertex"], sessions=["w00", "w12"])
    old = {"participant": "01", "site": "vertex", "session": "w12"}[column]
    tables = ("images.tsv", "visits.tsv", "change.tsv", "participants.tsv", "sessions.tsv", "treatments.tsv")
    for name in tables:
        lines = (out / name).read_text("utf-8").splitlines()
        if column not in lines[0].split("\t"):
            continue
        place = lines[0].split("\t").index(column)
        rows = [line.split("\t") for line in lines]
        for row in rows[1:]:
            row[place] = HOSTILE if row[place] == old else row[place]
        (out / name).write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    built = build_reports(out)
    for path in [built.group, *built.people.values()]:
        page = path.read_text(encoding="utf-8")
        walk = Walk(page)
        assert walk.tags.count("script") == 1
        assert "alert('x')" not in page
        assert "\u202e" not in page
        assert path.parent == out
    page = next(iter(built.people.values())).read_text(encoding="utf-8")
    assert "<script>alert('x')</script>" in html.unescape(page)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("treatments.tsv", "agent_name"),
        ("treatments.tsv", "note"),
        ("treatments.tsv", "unit"),
        ("participants.tsv", "arm"),
        ("participants.tsv", "note"),
        ("participants.tsv", "centre"),
        ("sessions.tsv", "note"),
        ("images.tsv", "picture"),
    ],
)
def test_hostile_notes_stay_text(own, table, column):
    header, *rows = (own / table).read_text("utf-8").splitlines()
    place = header.split("\t").index(column)
    changed = [[*row.split("\t")[:place], HOSTILE, *row.split("\t")[place + 1 :]] for row in rows]
    (own / table).write_text("\n".join([header, *map("\t".join, changed)]) + "\n", encoding="utf-8")
    built = build_reports(own)
    for path in [built.group, *built.people.values()]:
        page = path.read_text(encoding="utf-8")
        assert Walk(page).tags.count("script") == 1
        assert "alert('x')" not in page
        assert "\u202e" not in page


def test_hostile_reasons_stay_text(own):
    _edit(own / "change.tsv", "The pictures show it.", "</p><img src=x onerror=alert(1)>{0}{site}%s")
    build_reports(own)
    assert "<img src=x" not in _page(own)
    assert "onerror=alert(1)>{0}{site}%s" in _text(_page(own)) or "{0}{site}" in html.unescape(_page(own))


def test_names_of_files_cannot_leave_the_folder(tmp_path):
    assert file_name("01") == "sub-01.html"
    assert "/" not in file_name("../../etc/passwd")
    assert file_name("a/b") != file_name("ab")
    assert len(file_name("x" * 300)) < 100
    (tmp_path / "sub-01").mkdir()
    assert folder_inside(tmp_path, "sub-01") is not None
    for name in ("..", "a/b", "", "a\0b", "x" * 5000):
        assert folder_inside(tmp_path, name) is None
    (tmp_path / "link").symlink_to("/")
    assert folder_inside(tmp_path, "link") is None


def test_a_folder_without_results_is_refused(tmp_path):
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(OutputError) as caught:
            build_reports(folder)
        assert "study run" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_participant_is_refused_before_anything_is_written(own):
    with pytest.raises(StudyKeyError, match="sub-99"):
        build_reports(own, ["01", "99"])
    assert list(own.glob("*.html")) == []


def test_one_visit_says_so(make_results, tmp_path):
    out = make_results(tmp_path / "out", people=["01"], sessions=["w00"])
    build_reports(out)
    text = _text(_page(out))
    assert "nothing can be compared yet" in text
    assert "vertex: terminal hair density is 120 per cm² (108 to 132). One visit was measured" in text
    assert "data:image/jpeg" in _page(out)


def test_no_registered_pair_says_so(make_results, tmp_path):
    out = make_results(tmp_path / "out", people=["01"], registered=False)
    build_reports(out)
    text = _text(_page(out))
    assert "No visit could be laid on its baseline." in text
    assert "vertex: not compared with the baseline at visit w24. Too few openings were found in both." in text
    assert 'class="viewer"' not in _page(out)


def test_all_rejected_says_so(make_results, tmp_path):
    out = make_results(tmp_path / "out", people=["01"], status="rejected")
    build_reports(out)
    text = _text(_page(out))
    assert "The quality gate refused every picture of this participant" in text
    assert "It is black." in text
    assert "No pair of pictures was compared for this visit: the quality gate refused the pictures" in text


def test_pictures_missing_at_report_time_are_said(own):
    for path in [*own.rglob("overlay.png"), *own.rglob("*.jpg")]:
        path.unlink()
    build_reports(own)
    assert "The pictures that belong here are not in the results" in _text(_page(own))
    assert "data:image/jpeg" not in _page(own)


def test_folders_missing_at_report_time_are_said(own):
    for folder in own.glob("sub-*"):
        assert folder.is_dir()
        shutil.rmtree(folder)
    build_reports(own)
    text = _text(_page(own))
    assert "are missing or incomplete" in text
    assert "terminal hair density is 25 % higher" in text


def test_an_older_layout_is_said(own):
    lines = (own / "visits.tsv").read_text("utf-8").splitlines()
    kept = lines[0].split("\t").index("vellus_fraction")
    (own / "visits.tsv").write_text("\n".join("\t".join(line.split("\t")[:kept]) for line in lines) + "\n")
    for path in own.rglob("summary.json"):
        _edit(path, "densitometry.summary/1", "densitometry.summary/0")
    build_reports(own)
    text = _text(_page(own))
    assert "visits.tsv was written by another version: it lacks vellus_fraction" in text
    assert "have the layout densitometry.summary/0" in text


def test_half_written_results_are_said(own):
    (own / "change.tsv").unlink()
    (own / ".partial-sub-01").mkdir()
    next(own.rglob("links.csv")).write_text("nonsense")
    next(own.rglob("traces.geojson")).write_text("{")
    next(own.rglob("hairs.csv")).write_text("")
    build_reports(own)
    text = _text(_page(own))
    assert "change.tsv is missing" in text
    assert "An unfinished folder lies in the results" in text
    assert "the tables hold no comparison with the baseline" in text


def test_damaged_comparisons_do_not_stop_a_report(own):
    for path in own.rglob("change.json"):
        path.write_text('{"registration": {}}')
    build_reports(own)
    assert "The files of this comparison are missing or cannot be read" in _text(_page(own))


def test_cells_that_are_no_numbers_are_said(own):
    _edit(own / "visits.tsv", "120.000", "many")
    build_reports(own)
    assert "cells that cannot be read" in _text(_page(own))


def test_a_table_without_its_keys_is_refused(own):
    _edit(own / "visits.tsv", "participant", "person")
    with pytest.raises(OutputError, match="no table of visits"):
        build_reports(own)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("improved", "25 % higher"),
        ("worsened", "25 % higher"),
        ("stable", "no change beyond measurement"),
        ("undetermined", "cannot say"),
        ("refused", "not compared"),
        ("cured", "not compared"),
    ],
)
def test_each_verdict_has_its_sentence(results_folder, verdict, words):
    texts = Texts()
    spot = person_of(read_output(results_folder, texts), "01", texts).spots[0]
    visit = shown_visit(spot)
    row = {**spot.changes["w24"], "verdict": verdict}
    assert words in _text(sentence(spot, row, visit, texts))


def test_markup_escapes_everything_that_is_not_markup():
    assert tag("p", "<b>", Markup("<i>x</i>"), None, class_='"') == '<p class="&quot;">&lt;b&gt;<i>x</i></p>'
    assert escape("a\x00\x1bb") == "a\ufffd\ufffdb"
    assert "\u202e" not in name_of("\u202etxt")
    assert shortened("abcdef", 4) == "abc…"


def test_ticks_are_round_and_within():
    for low, high in ((0, 1), (-3.2, 47), (99.2, 101.3), (5, 5), (0, 1e-7)):
        found = ticks(Scale(low, high, 0, 1), 5)
        assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
        assert len(found) <= 6


def test_cycles_are_told_with_their_slope_and_range(make_results, tmp_path):
    row = {
        "participant": "01",
        "site": "vertex",
        "modality": "trich",
        "agent": "botulinum_toxin_a",
        "cycle": 2,
        "injection_day": 84,
        "session": "w24",
        "days_since_treatment": 84,
        "figure": "terminal_density_change_pct",
        "change": 12.0,
        "change_in_cycle": 7.0,
        "slope_per_cycle": 6.0,
        "slope_low": -1.5,
        "slope_high": 13.5,
    }
    first = {**row, "cycle": 1, "injection_day": 0, "session": "w12", "change": 5.0, "change_in_cycle": 5.0}
    first |= {"slope_per_cycle": 5.0, "slope_low": None, "slope_high": None}
    out = make_results(tmp_path / "out", people=["01"], sites=["vertex"], cycles=[first, row])
    build_reports(out)
    text = _text(_page(out))
    assert "Treatment cycles" in text
    assert "+12 %" in text
    assert re.search(r"\+6 % *\( *−2 % *… *\+14 % *\)", text)
