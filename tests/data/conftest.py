from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from outcrop.data.protocol import Tokenizer
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EncodedRecord, Message, Role, TrainingRecord, Turns

END = 1


@dataclass(frozen=True)
class WhitespaceTokenizer:
    """A token a word, and one that ends the turn; what comes before the last message carries no loss."""

    context: int = 1_000
    has_template: bool = True
    ends_turn: bool = True
    after: int = 0  # tokens a template writes after the end of turn
    refuses: str = "\0"  # a text that its template does not take

    @property
    def identity(self) -> str:
        return f"whitespace-{self.ends_turn}-{self.after}"

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        if any(message.text == self.refuses for message in messages):
            raise InvalidInput([Fault("chat template", None, "messages", "no such thing", "another conversation")])
        return [self._token(word) for message in messages for word in message.text.split()]

    def encode_training(self, record: TrainingRecord, turns: Turns = Turns.ALL) -> EncodedRecord:
        tokens: list[int] = []
        carries_loss: list[bool] = []
        for place, message in enumerate(record.messages, 1):
            said = self.encode_prompt([message])
            last = place == len(record.messages)
            learnt = message.role is Role.ASSISTANT and message.learnt and (last or turns is Turns.ALL)
            said += [END] * self.ends_turn if message.role is Role.ASSISTANT else []
            tokens += said
            carries_loss += [learnt] * len(said)
        after = (False,) * self.after
        return EncodedRecord((*tokens, *(2 for _ in after)), (*carries_loss, *after), self.ends_turn)

    def encode_document(self, text: str) -> EncodedRecord:
        words = [self._token(word) for word in text.split()]
        tokens = (2, *words, *[END] * self.ends_turn)
        return EncodedRecord(tokens, (False,) + (True,) * (len(tokens) - 1), self.ends_turn)

    @staticmethod
    def _token(word: str) -> int:
        return 3 + zlib.crc32(word.encode("utf-8")) % 50_000


@pytest.fixture
def tokenizer() -> Tokenizer:
    return WhitespaceTokenizer()


@pytest.fixture
def make_tokenizer() -> Callable[..., Tokenizer]:
    return WhitespaceTokenizer


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes as they are, or values as one JSON line each."""

    def written(*content: object, name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        if len(content) == 1 and isinstance(content[0], bytes):
            path.write_bytes(content[0])
        else:
            path.write_text("".join(json.dumps(value) + "\n" for value in content), encoding="utf-8")
        return path

    return written
