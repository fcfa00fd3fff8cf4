"""Results of a study written by hand: small, quick, and as `study run` lays them out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densitometry.report import changes, results
from densitometry.report.canvas import encode_jpeg, encode_png
from densitometry.schema import HAIRS, SUMMARY_SCHEMA, column_names, dtypes
from densitometry.schema_study import (
    CHANGES,
    COURSES,
    CYCLES,
    GROWTH,
    PEOPLE,
    REPEATABILITY,
    SESSIONS,
    STUDY_IMAGES,
    VISIT_MEASURES,
    VISITS,
)

WIDTH_PX, HEIGHT_PX, UM_PER_PX = 96, 72, 10.0
N_HAIRS = 6
START = date(2026, 1, 12)
FATES = ("matched", "matched", "matched", "gained", "lost", "uncertain")
GRAIN = np.random.default_rng(7).integers(-8, 8, (HEIGHT_PX, WIDTH_PX, 3))


def make_results(
    out: Path,
    people: Sequence[str] = ("01", "02"),
    sites: Sequence[str] = ("vertex", "occiput"),
    sessions: Sequence[str] = ("w00", "w12", "w24"),
    verdicts: Sequence[str] = ("improved", "undetermined"),
    registered: bool = True,
    status: str = "measured",
    pictures: bool = True,
    picture_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
    growth: Sequence[dict[str, Any]] = (),
    cycles: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write what `study run` writes, and return the folder."""
    out.mkdir(parents=True, exist_ok=True)
    images, visits, rows = [], [], []
    for person in people:
        for number, session in enumerate(sessions):
            for place, site in enumerate(sites):
                name = f"sub-{person}_ses-{session}_site-{site}_run-1_trich"
                key = {"participant": person, "session": session, "site": site, "modality": "trich"}
                summary = _summary(number, status, picture_px)
                if status in ("measured", "rejected"):
                    _write_picture(out / f"sub-{person}/ses-{session}" / name, summary, pictures, picture_px)
                images.append({**key, "run": 1, **_image_row(name, summary, status)})
                visits.append({**key, **_visit_row(number, summary, status)})
                if number:
                    row = {
                        **key,
                        **_change_row(number, verdicts[place % len(verdicts)], registered, sessions[0]),
                    }
                    if status != "measured":
                        row |= {"verdict": "refused", "reason_code": "quality_rejected", "registration": None}
                        row |= {"pairing": "none", "reason": "the quality gate refused the pictures"}
                        row |= {n: None for n in row if n.startswith(("density_", "terminal_", "mean_"))}
                    else:
                        _write_change(out, row, sessions[0], registered, pictures, picture_px)
                    rows.append(row)
    about, dates, courses = _background(people, sites, sessions)
    for name, table, columns in (
        ("participants.tsv", about, PEOPLE),
        ("sessions.tsv", dates, SESSIONS),
        ("treatments.tsv", courses, COURSES),
        ("images.tsv", images, STUDY_IMAGES),
        ("visits.tsv", visits, VISITS),
        ("change.tsv", rows, CHANGES),
        ("repeatability.tsv", [], REPEATABILITY),
        ("growth.tsv", list(growth), GROWTH),
        ("cycles.tsv", list(cycles), CYCLES),
    ):
        names = column_names(columns)
        cells = {n: pd.Series([row.get(n) for row in table], dtype=object) for n in names}
        (out / name).write_text(results.table_tsv(pd.DataFrame(cells), columns), encoding="utf-8")
    (out / "environment.json").write_text(json.dumps({"version": "0.1.0", "packages": {"numpy": "2.4.6"}}))
    return out


def _background(
    people: Sequence[str], sites: Sequence[str], sessions: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    about, dates, courses = [], [], []
    for number, person in enumerate(people):
        arm = ("active", "control")[number % 2]
        about.append({"participant": person, "arm": arm, "sex": "f", "age_years": 41.0})
        for index, session in enumerate(sessions):
            day = START + timedelta(days=84 * index)
            dates.append(
                {"participant": person, "session": session, "date": day.isoformat(), "day": 84 * index}
            )
        course = {"participant": person, "sites": sites[0]}
        names = {"agent": "minoxidil_topical", "agent_name": "minoxidil, topical", "single": False}
        courses.append({**course, **names, "start": "2026-01-22", "start_day": 10, "note": "at night"})
        names = {"agent": "botulinum_toxin_a", "agent_name": "botulinum toxin A", "single": True}
        courses += [
            {**course, **names, "start_day": day, "dose": 30.0, "unit": "U"} for day in (-400, 70, 154)
        ]
    return about, dates, courses


def _summary(number: int, status: str, picture_px: tuple[int, int]) -> dict[str, Any]:
    known = status == "measured"
    values = {"density_per_cm2": 150.0, "terminal_density_per_cm2": 120.0, "vellus_fraction": 0.2}
    values |= {"mean_diameter_um": 62.5, "median_diameter_um": 61.0, "diameter_cv": 0.3}
    values |= {
        "cumulative_thickness_mm_per_cm2": 9.4,
        "follicular_units_per_cm2": 80.0,
        "hairs_per_unit": 1.8,
    }
    found: dict[str, Any] = {
        "schema": SUMMARY_SCHEMA,
        "version": "0.1.0",
        "recipe": "trichoscopy",
        "recipe_digest": "d" * 64,
        "image": {"sha256": "a" * 64, "width_px": picture_px[0], "height_px": picture_px[1], "tone": "ICC"},
        "scale": {"um_per_px": UM_PER_PX, "rel_error": 0.01, "origin": "sidecar", "geometry": "square"},
        "quality": {"verdict": "accept" if known else "reject", "reasons": [] if known else ["It is black."]},
        "area_cm2": 0.2,
        "n_hairs": float(N_HAIRS) if known else None,
        "by_cutoff": [{"cutoff_um": 30.0}, {"cutoff_um": 40.0}],
        "counting_rule": "A hair counts where its root lies.",
    }
    for name, value in values.items():
        for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.1)):
            found[name + end] = value * factor * (1 + 0.03125 * number) if known else None
    return found


def _image_row(name: str, summary: dict[str, Any], status: str) -> dict[str, Any]:
    names = ("area_cm2", "n_hairs", "density_per_cm2", "mean_diameter_um")
    return {
        **{key: summary[key] for key in names},
        "picture": name,
        "status": status,
        "sha256": "a" * 64,
        "recipe_digest": "d" * 64,
        "quality": summary["quality"]["verdict"],
        "um_per_px": UM_PER_PX,
    }


def _visit_row(number: int, summary: dict[str, Any], status: str) -> dict[str, Any]:
    row = {name + end: summary[name + end] for name in VISIT_MEASURES for end in ("", "_low", "_high")}
    row |= {"day": 84 * number, "baseline": number == 0, "status": status, "n_pictures": 1}
    return row | {"n_accepted": int(status == "measured"), "area_cm2": 0.2, "n_hairs": summary["n_hairs"]}


def _change_row(number: int, verdict: str, registered: bool, baseline: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "baseline_session": baseline,
        "day": 84 * number,
        "verdict": verdict if registered else "refused",
        "verdict_endpoint": "terminal_density",
        "reason_code": "beyond_noise" if registered else "registration_refused",
        "reason": "The pictures show it." if registered else "too few openings were found in both",
        "pairing": "hairs" if registered else "none",
        "registration": "ok" if registered else "refused",
        "n_baseline": 1,
        "n_followup": 1,
        "interval_kind": "patch",
        "treatments": "minoxidil_topical",
        "last_treatment": "botulinum_toxin_a",
        "days_since_treatment": 14,
        "sdc_source": "study",
    }
    if registered:
        row |= {f"hairs_{fate}": FATES.count(fate) for fate in set(FATES)}
        for name, value in (
            ("density_change_pct", 9.5),
            ("terminal_density_change_pct", 12.5),
            ("cumulative_thickness_change_pct", 15.25),
            ("mean_diameter_change_um", -1.5),
            ("vellus_fraction_change", -0.0125),
        ):
            row |= {name: value * number, f"{name}_low": value - 5, f"{name}_high": value + 5}
            row |= {f"{name}_region_low": value - 7, f"{name}_region_high": value + 14}
            row[f"{name}_sdc"] = abs(value) / 2
    return row


def _lines(picture_px: tuple[int, int]) -> list[np.ndarray]:
    width, height = picture_px
    xs = np.linspace(0.15, 0.85, N_HAIRS) * width
    return [np.array([[x, 0.25 * height], [x + 2, 0.5 * height], [x + 5, 0.75 * height]]) for x in xs]


def _pixels(picture_px: tuple[int, int]) -> np.ndarray:
    width, height = picture_px
    tiles = -(-height // HEIGHT_PX), -(-width // WIDTH_PX)
    grain = np.tile(GRAIN, (*tiles, 1))[:height, :width]
    return (np.array([190, 150, 135]) + grain).astype(np.uint8)


def _write_picture(
    folder: Path, summary: dict[str, Any], pictures: bool, picture_px: tuple[int, int]
) -> None:
    folder.mkdir(parents=True)
    measured = summary["n_hairs"] is not None
    lines = _lines(picture_px) if measured else []
    rows = []
    for index, line in enumerate(lines):
        row: dict[str, Any] = dict.fromkeys(column_names(HAIRS))
        row |= {"hair_id": index + 1, "diameter_um": 25.0 + 10 * index, "diameter_low_um": 20.0}
        row |= {"diameter_high_um": 90.0, "length_um": 400.0, "class": "terminal", "root_sure": True}
        row |= {"root_x_um": line[0, 0] * UM_PER_PX, "root_y_um": line[0, 1] * UM_PER_PX, "count_weight": 1.0}
        row |= {"counted": True, "unit_id": index // 2 + 1, "width_sd_um": 2.0, "n_widths": 40, "flags": ""}
        rows.append(row)
    hairs = pd.DataFrame(rows, columns=column_names(HAIRS)).astype(dtypes(HAIRS))
    results.write_tables(folder, hairs, lines, summary, UM_PER_PX)
    if pictures:
        legend = np.full((20, picture_px[0], 3), 250, np.uint8)
        (folder / "overlay.png").write_bytes(encode_png(np.vstack([_pixels(picture_px), legend])))


def _write_change(
    out: Path,
    row: dict[str, Any],
    baseline: str,
    registered: bool,
    pictures: bool,
    picture_px: tuple[int, int],
) -> None:
    stem = f"sub-{row['participant']}_ses-{row['session']}_site-{row['site']}"
    folder = out / f"sub-{row['participant']}/ses-{row['session']}/{stem}_change"
    folder.mkdir(parents=True)
    links: dict[str, list[Any]] = {name: [] for name in ("baseline_hair_id", "followup_hair_id", "status")}
    links |= {name: [] for name in ("distance_um", "baseline_diameter_um", "followup_diameter_um")}
    for index, fate in enumerate(FATES if registered else ()):
        here, there = fate != "gained", fate != "lost"
        links["baseline_hair_id"].append(index + 1 if here else pd.NA)
        links["followup_hair_id"].append(index + 1 if there else pd.NA)
        links["status"].append(fate)
        links["distance_um"].append(3.0 if fate == "matched" else np.nan)
        links["baseline_diameter_um"].append(25.0 + 10 * index if here else np.nan)
        links["followup_diameter_um"].append(27.5 + 9 * index if there else np.nan)
    width, height = picture_px
    grid = [
        [[[x, y], [x + 3.0, y - 2.0]] for y in np.linspace(0, height, 7)] for x in np.linspace(0, width, 9)
    ]
    record = {
        "schema": "densitometry.change/1",
        "registration": {
            "status": "ok" if registered else "refused",
            "reason": None if registered else "too few openings were found in both",
            "affine_px": [[1.0, 0.0, 3.0], [0.0, 1.0, -2.0]] if registered else None,
            "grid": grid if registered else None,
        },
        "hairs": {fate: (FATES.count(fate) if registered else 0) for fate in dict.fromkeys(FATES)},
        "pictures": {"pairs": [{"baseline": 0, "followup": 0, "status": "ok" if registered else "refused"}]},
        "baseline": [f"sub-{row['participant']}_ses-{baseline}_site-{row['site']}_run-1_trich"],
        "followup": [f"{stem}_run-1_trich"],
    }
    changes.write_comparison(folder, record, pd.DataFrame(links))
    if pictures:
        for name in ("baseline.jpg", "followup.jpg"):
            (folder / name).write_bytes(encode_jpeg(_pixels(picture_px), 90))
