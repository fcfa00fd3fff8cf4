"""Exit codes of the command line, as the reference of errors explains them."""

from __future__ import annotations

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_GATE = 4
EXIT_SOME_FAILED = 5
EXIT_INTERRUPTED = 130
