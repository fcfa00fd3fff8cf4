"""Pictures put under another participant, visit, site or run, or taken out, with rows and sidecars."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from densitometry.errors import ScaleError, StudyEditError
from densitometry.study import cells, columns, names, sidecars
from densitometry.study.changes import Change
from densitometry.study.editing import scan_of
from densitometry.study.entities import Picture
from densitometry.study.sidecars import Sidecar
from densitometry.study.table_edits import TableEdit, new_bytes, open_table
from densitometry.study.tree import Scan

_PREFIXES = {"sub": "sub-", "ses": "ses-", "site": "site-", "run": "run-"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Pictures of one participant, narrowed by visit, site and run; "" and 0 do not narrow."""

    participant: str
    session: str = ""
    site: str = ""
    run: int = 0

    def bare(self) -> Selection:
        """Return the selection with its labels checked and without prefixes.

        Raises:
            TableError: a label holds anything but letters and digits.
        """
        return Selection(
            cells.label(self.participant, "sub-"),
            cells.label(self.session, "ses-") if self.session else "",
            cells.label(self.site, "site-") if self.site else "",
            self.run,
        )

    def holds(self, picture: Picture) -> bool:
        """Whether it selects a picture."""
        return (
            picture.participant == self.participant
            and self.session in ("", picture.session)
            and self.site in ("", picture.site)
            and self.run in (0, picture.run)
        )

    @property
    def whole_visits(self) -> bool:
        """Whether it selects visits whole."""
        return not self.site and not self.run

    @property
    def whole_person(self) -> bool:
        """Whether it selects a participant whole."""
        return self.whole_visits and not self.session


def move_pictures(root: Path, selection: Selection, target: Mapping[str, str]) -> Change:
    """Plan to put the selected pictures under other labels, with sidecars and the rows of whole visits.

    Args:
        root: folder of the study.
        selection: which pictures.
        target: entity ("sub", "ses", "site", "run") → new label.

    Raises:
        StudyEditError: nothing is selected, no target is given, a place is taken, or a row would be missing.
        ScaleError: an inherited scale would no longer hold.
        TableError: a label has no meaning.
    """
    scan, selection = scan_of(root), selection.bare()
    new = {key: cells.label(text, _PREFIXES[key]) for key, text in target.items() if text}
    chosen = _chosen(scan, selection, root)
    if not new:
        raise StudyEditError(
            "nothing says where to", "at least one label must change", "add --to-session w12, say"
        )
    change = Change(root)
    for picture in chosen:
        change.moves[picture.path] = _relocated(picture.path, root, new)
    for sidecar in _own_sidecars(scan, chosen):
        path = root / sidecar.file
        change.moves[path] = _relocated(path, root, new)
    change.moves = {old: place for old, place in change.moves.items() if old != place}
    change.words += [
        f"move {_below(old, root)} to {_below(place, root)}" for old, place in change.moves.items()
    ]
    _refuse_lost_scale(scan, chosen, change, new)
    _move_rows(root, selection, chosen, new, change)
    return change


def remove_pictures(root: Path, selection: Selection) -> Change:
    """Plan to take the selected pictures out of the study, with their sidecars and, for whole visits, rows.

    Raises:
        StudyEditError: nothing is selected.
    """
    scan, selection = scan_of(root), selection.bare()
    change = Change(root)
    people = open_table(root / "participants", root, columns.PARTICIPANTS)
    treatments = open_table(root / "treatments", root, columns.TREATMENTS)
    folder = root / f"sub-{selection.participant}"
    if selection.whole_person:
        if not folder.is_dir() and not people.find("participant", selection.participant, "sub-"):
            _chosen(scan, selection, root)
        people.take(people.find("participant", selection.participant, "sub-"))
        treatments.take(treatments.find("participant", selection.participant, "sub-"))
        change.removals += [folder] if folder.is_dir() else []
        change.writes |= new_bytes((people, treatments))
    else:
        chosen = _chosen(scan, selection, root)
        change.removals += [picture.path for picture in chosen]
        change.removals += [root / sidecar.file for sidecar in _own_sidecars(scan, chosen)]
        if selection.whole_visits:
            visits = _visits_table(root, selection.participant)
            visits.take(visits.find("session", selection.session, "ses-"))
            change.writes |= new_bytes((visits,))
    change.words += [f"remove {_below(path, root)}" for path in change.removals]
    change.words += [f"remove its rows from {_below(path, root)}" for path in change.writes]
    return change


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _chosen(scan: Scan, selection: Selection, root: Path) -> list[Picture]:
    chosen = [picture for picture in scan.pictures if selection.holds(picture)]
    if chosen:
        return chosen
    own = [picture.name for picture in scan.pictures if picture.participant == selection.participant]
    there = ", ".join(own[:3]) if own else ", ".join(f"sub-{label}" for label in scan.participants[:5])
    raise StudyEditError(
        "no picture of the study is selected",
        f"there are {there or 'no pictures'}",
        f"densitometry study status {shlex.quote(str(root))}",
    )


def _relocated(path: Path, root: Path, new: Mapping[str, str]) -> Path:
    """Return the place of a file under new labels; what its name does not say stays unsaid."""
    *folders, _ = path.relative_to(root).parts
    parsed = names.parse(path.stem)
    wanted = dict(parsed.entities)
    for key, label in new.items():
        if key in wanted or (key == "run" and "site" in wanted):
            wanted[key] = label
    parts = [f"{key}-{wanted[key]}" for key in names.ENTITY_ORDER if key in wanted]
    for depth, key in enumerate(("sub", "ses")):
        if key in new and len(folders) > depth:
            folders[depth] = f"{key}-{new[key]}"
    return root.joinpath(*folders, "_".join([*parts, parsed.suffix]) + path.suffix)


def _entities(picture: Picture) -> dict[str, str]:
    return {"sub": picture.participant, "ses": picture.session, "site": picture.site, "run": str(picture.run)}


def _own_sidecars(scan: Scan, chosen: list[Picture]) -> list[Sidecar]:
    """Return the sidecars that hold for chosen pictures only."""
    inside = {picture.name for picture in chosen}
    others = [picture for picture in scan.pictures if picture.name not in inside]
    return [
        item
        for item in scan.sidecars
        if "sub" in item.entities
        and any(item.applies(picture.modality, _entities(picture)) for picture in chosen)
        and not any(item.applies(picture.modality, _entities(picture)) for picture in others)
    ]


def _refuse_lost_scale(scan: Scan, chosen: list[Picture], change: Change, new: Mapping[str, str]) -> None:
    """Refuse a move after which another scale would hold for a picture."""
    root = scan.root
    after = []
    for item in scan.sidecars:
        place = change.moves.get(root / item.file)
        entities = dict(item.entities)
        if place:
            entities |= {key: new[key] for key in item.entities if key in new}
        after.append(
            Sidecar(item.file, (place or root / item.file).parent, item.modality, entities, item.keys)
        )
    for picture in chosen:
        applied = sidecars.in_force(after, picture.modality, {**_entities(picture), **new})
        scale = sidecars.scale_of(*sidecars.merge(applied))
        if scale.um_per_px != picture.um_per_px:
            raise ScaleError(
                f"{picture.name} would lose its scale",
                f"{picture.scale_source} states it and does not hold in the new place",
                f"write PixelSize and PixelSizeUnits into {picture.path.with_suffix('.json').name} first",
            )


def _visits_table(root: Path, participant: str) -> TableEdit:
    return open_table(root / f"sub-{participant}" / f"sub-{participant}_sessions", root, columns.SESSIONS)


def _move_rows(
    root: Path, selection: Selection, chosen: list[Picture], new: Mapping[str, str], change: Change
) -> None:
    person = new.get("sub", selection.participant)
    people = open_table(root / "participants", root, columns.PARTICIPANTS)
    treatments = open_table(root / "treatments", root, columns.TREATMENTS)
    visits = _visits_table(root, selection.participant)
    target = visits if person == selection.participant else _visits_table(root, person)
    if person != selection.participant:
        _move_person(selection, person, people, treatments)
    labels = {picture.session for picture in chosen}
    if selection.whole_person:
        labels |= {row[visits.columns.index("session")].strip().removeprefix("ses-") for row in visits.rows}
    for label in sorted(labels):
        _move_visit(selection, label, new.get("ses", label), visits, target)
    change.writes |= new_bytes((people, treatments, visits, target))
    if target is not visits and selection.whole_person and not visits.rows and visits.path.is_file():
        change.writes.pop(visits.path, None)
        change.removals.append(visits.path)
    change.words += [f"rewrite {_below(path, root)}" for path in change.writes]


def _move_person(selection: Selection, person: str, people: TableEdit, treatments: TableEdit) -> None:
    """Rename the row of a participant moved whole; anyone else must have a row already."""
    if people.find("participant", person, "sub-"):
        return
    if not selection.whole_person:
        raise StudyEditError(
            f"sub-{person} is not in {people.path.name}",
            "diagnosis and arm of that person are not known, and those of another must not be copied",
            f"add the row sub-{person} to {people.path.name} first",
        )
    for table in (people, treatments):
        numbers = table.find("participant", selection.participant, "sub-")
        table.rename("participant", numbers, table.prefixed("participant", person, "sub-"))


def _move_visit(
    selection: Selection, label: str, new_label: str, visits: TableEdit, target: TableEdit
) -> None:
    """Take the row of a visit along, unless the target has one; part of a visit needs one there."""
    found = visits.find("session", label, "ses-")
    if target.find("session", new_label, "ses-") or not found:
        return
    if not selection.whole_visits and new_label != label:
        raise StudyEditError(
            f"ses-{new_label} is not in {target.path.name}",
            f"the date of ses-{label} need not be that of ses-{new_label}",
            f"add the row ses-{new_label} with its date to {target.path.name} first",
        )
    row = visits.take(found[:1])[0] if selection.whole_visits else visits.copy_of(found[0])
    target.append({**row, "session": target.prefixed("session", new_label, "ses-")})
