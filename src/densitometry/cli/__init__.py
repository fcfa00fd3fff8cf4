"""The command line: parses, calls, prints; no science. Heavy imports happen where they are needed."""

from __future__ import annotations

from densitometry.cli.app import main

__all__ = ["main"]
