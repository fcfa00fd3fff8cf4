"""How far two captures of unchanged skin differ: shipped prior, a study's replicates, a person's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95
FIGURES = (
    "density_change_pct",
    "density_change_per_cm2",
    "terminal_density_change_pct",
    "mean_diameter_change_um",
    "vellus_fraction_change",
    "cumulative_thickness_change_pct",
)
RELATIVE = frozenset({"density_change_pct", "terminal_density_change_pct", "cumulative_thickness_change_pct"})
"""Figures whose working scale is the logarithm of a ratio."""


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Within-visit standard deviation of one capture, on the figure's working scale.

    Attributes:
        sd: natural logarithm for relative figures, else the figure's unit.
        df: degrees of freedom behind it.
        n: captures it rests on; 0 for the prior alone.
        source: "prior", "study" or "person".
    """

    sd: float
    df: float
    n: int
    source: str

    def sdc(self, n_baseline: int = 1, n_followup: int = 1) -> float:
        """Return the smallest detectable change between means of replicates, on the working scale.

        Source: Weir 2005, doi:10.1519/15184.1 (minimal difference), with Student's t for a pooled SD.
        """
        quantile = float(student.ppf(0.5 + LEVEL / 2, self.df))
        return quantile * self.sd * math.sqrt(1 / n_baseline + 1 / n_followup)


def prior(sd: float, df: float) -> Repeatability:
    """Return a shipped prior."""
    return Repeatability(sd, df, 0, "prior")


SAME_SKIN_PRIOR: Mapping[str, Repeatability] = MappingProxyType(
    {
        "density_change_pct": prior(0.015, 40.0),
        "terminal_density_change_pct": prior(0.019, 40.0),
        "mean_diameter_change_um": prior(1.0, 40.0),
        "vellus_fraction_change": prior(0.013, 40.0),
        "cumulative_thickness_change_pct": prior(0.016, 40.0),
    }
)
"""Scatter of one picture of unchanged clipped scalp compared over the shared skin (about 45 hairs), from
`python -m benchmarks.visits --kind null --pairs 60 --first-seed 0`; a study's replicates take over."""


def update(belief: Repeatability, groups: Iterable[Sequence[float]], source: str) -> Repeatability:
    """Shrink the spread within groups of replicates towards what was believed, by degrees of freedom.

    Args:
        belief: the prior, or the study's value when a person's own replicates update it.
        groups: replicates of one visit each, on the working scale; groups of one say nothing.
        source: "study" or "person".
    """
    squares, df, n = 0.0, 0, 0
    for group in groups:
        values = np.asarray(group, dtype=float)
        if len(values) > 1:
            squares += float(((values - values.mean()) ** 2).sum())
            df += len(values) - 1
            n += len(values)
    if not df:
        return belief
    pooled = (belief.df * belief.sd**2 + squares) / (belief.df + df)
    return Repeatability(math.sqrt(pooled), belief.df + df, n, source)
