"""What tables say about a comparison beyond its pictures: protocol, treatment, diagnosis."""

from __future__ import annotations

from densitometry.follow import Circumstances
from densitometry.follow.change import Change
from densitometry.study.code_lists import IMMERSIONS
from densitometry.study.entities import Participant, Session, Treatment
from densitometry.study.timeline import DAYS_PER_WEEK, days_since, last_session_of, too_early

_YES_OR_NO = (
    ("clipped", "hair clipped"),
    ("dyed", "hair dyed"),
    ("polarised", "light polarised"),
)


def circumstances_of(
    participant: Participant, baseline: Session, session: Session, site: str, reference: Change | None
) -> Circumstances:
    """Return what is known about a visit and its baseline."""
    return Circumstances(
        scarring=participant.scarring,
        too_early=early_words(participant, session, site),
        protocol_changes=protocol_changes(baseline, session),
        reference=reference,
    )


def protocol_changes(baseline: Session, session: Session) -> tuple[str, ...]:
    """Return in words what was done at one of two visits only; what is not recorded says nothing."""
    found = []
    for name, words in _YES_OR_NO:
        then, now = getattr(baseline, name), getattr(session, name)
        if None not in (then, now) and then != now:
            found.append(f"{words} at {f'ses-{baseline.label}' if then else f'ses-{session.label}'} only")
    if baseline.immersion and session.immersion and baseline.immersion != session.immersion:
        then, now = (IMMERSIONS.by_code(code).english for code in (baseline.immersion, session.immersion))
        found.append(f"immersion {then}, then {now}")
    return tuple(found)


def early_words(participant: Participant, session: Session, site: str) -> str:
    """Return why a verdict would be premature, in words; "" where it would not."""
    words = []
    for course in too_early(participant, session, site):
        days = days_since(participant, session, course.start)
        window = course.agent.too_early
        if window is not None and days is not None:
            words.append(
                f"{course.agent.english} began {days / DAYS_PER_WEEK:.0f} weeks before, and until week "
                f"{window.to_week:g} {window.reason}"
            )
    return "; ".join(words)


def running_treatments(participant: Participant, session: Session, site: str) -> str:
    """Return the codes of treatments of a site that had begun by a visit and not ended, joined by +."""
    codes = []
    for course in participant.treatments:
        since = days_since(participant, session, course.start)
        after = days_since(participant, session, course.end)
        begun = since is not None and since >= 0
        if begun and (after is None or after <= 0) and not course.agent.in_sessions and course.touches(site):
            codes.append(course.agent.code)
    return "+".join(sorted(set(codes)))


def last_treatment(participant: Participant, session: Session, site: str) -> tuple[Treatment, int] | None:
    """Return the last single treatment (an injection, a session) of a site by a visit, and the days since."""
    agents = {
        course.agent.code
        for course in participant.treatments
        if course.agent.in_sessions and course.touches(site)
    }
    found = [last_session_of(participant, session, code) for code in sorted(agents)]
    known = [item for item in found if item is not None]
    return min(known, key=lambda item: item[1]) if known else None
