"""Links, change, verdict and growth on small tables whose answer is known."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from densitometry.errors import InputLayoutError
from densitometry.follow.change import Change, paired_change
from densitometry.follow.compare import FollowSettings, compare_visits
from densitometry.follow.growth import phototrichogram
from densitometry.follow.hints import real_nats
from densitometry.follow.match import link_hairs
from densitometry.follow.patch import Field, Patch
from densitometry.follow.presence import Hints, presence_of
from densitometry.follow.record import LINK_COLUMNS, change_record, links_table
from densitometry.follow.register import RegisterSettings, Registration, register
from densitometry.follow.repeatability import SAME_SKIN_PRIOR, Repeatability, update
from densitometry.follow.response import REASONS, Circumstances, ResponseSettings, judge
from densitometry.follow.unpaired import combine_changes, unpaired_change

RNG = np.random.default_rng(7)
ROOTS = RNG.uniform((100, 100), (6900, 5500), (120, 2))
THICK = np.where(np.arange(120) % 6 == 0, 22.0, 65.0)


def patch(keep: np.ndarray | slice = slice(None), extra: np.ndarray | None = None) -> Patch:
    """Hairs of one piece of skin, some left out, some more."""
    more = np.zeros((0, 2)) if extra is None else extra
    root, thick = np.vstack([ROOTS[keep], more]), np.concatenate([THICK[keep], np.full(len(more), 65.0)])
    n = len(root)
    return Patch(
        hair_id=np.arange(1, n + 1),
        root_um=root,
        direction_rad=np.full(n, 0.5),
        diameter_um=thick,
        diameter_sigma_um=np.full(n, 2.0),
        length_um=np.full(n, 500.0),
        length_known=np.ones(n, dtype=bool),
        count_weight=np.ones(n),
        resolved=np.ones(n, dtype=bool),
        unit_id=np.full(n, -1),
        confidence=np.ones(n),
        field=Field.rectangle(7000, 5600),
        um_per_px=5.0,
    )


def compared(a: Patch, b: Patch) -> tuple[Change, Registration]:
    found = register(a, b, RegisterSettings(border_um=0.0))
    assert found.ok, found.reason
    return paired_change(a, b, found, link_hairs(a, b, found)), found


def test_nothing_changed_is_exactly_nothing() -> None:
    change, _ = compared(patch(), patch())
    assert (change.matched, change.gained, change.lost, change.uncertain) == (120, 0, 0, 0)
    for figure in change.figures.values():
        assert figure.value == pytest.approx(0.0, abs=1e-9)
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= 0 <= figure.high
    verdict = judge(change, Circumstances(scarring=False))
    assert (verdict.verdict, verdict.reason_code) == ("stable", "within_margin")


def test_counts_are_those_of_the_hairs_taken_out() -> None:
    change, found = compared(patch(), patch(np.arange(120) % 5 != 0))
    assert (change.matched, change.gained, change.lost) == (96, 0, 24)
    relative, absolute = change.figures["density_change_pct"], change.figures["density_change_per_cm2"]
    assert relative.value == pytest.approx(-20.0)
    assert absolute.value == pytest.approx(-24 / (found.overlap_cm2 or 0))
    assert relative.kind == "patch"
    assert relative.region_high is not None
    assert relative.region_high < 0
    assert judge(change, Circumstances(scarring=False)).verdict == "worsened"


def test_hairs_outside_the_shared_skin_neither_come_nor_go() -> None:
    shift = np.array([1500.0, 0.0])
    inside = (ROOTS - shift)[:, 0] > 0
    there = dataclasses.replace(patch(inside), root_um=(ROOTS - shift)[inside])
    change, found = compared(patch(), there)
    assert (change.gained, change.lost) == (0, 0)
    assert found.overlap_fraction == pytest.approx(5500 / 7000, abs=0.03)


def test_two_unlinked_hairs_close_together_are_uncertain() -> None:
    moved = ROOTS.copy()
    # A hair of its own, whose root was misplaced by more than any root should be.
    lone = int(np.argmax(np.sort(np.linalg.norm(ROOTS[:, None] - ROOTS[None], axis=2), axis=1)[:, 1]))
    moved[lone] += (170.0, 0.0)
    links_of = dataclasses.replace(patch(), root_um=moved)
    change, _ = compared(patch(), links_of)
    assert (change.lost, change.gained, change.uncertain) == (0, 0, 1)


def test_thicker_hairs_show_in_diameter_not_in_density() -> None:
    thick = dataclasses.replace(patch(), diameter_um=THICK + 4.0)
    change, _ = compared(patch(), thick)
    assert change.figures["mean_diameter_change_um"].value == pytest.approx(4.0, abs=1e-6)
    assert change.figures["density_change_pct"].value == pytest.approx(0.0, abs=1e-9)


def test_scales_that_contradict_each_other_take_the_diameter_out() -> None:
    stated = dataclasses.replace(patch(), scale_rel_error=0.005)
    larger = dataclasses.replace(stated, root_um=ROOTS * 1.05, field=Field.rectangle(7350, 5880))
    change, _ = compared(stated, larger)
    assert change.scale_disagrees
    assert judge(change).reason_code == "scale_disagrees"
    assert judge(change, settings=ResponseSettings(endpoint="density")).verdict == "stable"


def test_without_pairing_the_interval_carries_the_relocation() -> None:
    paired, _ = compared(patch(), patch())
    apart = unpaired_change(patch(), patch())
    assert apart.pairing == "none"
    one, other = paired.figures["density_change_pct"], apart.figures["density_change_pct"]
    assert other.kind == "region"
    assert other.sdc is None
    assert (other.high or 0) - (other.low or 0) > 1.5 * ((one.high or 0) - (one.low or 0))
    elsewhere = unpaired_change(patch(), patch(), relocation_um=None).figures["density_change_pct"]
    assert (elsewhere.high or 0) > (other.high or 0)


def test_no_hair_left_is_no_crash() -> None:
    nothing = patch(slice(0, 0))
    change = unpaired_change(patch(), nothing)
    assert change.figures["density_change_pct"].value is None
    assert change.figures["density_change_per_cm2"].value is None
    assert judge(change).reason_code == "nothing_to_compare"
    assert judge(unpaired_change(nothing, patch())).reason_code == "bald_baseline"


def test_replicates_narrow_the_interval_and_outvote_a_miss() -> None:
    fewer = patch(np.arange(120) % 5 != 0)
    missed_once = fewer.take(np.arange(len(fewer)) != 7)
    one = compare_visits(patch(), fewer).change
    three = compare_visits([patch()] * 3, [fewer, missed_once, fewer]).change
    assert one is not None
    assert three is not None
    single, several = one.figures["density_change_pct"], three.figures["density_change_pct"]
    assert several.value == pytest.approx(single.value, abs=0.3)
    assert (several.high or 0) - (several.low or 0) < ((single.high or 0) - (single.low or 0)) / np.sqrt(3)
    assert (several.sdc or 0) < (single.sdc or 0)
    assert (three.matched, three.lost, three.gained) == (96, 24, 0)
    assert (three.n_baseline, three.n_followup) == (3, 3)


def test_a_picture_of_other_skin_is_left_out_of_a_visit() -> None:
    other = dataclasses.replace(
        patch(), root_um=np.random.default_rng(9).uniform((100, 100), (6900, 5500), (120, 2))
    )
    assert compare_visits([patch(), other, patch()], patch()).used == ((0, 2), (0,))
    assert compare_visits([other, patch()], patch()).used == ((1,), (0,))
    refused = compare_visits(patch(), [patch(), other, other])
    assert (refused.verdict.verdict, refused.verdict.reason_code) == ("refused", "registration_refused")
    assert not refused.registration.ok


def test_presence_follows_the_majority() -> None:
    seen = np.array([[3, 3]] * 90 + [[1, 0]] * 8 + [[3, 0]] * 5 + [[2, 3]] * 6 + [[0, 3]] * 5)
    presence = presence_of(seen, np.full_like(seen, 3))
    before, after = presence.before, presence.after
    assert before[:90].min() > 0.99
    assert max(before[90], after[90]) < 0.25
    assert (before[98], after[98]) == (pytest.approx(1.0, abs=0.05), pytest.approx(0.0, abs=0.05))
    assert before[103] > 0.9
    assert after.sum() - before.sum() == pytest.approx(0.0, abs=1.5)


@pytest.mark.parametrize("pictures", [1, 3])
def test_changes_count_for_those_that_no_picture_showed(pictures: int) -> None:
    seen = np.array([[1, 1]] * 60 + [[1, 0]] * 10 + [[0, 1]] * 6) * pictures
    # Of the last six, the second look shows that the earlier visit overlooked them.
    hints = Hints(np.array([[0.0, 0.0]] * 60 + [[0.0, -4.0]] * 10 + [[4.0, 0.0]] * 6), np.full(76, 3.0))
    found = presence_of(seen, np.full_like(seen, pictures), hints)
    lost, gained = found.changed
    hairs = found.hairs
    assert lost.sum() == pytest.approx(10, abs=0.7)
    assert gained.sum() < 1
    assert 0 < found.unseen[0] <= 0.2 / pictures
    assert hairs[0].sum() - hairs[1].sum() > lost.sum() - gained.sum()
    assert presence_of(seen, np.full_like(seen, pictures)).unseen == (0.0, 0.0)


def test_what_tracing_doubts_speaks_against_a_hair() -> None:
    plain = patch()
    doubted = dataclasses.replace(
        plain,
        swap_chance=np.where(np.arange(len(plain)) == 0, 0.4, 0.05),
        confidence=np.where(np.arange(len(plain)) == 1, 0.5, 1.0),
    )
    change = real_nats(doubted) - real_nats(plain)
    assert (change[:2] < -1).all()
    assert not change[2:].any()


def test_unpaired_pictures_are_averaged() -> None:
    change = unpaired_change(patch(), patch(np.arange(120) % 5 != 0))
    both = combine_changes([change] * 9, 3, 3)
    one, three = change.figures["density_change_pct"], both.figures["density_change_pct"]
    assert three.value == pytest.approx(one.value)
    assert (three.high or 0) - (three.low or 0) < (one.high or 0) - (one.low or 0)
    assert both.figures["density_change_per_cm2"].value == pytest.approx(
        change.figures["density_change_per_cm2"].value
    )
    with pytest.raises(ValueError, match="one or more"):
        combine_changes([], 1, 1)


def test_a_hair_whose_root_was_taken_for_its_tip_is_still_the_same_hair() -> None:
    tips = ROOTS + np.array([400.0, 300.0])
    swapped = np.arange(120) % 12 == 0
    root = np.where(swapped[:, None], tips, ROOTS)
    inside = Field.rectangle(7000, 5600).contains(root)
    a = dataclasses.replace(patch(), tip_um=tips)
    b = dataclasses.replace(
        patch(),
        root_um=root,
        tip_um=np.where(swapped[:, None], ROOTS, tips),
        direction_rad=np.where(swapped, 0.5 + np.pi, 0.5),
    ).take(inside)
    change, _ = compared(a, b)
    assert change.lost + change.gained + change.uncertain <= 2 + np.count_nonzero(~inside)


def test_what_is_written_holds_the_contract() -> None:
    found = compare_visits(patch(), patch(np.arange(120) % 5 != 0))
    record, table = change_record(found), links_table(found)
    json.dumps(record, allow_nan=False)
    assert list(table.columns) == list(LINK_COLUMNS)
    assert table["status"].value_counts().to_dict() == {"matched": 96, "lost": 24}
    assert record["hairs"] == {"matched": 96, "gained": 0, "lost": 24, "uncertain": 0}
    assert record["pairing"] == "hairs"
    assert record["sdc_source"]["source"] == "prior"
    assert set(record["density_change_pct"]) >= {"value", "low", "high", "sdc", "kind"}
    other = dataclasses.replace(patch(), root_um=ROOTS[:, ::-1] * (1.2, 0.8))
    refused = compare_visits(patch(), other)
    record = change_record(refused)
    assert (record["verdict"], record["registration"]["status"]) == ("refused", "refused")
    assert record["density_change_pct"] is None
    assert links_table(refused).empty
    assert list(links_table(refused).columns) == list(LINK_COLUMNS)


def test_where_person_site_and_protocol_agree_fields_are_compared_without_pairing() -> None:
    other = dataclasses.replace(patch(), root_um=ROOTS[:, ::-1] * (1.2, 0.8))
    found = compare_visits(patch(), other, FollowSettings(unpaired_fallback=True))
    record = change_record(found)
    assert (record["pairing"], record["sdc_source"]) == ("none", None)
    assert record["density_change_pct"]["kind"] == "region"
    assert found.verdict.verdict == "undetermined"


def test_a_failure_leaves_everything_uncompared() -> None:
    found = compare_visits(patch(), patch(), None, Circumstances(failure="quality_rejected"))
    assert found.change is None
    assert found.verdict.reason_code == "quality_rejected"


def test_pixels_of_other_size_are_a_change_of_protocol() -> None:
    coarse = dataclasses.replace(patch(), um_per_px=9.0)
    found = compare_visits(patch(), coarse)
    assert (found.verdict.verdict, found.verdict.reason_code) == ("undetermined", "protocol_changed")


def test_repeatability_moves_from_prior_to_data() -> None:
    belief = Repeatability(0.03, 10.0, 0, "prior")
    assert update(belief, [[1.0]], "study") is belief
    groups = [list(row) for row in np.random.default_rng(1).normal(0, 0.06, (200, 3))]
    learnt = update(belief, groups, "study")
    assert learnt.sd == pytest.approx(0.06, rel=0.1)
    assert (learnt.df, learnt.n, learnt.source) == (410.0, 600, "study")
    assert belief.sdc(3, 3) == pytest.approx(belief.sdc() / np.sqrt(3))


def gained() -> Change:
    return compared(patch(np.arange(120) % 4 != 0), patch())[0]


@pytest.mark.parametrize(
    ("circumstances", "code"),
    [
        (Circumstances(scarring=True), "scarring"),
        (Circumstances(too_early="week 4 of a course that sheds at first"), "too_early"),
        (Circumstances(protocol_changes=("dyed at one visit only",)), "protocol_changed"),
        (Circumstances(scale_step=1.6), "protocol_changed"),
        (Circumstances(reference=gained()), "drift"),
    ],
)
def test_guards_withhold_an_improvement(circumstances: Circumstances, code: str) -> None:
    verdict = judge(gained(), circumstances)
    assert (verdict.verdict, verdict.reason_code) == ("undetermined", code)


def test_an_improvement_is_called_so_and_says_what_is_not_known() -> None:
    verdict = judge(gained())
    assert verdict.verdict == "improved"
    assert "Diagnosis not recorded" in verdict.reason
    assert "not recorded" not in judge(gained(), Circumstances(scarring=False)).reason


def test_fewer_openings_forbid_an_improvement() -> None:
    change = dataclasses.replace(gained(), baseline_openings=90, followup_openings=70)
    assert judge(change).reason_code == "openings_fell"


def test_a_second_measure_the_other_way_withholds_the_verdict() -> None:
    change = gained()
    thinner = dataclasses.replace(
        change.figures["mean_diameter_change_um"], value=-9.0, region_low=-12.0, region_high=-6.0, sdc=2.0
    )
    change = dataclasses.replace(change, figures={**change.figures, "mean_diameter_change_um": thinner})
    assert judge(change).reason_code == "measures_disagree"


def test_failures_are_refused_in_their_own_words() -> None:
    verdict = judge(None, Circumstances(failure="quality_rejected", failure_detail="Too blurred."))
    assert (verdict.verdict, verdict.reason_code) == ("refused", "quality_rejected")
    assert verdict.reason.endswith("Too blurred.")
    assert judge(None).verdict == "refused"


def test_a_small_change_is_not_sizeable() -> None:
    change, _ = compared(patch(np.arange(120) % 12 != 1), patch())
    settings = ResponseSettings(endpoint="density", sizeable=True)
    assert judge(change, settings=settings).reason_code in {"below_size", "inconclusive", "within_margin"}


def test_an_unknown_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="terminal_density"):
        ResponseSettings(endpoint="happiness")


def test_no_sentence_credits_an_agent() -> None:
    credit = re.compile(
        r"because|due to|thanks|caused|effect|respon(d|se to)|treat(ment|ed) (help|work)", re.IGNORECASE
    )
    assert not [text for text in REASONS.values() if credit.search(text)]


def test_every_figure_but_the_absolute_one_has_a_prior() -> None:
    assert set(SAME_SKIN_PRIOR) == set(gained().figures) - {"density_change_per_cm2"}


def grown(resting: np.ndarray, rng: np.random.Generator) -> Patch:
    n = len(resting)
    longer = np.where(resting, 0.0, rng.normal(620.0, 100.0, n)) + rng.normal(0, 35.0, n)
    return dataclasses.replace(patch(), length_um=500.0 + longer)


@pytest.mark.parametrize("share", [0.1, 0.35])
def test_growing_and_resting_hairs_are_told_apart(share: float) -> None:
    rng = np.random.default_rng(3)
    resting = rng.random(120) < share
    a, b = patch(), grown(resting, rng)
    found = register(a, b)
    growth = phototrichogram(a, b, link_hairs(a, b, found), days=2.0)
    assert growth.resting_fraction == pytest.approx(resting.mean(), abs=0.05)
    assert growth.rate_mm_per_day == pytest.approx(0.31, abs=0.02)
    assert growth.abnormal is (share > 0.3)
    assert growth.resting_low is not None
    assert growth.resting_high is not None
    assert growth.resting_low <= share <= growth.resting_high


def test_growth_needs_time_hairs_and_growing() -> None:
    a = patch()
    links = link_hairs(a, a, register(a, a))
    with pytest.raises(InputLayoutError):
        phototrichogram(a, a, links, days=0.0)
    still = phototrichogram(a, a, links, days=2.0)
    assert still.growing_fraction is None
    assert "no hair clearly grew" in still.reason
    cut = dataclasses.replace(a, length_known=np.zeros(len(a), dtype=bool))
    assert "only 0 hairs" in phototrichogram(cut, cut, links, days=2.0).reason
