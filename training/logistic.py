"""Logistic regression, as every calibration here fits its odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 50
SETTLED = 1e-9


def logistic(
    x: Floats, y: Floats, *, ridge: float = 0.0, constant: bool = True, worth: Floats | None = None
) -> Floats:
    """Coefficients (k + 1,), the constant last, by Newton's method.

    Args:
        x: (n, k).
        y: (n,) of 0 and 1.
        ridge: price of a squared coefficient, per row and for columns of spread 1.
        constant: whether there is one; without, both answers are as likely at 0.
        worth: (n,) how much each row counts; None for alike.
    """
    middle, spread = x.mean(axis=0) * constant, x.std(axis=0) + 1e-9
    design = np.column_stack([(x - middle) / spread, np.full(len(x), float(constant))])
    weight = np.ones(len(x)) if worth is None else worth
    price = 2 * ridge * len(x) * np.append(np.ones(x.shape[1]), 0.0)
    found = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        curvature = (design.T * (weight * chance * (1 - chance))) @ design + np.diag(price + 1e-9)
        step = np.linalg.solve(curvature, design.T @ (weight * (y - chance)) - price * found)
        found += step
        if np.abs(step).max() < SETTLED:
            break
    slopes = found[:-1] / spread
    return np.append(slopes, found[-1] - slopes @ middle)
