from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from outcrop.data.reading import content_hash
from outcrop.domain.errors import NotFound, UserError
from outcrop.domain.records import EncodedRecord, Encoding, Message, Purpose, TrainingRecord, Turns
from outcrop.domain.requests import Dataset
from outcrop.jobs.datasets import as_tokens, require_unchanged
from outcrop.services import Services
from tests.doubles import pairs


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_bytes_will_do(services: Services, tmp_path: Path) -> None:
    file = pairs(tmp_path / "train.jsonl")
    require_unchanged(services, Dataset(str(file), sha256(file)))


def test_a_changed_file_is_refused_with_both_hashes(services: Services, tmp_path: Path) -> None:
    file = pairs(tmp_path / "train.jsonl")
    before = sha256(file)
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(UserError, match=f"its hash was {before}, now {sha256(file)}.*put the old file back"):
        require_unchanged(services, Dataset(str(file), before))


def test_a_file_that_is_gone_is_refused(services: Services, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"none.jsonl: is gone; put it back .its hash is {'a' * 64}."):
        require_unchanged(services, Dataset(str(tmp_path / "none.jsonl"), "a" * 64))


class Letters:
    """A tokenizer of one token per letter."""

    identity = "letters"
    context = 512
    has_template = False

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        return [ord(letter) for message in messages for letter in message.text]

    def encode_training(self, record: TrainingRecord, turns: Turns = Turns.ALL) -> EncodedRecord:
        prompt = self.encode_prompt(record.messages[:-1])
        completion = self.encode_prompt(record.messages[-1:])
        carries = (False,) * len(prompt) + (True,) * len(completion)
        return EncodedRecord((*prompt, *completion), carries, ends_turn=False)

    def encode_document(self, text: str) -> EncodedRecord:
        return EncodedRecord(tuple(map(ord, text)), (False,) + (True,) * (len(text) - 1), ends_turn=False)


def test_tokens_are_made_once(services: Services, tmp_path: Path) -> None:
    file = pairs(tmp_path / "train.jsonl", 3)
    dataset = Dataset(str(file), sha256(file))
    made = as_tokens(services, dataset, Letters(), Encoding(64), Purpose.FINE_TUNING)
    assert made.manifest.content_hash == dataset.hash
    (folder,) = (services.settings.cache_folder / "tokenized").iterdir()
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    as_tokens(services, dataset, Letters(), Encoding(64), Purpose.FINE_TUNING)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps


def test_a_file_changed_under_our_eyes_is_said(services: Services, tmp_path: Path) -> None:
    file = pairs(tmp_path / "train.jsonl", 3)
    with pytest.raises(UserError, match="was changed while it was read"):
        as_tokens(services, Dataset(str(file), "b" * 64), Letters(), Encoding(64), Purpose.FINE_TUNING)


def test_a_folder_of_texts_is_a_dataset(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("rocks")
    dataset = Dataset(str(folder), content_hash(folder))
    assert require_unchanged(services, dataset) == folder
    made = as_tokens(services, dataset, Letters(), Encoding(64), Purpose.PRE_TRAINING)
    assert made[0][0].tolist() == list(map(ord, "rocks"))
    (folder / "b.md").write_text("more")
    with pytest.raises(UserError, match="has changed since the job was submitted"):
        require_unchanged(services, dataset)
