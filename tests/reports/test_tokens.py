from __future__ import annotations

import io
import re
from html import unescape
from typing import Literal

import pytest
from rich.console import Console

from outcrop.reports.tokens import ShownRecord, ShownToken, render_html, render_terminal

from .test_html import Page


def record(*, ends_turn: bool = True, hostile: str = "<b>&\x1b[31m\u202e") -> ShownRecord:
    tokens = (
        ShownToken("<s>", special=True, carries_loss=False),
        ShownToken("Hi there", special=False, carries_loss=False),
        ShownToken("\n\t", special=False, carries_loss=False),
        ShownToken("", special=False, carries_loss=True),
        ShownToken("😀", special=False, carries_loss=True),
        ShownToken(hostile, special=False, carries_loss=True),
        ShownToken("</s>", special=True, carries_loss=True),
        ShownToken("\n", special=False, carries_loss=False),
    )
    return ShownRecord("a<i>.jsonl", 3, 2, "tiny", tokens, 5, 8, 64, ends_turn)


def printed(shown: ShownRecord, encoding: str = "utf-8", *, terminal: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    colours: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=file, width=60, highlight=False, force_terminal=terminal, color_system=colours)
    render_terminal(shown, console)
    return raw.getvalue().decode(encoding)


def test_loss_is_told_without_colour() -> None:
    text = printed(record())
    assert text.splitlines()[4:] == [
        "◆<s>│Hi·there│⏎",
        "⇥⟦…│😀│<b>&�[31m�│◆</s>⟧⏎",
        "",
        "",
        "End of turn trained: yes. The model learns to stop.",
    ]
    assert "tokens: 8  with loss: 4  cut away at the front: 5  at most: 8" in text
    assert text.startswith("a<i>.jsonl:3, record 2, as tiny reads it\n")


def test_a_terminal_that_prints_ascii_alone() -> None:
    text = printed(record(), "ascii")
    assert r"*<s>|Hi_there|\n" in text
    assert r"\t[[...|?|<b>&?[31m?|*</s>]]\n" in text


def test_colours_come_only_from_us() -> None:
    text = printed(record(), terminal=True)
    assert "\x1b[1;4;32m" in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text


def test_a_turn_that_does_not_end() -> None:
    assert "End of turn trained: no." in printed(record(ends_turn=False))
    assert "End of turn trained: no." in render_html(record(ends_turn=False))


def test_the_page_is_whole_and_needs_nothing() -> None:
    text = render_html(record())
    page = Page(text)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "b", "i"} == set()
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "prefers-color-scheme: dark" in text


def test_the_page_says_the_same_as_the_terminal() -> None:
    text = render_html(record())
    marked = re.findall(r"<mark>(.*?)</mark>", text, re.DOTALL)
    assert [unescape(re.sub(r"<[^>]*>", "", run)) for run in marked] == ["⟦…😀<b>&�[31m�◆</s>⟧"]
    tokens = text.partition('<div class="tokens"')[2].partition("</div>")[0]
    assert len(re.findall("<span", tokens)) == 8
    assert len(re.findall('<span class="special">', tokens)) == 2
    assert "Hi·there" in tokens


@pytest.mark.parametrize("limit", [None, 8])
def test_the_limit(limit: int | None) -> None:
    shown = ShownRecord("f", 1, 1, "m", (), 0, limit, 64, ends_turn=False)
    assert ("at most: 64, the model's context" in printed(shown)) is (limit is None)
