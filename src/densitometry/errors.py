"""One exception tree: every refusal carries a code, an exit status, a reason and a remedy.

An error a user can cause reaches the terminal as three lines:

    error[E103]: what
      why: the reason
      fix: a line one can run
"""

from __future__ import annotations


class DensitometryError(Exception):
    """Base of every refusal; `what`, `why` and `fix` are complete short texts for a person."""

    code = "E000"
    exit_status = 3

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def __reduce__(self) -> tuple[type[DensitometryError], tuple[str, str, str]]:
        """Travel between processes whole."""
        return type(self), (self.what, self.why, self.fix)

    def lines(self) -> str:
        """Return the three lines shown to a person."""
        return f"error[{self.code}]: {self.what}\n  why: {self.why}\n  fix: {self.fix}"


class UnreadableImageError(DensitometryError):
    """The file is not a picture that can be decoded whole."""

    code = "E101"


class ImageSizeError(DensitometryError):
    """The picture is too small or too large to be measured."""

    code = "E102"


class ScaleError(DensitometryError):
    """The scale is missing, contradictory or absurd."""

    code = "E103"


class RecipeError(DensitometryError):
    """The recipe is unknown, malformed or holds an unknown key."""

    code = "E104"


class OutputError(DensitometryError):
    """The output folder cannot take the results."""

    code = "E105"


class InputLayoutError(DensitometryError):
    """The inputs cannot be told apart or found."""

    code = "E106"


class ResourcesError(DensitometryError):
    """The machine ran out of what measuring a picture needs."""

    code = "E108"


class QualityRefusedError(DensitometryError):
    """The quality gate refused every picture."""

    code = "E107"
    exit_status = 4


class ClusterError(DensitometryError):
    """The cluster is not there, is of another version, or went away."""

    code = "E109"


class StudyLayoutError(DensitometryError):
    """The study folder or its manifest is not laid out as a study."""

    code = "E201"


class TableError(DensitometryError):
    """A table of a study cannot be read, or a cell of it has no meaning."""

    code = "E202"


class CodeError(DensitometryError):
    """A coded value is not in its list."""

    code = "E203"


class TimelineError(DensitometryError):
    """Dates, days or the baseline of a participant contradict each other or are missing."""

    code = "E204"


class StudyKeyError(DensitometryError):
    """A participant, session or picture is named twice, or is named and not there."""

    code = "E205"


class StudyCheckError(DensitometryError):
    """The check of a study found errors."""

    code = "E206"


class StudyEditError(DensitometryError):
    """A change of a study folder is refused; nothing was changed."""

    code = "E207"


class StudyLockedError(DensitometryError):
    """The study is locked to another recipe or version, or a lock or cut would be replaced."""

    code = "E208"


class StudyAlteredError(DensitometryError):
    """Inputs, results or logs are not what was recorded."""

    code = "E209"


class BlindingError(DensitometryError):
    """A blinded copy cannot be made, or its results cannot be put back."""

    code = "E210"


class ReportError(DensitometryError):
    """A report cannot be made as asked: a part of the program or a usable catalogue of texts is missing."""

    code = "E301"
