"""Clipped spots pictured again a few days later: rows of growth.tsv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from densitometry import follow
from densitometry.comparison import growth_of, growth_record
from densitometry.study.at_hand import AtHand
from densitometry.study.entities import Participant, Session
from densitometry.study.seen import Seen
from densitometry.study.timeline import Timeline, timeline_of

LONGEST_DAYS = 3
"""Two visits farther apart are no phototrichogram: hairs have grown out of the field or were cut again."""


def growth_rows(
    person: Participant, seen: Sequence[Seen], settings: follow.FollowSettings, at_hand: AtHand
) -> list[dict[str, Any]]:
    """Return a row for each visit at most three days after another one of the same clipped spot.

    Args:
        person: who.
        seen: the participant's pictures.
        settings: of following.
        at_hand: reads the pictures' results.
    """
    timeline = timeline_of(person.sessions)
    paired = replace(settings, unpaired_fallback=False)
    rows = []
    for site, modality in sorted({(item.picture.site, item.picture.modality) for item in seen}):
        for earlier, later in pairwise(person.sessions):
            days = _days_of_growth(timeline, earlier, later)
            if days is None:
                continue
            visits = [
                [item for item in seen if item.place == (visit.label, site, modality)]
                for visit in (earlier, later)
            ]
            at_hand.keep([*visits[0], *visits[1]])
            patches = [[s.patch for s in at_hand.with_patches(visit) if s.patch] for visit in visits]
            if not all(patches):
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
