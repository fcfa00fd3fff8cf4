"""Measured pictures of the visits that are being compared: each is read once, and let go after them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from densitometry import follow
from densitometry.analysis import Analysis
from densitometry.errors import DensitometryError
from densitometry.stored import load_analysis
from densitometry.study.entities import Picture
from densitometry.study.person_task import PersonTask
from densitometry.study.plan import FAILED, scale_of
from densitometry.study.seen import MEASURED, Seen


@dataclass(slots=True)
class AtHand:
    """What is known of pictures with their results, as long as they are needed.

    Attributes:
        task: says where results lie and how they came about.
    """

    task: PersonTask
    _read: dict[str, tuple[Analysis | None, follow.Patch]] = field(default_factory=dict)

    def keep(self, items: Iterable[Seen]) -> None:
        """Let go of all pictures but these."""
        kept = {item.picture.stem for item in items}
        self._read = {stem: known for stem, known in self._read.items() if stem in kept}

    def with_patches(self, items: Iterable[Seen]) -> tuple[Seen, ...]:
        """Return pictures with their hairs; what cannot be read any more counts as failed."""
        return tuple(self._with_patch(item) for item in items)

    def analysis(self, picture: Picture) -> Analysis:
        """Return a picture with its results.

        Raises:
            OutputError, UnreadableImageError, ScaleError: they cannot be read.
        """
        known = self._read.get(picture.stem)
        if known is not None and known[0] is not None:
            return known[0]
        folder = self.task.out / picture.folder
        return load_analysis(folder, picture.path, scale_of(picture), self.task.recipe)

    def _with_patch(self, item: Seen) -> Seen:
        if item.status != MEASURED or not item.picture.site:
            return item
        stem = item.picture.stem
        if stem not in self._read:
            try:
                analysis = self.analysis(item.picture)
                patch = follow.patch_of(analysis)
            except DensitometryError:
                return replace(item, status=FAILED)
            self._read[stem] = (analysis if self.task.overlay else None, patch)
        return replace(item, patch=self._read[stem][1])
