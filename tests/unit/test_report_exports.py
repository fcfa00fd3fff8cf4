"""Reports as PDF, results as FHIR."""

from __future__ import annotations

import builtins
import json
import shutil
import sys
from pathlib import Path

import pytest

from densitometry.errors import ReportError
from densitometry.report.page import build_reports, export_fhir
from densitometry.report.page.fhir_codes import SYSTEM, all_codes
from densitometry.report.page.pdf import pdf_of


@pytest.fixture
def own(results_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results_folder, tmp_path / "out"))


@pytest.fixture
def weasyprint():
    try:
        import weasyprint
    except OSError as error:
        pytest.skip(f"a library of the system is missing: {error}")
    return weasyprint


def test_observations_are_valid_and_complete(own):
    from fhir.resources.R4B.codesystem import CodeSystem
    from fhir.resources.R4B.observation import Observation

    lines, system = export_fhir(own)
    CodeSystem.model_validate_json(system.read_text(encoding="utf-8"))
    found = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(found) == 12 * 7 + 8 * 5
    assert len({item["id"] for item in found}) == len(found)
    for line in lines.read_text(encoding="utf-8").splitlines():
        Observation.model_validate_json(line)
    codes = {item.code for item in all_codes()}
    used = {
        coding["code"]
        for item in found
        for part in (item, *item["component"])
        for coding in part["code"]["coding"]
        if coding["system"] == SYSTEM
    }
    assert used <= codes
    change = next(
        item for item in found if item["code"]["coding"][0]["code"] == "terminal-hair-density-change"
    )
    assert change["effectiveDateTime"] == "2026-04-06"
    assert (change["valueQuantity"]["value"], change["valueQuantity"]["code"]) == (12.5, "%")
    parts = {part["code"]["coding"][0]["code"]: part for part in change["component"]}
    assert parts["finding"]["valueCodeableConcept"]["coding"][0]["code"] == "improved"
    assert parts["interval-region"]["valueRange"]["low"]["value"] == 5.5
    assert parts["baseline-visit"]["valueString"] == "w00"


def test_what_was_not_measured_says_so(make_results, tmp_path):
    from fhir.resources.R4B.observation import Observation

    out = make_results(tmp_path / "out", people=["01"], status="rejected")
    lines = export_fhir(out)[0].read_text(encoding="utf-8").splitlines()
    found = [Observation.model_validate_json(line) for line in lines]
    assert all(item.dataAbsentReason is not None for item in found if item.valueQuantity is None)
    assert sum(item.valueQuantity is None for item in found) >= 6 * 7


def test_the_same_results_give_the_same_observations(own):
    before = [path.read_bytes() for path in export_fhir(own)]
    assert before == [path.read_bytes() for path in export_fhir(own)]


def test_pages_become_pdf_with_nothing_cut(own, weasyprint):
    built = build_reports(own, ["01"], pdf=True)
    assert [path.name for path in built.pdfs] == ["sub-01.pdf", "group.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in built.pdfs)
    page = built.people["01"].read_text(encoding="utf-8")
    assert pdf_of(page) == built.pdfs[0].read_bytes()
    from densitometry.report.page.pdf import for_paper

    document = weasyprint.HTML(string=for_paper(page)).render()
    assert len(document.pages) >= 3
    for sheet in document.pages:
        for box in _replaced(sheet._page_box):
            assert box.position_x >= 0
            assert box.position_x + box.width <= sheet.width
            assert box.position_y + box.height <= sheet.height
    headings = [_headings(sheet._page_box) for sheet in document.pages]
    assert "At a glance" in headings[0]
    assert "Over time" in headings[1]


def test_the_same_page_is_the_same_pdf_at_another_time(weasyprint, monkeypatch):
    monkeypatch.setattr("weasyprint.pdf.fonts.harfbuzz_subset", None)  # so that fontTools cuts the fonts
    page = "<html><head><style></style></head><body><h1>Hair</h1></body></html>"
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    before = pdf_of(page)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    assert pdf_of(page) == before


def test_drawings_carry_their_styles_onto_paper(own):
    from densitometry.report.page.pdf import for_paper

    build_reports(own, ["01"])
    page = for_paper((own / "sub-01.html").read_text(encoding="utf-8"))
    assert "<script>" not in page
    assert page.count("<svg") == page.count("<style>.line") - 1  # that of the page itself
    assert "var(--" not in page.partition("<body>")[2]


@pytest.mark.parametrize(
    ("error", "why", "fix"),
    [
        (
            ModuleNotFoundError("No module named 'weasyprint'", name="weasyprint"),
            "weasyprint is not",
            "[pdf]",
        ),
        (OSError("cannot load library 'libpango-1.0-0'\nmore"), "libpango", "libpango"),
    ],
)
def test_what_a_pdf_needs_and_lacks_is_said_before_anything_is_written(own, monkeypatch, error, why, fix):
    whole = builtins.__import__

    def without(name, *rest, **more):
        if name == "weasyprint":
            raise error
        return whole(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReportError) as caught:
        build_reports(own, pdf=True)
    assert why in caught.value.why
    assert fix in caught.value.fix
    assert len(caught.value.lines().splitlines()) == 3
    assert list(own.glob("*.html")) == []


def _replaced(box):
    if type(box).__name__.endswith("ReplacedBox"):
        yield box
    for child in getattr(box, "children", ()):
        yield from _replaced(child)


def _headings(box):
    found = []
    if getattr(box, "element_tag", "") == "h2":
        found.append("".join(_words(box)))
    for child in getattr(box, "children", ()):
        found += _headings(child)
    return found


def _words(box):
    if hasattr(box, "text"):
        yield box.text
    for child in getattr(box, "children", ()):
        yield from _words(child)
