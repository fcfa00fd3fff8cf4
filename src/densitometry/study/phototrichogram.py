"""Clipped spots pictured again a few days later: rows of growth.tsv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from densitometry import follow
from densitometry.comparison import growth_of, growth_record
from densitometry.study.entities import Participant, Session
from densitometry.study.seen import Seen
from densitometry.study.timeline import Timeline, timeline_of

LONGEST_DAYS = 3
"""Two visits farther apart are no phototrichogram: hairs have grown out of the field or were cut again."""


def growth_rows(
    person: Participant, seen: Sequence[Seen], settings: follow.FollowSettings
) -> list[dict[str, Any]]:
    """Return a row for each visit at most three days after another one of the same clipped spot.

    Args:
        person: who.
        seen: the participant's pictures.
        settings: of following.
    """
    timeline = timeline_of(person.sessions)
    paired = replace(settings, unpaired_fallback=False)
    rows = []
    for site, modality in sorted({(item.picture.site, item.picture.modality) for item in seen}):
        for earlier, later in pairwise(person.sessions):
            days = _days_of_growth(timeline, earlier, later)
            patches = [
                [
                    item.patch
                    for item in seen
                    if item.patch is not None
                    and (item.picture.session, item.picture.site, item.picture.modality)
                    == (visit.label, site, modality)
                ]
                for visit in (earlier, later)
            ]
            if days is None or not all(patches):
                continue
            growth = growth_of(follow.compare_visits(patches[0], patches[1], paired), days)
            rows.append(
                {
                    "participant": person.label,
                    "session": later.label,
                    "site": site,
                    "modality": modality,
                    "previous_session": earlier.label,
                    "days": days,
                    **growth_record(growth),
                }
            )
    return rows


def _days_of_growth(timeline: Timeline, earlier: Session, later: Session) -> int | None:
    """Return the days between two visits of one clipping; None where they are no phototrichogram."""
    start, end = timeline.position_of(earlier), timeline.position_of(later)
    if start is None or end is None or not earlier.clipped or not 0 < end - start <= LONGEST_DAYS:
        return None
    cut_again = timeline.position(later.clipped_on)
    return None if cut_again is not None and cut_again > start else end - start
