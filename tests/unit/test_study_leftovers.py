from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from densitometry.errors import OutputError
from densitometry.report import images
from densitometry.report.changes import COMPARISON_NAMES
from densitometry.report.results import RESULT_NAMES
from densitometry.schema import IMAGES
from densitometry.schema_study import STUDY_IMAGES
from densitometry.study.leftovers import take_over

KEPT = ("01", "w00", "vertex")
GONE = ("02", "w12", "vertex")


def stem(participant: str, session: str, site: str) -> str:
    return f"sub-{participant}_ses-{session}_site-{site}_run-1_trich"


def row(place: tuple[str, str, str]) -> dict[str, object]:
    entities = dict(zip(("participant", "session", "site"), place, strict=True))
    return {**entities, "run": 1, "modality": "trich", "picture": stem(*place), "sha256": "0" * 64}


def plan_of(out: Path, *places: tuple[str, str, str]) -> SimpleNamespace:
    pictures = [
        SimpleNamespace(
            participant=participant, session=session, site=site, stem=stem(participant, session, site)
        )
        for participant, session, site in places
    ]
    study = SimpleNamespace(root=Path("my study"), pictures=pictures)
    return SimpleNamespace(study=study, job=SimpleNamespace(out=out))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Results of two people: pictures, comparisons and pages."""
    images.merge(tmp_path, [row(KEPT), row(GONE)], STUDY_IMAGES)
    for participant, session, site in (KEPT, GONE):
        visit = tmp_path / f"sub-{participant}/ses-{session}"
        change = f"sub-{participant}_ses-{session}_site-{site}_change"
        for folder, names in ((stem(participant, session, site), RESULT_NAMES), (change, COMPARISON_NAMES)):
            (visit / folder).mkdir(parents=True)
            for name in names:
                (visit / folder / name).write_text("")
        (tmp_path / f"sub-{participant}.html").write_text("")
    return tmp_path


def content(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_results_of_pictures_that_are_gone_go_with_all_that_rests_on_them(out):
    before = content(out)
    take_over(plan_of(out, KEPT), force=False)
    assert content(out) == {name for name in before if not name.startswith("sub-02")}
    table = images.read(out, STUDY_IMAGES)
    assert table is not None
    assert table["picture"].tolist() == [stem(*KEPT)]


def test_what_somebody_put_beside_the_results_stays(out):
    note = out / "sub-02/ses-w12" / stem(*GONE) / "note.txt"
    note.write_text("mine")
    take_over(plan_of(out, KEPT), force=False)
    assert note.read_text() == "mine"
    assert content(out / "sub-02/ses-w12") == {stem(*GONE), f"{stem(*GONE)}/note.txt"}


def test_nothing_is_gone(out):
    before = content(out)
    take_over(plan_of(out, KEPT, GONE, ("03", "w00", "vertex")), force=False)
    assert content(out) == before


def test_results_of_another_study_are_refused_unless_forced(out):
    before = content(out)
    other = plan_of(out, ("07", "w00", "vertex"))
    with pytest.raises(OutputError, match="another study") as caught:
        take_over(other, force=False)
    assert caught.value.fix.startswith("densitometry study run 'my study' 'my study-results'")
    assert content(out) == before
    take_over(other, force=True)
    assert content(out) == {"images.tsv"}


def test_results_of_single_pictures_are_refused(tmp_path):
    images.merge(tmp_path, [{"picture": "a", "sha256": "0" * 64}], IMAGES)
    with pytest.raises(OutputError, match="study run"):
        take_over(plan_of(tmp_path, KEPT), force=True)


def test_a_new_folder_is_taken(tmp_path):
    take_over(plan_of(tmp_path / "new", KEPT), force=False)
    assert not (tmp_path / "new").exists()
