"""Builds the generation set: paragraphs of manuals without their last word, which was in them before."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.manuals import APTITUDE, DEVELOPERS, HANDBOOK, POLICY, REFERENCE, paragraphs  # noqa: E402
from making.sets import Curated, Made, Record, build, drawn, part_of, shared_out  # noqa: E402

MANUALS = (HANDBOOK, REFERENCE, DEVELOPERS, POLICY, APTITUDE)
SET = Curated(
    HERE,
    "generation",
    "Paragraphs of Debian's manuals without their last word",
    "GPL-2.0-or-later",
    tuple(manual.package for manual in MANUALS),
)
SIZES = {"train": 40, "test": 320}
WORDS = range(20, 91)


def ending(text: str) -> tuple[str, str] | None:
    """A paragraph without its last word, and the word; None where the word is no plain one, or new in the text."""
    match = re.fullmatch(r"(.*\S) ([a-z]{4,})[.!?]", text)
    if match is None:
        return None
    return (match[1], match[2]) if match[2] in re.findall(r"[a-z]+", match[1].lower()) else None


def records(root: Path) -> Iterator[Record]:
    """The records that can be made."""
    for manual in MANUALS:
        for page, block in paragraphs(manual, root):
            found = ending(block.text)
            if found is not None and len(block.text.split()) in WORDS:
                prompt, word = found
                place = {"category": manual.name, "cluster": f"{manual.name}/{page}"}
                yield {"prompt": prompt, "referenceResponse": word} | place


def make(folder: Path) -> Made:
    """The parts, out of the unpacked packages; all paragraphs of a page are in one part."""
    found = list({each["prompt"]: each for each in records(folder)}.values())
    parts: Made = {}
    for part, size in SIZES.items():
        own = [each for each in found if part_of(each["cluster"]) == part]
        parts[part] = drawn(
            own, lambda each: each["prompt"], shared_out(dict(Counter(each["category"] for each in own)), size)
        )
    return parts


if __name__ == "__main__":
    build(SET, make)
