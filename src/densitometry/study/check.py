"""Everything that is wrong with a study, at once and with its remedy; no picture is measured."""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from densitometry.errors import DensitometryError, ScaleError, StudyKeyError, StudyLayoutError
from densitometry.study.code_lists import AREAS
from densitometry.study.codes import plain
from densitometry.study.course_checks import treatment_problems
from densitometry.study.entities import Participant, Picture, Study
from densitometry.study.layout import read_study
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.problems import Problem, from_error, in_order, problem
from densitometry.study.visit_checks import visit_problems

_HASH_CHUNK_BYTES = 1 << 20
_BEGINNING_BYTES = 1 << 16


def check_study(path: Path) -> list[Problem]:
    """Return every finding about the study at `path`, by file and line; empty where all is well."""
    try:
        return list(problems_of(read_study(path)))
    except DensitometryError as error:
        return [from_error(error, path.name, "measuring")]


def problems_of(study: Study) -> tuple[Problem, ...]:
    """Return what reading found and what the parts show together."""
    found = chain(
        study.problems,
        _strangers(study),
        _duplicates(study),
        _scales(study),
        _modalities(study),
        _site_names(study),
        chain.from_iterable(visit_problems(study, person) for person in study.participants),
        chain.from_iterable(treatment_problems(study, person) for person in study.participants),
        _same_bytes(study),
    )
    return in_order(found)


def people_file(study: Study) -> str:
    """Return the table that names the participants."""
    found = [file for file in study.tables if file.startswith("participants.")]
    return found[0] if found else next(iter(study.tables), "participants.tsv")


def _strangers(study: Study) -> Iterator[Problem]:
    """Participants in one place and not in the other, and diagnoses not recorded."""
    pictured = {picture.participant for picture in study.pictures}
    file = people_file(study)
    unreadable = {(item.file, item.line) for item in study.problems if item.column == "diagnosis"}
    for person in study.participants:
        label = person.label
        if not person.line:
            near = [other.label for other in study.participants if other.line and _like(other.label, label)]
            yield problem(
                StudyKeyError,
                f"sub-{label} has a folder and no row in {file}",
                f"there is a row for {near[0]!r}: a spreadsheet may have dropped or added zeros"
                if near
                else "diagnosis and arm are not known, so no change can be judged",
                f"rename {near[0]!r} to sub-{label} in {file}"
                if near
                else f"add the row sub-{label} to {file}",
                file=file,
                prevents="following",
                participant=label,
            )
        elif label not in pictured:
            yield problem(
                StudyKeyError,
                f"sub-{label} has a row and no picture",
                "there is nothing to measure",
                f"densitometry study add {shlex.quote(str(study.root))} IMAGE --participant {label} "
                "--session w00 --site vertex --date YYYY-MM-DD",
                file=file,
                line=person.line,
                severity="warning",
                participant=label,
            )
        if person.line and not person.diagnoses and (file, person.line) not in unreadable:
            yield problem(
                StudyLayoutError,
                f"sub-{label}: diagnosis not recorded",
                "verdicts on scarring diseases are guarded, and each one here will say that none is recorded",
                f"write the diagnosis in {file} (healthy where there is no disease)",
                file=file,
                line=person.line,
                column="diagnosis",
                severity="warning",
                participant=label,
            )


def _like(first: str, second: str) -> bool:
    return first.lstrip("0").casefold() == second.lstrip("0").casefold()


def _duplicates(study: Study) -> Iterator[Problem]:
    """Two pictures of one key; labels that differ only by case."""
    seen: dict[tuple[str, str, str, str, int], Picture] = {}
    for picture in study.pictures:
        first = seen.setdefault(picture.key, picture)
        if first is not picture:
            yield _about_picture(
                study,
                picture,
                StudyKeyError,
                f"{picture.name} and {first.name} have one key",
                f"both are {picture.stem}; a result's key must name one picture",
                "give one of them another run, or remove it",
            )
    labels = [("participant", person.label, person.label) for person in study.participants]
    labels += [
        ("session", f"sub-{item.participant}", item.label)
        for person in study.participants
        for item in person.sessions
    ]
    labels += sorted({("site", f"sub-{item.participant}", item.site) for item in study.pictures})
    folded: dict[tuple[str, str, str], str] = {}
    for noun, owner, label in labels:
        scope = "" if noun == "participant" else owner
        first_label = folded.setdefault((noun, scope, label.casefold()), label)
        if first_label != label:
            yield problem(
                StudyKeyError,
                f"the {noun}s {first_label!r} and {label!r} differ only by capital letters",
                "some file systems take them for one, and people do",
                f"rename one of them{f' of {owner}' if scope else ''}",
                file=people_file(study) if noun == "participant" else owner,
                prevents="following",
                participant=label if noun == "participant" else owner.removeprefix("sub-"),
            )


def _scales(study: Study) -> Iterator[Problem]:
    """Pictures whose scale nobody stated."""
    told = {item.picture for item in study.problems if item.code == ScaleError.code}
    for picture in study.pictures:
        if picture.um_per_px is not None or picture.modality == WHOLE_HEAD or picture.name in told:
            continue
        beside, inherited = Path(picture.name).with_suffix(".json").name, f"{picture.modality}.json"
        why = f"neither {beside} nor an inherited {inherited} states PixelSize"
        fix = (
            f'write {{"PixelSize": [5.5, 5.5], "PixelSizeUnits": "um"}} with your numbers into {beside}, '
            f"or into {inherited} beside participants.tsv where it holds for all"
        )
        if study.layout == "manifest":
            why, fix = "nothing says how many µm one pixel is", "fill the column um_per_px"
        what = f"the scale of {picture.name} is not known"
        yield _about_picture(study, picture, ScaleError, what, why, fix)


def _modalities(study: Study) -> Iterator[Problem]:
    """Sites that cannot be compared with the baseline: another modality, or not pictured then."""
    for person in study.participants:
        shown: dict[tuple[str, str], set[str]] = {}
        for picture in study.pictures_of(person.label):
            if picture.modality != WHOLE_HEAD:
                shown.setdefault((picture.session, picture.site), set()).add(picture.modality)
        then = {site for session, site in shown if session == person.baseline}
        for (session, site), modalities in sorted(shown.items()):
            before = shown.get((person.baseline or "", site), set())
            if session == person.baseline or not then or before & modalities:
                continue
            yield (
                _other_modality(person, session, site, modalities, before)
                if before
                else _other_site(study, person, session, site, then)
            )


def _other_modality(
    person: Participant, session: str, site: str, modalities: set[str], before: set[str]
) -> Problem:
    now, first = " and ".join(sorted(modalities)), " and ".join(sorted(before))
    return problem(
        StudyLayoutError,
        f"site-{site} of sub-{person.label} is {now} in ses-{session} and {first} at baseline",
        "pictures of different modalities are never compared",
        f"put them where their true modality is, or add {first} pictures of this visit",
        file=f"sub-{person.label}/ses-{session}",
        prevents="following",
        participant=person.label,
        session=session,
    )


def _other_site(study: Study, person: Participant, session: str, site: str, then: set[str]) -> Problem:
    words = ["--participant", person.label, "--session", session, "--site", site, "--to-site", min(then)]
    line = shlex.join(["densitometry", "study", "move", str(study.root), *words])
    return problem(
        StudyLayoutError,
        f"site-{site} of sub-{person.label} was not pictured at the baseline ses-{person.baseline}",
        f"there is nothing to compare it with; at baseline there is {', '.join(sorted(then))}",
        f"{line}   # if it is the same place",
        file=f"sub-{person.label}/ses-{session}",
        severity="warning",
        participant=person.label,
        session=session,
    )


def _site_names(study: Study) -> Iterator[Problem]:
    """Sites that begin with no area of the scalp that is known: perhaps misspelt."""
    for site in sorted({picture.site for picture in study.pictures if picture.site}):
        word = plain(site).replace(" ", "")
        if any(word.startswith(area) for area in AREAS):
            continue
        near = difflib.get_close_matches(word, AREAS, 1)
        yield problem(
            StudyLayoutError,
            f"the site {site!r} begins with no area of the scalp known here",
            "the area tells which site may show drift of the instrument (the occiput)",
            f"use {near[0]} if that is meant"
            if near
            else f"begin it with one of {', '.join(AREAS)} if one fits",
            file=next(picture.name for picture in study.pictures if picture.site == site),
            severity="warning",
        )


def _same_bytes(study: Study) -> Iterator[Problem]:
    """Pictures with the same bytes under two keys; only files that begin alike are read whole."""
    files = [picture for picture in study.pictures if picture.path.is_file()]
    alike = _with_equals(files, lambda picture: picture.path.stat().st_size)
    alike = _with_equals(alike, lambda picture: file_digest(picture.path, _BEGINNING_BYTES))
    seen: dict[str, Picture] = {}
    for picture in alike:
        first = seen.setdefault(file_digest(picture.path), picture)
        if first is not picture and first.path != picture.path:
            yield _about_picture(
                study,
                picture,
                StudyKeyError,
                f"{picture.name} is the same picture as {first.name}",
                "the same bytes stand for two participants, visits, sites or runs",
                "find out which is right and remove the other",
            )


def _with_equals(pictures: Sequence[Picture], key: Callable[[Picture], object]) -> list[Picture]:
    """Keep those that share their key with another, group by group."""
    groups: dict[object, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(key(picture), []).append(picture)
    return [picture for group in groups.values() if len(group) > 1 for picture in group]


def file_digest(path: Path, first_bytes: int | None = None) -> str:
    """Return the SHA-256 of a file's bytes, or of its first ones; "unreadable …" where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            if first_bytes is not None:
                return hashlib.sha256(stream.read(first_bytes)).hexdigest()
            while chunk := stream.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return f"unreadable {path}"
    return digest.hexdigest()


def _about_picture(
    study: Study, picture: Picture, kind: type[DensitometryError], what: str, why: str, fix: str
) -> Problem:
    return problem(
        kind,
        what,
        why,
        fix,
        file=people_file(study) if study.layout == "manifest" and picture.line else picture.name,
        line=picture.line or None,
        prevents="measuring",
        participant=picture.participant,
        session=picture.session,
        picture=picture.name,
    )
