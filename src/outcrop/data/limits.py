"""What Bedrock takes for a customization, by family of models, so that data can be checked before it is sent there.

Outcrop itself has none of these limits. The numbers are those of AWS's user guide and of its samples' validators, as
gathered on 2026-11-20; AWS changes them from time to time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection, shown
from outcrop.domain.records import Purpose, Role, TrainingRecord

GIGABYTE = 1024**3


class Place(StrEnum):
    """What a file is in a customization."""

    TRAINING = "training"
    VALIDATION = "validation"


@dataclass(frozen=True)
class FileLimits:
    """How large a file may be; 0 is no limit, and counts are of records."""

    least: int = 0
    most: int = 0
    most_bytes: int = 0


@dataclass(frozen=True)
class Limits:
    """What a family takes; 0 is no limit.

    Attributes:
        models: The models, as people know them.
        training: Of the training file.
        validation: Of the validation file.
        together: Of both files.
        most_tokens: Tokens of a record, prompt and completion.
        characters_per_token: By how many characters a token is estimated: the family's tokenizer is not public, or
            isn't here.
        least_messages: Messages of a record, a system text not counted.
        forbidden: Texts that no message may have.
    """

    models: str
    training: FileLimits = FileLimits()
    validation: FileLimits = FileLimits()
    together: FileLimits = FileLimits()
    most_tokens: int = 0
    characters_per_token: int = 6
    least_messages: int = 0
    forbidden: tuple[str, ...] = ()

    def of(self, place: Place) -> FileLimits:
        """Those of one of the two files."""
        return self.training if place is Place.TRAINING else self.validation


OURS = "ours"
"""The name of no such limits at all."""

LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        OURS: Limits("Outcrop's own: none of these"),
        "nova": Limits("Amazon Nova Micro, Lite and Pro", FileLimits(8, 20_000), least_messages=2),
        "claude-3-haiku": Limits(
            "Anthropic Claude 3 Haiku",
            FileLimits(32, 10_000, 10 * GIGABYTE),
            FileLimits(32, 1_000, GIGABYTE),
            FileLimits(most=10_000),
            most_tokens=32_000,
            characters_per_token=3,
            forbidden=("\nHuman:", "\nAssistant:"),
        ),
        "llama": Limits(
            "Meta Llama 3.1, 3.2 and 3.3, but for 3.2 90B",
            FileLimits(most=10_000),
            FileLimits(most=1_000),
            FileLimits(100, 10_000),
            most_tokens=16_000,
        ),
        "llama-3.2-90b": Limits(
            "Meta Llama 3.2 90B",
            FileLimits(most=10_000),
            FileLimits(most=1_000),
            FileLimits(100, 10_000),
            most_tokens=10_000,
        ),
        "titan-text": Limits(
            "Amazon Titan Text",
            FileLimits(most_bytes=GIGABYTE),
            FileLimits(most_bytes=100 * 1024**2),
            most_tokens=4_096,
        ),
        "cohere-command": Limits("Cohere Command", FileLimits(most=10_000), FileLimits(most=1_000), most_tokens=4_096),
        "cohere-command-light": Limits(
            "Cohere Command Light", FileLimits(most=10_000), FileLimits(most=1_000), most_tokens=2_048
        ),
        "distillation": Limits("A student in a distillation", FileLimits(100, most_bytes=GIGABYTE)),
    }
)


def limits_of(family: str) -> Limits:
    """The limits of a family of models.

    Raises:
        InvalidInput: There is no such family; the fault lists those that there are.
    """
    if family in LIMITS:
        return LIMITS[family]
    close = difflib.get_close_matches(family, LIMITS, n=1)
    hint = f"{close[0]}, or another of" if close else "one of"
    raise InvalidInput([Fault("limits", None, "", shown(family), f"{hint} {', '.join(LIMITS)}")])


def check_limits(
    path: Path | str, family: str, place: Place = Place.TRAINING, beside: int = 0, name: str = ""
) -> FaultCollection:
    """Everything in a training or validation file that a family of models doesn't take.

    Args:
        path: The file; lines that are wrong in themselves are passed over, ``checking.check`` reports them.
        family: A key of ``LIMITS``.
        place: Which of the two files it is.
        beside: Records of the other one, where there is one.
        name: What to call the file in faults; its path where empty.

    Returns:
        Faults of the whole file first.

    Raises:
        InvalidInput: There is no such family.
    """
    limits = limits_of(family)
    reader = RecordReader(path, Purpose.FINE_TUNING, name)
    lines, faults = FaultCollection(), FaultCollection()
    count = 0
    for record in reader:
        if isinstance(record, TrainingRecord):
            count += 1
            for fault in _of_record(record, limits, family, reader.lines.where):
                lines.add(fault)
    for fault in _of_file(count, beside, reader.lines.total_bytes, limits, family, place, reader.lines.where):
        faults.add(fault)
    for fault in lines.kept:
        faults.add(fault)
    faults.total += lines.total - len(lines.kept)
    return faults


def _of_file(
    count: int, beside: int, size: int, limits: Limits, family: str, place: Place, where: str
) -> Iterator[Fault]:
    own = limits.of(place)
    if fault := _count_fault(count, own):
        yield Fault(where, None, "", f"{count:,} records", f"{fault} in the {place.value} file for {family}")
    if fault := _count_fault(count + beside, limits.together):
        both = "training and validation file together" if beside else "this file, and no other beside it"
        found = f"{count + beside:,} records in {both}"
        yield Fault(where, None, "", found, f"{fault} for {family}")
    if own.most_bytes and size > own.most_bytes:
        most = f"at most {own.most_bytes:,} in the {place.value} file for {family}"
        yield Fault(where, None, "", f"{size:,} bytes", most)


def _count_fault(count: int, limits: FileLimits) -> str:
    """What would be right, where a count is not; "" where it is."""
    if count >= limits.least and (count <= limits.most or not limits.most):
        return ""
    if limits.least and limits.most:
        return f"{limits.least:,} to {limits.most:,}"
    return f"at most {limits.most:,}" if limits.most else f"at least {limits.least:,}"


def _of_record(record: TrainingRecord, limits: Limits, family: str, where: str) -> Iterator[Fault]:
    spoken = [message for message in record.messages if message.role is not Role.SYSTEM]
    if len(spoken) < limits.least_messages:
        expected = f"at least {limits.least_messages} for {family}"
        yield Fault(where, record.line, "messages", f"{len(spoken)} messages", expected)
    for text in limits.forbidden:
        if any(text in message.text for message in record.messages):
            yield Fault(where, record.line, "", f"the text {shown(text)}", f"a record without it, for {family}")
    characters = sum(len(message.text) for message in record.messages)
    tokens = -(-characters // limits.characters_per_token)
    if limits.most_tokens and tokens > limits.most_tokens:
        found = f"about {tokens:,} tokens (estimated: {characters:,} characters, {limits.characters_per_token} a token)"
        yield Fault(where, record.line, "", found, f"at most {limits.most_tokens:,} for {family}")
