"""Two visits of one spot, each one or more analysed pictures → what changed, hair by hair, and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from densitometry import follow
from densitometry._version import __version__
from densitometry.analysis import Analysis
from densitometry.comparison_overlay import overlay_of, write_pictures
from densitometry.errors import InputLayoutError, OutputError
from densitometry.recipe import Recipe
from densitometry.report import changes, results
from densitometry.report.folders import check_replaceable, move_away, whole_folder
from densitometry.schema_study import GROWTH_MEASURES

RECIPE_NAME = "recipe.toml"
BASELINE, FOLLOWUP = "baseline", "followup"
_OWN_FILES = changes.COMPARISON_NAMES | {RECIPE_NAME}


@dataclass(frozen=True, slots=True)
class VisitChange:
    """What changed between two visits of one spot.

    Attributes:
        baselines, followups: the pictures compared; those the quality gate refused are left out where the
            visit has others.
        comparison: registrations, links, figures and verdict, on the hairs' own terms.
        growth: growing and resting hairs, where the days between the visits were said.
    """

    baselines: tuple[Analysis, ...]
    followups: tuple[Analysis, ...]
    comparison: follow.Comparison
    growth: follow.Growth | None = None

    @property
    def links(self) -> pd.DataFrame:
        """One row per hair of the shared skin, columns of `schema.LINKS`."""
        return follow.links_table(self.comparison)

    @property
    def verdict(self) -> str:
        """Return "improved", "stable", "worsened", "undetermined" or "refused"."""
        return self.comparison.verdict.verdict

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return self.comparison.verdict.reason

    @property
    def record(self) -> dict[str, Any]:
        """What change.json holds, JSON-able."""
        return record_of(self.comparison, self._recipe, self.growth)

    @property
    def _recipe(self) -> Recipe:
        return self.baselines[0].recipe

    def save(self, folder: str | Path, *, overlay: bool = True, pictures: bool = True) -> Path:
        """Write change.json, links.csv, the pictures and a folder for each picture; all or nothing.

        Args:
            folder: new, empty, or of an earlier comparison, which is then replaced.
            overlay: whether pictures are drawn.
            pictures: whether each picture's own results are written, too.

        Returns:
            The folder.

        Raises:
            OutputError: if the folder cannot be written or holds other files.
            InputLayoutError: if two pictures of one visit have one name.
        """
        target = Path(folder)
        names = picture_names([a.image.name for a in self.baselines], [a.image.name for a in self.followups])
        check_target(target)
        owned = frozenset(entry.name for entry in target.iterdir()) if target.is_dir() else frozenset()
        with whole_folder(target, owned) as partial:
            if pictures:
                both = (*self.baselines, *self.followups)
                for name, analysis in zip((*names[0], *names[1]), both, strict=True):
                    analysis.save(partial / name, overlay=overlay)
                (partial / RECIPE_NAME).write_text(self._recipe.to_toml(), encoding="utf-8", newline="\n")
            if overlay:
                primary = self.comparison.primary
                here, there = self.baselines[primary.baseline], self.followups[primary.followup]
                write_pictures(partial, self.comparison, here, there)
            changes.write_comparison(partial, self.record, self.links)
        return target

    def overlay(self) -> Any:
        """Return both visits side by side, the later laid on the earlier: (H', W', 3) uint8 RGB."""
        primary = self.comparison.primary
        return overlay_of(self.comparison, self.baselines[primary.baseline], self.followups[primary.followup])


def compare(
    baseline: Analysis | Sequence[Analysis],
    followup: Analysis | Sequence[Analysis],
    *,
    circumstances: follow.Circumstances | None = None,
    repeatability: Mapping[str, follow.Repeatability] | None = None,
    unpaired: bool = False,
    days: float | None = None,
) -> VisitChange:
    """Find the same skin in two visits of one spot, link hair to hair, and say what changed.

    Args:
        baseline: the earlier visit: the analysis of one picture, or of several replicates.
        followup: the later visit.
        circumstances: what is known beyond the pictures: diagnosis, protocol, treatment.
        repeatability: within-visit SD per figure; None takes the shipped prior.
        unpaired: compare the two fields where the same skin cannot be shown; only right where person, site
            and protocol are known to agree.
        days: between the visits, > 0, where they are a phototrichogram: one clipped spot pictured again after
            one to three days.

    Raises:
        InputLayoutError: `days` is no time, a visit has no picture, or pictures were analysed with different
            recipes.
    """
    visits = (_as_tuple(baseline), _as_tuple(followup))
    recipe = _one_recipe(visits)
    known = circumstances or follow.Circumstances()
    used = tuple(tuple(a for a in visit if is_measured(a)) or visit[:1] for visit in visits)
    if not known.failure and not all(is_measured(visit[0]) for visit in used):
        known = replace(known, failure="quality_rejected", failure_detail=_rejections(visits))
    if known.detectable_um is None:
        thinnest = max(thinnest_um(a.summary, recipe) for visit in used for a in visit)
        known = replace(known, detectable_um=thinnest)
    found = follow.compare_visits(
        [follow.patch_of(analysis) for analysis in used[0]],
        [follow.patch_of(analysis) for analysis in used[1]],
        settings=follow_settings(recipe, unpaired=unpaired),
        circumstances=known,
        repeatability=follow.SAME_SKIN_PRIOR if repeatability is None else repeatability,
    )
    return VisitChange(used[0], used[1], found, None if days is None else growth_of(found, days))


def is_measured(analysis: Analysis) -> bool:
    """Whether the quality gate let the picture pass."""
    return analysis.summary.get("n_hairs") is not None


def thinnest_um(summary: Mapping[str, Any], recipe: Recipe) -> float:
    """Return the width below which hairs of a picture are not resolved [µm]."""
    of_pixels = recipe.measure.resolution_px * summary["scale"]["um_per_px"]
    return float(max(of_pixels, recipe.measure.resolution_psf * (summary.get("psf_um") or 0.0)))


def growth_of(comparison: follow.Comparison, days: float) -> follow.Growth:
    """Return the growing and resting hairs of the pair of pictures that is listed hair by hair.

    Raises:
        InputLayoutError: `days` is not positive.
    """
    primary = comparison.primary
    here, there = comparison.baselines[primary.baseline], comparison.followups[primary.followup]
    return follow.phototrichogram(here, there, comparison.links, days)


def growth_record(growth: follow.Growth) -> dict[str, Any]:
    """Return what tables and JSON say about growth: names of `schema_study.GROWTH_MEASURES`."""
    renamed = {"n_hairs": growth.n, "growth_reason": growth.reason}
    return {
        column.name: renamed[column.name] if column.name in renamed else getattr(growth, column.name)
        for column in GROWTH_MEASURES
    }


def record_of(
    comparison: follow.Comparison, recipe: Recipe, growth: follow.Growth | None = None
) -> dict[str, Any]:
    """Return what change.json holds, JSON-able."""
    found = follow.change_record(comparison)
    found["growth"] = None if growth is None else growth_record(growth)
    head = {"schema": found["schema"], "version": __version__, "recipe_digest": recipe.digest}
    rounded: dict[str, Any] = changes.rounded({**head, **found})
    return rounded


def follow_settings(recipe: Recipe, *, unpaired: bool = False) -> follow.FollowSettings:
    """Return what following uses of a recipe."""
    own = recipe.follow
    response = follow.ResponseSettings(
        endpoint=own.verdict_endpoint,
        margin_pct=own.margin_pct,
        margin_um=own.margin_um,
        margin_fraction=own.margin_fraction,
        margin_per_cm2=own.margin_per_cm2,
        sizeable=own.require_size,
        sizeable_pct=own.least_size_pct,
        sizeable_per_cm2=own.least_size_per_cm2,
        few_hairs=own.few_hairs,
        bald_per_cm2=own.bald_per_cm2,
        openings_fall=own.openings_fall,
    )
    return follow.FollowSettings(
        response=response,
        cutoff_um=recipe.measure.primary_cutoff_um,
        unpaired_fallback=unpaired and own.compare_unpaired,
        relocation_um=own.relocation_um,
    )


def picture_names(baseline: Sequence[str], followup: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the folder of each picture: its stem, or with its visit before it where the stem is taken.

    Raises:
        InputLayoutError: two pictures of one visit have one stem.
    """
    for visit, stems in ((BASELINE, baseline), (FOLLOWUP, followup)):
        twice = [stem for stem, count in Counter(stem.casefold() for stem in stems).items() if count > 1]
        if twice:
            raise InputLayoutError(
                what=f"two pictures of the {visit} have the name {twice[0]!r}",
                why="results are kept in one folder a name",
                fix=f"mv {twice[0]}.jpg {twice[0]}-2.jpg   # with your picture's ending",
            )
    taken = {stem.casefold() for stem in baseline} & {stem.casefold() for stem in followup}
    taken |= {name.casefold() for name in _OWN_FILES} | {""}

    def named(visit: str, stem: str) -> str:
        return f"{visit}-{stem}" if stem.casefold() in taken else stem

    return [named(BASELINE, stem) for stem in baseline], [named(FOLLOWUP, stem) for stem in followup]


def check_target(target: Path) -> None:
    """Refuse a place that holds anything but an earlier comparison.

    Raises:
        OutputError: if it does.
    """
    if not target.is_dir():
        check_replaceable(target, frozenset())
        return
    entries = list(target.iterdir())
    if entries and not (target / changes.CHANGE_NAME).is_file():
        raise OutputError(
            what=f"the folder {target} holds other files: {', '.join(sorted(e.name for e in entries)[:3])}",
            why="a comparison is written into a folder of its own, which it replaces whole",
            fix=move_away(target),
        )
    for entry in entries:
        if entry.is_dir():
            check_replaceable(entry, results.RESULT_NAMES)
    check_replaceable(target, _OWN_FILES | {entry.name for entry in entries if entry.is_dir()})


def _as_tuple(visit: Analysis | Sequence[Analysis]) -> tuple[Analysis, ...]:
    analyses = (visit,) if isinstance(visit, Analysis) else tuple(visit)
    if not analyses:
        raise InputLayoutError(
            "a visit has no picture", "there is nothing to compare", "give each visit at least one picture"
        )
    return analyses


def _one_recipe(visits: tuple[tuple[Analysis, ...], ...]) -> Recipe:
    recipes = [analysis.recipe for visit in visits for analysis in visit]
    if len({recipe.digest for recipe in recipes}) > 1:
        raise InputLayoutError(
            "the pictures were measured with different recipes",
            "a difference between the visits could come from that",
            "analyze all of them with one recipe",
        )
    return recipes[0]


def _rejections(visits: tuple[tuple[Analysis, ...], ...]) -> str:
    refused = [
        f"{a.image.name or 'a picture'}: {'; '.join(a.image.quality.reasons)}."
        for visit in visits
        if not any(is_measured(a) for a in visit)
        for a in visit
    ]
    return " ".join(refused)
