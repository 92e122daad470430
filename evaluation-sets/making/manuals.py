"""The manuals that Debian ships as pages: which they are, and the paragraphs in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from making.html_blocks import Block, read_blocks
from making.packages import Package


@dataclass(frozen=True)
class Manual:
    """A manual.

    Attributes:
        name: What it is called here.
        package: Where its pages are.
        folder, pages: The folder in the package, and a pattern for the names of its pages.
        tag, kind: The elements that are its paragraphs: see ``read_blocks``.
    """

    name: str
    package: Package
    folder: str
    pages: str
    tag: str = "p"
    kind: str = ""


HANDBOOK = Manual(
    "handbook",
    Package(
        "debian-handbook",
        "11.20220922",
        "3d5dbeac1f1afc9c094eab9d0f701f6ecff99c4927d5a4794cf6c85678134faa",
        "GPL-2.0-or-later OR CC-BY-SA-3.0",
    ),
    "usr/share/doc/debian-handbook/html/en-US",
    "*.html",
    "div",
    "para",
)
REFERENCE = Manual(
    "reference",
    Package(
        "debian-reference-en",
        "2.100",
        "9f31d3a17df505de09689ca255512ea58c1fc47c59bb1b0c7bf1c23362e9743f",
        "GPL-2.0-or-later",
    ),
    "usr/share/debian-reference",
    "ch*.en.html",
)
DEVELOPERS = Manual(
    "developers",
    Package(
        "developers-reference",
        "12.18",
        "0dba82f6fa16e373f2a84ad07e7971aa9264ad2e7d2ae46b37edbc9c5fd57e2e",
        "GPL-2.0-or-later",
    ),
    "usr/share/developers-reference",
    "*.html",
)
POLICY = Manual(
    "policy",
    Package(
        "debian-policy",
        "4.6.2.0",
        "ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
        "GPL-2.0-or-later",
    ),
    "usr/share/doc/debian-policy/policy.html",
    "*.html",
)
APTITUDE = Manual(
    "aptitude",
    Package(
        "aptitude-doc-en",
        "0.8.13-5",
        "ba4864ca26464bbe06acd94dc4a79402eea5d7b2d3da943d6ecce3c752bc9e84",
        "GPL-2.0-or-later",
    ),
    "usr/share/doc/aptitude/html/en",
    "*.html",
)

#: What the pages' frames, lists of contents, tables and notes on the licence lie in.
_FRAME = re.compile(
    r"nav|footer|header|sphinxsidebar|toc|legalnotice|footnote|table|^td|^th|related|refsynopsisdiv|refnamediv|copyright"
)
#: Elements that a paragraph is not to have: it would not be one text any more.
_BROKEN_BY = frozenset({"div", "pre", "table", "ul", "ol", "dl", "img"})
_ADDRESS = re.compile(r"://|\bwww\.|\S@\S|\N{RIGHTWARDS ARROW}")


def paragraphs(manual: Manual, root: Path) -> Iterator[tuple[str, Block]]:
    """The paragraphs of a manual that are whole sentences, without addresses.

    Args:
        manual: The manual.
        root: The folder that its package was unpacked in.

    Yields:
        The page without its ending, and the paragraph.
    """
    for file in sorted((root / manual.folder).glob(manual.pages)):
        for block in read_blocks(file.read_text(encoding="utf-8"), manual.tag, manual.kind):
            if not any(map(_FRAME.search, block.around)) and is_whole(block):
                yield file.name.partition(".")[0] if manual is not HANDBOOK else file.name.removesuffix(".html"), block


def is_whole(block: Block) -> bool:
    """Tells whether a paragraph is running text from its beginning to its end."""
    whole = re.match(r"[A-Z\"“]", block.text) and block.text.endswith((".", "!", "?"))
    return bool(whole) and not _ADDRESS.search(block.text) and not _BROKEN_BY & {mark.tag for mark in block.marks}
