"""``python -m outcrop`` is the ``outcrop`` command."""

from outcrop.cli import main

main()
