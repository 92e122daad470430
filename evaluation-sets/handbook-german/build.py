"""Builds the translation set: paragraphs of the Debian handbook in English and in German."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.html_blocks import Block, read_blocks  # noqa: E402
from making.manuals import HANDBOOK, is_whole, paragraphs  # noqa: E402
from making.sets import Curated, Made, Record, build, drawn, part_of  # noqa: E402

SET = Curated(
    HERE,
    "translation",
    "Paragraphs of the Debian Administrator's Handbook, from English into German",
    "GPL-2.0-or-later OR CC-BY-SA-3.0",
    (HANDBOOK.package,),
)
INSTRUCTION = "Translate this English text into German."
QUOTAS = {"train": {"list": 4, "sidebar": 12, "text": 24}, "test": {"list": 30, "sidebar": 80, "text": 190}}
WORDS = range(8, 46)
#: How much longer or shorter than the English text, in characters, a German one is that says the same.
RATIOS = (0.75, 1.75)
GERMAN = re.compile(r"\b(?:der|die|das|ein|eine|und|ist|nicht|mit|von|zu|auf|für|werden|wird|sind|den|dem|des)\b")


def kind(block: Block) -> str:
    """Where in the book a paragraph stands."""
    around = block.around[-1]
    return "sidebar" if "sidebar" in around else "list" if around.startswith(("li", "dd")) else "text"


def german(root: Path, page: str) -> list[Block]:
    """The paragraphs of the German page, which are those of the English one, in the same order."""
    file = root / HANDBOOK.folder.replace("en-US", "de-DE") / f"{page}.html"
    return read_blocks(file.read_text(encoding="utf-8"), HANDBOOK.tag, HANDBOOK.kind)


def english(root: Path, page: str) -> list[Block]:
    """All paragraphs of the English page."""
    return read_blocks(
        (root / HANDBOOK.folder / f"{page}.html").read_text(encoding="utf-8"), HANDBOOK.tag, HANDBOOK.kind
    )


def is_translation(first: str, second: str) -> bool:
    """Tells whether a German text may say what the English one says: it is German, as long, and not the same."""
    low, high = RATIOS
    numbers = [sorted(re.findall(r"\d+", text)) for text in (first, second)]
    alike = low <= len(second) / len(first) <= high and numbers[0] == numbers[1]
    return alike and len(GERMAN.findall(second)) >= 1 and not re.search(r"\b(?:the|is|of|and)\b", second)


def pairs(root: Path) -> Iterator[Record]:
    """The records that can be made."""
    pages = dict.fromkeys(page for page, _ in paragraphs(HANDBOOK, root))
    for page in pages:
        ours, theirs = english(root, page), german(root, page)
        if len(ours) != len(theirs):
            raise SystemExit(f"{page}: {len(ours)} English paragraphs, {len(theirs)} German ones")
        for one, other in zip(ours, theirs, strict=True):
            fit = is_whole(one) and is_whole(other) and len(one.text.split()) in WORDS
            if fit and is_translation(one.text, other.text):
                yield {
                    "prompt": f"{INSTRUCTION}\n\n{one.text}",
                    "referenceResponse": other.text,
                    "category": kind(one),
                    "cluster": f"{HANDBOOK.name}/{page}",
                }


def make(folder: Path) -> Made:
    """The parts, out of the unpacked package; all paragraphs of a page are in one part."""
    found = list({each["prompt"]: each for each in pairs(folder)}.values())
    return {
        part: drawn([each for each in found if part_of(each["cluster"]) == part], lambda each: each["prompt"], quotas)
        for part, quotas in QUOTAS.items()
    }


if __name__ == "__main__":
    build(SET, make)
