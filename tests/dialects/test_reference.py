"""The page of dialects says what is usual and which numbers are taken; the code does so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from outcrop.dialects.anthropic import ANTHROPIC
from outcrop.dialects.anthropic_text import ANTHROPIC_TEXT
from outcrop.dialects.choosing import usual_of
from outcrop.dialects.cohere import COHERE
from outcrop.dialects.converse import Converse
from outcrop.dialects.llama import LLAMA
from outcrop.dialects.mistral import MISTRAL
from outcrop.dialects.mistral_chat import MISTRAL_CHAT
from outcrop.dialects.nova import NOVA
from outcrop.dialects.protocol import Dialect
from outcrop.dialects.titan import TITAN
from outcrop.domain.errors import InvalidInput

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "dialects.md"

BLOCKS = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
TEXTS = {"messages": [{"role": "user", "content": "Hi"}]}

#: Each dialect by its heading, and a body that has what is needed.
DIALECTS: dict[str, tuple[Dialect, dict[str, Any]]] = {
    "Llama": (LLAMA, {"prompt": "Hi"}),
    "Anthropic, messages": (ANTHROPIC, {**TEXTS, "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5}),
    "Anthropic, text completions": (ANTHROPIC_TEXT, {"prompt": "Hi", "max_tokens_to_sample": 5}),
    "Nova": (NOVA, BLOCKS),
    "Titan": (TITAN, {"inputText": "Hi"}),
    "Mistral, text": (MISTRAL, {"prompt": "Hi"}),
    "Mistral, chat": (MISTRAL_CHAT, TEXTS),
    "Cohere": (COHERE, {"prompt": "Hi"}),
    "Converse": (Converse(usual_of("")), BLOCKS),
}


class Row(NamedTuple):
    """A member of a body, as the page has it."""

    heading: str
    member: str
    takes: str
    usual: str
    parameter: str

    def __str__(self) -> str:
        return f"{self.heading}: {self.member}"

    def body(self, value: Any) -> dict[str, Any]:
        """A body that has the member."""
        outer, _, inner = self.member.rpartition(".")
        return DIALECTS[self.heading][1] | ({outer: {inner: value}} if outer else {inner: value})

    def read(self, value: Any) -> Any:
        """What the member's parameter becomes."""
        return getattr(DIALECTS[self.heading][0].read(self.body(value)).parameters, self.parameter)


def rows() -> Iterator[Row]:
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        if heading in DIALECTS:
            cells = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \| (.*) \|$", section, re.MULTILINE)
            yield from (Row(heading, *(cell.strip("` ") for cell in found)) for found in cells)


NUMBERS = [row for row in rows() if row.parameter in ("max_tokens", "temperature", "top_p", "top_k")]


def test_every_dialect_has_its_table() -> None:
    assert {row.heading for row in rows()} == set(DIALECTS)
    assert len(NUMBERS) == 33


@pytest.mark.parametrize("row", NUMBERS, ids=str)
def test_numbers_are_taken_from_the_least_to_the_most_that_the_page_says(row: Row) -> None:
    low, high = (float(bound) for bound in re.findall(r"\d+", row.takes))
    assert row.read(high) == high
    assert row.parameter == "top_p" or row.read(low) == low
    for beyond in (low - 1, high + 1):
        with pytest.raises(InvalidInput, match=re.escape(row.member)):
            row.read(beyond)


@pytest.mark.parametrize("row", NUMBERS, ids=str)
def test_what_is_usual_is_what_the_page_says(row: Row) -> None:
    dialect, body = DIALECTS[row.heading]
    if row.usual == "needed":
        with pytest.raises(InvalidInput, match=row.member):
            dialect.read({name: value for name, value in body.items() if name != row.member})
    elif row.usual != "the family's":
        assert getattr(dialect.read(body).parameters, row.parameter) == float(row.usual)


@pytest.mark.parametrize("row", [row for row in rows() if row.parameter == "stop"], ids=str)
def test_stop_texts_are_a_list(row: Row) -> None:
    assert row.read(["\n", "###"]) == ("\n", "###")
