"""From a change to a verdict: improved, stable, worsened, undetermined or refused, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from densitometry.follow.change import Change
from densitometry.follow.figures import Figure

IMPROVED, STABLE, WORSENED = "improved", "stable", "worsened"
UNDETERMINED, REFUSED = "undetermined", "refused"

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "terminal_density": "terminal_density_change_pct",
        "density": "density_change_pct",
        "cumulative_thickness": "cumulative_thickness_change_pct",
        "mean_diameter": "mean_diameter_change_um",
        "vellus_fraction": "vellus_fraction_change",
    }
)
LESS_IS_BETTER = frozenset({"vellus_fraction"})
NEEDS_DIAMETER = frozenset({"terminal_density", "cumulative_thickness", "mean_diameter", "vellus_fraction"})
SECOND_MEASURES = ("density", "cumulative_thickness", "mean_diameter")
"""What may contradict the endpoint; none of them makes a verdict of its own."""

SECOND_STRETCH = 1.25
"""Three second measures are looked at: each must be as sure as 98.3 % (Bonferroni), not 95 %."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "terminal_density": "density of terminal hairs",
        "density": "hair density",
        "cumulative_thickness": "cumulative thickness",
        "mean_diameter": "mean shaft diameter",
        "vellus_fraction": "share of vellus hairs",
    }
)

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "registration_refused": "The follow-up could not be shown to be the same skin. {detail}",
        "quality_rejected": "A picture was refused by the quality gate. {detail}",
        "scale_unusable": "A picture has no usable scale. {detail}",
        "nothing_to_compare": "There is no hair to compare the {label} by.",
        "bald_baseline": "The baseline shows almost no terminal hair ({terminal:.0f} per cm²): "
        "there is little to measure a change by.",
        "protocol_changed": "The visits were not taken alike ({detail}): a difference may come from that.",
        "too_early": "It is too early to judge: {detail}.",
        "scale_disagrees": "The skin shows that the scales of the two pictures contradict each other: what "
        "rests on diameters cannot be judged.",
        "scarring": "More hair was counted, but with a scarring diagnosis a gain is never called an "
        "improvement without a person's judgement.",
        "openings_fell": "More hair was counted, but from fewer follicular openings: a person has to judge.",
        "measures_disagree": "The {label} and the {other} changed in opposite directions.",
        "drift": "The untreated reference area changed in the same direction: the pictures may have drifted.",
        "beyond_noise": "The {label} changed by {value}, more than sampling (95 % interval {low} to {high}) "
        "and repeat captures{sdc} explain.",
        "within_margin": "The {label} changed by {value}; the whole 90 % interval ({within}) "
        "lies within ±{margin}.",
        "below_size": "The {label} changed by {value}, less than the size set for a response.",
        "inconclusive": "The {label} changed by {value}; the 95 % interval ({low} to {high}){sdc} leaves "
        "open whether that is more than noise.",
    }
)
NO_DIAGNOSIS_NOTE = " Diagnosis not recorded: scarring was not ruled out."


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """What decides, and how large a change counts.

    Attributes:
        endpoint: one of ENDPOINTS; it alone makes the verdict.
        margin_pct, margin_um, margin_fraction, margin_per_cm2: "stable" means the whole 90 % region
            interval lies within ± this; the last one for baselines of few hairs.
        sizeable: also ask for 10 % and 10 hairs/cm² before calling a change improved or worsened.
        sizeable_pct, sizeable_per_cm2: those sizes.
        few_hairs: below so many baseline hairs only the absolute change is judged and shown.
        bald_per_cm2: a baseline of fewer terminal hairs leaves little to measure.
        openings_fall: share of the openings whose loss forbids "improved".
    """

    endpoint: str = "terminal_density"
    margin_pct: float = 10.0
    margin_um: float = 5.0
    margin_fraction: float = 0.05
    margin_per_cm2: float = 10.0
    sizeable: bool = False
    sizeable_pct: float = 10.0
    sizeable_per_cm2: float = 10.0
    few_hairs: float = 30.0
    bald_per_cm2: float = 10.0
    openings_fall: float = 0.1

    def __post_init__(self) -> None:
        if self.endpoint not in ENDPOINTS:
            msg = f"endpoint must be one of {', '.join(ENDPOINTS)}, not {self.endpoint!r}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about the visits beyond the pictures.

    Attributes:
        failure: code of REASONS when there is no change to judge ("registration_refused", …), else "".
        failure_detail: the refusal in words.
        scarring: of the diagnosis; None when no diagnosis is recorded.
        too_early: why a verdict would be premature, in words; "" otherwise.
        protocol_changes: differences of clipping, dye, polarisation or immersion, in words.
        scale_step: µm/px of the coarser picture over that of the finer; None: as the patches state.
        detectable_um: the thinnest hair the coarser picture shows reliably; a change at a lower cut-off
            cannot be judged across a scale step.
        reference: change at an untreated reference area that serves as a drift check, None without one.
    """

    failure: str = ""
    failure_detail: str = ""
    scarring: bool | None = None
    too_early: str = ""
    protocol_changes: tuple[str, ...] = ()
    scale_step: float | None = None
    detectable_um: float | None = None
    reference: Change | None = None


LARGEST_SCALE_STEP = 1.15
LARGEST_SHADE_RATIO = 1.5
"""The same hairs differ by up to 1.1 times between simulated visits in other light, dyed ones by 4 to 12."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said: verdict, the code and sentence of its reason, and the endpoint that decided."""

    verdict: str
    reason_code: str
    reason: str
    endpoint: str


def judge(
    change: Change | None,
    circumstances: Circumstances | None = None,
    settings: ResponseSettings | None = None,
) -> Verdict:
    """Return the verdict on a change; the first rule that applies decides.

    Nothing to compare → refused. A guard → undetermined. Region interval without zero and a change beyond
    the smallest detectable one → improved or worsened, unless a guard forbids it. Whole interval within the
    margin → stable. Else undetermined. No sentence says what brought a change about.

    Args:
        change: None when there is none, then `circumstances.failure` says why.
        circumstances: of the visits.
        settings: what decides.
    """
    circumstances, settings = circumstances or Circumstances(), settings or ResponseSettings()
    if change is None or circumstances.failure:
        code = circumstances.failure or "registration_refused"
        return _say(REFUSED, code, settings, circumstances, detail=circumstances.failure_detail)
    figure = change.figures[ENDPOINTS[settings.endpoint]]
    guard = _guard(change, figure, circumstances, settings)
    if guard is not None:
        return guard
    texts = _texts(change, figure, settings)
    direction = _direction(figure, settings.endpoint)
    if direction and _beyond_sdc(figure):
        withdrawn = _withdrawal(direction, change, circumstances, settings)
        if withdrawn is not None:
            return withdrawn
        if settings.sizeable and not _sizeable(change, figure, settings):
            return _say(UNDETERMINED, "below_size", settings, circumstances, **texts)
        verdict = IMPROVED if direction > 0 else WORSENED
        return _say(verdict, "beyond_noise", settings, circumstances, **texts)
    if _within_margin(change, figure, settings):
        return _say(STABLE, "within_margin", settings, circumstances, **texts)
    return _say(UNDETERMINED, "inconclusive", settings, circumstances, **texts)


def _guard(
    change: Change, figure: Figure, circumstances: Circumstances, settings: ResponseSettings
) -> Verdict | None:
    """Return the verdict of the first guard that fires whatever the figures say."""

    def undetermined(code: str, **texts: object) -> Verdict:
        return _say(UNDETERMINED, code, settings, circumstances, **texts)

    terminal = change.baseline_terminal / change.area_cm2 if change.area_cm2 else 0.0
    if terminal < settings.bald_per_cm2:
        return undetermined("bald_baseline", terminal=terminal)
    if figure.value is None:
        return undetermined("nothing_to_compare")
    differences = list(circumstances.protocol_changes)
    step = circumstances.scale_step or 1.0
    if step > LARGEST_SCALE_STEP:
        detectable = circumstances.detectable_um
        if detectable is None or change.cutoff_um < detectable or settings.endpoint != "terminal_density":
            differences.append(f"pixels {100 * (step - 1):.0f} % coarser")
    if max(change.shade_ratio, 1 / change.shade_ratio) > LARGEST_SHADE_RATIO:
        times = max(change.shade_ratio, 1 / change.shade_ratio)
        more = "more" if change.shade_ratio > 1 else "less"
        differences.append(f"the same hairs stand out {times:.1f} times {more} from the skin: dyed or faded")
    if differences:
        return undetermined("protocol_changed", detail=", ".join(differences))
    if circumstances.too_early:
        return undetermined("too_early", detail=circumstances.too_early)
    if change.scale_disagrees and settings.endpoint in NEEDS_DIAMETER:
        return undetermined("scale_disagrees")
    return None


def _withdrawal(
    direction: int, change: Change, circumstances: Circumstances, settings: ResponseSettings
) -> Verdict | None:
    """Return why an improvement or worsening that the figures show may not be called so."""

    def undetermined(code: str, **texts: object) -> Verdict:
        return _say(UNDETERMINED, code, settings, circumstances, **texts)

    if direction > 0 and circumstances.scarring:
        return undetermined("scarring")
    fallen = change.baseline_openings - change.followup_openings
    if direction > 0 and fallen > settings.openings_fall * change.baseline_openings:
        return undetermined("openings_fell")
    for other in SECOND_MEASURES:
        second = change.figures[ENDPOINTS[other]]
        usable = other not in NEEDS_DIAMETER or not change.scale_disagrees
        contradicts = _direction(second, other, SECOND_STRETCH) == -direction and _beyond_sdc(second)
        if other != settings.endpoint and usable and contradicts:
            return undetermined("measures_disagree", other=LABELS[other])
    reference = circumstances.reference
    if reference is not None:
        drift = reference.figures[ENDPOINTS[settings.endpoint]]
        if _direction(drift, settings.endpoint) == direction and _beyond_sdc(drift):
            return undetermined("drift")
    return None


def _direction(figure: Figure, endpoint: str, stretch: float = 1.0) -> int:
    """Return 1 for better, -1 for worse, 0 where the region interval, made wider by a factor, holds zero."""
    if figure.value is None or figure.region_low is None or figure.region_high is None:
        return 0
    low = figure.value - stretch * (figure.value - figure.region_low)
    high = figure.value + stretch * (figure.region_high - figure.value)
    if low <= 0 <= high:
        return 0
    sign = 1 if low > 0 else -1
    return -sign if endpoint in LESS_IS_BETTER else sign


def _beyond_sdc(figure: Figure) -> bool:
    if figure.value is None:
        return False
    return figure.sdc is None or abs(figure.value) > figure.sdc


def _absolute_only(change: Change, settings: ResponseSettings) -> bool:
    counts_hairs = settings.endpoint in {"terminal_density", "density"}
    return counts_hairs and change.baseline_hairs < settings.few_hairs


def _per_cm2(change: Change, settings: ResponseSettings) -> float:
    """Return what one per cent of the endpoint is in hairs per cm²."""
    if not change.area_cm2:
        return 0.0
    hairs = change.baseline_terminal if settings.endpoint == "terminal_density" else change.baseline_hairs
    return hairs / change.area_cm2 / 100


def _sizeable(change: Change, figure: Figure, settings: ResponseSettings) -> bool:
    if figure.value is None or not ENDPOINTS[settings.endpoint].endswith("_pct"):
        return True
    enough = abs(figure.value) * _per_cm2(change, settings) >= settings.sizeable_per_cm2
    if settings.endpoint == "cumulative_thickness":
        enough = True
    return enough and (_absolute_only(change, settings) or abs(figure.value) >= settings.sizeable_pct)


def _margin(change: Change, settings: ResponseSettings) -> tuple[float, float, str]:
    """Return the margin, the factor that brings a figure to its unit, and the unit."""
    name = ENDPOINTS[settings.endpoint]
    if name == "mean_diameter_change_um":
        return settings.margin_um, 1.0, " µm"
    if name == "vellus_fraction_change":
        return 100 * settings.margin_fraction, 100.0, " points"
    if _absolute_only(change, settings):
        return settings.margin_per_cm2, _per_cm2(change, settings), "/cm²"
    return settings.margin_pct, 1.0, " %"


def _within_margin(change: Change, figure: Figure, settings: ResponseSettings) -> bool:
    if figure.equivalence_low is None or figure.equivalence_high is None:
        return False
    margin, factor, _ = _margin(change, settings)
    return max(abs(figure.equivalence_low), abs(figure.equivalence_high)) * factor <= margin


def _texts(change: Change, figure: Figure, settings: ResponseSettings) -> dict[str, str]:
    margin, factor, unit = _margin(change, settings)

    def show(number: float | None) -> str:
        return "unknown" if number is None else f"{number * factor:+.1f}{unit}"

    sdc = "" if figure.sdc is None else f" (smallest detectable change {figure.sdc * factor:.1f}{unit})"
    return {
        "value": show(figure.value),
        "low": show(figure.region_low),
        "high": show(figure.region_high),
        "within": f"{show(figure.equivalence_low)} to {show(figure.equivalence_high)}",
        "margin": f"{margin:g}{unit}",
        "sdc": sdc,
    }


def _say(
    verdict: str, code: str, settings: ResponseSettings, circumstances: Circumstances, **texts: object
) -> Verdict:
    label = LABELS[settings.endpoint]
    sentence = REASONS[code].format_map({"detail": "", "label": label, **texts}).strip()
    if circumstances.scarring is None and verdict in {IMPROVED, STABLE, WORSENED}:
        sentence += NO_DIAGNOSIS_NOTE
    return Verdict(verdict, code, sentence, settings.endpoint)
