"""How likely tracing finds a hair of a given diameter, and so what the found ones say of all.

Fine hairs are missed more often than thick ones: the mean diameter of the found is too large, and their share
of vellus hairs too small, for the scalp. The numbers of a picture stay those of its found hairs; their
intervals speak of all.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from densitometry.model import FloatArray

# Fitted on random phantoms by `python training/calibrate.py --count 300 --seed 79`, which prints all three.
FOUND_LOGIT = 1.69
FOUND_SLOPE, FOUND_SLOPE_SD = 1.70, 0.86
"""Log odds to be found for a hair of full thickness, what they lose per log of diameter below it, and how
much that loss differs from picture to picture."""
FULL_UM = 50.0
"""From here on thickness no longer helps: what hides a hair then is another hair."""


def found_share(diameter_um: FloatArray, slope: float = FOUND_SLOPE) -> FloatArray:
    """Return the chance that tracing finds visible hairs of these diameters, in (0, 1)."""
    return np.asarray(expit(FOUND_LOGIT + slope * log_thinness(diameter_um)), np.float64)


def log_thinness(diameter_um: FloatArray) -> FloatArray:
    """Return the log of diameters over `FULL_UM`; 0 from there on."""
    return np.log(np.clip(np.asarray(diameter_um, np.float64) / FULL_UM, 1e-3, 1.0))


def stands_for(diameter_um: FloatArray, presence: FloatArray, slope: float = FOUND_SLOPE) -> FloatArray:
    """Return how many hairs of the scalp each found one stands for, as shares that add up to 1.

    By the chance that it is a hair over the chance that one like it is found: Horvitz & Thompson 1952,
    doi:10.1080/01621459.1952.10483446.
    """
    weight = presence / found_share(diameter_um, slope)
    total = float(weight.sum())
    return weight / total if total > 0 else np.full(len(weight), 1.0 / max(1, len(weight)))
