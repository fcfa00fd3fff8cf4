from __future__ import annotations

import json
from datetime import date

import pytest
from PIL import Image

from densitometry.errors import StudyLayoutError
from densitometry.study import check_study, problems_of, read_study
from densitometry.study.entities import Session, TreatedSite, Treatment
from densitometry.study.problems import errors_only
from densitometry.study.timeline import choose_baseline, last_session_of, timeline_of, too_early

SCALE = {"PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"}


def put_picture(folder, name, shade):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), shade).save(folder / name)


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line.replace(" | ", "\t") for line in lines) + "\n", encoding="utf-8")


@pytest.fixture
def study(tmp_path):
    """Two people, three and one visits, two sites, one inherited scale."""
    root = tmp_path / "study"
    write(root / "dataset_description.json", '{"Name": "Demo", "BIDSVersion": "1.10.0"}')
    write(root / "trich.json", json.dumps(SCALE))
    write(
        root / "participants.tsv",
        "participant | sex | age | centre | arm | diagnosis",
        "sub-01 | f | 31 | Bonn | A | AGA",
        "sub-02 | m | 44 | Bonn | B | LPP + AGA",
    )
    write(
        root / "treatments.tsv",
        "participant | agent | start | end | dose | unit | route | sites",
        "sub-01 | minoxidil | 2026-03-02 | n/a | 5 | % | topical | vertex",
        "sub-01 | Botox | 2026-03-10 | n/a | 100 | U | n/a | n/a",
        "sub-01 | Botox | 2026-06-10 | n/a | 100 | U | n/a | n/a",
    )
    header = "session | date | planned_week | clipped_on | dyed | immersion | polarised"
    write(
        root / "sub-01/sub-01_sessions.tsv",
        header,
        "ses-w00 | 2026-03-01 | 0 | 2026-02-27 | n | gel | y",
        "ses-w04 | 2026-03-30 | 4 | 2026-03-28 | n | gel | y",
        "ses-w16 | 2026-06-22 | 16 | 2026-06-20 | n | gel | y",
    )
    write(root / "sub-02/sub-02_sessions.tsv", "session | day", "ses-a | 1")
    shade = 0
    for visit in ("w00", "w04", "w16"):
        for site in ("vertex", "occiput"):
            for run in (1, 2):
                shade += 1
                folder = root / f"sub-01/ses-{visit}/trich"
                put_picture(folder, f"sub-01_ses-{visit}_site-{site}_run-{run}_trich.png", shade)
    put_picture(root / "sub-02/ses-a/trich", "sub-02_ses-a_site-vertex_trich.png", 100)
    return root


def found(root, severity="error"):
    return [problem for problem in check_study(root) if problem.severity == severity]


def one(root, *words, severity="error", only=True):
    """The one finding of this severity that says all `words`."""
    problems = [item for item in check_study(root) if item.severity == severity]
    fitting = [
        item
        for item in problems
        if all(word in f"{item.place} {item.what} {item.why} {item.fix}" for word in words)
    ]
    assert len(fitting) == 1, [item.what for item in problems]
    if only:
        assert problems == fitting, [item.what for item in problems]
    assert all((fitting[0].what, fitting[0].why, fitting[0].fix, fitting[0].file))
    return fitting[0]


def replace_in(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_tree_is_read_whole(study):
    read = read_study(study)
    assert read.name == "Demo"
    assert [person.label for person in read.participants] == ["01", "02"]
    assert len(read.pictures) == 13
    assert found(study) == []
    first = read.participant("01")
    assert (first.sex, first.age_years, first.arm, first.scarring) == ("f", 31, "A", False)
    assert (first.baseline, first.baseline_rule) == ("w00", "last visit on or before the first treatment")
    assert [item.agent.code for item in first.treatments] == ["minoxidil_topical"] + ["botulinum_toxin_a"] * 2
    assert first.treatments[0].sites == (TreatedSite("vertex"),)
    assert first.treatments[1].route == "intramuscular_scalp"
    second = read.participant("02")
    assert second.scarring
    assert second.diagnosis_words == "lichen planopilaris and androgenetic alopecia"
    assert second.baseline_rule == "first visit"
    picture = read.pictures[0]
    assert picture.um_per_px == (5.5, 5.5)
    assert picture.scale_source == "trich.json"
    assert picture.folder == "sub-01/ses-w00/sub-01_ses-w00_site-occiput_run-1_trich"


def test_a_visit_knows_its_time_since_treatments(study):
    person = read_study(study).participant("01")
    week_4, week_16 = person.session("w04"), person.session("w16")
    assert [item.agent.code for item in too_early(person, week_4, "vertex")] == ["minoxidil_topical"]
    assert too_early(person, week_4, "frontal") == ()
    assert too_early(person, week_16, "vertex") == ()
    assert last_session_of(person, week_16, "botulinum_toxin_a")[1] == 12
    assert last_session_of(person, week_4, "botulinum_toxin_a")[1] == 20
    assert last_session_of(person, person.session("w00"), "botulinum_toxin_a") is None


def test_the_occiput_is_a_drift_check_only_where_nothing_reached_it(study):
    assert not read_study(study).participant("01").is_drift_check("occiput")  # Botox without sites
    replace_in(study / "treatments.tsv", "100\tU\tn/a\tn/a", "100\tU\tn/a\tvertex")
    assert read_study(study).participant("01").is_drift_check("occiput")
    assert not read_study(study).participant("01").is_drift_check("vertex")
    replace_in(
        study / "treatments.tsv",
        "minoxidil\t2026-03-02\tn/a\t5\t%\ttopical",
        "minoxidil\t2026-03-02\tn/a\t5\tmg\toral",
    )
    assert not read_study(study).participant("01").is_drift_check("occiput")


def visit(label, when=None, day=None, marked=False):
    return Session("1", label, date=when, day=day, baseline_marked=marked)


def test_the_baseline_rule():
    from densitometry.study.code_lists import AGENTS

    agent = AGENTS.by_code("finasteride")
    early, middle, late = (
        visit("a", date(2026, 1, 1)),
        visit("b", date(2026, 2, 1)),
        visit("c", date(2026, 3, 1)),
    )
    visits = (early, middle, late)
    timeline = timeline_of(visits)
    start = Treatment("1", agent, start=date(2026, 2, 1))
    long_ago = Treatment("1", agent, start=date(2020, 2, 1))
    assert choose_baseline(visits, (), timeline)[0] == "a"
    assert choose_baseline(visits, (start,), timeline)[0] == "b"
    assert choose_baseline(visits, (start, long_ago), timeline)[0] == "a"
    assert choose_baseline((early, visit("m", date(2026, 2, 9), marked=True)), (), timeline)[0] == "m"
    assert choose_baseline((visit("m", marked=True), visit("n", marked=True)), (), timeline)[0] is None
    assert choose_baseline((early, visit("n")), (), timeline)[0] is None
    assert choose_baseline((), (), timeline)[0] is None


def test_dates_and_days_share_one_count():
    visits = (visit("a", date(2026, 1, 10), 0), visit("b", day=28))
    timeline = timeline_of(visits)
    assert timeline.position_of(visits[1]) == 28
    assert timeline.position(date(2026, 1, 11)) == 1
    assert timeline_of((visits[0], visit("c", date(2026, 1, 12), 3))).contradiction == ("a", "c")
    assert timeline_of((visit("a", date(2026, 1, 10)), visit("b", day=28))).position(28) is None


def test_sidecars_are_inherited_and_the_nearest_scale_holds_whole(study):
    write(study / "trich.json", json.dumps({**SCALE, "PixelSizeErrorPct": 1, "Device": "A"}))
    write(study / "sub-01/ses-w04/sub-01_ses-w04_trich.json", '{"PixelSize": [6, 6], "PixelSizeUnits": "um"}')
    own = study / "sub-01/ses-w04/trich/sub-01_ses-w04_site-vertex_run-1_trich.json"
    write(own, '{"PixelSize": 0.007, "PixelSizeUnits": "mm", "hairs": [1, 2]}')
    pictures = {picture.key: picture for picture in read_study(study).pictures}
    first = pictures["01", "w00", "trich", "vertex", 1]
    visit_wide = pictures["01", "w04", "trich", "vertex", 2]
    own_scale = pictures["01", "w04", "trich", "vertex", 1]
    assert (first.um_per_px, first.scale_error_pct) == ((5.5, 5.5), 1)
    assert (visit_wide.um_per_px, visit_wide.scale_error_pct) == ((6, 6), None)
    assert own_scale.um_per_px == pytest.approx((7, 7))
    assert own_scale.sidecar["Device"] == "A"
    assert "hairs" not in own_scale.sidecar


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "no object"),
        ('{"PixelSize": [5.5, 5.5]}', "PixelSizeUnits"),
        ('{"PixelSize": [0, 5.5], "PixelSizeUnits": "um"}', "positive"),
        ('{"PixelSize": "5.5", "PixelSizeUnits": "um"}', "PixelSize"),
        ('{"PixelSize": 5.5, "PixelSizeUnits": "um", "PixelSizeErrorPct": 80}', "PixelSizeErrorPct"),
    ],
)
def test_a_broken_sidecar_never_falls_back_to_another(study, content, words):
    own = study / "sub-01/ses-w04/trich/sub-01_ses-w04_site-vertex_run-1_trich.json"
    write(own, content)
    problems = found(study)
    assert any(words in problem.why for problem in problems)
    picture = next(item for item in problems if item.picture)
    assert picture.prevents == "measuring"
    assert picture.picture.endswith("site-vertex_run-1_trich.png")


def test_missing_scales_are_named_picture_by_picture(study):
    (study / "trich.json").unlink()
    problems = found(study)
    assert len(problems) == 13
    assert all(item.code == "E103" and item.prevents == "measuring" for item in problems)


def test_two_rival_sidecars(study):
    (study / "trich.json").unlink()
    folder = study / "sub-01/ses-w00"
    write(folder / "sub-01_trich.json", json.dumps(SCALE))
    write(folder / "ses-w00_trich.json", json.dumps(SCALE))
    assert any("hold for the same pictures" in item.what for item in found(study))


MANIFEST = (
    "image | participant | session | site | run | um_per_px | date | diagnosis",
    "a.png | 007 | w00 | vertex | 1 | 5.5 | 2026-03-01 | AGA",
    "b.png | 007 | w00 | vertex | 2 | 5.5 | n/a | n/a",
    "c.png | 007 | w12 | vertex | 1 | 5.5 | 2026-06-01 | n/a",
)


@pytest.fixture
def manifest(tmp_path):
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        put_picture(tmp_path / "flat", name, number)
    write(tmp_path / "flat/pictures.tsv", *MANIFEST)
    return tmp_path / "flat/pictures.tsv"


def test_a_manifest_is_read_whole(manifest):
    read = read_study(manifest)
    assert check_study(manifest) == []
    (person,) = read.participants
    assert (person.label, person.baseline, person.diagnosis_words) == ("007", "w00", "androgenetic alopecia")
    assert [picture.key for picture in read.pictures] == [
        ("007", "w00", "trich", "vertex", 1),
        ("007", "w00", "trich", "vertex", 2),
        ("007", "w12", "trich", "vertex", 1),
    ]
    assert read.pictures[0].um_per_px == (5.5, 5.5)


def test_a_manifest_with_semicolons_and_decimal_commas(manifest):
    text = manifest.read_text().replace("\t", ";").replace("5.5", "5,5")
    path = manifest.with_suffix(".csv")
    path.write_bytes(text.encode("utf-8-sig"))
    assert check_study(path) == []
    assert read_study(path).pictures[0].um_per_px == (5.5, 5.5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("b.png\t007\tw00\tvertex\t2", "b.png\t007\tw00\tvertex\t1", ("have one key", "line 3")),
        ("c.png", "d.png", ("there is no picture d.png", "line 4")),
        ("c.png\t007\tw12\tvertex\t1\t5.5", "c.png\t007\tw12\tvertex\t1\t", ("scale of c.png is not known",)),
        ("2026-06-01", "06/01/2026", ("2026-01-06", "2026-06-01")),
        ("2026-06-01", "", ("neither date nor day",)),
        ("n/a\tn/a", "n/a\tLPP", ("diagnosis is 'LPP' here", "line 3")),
        ("\tAGA", "\tAGAA", ("'AGAA' is not known",)),
        ("c.png\t007\tw12\tvertex", "c.png\t007\tw12\t", ("no site",)),
        ("c.png\t", "c.gif\t", ("c.gif is no picture",)),
    ],
)
def test_bad_manifests(manifest, old, new, words):
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    fitting = [
        item
        for item in found(manifest)
        if all(word in f"{item.place} {item.what} {item.fix}" for word in words)
    ]
    assert fitting, [item.what for item in found(manifest)]


def test_two_scales_in_a_manifest(manifest):
    write(manifest.with_name("a.json"), '{"PixelSize": [6, 6], "PixelSizeUnits": "um"}')
    assert one(manifest, "two scales for a.png").column == "um_per_px"
    write(
        manifest.with_name("a.json"),
        '{"PixelSize": [5.51, 5.51], "PixelSizeUnits": "um", "PixelSizeErrorPct": 2}',
    )
    assert found(manifest) == []
    assert read_study(manifest).pictures[0].scale_error_pct == 2


SESSIONS = "sub-01/sub-01_sessions.tsv"


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (SESSIONS, "2026-03-30", "", ("neither date nor day", "line 3")),
        (SESSIONS, "2026-03-30", "30.03.2026", ("line 3, column date", "2026-03-30")),
        (SESSIONS, "2026-06-22", "2026-03-29", ("planned weeks", "line 3")),
        (SESSIONS, "2026-06-20", "2026-06-30", ("clipped 8 days after", "column clipped_on")),
        (SESSIONS, "n\tgel\ty\nses-w04", "n\tgell\ty\nses-w04", ("'gell' is not known", "gel")),
        (SESSIONS, "n\tgel\ty\nses-w04", "maybe\tgel\ty\nses-w04", ("'maybe' is not known", "column dyed")),
        (
            "participants.tsv",
            "AGA\nsub",
            "AGAA\nsub",
            ("diagnosis 'AGAA' is not known", "line 2, column diagnosis"),
        ),
        ("participants.tsv", "31", "310", ("out of range", "column age")),
        ("participants.tsv", "sub-02", "sub-2", ("sub-02 has a folder and no row", "zeros")),
        (
            "treatments.tsv",
            "sub-01\tminoxidil",
            "sub-1\tminoxidil",
            ("'1', who is not in the study", "zeros"),
        ),
        ("treatments.tsv", "minoxidil", "minoxidill", ("minoxidil_topical", "other: minoxidill")),
        ("treatments.tsv", "\ttopical", "\t", ("may mean several things", "minoxidil_oral")),
        ("treatments.tsv", "\ttopical", "\tsurgical", ("may mean several things",)),
        ("treatments.tsv", "5\t%", "5\t", ("has no unit", "column unit")),
        ("treatments.tsv", "2026-03-02\tn/a", "2026-03-02\t2026-02-01", ("ends 29 days before",)),
        ("treatments.tsv", "2026-06-10", "2026-03-10", ("written twice", "line 3")),
        (
            "treatments.tsv",
            "Botox\t2026-06-10\tn/a\t100\tU",
            "FUE\t2026-06-10\tn/a\t1\tgraft",
            ("recipient",),
        ),
        ("treatments.tsv", "2026-03-02", "12", ("cannot be set against",)),
    ],
)
def test_check_names_what_is_wrong_in_tables(study, file, old, new, words):
    replace_in(study / file, old, new)
    one(study, *words, only=False)


def test_two_baselines_and_a_follow_up_older_than_its_baseline(study):
    path = study / SESSIONS
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + "\tbaseline", lines[1], lines[2] + "\ty", lines[3]]) + "\n")
    assert found(study)  # short rows are named, not filled
    path.write_text(
        "\n".join([lines[0] + "\tbaseline", lines[1] + "\t", lines[2] + "\ty", lines[3] + "\t"]) + "\n"
    )
    assert "29 days older than" in one(study, "ses-w00", "baseline ses-w04").what
    replace_in(path, "2026-03-01\t0", "2026-03-01\t-4")
    assert found(study) == []  # a screening visit
    path.write_text(
        "\n".join([lines[0] + "\tbaseline", lines[1] + "\ty", lines[2] + "\ty", lines[3] + "\t"]) + "\n"
    )
    one(study, "both marked baseline", "line 3")
    assert read_study(study).participant("01").baseline is None


def test_pictures_without_rows_and_rows_without_pictures(study):
    put_picture(study / "sub-01/ses-w24/trich", "sub-01_ses-w24_site-vertex_run-1_trich.png", 77)
    one(study, "ses-w24 of sub-01 is not in sub-01/sub-01_sessions.tsv")
    replace_in(study / SESSIONS, "ses-w16", "ses-w24")
    problems = [item.what for item in found(study)]
    assert problems == ["ses-w16 of sub-01 is not in sub-01/sub-01_sessions.tsv"]
    with (study / SESSIONS).open("a") as stream:
        stream.write("ses-w52\t2027-03-01\t52\t\t\t\t\nses-w16\t2026-06-22\t16\t\t\t\t\n")
    one(study, "ses-w52", "no picture", severity="warning", only=False)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("sub-01/ses-w00/trich/picture.png", "does not say what it shows"),
        ("sub-01/ses-w00/trich/sub-02_ses-w00_site-vertex_run-9_trich.png", "lies in the folder of sub-01"),
        ("sub-01/ses-w00/trich/sub-01_ses-w04_site-vertex_run-9_trich.png", "lies in the folder of ses-w00"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_site-vertex_run-9_macro.png", "lies in the folder trich"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_run-9_trich.png", "names no site"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_run-9_site-vertex_trich.png", "the order is"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_site-ver-tex_trich.png", "is not a label"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_site-vertex_run-0_trich.png", "a run is a number from 1"),
        ("sub-01/ses-w00/trich/sub-01_ses-w00_spot-vertex_trich.png", "is none of"),
        ("sub-01/ses-w00/loose.png", "is not read"),
        ("sub-01/loose.png", "is not read"),
        ("loose.png", "is not read"),
    ],
)
def test_pictures_out_of_place_prevent_measuring_themselves_only(study, place, words):
    put_picture((study / place).parent, (study / place).name, 200)
    problem = one(study, words)
    assert (problem.prevents, problem.picture) == ("measuring", place)


def test_one_key_twice_and_the_same_picture_twice(study):
    folder = study / "sub-01/ses-w00/trich"
    put_picture(folder, "sub-01_ses-w00_site-vertex_run-01_trich.png", 201)
    assert one(study, "have one key").prevents == "measuring"
    (folder / "sub-01_ses-w00_site-vertex_run-01_trich.png").unlink()
    copy = study / "sub-02/ses-a/trich/sub-02_ses-a_site-vertex_run-2_trich.png"
    copy.write_bytes((folder / "sub-01_ses-w00_site-vertex_run-1_trich.png").read_bytes())
    one(study, "is the same picture as")


def test_rows_that_are_there_twice(study):
    with (study / SESSIONS).open("a") as stream:
        stream.write("w00\t2026-03-01\t0\t\t\t\t\n")
    assert one(study, "session 'w00' has two rows").line == 5
    with (study / "participants.tsv").open("a") as stream:
        stream.write("01\tf\t31\tBonn\tA\tAGA\n")
    one(study, "participant '01' has two rows", "line 4", only=False)


def test_labels_that_differ_by_case_only(study):
    put_picture(study / "sub-01/ses-W00/trich", "sub-01_ses-W00_site-vertex_trich.png", 202)
    put_picture(study / "sub-01/ses-w00/trich", "sub-01_ses-w00_site-Vertex_trich.png", 203)
    one(study, "sessions", "'W00'", "capital letters", only=False)
    one(study, "sites", "'Vertex'", "capital letters", only=False)


def test_mixed_modalities_and_other_sites(study):
    put_picture(study / "sub-02/ses-b/macro", "sub-02_ses-b_site-vertex_macro.png", 204)
    write(study / "macro.json", json.dumps(SCALE))
    write(study / "sub-02/sub-02_sessions.tsv", "session | day", "ses-a | 1", "ses-b | 30")
    problem = one(study, "macro in ses-b and trich at baseline")
    assert (problem.prevents, problem.participant, problem.session) == ("following", "02", "b")
    put_picture(study / "sub-01/ses-w16/trich", "sub-01_ses-w16_site-verteks_trich.png", 205)
    one(study, "verteks", "not pictured at the baseline", severity="warning", only=False)
    one(study, "verteks", "use vertex", severity="warning", only=False)


def test_protocol_changes_are_warned_of(study):
    replace_in(study / SESSIONS, "2026-06-20\tn\tgel\ty", "n\ty\tdry\ty")
    write(study / "sub-01/ses-w16/sub-01_ses-w16_trich.json", '{"PixelSize": 9, "PixelSizeUnits": "um"}')
    changed = [item for item in found(study, "warning") if "differs" in item.what]
    assert [item.column for item in changed] == ["", "", "clipped_on", "dyed", "immersion"]
    assert found(study) == []


def test_left_overs_and_foreign_files_are_named(study):
    write(study / "sub-03.txt", "x")
    write(study / "results/x.txt", "x")
    write(study / "derivatives/x.png", "x")
    write(study / "README.md", "x")
    (study / ".partial-change-1").mkdir()
    write(study / "sub-01/ses-w00/trich/sub-01_ses-w00_site-frontal_run-1_trich.json", "{}")
    warned = {item.file for item in found(study, "warning")}
    assert warned == {
        ".partial-change-1",
        "results",
        "sub-03.txt",
        "sub-01/ses-w00/trich/sub-01_ses-w00_site-frontal_run-1_trich.json",
    }


def test_blank_diagnosis_is_said(study):
    replace_in(study / "participants.tsv", "AGA\nsub-02", "\nsub-02")
    problem = one(study, "diagnosis not recorded", severity="warning")
    assert problem.line == 2
    assert read_study(study).participant("01").diagnosis_words == "diagnosis not recorded"
    assert read_study(study).participant("01").scarring is None


def test_a_missing_table_leaves_the_rest_readable(study):
    (study / "participants.tsv").unlink()
    read = read_study(study)
    assert len(read.pictures) == 13
    assert {item.code for item in errors_only(problems_of(read))} == {"E201", "E205"}
    (study / "participants.tsv").write_bytes(b"\x00\x01\x81")
    assert any("not a text table" in item.what for item in check_study(study))


def test_everything_is_listed_at_once(study):
    replace_in(study / SESSIONS, "2026-03-30", "30.03.2026")
    replace_in(study / "participants.tsv", "AGA\nsub", "AGAA\nsub")
    replace_in(study / "treatments.tsv", "sub-01\tminoxidil", "sub-1\tminoxidil")
    put_picture(study, "loose.png", 1)
    files = [item.file for item in found(study)]
    assert files == sorted(files)
    assert len(files) == 4


def test_every_cell_of_a_bad_row_is_named(study):
    path = study / "treatments.tsv"
    path.write_text("participant;agent;start;dose\nsub-1;minoxidil;03/04/2026;x\n")
    columns = [item.column for item in found(study)]
    assert columns == ["agent", "dose", "participant", "start"]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_no_study(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyLayoutError) as caught:
        read_study(tmp_path / name)
    assert "densitometry study init" in caught.value.fix
    assert [item.code for item in check_study(tmp_path / name)] == ["E201"]


def test_reading_twice_gives_the_same(study):
    assert read_study(study) == read_study(study)
    assert check_study(study) == check_study(study)
