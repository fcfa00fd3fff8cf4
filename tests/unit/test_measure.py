"""Traces → hairs in µm and the numbers of a picture, on hand-made traces with known answers."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from densitometry.measure import HairTable, measure_hairs, summarize
from densitometry.measure.diameter import huber_mean
from densitometry.measure.summary import estimate_all
from densitometry.measure.units import group_units
from densitometry.model import Estimate, Quality, ScaledImage, Trace, TraceResult
from densitometry.schema import HAIRS, NOT_COUNTED_FLAGS, SUMMARY_MEASURES, column_names, dtypes
from densitometry.settings import MeasureSettings
from densitometry.units import PixelSize

SETTINGS = MeasureSettings()
UM_PER_PX = 5.0


def picture(
    side_px: int = 1000, *, rel_error: float | None = None, um_per_px: float = UM_PER_PX
) -> ScaledImage:
    """A wholly valid square picture."""
    valid = np.ones((side_px, side_px), np.bool_)
    size = PixelSize(um_per_px, "simulated", rel_error)
    pixels = np.zeros((side_px, side_px, 3), np.uint8)
    return ScaledImage(pixels, size, valid, ~valid, "sRGB assumed", "", "made", Quality("accept"))


def straight(
    x: float = 100,
    y: float = 100,
    *,
    angle: float = 0.0,
    length_px: float = 120,
    width_px: float = 12.0,
    root_probability: float = 1.0,
    presence: float = 1.0,
    inside: tuple[bool, bool] = (True, True),
    sigma_px: float = 0.2,
    flags: tuple[str, ...] = (),
) -> Trace:
    """A straight hair with a station every 3 px."""
    along = np.arange(0.0, length_px + 1e-9, 3.0)
    points = np.column_stack((x + np.cos(angle) * along, y + np.sin(angle) * along))
    count = len(along)
    return Trace(
        points,
        np.full(count, width_px),
        np.full(count, sigma_px),
        np.ones(count, np.bool_),
        root_probability,
        presence,
        inside[0],
        inside[1],
        1.0,
        flags,
    )


def result(*traces: Trace, psf_px: float = 0.9) -> TraceResult:
    """All traces of one picture."""
    return TraceResult(tuple(traces), psf_px, "edges of shafts")


def measured(*traces: Trace, settings: MeasureSettings = SETTINGS, **others: float) -> HairTable:
    return measure_hairs(result(*traces, **others), picture(), settings)


def only(*traces: Trace, **others: float) -> dict[str, object]:
    table = measured(*traces, **others)
    assert len(table.hairs) == 1
    return table.hairs.to_dict("records")[0]


def with_widths(trace: Trace, widths: np.ndarray) -> Trace:
    return dataclasses.replace(trace, width_px=widths)


def test_plain_hair() -> None:
    hair = only(straight(100, 200))
    assert hair["diameter_um"] == pytest.approx(60.0)
    assert hair["diameter_low_um"] < 60 < hair["diameter_high_um"]
    assert hair["length_um"] == pytest.approx(600.0)
    assert (hair["root_x_um"], hair["root_y_um"], hair["tip_x_um"]) == (500.0, 1000.0, 1100.0)
    assert (hair["class"], hair["count_weight"], hair["counted"], hair["flags"]) == (
        "terminal",
        1.0,
        True,
        "",
    )
    assert hair["n_widths"] == 27


def test_empty_table_has_every_column() -> None:
    hairs = measured().hairs
    assert list(hairs.columns) == column_names(HAIRS)
    assert {name: str(kind) for name, kind in hairs.dtypes.items()} == dtypes(HAIRS)
    assert len(hairs) == 0


def test_ends_outliers_and_taper_do_not_move_the_diameter() -> None:
    base = straight(length_px=240)
    widths = base.width_px.copy()
    widths[:5], widths[-5:] = 30.0, 3.0
    widths[30] = 60.0
    assert only(with_widths(base, widths))["diameter_um"] == pytest.approx(60.0, abs=0.3)
    tapering = base.width_px.copy()
    tapering[-30:] = np.linspace(12, 2, 30)
    assert only(with_widths(base, tapering))["diameter_um"] == pytest.approx(60.0, abs=2.5)


def test_overlapped_stations_are_left_out_and_used_when_nothing_else_is_there() -> None:
    base = straight()
    clear = base.clear.copy()
    clear[10:25] = False
    widths = np.where(clear, 12.0, 25.0)
    assert only(dataclasses.replace(base, width_px=widths, clear=clear))["diameter_um"] == pytest.approx(60.0)
    hidden = only(dataclasses.replace(base, clear=np.zeros_like(clear)))
    assert hidden["diameter_um"] == pytest.approx(60.0)
    assert "bundled" in str(hidden["flags"])


def test_a_clear_tip_does_not_speak_for_a_hair_along_others() -> None:
    base = straight(length_px=240)
    clear = np.zeros_like(base.clear)
    clear[55:60] = True
    widths, errors = np.where(clear, 7.0, 12.0), np.where(clear, 0.2, 0.7)
    trace = dataclasses.replace(base, width_px=widths, width_sigma_px=errors, clear=clear)
    assert only(trace)["diameter_um"] == pytest.approx(60.0, abs=4.0)


def test_hair_without_a_width_still_has_a_diameter() -> None:
    base = straight()
    hair = only(with_widths(base, np.full_like(base.width_px, np.nan)))
    assert np.isfinite(hair["diameter_um"])
    assert hair["n_widths"] == 0
    assert hair["class"] == "uncertain"
    assert "below_resolution" in str(hair["flags"])


def test_short_hair_shrinks_its_margins() -> None:
    hair = only(straight(length_px=42))
    assert "short" in str(hair["flags"])
    assert hair["diameter_um"] == pytest.approx(60.0)
    assert len(measured(straight(length_px=18)).hairs) == 0


@pytest.mark.parametrize(
    ("width_um", "expected"),
    [(70, "terminal"), (37, "terminal"), (23, "vellus"), (30, "uncertain"), (6, "uncertain")],
)
def test_class(width_um: float, expected: str) -> None:
    hair = only(straight(width_px=width_um / UM_PER_PX))
    assert hair["class"] == expected
    assert ("below_resolution" in str(hair["flags"])) == (width_um == 6)


def test_interval_widens_with_the_scale_and_with_scatter() -> None:
    def half(rel_error: float | None, sigma_px: float = 0.2) -> float:
        hairs = measure_hairs(
            result(straight(sigma_px=sigma_px)), picture(rel_error=rel_error), SETTINGS
        ).hairs
        return float(hairs["diameter_high_um"][0] - hairs["diameter_um"][0])

    assert half(None) < half(0.03) < half(0.10)
    assert half(None) == half(0.0)
    assert half(None, 3.0) > half(None)


@pytest.mark.parametrize(
    ("probability", "inside", "weight", "flag"),
    [
        (1.0, (True, True), 1.0, ""),
        (1.0, (True, False), 1.0, "tip_outside"),
        (1.0, (False, True), 0.0, "root_outside"),
        (0.5, (True, True), 1.0, "uncertain_root"),
        (0.5, (True, False), 0.5, "uncertain_root"),
        (0.5, (False, True), 0.5, "uncertain_root"),
        (0.5, (False, False), 0.0, "root_outside"),
    ],
)
def test_counting_rule(probability: float, inside: tuple[bool, bool], weight: float, flag: str) -> None:
    hair = only(straight(root_probability=probability, inside=inside))
    assert hair["count_weight"] == weight
    assert hair["counted"] == (weight > 0)
    assert flag in str(hair["flags"]).split(";") or not flag
    assert bool(np.isnan(hair["root_x_um"])) == (not inside[0])
    assert bool(np.isnan(hair["tip_x_um"])) == (not inside[1])


def test_root_under_a_mask() -> None:
    image = picture()
    image.masked[195:206, 90:99] = True
    hair = measure_hairs(result(straight(100, 200, inside=(False, True))), image, SETTINGS).hairs.iloc[0]
    assert hair["flags"] == "root_masked"


def test_loose_piece_is_listed_and_not_counted() -> None:
    hair = only(straight(flags=("not_rooted",)))
    assert (hair["count_weight"], hair["flags"]) == (0.0, "not_rooted")


@hypothesis_settings(deadline=None)  # a busy machine is no error
@given(
    st.lists(
        st.tuples(
            st.floats(0, 800),
            st.floats(0, 900),
            st.floats(0, 3.1),
            st.floats(2, 20),
            st.floats(0, 1),
            st.booleans(),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_every_row_keeps_the_contract(drawn: list[tuple[float, ...]]) -> None:
    traces = [
        straight(x, y, angle=angle, width_px=width, root_probability=chance, inside=(bool(start), bool(end)))
        for x, y, angle, width, chance, start, end in drawn
    ]
    hairs = measured(*traces).hairs
    assert list(hairs["hair_id"]) == list(range(1, len(traces) + 1))
    assert np.isfinite(hairs["diameter_um"]).all()
    assert (hairs["diameter_low_um"] <= hairs["diameter_um"]).all()
    assert (hairs["diameter_um"] <= hairs["diameter_high_um"]).all()
    assert hairs["count_weight"].isin([0, 0.5, 1]).all()
    assert (hairs["counted"] == (hairs["count_weight"] > 0)).all()
    assert (hairs["unit_id"].notna() == hairs["counted"]).all()
    for weight, flags in zip(hairs["count_weight"], hairs["flags"], strict=True):
        assert (weight == 0) == bool(set(NOT_COUNTED_FLAGS) & set(flags.split(";")))


def test_mirrored_picture_gives_the_same_numbers() -> None:
    traces = [straight(100 + 90 * k, 150 + 40 * k, angle=0.4 * k, width_px=6 + k) for k in range(6)]

    def mirror(trace: Trace) -> Trace:
        return dataclasses.replace(
            trace, points_px=np.array([999.0, 0.0]) + trace.points_px * np.array([-1.0, 1.0])
        )

    here, there = measured(*traces).hairs, measured(*map(mirror, traces)).hairs
    for column in ("diameter_um", "diameter_low_um", "length_um"):
        assert np.allclose(here[column], there[column])
    for column in ("class", "count_weight", "unit_id", "flags"):
        assert list(here[column]) == list(there[column])


def test_far_hair_changes_no_other_hair() -> None:
    near = [straight(100, 100), straight(130, 110, angle=0.2)]
    alone, together = measured(*near).hairs, measured(*near, straight(800, 800, width_px=40)).hairs
    assert alone.equals(together.iloc[:2])


def test_huber_mean() -> None:
    values = np.concatenate((np.full(20, 10.0) + np.linspace(-0.5, 0.5, 20), [40.0, 45.0]))
    centre, scatter, weight = huber_mean(values, np.full(22, 0.3))
    assert centre == pytest.approx(10.0, abs=0.2)
    assert 0.2 < scatter < 0.6
    assert 18 < weight.sum() ** 2 / np.square(weight).sum() <= 22
    with pytest.raises(ValueError, match="at least one"):
        huber_mean(np.empty(0), np.empty(0))


def test_units_of_two_and_three() -> None:
    roots = np.array([[0, 0], [90, 0], [800, 0], [860, 50], [900, 110], [2000, 0]], float)
    directions = np.tile([0.0, 1.0], (6, 1))
    assert list(group_units(roots, directions, 260)) == [1, 1, 2, 2, 2, 3]


def test_units_do_not_run_on_along_a_row() -> None:
    roots = np.column_stack((np.arange(12) * 200.0, np.zeros(12)))
    units = group_units(roots, np.tile([0.0, 1.0], (12, 1)), 260)
    assert np.bincount(units).max() <= 3


def test_staggered_roots_belong_together_sooner_along_the_lie() -> None:
    roots = np.array([[0.0, 0.0], [0.0, 300.0]])
    assert group_units(roots, np.tile([0.0, 1.0], (2, 1)), 260).max() == 1
    assert group_units(roots, np.tile([1.0, 0.0], (2, 1)), 260).max() == 2
    assert group_units(np.empty((0, 2)), np.empty((0, 2)), 260).size == 0


def summary(
    traced: TraceResult, image: ScaledImage | None = None, settings: MeasureSettings = SETTINGS
) -> dict[str, Any]:
    image = image or picture()
    return summarize(measure_hairs(traced, image, settings), image, settings)


def estimates(traced: TraceResult, image: ScaledImage | None = None) -> dict[str, Estimate]:
    image = image or picture()
    return estimate_all(measure_hairs(traced, image, SETTINGS), image, SETTINGS)


def many(count: int = 40, presence: float = 0.95, length_px: float = 120) -> TraceResult:
    rng = np.random.default_rng(5)
    traces = [
        straight(
            float(rng.uniform(20, 850)),
            float(rng.uniform(20, 950)),
            angle=float(rng.normal(0.3, 0.2)),
            width_px=float(rng.uniform(4, 18)),
            presence=presence,
            length_px=length_px,
        )
        for _ in range(count)
    ]
    return result(*traces)


def test_every_measure_of_the_schema_is_there_and_json_able() -> None:
    for traced in (many(), result(), result(straight())):
        measures = summary(traced)
        assert set(column_names(SUMMARY_MEASURES)) <= set(measures)
        assert json.loads(json.dumps(measures, allow_nan=False)) == measures


def test_known_answer() -> None:
    """Three hairs in 0.25 cm²: two of 60 µm in one unit, one of 25 µm alone."""
    traced = result(straight(100, 100), straight(100, 115), straight(500, 500, width_px=5.0))
    measures = summary(traced)
    assert measures["n_hairs"] == 3
    assert measures["density_per_cm2"] == 3 / picture().area_cm2
    assert measures["terminal_density_per_cm2"] == pytest.approx(8.0)
    assert measures["vellus_fraction"] == pytest.approx(1 / 3)
    assert measures["mean_diameter_um"] == pytest.approx((60 + 60 + 25) / 3)
    assert measures["median_diameter_um"] == pytest.approx(60.0)
    assert measures["cumulative_thickness_mm_per_cm2"] == pytest.approx(0.145 / 0.25)
    assert measures["follicular_units_per_cm2"] == pytest.approx(8.0)
    assert measures["hairs_per_unit"] == pytest.approx(1.5)
    assert measures["diameter_cv"] == pytest.approx(np.std([60, 60, 25], ddof=1) / np.mean([60, 60, 25]))
    assert measures["unresolved_fraction"] == 0
    assert [row["cutoff_um"] for row in measures["by_cutoff"]] == [30.0, 40.0]


@hypothesis_settings(deadline=None)  # a busy machine is no error
@given(st.lists(st.tuples(st.sampled_from([0.4, 1.0]), st.booleans(), st.booleans()), max_size=10))
def test_identities(drawn: list[tuple[float, bool, bool]]) -> None:
    traces = [
        straight(50 + 80 * k, 100 + 70 * k, root_probability=chance, inside=(start, end), width_px=3 + k)
        for k, (chance, start, end) in enumerate(drawn)
    ]
    traced, image = result(*traces), picture()
    table = measure_hairs(traced, image, SETTINGS)
    measures = summarize(table, image, SETTINGS)
    assert measures["n_hairs"] == table.hairs["count_weight"].sum()
    assert measures["density_per_cm2"] == measures["n_hairs"] / image.area_cm2
    for name in ("density_per_cm2", "terminal_density_per_cm2", "vellus_fraction", "mean_diameter_um"):
        if measures[name] is not None:
            assert measures[f"{name}_low"] <= measures[name] <= measures[f"{name}_high"]


def test_no_hair_is_a_result_with_an_interval() -> None:
    measures = summary(result())
    assert (measures["n_hairs"], measures["density_per_cm2"], measures["density_per_cm2_low"]) == (0, 0, 0)
    assert measures["density_per_cm2_high"] == pytest.approx(3 / 0.25)
    assert measures["mean_diameter_um"] is None
    assert measures["vellus_fraction_high"] is None


def test_patch_and_region_are_told_apart() -> None:
    numbers = estimates(many())
    assert numbers["density_sampling"].kind == "region"
    assert {item.kind for name, item in numbers.items() if name != "density_sampling"} == {"patch"}
    patch, region = numbers["density_per_cm2"], numbers["density_sampling"]
    assert patch.value == region.value
    assert region.low < patch.low < patch.high < region.high
    meanings = summary(many())["intervals"]["estimates"]
    assert meanings["density_sampling"]["kind"] == "region"
    assert meanings["mean_diameter_um"]["unit"] == "µm"


def width(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


@pytest.mark.parametrize("name", ["density_per_cm2", "mean_diameter_um", "cumulative_thickness_mm_per_cm2"])
def test_a_scale_error_widens_and_an_unknown_one_is_said(name: str) -> None:
    traced = many()
    unknown, known = estimates(traced, picture()), estimates(traced, picture(rel_error=0.05))
    assert width(known[name]) > width(unknown[name])
    assert "leaves it out" in summary(traced)["intervals"]["scale"]
    assert "part of" in summary(traced, picture(rel_error=0.05))["intervals"]["scale"]


def test_scale_error_doubles_for_density() -> None:
    known, unknown = (
        estimates(many(60), picture(rel_error=error))["density_per_cm2"] for error in (0.1, None)
    )
    assert known.value is not None
    more = (width(known) / 2) ** 2 - (width(unknown) / 2) ** 2
    assert more == pytest.approx((1.96 * 0.2 * known.value) ** 2, rel=0.01)


def test_doubtful_hairs_widen_the_interval() -> None:
    sure, doubtful = (estimates(many(presence=p))["density_per_cm2"] for p in (0.97, 0.7))
    assert sure.value == doubtful.value
    assert width(doubtful) > 1.5 * width(sure)


def test_many_hairs_are_counted_more_surely_than_few() -> None:
    few, more = (
        estimates(many(count, presence=0.85, length_px=30))["density_per_cm2"] for count in (15, 150)
    )
    assert few.value is not None
    assert more.value is not None
    assert width(more) / more.value < 0.5 * width(few) / few.value


def test_much_hair_is_counted_in_pieces_and_little_is_missed() -> None:
    """The interval lies rather above the count of sparse hair, rather below that of hair that crosses."""
    sparse, crowded = (estimates(many(60, length_px=px))["density_per_cm2"] for px in (30, 700))
    for estimate, above in ((sparse, True), (crowded, False)):
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert (estimate.high - estimate.value > estimate.value - estimate.low) == above


def test_doubtful_and_light_hairs_are_measured_less_surely() -> None:
    sure = measured(straight()).hairs
    doubtful = measured(straight(presence=0.5)).hairs
    light = measured(dataclasses.replace(straight(), contrast=0.0)).hairs
    spans = [float((t["diameter_high_um"] - t["diameter_low_um"]).iloc[0]) for t in (sure, doubtful, light)]
    assert spans[0] < min(spans[1:])


def test_a_light_shaft_near_the_blur_is_hardly_measured_and_a_dark_one_is() -> None:
    thin = straight(width_px=5.0)
    dark, light = (
        measured(dataclasses.replace(thin, contrast=contrast), psf_px=2.0).own_sd_um[0]
        for contrast in (3.0, 0.0)
    )
    assert light > 3 * dark


def test_unresolved_hairs_count_but_give_no_calibre() -> None:
    measures = summary(result(straight(100, 100), straight(500, 500, width_px=1.0)))
    assert measures["n_hairs"] == 2
    assert measures["unresolved_fraction"] == 0.5
    assert measures["mean_diameter_um"] == pytest.approx(60.0)


def test_half_weights() -> None:
    measures = summary(
        result(straight(100, 100, root_probability=0.5, inside=(True, False)), straight(600, 600))
    )
    assert measures["n_hairs"] == 1.5
    assert measures["hairs_per_unit"] == pytest.approx(1.0)


def test_calibre_intervals_hold_the_truth() -> None:
    """Pictures whose widths carry the stated errors: 95 % intervals hold the true mean in most of them."""
    rng = np.random.default_rng(11)
    held = []
    for _ in range(60):
        shared = rng.normal(0, SETTINGS.shared_width_error_um)
        truth = rng.uniform(20, 90, 30)
        own = np.hypot(SETTINGS.width_error_um, SETTINGS.width_error_pct / 100 * truth)
        seen = (truth + shared + rng.normal(0, 1, 30) * own) / 5.0
        traces = [
            straight(20 + 25 * k, 100 + 25 * k, width_px=float(w), length_px=60) for k, w in enumerate(seen)
        ]
        mean = estimates(result(*traces))["mean_diameter_um"]
        assert mean.low is not None
        assert mean.high is not None
        held.append(mean.low <= truth.mean() <= mean.high)
    assert np.mean(held) >= 0.88
