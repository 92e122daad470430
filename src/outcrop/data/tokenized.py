"""A training dataset as memory-mapped tokens, built once for each content, tokenizer, encoding and purpose.

The folder has ``tokens.bin`` (uint32), ``carries_loss.bin`` (one byte a token), ``offsets.bin`` (int64, one more than
sequences), ``loss_tokens.bin`` (int64, one a sequence), all little-endian, and ``manifest.json``. A sequence is a
record, or a piece of a text that is longer than the maximum length.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from outcrop.data.checking import Progress, ProgressTicker
from outcrop.data.faults import in_line
from outcrop.data.protocol import Tokenizer
from outcrop.data.reading import content_hash
from outcrop.data.records import RecordReader
from outcrop.data.sequences import encode, fit, nothing_to_learn
from outcrop.domain.errors import Fault, InvalidInput, StorageFailure
from outcrop.domain.records import EncodedRecord, Encoding, EvaluationRecord, Purpose

LAYOUT = 2
"""Raised when the files of a folder change their meaning, so that an older folder is built anew."""

Number = TypeVar("Number", np.int64, np.uint32, np.bool_)

_MANIFEST = "manifest.json"
_BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What a tokenised dataset was made from, and its size.

    ``n_records`` counts sequences; ``n_dropped`` the records that were left out because they are too long.
    """

    layout: int
    content_hash: str
    tokenizer_identity: str
    purpose: str
    max_length: int
    turns: str
    long_records: str
    n_records: int
    n_tokens: int
    n_loss_tokens: int
    n_dropped: int

    @property
    def made_from(self) -> tuple[object, ...]:
        """All that decides the tokens."""
        return (
            self.layout,
            self.content_hash,
            self.tokenizer_identity,
            self.purpose,
            self.max_length,
            self.turns,
            self.long_records,
        )


class TokenizedDataset:
    """The tokens of a training dataset, in the order of its file, mapped and not read.

    Attributes:
        manifest: What it was made from.
        lengths: Tokens of each record, shape ``(n,)``, int64.
        loss_tokens: Tokens of each record that carry loss, shape ``(n,)``, int64.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        count = manifest.n_records
        self._offsets = _mapped(folder / "offsets.bin", np.int64, count + 1)
        self._tokens = _mapped(folder / "tokens.bin", np.uint32, manifest.n_tokens)
        self._carries_loss = _mapped(folder / "carries_loss.bin", np.bool_, manifest.n_tokens)
        self.lengths: NDArray[np.int64] = np.diff(self._offsets)
        self.loss_tokens: NDArray[np.int64] = _mapped(folder / "loss_tokens.bin", np.int64, count)

    def __len__(self) -> int:
        return self.manifest.n_records

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """The tokens of a record and which of them carry loss, each of shape ``(tokens,)``: read-only views."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        start, stop = self._offsets[index % len(self)], self._offsets[index % len(self) + 1]
        return self._tokens[start:stop], self._carries_loss[start:stop]


def cache_key(content_hash: str, tokenizer_identity: str, encoding: Encoding, purpose: Purpose) -> str:
    """A name for the tokenised dataset that these make: SHA-256, in hex."""
    parts = _parts(content_hash, tokenizer_identity, encoding, purpose)
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()


def build(
    path: Path | str,
    tokenizer: Tokenizer,
    encoding: Encoding,
    folder: Path | str,
    progress: Progress | None = None,
    *,
    purpose: Purpose = Purpose.FINE_TUNING,
) -> TokenizedDataset:
    """Tokenise a checked training dataset into ``folder``, or open what an earlier build left there.

    The folder appears whole or not at all, whenever the process dies; of two builds at once both end well, with the
    dataset of whichever was first.

    Args:
        path: The training records or texts.
        tokenizer: The model's.
        encoding: How records become tokens; see ``data.truncation`` for those that are too long.
        folder: Where the dataset lies afterwards; its parent is made where missing.
        progress: Called with bytes done and bytes in all.
        purpose: Fine-tuning or pre-training.

    Raises:
        InvalidInput: A record has a fault, or no token of all would carry loss: the file was not checked, or has
            changed since.
        StorageFailure: The folder can't be written, or holds something else.
    """
    folder = Path(folder)
    try:
        if folder.exists():
            content = content_hash(path)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            content = _build(RecordReader(path, purpose), purpose, tokenizer, encoding, folder, progress)
    except OSError as error:
        text = f"tokenising {path} into {folder} failed ({error}); free space or fix the folder, and start it again"
        raise StorageFailure(text) from error
    return _same(open(folder), _parts(content, tokenizer.identity, encoding, purpose), folder)


def open(folder: Path | str) -> TokenizedDataset:
    """Map a tokenised dataset.

    Raises:
        StorageFailure: The folder has no whole dataset of this layout.
    """
    folder = Path(folder)
    try:
        return TokenizedDataset(folder, Manifest(**json.loads((folder / _MANIFEST).read_bytes())))
    except (OSError, ValueError, TypeError) as error:
        text = f"{folder} is not a whole tokenised dataset ({error}); delete it, and it is built again"
        raise StorageFailure(text) from error


def _parts(content: str, identity: str, encoding: Encoding, purpose: Purpose) -> tuple[object, ...]:
    """All that decides the tokens, as ``Manifest.made_from``."""
    return (LAYOUT, content, identity, purpose, encoding.max_length, encoding.turns, encoding.long_records)


def _same(dataset: TokenizedDataset, parts: tuple[object, ...], folder: Path) -> TokenizedDataset:
    if dataset.manifest.made_from != parts:
        raise StorageFailure(
            f"{folder} holds the tokens of another file, tokenizer, encoding or purpose;"
            " build into a folder named by the cache key of these, or delete it"
        )
    return dataset


def _mapped(path: Path, kind: type[Number], count: int) -> NDArray[Number]:
    array = np.memmap(path, dtype=np.dtype(kind).newbyteorder("<"), mode="r")
    if len(array) != count:
        raise ValueError(f"{path.name} has {len(array)} entries, its manifest says {count}")
    # As a plain array: slicing a memmap costs several times more.
    return cast(NDArray[Number], np.asarray(array))


def _build(
    reader: RecordReader,
    purpose: Purpose,
    tokenizer: Tokenizer,
    encoding: Encoding,
    folder: Path,
    progress: Progress | None,
) -> str:
    """Leave the finished folder, and return the content hash of what was read."""
    with _partial_folder(folder) as work:
        with ExitStack() as stack:
            writer = _Writer(work, stack)
            ticker = ProgressTicker(reader, progress)
            for sequences in _encoded(reader, tokenizer, encoding):
                writer.write(sequences)
                ticker.tick()
            if not writer.n_loss_tokens:
                raise InvalidInput([nothing_to_learn(reader.lines.where, writer.n_dropped, encoding)])
            writer.sync()
        made_from = _parts(reader.lines.content_hash, tokenizer.identity, encoding, purpose)
        _write_manifest(work, writer.manifest(made_from))
        _publish(work, folder)
    ticker.end()
    return reader.lines.content_hash


def _encoded(reader: RecordReader, tokenizer: Tokenizer, encoding: Encoding) -> Iterator[list[EncodedRecord]]:
    """The sequences of each record: none where it is dropped, several where a text is taken apart."""
    for item in reader:
        if isinstance(item, EvaluationRecord):
            raise AssertionError("a reader for training gave an evaluation record")
        if isinstance(item, Fault):
            raise InvalidInput([item])
        try:
            sequences = fit(encode(item, tokenizer, encoding.turns), item, encoding, tokenizer.context)
        except InvalidInput as error:
            faults = in_line(error, reader.lines.where, item.line)
            raise InvalidInput([reader.lines.located(fault) for fault in faults]) from error
        yield sequences


class _Writer:
    """Appends records to the four files, through buffers."""

    def __init__(self, work: Path, stack: ExitStack) -> None:
        names = ("tokens", "carries_loss", "offsets", "loss_tokens")
        self._files = [stack.enter_context((work / f"{name}.bin").open("wb", buffering=_BUFFER)) for name in names]
        self._tokens, self._carries_loss, self._offsets, self._loss_tokens = self._files
        self._offsets.write(_int64(0))
        self._n_records = self._n_tokens = 0
        self.n_loss_tokens = 0
        self.n_dropped = 0

    def write(self, sequences: list[EncodedRecord]) -> None:
        self.n_dropped += not sequences
        for sequence in sequences:
            self._write(sequence)

    def _write(self, encoded: EncodedRecord) -> None:
        carrying = sum(encoded.carries_loss)
        self._n_records += 1
        self._n_tokens += len(encoded.tokens)
        self.n_loss_tokens += carrying
        self._tokens.write(np.array(encoded.tokens, dtype="<u4").tobytes())
        self._carries_loss.write(bytes(encoded.carries_loss))
        self._offsets.write(_int64(self._n_tokens))
        self._loss_tokens.write(_int64(carrying))

    def sync(self) -> None:
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())

    def manifest(self, made_from: tuple[Any, ...]) -> Manifest:
        counts = (self._n_records, self._n_tokens, self.n_loss_tokens, self.n_dropped)
        return Manifest(*(*made_from, *counts))


def _int64(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _write_manifest(work: Path, manifest: Manifest) -> None:
    with (work / _MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _publish(work: Path, folder: Path) -> None:
    """Give the finished folder its name; where another build was first, its folder stays."""
    try:
        work.rename(folder)
    except OSError:
        if not (folder / _MANIFEST).exists():
            raise
        return
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _partial_folder(folder: Path) -> Iterator[Path]:
    """A sibling of ``folder`` to build in, gone afterwards; what builds that died have left is removed first.

    A build holds a lock on its folder, which the system drops with the process: an unlocked one is nobody's. The
    parent is locked for the moment between making a folder and locking it, lest another build takes it for that.
    """
    with ExitStack() as stack:
        with _locked(folder.parent, fcntl.LOCK_EX):
            for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
                with suppress(OSError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            work = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.part"
            work.mkdir()
            stack.enter_context(_locked(work, fcntl.LOCK_EX))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
