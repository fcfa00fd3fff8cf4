"""From a file to a picture with a scale: decoding, orientation, scale, field of view, quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from densitometry.capture.marks import fill_masked as fill_masked
    from densitometry.capture.picture import from_array as from_array
    from densitometry.capture.picture import read as read

__all__ = ["fill_masked", "from_array", "read"]


def __getattr__(name: str) -> Any:
    """Import the image libraries only when a picture is read (PEP 562)."""
    if name in ("from_array", "read"):
        from densitometry.capture import picture

        return getattr(picture, name)
    if name == "fill_masked":
        from densitometry.capture.marks import fill_masked

        return fill_masked
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
