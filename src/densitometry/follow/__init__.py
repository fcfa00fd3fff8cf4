"""Two visits of one spot: the same skin found again, hair linked to hair, change and verdict."""

from __future__ import annotations

from densitometry.follow.compare import Comparison, FollowSettings, PicturePair, compare_visits
from densitometry.follow.growth import Growth, phototrichogram
from densitometry.follow.pairing import MatchSettings
from densitometry.follow.patch import DetectionErrors, Field, Patch, patch_of
from densitometry.follow.record import CHANGE_SCHEMA, LINK_COLUMNS, change_record, links_table
from densitometry.follow.register import RegisterSettings
from densitometry.follow.repeatability import SAME_SKIN_PRIOR, Repeatability, update
from densitometry.follow.response import Circumstances, ResponseSettings, Verdict

__all__ = [
    "CHANGE_SCHEMA",
    "LINK_COLUMNS",
    "SAME_SKIN_PRIOR",
    "Circumstances",
    "Comparison",
    "DetectionErrors",
    "Field",
    "FollowSettings",
    "Growth",
    "MatchSettings",
    "Patch",
    "PicturePair",
    "RegisterSettings",
    "Repeatability",
    "ResponseSettings",
    "Verdict",
    "change_record",
    "compare_visits",
    "links_table",
    "patch_of",
    "phototrichogram",
    "update",
]
