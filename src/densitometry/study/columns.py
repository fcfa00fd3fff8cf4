"""The tables a person writes for a study: column → type, unit, meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from densitometry.schema import Column

_NOTE = Column("note", "text", "", "free text; shown, never interpreted", nullable=True)

_PERSON = (
    Column("sex", "code", "", "f, m or x", nullable=True),
    Column("age", "number", "years", "age at the first visit", nullable=True),
    Column("centre", "text", "", "clinic that took the pictures", nullable=True),
    Column("arm", "text", "", "arm of a trial", nullable=True),
    Column("diagnosis", "code", "", "coded diagnosis; several are joined by +", nullable=True),
)
PARTICIPANTS: tuple[Column, ...] = (
    Column("participant", "label", "", "sub- and a label of letters and digits"),
    *_PERSON,
    _NOTE,
)

_VISIT = (
    Column("date", "date", "", "ISO date of the visit", nullable=True),
    Column(
        "day",
        "day",
        "d",
        "day of the visit on the participant's own count, where dates are left out",
        nullable=True,
    ),
    Column(
        "planned_week", "number", "weeks", "week of the plan; negative before the baseline", nullable=True
    ),
    Column("baseline", "yes/no", "", "y marks the visit that the others are compared with", nullable=True),
    Column("clipped_on", "date, day or n", "", "when the site was clipped; n for not clipped", nullable=True),
    Column("dyed", "yes/no", "", "whether the hair was dyed", nullable=True),
    Column("immersion", "code", "", "what lay between lens and skin", nullable=True),
    Column("polarised", "yes/no", "", "whether the light was polarised", nullable=True),
)
SESSIONS: tuple[Column, ...] = (
    Column("session", "label", "", "ses- and a label of letters and digits"),
    *_VISIT,
    _NOTE,
)

TREATMENTS: tuple[Column, ...] = (
    Column("participant", "label", "", "as in the participants' table"),
    Column("agent", "code", "", "coded agent, or `other: text`"),
    Column("start", "date or day", "", "first day of the course, or day of the session", nullable=True),
    Column("end", "date or day", "", "last day of the course; empty while it goes on", nullable=True),
    Column("dose", "number", "", "dose in `unit`", nullable=True),
    Column("unit", "text", "", "unit of the dose", nullable=True),
    Column("route", "code", "", "coded route; the agent's usual one where empty", nullable=True),
    Column(
        "sites",
        "sites",
        "",
        "treated sites, joined by +; recipient: and donor: for transplants",
        nullable=True,
    ),
    _NOTE,
)

MANIFEST: tuple[Column, ...] = (
    Column("image", "path", "", "picture, relative to the manifest"),
    Column("participant", "label", "", "as in the participants' table"),
    Column("session", "label", "", "the visit"),
    Column("site", "label", "", "target area on the scalp"),
    Column("run", "number", "", "number of the replicate, from 1", nullable=True),
    Column("modality", "code", "", "trich, macro or global; trich where empty", nullable=True),
    Column("um_per_px", "number", "µm/px", "edge of a pixel on the scalp", nullable=True),
    Column("scale_error_pct", "number", "%", "standard error of the scale", nullable=True),
    *_VISIT,
    *_PERSON,
    _NOTE,
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "participant_id": "participant",
        "session_id": "session",
        "center": "centre",
        "polarized": "polarised",
        "picture": "image",
    }
)
NUMBER_TYPES = ("number", "day")
