"""Checking a dataset before any work: every fault at once, and the figures a person wants before a job starts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from outcrop.data.columns import ColumnMap
from outcrop.data.faults import in_line
from outcrop.data.opening import Lines
from outcrop.data.protocol import Tokenizer
from outcrop.data.records import RecordReader
from outcrop.data.sequences import encode, fit, nothing_to_learn
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection
from outcrop.domain.records import (
    Encoding,
    EvaluationRecord,
    Message,
    Purpose,
    Record,
    Role,
    TextRecord,
    TrainingRecord,
    Turns,
)

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

PROGRESS_BYTES = 64 * 1024
"""Bytes between two calls of a progress function."""


@dataclass(frozen=True)
class TokenLengths:
    """How many tokens the records have, before any is cut: by rank, so each figure is the length of a record."""

    minimum: int
    median: int
    p95: int
    maximum: int


@dataclass(frozen=True)
class TokenCheck:
    """A dataset as one model's tokenizer sees it.

    Attributes:
        total: Tokens of all records, before any is cut.
        total_after_truncation: Tokens that one epoch runs through.
        carrying_loss: Those among them that the model learns to write. 0 for an evaluation dataset.
        lengths: Tokens of a record.
        n_truncated: Training records longer than the maximum length, so that they lose their beginning.
        n_dropped: Training records longer than the maximum length that are left out.
        n_sequences: What one epoch runs through: the records that are not dropped, and the pieces of texts.
        n_ends_turn: Sequences of which the end of every turn is trained, or the end of a text.
    """

    total: int
    total_after_truncation: int
    carrying_loss: int
    lengths: TokenLengths
    n_truncated: int
    n_dropped: int
    n_sequences: int
    n_ends_turn: int


@dataclass(frozen=True)
class DatasetCheck:
    """What a check found: the figures count the records without a fault of their own line.

    Attributes:
        path: The file, as faults name it.
        purpose: What it was checked for.
        format: Name of its format; "" where no record could tell.
        content_hash: As ``reading.content_hash``; "" where it was not read to the end.
        n_records: Records that parse.
        n_blank: Blank lines, which are tolerated.
        faults: The first thousand faults.
        n_faults: All faults.
        n_duplicates: Records whose content an earlier one already has.
        categories: Records per category; of an evaluation dataset.
        n_without_reference: Records without a reference; of an evaluation dataset.
        tokens: Token figures; None without a tokenizer, without records, or where the model can't take the format.
    """

    path: str
    purpose: Purpose
    format: str
    content_hash: str
    n_records: int
    n_blank: int
    faults: tuple[Fault, ...]
    n_faults: int
    n_duplicates: int
    categories: Mapping[str, int]
    n_without_reference: int
    tokens: TokenCheck | None

    def raise_for_faults(self) -> None:
        """Do nothing for a sound dataset.

        Raises:
            InvalidInput: There is at least one fault.
        """
        if self.n_faults:
            raise InvalidInput(self.faults, self.n_faults)


def check(
    path: Path | str,
    purpose: Purpose,
    tokenizer: Tokenizer | None = None,
    encoding: Encoding | None = None,
    progress: Progress | None = None,
    name: str = "",
    columns: ColumnMap | None = None,
) -> DatasetCheck:
    """Read a dataset once, in bounded memory, and report everything that is wrong with it.

    Args:
        path: The dataset.
        purpose: What the dataset is for; it decides which formats are taken.
        tokenizer: The model's, to count tokens and find records the model can't take.
        encoding: How training records and texts become tokens; None for whole ones. An evaluation dataset is never
            cut.
        progress: Called as the file is read, and once at the end.
        name: What to call the file in faults; its path where empty.
        columns: As what its columns are read, of evaluation records.

    Returns:
        Figures and faults. Nothing that is in the file raises.

    Raises:
        MissingExtra: It is a Parquet file, and pyarrow is not installed.
    """
    reader = RecordReader(path, purpose, name, columns)
    faults = FaultCollection()
    content = _Content()
    tokens = _token_figures(tokenizer, purpose, encoding, reader.lines, faults)
    ticker = ProgressTicker(reader, progress)
    for item in reader:
        if isinstance(item, Fault):
            faults.add(item)
        else:
            content.take(item)
            if tokens is not None:
                tokens.take(item)
        ticker.tick()
    ticker.end()
    if tokens is not None:
        tokens.end()
    return _report(reader, purpose, faults, content, tokens)


class ProgressTicker:
    """Tells a progress function how far a reader is, at most once in ``PROGRESS_BYTES``."""

    def __init__(self, reader: RecordReader, progress: Progress | None) -> None:
        self._lines = reader.lines
        self._progress = progress
        self._next = PROGRESS_BYTES

    def tick(self) -> None:
        """Report, if enough was read since the last time."""
        if self._progress is not None and self._lines.n_bytes >= self._next:
            self._next = self._lines.n_bytes + PROGRESS_BYTES
            self._progress(self._lines.n_bytes, self._lines.total_bytes)

    def end(self) -> None:
        """Report that all is done."""
        if self._progress is not None:
            self._progress(self._lines.total_bytes, self._lines.total_bytes)


def _report(
    reader: RecordReader, purpose: Purpose, faults: FaultCollection, content: _Content, tokens: _Tokens | None
) -> DatasetCheck:
    return DatasetCheck(
        path=reader.lines.where,
        purpose=purpose,
        format=reader.format.NAME if reader.format else "",
        content_hash=reader.lines.content_hash,
        n_records=content.n_records,
        n_blank=reader.lines.n_blank,
        faults=tuple(faults.kept),
        n_faults=faults.total,
        n_duplicates=content.n_duplicates(),
        categories=dict(content.categories),
        n_without_reference=content.n_without_reference,
        tokens=tokens.report() if tokens is not None else None,
    )


@dataclass
class _Content:
    """What the records say, counted. Eight bytes a record are kept, to count duplicates."""

    n_records: int = 0
    n_without_reference: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    _fingerprints: array[int] = field(default_factory=lambda: array("q"))

    def take(self, record: Record) -> None:
        self.n_records += 1
        self._fingerprints.append(_fingerprint(record))
        if isinstance(record, EvaluationRecord):
            self.n_without_reference += record.reference is None
            if record.category is not None:
                self.categories[record.category] += 1

    def n_duplicates(self) -> int:
        """Exact but for collisions of 64-bit hashes: about one in a million that ten million records meet any."""
        if not self._fingerprints:
            return 0
        values = np.frombuffer(self._fingerprints, dtype=np.int64)
        values.sort()
        return int(np.count_nonzero(values[1:] == values[:-1]))


def _fingerprint(record: Record) -> int:
    """64 bits of the content; they differ from process to process and are compared within one only."""
    if isinstance(record, TrainingRecord):
        return hash(tuple(message.text for message in record.messages))
    if isinstance(record, TextRecord):
        return hash(record.text)
    return hash((record.prompt, record.right, record.category, record.choices))


def _token_figures(
    tokenizer: Tokenizer | None, purpose: Purpose, encoding: Encoding | None, lines: Lines, faults: FaultCollection
) -> _Tokens | None:
    if tokenizer is None:
        return None
    if encoding is None or purpose is Purpose.EVALUATION:
        return _Tokens(tokenizer, None, lines, faults)
    # The first token of a piece of text is context, and one after it is learnt.
    least = 2 if purpose is Purpose.PRE_TRAINING else 1
    if least <= encoding.max_length <= tokenizer.context:
        return _Tokens(tokenizer, encoding, lines, faults)
    expected = f"{least} to {tokenizer.context:,}, the model's context"
    faults.add(Fault("max_length", None, "", f"{encoding.max_length:,}", expected))
    return None


@dataclass
class _Tokens:
    """Token figures of the records taken; a histogram of lengths and not a list, so that memory stays small."""

    tokenizer: Tokenizer
    encoding: Encoding | None
    lines: Lines
    faults: FaultCollection
    lengths: Counter[int] = field(default_factory=Counter)
    kept: int = 0
    carrying_loss: int = 0
    n_dropped: int = 0
    n_truncated: int = 0
    n_sequences: int = 0
    n_ends_turn: int = 0
    n_faulty: int = 0
    refused: bool = False

    def take(self, record: Record) -> None:
        if self.refused:
            return
        if isinstance(record, TrainingRecord) and record.needs_template and not self.tokenizer.has_template:
            self.refused = True
            self.faults.add(_no_template(self.lines.where))
            return
        try:
            if isinstance(record, EvaluationRecord):
                self._take_prompt(record)
            else:
                self._take_training(record)
        except InvalidInput as error:
            self.n_faulty += 1
            for fault in in_line(error, self.lines.where, record.line):
                self.faults.add(self.lines.located(fault))

    def end(self) -> None:
        """Add the fault of a dataset that would teach nothing, where no record's own fault says why."""
        if self.encoding is not None and self.lengths and not self.carrying_loss and not self.n_faulty:
            self.faults.add(nothing_to_learn(self.lines.where, self.n_dropped, self.encoding))

    def _take_prompt(self, record: EvaluationRecord) -> None:
        length = len(self.tokenizer.encode_prompt([Message(Role.USER, record.prompt)]))
        self.lengths[length] += 1
        self.n_sequences += 1
        self.kept += length
        if length >= self.tokenizer.context:
            expected = (
                f"fewer than {self.tokenizer.context:,}: the model's context must hold a token of the response too"
            )
            self.faults.add(Fault(self.lines.where, record.line, "", f"{length:,} tokens", expected))

    def _take_training(self, record: TrainingRecord | TextRecord) -> None:
        turns = Turns.ALL if self.encoding is None else self.encoding.turns
        encoded = encode(record, self.tokenizer, turns)
        self.lengths[len(encoded.tokens)] += 1
        sequences = fit(encoded, record, self.encoding, self.tokenizer.context)
        self.n_dropped += not sequences
        self.n_truncated += len(sequences) == 1 and len(sequences[0].tokens) < len(encoded.tokens)
        for sequence in sequences:
            self.n_sequences += 1
            self.kept += len(sequence.tokens)
            self.carrying_loss += sum(sequence.carries_loss)
            self.n_ends_turn += sequence.ends_turn

    def report(self) -> TokenCheck | None:
        if self.refused or not self.lengths:
            return None
        return TokenCheck(
            total=sum(length * count for length, count in self.lengths.items()),
            total_after_truncation=self.kept,
            carrying_loss=self.carrying_loss,
            lengths=summarised(self.lengths),
            n_truncated=self.n_truncated,
            n_dropped=self.n_dropped,
            n_sequences=self.n_sequences,
            n_ends_turn=self.n_ends_turn,
        )


def _no_template(where: str) -> Fault:
    expected = 'records with "prompt" and "completion", or a model with a chat template'
    return Fault(where, None, "messages", "messages, for a model without a chat template", expected)


def summarised(histogram: Mapping[int, int]) -> TokenLengths:
    """Quantiles of a histogram of lengths, by nearest rank: the smallest length that enough records do not exceed.

    Raises:
        ValueError: The histogram is empty.
    """
    if not histogram:
        raise ValueError("no lengths to summarise")
    lengths = np.array(sorted(histogram))
    up_to = np.cumsum([histogram[int(length)] for length in lengths])
    # Ranks in whole numbers: n·0.95 in floating point can fall on the wrong side.
    median, p95 = (int(lengths[np.searchsorted(up_to, -(-int(up_to[-1]) * share // 100))]) for share in (50, 95))
    return TokenLengths(int(lengths[0]), median, p95, int(lengths[-1]))
