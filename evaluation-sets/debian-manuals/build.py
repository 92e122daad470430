"""Builds the perplexity set: sections of Debian's manuals as running text."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.manuals import APTITUDE, DEVELOPERS, HANDBOOK, POLICY, REFERENCE, paragraphs  # noqa: E402
from making.sets import Curated, Made, Record, build, drawn, part_of, shared_out  # noqa: E402

MANUALS = (HANDBOOK, REFERENCE, DEVELOPERS, POLICY, APTITUDE)
SET = Curated(
    HERE,
    "perplexity",
    "Sections of Debian's manuals as running text",
    "GPL-2.0-or-later",
    tuple(manual.package for manual in MANUALS),
)
SIZES = {"train": 16, "test": 200}
#: Words of a text; what a longer section has beyond them, from the paragraph on that would not fit, is left out.
LEAST, MOST = 80, 200


def texts(root: Path) -> Iterator[Record]:
    """The records that can be made, one for each section."""
    for manual in MANUALS:
        for (page, _), group in groupby(paragraphs(manual, root), key=lambda each: (each[0], each[1].section)):
            kept: list[str] = []
            for _, block in group:
                if sum(len(text.split()) for text in (*kept, block.text)) > MOST:
                    break
                if block.text not in kept:
                    kept.append(block.text)
            if sum(len(text.split()) for text in kept) >= LEAST:
                yield {"text": "\n\n".join(kept), "category": manual.name, "cluster": f"{manual.name}/{page}"}


def make(folder: Path) -> Made:
    """The parts, out of the unpacked packages; all sections of a page are in one part."""
    found = list({each["text"]: each for each in texts(folder)}.values())
    parts: Made = {}
    for part, size in SIZES.items():
        own = [each for each in found if part_of(each["cluster"]) == part]
        parts[part] = drawn(
            own, lambda each: each["text"], shared_out(dict(Counter(each["category"] for each in own)), size)
        )
    return parts


if __name__ == "__main__":
    build(SET, make)
