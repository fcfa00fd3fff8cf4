"""Traces and scale → hairs in µm, follicular units, density with its intervals."""

from __future__ import annotations

from densitometry.measure.hairs import HairTable, measure_hairs
from densitometry.measure.summary import summarize

__all__ = ["HairTable", "measure_hairs", "summarize"]
