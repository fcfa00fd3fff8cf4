"""Every adjustable number of the product: one frozen dataclass a stage, lengths in µm on the scalp.

A field is the whole definition of a recipe key: its name, type, value, meaning and range. Recipes, their
checks, `recipe show` and the reference page are all made from these fields.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

Value = bool | int | float | str | tuple[float, ...]


def key(
    value: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | tuple[int, ...] = (),
) -> Any:
    """Declare one recipe key: its value, meaning and inclusive range (of each item, for a list)."""
    return dataclasses.field(
        default=value, metadata={"doc": doc, "low": low, "high": high, "choices": choices}
    )


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Reading a picture: which sizes are accepted and how the field of view is found."""

    max_megapixels: float = key(200.0, "largest picture accepted [million pixels]", low=1, high=2_000)
    min_side_px: int = key(64, "shortest side accepted [px]", low=16, high=4_096)
    find_marks: bool = key(True, "look for burned-in text, lines, circles and scale bars")
    glare_patch_um: float = key(
        150.0, "saturated patches at least this wide hide the scalp [µm]", low=20, high=5_000
    )


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """The quality gate: where a picture is measured with a warning, and where measuring is meaningless."""

    warn_blur_um: float = key(
        20.0, "blur of the sharpest edges (standard deviation) that is warned of [µm]", low=1, high=500
    )
    reject_blur_um: float = key(
        80.0, "blur of the sharpest edges beyond which no shaft is seen [µm]", low=5, high=2_000
    )
    warn_clipped_share: float = key(
        0.05, "share of the field with a channel at its limit that is warned of", low=0, high=1
    )
    warn_glare_share: float = key(
        0.02, "share of the field hidden by saturated glare that is warned of", low=0, high=1
    )
    reject_black_level: float = key(
        20.0, "a picture whose bright parts stay below this is black [8-bit level]", low=0, high=128
    )
    reject_white_level: float = key(
        245.0, "a picture whose dark parts stay above this is white [8-bit level]", low=128, high=255
    )
    warn_valid_share: float = key(
        0.4, "share of the frame that shows scalp below which is warned", low=0, high=1
    )
    reject_valid_share: float = key(
        0.05, "share of the frame that shows scalp below which nothing is measured", low=0, high=1
    )
    warn_fine_hair_px: float = key(
        2.5, "width of a 30 µm hair below which fine hairs are not resolved [px]", low=0.5, high=20
    )
    warn_light_evenness: float = key(
        0.25, "darkest over brightest region of skin, below which is warned", low=0, high=1
    )
    warn_colour_cast: float = key(
        0.6, "difference of blue and red over their mean beyond which is warned", low=0, high=2
    )


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Finding hairs: detection, following, cutting, widths."""

    grid_um: float = key(
        8.0, "pixel size of the grid hairs are detected on; the network was trained on 8 [µm]", low=4, high=16
    )
    detector: str = key(
        "network", "what finds centre lines: learned or not", choices=("network", "classical")
    )
    readings: int = key(
        8,
        "how often the network reads a picture, turned and mirrored; the mean is traced",
        choices=(1, 2, 4, 8),
    )
    read_often_cm2: float = key(
        1.0, "larger pictures are read twice at most, to save time [cm²]", low=0.0, high=1e4
    )
    read_twice_cm2: float = key(
        1.5, "of those, still larger ones are read once, to save time [cm²]", low=0.0, high=1e4
    )
    seed_evidence: float = key(
        0.5, "least centre-line evidence where following starts [0-1]", low=0.05, high=0.95
    )
    stop_evidence: float = key(
        0.12, "following stops where evidence stays below this [0-1]", low=0.02, high=0.9
    )
    max_gap_um: float = key(
        32.0, "longest stretch without evidence that is passed straight on [µm]", low=0, high=200
    )
    shortest_bend_um: float = key(200.0, "smallest radius of curvature followed [µm]", low=30, high=2_000)
    usual_bend_um: float = key(
        2000.0,
        "radius [µm]; where lines within 3 mm bend more in the mean, hair is curly and bending costs less",
        low=100,
        high=100_000,
    )
    minimum_length_um: float = key(100.0, "shortest stretch followed as a hair [µm]", low=30, high=1_000)
    hair_price_um: float = key(
        100.0, "length of perfect centre line a hair must gain to be believed [µm]", low=0, high=1_000
    )
    end_gain_um: float = key(
        56.0, "what a certain root or tip at its end is worth, as such a length [µm]", low=0, high=500
    )
    max_join_um: float = key(
        240.0, "longest hidden stretch between two pieces of one hair [µm]", low=0, high=500
    )
    exchange_odds: float = key(
        0.4, "log odds from which on two hairs that ran beside each other exchange tails", low=-5, high=50
    )
    bend_odds: float = key(
        0.0,
        "log odds from which on two pieces whose open ends an arc can join are one hair",
        low=-5,
        high=50,
    )
    cut_odds: float = key(
        -0.5, "log odds from which on a line that ran on from one hair into another is cut", low=-5, high=50
    )
    least_presence: float = key(
        0.3,
        "less likely lines are dropped; pieces below 0.65, curled or short below 0.5; 0 keeps all [0-1]",
        low=0,
        high=1,
    )
    sibling_odds: float = key(
        -1.4, "log odds from which on one line in the body of two shafts becomes two hairs", low=-5, high=50
    )
    bridged_mark_um: float = key(
        100.0, "hairs are followed below drawn lines thinner than this [µm]", low=0, high=500
    )
    station_um: float = key(
        16.0, "distance of the cross-sections a width is measured at [µm]", low=2, high=100
    )
    flank_um: float = key(40.0, "skin seen beside the shaft in a cross-section [µm]", low=10, high=200)
    psf_neighbourhood_um: float = key(
        1500.0, "edges this near speak for the blur at a hair [µm]", low=200, high=10_000
    )


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """From traces to hairs: diameters, classes, counting, follicular units."""

    cutoffs_um: tuple[float, ...] = key(
        (30.0, 40.0), "vellus cut-offs that are reported [µm]", low=5, high=150
    )
    primary_cutoff_um: float = key(
        30.0, "vellus cut-off of the class and the headline fractions [µm]", low=5, high=150
    )
    end_margin_um: float = key(100.0, "length left out of the diameter at each end [µm]", low=0, high=1_000)
    minimum_length_um: float = key(100.0, "shortest hair that is listed [µm]", low=50, high=2_000)
    unit_radius_um: float = key(
        260.0, "roots farther apart than this on average belong to different units [µm]", low=20, high=1_000
    )
    root_sure_probability: float = key(
        0.7, "chance of being the root end from which the root counts as seen", low=0.5, high=1
    )
    class_certainty: float = key(
        0.6, "chance of being on one side of the cut-off from which a class is given", low=0.5, high=1
    )
    resolution_px: float = key(
        1.5, "hairs narrower than this are below the resolution [px]", low=0.5, high=10
    )
    resolution_psf: float = key(
        1.5, "hairs narrower than this many standard deviations of the blur are below it", low=0, high=10
    )
    width_correlation_um: float = key(
        30.0, "widths nearer than this along a shaft share their error [µm]", low=1, high=500
    )
    width_error_um: float = key(
        1.5, "error of one hair's diameter that more cross-sections do not lessen [µm]", low=0, high=50
    )
    width_error_pct: float = key(3.0, "the same, in percent of the diameter", low=0, high=50)
    shared_width_error_um: float = key(
        2.0, "error of the diameter that all hairs of a picture share [µm]", low=0, high=50
    )
    count_error_pct: float = key(2.0, "error of the count that more hairs do not lessen [%]", low=0, high=50)
    unit_error_pct: float = key(5.0, "error of grouping roots into follicular units [%]", low=0, high=50)


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """From visit to visit: what decides a verdict, and how large a change counts."""

    verdict_endpoint: str = key(
        "terminal_density",
        "the one measure that makes the verdict",
        choices=("terminal_density", "density", "cumulative_thickness", "mean_diameter", "vellus_fraction"),
    )
    margin_pct: float = key(
        10.0, "stable: the whole 90 % interval of a relative change lies within ± this [%]", low=0, high=100
    )
    margin_um: float = key(5.0, "the same for the mean diameter [µm]", low=0, high=50)
    margin_fraction: float = key(0.05, "the same for the share of vellus hairs", low=0, high=1)
    margin_per_cm2: float = key(
        10.0, "the same for densities where the baseline shows few hairs [1/cm²]", low=0, high=200
    )
    require_size: bool = key(False, "ask for a least size, too, before calling it improved or worsened")
    least_size_pct: float = key(10.0, "that size, relative [%]", low=0, high=100)
    least_size_per_cm2: float = key(10.0, "that size, absolute [1/cm²]", low=0, high=200)
    few_hairs: float = key(
        30.0, "below so many baseline hairs only the absolute change is judged", low=0, high=1_000
    )
    bald_per_cm2: float = key(
        10.0, "below so many terminal hairs at baseline there is little to measure [1/cm²]", low=0, high=200
    )
    openings_fall: float = key(
        0.1, "share of the follicular openings whose loss forbids the word improved", low=0, high=1
    )
    compare_unpaired: bool = key(
        True, "in a study, compare the two fields of one site where the same skin cannot be shown"
    )
    relocation_um: float = key(
        1500.0, "how far apart, in each axis, such two fields may lie [µm]", low=0, high=20_000
    )


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The overlay: size and strokes. None of these changes a number."""

    overlay_width_px: int = key(
        1600,
        "pictures narrower than this are enlarged by a whole factor for the overlay [px]",
        low=200,
        high=8_000,
    )
    overlay_opacity: float = key(0.85, "opacity of the outlines [0-1]", low=0.1, high=1)
