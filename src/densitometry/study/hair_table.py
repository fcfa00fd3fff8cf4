"""The hairs of a whole study in one table: Parquet, a file per participant, or CSV without the extra."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from densitometry.errors import OutputError
from densitometry.report import results
from densitometry.report.folders import (
    check_replaceable,
    move_away,
    remove_partials,
    whole_folder,
    write_whole_file,
)
from densitometry.schema import HAIRS, Column, column_names
from densitometry.schema_study import STUDY_HAIRS
from densitometry.study.entities import Picture

CSV_NAME, PARQUET_NAME = "hairs.csv", "hairs.parquet"
ENTITY_COLUMNS = STUDY_HAIRS[: -len(HAIRS)]
EMPTY_NAME = "none.parquet"
_COMPRESSION = "zstd"


def has_parquet() -> bool:
    """Whether the extra that writes Parquet is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_hair_table(out: Path, people: Mapping[str, Sequence[Picture]], *, parquet: bool) -> None:
    """Write the hairs of all measured pictures, and remove the other form of the table.

    Args:
        out: folder of the results, in which each picture has its own table.
        people: participant → measured pictures, in the order of the study.
        parquet: hairs.parquet, a folder with a file per participant; else hairs.csv.

    Raises:
        OutputError: a picture's table cannot be read, or the table cannot be written.
    """
    if parquet:
        _write_parquet(out, people)
        (out / CSV_NAME).unlink(missing_ok=True)
        return
    write_whole_file(out / CSV_NAME, _csv_lines(out, people))
    if (out / PARQUET_NAME).is_dir():
        shutil.rmtree(out / PARQUET_NAME)


def entities_of(picture: Picture) -> dict[str, Any]:
    """Return the cells that say which picture a row is about."""
    return {column.name: getattr(picture, column.name) for column in ENTITY_COLUMNS}


def _csv_lines(out: Path, people: Mapping[str, Sequence[Picture]]) -> Iterator[str]:
    """Yield the whole table, picture by picture."""
    yield ",".join(column_names(STUDY_HAIRS)) + "\n"
    for pictures in people.values():
        for picture in pictures:
            yield from _csv_lines_of(out, picture)


def _csv_lines_of(out: Path, picture: Picture) -> Iterator[str]:
    """Yield the rows of a picture's own table, each behind the picture's entities."""
    head, *rows = _read(out / picture.folder / results.HAIRS_NAME).splitlines()
    if head.split(",") != column_names(HAIRS):
        raise _unusable(out / picture.folder, f"{results.HAIRS_NAME} has other columns")
    prefix = ",".join(str(value) for value in entities_of(picture).values())
    yield from (f"{prefix},{row}\n" for row in rows)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unusable(path.parent, str(error)) from error


def _unusable(folder: Path, why: str) -> OutputError:
    return OutputError(f"the results in {folder} cannot be read", why, move_away(folder))


def _write_parquet(out: Path, people: Mapping[str, Sequence[Picture]]) -> None:
    """Write each participant's file; the folder appears whole, so that no reader sees a part of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = out / PARQUET_NAME
    remove_partials(target)
    owned = frozenset(path.name for path in target.glob("*.parquet")) if target.is_dir() else frozenset()
    check_replaceable(target, owned)
    with whole_folder(target, owned) as partial:
        for label, pictures in people.items():
            tables = [_arrow_table(out, picture) for picture in pictures]
            if tables:
                pq.write_table(
                    pa.concat_tables(tables), partial / f"sub-{label}.parquet", compression=_COMPRESSION
                )
        if not any(partial.iterdir()):
            pq.write_table(arrow_schema(STUDY_HAIRS).empty_table(), partial / EMPTY_NAME)


def _arrow_table(out: Path, picture: Picture) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    folder = out / picture.folder
    options = csv.ConvertOptions(
        column_types=arrow_schema(HAIRS), include_columns=column_names(HAIRS), null_values=[""]
    )
    try:
        table = csv.read_csv(folder / results.HAIRS_NAME, convert_options=options)
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _unusable(folder, str(error)) from error
    for position, (name, value) in enumerate(entities_of(picture).items()):
        kind = arrow_schema(ENTITY_COLUMNS).field(name)
        table = table.add_column(position, kind, pa.array([value] * table.num_rows, kind.type))
    return table.cast(arrow_schema(STUDY_HAIRS))


def arrow_schema(columns: tuple[Column, ...]) -> Any:
    """Return the Arrow schema of a table: types, with unit and meaning as metadata of each column."""
    import pyarrow as pa

    kinds = {"str": pa.string(), "float64": pa.float64(), "bool": pa.bool_()}
    kinds |= {"int64": pa.int64(), "Int64": pa.int64()}
    return pa.schema(
        [
            pa.field(
                column.name, kinds[column.dtype], metadata={"unit": column.unit, "meaning": column.meaning}
            )
            for column in columns
        ]
    )
