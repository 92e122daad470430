from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.data import limits
from outcrop.data.limits import LIMITS, OURS, FileLimits, Limits, Place, check_limits
from outcrop.domain.errors import InvalidInput

Write = Callable[..., Path]


def told(path: Path, family: str, place: Place = Place.TRAINING, beside: int = 0) -> list[str]:
    found = check_limits(path, family, place, beside, name="f")
    assert found.total == len(found.kept)
    return [str(fault) for fault in found.kept]


def pairs(write: Write, count: int, prompt: str = "a") -> Path:
    return write(*({"prompt": prompt, "completion": "b"} for _ in range(count)))


def test_ours_are_none(write: Write) -> None:
    assert told(pairs(write, 1, "x" * 100_000 + "\nHuman:"), OURS) == []


@pytest.mark.parametrize(("family", "least"), [("nova", 8), ("claude-3-haiku", 32), ("distillation", 100)])
def test_least_records(write: Write, family: str, least: int) -> None:
    assert told(pairs(write, least), family) == []
    (fault,) = told(pairs(write, least - 1), family)
    assert fault.startswith(f"f: found {least - 1} records; expected ")
    assert f"{least:,}" in fault
    assert fault.endswith(f"in the training file for {family}")


def test_most_records(write: Write) -> None:
    path = pairs(write, 1_001)
    assert told(path, "claude-3-haiku", Place.VALIDATION) == [
        "f: found 1,001 records; expected 32 to 1,000 in the validation file for claude-3-haiku"
    ]
    assert told(path, "cohere-command", Place.VALIDATION) == [
        "f: found 1,001 records; expected at most 1,000 in the validation file for cohere-command"
    ]
    assert told(path, "claude-3-haiku") == []


def test_both_files_together(write: Write) -> None:
    path = pairs(write, 99)
    assert told(path, "llama", beside=1) == []
    assert told(path, "llama") == [
        "f: found 99 records in this file, and no other beside it; expected 100 to 10,000 for llama"
    ]
    assert told(path, "claude-3-haiku", beside=9_902) == [
        "f: found 10,001 records in training and validation file together; expected at most 10,000 for claude-3-haiku"
    ]


@pytest.mark.parametrize(
    ("family", "characters"),
    [("claude-3-haiku", 96_000), ("llama", 96_000), ("llama-3.2-90b", 60_000), ("titan-text", 24_576)],
)
def test_tokens_are_estimated_by_characters(write: Write, family: str, characters: int) -> None:
    def faults(count: int) -> list[str]:
        path = write({"prompt": "é" * (count - 1), "completion": "b"})
        return [fault for fault in told(path, family, beside=500) if "tokens" in fault]

    assert faults(characters) == []
    (fault,) = faults(characters + 1)
    most = LIMITS[family].most_tokens
    each = LIMITS[family].characters_per_token
    assert fault == (
        f"f:1: found about {most + 1:,} tokens (estimated: {characters + 1:,} characters, {each} a token); "
        f"expected at most {most:,} for {family}"
    )


def test_texts_that_are_forbidden(write: Write) -> None:
    path = write(*({"prompt": "Say\nHuman: no", "completion": "Human: \nAssistant: b"} for _ in range(32)))
    found = told(path, "claude-3-haiku")
    assert len(found) == 64
    assert found[0] == r'f:1: found the text "\nHuman:"; expected a record without it, for claude-3-haiku'


def test_bytes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Limits("small", FileLimits(most_bytes=100), FileLimits(most_bytes=10))
    monkeypatch.setattr(limits, "LIMITS", {"small": small})
    path = write({"prompt": "a", "completion": "b"})
    assert told(path, "small") == []
    assert told(path, "small", Place.VALIDATION) == [
        f"f: found {path.stat().st_size} bytes; expected at most 10 in the validation file for small"
    ]


def test_an_unknown_family() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_limits("f", "Nova")
    assert 'limits: found "Nova"; expected nova, or another of ours, nova, claude-3-haiku, llama' in str(caught.value)


def test_more_faults_than_are_kept_are_counted(write: Write) -> None:
    path = pairs(write, 1_500, "\nHuman:")
    found = check_limits(path, "claude-3-haiku")
    assert found.total == 1_500
    assert len(found.kept) == 1_000
