from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.models.chat import ChatTokenizer, TokenText


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.load(tiny_folder)


def test_each_token_says_its_part(tokenizer: ChatTokenizer) -> None:
    tokens = tokenizer.encode_text("é <|im_end|>\n")
    assert tokenizer.token_texts(tokens) == [
        TokenText("", False),
        TokenText("é", False),
        TokenText(" ", False),
        TokenText("<|im_end|>", True),
        TokenText("\n", False),
    ]


@given(text=st.text(max_size=30))
@settings(max_examples=50, deadline=None)
def test_all_together_say_the_text(tokenizer: ChatTokenizer, text: str) -> None:
    said = "".join(token.text for token in tokenizer.token_texts(tokenizer.encode_text(text)))
    assert said == text
