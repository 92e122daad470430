"""Reading plain text and Markdown: each file is one text, as it is."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from outcrop.data.faults import place
from outcrop.data.folders import hash_line, list_texts
from outcrop.data.reading import Line, content_hash
from outcrop.domain.errors import Fault

LONGEST_TEXT = 16 * 1024 * 1024
"""Bytes that a file may have: a text is held in memory whole."""


class Documents:
    """One pass over a text, or the texts of a folder: iterate it for a ``Line`` whose value has the field ``text``.

    The number of a line is the place of the file in the order of names; faults name the file instead. A blank file is
    tolerated, as a blank line is.

    Attributes:
        where: The file or folder as faults name it.
        n_bytes: Bytes read so far.
        total_bytes: Bytes of all files when the pass began.
        n_blank: Blank files met so far.
    """

    def __init__(self, path: Path | str, name: str = "") -> None:
        self.path = Path(path)
        self.where = name or place(self.path)
        self.n_bytes = 0
        self.total_bytes = 0
        self.n_blank = 0
        self._names: list[str] = []
        self._digest = hashlib.sha256()
        self._complete = False

    @property
    def content_hash(self) -> str:
        """SHA-256 as ``reading.content_hash`` has it, of what this pass read; "" unless the pass came to the end."""
        return self._digest.hexdigest() if self._complete else ""

    def located(self, fault: Fault) -> Fault:
        """The fault in the file that its line stands for."""
        if fault.line is None:
            return fault
        name = self._names[fault.line - 1]
        return replace(fault, where=f"{self.where}/{place(Path(name))}" if name else self.where, line=None)

    def __iter__(self) -> Iterator[Line | Fault]:
        try:
            yield from self._folder() if self.path.is_dir() else self._file()
        except OSError as error:
            found = f"no text that can be read ({error.strerror or error})"
            yield Fault(self.where, None, "", found, "a text, or a folder of texts, that this user may read")

    def _file(self) -> Iterator[Line | Fault]:
        self._names = [""]
        self.total_bytes = self.path.stat().st_size
        found = self._read(1, self.path)
        if isinstance(found, bytes):
            self._digest.update(found)
            yield from self._line(1, found)
            self._complete = True
            if self.n_blank:
                yield Fault(self.where, None, "", "a blank file", "a text")
        else:
            yield found

    def _folder(self) -> Iterator[Line | Fault]:
        self._names, outside = list_texts(self.path)
        for name in outside:
            expected = "files of the folder itself: copy it in, or remove the link"
            where = f"{self.where}/{place(Path(name))}"
            yield Fault(where, None, "", "a link that leads out of the folder", expected)
        self.total_bytes = sum((self.path / name).stat().st_size for name in self._names)
        for number, name in enumerate(self._names, 1):
            found = self._read(number, self.path / name)
            if isinstance(found, bytes):
                self._digest.update(hash_line(name, hashlib.sha256(found).hexdigest()))
                yield from self._line(number, found)
            else:
                if (self.path / name).is_file():
                    self._digest.update(hash_line(name, content_hash(self.path / name)))
                yield found
        self._complete = True
        if self.n_blank == len(self._names):
            found_none = "only blank texts" if self._names else "no texts"
            yield Fault(self.where, None, "", found_none, "a folder with files whose names end in .txt or .md")

    def _read(self, number: int, path: Path) -> bytes | Fault:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return self._fault(number, "a pipe or a device", "a regular file: it is read more than once")
        if status.st_size > LONGEST_TEXT:
            expected = f"at most {LONGEST_TEXT:,} bytes: take it apart into files of chapters, say"
            return self._fault(number, f"a text of {status.st_size:,} bytes", expected)
        content = path.read_bytes()
        self.n_bytes += len(content)
        return content

    def _line(self, number: int, content: bytes) -> Iterator[Line | Fault]:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            found = f"a byte that isn't UTF-8 (0x{error.object[error.start]:02x}, byte {error.start + 1:,} of the text)"
            yield self._fault(number, found, "UTF-8: save it as UTF-8")
            return
        if "\0" in text:
            yield self._fault(number, f"binary data (a NUL at byte {content.index(0) + 1:,})", "a text, as UTF-8")
        elif not text or text.isspace():
            self.n_blank += 1
        else:
            yield Line(number, {"text": text})

    def _fault(self, number: int, found: str, expected: str) -> Fault:
        return self.located(Fault(self.where, number, "", found, expected))
