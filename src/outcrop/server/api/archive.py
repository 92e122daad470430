"""A folder as a tar archive, piece by piece: in the memory of one piece, and of a size that is known before."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PIECE = 1 << 20

#: Two blocks of zeros end an archive.
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Archive:
    """An archive that is not there yet.

    Attributes:
        files: Each file's header, the file, and its size.
    """

    files: Sequence[tuple[bytes, Path, int]]

    @property
    def size(self) -> int:
        """Bytes of the whole archive."""
        return sum(len(header) + size + len(_padding(size)) for header, _, size in self.files) + len(_END)

    def pieces(self) -> Iterator[bytes]:
        """The archive's bytes.

        Raises:
            OSError: A file can't be read, or is no longer as long as it was.
        """
        for header, path, size in self.files:
            yield header
            left = size
            with path.open("rb") as file:
                while left:
                    piece = file.read(min(PIECE, left))
                    if not piece:
                        raise OSError(f"{path}: is shorter than it was")
                    left -= len(piece)
                    yield piece
            yield _padding(size)
        yield _END


def archive_of(folder: Path, name: str, time: float) -> Archive:
    """An archive of a folder's files, under another name, all of one time in seconds since the epoch."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Archive([_entry(path, f"{name}/{path.relative_to(folder).as_posix()}", time) for path in paths])


def _entry(path: Path, name: str, time: float) -> tuple[bytes, Path, int]:
    header = tarfile.TarInfo(name)
    header.size = path.stat().st_size
    header.mtime = int(time)
    return header.tobuf(tarfile.PAX_FORMAT), path, header.size


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
