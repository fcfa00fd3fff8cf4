"""Every visit of a study against its baseline, site by site: rows of change.tsv and what they rest on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from densitometry import follow
from densitometry.comparison import follow_settings, record_of, thinnest_um
from densitometry.errors import TimelineError
from densitometry.follow.change import Change
from densitometry.follow.repeatability import FIGURES
from densitometry.recipe import Recipe
from densitometry.schema import CHANGE_FIGURES, column_names
from densitometry.schema_study import CHANGES
from densitometry.study.at_hand import AtHand
from densitometry.study.circumstances import (
    circumstances_of,
    last_treatment,
    protocol_changes,
    running_treatments,
)
from densitometry.study.entities import Participant, Session
from densitometry.study.problems import Problem
from densitometry.study.scope import stops_following
from densitometry.study.seen import MEASURED, Seen, day_of

REFUSED = "refused"
MOST_BORROWED_DF = 40.0
_SITE_OF_PROBLEM = re.compile(r"\bsite-(\w+) of sub-")
Repeatabilities = Mapping[str, follow.Repeatability]
Place = tuple[int, str, str]
"""Number of the visit, site and modality: where a row stands among a participant's."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One row of change.tsv, and the comparison behind it where there is one.

    Attributes:
        row: values by column of `schema_study.CHANGES`.
        comparison: None where nothing was compared.
        baselines, followups: pictures compared, in the comparison's order.
    """

    row: Mapping[str, Any]
    comparison: follow.Comparison | None = None
    baselines: tuple[Seen, ...] = ()
    followups: tuple[Seen, ...] = ()


@dataclass(slots=True)
class Follower:
    """Follows the participants of one study.

    Attributes:
        recipe: that measured all pictures.
        problems: of the study.
        at_hand: reads the pictures' results.
        settings: of following.
    """

    recipe: Recipe
    problems: Sequence[Problem]
    at_hand: AtHand
    settings: follow.FollowSettings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = follow_settings(self.recipe, unpaired=True)

    def follow(
        self, person: Participant, seen: Sequence[Seen], repeatability: Repeatabilities
    ) -> Iterator[tuple[Place, Followed]]:
        """Yield every later visit and site of a participant with its place in the table.

        Args:
            person: who.
            seen: the participant's pictures that were run, failed ones included.
            repeatability: within-visit SD per figure.
        """
        references: dict[tuple[int, str], Change] = {}
        for number, session, spot in _later_visits(person, seen):
            site, modality = spot
            drifts = person.is_drift_check(site)
            reference = None if drifts else references.get((number, modality))
            found = self._compare(person, session, spot, seen, repeatability, reference)
            if drifts and found.comparison is not None and found.comparison.change is not None:
                references.setdefault((number, modality), found.comparison.change)
            yield (number, site, modality), found

    def refused(
        self, person: Participant, seen: Sequence[Seen], code: str, reason: str
    ) -> list[dict[str, Any]]:
        """Return the rows of a participant who could not be followed, each with the reason."""
        told = {"reason_code": code, "reason": reason}
        rows = {
            (number, *spot): self._empty_row(person, session, spot)
            | self._counts(person, session, spot, seen)
            for number, session, spot in _later_visits(person, seen)
        }
        return [rows[place] | told for place in sorted(rows)]

    def _compare(
        self,
        person: Participant,
        session: Session,
        spot: tuple[str, str],
        seen: Sequence[Seen],
        repeatability: Repeatabilities,
        reference: Change | None,
    ) -> Followed:
        site = spot[0]
        row = self._empty_row(person, session, spot)
        baseline = person.session(person.baseline) if person.baseline else None
        then, now = (_pictures_of(visit, spot, seen) for visit in (baseline, session))
        reason = self._reason_against(person, baseline, session, site, row["day"])
        if reason is None:
            self.at_hand.keep((*then, *now))
            then, now = self.at_hand.with_patches(then), self.at_hand.with_patches(now)
        used = tuple(tuple(item for item in visit if item.status == MEASURED) for visit in (then, now))
        row |= {"n_baseline": len(used[0]), "n_followup": len(used[1])}
        reason = reason or _reason_of(baseline, then, site) or _reason_of(session, now, site)
        if reason is not None or baseline is None:
            return Followed({**row, **dict(zip(("reason_code", "reason"), reason or ("", ""), strict=True))})
        known = circumstances_of(person, baseline, session, site, reference)
        summaries = [item.summary for visit in used for item in visit if item.summary is not None]
        known = replace(known, detectable_um=max(thinnest_um(part, self.recipe) for part in summaries))
        alike = not protocol_changes(baseline, session)
        settings = replace(self.settings, unpaired_fallback=self.settings.unpaired_fallback and alike)
        patches = [[item.patch for item in visit if item.patch is not None] for visit in used]
        comparison = follow.compare_visits(patches[0], patches[1], settings, known, repeatability)
        return Followed(
            {**row, **_figures_of(record_of(comparison, self.recipe))}, comparison, used[0], used[1]
        )

    def _counts(
        self, person: Participant, session: Session, spot: tuple[str, str], seen: Sequence[Seen]
    ) -> dict[str, int]:
        baseline = person.session(person.baseline) if person.baseline else None
        visits = (_pictures_of(visit, spot, seen) for visit in (baseline, session))
        then, now = (sum(item.status == MEASURED for item in visit) for visit in visits)
        return {"n_baseline": then, "n_followup": now}

    def _reason_against(
        self, person: Participant, baseline: Session | None, session: Session, site: str, day: Any
    ) -> tuple[str, str] | None:
        """Return code and sentence of what the study's tables say against the comparison."""
        if baseline is None:
            return TimelineError.code, f"sub-{person.label} has no baseline: {person.baseline_rule}"
        for visit in (baseline, session):
            for item in self.problems:
                named = _SITE_OF_PROBLEM.search(item.what)
                if stops_following(item, person.label, visit.label) and (named is None or named[1] == site):
                    return item.code, f"{item.what}: {item.why}"
        if not pd.isna(day) and day < 0:
            return "before_baseline", f"ses-{session.label} lies before the baseline ses-{baseline.label}"
        return None

    def _empty_row(self, person: Participant, session: Session, spot: tuple[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(column_names(CHANGES))
        treated = last_treatment(person, session, spot[0])
        day = day_of(person, session)
        row |= {
            "participant": person.label,
            "session": session.label,
            "site": spot[0],
            "modality": spot[1],
            "baseline_session": person.baseline,
            "day": pd.NA if day is None else day,
            "verdict": REFUSED,
            "verdict_endpoint": self.settings.response.endpoint,
            "pairing": "none",
            "treatments": running_treatments(person, session, spot[0]),
            "last_treatment": treated[0].agent.code if treated else None,
            "days_since_treatment": treated[1] if treated else None,
        }
        return row


def within_visits(
    visits: Iterable[Sequence[follow.Patch]], settings: follow.FollowSettings
) -> dict[str, list[list[float]]]:
    """Return how far replicates of one visit and site differ on the skin they share: figure → groups.

    The first replicate that was measured is registered with each other; a group holds 0 for itself and the
    others' changes against it, on the figure's working scale. Replicates that show other skin say nothing.

    Args:
        visits: the replicates of each visit and site.
        settings: of following.
    """
    alone = replace(settings, unpaired_fallback=False)
    groups: dict[str, list[list[float]]] = {name: [] for name in FIGURES}
    for patches in visits:
        if not patches:
            continue
        found = [follow.compare_visits(patches[0], other, alone).change for other in patches[1:]]
        for name in FIGURES:
            known = [change.figures[name] for change in found if change is not None]
            values = [figure.working for figure in known if figure.value is not None]
            if values:
                groups[name].append([0.0, *values])
    return groups


def repeatability_of(
    groups: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
) -> dict[str, follow.Repeatability]:
    """Return the within-visit SDs of a study, pooled over its participants and shrunk towards the prior.

    Args:
        groups: participant → figure → groups of replicates, of `within_visits`; empty where there are none.
    """
    return {
        name: follow.update(
            belief, [g for label in sorted(groups) for g in groups[label].get(name, ())], "study"
        )
        for name, belief in follow.SAME_SKIN_PRIOR.items()
    }


def own_repeatability(
    study: Repeatabilities, own: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, follow.Repeatability]:
    """Return the within-visit SDs of one participant: what the others say, updated by the own replicates.

    What the others say counts like `MOST_BORROWED_DF` degrees of freedom at most, so that a person who
    differs from them is seen to.

    Args:
        study: of the whole study, the participant included.
        own: figure → groups of replicates of the participant.
    """
    found = {}
    for name, pooled in study.items():
        alone = follow.update(replace(pooled, df=1.0, sd=0.0), own.get(name, ()), "person")
        df_own, squares_own = alone.df - 1.0, alone.df * alone.sd**2
        if not df_own:
            found[name] = pooled
            continue
        df = pooled.df - df_own
        variance = max(0.0, (pooled.df * pooled.sd**2 - squares_own) / df)
        others = follow.Repeatability(math.sqrt(variance), min(df, MOST_BORROWED_DF), pooled.n, "study")
        found[name] = follow.update(others, own[name], "person")
    return found


def _later_visits(
    person: Participant, seen: Sequence[Seen]
) -> Iterator[tuple[int, Session, tuple[str, str]]]:
    """Yield number and visit for each spot (site and modality), spot by spot.

    An untreated occiput may withdraw the verdicts of the other sites: it comes first.
    """
    spots = sorted({(item.picture.site, item.picture.modality) for item in seen if item.picture.site})
    for spot in sorted(spots, key=lambda spot: not person.is_drift_check(spot[0])):
        for number, session in enumerate(person.sessions):
            if session.label != person.baseline:
                yield number, session, spot


def _pictures_of(visit: Session | None, spot: tuple[str, str], seen: Sequence[Seen]) -> tuple[Seen, ...]:
    return tuple(item for item in seen if visit is not None and item.place == (visit.label, *spot))


def _reason_of(visit: Session | None, seen: Sequence[Seen], site: str) -> tuple[str, str] | None:
    """Return why a visit has no picture to compare; None where it has one."""
    label = f"ses-{visit.label}" if visit else "the baseline"
    if not seen:
        return "no_picture", f"{label} has no picture of site-{site} in this modality"
    if any(item.patch is not None for item in seen):
        return None
    if any(item.status == "rejected" for item in seen):
        return "quality_rejected", f"the quality gate refused the pictures of site-{site} at {label}"
    return "not_measured", f"no picture of site-{site} at {label} could be measured (see images.tsv)"


def _figures_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row of change.tsv takes from change.json."""
    registration, source = record["registration"], record["sdc_source"] or {}
    found: dict[str, Any] = {
        name: record[name] for name in ("verdict", "verdict_endpoint", "reason_code", "reason", "pairing")
    }
    found |= {name: registration[name] for name in ("overlap_cm2", "overlap_fraction", "residual_um")}
    found["registration"] = registration["status"]
    if registration["status"] == "ok":
        found |= {f"hairs_{fate}": count for fate, count in record["hairs"].items()}
    for name in CHANGE_FIGURES:
        figure = record[name]
        if figure is None:
            continue
        found["interval_kind"] = figure["kind"]
        found[name] = figure["value"]
        found |= {f"{name}_{end}": figure[end] for end in ("low", "high", "region_low", "region_high", "sdc")}
    found |= {"sdc_source": source.get("source"), "sdc_df": source.get("df")}
    return found
