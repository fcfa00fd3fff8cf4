"""Hair density and shaft thickness from trichoscopy pictures.

What the commands do, in a few lines::

    import densitometry as dm
    image = dm.read("a.jpg", um_per_px=5.5)
    result = dm.analyze(image)
    result.save("out/a")
    change = dm.compare(result, dm.analyze(dm.read("b.jpg", um_per_px=5.5)))
    change.verdict, change.links
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from densitometry._version import __version__

if TYPE_CHECKING:
    from densitometry.analysis import Analysis, analyze
    from densitometry.capture import from_array, read
    from densitometry.comparison import VisitChange, compare
    from densitometry.errors import DensitometryError
    from densitometry.model import Estimate, Quality, ScaledImage
    from densitometry.recipe import Recipe, load_recipe
    from densitometry.units import PixelSize

_HOMES = {
    "Analysis": "densitometry.analysis",
    "analyze": "densitometry.analysis",
    "compare": "densitometry.comparison",
    "DensitometryError": "densitometry.errors",
    "Estimate": "densitometry.model",
    "PixelSize": "densitometry.units",
    "Quality": "densitometry.model",
    "Recipe": "densitometry.recipe",
    "ScaledImage": "densitometry.model",
    "VisitChange": "densitometry.comparison",
    "from_array": "densitometry.capture",
    "load_recipe": "densitometry.recipe",
    "read": "densitometry.capture",
}

__all__ = [
    "Analysis",
    "DensitometryError",
    "Estimate",
    "PixelSize",
    "Quality",
    "Recipe",
    "ScaledImage",
    "VisitChange",
    "__version__",
    "analyze",
    "compare",
    "from_array",
    "load_recipe",
    "read",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package costs nothing."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module 'densitometry' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
