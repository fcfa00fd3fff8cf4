"""How many hairs a patch bears, for those counted in it, and how far that can be off.

Where hair is sparse more hairs are missed than invented; where much hair lies on the skin, hairs that cross
are counted in pieces. The chances that tracing gives its hairs say how far a count can be off, not which way.
"""

from __future__ import annotations

import math

# Fitted on random phantoms by `python training/calibrate_counts.py --count 320 --seed 4711`, which prints all
# four (decisions 0014 and 0022). docs/accuracy.md says how often intervals hold the truth elsewhere.
SPARSE_LOG, CROWDED_LOG = 0.155, -0.146
"""Log of hairs there are per hair counted where hardly any hair lies, and what it gains per log of 1 plus the
length of hair in view over `MUCH_HAIR_PER_CM`."""
MUCH_HAIR_PER_CM = 20.0
"""Length of hair per area [cm per cm²] that is some 150 hairs per cm² of 1.3 mm."""
CROWDED_SD = 0.052
"""Relative error of the count that grows with length: at `MUCH_HAIR_PER_CM`."""
ALIKE = 6.03
"""Hairs of one picture are missed and invented together: so many times the variance of single chances."""


def hairs_per_counted(length_per_cm: float) -> float:
    """Return how many hairs there are for each one counted.

    Args:
        length_per_cm: length of hair in view over the area of the field [cm per cm²].
    """
    return math.exp(SPARSE_LOG + CROWDED_LOG * math.log1p(length_per_cm / MUCH_HAIR_PER_CM))


def count_variance(count: float, doubt: float, length_per_cm: float, rel_error: float = 0.0) -> float:
    """Return the variance of the true number of hairs round the expected one.

    Args:
        count: hairs counted.
        doubt: variance of their number if each were one hair by its own chance.
        length_per_cm: as in `hairs_per_counted`.
        rel_error: a further relative error of the count.
    """
    crowded = CROWDED_SD * length_per_cm / MUCH_HAIR_PER_CM
    return ALIKE * doubt + (crowded**2 + rel_error**2) * count**2
