"""The command line. Exit codes: 0 done; 1 our fault, or a job that failed; 2 something the user gave."""

from __future__ import annotations

import sys


def main() -> None:
    """The ``outcrop`` command."""
    from outcrop.cli.program import program

    sys.exit(program())
