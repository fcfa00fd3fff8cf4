"""`python -m densitometry`: the command line."""

from __future__ import annotations

from densitometry.cli.app import main

if __name__ == "__main__":
    main()
