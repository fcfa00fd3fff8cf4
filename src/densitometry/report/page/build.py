"""A results folder → its reports, each written whole or not at all."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from densitometry.errors import StudyKeyError
from densitometry.report.folders import write_whole_file
from densitometry.report.page import fhir, fhir_codes, redcap
from densitometry.report.page.frame import GROUP_NAME
from densitometry.report.page.group import group_page
from densitometry.report.page.load import Output, person_of, read_output
from densitometry.report.page.markup import Markup
from densitometry.report.page.pdf import check_pdf, pdf_of
from densitometry.report.page.person import person_page
from densitometry.report.page.texts import Texts

_PLAIN_LABEL = re.compile(r"[A-Za-z0-9]{1,60}")
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_KEPT_LETTERS, _DIGEST_LETTERS = 40, 10


@dataclass(frozen=True, slots=True)
class Built:
    """What was written.

    Attributes:
        group: the page of the whole study.
        people: participant → page.
        notices: what could not be read.
        pdfs: the same pages as PDF, where asked for.
    """

    group: Path
    people: dict[str, Path]
    notices: tuple[str, ...]
    pdfs: tuple[Path, ...] = ()


def export_redcap(folder: Path, texts: Texts | None = None) -> tuple[Path, Path]:
    """Write the import file for REDCap and its data dictionary into a results folder; return both.

    Raises:
        OutputError: the folder holds no results of a study, or cannot be written.
    """
    output = read_output(folder, texts or Texts())
    written = (folder / redcap.REDCAP_NAME, folder / redcap.DICTIONARY_NAME)
    write_whole_file(written[0], redcap.records(output))
    write_whole_file(written[1], redcap.dictionary())
    return written


def export_fhir(folder: Path, texts: Texts | None = None) -> tuple[Path, Path]:
    """Write FHIR observations (NDJSON) and the code system they use into a results folder; return both.

    Raises:
        OutputError: the folder holds no results of a study, or cannot be written.
    """
    output = read_output(folder, texts or Texts())
    written = (folder / fhir.OBSERVATIONS_NAME, folder / fhir_codes.CODE_SYSTEM_NAME)
    write_whole_file(written[0], fhir.observations(output))
    write_whole_file(written[1], fhir.one_line(fhir_codes.code_system()))
    return written


def build_reports(
    folder: Path,
    participants: Sequence[str] = (),
    name_of_agent: Callable[[str], str] | None = None,
    texts: Texts | None = None,
    *,
    pdf: bool = False,
) -> Built:
    """Write `sub-….html` for each participant and `group.html` into a results folder.

    Args:
        folder: results of `study run`.
        participants: labels; empty for all. The page of the whole study always shows all.
        name_of_agent: code of a treatment → words; the code itself when not given.
        texts: catalogue; English when not given.
        pdf: also write each page as PDF beside it.

    Raises:
        OutputError: the folder holds no results of a study, or cannot be written.
        StudyKeyError: a participant is not in the results.
        ReportError: no PDF can be made here; nothing is written then.
    """
    texts = texts or Texts()
    if pdf:
        check_pdf()
    output = read_output(folder, texts)
    _check(output, participants)
    names = {label: file_name(label) for label in output.participants}
    people: dict[str, Path] = {}
    pdfs: list[Path] = []
    for label in participants or output.participants:
        page = person_page(output, person_of(output, label, texts), name_of_agent or str, texts)
        people[label] = folder / names[label]
        pdfs += _write(people[label], page, pdf=pdf)
    group = folder / GROUP_NAME
    pdfs += _write(group, group_page(output, names, texts), pdf=pdf)
    return Built(group, people, output.notices, tuple(pdfs))


def file_name(label: str) -> str:
    """Return the name of a participant's page: the label, or what is left of it with its digest."""
    if _PLAIN_LABEL.fullmatch(label):
        return f"sub-{label}.html"
    digest = hashlib.sha256(label.encode("utf-8", "replace")).hexdigest()[:_DIGEST_LETTERS]
    return f"sub-{_UNSAFE.sub('', label)[:_KEPT_LETTERS]}-{digest}.html"


def _write(target: Path, page: Markup, *, pdf: bool) -> list[Path]:
    """Write a page, and its PDF where asked for; return the PDF."""
    made = pdf_of(page) if pdf else b""
    write_whole_file(target, page)
    if not pdf:
        return []
    paper = target.with_suffix(".pdf")
    write_whole_file(paper, made)
    return [paper]


def _check(output: Output, participants: Sequence[str]) -> None:
    known = output.participants
    for label in participants:
        if label not in known:
            shown = ", ".join(known[:5]) or "nobody"
            line = f"densitometry report {shlex.quote(str(output.folder))}"
            raise StudyKeyError(
                f"sub-{label} is not in the results",
                f"they hold {shown}{', …' if len(known) > 5 else ''}",  # noqa: PLR2004
                f"{line} --participant {known[0]}" if known else line,
            )
