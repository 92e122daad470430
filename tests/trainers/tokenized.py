"""Tokenised records in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.records import Message, Role, TrainingRecord
from outcrop.models.chat import ChatTokenizer


class Records:
    """Implements ``trainers.supervised.TokenizedRecords``."""

    def __init__(self, rows: list[tuple[NDArray[Any], NDArray[Any]]]) -> None:
        self._rows = rows
        self.lengths = np.array([len(tokens) for tokens, _ in rows], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        return self._rows[number]


def conversations(folder: Path, pairs: tuple[tuple[str, str], ...]) -> Records:
    """Prompts and completions as the model in a folder reads them."""
    tokenizer = ChatTokenizer.load(folder)
    rows = []
    for line, (prompt, completion) in enumerate(pairs):
        messages = (Message(Role.USER, prompt), Message(Role.ASSISTANT, completion))
        encoded = tokenizer.encode_training(TrainingRecord(line, messages, False))
        rows.append((np.array(encoded.tokens), np.array(encoded.carries_loss)))
    return Records(rows)
