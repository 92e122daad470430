"""Reading JSON Lines, packed with gzip or not: one object per line, in bounded memory, a fault for each bad line."""

from __future__ import annotations

import gzip
import hashlib
import json
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, NoReturn, cast

from outcrop.data.faults import place
from outcrop.data.folders import hash_line, list_texts
from outcrop.domain.errors import Fault
from outcrop.domain.faults import shown

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes a line may have; a longer one is skipped without being held in memory."""

JsonObject = dict[str, object]

_HEAD = 64 * 1024
_CHUNK = 1024 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"
_PLAIN = "JSON Lines, one JSON object per line, as UTF-8 text"
_AS_UTF8 = "UTF-8: save it as UTF-8"
_GZIP = b"\x1f\x8b"

# The longer mark comes first: a UTF-32 mark begins with the UTF-16 one.
_SIGNATURES = (
    (b"\xff\xfe\x00\x00", "UTF-32 text", _AS_UTF8),
    (b"\x00\x00\xfe\xff", "UTF-32 text", _AS_UTF8),
    (b"\xff\xfe", "UTF-16 text", _AS_UTF8),
    (b"\xfe\xff", "UTF-16 text", _AS_UTF8),
    (_GZIP, "gzip-compressed data inside of gzip-compressed data", f"{_PLAIN}, packed once"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", f"{_PLAIN}: unpack or export it first"),
    (b"PAR1", "a Parquet file", f"{_PLAIN}: export it first"),
)

# Which of the first four bytes are zero, for JSON without a byte order mark: RFC 4627, section 3.
_ZEROS = {
    (True, True, True, False): "UTF-32 text",
    (False, True, True, True): "UTF-32 text",
    (True, False, True, False): "UTF-16 text",
    (False, True, False, True): "UTF-16 text",
}


@dataclass(frozen=True)
class Line:
    """A line that holds a JSON object, counted from 1."""

    number: int
    value: JsonObject


class JsonLines:
    """One pass over a JSON Lines file: iterate it for a ``Line`` or a ``Fault`` per line that is not blank.

    A file that begins as gzip does is unpacked on the way. Nothing that is in the file raises. What concerns the whole
    file (missing, empty, binary, UTF-16) is one fault, and ends the pass.

    Attributes:
        path: The file.
        where: The file as faults name it: ``name``, where the path is only that of a copy.
        total_bytes: The size of the file when the pass began; 0 before.
        n_bytes: Bytes read so far.
        n_blank: Blank lines met so far; they are tolerated.
    """

    def __init__(self, path: Path | str, longest: int = LONGEST_LINE, name: str = "") -> None:
        self.path = Path(path)
        self.where = name or place(self.path)
        self.total_bytes = 0
        self.n_bytes = 0
        self.n_blank = 0
        self._longest = longest
        self._digest = hashlib.sha256()
        self._packed = False
        self._complete = False

    @property
    def content_hash(self) -> str:
        """SHA-256 of the file as this pass read it, in hex; "" unless the pass came to the end."""
        return self._digest.hexdigest() if self._complete else ""

    def located(self, fault: Fault) -> Fault:
        """The fault as it is: it names the line."""
        return fault

    def __iter__(self) -> Iterator[Line | Fault]:
        problem = self._stat()
        if problem is not None:
            yield problem
            return
        try:
            with self.path.open("rb") as file:
                yield from self._file(file)
        except OSError as error:
            yield self._unreadable(error)

    def _stat(self) -> Fault | None:
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return self._fault(None, "no file", "a file with that name: check the path")
        except (OSError, ValueError) as error:
            return self._unreadable(error)
        if stat.S_ISDIR(status.st_mode):
            return self._fault(None, "a folder", "the path of one JSON Lines file")
        if not stat.S_ISREG(status.st_mode):
            return self._fault(None, "a pipe or a device", "a regular file: it is read more than once")
        self.total_bytes = status.st_size
        return None

    def _unreadable(self, error: OSError | ValueError) -> Fault:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return self._fault(None, f"a file that can't be read ({reason})", "a file that this user may read")

    def _file(self, file: BinaryIO) -> Iterator[Line | Fault]:
        head = file.read(_HEAD)
        file.seek(0)
        if head.startswith(_GZIP):
            self._packed = True
            yield from self._unpacked(file)
            return
        problem = _whole_file(head)
        if problem is not None:
            yield self._fault(None, *problem)
            return
        yield from self._lines(file)

    def _unpacked(self, file: BinaryIO) -> Iterator[Line | Fault]:
        try:
            with gzip.GzipFile(fileobj=cast(IO[bytes], _Counted(file, self._count_packed))) as unpacked:
                problem = _whole_file(unpacked.peek(_HEAD)[:_HEAD])
                if problem is not None:
                    yield self._fault(None, *problem)
                    return
                yield from self._lines(cast(BinaryIO, unpacked))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._complete = False
            expected = "a whole gzip file: write or copy it again"
            yield self._fault(None, f"gzip data that is cut off or damaged ({error})", expected)

    def _lines(self, file: BinaryIO) -> Iterator[Line | Fault]:
        number = 0
        while raw := file.readline(self._longest + 1):
            number += 1
            self._count(raw)
            if len(raw) > self._longest and not raw.endswith(b"\n"):
                yield self._too_long(number, len(raw) + self._skip(file))
                continue
            text = raw.removeprefix(_UTF8_BOM) if number == 1 else raw
            if text.isspace() or not text:
                self.n_blank += 1
                continue
            yield self._line(number, text)
        self._complete = True
        if number == self.n_blank:
            yield self._fault(None, "only blank lines", f"{_PLAIN}, at least one")

    def _count(self, raw: bytes) -> None:
        if not self._packed:
            self._digest.update(raw)
            self.n_bytes += len(raw)

    def _count_packed(self, raw: bytes) -> None:
        """Take bytes of the file as they lie there: they make its hash."""
        self._digest.update(raw)
        self.n_bytes += len(raw)

    def _skip(self, file: BinaryIO) -> int:
        size = 0
        while part := file.readline(_CHUNK):
            self._count(part)
            size += len(part)
            if part.endswith(b"\n"):
                return size - 1
        return size

    def _too_long(self, number: int, size: int) -> Fault:
        return self._fault(number, f"a line of {size:,} bytes", f"at most {self._longest:,} bytes in a line")

    def _line(self, number: int, raw: bytes) -> Line | Fault:
        last = not raw.endswith(b"\n")
        try:
            text = raw.decode("utf-8").rstrip()
        except UnicodeDecodeError as error:
            return self._cut_off(number) if last and _ends_early(error) else self._not_utf8(number, error)
        try:
            value = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            return self._cut_off(number) if last and _is_half(text, error) else self._not_json(number, text, error)
        except _Refused as refused:
            return self._fault(number, refused.found, refused.expected, refused.field)
        except RecursionError:
            return self._fault(number, "JSON nested too deeply to be read", "a record of few levels")
        except ValueError:
            return self._fault(number, "a number with too many digits to be read", "a shorter number")
        return self._object(number, raw, value)

    def _object(self, number: int, raw: bytes, value: object) -> Line | Fault:
        if not isinstance(value, dict):
            return self._fault(number, _kind(value), "a JSON object, {…}, on each line")
        # One byte is found several times faster than two, and most lines have no escape at all.
        if b"\\" in raw and (b"\\ud" in raw or b"\\uD" in raw):
            field = _lone_surrogate(value)
            if field is not None:
                found = "half of a surrogate pair (\\ud800 to \\udfff alone)"
                return self._fault(number, found, "whole characters: the text was cut inside one", field)
        return Line(number, value)

    def _cut_off(self, number: int) -> Fault:
        expected = "a whole JSON object: write or copy the file again"
        return self._fault(number, "half a record: the file seems cut off", expected)

    def _not_utf8(self, number: int, error: UnicodeDecodeError) -> Fault:
        found = f"a byte that isn't UTF-8 (0x{error.object[error.start]:02x}, byte {error.start + 1:,} of the line)"
        return self._fault(number, found, _AS_UTF8)

    def _not_json(self, number: int, text: str, error: json.JSONDecodeError) -> Fault:
        near = shown(text[error.pos : error.pos + 20]) if error.pos < len(text) else "the end of the line"
        found = f"invalid JSON at column {error.pos + 1:,}, near {near} ({error.msg})"
        return self._fault(number, found, "one whole JSON object on the line")

    def _fault(self, line: int | None, found: str, expected: str, field: str = "") -> Fault:
        return Fault(self.where, line, field, found, expected)


def content_hash(path: Path | str) -> str:
    """The hash by which a dataset is known, in hex: SHA-256 of a file's bytes, which are streamed.

    Of a folder it is the SHA-256 of a list: for each text in byte order of the relative names, the text's own hash, two
    spaces, the name and a line end.

    Raises:
        OSError: It can't be read.
    """
    path = Path(path)
    if path.is_dir():
        lines = (hash_line(name, content_hash(path / name)) for name in list_texts(path)[0] if (path / name).is_file())
        return hashlib.sha256(b"".join(lines)).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Counted:
    """A file to read from the front, of which every byte is told as it is read."""

    def __init__(self, file: BinaryIO, count: Callable[[bytes], None]) -> None:
        self._file = file
        self._tell = count

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        raw = self._file.read(size)
        self._tell(raw)
        return raw


class _Refused(Exception):
    """JSON that Python's decoder takes and we don't."""

    def __init__(self, field: str, found: str, expected: str) -> None:
        super().__init__(found)
        self.field = field
        self.found = found
        self.expected = expected


def _whole_file(head: bytes) -> tuple[str, str] | None:
    """What was found and expected where the first bytes show that no line of the file can be used."""
    text = head.removeprefix(_UTF8_BOM)
    if not text:
        return "an empty file", f"{_PLAIN}, at least one"
    for signature, found, expected in _SIGNATURES:
        if head.startswith(signature):
            return found, expected
    zeros = tuple(byte == 0 for byte in head[:4])
    if zeros in _ZEROS:
        return _ZEROS[zeros], _AS_UTF8
    if 0 in head:
        return f"binary data (a NUL at byte {head.index(0) + 1:,})", _PLAIN
    return _json_document(text)


def _json_document(text: bytes) -> tuple[str, str] | None:
    first = text.lstrip().split(b"\n", 1)[0].strip()
    if first == b"[" or first.replace(b" ", b"").startswith(b"[{"):
        return "one JSON list over the whole file", f"{_PLAIN}: write each element on a line of its own, without commas"
    if first == b"{":
        return "JSON spread over several lines", f"{_PLAIN}: write each object on one line"
    return None


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Refused(name, f"the field {shown(name)} twice in one object", "each field once")
        seen.add(name)
    return value


def _no_constant(name: str) -> NoReturn:
    raise _Refused("", name, "a JSON value: JSON has no NaN and no Infinity")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _ends_early(error: UnicodeDecodeError) -> bool:
    return error.reason == "unexpected end of data"


def _is_half(text: str, error: json.JSONDecodeError) -> bool:
    return text.lstrip().startswith("{") and (error.pos >= len(text) or not text.endswith("}"))


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a JSON list"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return "null" if value is None else f"the value {json.dumps(value)[:60]}"


def _lone_surrogate(value: object) -> str | None:
    """The field that holds half of a surrogate pair; a stack and not recursion, since JSON may be deep."""
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        field, item = stack.pop()
        if isinstance(item, str) and not _encodes(item):
            return field
        if isinstance(item, list):
            stack.extend((f"{field}[{index}]", element) for index, element in enumerate(item))
        if isinstance(item, dict):
            if not all(map(_encodes, item)):
                return field
            stack.extend((f"{field}.{name}" if field else name, element) for name, element in item.items())
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
