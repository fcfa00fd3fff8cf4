"""Every text of the reports, in one catalogue: a translation is another mapping with the same keys.

Sentences come from here and from the tables, never from anywhere else. None says what brought a change about.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from densitometry.report.page.markup import Child, Markup, fill

LANGUAGE = "en"

_WORDS = {
    "title_person": "Hair measurement: participant {participant}",
    "title_group": "Hair measurement: the whole study",
    "skip": "Skip to the content",
    "contents": "On this page",
    "all_people": "All participants",
    "participant": "Participant",
    "site": "Site",
    "visit": "Visit",
    "picture": "Picture",
    "day": "day {day}",
    "day_unknown": "day not known",
    "baseline": "baseline",
    "not_known": "not known",
    "none": "–",
    "notices": "What this report could not read",
    "at_a_glance": "At a glance",
    "over_time": "Over time",
    "before_after": "Before and after: every visit",
    "diameters": "Diameters and follicular units",
    "followed": "Hairs followed one to one",
    "growth": "Growing and resting hairs",
    "quality": "Quality of each picture",
    "methods": "Methods, for a paper",
    "provenance": "Versions and hashes",
    "limits": "What this report cannot say",
    "numbers": "The numbers",
}
_SENTENCES = {
    "changed": (
        "{site}: {measure} is {amount} {direction} ({low} to {high}) than at the baseline{when}{noise}."
    ),
    "when": " (visit {visit}, {days} days before)",
    "when_unknown": " (visit {visit})",
    "noise": "; changes up to {sdc} are measurement noise",
    "no_cause": " This does not show what caused it.",
    "stable": (
        "{site}: no change beyond measurement in {measure} since the baseline{when}: {amount} ({low} to "
        "{high})."
    ),
    "undetermined": "{site}: cannot say whether {measure} changed since the baseline{when}. {why}{figures}",
    "figures": " Measured: {amount} ({low} to {high}).",
    "refused": "{site}: not compared with the baseline at visit {visit}. {why}",
    "first": (
        "{site}: {measure} is {value} ({low} to {high}). One visit was measured; a change needs a second one."
    ),
    "first_unmeasured": "{site}: no picture was measured, so there is no number to show.",
    "no_change_row": (
        "{site}: visit {visit} was measured, but the tables hold no comparison with the baseline."
    ),
    "range_region": "The range holds for this person's site: sampling and the hair cycle are in it.",
    "range_patch": "The range holds for this patch of scalp, not for the whole site.",
    "change_of": "change of {measure}",
    "higher": "higher",
    "lower": "lower",
    "no_number": "no number",
    "latest": "Latest visit: {visit}, {day}",
    "other_visits": "Every other visit and site is shown further down; none is left out.",
    "why_unknown": "No reason was recorded.",
}
_MEASURES = {
    "terminal_density_per_cm2": "terminal hair density",
    "density_per_cm2": "total hair density",
    "cumulative_thickness_mm_per_cm2": "cumulative hair thickness",
    "mean_diameter_um": "mean shaft diameter",
    "vellus_fraction": "share of vellus hairs",
    "follicular_units_per_cm2": "follicular units",
    "hairs_per_unit": "hairs per follicular unit",
}
_VERDICTS = {
    "verdict_improved": "improved, beyond noise",
    "verdict_worsened": "worsened, beyond noise",
    "verdict_stable": "no change beyond measurement",
    "verdict_undetermined": "cannot say",
    "verdict_refused": "not compared",
    "verdict_first": "first visit",
    "verdict_none": "no comparison",
    "light_accept": "Picture quality: good",
    "light_warn": "Picture quality: with warnings",
    "light_reject": "Picture quality: refused",
    "light_unknown": "Picture quality: not known",
    "short_accept": "good",
    "short_warn": "with warnings",
    "short_reject": "refused",
    "short_unknown": "not known",
    "status_measured": "measured",
    "status_rejected": "refused by the quality gate",
    "status_failed": "could not be measured",
    "status_missed": "no picture",
    "status_left_out": "kept, not measured",
}
_PICTURES = {
    "viewer": "{site}: baseline {before} and visit {after}",
    "viewer_before": "Baseline, visit {visit}",
    "viewer_after": "Visit {visit}, laid on the baseline",
    "viewer_after_loose": "Visit {visit}, not laid on the baseline",
    "single": "{site}, visit {visit}: hairs coloured by class, roots as dots",
    "slide": "Before | after",
    "blink": "Blink",
    "blink_stop": "Stop blinking",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "zoom_reset": "Whole picture",
    "hair_next": "Next hair",
    "hair_previous": "Previous hair",
    "show_marks": "Hairs",
    "keys": (
        "Keys on the picture: ← → slide, B blink, + − zoom, Shift with arrows move, N and P step through "
        "the hairs."
    ),
    "tip": "Point at a hair, or tap it, for its diameter at each visit.",
    "fate_matched": "followed",
    "fate_gained": "only later",
    "fate_lost": "only at the baseline",
    "fate_uncertain": "uncertain",
    "fate_outside": "outside the skin that both show",
    "hair_matched": "Hair {number}, followed: {before} µm at {first}, {after} µm at {then}",
    "hair_gained": "Hair {number}, only at {then}: {after} µm",
    "hair_lost": "Hair {number}, only at {first}: {before} µm",
    "hair_uncertain": "Hair {number}, uncertain whether followed",
    "hair_outside_before": "Hair {number} at {first}, outside the skin that both show: {before} µm",
    "hair_outside_after": "Hair {number} at {then}, outside the skin that both show: {after} µm",
    "fates": (
        "{matched} hairs followed, {gained} only later, {lost} only at the baseline, {uncertain} uncertain."
    ),
    "not_registered": (
        "The two pictures could not be laid on each other: {why} They are shown side by side."
    ),
    "no_pair": "No pair of pictures was compared for this visit: {why}",
    "comparison_missing": (
        "The files of this comparison are missing or cannot be read; the pictures of each visit are shown "
        "as they were measured."
    ),
    "no_pictures": (
        "The pictures that belong here are not in the results (`study run --no-overlay`, or moved away)."
    ),
    "embedded": "Pictures are made smaller for this file; the full ones lie in the results folder.",
}
_CHARTS = {
    "chart_time": "{measure} at {site} over time",
    "chart_time_about": (
        "Dots are visits, bars their 95 % ranges. The shaded band around the baseline is measurement "
        "noise (smallest detectable change). Below: treatments."
    ),
    "legend_value": "visit with its 95 % range",
    "legend_band": "measurement noise around the baseline",
    "legend_drift": "untreated check site",
    "legend_injection": "single treatment",
    "legend_course": "course on record at the visit",
    "treatment_note": (
        "Treatments are drawn where the results record them: single treatments on their day, courses "
        "over the visits at which they were running. They are shown beside the measurements, not as "
        "their cause."
    ),
    "field_note": (
        "Values over time are of the whole field of each picture; changes compare the same skin only, so "
        "the two may differ a little."
    ),
    "no_treatments": "No treatment of this site is recorded in the results.",
    "chart_diameter": "Shaft diameters at {site}",
    "chart_diameter_about": (
        "Share of counted hairs in steps of {step} µm; dashed lines are the cut-offs {cutoffs}."
    ),
    "chart_units": "Hairs per follicular unit at {site}",
    "chart_units_about": (
        "Share of follicular units with 1, 2, 3 and 4 or more counted hairs at each visit."
    ),
    "chart_pairs": "Diameter of each followed hair at {site}, {before} and {after}",
    "chart_pairs_about": (
        "One line per hair, blue and solid where it is thicker later, brown and dashed where thinner; "
        "the thick line joins the medians."
    ),
    "no_hairs": "No hair was measured in these pictures.",
    "no_pairs": "No hair could be followed from the baseline to a later visit.",
    "axis_um": "µm",
    "hairs_n": "n = {n}",
    "units_more": "4+",
    "units_axis": "hairs per unit",
}
_QUALITY = {
    "col_status": "Result",
    "col_quality": "Quality",
    "col_reasons": "Remarks",
    "col_scale": "Scale",
    "col_area": "Valid field",
    "col_hairs": "Hairs counted",
    "col_excluded": "Seen, not counted",
    "col_range": "95 % range",
    "col_change": "Change",
    "col_noise": "Noise up to",
    "col_verdict": "Finding",
    "col_reason": "Reason",
    "col_treatments": "Treatments on record",
    "col_previous": "Clipped at visit",
    "col_days": "Days between",
    "col_growing": "Growing hairs",
    "col_resting": "Resting hairs",
    "col_rate": "Growth [mm per day]",
    "growth_about": (
        "Phototrichogram: clipped spots pictured again a few days later; shares of the followed hairs that "
        "show both ends in both pictures, with 95 % ranges."
    ),
    "col_sha": "SHA-256 of the picture",
    "col_recipe": "Recipe digest",
    "scale_said": "{scale} µm per pixel, stated by {origin}{error}",
    "scale_error": ", standard error {percent} %",
    "scale_no_error": ", error not stated: ranges leave it out",
    "no_remarks": "none",
    "missing_summary": "the folder of its results is missing or incomplete",
    "counting_rule": "Counting rule",
    "quality_note": "Excluded: dark surround, burned-in marks, and bubbles or glare where they hide hairs.",
}
_METHODS = {
    "methods_text": (
        "Trichoscopy pictures were measured with densitometry {version} (recipe {recipe}, digest "
        "{digest}). Hair shafts were traced along their centre lines; shaft diameter is the robust mean "
        "of the outer-edge width without both ends and overlapped stretches. Hairs at or above {cutoff} "
        "were called terminal, thinner ones vellus. Density is the sum of the count weights over the "
        "valid field. Ranges are 95 % intervals. Visits were registered to the baseline by the pattern "
        "of the follicular openings and hairs were linked one to one; density changes compare counts "
        "over the same skin. The smallest detectable change rests on {repeatability}. The quality gate "
        "refused {rejected} of {pictures} pictures."
    ),
    "repeatability_study": "repeated pictures of this study",
    "repeatability_person": "repeated pictures of this person and study",
    "repeatability_prior": "the shipped prior for one operator and device",
    "repeatability_none": "a source that was not recorded",
    "limits_text": (
        "This is a measurement, not a diagnosis. It shows what changed in the pictures, not why. A "
        "picture shows a small part of the scalp; the range says how far the rest of the site may "
        "differ. No normal values are shown: none was given with a source. Values measured on clipped "
        "and on long hair, or with different devices, must not be compared."
    ),
    "version_of": "densitometry {version}",
    "packages": "Packages",
    "made_from": "Made from the tables and pictures of the results alone; no picture was analysed again.",
}
_NOTICES = {
    "notice_missing_table": (
        "{name} is missing: what it would show is left out. The run may not have finished."
    ),
    "notice_columns": (
        "{name} was written by another version: it lacks {columns}. These show as not known. "
        "`densitometry study run` again completes them."
    ),
    "notice_cells": "{name} holds {count} cells that cannot be read; they show as not known.",
    "notice_partial": (
        "An unfinished folder lies in the results ({name}): a run was stopped or is still going on."
    ),
    "notice_summary": "The results of {picture} are missing or incomplete.",
    "notice_schema": (
        "The results of {picture} have the layout {found}, not {wanted}; what is missing shows as not known."
    ),
    "notice_rejected": (
        "The quality gate refused every picture of this participant; there is no measurement to show."
    ),
    "notice_nothing": "No picture of this participant was measured.",
    "notice_one_visit": "There is one visit with a measurement: nothing can be compared yet.",
    "notice_no_pair": "No visit could be laid on its baseline.",
}
_GROUP = {
    "group_lead": "{people} participants, {visits} visits, {pictures} pictures.",
    "group_changes": "Change by visit and site",
    "group_changes_about": (
        "Each dot is one participant and opens that report: filled round, beyond noise; hollow round, no "
        "change beyond measurement; cross, cannot say. Descriptive only; for a comparison of arms see "
        "the trial analysis."
    ),
    "group_people": "Participants",
    "group_flow": "From pictures to comparisons",
    "group_missing": "Missing data",
    "group_quality": "Quality overview",
    "group_pictures_about": (
        "Every picture as a mark: circle measured, triangle with warnings, cross refused or failed."
    ),
    "arms_note": "Arms are not part of the results; the trial analysis reads them from the plan.",
    "flow_pictures": "pictures found",
    "flow_left_out": "whole-head photographs, kept and not measured",
    "flow_failed": "could not be read or measured",
    "flow_rejected": "refused by the quality gate",
    "flow_measured": "measured",
    "flow_due": "visits due for comparison",
    "flow_refused": "not compared",
    "flow_undetermined": "compared: cannot say",
    "flow_stable": "compared: no change beyond measurement",
    "flow_changed": "compared: changed beyond noise",
    "col_median": "Median change",
    "col_people": "Participants with a number",
    "col_latest": "Latest finding",
    "col_missing": "Visits without a measurement",
    "col_pictures": "Pictures",
    "no_changes": "No change could be computed for any participant.",
    "nothing_missing": "Every visit of every site was measured.",
}
ENGLISH: Mapping[str, str] = MappingProxyType(
    _WORDS
    | _SENTENCES
    | _MEASURES
    | _VERDICTS
    | _PICTURES
    | _CHARTS
    | _QUALITY
    | _METHODS
    | _NOTICES
    | _GROUP
)


class Texts:
    """The catalogue of one language."""

    def __init__(self, catalogue: Mapping[str, str] = ENGLISH, language: str = LANGUAGE) -> None:
        """Take a catalogue with the keys of `ENGLISH`; a key that it lacks falls back to English.

        Raises:
            KeyError: the catalogue has a key that is not in `ENGLISH`.
        """
        unknown = sorted(set(catalogue) - set(ENGLISH))
        if unknown:
            raise KeyError(unknown[0])
        self._catalogue = {**ENGLISH, **catalogue}
        self.language = language

    def say(self, key: str, **values: Child) -> Markup:
        """Return a text with its places filled; values that are text are escaped."""
        return fill(self._catalogue[key], **values)

    def word(self, key: str, **values: object) -> str:
        """Return a text as text, for a place that takes no elements."""
        return self._catalogue[key].format_map(values)
