"""What following a participant came to, kept beside the pictures' results: a later run need not repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry._version import __version__
from densitometry.report import changes, results
from densitometry.report.folders import remove_partials, write_whole_file
from densitometry.study.audit import digest_of
from densitometry.study.check import file_digest
from densitometry.study.person_task import Groups, PersonRows, PersonTask
from densitometry.study.problems import Problem

REPLICATES_NAME, FOLLOWED_NAME = "replicates.json", "followed.json"
KEPT_NAMES = (REPLICATES_NAME, FOLLOWED_NAME)
_TABLES = (changes.CHANGE_NAME, changes.LINKS_NAME)


def digest_of_results(folder: Path) -> str:
    """Return one digest of the hairs and traces that were saved about a picture."""
    return " ".join(file_digest(folder / name) for name in (results.HAIRS_NAME, results.TRACES_NAME))


def comparison_folder(task: PersonTask, row: Mapping[str, Any]) -> Path:
    """Return the folder of the comparison that a row of change.tsv tells of."""
    stem = f"sub-{row['participant']}_ses-{row['session']}_site-{row['site']}"
    word = "change" if row["modality"] == "trich" else f"{row['modality']}-change"
    return task.folder / f"ses-{row['session']}" / f"{stem}_{word}"


def remove_comparison(target: Path) -> None:
    """Remove what an earlier run compared, and what a stopped one left of it."""
    remove_partials(target)
    for name in changes.COMPARISON_NAMES:
        (target / name).unlink(missing_ok=True)
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()


def read_groups(task: PersonTask) -> Groups | None:
    """Return the replicates that an earlier run worked out from the same results, or that there are none.

    None where they have to be worked out.
    """
    if not task.replicated:
        (task.folder / REPLICATES_NAME).unlink(missing_ok=True)
        return {}
    found = _read(task.folder / REPLICATES_NAME, _key_of_groups(task))
    return None if found is None else dict(found["groups"])


def write_groups(task: PersonTask, groups: Groups) -> None:
    """Keep the replicates.

    Raises:
        OutputError: they cannot be written.
    """
    _write(task.folder / REPLICATES_NAME, _key_of_groups(task), {"groups": groups})


def read_rows(task: PersonTask) -> PersonRows | None:
    """Return the rows that an earlier run worked out from the same, if what it wrote is still there."""
    found = _read(task.folder / FOLLOWED_NAME, _key_of_rows(task))
    if found is None or found["files"] != _files(task, found["changes"]):
        return None
    return PersonRows(tuple(found["changes"]), tuple(found["growth"]))


def write_rows(task: PersonTask, rows: PersonRows) -> PersonRows:
    """Keep the rows where anything was measured, and return them as a later run reads them.

    Raises:
        OutputError: they cannot be written.
    """
    content = {"files": _files(task, rows.changes), "changes": rows.changes, "growth": rows.growth}
    if task.digests:
        kept = _write(task.folder / FOLLOWED_NAME, _key_of_rows(task), content)
    else:
        (task.folder / FOLLOWED_NAME).unlink(missing_ok=True)
        kept = json.loads(_json(content))
    return PersonRows(tuple(kept["changes"]), tuple(kept["growth"]))


def _key_of_groups(task: PersonTask) -> str:
    return _digest({"recipe": task.recipe.digest, "version": __version__, "seen": _seen(task)})


def _key_of_rows(task: PersonTask) -> str:
    inputs = {
        "before": _key_of_groups(task),
        "person": repr(task.person),
        "problems": [_problem(item) for item in task.problems],
        "groups": task.groups,
        "pooled": task.pooled,
        "overlay": task.overlay,
    }
    return _digest(inputs)


def _seen(task: PersonTask) -> list[list[Any]]:
    return [
        [item.picture.stem, item.status, item.summary, task.digests.get(item.picture.stem)]
        for item in task.seen
    ]


def _problem(item: Problem) -> list[str]:
    return [item.code, item.what, item.why, item.severity, item.prevents, item.participant, item.session]


def _files(task: PersonTask, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the files of every comparison, with the digest of those that are tables."""
    found = {}
    for row in rows:
        folder = comparison_folder(task, row)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = path.relative_to(task.folder).as_posix()
            found[name] = file_digest(path) if path.name in _TABLES else ""
    return found


def _read(path: Path, key: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        own = content.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return content if content.get("key") == key and own == _digest(content) else None


def _write(path: Path, key: str, content: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(_json({"key": key, **content}))
    remove_partials(path)
    write_whole_file(path, _json({**kept, "sha256": _digest(kept)}) + "\n")
    return kept


def _digest(content: Any) -> str:
    return digest_of(_json(content).encode())


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON has for a number of another library, or for a cell without a value."""
    return None if pd.isna(value) else value.item()
