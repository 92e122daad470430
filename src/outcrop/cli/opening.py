"""Opening the home folder for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from outcrop.cli.output import say

if TYPE_CHECKING:
    from outcrop.app import Outcrop


@contextmanager
def opened() -> Iterator[Outcrop]:
    """The home folder that the settings name; what had to be seen to there is said on stderr."""
    from outcrop.app import Outcrop

    with Outcrop() as outcrop:
        for line in outcrop.recovered:
            say(line)
        yield outcrop
