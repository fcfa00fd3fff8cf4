"""From light to a file's pixels: uneven lamp, round field, point spread, noise, curve, sharpening."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.second_renderer.fields import F32, TURN, Floats, encoded
from benchmarks.second_renderer.kinds import Kind

FIELD_RADIUS = 0.48
"""Radius of a round field that is not darkened by its edge, as a share of the height."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of ITU-R BT.601, on which cameras sharpen."""
BLURRED = "blurred"


def photograph(scalp: Floats, kind: Kind, rng: np.random.Generator) -> tuple[NDArray[np.uint8], float]:
    """Return the (H, W, 3) RGB picture of a lit scalp, and the blur [px] it was taken with."""
    height, width = scalp.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(F32)
    right, down = x / width - 0.5, y / height - 0.5
    picture = _lit(scalp, right, down, kind, rng)
    if kind.circle:
        away = np.hypot(x - width / 2, y - height / 2)
        edge = 1 / (1 + np.exp(np.minimum((away - 0.482 * height) / rng.uniform(0.8, 3), 60)))
        dimming = 1 - 0.35 * np.clip(away / (FIELD_RADIUS * height), 0, 1) ** 4
        picture = picture * (edge * dimming)[..., None] + 0.004 * (1 - edge[..., None])
    blur_sigma_px = rng.uniform(*kind.blur_sigma_px)
    picture = cv2.GaussianBlur(picture.astype(F32), (0, 0), blur_sigma_px)
    if kind.clipped:
        picture = _curved_field(picture, right, down, rng)
    codes = encoded(_noisy(picture, kind, rng).astype(F32)) * 255
    codes = _sharpened(codes, kind, rng)
    return np.clip(np.round(codes), 0, 255).astype(np.uint8), blur_sigma_px


def _lit(scalp: Floats, right: Floats, down: Floats, kind: Kind, rng: np.random.Generator) -> Floats:
    """Light the scalp unevenly, with a drift of colour and a veil of stray light."""
    angle = rng.uniform(0, TURN)
    toward = right * np.cos(angle) + down * np.sin(angle)
    fall_off = rng.uniform(0.05, 0.35)
    fall = 1 - fall_off * ((right - rng.normal(0, 0.1)) ** 2 + (down - rng.normal(0, 0.1)) ** 2) * 2
    drift = rng.uniform(0, 0.35) if kind.clipped else rng.uniform(0, 0.15)
    colour_drift = drift * np.array([0.15, 0.05, -0.9]) * rng.choice([-1, 1]) + rng.normal(0, 0.12)
    lit = scalp * (fall[..., None] * np.exp(toward[..., None] * colour_drift))
    lit = lit * np.exp(rng.normal(0, 0.03, 3))
    return np.asarray(lit + rng.uniform(0.002, 0.012) * lit.mean((0, 1)))


def _curved_field(picture: Floats, right: Floats, down: Floats, rng: np.random.Generator) -> Floats:
    """Put the corners and one side out of focus."""
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.5, 2.6))
    away = (right - rng.normal(0, 0.12)) ** 2 + (down - rng.normal(0, 0.12)) ** 2
    share = np.clip((away - 0.22) / 0.25, 0, 1)[..., None].astype(F32)
    return np.asarray(picture + share * (soft - picture))


def _noisy(picture: Floats, kind: Kind, rng: np.random.Generator) -> Floats:
    """Add shot and read noise, a part of it smeared over neighbours by demosaicing."""
    strength = rng.uniform(*kind.noise)
    white = rng.standard_normal(picture.shape, dtype=F32)
    smeared = cv2.GaussianBlur(rng.standard_normal(picture.shape, dtype=F32), (0, 0), 0.9)
    shot = np.maximum(picture, 0) * 0.3 * strength**2 * 4
    spread = np.sqrt(shot + (strength * 0.25) ** 2)
    return np.asarray(picture + (white * 0.8 + 0.45 * smeared * 2) * spread)


def _sharpened(codes: Floats, kind: Kind, rng: np.random.Generator) -> Floats:
    """Sharpen as the kind says; where it says nothing, half of the pictures a little."""
    amount = kind.unsharp
    if amount is None:
        if rng.random() >= 0.5 or kind.name == BLURRED:
            return codes
        amount = rng.uniform(0.9, 1.3), rng.uniform(0.2, 0.6)
    radius, strength = amount
    luma = codes @ np.array(LUMA, F32)
    return np.asarray(codes + (strength * (luma - cv2.GaussianBlur(luma, (0, 0), radius)))[..., None])
