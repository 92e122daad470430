"""Builds the extraction set: the commands, files or packages that a paragraph of the Debian handbook names."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.html_blocks import Block  # noqa: E402
from making.manuals import HANDBOOK, paragraphs  # noqa: E402
from making.sets import Curated, Made, Record, build, drawn, part_of  # noqa: E402

SET = Curated(
    HERE,
    "extraction",
    "The commands, the files or the packages that a paragraph of the Debian Administrator's Handbook names",
    "GPL-2.0-or-later OR CC-BY-SA-3.0",
    (HANDBOOK.package,),
)
#: What is asked for, and how the book's authors mark it.
KINDS = {
    "command": ("commands", "code", "command"),
    "file": ("files and folders", "code", "filename"),
    "package": ("Debian packages", "span", "pkg"),
}
QUOTAS = {"train": {"command": 12, "file": 12, "package": 12}, "test": {"command": 110, "file": 100, "package": 70}}
WORDS = range(15, 91)
MOST = 6


def named(block: Block, kind: str) -> list[str]:
    """What a paragraph marks as being of a kind, each once, in order."""
    _, tag, marked = KINDS[kind]
    texts = (mark.text for mark in block.marks if mark.tag == tag and marked in mark.classes)
    return list(dict.fromkeys(texts))


def is_clear(block: Block, kind: str) -> bool:
    """Tells whether what is marked is all that is there: nothing of it is marked as something else, or not at all.

    Words that stand for others, as in ``cat file``, make a paragraph unclear, and so do files that look like none.
    """
    own = named(block, kind)
    if any("replaceable" in mark.classes for mark in block.marks):
        return False
    if kind == "file" and not all(re.search(r"[./]", text) for text in own):
        return False
    others = {text for other in KINDS if other != kind for text in named(block, other)}
    others |= {mark.text for mark in block.marks if mark.tag in {"em", "code"} and mark.classes in {(), ("literal",)}}
    rest = block.text
    for text in sorted(own, key=len, reverse=True):
        rest = re.sub(rf"(?<![\w/.~-]){re.escape(text)}(?![\w/-])", " ", rest)
    unmarked = kind == "file" and re.search(r"(?:^|[\s(])[~.]?/\w", rest)
    return not others & set(own) and not any(text in rest for text in own) and not unmarked


def records(root: Path) -> Iterator[Record]:
    """The records that can be made, one for each paragraph and kind."""
    for page, block in paragraphs(HANDBOOK, root):
        for kind, (words, _, _) in KINDS.items():
            own = named(block, kind)
            if len(block.text.split()) in WORDS and 1 <= len(own) <= MOST and all(own) and is_clear(block, kind):
                yield {
                    "prompt": f"List the {words} that this text names, as a JSON list of texts.\n\n{block.text}",
                    "referenceResponse": json.dumps(own, ensure_ascii=False),
                    "category": kind,
                    "cluster": f"{HANDBOOK.name}/{page}",
                }


def make(folder: Path) -> Made:
    """The parts, out of the unpacked package: a paragraph is asked about once, for what fewer paragraphs have."""
    scarce = ["package", "file", "command"]
    by_text: dict[str, Record] = {}
    for each in sorted(records(folder), key=lambda each: scarce.index(each["category"])):
        by_text.setdefault(each["prompt"].partition("\n\n")[2], each)
    return {
        part: drawn(
            [each for each in by_text.values() if part_of(each["cluster"]) == part], lambda each: each["prompt"], quotas
        )
        for part, quotas in QUOTAS.items()
    }


if __name__ == "__main__":
    build(SET, make)
