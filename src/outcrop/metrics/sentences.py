"""Sentences of a text, for ROUGE-Lsum over texts that are not one sentence to a line."""

from __future__ import annotations

import re

#: Where a sentence may end: marks, what closes after them, white space, and what a sentence may begin with.
_END = re.compile(r"""[.!?…]+["'”’»)\]]*(\s+)(?=["'“‘«(\[¿¡]*[^\W_a-z])|[。！？]+[」』”’）]*(\s*)""")
#: What ends in a full stop without ending a sentence: a letter, letters with full stops between, abbreviations that a
#: name or a number follows.
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:[^\W\d_]|[^\W\d_]+(?:\.[^\W\d_]+)+|mr|mrs|ms|dr|prof|st|sr|jr|gen|col|lt|sgt|capt|rep|sen|gov|rev|hon|vs|"
    r"fig|eq|sec|ch|vol|pp|ed|eds|approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tue|wed|thu|fri|inc|ltd|co|"
    r"corp|bros|cf|ca|al)\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """Cut a text into sentences.

    One ends at a newline, at a Chinese or Japanese full stop, and at ``.``, ``!``, ``?`` or ``…`` (closing quotes and
    brackets belong to it) where white space follows and then no small letter of a-z. It does not end after a single
    letter with a full stop (``J. Smith``), after letters with full stops between (``U.S.``), or after some fifty
    English abbreviations. A rule of thumb without a model: it is wrong where such a word does end a sentence.

    Args:
        text: Any text.

    Returns:
        The sentences in order, without white space at their ends; none of them empty.
    """
    cut = (sentence for line in text.splitlines() for sentence in _of_line(line))
    return [sentence for each in cut if (sentence := each.strip())]


def _of_line(line: str) -> list[str]:
    found, start = [], 0
    for end in _END.finditer(line):
        if not _ABBREVIATION.search(line, start, end.start() + 1):
            found.append(line[start : end.end()])
            start = end.end()
    return [*found, line[start:]]
