"""The reports as a person uses them: in a browser, by pointing, sliding and typing."""

from __future__ import annotations

import itertools
import os
import re
import zlib
from importlib.util import find_spec
from pathlib import Path

import pytest

from densitometry.report.page import build_reports
from densitometry.report.page.pictures import PAGE_BYTES

PAGES = ("sub-01.html", "group.html")
AXE_THERE = find_spec("axe_playwright_python") is not None
PAPER_PX = (688, 1016)
"""A4 without margins of 14 mm, at 96 px an inch."""

WIDTHS = ((1280, 900), (768, 1024), (390, 844))
# WCAG 2.2 AA: 4.5 for text, 3 for large text and for the parts of controls
LEAST_CONTRAST = 4.5
CUT = """Array.from(document.querySelectorAll('body *')).filter(e => {
  const r = e.getBoundingClientRect();
  return r.width > 0 && (r.right > innerWidth + 1 || r.left < -1) &&
    !e.closest('.scroll,.skip,svg,.stage,caption');
}).map(e => e.tagName + '.' + e.className)"""
OVERLAPPING = """(() => {
  const found = [];
  for (const svg of document.querySelectorAll('.chart svg,.flow svg')) {
    const boxes = Array.from(svg.querySelectorAll('text')).map(
      t => [t.textContent, t.getBoundingClientRect()]);
    const whole = svg.getBoundingClientRect();
    boxes.forEach(([words, a], i) => {
      if (a.left < whole.left - 1 || a.right > whole.right + 1) found.push('cut: ' + words);
      boxes.slice(i + 1).forEach(([other, b]) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 5) found.push(words + ' / ' + other);
      });
    });
  }
  return found;
})()"""
CONTRAST = """(() => {
  const light = c => { const v = c / 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const level = c => .2126 * light(c[0]) + .7152 * light(c[1]) + .0722 * light(c[2]);
  const parse = t => (t.match(/[\\d.]+/g) || []).map(Number);
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = Array.from(e.childNodes).some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest('script,style,title,desc,.stage,caption')) continue;
    const style = getComputedStyle(e);
    const ink = parse(e instanceof SVGElement ? style.fill : style.color);
    let place = e, paper = [0, 0, 0, 0];
    while (place && (paper.length === 4 && paper[3] === 0)) {
      paper = parse(getComputedStyle(place).backgroundColor); place = place.parentElement;
    }
    const [a, b] = [level(ink), level(paper)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < LEAST) found.push(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return found;
})()""".replace("LEAST", str(LEAST_CONTRAST))
NAMELESS = """Array.from(document.querySelectorAll('button,a,input,svg[role],img,summary')).filter(e => !(
  e.getAttribute('aria-label') || e.getAttribute('alt') || e.textContent.trim() ||
  (e.labels && e.labels.length))).map(e => e.outerHTML.slice(0, 80))"""
AXE = Path(str(find_spec("axe_playwright_python").origin)).with_name("axe.min.js") if AXE_THERE else None
STAGE = "document.querySelector('.stage')"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_nothing_is_cut_or_overlaps(chrome, pages, name, width, height):
    chrome.open(pages / name, width, height, mobile=width < 500)
    assert chrome.ask("document.documentElement.scrollWidth") <= width
    assert chrome.ask(CUT) == []
    assert chrome.ask(OVERLAPPING) == []


@pytest.mark.skipif(AXE is None, reason="axe-playwright-python, which ships axe-core, is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(chrome, pages, name, scheme):
    chrome.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        chrome.open(pages / name)
        chrome.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
        chrome.ask(AXE.read_text(encoding="utf-8") + "; 0")
        rules = (
            "{type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
        )
        found = chrome.ask(
            f"axe.run(document, {{runOnly: {rules}}}).then(result => result.violations.map(item => "
            "[item.id, item.impact, item.nodes.map(node => node.html.slice(0, 120)).slice(0, 3)]))"
        )
    finally:
        chrome.call("Emulation.setEmulatedMedia", features=[])
    assert found == []


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_no_figure_is_wider_or_higher_than_a_page(chrome, pages, name):
    """What is smaller than a page is moved to the next one whole; only what is larger could be cut."""
    chrome.call("Emulation.setEmulatedMedia", media="print")
    try:
        chrome.open(pages / name, *PAPER_PX)
        chrome.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
        large = chrome.ask(
            "Array.from(document.querySelectorAll('figure,.chart,.viewer,svg,img,table')).filter(e => {"
            " const r = e.getBoundingClientRect(); const table = e.tagName === 'TABLE';"
            f" return r.width > {PAPER_PX[0]} + 1 || (!table && r.height > {PAPER_PX[1]}) || r.left < -1;"
            " }).map(e => e.tagName + '.' + e.getAttribute('class'))"
        )
        whole = "Array.from(document.querySelectorAll('.chart,.stage,.flow')).map(e => "
        kept = chrome.ask(whole + "getComputedStyle(e).breakInside)")
    finally:
        chrome.call("Emulation.setEmulatedMedia", media="")
    assert large == []
    assert set(kept) == {"avoid"}


@pytest.mark.parametrize("name", PAGES)
def test_no_request_leaves_the_file_and_nothing_complains(chrome, pages, name):
    chrome.open(pages / name)
    asked = [url for url in chrome.requests() if not url.startswith("data:")]
    assert asked == [(pages / name).resolve().as_uri()]
    assert chrome.complaints() == []


def test_the_policy_of_the_page_stops_requests(chrome, pages):
    chrome.open(pages / PAGES[0])
    assert chrome.ask("fetch('http://localhost:9/').then(() => 'sent', () => 'stopped')") == "stopped"
    violations = [entry for entry in chrome.complaints() if "Content Security Policy" in str(entry)]
    assert violations


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_can_be_read_in_light_and_dark(chrome, pages, name, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.call("Emulation.setEmulatedMedia", features=features)
    try:
        chrome.open(pages / name)
        chrome.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert chrome.ask(CONTRAST) == []
    finally:
        chrome.call("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("name", PAGES)
def test_everything_has_a_name_and_headings_are_in_order(chrome, pages, name):
    chrome.open(pages / name)
    assert chrome.ask(NAMELESS) == []
    headings = "Array.from(document.querySelectorAll('h1,h2,h3')).map(e => Number(e.tagName[1]))"
    levels = chrome.ask(headings)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = chrome.ask("Array.from(document.querySelectorAll('[id]')).map(e => e.id)")
    assert len(ids) == len(set(ids))
    small = """Array.from(document.querySelectorAll('button,summary,nav a,input')).filter(e => {
      const r = e.getBoundingClientRect();
      return r.height > 0 && (r.height < 24 || r.width < 24); }).length"""
    assert chrome.ask(small) == 0


def test_the_slider_moves_by_pointer_and_by_key(chrome, pages):
    chrome.open(pages / "sub-01.html")
    box = chrome.ask(f"(r => [r.left, r.top, r.width, r.height])({STAGE}.getBoundingClientRect())")
    assert chrome.ask(f"{STAGE}.dataset.share") == "50"
    x, y = box[0] + 0.25 * box[2], box[1] + 4
    chrome.point(x, y, "mousePressed")
    chrome.point(x, y, "mouseReleased")
    assert abs(float(chrome.ask(f"{STAGE}.dataset.share")) - 25) < 2
    assert "25%" in chrome.ask("document.querySelector('.after').style.clipPath")
    chrome.ask(f"{STAGE}.focus()")
    chrome.key("ArrowRight")
    assert abs(float(chrome.ask(f"{STAGE}.dataset.share")) - 30) < 2
    chrome.ask("document.querySelector('input[type=range]').focus()")
    before = float(chrome.ask("document.querySelector('input[type=range]').value"))
    chrome.call("Input.dispatchKeyEvent", type="keyDown", key="Home", code="Home", windowsVirtualKeyCode=36)
    assert float(chrome.ask(f"{STAGE}.dataset.share")) == 0 != before


def test_blinking_starts_and_stops(chrome, pages):
    chrome.open(pages / "sub-01.html")
    button = "document.querySelector('[data-act=blink]')"
    chrome.ask(f"{button}.click()")
    assert chrome.ask(f"{button}.getAttribute('aria-pressed')") == "true"
    assert chrome.ask(f"{button}.textContent") == "Stop blinking"
    first = chrome.ask(f"{STAGE}.dataset.face")
    faces = f"new Promise(done => setTimeout(() => done({STAGE}.dataset.face), 800))"
    assert chrome.ask(faces) != first
    chrome.ask(f"{STAGE}.focus()")
    chrome.key("b")
    assert chrome.ask(f"{button}.getAttribute('aria-pressed')") == "false"


def test_a_hair_tells_its_diameters_when_pointed_at_and_by_key(chrome, pages):
    chrome.open(pages / "sub-01.html")
    chrome.ask(f"{STAGE}.scrollIntoView()")
    hair = ".before .hair.matched .line"
    place = chrome.ask(
        f"(p => {{ const q = p.getPointAtLength(p.getTotalLength() / 2).matrixTransform(p.getScreenCTM());"
        f" return [q.x, q.y]; }})(document.querySelector('{hair}'))"
    )
    chrome.point(*place)
    tip = "document.querySelector('.tip').textContent"
    assert chrome.ask(tip) == "Hair 1, followed: 25.0 µm at w00, 27.5 µm at w24"
    chrome.ask(f"{STAGE}.focus()")
    chrome.key("n")
    assert chrome.ask(tip).startswith("Hair 2, followed")
    chrome.key("p")
    assert chrome.ask(tip).startswith("Hair 1, followed")
    assert chrome.ask("document.querySelectorAll('.hair.on').length") == 1


def test_zoom_and_move_and_back(chrome, pages):
    chrome.open(pages / "sub-01.html")
    chrome.ask(f"{STAGE}.focus()")
    chrome.key("+")
    assert float(chrome.ask(f"{STAGE}.dataset.zoom")) == 1.5
    before = chrome.ask("document.querySelector('.world').style.transform")
    chrome.key("ArrowRight", shift=True)
    assert chrome.ask("document.querySelector('.world').style.transform") != before
    chrome.ask("document.querySelector('[data-act=reset]').click()")
    assert float(chrome.ask(f"{STAGE}.dataset.zoom")) == 1


def test_the_hairs_can_be_hidden_and_leave_the_plain_pictures(chrome, pages):
    chrome.open(pages / "sub-01.html")
    shown = "getComputedStyle(document.querySelector('.hair .line')).visibility"
    assert chrome.ask(shown) == "visible"
    chrome.ask("document.querySelector('[data-act=marks]').click()")
    assert chrome.ask(shown) == "hidden"
    assert chrome.ask("document.querySelector('[data-act=marks]').getAttribute('aria-pressed')") == "false"


def test_without_script_both_pictures_stand_still_side_by_side(chrome, pages):
    chrome.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chrome.call("Page.navigate", url=(pages / "sub-01.html").resolve().as_uri())
        tree = chrome.call("DOMSnapshot.captureSnapshot", computedStyles=["display"])
        assert "js" not in tree["strings"]
    finally:
        chrome.call("Emulation.setScriptExecutionDisabled", value=False)


def test_on_paper_before_and_after_are_two_still_pictures(chrome, pages, tmp_path):
    chrome.open(pages / "sub-01.html")
    chrome.ask(f"{STAGE}.focus()")
    chrome.key("+")
    chrome.call("Emulation.setEmulatedMedia", media="print")
    try:
        boxes = chrome.ask(
            "Array.from(document.querySelector('.stage').querySelectorAll('img')).map(e => "
            "(r => [r.left, r.right, r.top])(e.getBoundingClientRect()))"
        )
        assert boxes[0][1] <= boxes[1][0]
        assert boxes[0][2] == boxes[1][2]
        assert chrome.ask("getComputedStyle(document.querySelector('.after')).clipPath") == "none"
        assert chrome.ask("document.querySelector('.tools').getClientRects().length") == 0
    finally:
        chrome.call("Emulation.setEmulatedMedia", media="")
    chrome.pdf(tmp_path / "page.pdf")
    assert len(_pages(tmp_path / "page.pdf")) >= 2


def test_dots_of_the_study_open_the_reports(chrome, pages):
    chrome.open(pages / "group.html")
    links = chrome.ask("Array.from(document.querySelectorAll('.chart a')).map(e => e.getAttribute('href'))")
    assert set(links) == {"sub-01.html", "sub-02.html"}
    assert all((pages / link).is_file() for link in links)


def test_the_first_paint_of_the_largest_page_is_quick(chrome, large_page):
    """Best of three: other work on the machine may slow one down, nothing makes one faster."""
    size = large_page.stat().st_size
    assert 0.5 * PAGE_BYTES < size <= PAGE_BYTES
    paint = (
        "new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))"
        ".observe({type: 'paint', buffered: true}))"
    )
    times = []
    for _ in range(3):
        chrome.open(large_page)
        times.append(chrome.ask(paint))
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert min(times) < 1000 * busy


def _pages(path: Path) -> list[bytes]:
    data = path.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", data, flags=re.DOTALL)
    for stream in streams:
        try:
            data += zlib.decompress(stream)
        except zlib.error:
            continue
    return re.findall(rb"/Type\s*/Page\b(?!s)", data)


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_hostile_names_neither_run_nor_break_the_page(chrome, make_results, tmp_path, width, height):
    out = make_results(tmp_path / "out", people=["01"], sites=["vertex"], sessions=["w00", "w12"])
    name = "<img src=x onerror=document.title='run'>\"'&\u202e\U0001f600" + "x" * 300
    for table in ("images.tsv", "visits.tsv", "change.tsv"):
        text = (out / table).read_text(encoding="utf-8")
        for old in ("vertex", "w12", "minoxidil_topical"):
            text = text.replace(f"\t{old}\t", f"\t{name}\t")
        (out / table).write_text(text, encoding="utf-8")
    built = build_reports(out)
    for path in (built.group, built.people["01"]):
        chrome.open(path, width, height)
        assert chrome.ask("document.title").startswith("Hair measurement")
        assert chrome.ask("document.documentElement.scrollWidth") <= width
        assert chrome.ask(CUT) == []
        assert chrome.ask(OVERLAPPING) == []
        assert chrome.complaints() == []
