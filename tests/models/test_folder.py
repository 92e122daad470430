from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from outcrop.domain.errors import NotFound, NotSupported, StorageFailure
from outcrop.models.chat import ChatTokenizer
from outcrop.models.folder import copy_model, inspect_model
from outcrop.models.network import load_network
from outcrop.models.weights import weights_hash
from tests.models.conftest import Altered
from tests.tiny_model import CONTEXT

MODEL_FILES = {"chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


class Bomb:
    """Opening its pickle writes a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self._mark),))


def test_a_copy_is_whole_and_works(tiny_folder: Path, tmp_path: Path) -> None:
    copy_model(tiny_folder, tmp_path / "copy")
    assert {file.name for file in (tmp_path / "copy").iterdir()} >= MODEL_FILES
    assert inspect_model(tmp_path / "copy") == inspect_model(tiny_folder)
    load_network(tmp_path / "copy")


def test_what_is_said_of_a_model(tiny_folder: Path) -> None:
    facts = inspect_model(tiny_folder)
    tokenizer = ChatTokenizer.load(tiny_folder)
    assert facts.identity.weights == weights_hash(tiny_folder)
    assert (facts.identity.tokenizer, facts.identity.template) == (tokenizer.tokenizer_hash, tokenizer.template_hash)
    assert (facts.engine, facts.architecture, facts.context) == ("transformers", "LlamaForCausalLM", CONTEXT)
    assert facts.parameters == sum(weight.numel() for weight in load_network(tiny_folder).model.parameters())
    assert facts.customizations == {"lora": "", "full": ""}


def test_code_pickles_and_folders_stay_behind(altered: Altered, tmp_path: Path) -> None:
    folder = altered()
    for name in ("modeling_own.py", "tokenizer_own.py", "pytorch_model.bin", "model.pt", "training_args.bin", "x.so"):
        (folder / name).write_bytes(b"x")
    (folder / "onnx.json").mkdir()
    (folder / "LICENSE.md").write_text("Apache-2.0")
    save_file({"again": torch.ones(3)}, folder / "consolidated.safetensors")
    copy_model(folder, tmp_path / "copy")
    found = {file.name for file in (tmp_path / "copy").iterdir()}
    assert found == MODEL_FILES | {"LICENSE.md", "generation_config.json"}


def test_the_links_of_a_hub_cache_become_files(tiny_folder: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for file in tiny_folder.iterdir():
        name = hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copyfile(file, blobs / name)
        (snapshot / file.name).symlink_to(Path("../../blobs") / name)
    copy_model(snapshot, tmp_path / "copy")
    shutil.rmtree(blobs)
    assert not any(file.is_symlink() for file in (tmp_path / "copy").iterdir())
    assert inspect_model(tmp_path / "copy") == inspect_model(tiny_folder)


def test_a_link_to_nothing_is_named(altered: Altered, tmp_path: Path) -> None:
    folder = altered()
    (folder / "vocab.json").symlink_to(tmp_path / "gone")
    with pytest.raises(StorageFailure, match=r"vocab\.json: can't be copied \(No such file or directory\)"):
        copy_model(folder, tmp_path / "copy")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere: there is no such folder") as caught:
        copy_model(tmp_path / "nowhere", tmp_path / "copy")
    assert (caught.value.code, caught.value.exit_code) == ("ResourceNotFoundException", 2)
    assert not (tmp_path / "copy").exists()


def test_no_configuration(altered: Altered, tmp_path: Path) -> None:
    folder = altered()
    (folder / "config.json").unlink()
    with pytest.raises(NotFound, match=r"has no config\.json; expected a folder as transformers' save_pretrained"):
        copy_model(folder, tmp_path / "copy")


def test_an_adapter_is_no_model(altered: Altered, tmp_path: Path) -> None:
    folder = altered()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(NotSupported, match="an adapter; merge it into its base first"):
        copy_model(folder, tmp_path / "copy")


def test_pickled_weights_are_refused_and_never_opened(altered: Altered, tmp_path: Path) -> None:
    folder = altered()
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "opened"
    torch.save({"weight": Bomb(mark)}, folder / "pytorch_model.bin")
    for refuse in (lambda: copy_model(folder, tmp_path / "copy"), lambda: inspect_model(folder)):
        with pytest.raises(NotSupported, match="other kinds of weights can run code and are not read"):
            refuse()
    with pytest.raises(NotSupported, match="can't be loaded"):
        load_network(folder)
    assert not mark.exists()
    assert not (tmp_path / "copy").exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert mark.exists()


def test_an_encoder_writes_no_text(altered: Altered) -> None:
    folder = altered()
    (folder / "model.safetensors").unlink()
    config = BertConfig(vocab_size=259, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    BertForMaskedLM(config).save_pretrained(str(folder))
    facts = inspect_model(folder)
    reason = "it is an encoder: it gives vectors and writes no text"
    assert (facts.engine, facts.customizations) == ("encoder", {"lora": reason, "full": reason})


def test_a_classifier_writes_no_text(altered: Altered) -> None:
    facts = inspect_model(altered(config={"architectures": ["BertForSequenceClassification"], "model_type": "bert"}))
    reason = "it is a classifier: it gives labels scores and writes no text"
    assert (facts.engine, facts.customizations) == ("classifier", {"lora": reason, "full": reason})


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["GPT2ForSequenceClassification"], "model_type": "gpt2"},
        {"architectures": ["T5Model"], "model_type": "t5"},
    ],
)
def test_what_is_neither_encoder_nor_writer(altered: Altered, config: dict[str, Any]) -> None:
    facts = inspect_model(altered(config=config))
    reason = f"{config['architectures'][0]} is not a causal language model: it does not write text"
    assert (facts.engine, facts.customizations) == ("transformers", {"lora": reason, "full": reason})


def test_a_bert_that_writes_is_no_encoder(altered: Altered) -> None:
    facts = inspect_model(altered(config={"architectures": ["BertLMHeadModel"], "model_type": "bert"}))
    assert (facts.engine, facts.customizations) == ("transformers", {"lora": "", "full": ""})


def test_quantised_weights_are_not_trained_on(altered: Altered) -> None:
    folder = altered(config={"quantization_config": {"quant_method": "gptq", "bits": 4}})
    reason = "its weights are quantised; add the model in its unquantised form"
    assert inspect_model(folder).customizations == {"lora": reason, "full": reason}


def test_another_family(altered: Altered) -> None:
    folder = altered()
    (folder / "model.safetensors").unlink()
    config = GPT2Config(vocab_size=259, n_embd=8, n_layer=1, n_head=1, n_positions=64, eos_token_id=2)
    GPT2LMHeadModel(config).save_pretrained(str(folder))
    facts = inspect_model(folder)
    assert (facts.architecture, facts.context) == ("GPT2LMHeadModel", 64)
    assert facts.customizations == {"lora": "", "full": ""}


@pytest.mark.parametrize("content", ["{", "[1]", "null"])
def test_a_configuration_that_is_no_object(altered: Altered, content: str) -> None:
    folder = altered()
    (folder / "config.json").write_text(content)
    with pytest.raises(NotSupported, match=r"config\.json: can't be read"):
        inspect_model(folder)


def test_nothing_of_the_folder_runs(altered: Altered) -> None:
    own = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own", "AutoTokenizer": ["own.Own", None]}
    folder = altered(config={"auto_map": own, "model_type": "own"}, tokenizer_config={"auto_map": own})
    (folder / "own.py").write_text(f"open({json.dumps(str(folder / 'ran'))}, 'w')\nclass Own: ...")
    with suppress(NotSupported):
        inspect_model(folder)
    with pytest.raises(NotSupported, match="can't be loaded"):
        load_network(folder)
    assert not (folder / "ran").exists()
