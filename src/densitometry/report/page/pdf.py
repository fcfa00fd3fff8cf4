"""A page as PDF: what the browser would print, made by WeasyPrint (extra `[pdf]`)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from densitometry.errors import ReportError
from densitometry.report.page.frame import asset

_VARIABLE = re.compile(r"--([a-z]+):([^;}]+)")
_USE = re.compile(r"var\(--([a-z]+)\)")
_SVG = re.compile(r"(<svg\b[^>]*>)")
_PALETTE = re.compile(r"@media print\{\s*:root\{([^}]*)\}")
_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_DATE = "SOURCE_DATE_EPOCH"
_INSTALL = "pip install 'densitometry[pdf]'"
_LIBRARIES = "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0   # on Debian or Ubuntu"


def check_pdf() -> None:
    """Refuse early where no PDF can be made.

    Raises:
        ReportError: WeasyPrint, or a library of the system that it needs, is missing.
    """
    _weasyprint()


def pdf_of(page: str) -> bytes:
    """Return a page as PDF; the same page gives the same bytes. Nothing outside of the page is asked for.

    Raises:
        ReportError: WeasyPrint, or a library of the system that it needs, is missing.
    """
    weasyprint = _weasyprint()
    from weasyprint.urls import URLFetcher

    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    fetcher = URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    document = weasyprint.HTML(string=for_paper(page), base_url=None, url_fetcher=fetcher)
    with _dated():
        return bytes(document.write_pdf())


def for_paper(page: str) -> str:
    """Return a page without script whose drawings carry their own styles: outer ones do not reach them."""
    found = _PALETTE.search(asset("style.css"))
    colours = dict(_VARIABLE.findall(found[1] if found else ""))
    rules = _USE.sub(lambda use: colours[use[1]], asset("chart.css"))
    return _SVG.sub(lambda opening: f"{opening[1]}<style>{rules}</style>", _SCRIPT.sub("", page))


@contextmanager
def _dated() -> Iterator[None]:
    """Give every font the same date: fontTools, which cuts them where HarfBuzz cannot, writes today's."""
    if _DATE in os.environ:
        yield
        return
    os.environ[_DATE] = "0"
    try:
        yield
    finally:
        del os.environ[_DATE]


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError as error:
        raise ReportError(
            "a PDF cannot be made", f"the package {error.name or 'weasyprint'} is not installed", _INSTALL
        ) from error
    except OSError as error:
        first = str(error).splitlines()[0] if str(error) else "a library cannot be loaded"
        raise ReportError(
            "a PDF cannot be made", f"WeasyPrint finds a library of the system missing: {first}", _LIBRARIES
        ) from error
    return weasyprint
