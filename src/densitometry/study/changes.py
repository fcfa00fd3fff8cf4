"""Changes of a study folder, whole or not at all: staged, put in place, undone where a step fails."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from densitometry.errors import StudyEditError
from densitometry.report.folders import PARTIAL_PREFIX, not_writable


@dataclass(slots=True)
class Change:
    """What will be done to a study; nothing is until `apply`.

    Attributes:
        root: folder of the study.
        copies: new file → picture or sidecar it is copied from.
        moves: file in the study → its new place.
        writes: file → its new bytes.
        removals: files and folders of the study that go.
        words: each step in words, for a person.
    """

    root: Path
    copies: dict[Path, Path] = field(default_factory=dict)
    moves: dict[Path, Path] = field(default_factory=dict)
    writes: dict[Path, bytes] = field(default_factory=dict)
    removals: list[Path] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def apply(self) -> None:
        """Do it all.

        Raises:
            StudyEditError: a new place is taken.
            OutputError: the system refuses a step; everything is as it was before.
        """
        self._refuse_taken_places()
        undo: list[Callable[[], object]] = []
        aside = None
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f"{PARTIAL_PREFIX}change-", dir=self.root))
            staged = self._stage(aside)
            for number, path in enumerate(self.removals):
                self._rename(path, aside / f"removed-{number}", undo)
            for source, target in self.moves.items():
                self._rename(source, target, undo)
            for number, (part, target) in enumerate(staged.items()):
                self._put(part, target, aside / f"replaced-{number}", undo)
        except BaseException as error:
            for step in reversed(undo):
                with contextlib.suppress(OSError):
                    step()
            if isinstance(error, OSError):
                raise not_writable(self.root, error) from error
            raise
        finally:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
        self._remove_empty_folders()

    def _refuse_taken_places(self) -> None:
        leaving = set(self.moves) | set(self.removals)
        targets = [*self.copies, *self.moves.values()]
        for target in targets:
            if (target.exists() and target not in leaving) or targets.count(target) > 1:
                raise StudyEditError(
                    f"{target.relative_to(self.root).as_posix()} is there already",
                    "nothing in a study is overwritten",
                    "choose another run, session or site",
                )

    def _stage(self, aside: Path) -> Mapping[Path, Path]:
        """Write everything new beside its place, on the same disk; return staged file → place."""
        staged = {}
        for number, (target, source) in enumerate(self.copies.items()):
            part = aside / f"copy-{number}"
            shutil.copyfile(source, part)
            staged[part] = target
        for number, (target, content) in enumerate(self.writes.items()):
            part = aside / f"write-{number}"
            part.write_bytes(content)
            staged[part] = target
        return staged

    def _rename(self, source: Path, target: Path, undo: list[Callable[[], object]]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        undo.append(lambda: target.replace(source))

    def _put(self, part: Path, target: Path, backup: Path, undo: list[Callable[[], object]]) -> None:
        """Put a staged file in place; one that was there is replaced in one step, its copy kept."""
        if not target.exists():
            self._rename(part, target, undo)
            return
        shutil.copy2(target, backup)
        part.replace(target)
        undo.append(lambda: backup.replace(target))

    def _remove_empty_folders(self) -> None:
        """Remove folders that lost their last file, from the inside out."""
        left = {path.parent for path in (*self.moves, *self.removals)}
        for folder in sorted(left, key=lambda path: -len(path.parts)):
            current = folder
            while current != self.root and self.root in current.parents:
                try:
                    current.rmdir()
                except OSError:
                    break
                current = current.parent
