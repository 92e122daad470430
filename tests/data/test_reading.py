from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.reading import LONGEST_LINE, JsonLines, Line, content_hash
from outcrop.domain.errors import Fault

Write = Callable[..., Path]


def only_fault(path: Path) -> str:
    (fault,) = JsonLines(path)
    assert isinstance(fault, Fault)
    return str(fault).removeprefix(str(path))


def test_lines_are_objects_with_their_numbers(write: Write) -> None:
    path = write(b'{"a": 1}\n{"b": "\xc3\xab"}\r\n{"c": []}')
    assert list(JsonLines(path)) == [Line(1, {"a": 1}), Line(2, {"b": "ë"}), Line(3, {"c": []})]


def test_blank_lines_are_tolerated_counted_and_keep_the_numbering(write: Write) -> None:
    lines = JsonLines(write(b'\n{"a": 1}\n  \r\n\n{"b": 2}\n\n'))
    assert list(lines) == [Line(2, {"a": 1}), Line(5, {"b": 2})]
    assert lines.n_blank == 4


def test_a_utf8_mark_is_tolerated(write: Write) -> None:
    assert list(JsonLines(write(b'\xef\xbb\xbf{"a": 1}\n'))) == [Line(1, {"a": 1})]


def test_a_missing_file(tmp_path: Path) -> None:
    text = ": found no file; expected a file with that name: check the path"
    assert only_fault(tmp_path / "no.jsonl") == text
    (tmp_path / "file").write_text("{}")
    assert only_fault(tmp_path / "file" / "no.jsonl") == text


def test_a_folder(tmp_path: Path) -> None:
    assert only_fault(tmp_path) == ": found a folder; expected the path of one JSON Lines file"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    expected = ": found a pipe or a device; expected a regular file: it is read more than once"
    assert only_fault(tmp_path / "pipe") == expected


def test_a_file_that_can_not_be_opened(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write({"a": 1})

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    expected = ": found a file that can't be read (Permission denied); expected a file that this user may read"
    assert only_fault(path) == expected


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "a file that can't be read" in only_fault(tmp_path / "loop")
    assert "a file that can't be read" in only_fault(tmp_path / "a\0b")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file(write: Write, content: bytes) -> None:
    expected = ": found an empty file; expected JSON Lines, one JSON object per line, as UTF-8 text, at least one"
    assert only_fault(write(content)) == expected


def test_a_file_of_blank_lines(write: Write) -> None:
    assert only_fault(write(b"\n \n\n")).startswith(": found only blank lines; expected JSON Lines")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ['{"a": "b"}\n' * 3, '\n{"a": "é漢"}\n'])
def test_other_unicode_encodings_with_and_without_a_mark(write: Write, encoding: str, text: str) -> None:
    kind = encoding[:6].upper()
    expected = f": found {kind} text; expected UTF-8: save it as UTF-8"
    assert only_fault(write(text.encode(encoding))) == expected


def test_binary_data(write: Write) -> None:
    content = b'{"a": 1}\n\x00\x01\x02\n{"a": 2}\n'
    expected = ": found binary data (a NUL at byte 10); expected JSON Lines, one JSON object per line, as UTF-8 text"
    assert only_fault(write(content)) == expected


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"PAR1", "a Parquet file"),
    ],
)
def test_containers_are_named(write: Write, content: bytes, found: str) -> None:
    assert f"found {found}; expected JSON Lines" in only_fault(write(content + b"\x15\x00" * 40))


@pytest.mark.parametrize("content", [b'[\n{"a": 1},\n{"a": 2}\n]\n', b'[{"a": 1},\n{"a": 2}]\n', b'[ {"a": 1} ]'])
def test_one_json_list_over_the_whole_file_is_one_fault(write: Write, content: bytes) -> None:
    text = only_fault(write(content))
    assert text.startswith(": found one JSON list over the whole file; expected JSON Lines")
    assert text.endswith("write each element on a line of its own, without commas")


def test_json_over_several_lines_is_one_fault(write: Write) -> None:
    text = only_fault(write(b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n'))
    assert "found JSON spread over several lines" in text
    assert text.endswith("write each object on one line")


def test_a_line_that_is_too_long_is_skipped_and_sized(write: Write) -> None:
    path = write(b'{"a": 1}\n{"a": "' + b"x" * LONGEST_LINE + b'"}\n{"b": 2}\n')
    first, fault, last = JsonLines(path)
    assert (first, last) == (Line(1, {"a": 1}), Line(3, {"b": 2}))
    assert str(fault) == f"{path}:2: found a line of 4,194,313 bytes; expected at most 4,194,304 bytes in a line"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_of_exactly_the_limit_is_taken(write: Write, end: bytes) -> None:
    line = b'{"a": "xy"}'
    assert list(JsonLines(write(line + end), longest=len(line))) == [Line(1, {"a": "xy"})]
    (fault,) = JsonLines(write(line + end), longest=len(line) - 1)
    assert isinstance(fault, Fault)
    assert fault.found == "a line of 11 bytes"


def test_a_long_line_is_not_held_in_memory(write: Write) -> None:
    path = write(b'{"a": "' + b"x" * 20_000_000)
    tracemalloc.start()
    (fault,) = JsonLines(path, longest=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(fault, Fault)
    assert fault.found == "a line of 20,000,007 bytes"
    assert peak < 4_000_000


def test_invalid_utf8_names_the_byte(write: Write) -> None:
    path = write(b'{"a": 1}\n{"a": "caf\xe9"}\n')
    _, fault = JsonLines(path)
    expected = "found a byte that isn't UTF-8 (0xe9, byte 11 of the line); expected UTF-8: save it as UTF-8"
    assert str(fault) == f"{path}:2: {expected}"


def test_invalid_json_names_the_column_and_what_is_there(write: Write) -> None:
    text = only_fault(write(b'{"a": 1 "b": 2}\n'))
    assert text.startswith(':1: found invalid JSON at column 9, near "\\"b\\": 2}" (')
    assert text.endswith("; expected one whole JSON object on the line")


def test_invalid_json_that_ends_too_early_in_the_middle_of_a_file(write: Write) -> None:
    fault, _ = JsonLines(write(b'{"a": 1\n{"a": 2}\n'))
    assert isinstance(fault, Fault)
    assert fault.found.startswith("invalid JSON at column 8, near the end of the line")


@pytest.mark.parametrize("size", range(1, len('{"a": ["é", {"b": true}]}'.encode())))
def test_a_half_written_last_line_wherever_it_was_cut(write: Write, size: int) -> None:
    line = '{"a": ["é", {"b": true}]}'.encode()
    path = write(b'{"a": 1}\n' + line[:size])
    _, fault = JsonLines(path)
    expected = "found half a record: the file seems cut off; expected a whole JSON object: write or copy the file again"
    assert str(fault) == f"{path}:2: {expected}"


@pytest.mark.parametrize("line", [b'{"a": 1,}', b"a", b'{"a" 1}'])
def test_a_wrong_last_line_without_a_newline_is_not_called_cut_off(write: Write, line: bytes) -> None:
    assert "found invalid JSON" in only_fault(write(line))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"[1]", "a JSON list"),
        (b'"a"', 'the text "a"'),
        (b"1", "the value 1"),
        (b"true", "the value true"),
        (b"null", "null"),
    ],
)
def test_json_that_is_no_object(write: Write, line: bytes, found: str) -> None:
    assert only_fault(write(line + b"\n")) == f":1: found {found}; expected a JSON object, {{…}}, on each line"


def test_duplicate_keys_at_any_depth(write: Write) -> None:
    fault, inner = JsonLines(write(b'{"a": 1, "b": 2, "a": 3}\n{"c": [{"d": 1, "d": 1}]}\n'))
    assert str(fault).endswith(':1: a: found the field "a" twice in one object; expected each field once')
    assert isinstance(inner, Fault)
    assert inner.field == "d"


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have(write: Write, name: str) -> None:
    text = only_fault(write(f'{{"a": {name}}}\n'.encode()))
    assert text == f":1: found {name}; expected a JSON value: JSON has no NaN and no Infinity"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b'{"a": "\\ud83d"}', "a"),
        (b'{"a": [{"b": "x\\uDE00"}]}', "a[0].b"),
        (b'{"\\ud800": 1}', ""),
    ],
)
def test_half_a_surrogate_pair(write: Write, line: bytes, field: str) -> None:
    path = write(line + b'\n{"a": "\\ud83d\\ude00"}\n')
    fault, whole = JsonLines(path)
    place = f" {field}:" if field else ""
    found = "half of a surrogate pair (\\ud800 to \\udfff alone)"
    assert str(fault) == f"{path}:1:{place} found {found}; expected whole characters: the text was cut inside one"
    assert whole == Line(2, {"a": "😀"})


def test_json_that_python_can_not_take(write: Write) -> None:
    deep = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n"
    fault, digits = JsonLines(write(deep + b'{"a": ' + b"1" * 5_000 + b"}\n"))
    assert str(fault).endswith(":1: found JSON nested too deeply to be read; expected a record of few levels")
    assert str(digits).endswith(":2: found a number with too many digits to be read; expected a shorter number")


def test_the_content_hash_of_a_pass_is_that_of_the_file(write: Write) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\n{"a": "' + b"x" * 3_000_000 + b'"}\nnot JSON\n{"a": 2'
    lines = JsonLines(write(content), longest=1_000)
    assert lines.content_hash == ""
    faults = [line for line in lines if isinstance(line, Fault)]
    assert len(faults) == 3
    assert lines.content_hash == content_hash(lines.path) == hashlib.sha256(content).hexdigest()
    assert lines.n_bytes == lines.total_bytes == len(content)


def test_no_content_hash_for_a_file_that_was_not_read_through(write: Write) -> None:
    lines = JsonLines(write(b"\x00\x01"))
    list(lines)
    assert lines.content_hash == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values), min_size=1))
def test_what_is_written_as_json_lines_is_read_back(values: list[dict[str, object]]) -> None:
    for ascii_only in (True, False):
        text = "".join(json.dumps(value, ensure_ascii=ascii_only) + "\n" for value in values)
        assert through_a_file(text.encode()) == [Line(number, value) for number, value in enumerate(values, start=1)]


fragments = st.sampled_from(
    [b"{", b"}", b"[", b'"', b"\\", b"\n", b"\r", b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b'{"a": "b"}\n', b"\\ud800"]
)


@given(st.lists(fragments | st.binary(max_size=8)).map(b"".join))
def test_arbitrary_bytes_raise_nothing(content: bytes) -> None:
    assert through_a_file(content), "a file without a line has a fault"


def through_a_file(content: bytes) -> list[Line | Fault]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return list(JsonLines(file.name))
