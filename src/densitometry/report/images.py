"""images.tsv: one row per input of an output folder, merged run by run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry.errors import OutputError
from densitometry.report.folders import move_away, write_whole_file
from densitometry.report.results import table_tsv
from densitometry.schema import IMAGES, Column, column_names, dtypes

IMAGES_NAME = "images.tsv"


def merge(
    out: Path,
    rows: Sequence[Mapping[str, Any]],
    columns: tuple[Column, ...] = IMAGES,
    keep: Collection[str] | None = None,
) -> None:
    """Put `rows` into the table of `out` in one step; a row takes the place of an older one of its picture.

    Args:
        out: folder of the table.
        rows: values by column.
        columns: of the table: those of `schema.IMAGES`, in a study with more before them.
        keep: pictures whose older rows stay; None for all.

    Raises:
        OutputError: if the table there is not ours, or cannot be written.
    """
    table = pd.DataFrame(rows, columns=column_names(columns))
    before = read(out, columns)
    if before is not None:
        stays = ~before["picture"].isin(table["picture"])
        if keep is not None:
            stays &= before["picture"].isin(list(keep))
        if stays.any():
            table = pd.concat([before[stays].astype(object), table.astype(object)], ignore_index=True)
    table = table.sort_values("picture", kind="stable", ignore_index=True)
    write_whole_file(out / IMAGES_NAME, table_tsv(table, columns))


def is_there(out: Path) -> bool:
    """Whether `out` holds a table of inputs."""
    try:
        return (out / IMAGES_NAME).is_file()
    except OSError:  # such as a name that is too long
        return False


def check_kind(out: Path, columns: tuple[Column, ...], command: str) -> None:
    """Refuse, before any work, an output folder whose table has other columns than `command` writes.

    Raises:
        OutputError: if so.
    """
    path = out / IMAGES_NAME
    if not is_there(out):
        return
    try:
        with path.open(encoding="utf-8") as stream:
            names = stream.readline().rstrip("\n").split("\t")
    except (OSError, ValueError) as error:
        raise _foreign(path, str(error)) from error
    if set(names) != set(column_names(columns)):
        raise OutputError(
            what=f"{out} does not hold results of `densitometry {command}`",
            why=f"its {IMAGES_NAME} has other columns; both in one folder would spoil it",
            fix=move_away(out),
        )


def recipe_digests(out: Path) -> set[str]:
    """Return the digests of the recipes whose results lie in `out`.

    Raises:
        OutputError: if the table there is not ours.
    """
    table = read(out)
    return set() if table is None else {digest for digest in table["recipe_digest"] if digest}


def read(out: Path, columns: tuple[Column, ...] = IMAGES) -> pd.DataFrame | None:
    """Return the table of `out` with "" for texts that are not known; None if there is no table.

    Raises:
        OutputError: if the table there is not ours.
    """
    path = out / IMAGES_NAME
    if not path.is_file():
        return None
    texts = [name for name, kind in dtypes(columns).items() if kind == "str"]
    kinds = {name: kind for name, kind in dtypes(columns).items() if kind in ("str", "Int64")}
    try:
        table = pd.read_csv(path, sep="\t", dtype=kinds, na_values=["n/a"], keep_default_na=False)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise _foreign(path, str(error)) from error
    missing = set(column_names(columns)) - set(table.columns)
    if missing:
        raise _foreign(path, f"it lacks the columns {', '.join(sorted(missing))}")
    table[texts] = table[texts].fillna("")
    return table


def _foreign(path: Path, why: str) -> OutputError:
    return OutputError(what=f"{path} is not a table of this program", why=why, fix=move_away(path))
