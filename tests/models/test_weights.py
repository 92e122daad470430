from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.models.weights import tensor_entries, weights_hash

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
}


def some_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "layers.10.q": torch.randn(4, 6, generator=generator),
        "layers.2.q": torch.randn(6, 4, generator=generator).to(torch.bfloat16),
        "norm": torch.randn(5, generator=generator).to(torch.float16),
        "steps": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }


def write(folder: Path, *files: Mapping[str, Tensor], names: str = "model-{:05}.safetensors") -> Path:
    folder.mkdir()
    for number, tensors in enumerate(files):
        save_file(dict(tensors), folder / names.format(number), metadata={"format": "pt"})
    return folder


def header(values: object, data: bytes = b"") -> bytes:
    text = values if isinstance(values, bytes) else json.dumps(values).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: object = 0, end: object = 8, shape: object = (2,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_entries_say_where_the_bytes_of_each_tensor_are(tmp_path: Path) -> None:
    tensors = some_tensors()
    entries = tensor_entries(write(tmp_path / "model", tensors))
    assert [found.name for found in entries] == sorted(tensors)
    for found in entries:
        tensor = tensors[found.name]
        assert (found.shape, found.size) == (tuple(tensor.shape), tensor.numel())
        data = found.file.read_bytes()[found.begin : found.end]
        assert data == tensor.flatten().view(torch.uint8).numpy().tobytes()


def test_the_hash_is_the_one_its_words_describe(tmp_path: Path) -> None:
    ones, half = torch.ones(2, 1), torch.tensor(0.5)
    folder = write(tmp_path / "model", {"b": ones, "a": half})
    one = b"\x00\x00\x80\x3f"
    by_hand = b"a\0F32\0()\0" + b"\x00\x00\x00\x3f" + b"b\0F32\0(2, 1)\0" + one + one
    assert weights_hash(folder) == hashlib.sha256(by_hand).hexdigest()


def test_the_hash_does_not_know_how_files_are_split(tmp_path: Path) -> None:
    tensors = some_tensors()
    want = weights_hash(write(tmp_path / "whole", tensors))
    names = sorted(tensors)
    random.Random(0).shuffle(names)
    for count in (2, 3, 5):
        shards = [{name: tensors[name] for name in names[start::count]} for start in range(count)]
        assert weights_hash(write(tmp_path / f"in {count}", *shards)) == want
        other_names = "model-{}.safetensors"
        assert weights_hash(write(tmp_path / f"other {count}", *shards[::-1], names=other_names)) == want


def test_the_hash_does_not_know_the_order_of_bytes_in_a_file(tmp_path: Path) -> None:
    a, b = struct.pack("<f", 1), struct.pack("<ff", 2, 3)
    for name, values, data in (
        ("ab", {"a": entry(0, 4, [1]), "b": entry(4, 12)}, a + b),
        ("ba", {"b": entry(0, 8), "__metadata__": {"by": "hand"}, "a": entry(8, 12, [1])}, b + a),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(header(values, data))
    assert weights_hash(tmp_path / "ab") == weights_hash(tmp_path / "ba")


def _flip(tensors: dict[str, Tensor]) -> None:
    tensors["norm"].view(torch.int16)[3] ^= 1


def _flip_brain_float(tensors: dict[str, Tensor]) -> None:
    tensors["layers.2.q"].view(torch.int16)[0, 0] ^= 1


def _rename(tensors: dict[str, Tensor]) -> None:
    tensors["norm2"] = tensors.pop("norm")


def _reshape(tensors: dict[str, Tensor]) -> None:
    tensors["layers.10.q"] = tensors["layers.10.q"].reshape(6, 4)


def _reshape_nothing(tensors: dict[str, Tensor]) -> None:
    tensors["empty"] = torch.zeros(3, 0)


def _retype(tensors: dict[str, Tensor]) -> None:
    tensors["layers.2.q"] = tensors["layers.2.q"].view(torch.float16)


def _retype_same_values(tensors: dict[str, Tensor]) -> None:
    tensors["layers.2.q"] = tensors["layers.2.q"].to(torch.float32)


def _swap(tensors: dict[str, Tensor]) -> None:
    one, two = tensors["layers.10.q"], tensors["layers.2.q"]
    tensors["layers.10.q"], tensors["layers.2.q"] = two, one


def _drop(tensors: dict[str, Tensor]) -> None:
    del tensors["steps"]


CHANGES = (
    _flip,
    _flip_brain_float,
    _rename,
    _reshape,
    _reshape_nothing,
    _retype,
    _retype_same_values,
    _swap,
    _drop,
)


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_knows_every_bit_name_shape_and_type(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None]
) -> None:
    tensors = some_tensors()
    before = weights_hash(write(tmp_path / "before", tensors))
    change(tensors)
    assert weights_hash(write(tmp_path / "after", tensors)) != before


@settings(max_examples=60, deadline=None)
@given(
    shapes=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter("__metadata__".__ne__),
        st.tuples(st.lists(st.integers(0, 4), max_size=3), st.sampled_from(sorted(DTYPES))),
        max_size=5,
    ),
    seed=st.integers(0, 2**31),
)
def test_agrees_with_the_safetensors_library(
    tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, tuple[list[int], str]], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: (torch.rand(shape, generator=generator) * 100).to(DTYPES[dtype])
        for name, (shape, dtype) in shapes.items()
    }
    folder = tmp_path_factory.mktemp("any")
    (folder / "model.safetensors").write_bytes(save(tensors))
    entries = {found.name: found for found in tensor_entries(folder)}
    with safe_open(folder / "model.safetensors", framework="pt") as peer:
        assert sorted(entries) == sorted(peer.keys())
        for name, found in entries.items():
            part, tensor = peer.get_slice(name), peer.get_tensor(name)
            assert (found.dtype, list(found.shape)) == (part.get_dtype(), part.get_shape())
            with found.file.open("rb") as stream:
                stream.seek(found.begin)
                data = stream.read(found.end - found.begin)
            assert data == tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a safetensors file, or cut off"),
        (b"\x10\0\0\0", "not a safetensors file, or cut off"),
        (b"PK\x03\x04" + b"x" * 60, "not a safetensors file, or cut off"),
        (struct.pack("<Q", 1 << 62) + b"{}" * 40, "not a safetensors file, or cut off"),
        (struct.pack("<Q", 90) + b"{}", "not a safetensors file, or cut off"),
        (header(b"not json at all"), "header can't be read"),
        (header(b"\xff\xfe{}"), "header can't be read"),
        (header(b"[" * 100_000), "header can't be read"),
        (header([]), "header can't be read"),
        (header({"a": 1}), "header can't be read"),
        (header({"a": {}}), "header can't be read"),
        (header({"a": entry(shape=None)}, bytes(8)), "header can't be read"),
        (header({"a": entry(shape=["2"])}, bytes(8)), "header can't be read"),
        (header({"a": entry(shape=[-2])}, bytes(8)), "header can't be read"),
        (header({"a": entry(0.0, 8.0)}, bytes(8)), "header can't be read"),
        (header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, bytes(8)), "header can't be read"),
        (header({"a": entry(dtype=5)}, bytes(8)), "header can't be read"),
        (header({"a": entry(0, 9)}, bytes(8)), "cut off: its tensors need more than its .* bytes"),
        (header({"a": entry(-4, 4)}, bytes(8)), "cut off"),
        (header({"a": entry(8, 0)}, bytes(8)), "cut off"),
        (header({"a": entry(0, 8, [3])}, bytes(8)), r"tensor a of shape \(3,\) and type F32 has 8 bytes"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    for read in (tensor_entries, weights_hash):
        with pytest.raises(NotSupported, match=rf"model\.safetensors: .*{words}") as caught:
            read(tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("ValidationException", 2)


def test_a_header_larger_than_the_limit_of_the_format_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", (100 << 20) + 1))
    with path.open("r+b") as stream:
        stream.truncate(200 << 20)
    with pytest.raises(NotSupported, match="not a safetensors file, or cut off"):
        tensor_entries(tmp_path)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", some_tensors())
    path = folder / "model-00000.safetensors"
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(NotSupported, match="cut off"):
            tensor_entries(folder)


def test_a_folder_without_safetensors(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(NotSupported, match=r"no \.safetensors file; other kinds of weights can run code"):
        tensor_entries(tmp_path)


def test_a_tensor_in_two_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"a": torch.ones(1)}, {"a": torch.ones(1)})
    with pytest.raises(NotSupported, match=r"tensor a is in model-00000\.safetensors and in model-00001\.safetensors"):
        tensor_entries(folder)


def test_a_second_copy_of_the_weights_that_no_loader_reads_does_not_count(tmp_path: Path) -> None:
    want = weights_hash(write(tmp_path / "whole", some_tensors(), names="model.safetensors"))
    (tmp_path / "whole").joinpath("consolidated.safetensors").write_bytes(save({"other": torch.ones(9)}))
    assert weights_hash(tmp_path / "whole") == want
    shards = write(tmp_path / "shards", *({name: tensor} for name, tensor in some_tensors().items()))
    (shards / "consolidated.safetensors").write_bytes(save({"other": torch.ones(9)}))
    index = {found.name: found.file.name for found in tensor_entries(shards) if found.name != "other"}
    (shards / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    assert weights_hash(shards) == want


@pytest.mark.parametrize(
    "index",
    ["{", "[]", '{"weight_map": {"a": "model-00009.safetensors"}}', '{"weight_map": {"a": "../x.safetensors"}}'],
)
def test_an_index_that_is_wrong(tmp_path: Path, index: str) -> None:
    folder = write(tmp_path / "model", {"a": torch.ones(1)})
    save_file({"a": torch.ones(1)}, tmp_path / "x.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(NotSupported, match="index"):
        tensor_entries(folder)
