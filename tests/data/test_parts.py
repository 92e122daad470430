from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.data.parts import write_parts
from outcrop.data.splitting import SplitRequest, parse_shares, plan
from outcrop.domain.errors import AlreadyExists, UserError

HALVES = SplitRequest(parse_shares("a=0.5,b=0.5"))
Write = Callable[..., Path]


def test_lines_are_kept_byte_for_byte(write: Write, tmp_path: Path) -> None:
    lines = [
        b'{"prompt" : "1",  "x":1e0}\r\n',
        b'{"prompt":"\\u00e9"}\n',
        b'{"prompt":"3"}  \n',
        '{"prompt":"é"}'.encode(),
    ]
    path = write(b"\xef\xbb\xbf" + lines[0] + b"\n  \n" + b"".join(lines[1:]))
    made = plan(path, HALVES)
    written = write_parts(path, made, tmp_path / "new" / "parts")
    kept = [*lines[:3], lines[3] + b"\n"]
    assert made.lines.tolist() == [1, 4, 5, 6]
    for number, part in enumerate(written):
        wanted = b"".join(line for line, where in zip(kept, made.part.tolist(), strict=True) if where == number)
        assert part.path.read_bytes() == wanted
        assert part.content_hash == hashlib.sha256(wanted).hexdigest()
        assert part.n_records == 2
    assert [part.path.name for part in written] == ["a.jsonl", "b.jsonl"]


def test_nothing_is_overwritten(write: Write, tmp_path: Path) -> None:
    path = write({"prompt": "1"}, {"prompt": "2"}, name="a.jsonl")
    before = path.read_bytes()
    with pytest.raises(AlreadyExists, match=r"a\.jsonl: there already; name another folder with --to"):
        write_parts(path, plan(path, HALVES), tmp_path)
    assert path.read_bytes() == before


def test_a_file_that_changed_meanwhile_leaves_nothing(write: Write, tmp_path: Path) -> None:
    path = write({"prompt": "1"}, {"prompt": "2"})
    made = plan(path, HALVES)
    write({"prompt": "1"}, {"prompt": "3"})
    with pytest.raises(UserError, match="was changed while it was read"):
        write_parts(path, made, tmp_path / "parts")
    assert list((tmp_path / "parts").iterdir()) == []


def test_a_part_that_can_not_be_put_in_place_leaves_none(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write({"prompt": "1"}, {"prompt": "2"})
    made = plan(path, HALVES)
    rename = Path.rename

    def fails_at_b(self: Path, target: Path) -> Path:
        if target.name == "b.jsonl":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_at_b)
    with pytest.raises(OSError, match="No space left"):
        write_parts(path, made, tmp_path / "parts")
    assert list((tmp_path / "parts").iterdir()) == []


def test_a_packed_file_is_unpacked(write: Write, tmp_path: Path) -> None:
    path = write({"prompt": "1"}, {"prompt": "2"})
    packed = tmp_path / "data.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    made = replace(plan(path, HALVES), content_hash=hashlib.sha256(packed.read_bytes()).hexdigest())
    written = write_parts(packed, made, tmp_path / "parts")
    assert sorted(part.path.read_bytes() for part in written) == [b'{"prompt": "1"}\n', b'{"prompt": "2"}\n']


def test_lines_that_are_not_there_are_missed(write: Write, tmp_path: Path) -> None:
    path = write({"prompt": "1"}, {"prompt": "2"})
    made = plan(path, HALVES)
    made = replace(made, lines=made.lines + 1)
    with pytest.raises(UserError, match="was changed"):
        write_parts(path, made, tmp_path / "parts")
