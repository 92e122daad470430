"""Paragraphs of an HTML page: their text, and what is marked up in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


@dataclass
class Mark:
    """An element inside of a paragraph: its tag, its classes, and the text in it."""

    tag: str
    classes: tuple[str, ...]
    text: str = ""


@dataclass
class Block:
    """A paragraph.

    Attributes:
        text: Its text, white space joined.
        marks: The elements in it, in order.
        around: Tag and classes of each element that it lies in, as ``div.note``, from the outermost.
        section: The ``id`` of the heading or the section it stands under, "" before the first.
    """

    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    around: tuple[str, ...] = ()
    section: str = ""


class _Reader(HTMLParser):
    def __init__(self, tag: str, kind: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._wanted = (tag, kind)
        self._open: list[tuple[str, str]] = []
        self._block: tuple[int, Block] | None = None
        self._marks: list[tuple[int, Mark]] = []
        self._section = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attributes}
        classes = tuple(own.get("class", "").split())
        if (
            self._block is None
            and own.get("id")
            and (tag in {"section", "dt"} or {"h1", "h2", "h3", "h4"} & self._tags())
        ):
            self._section = own["id"]
        if tag in _VOID:
            self.handle_data(" ")
            return
        # HTML lets a paragraph end where another begins.
        if tag == "p" and self._open and self._open[-1][0] == "p":
            self.handle_endtag("p")
        if self._block is None:
            if tag == self._wanted[0] and (not self._wanted[1] or self._wanted[1] in classes):
                around = tuple(name for _, name in self._open)
                self._block = (len(self._open), Block(around=around, section=self._section))
        else:
            mark = Mark(tag, classes)
            self._block[1].marks.append(mark)
            self._marks.append((len(self._open), mark))
        self._open.append((tag, ".".join((tag, *classes))))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._tags():
            return
        while True:
            name, _ = self._open.pop()
            depth = len(self._open)
            self._marks = [each for each in self._marks if each[0] < depth]
            if self._block is not None and self._block[0] == depth:
                self._finish(self._block[1])
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._block is not None:
            self._block[1].text += data
            for _, mark in self._marks:
                mark.text += data

    def _tags(self) -> set[str]:
        return {tag for tag, _ in self._open}

    def _finish(self, block: Block) -> None:
        block.text = " ".join(block.text.split())
        for mark in block.marks:
            mark.text = " ".join(mark.text.split())
        self.blocks.append(block)
        self._block, self._marks = None, []


def read_blocks(html: str, tag: str, kind: str = "") -> list[Block]:
    """The elements of one kind, in order; what lies in such an element is part of it.

    Args:
        html: The page.
        tag: Which elements.
        kind: A class that they must have; any where empty.
    """
    reader = _Reader(tag, kind)
    reader.feed(html)
    reader.close()
    return reader.blocks
