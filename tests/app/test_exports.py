from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from outcrop import Outcrop
from outcrop.domain.errors import InvalidInput, NotFound, NotSupported
from outcrop.domain.exports import Export, ExportForm
from outcrop.domain.models import Customization, Identity, Lineage, Model, ModelKind
from outcrop.models.chat import ChatTokenizer
from outcrop.models.gguf_export import GgufExport
from outcrop.models.network import load_network
from outcrop.models.weights import weights_hash
from outcrop.testing.catalogs import a_model
from tests.models.exports import GOLDEN, adapter, llama

TRAVELS = {"README.md", "chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def lineage(base: Model, **changes: Any) -> Lineage:
    made = Lineage(
        job="job0",
        base=base.name,
        base_identity=base.identity,
        method=Customization.LORA,
        data_uri="s3://secret-account/key/train.jsonl",
        data_hash="d" * 64,
        hyperparameters={"epochs": 2, "learning_rate": 1e-4, "rank": 16},
        seed=7,
        versions={"torch": "2.13.0"},
    )
    return replace(made, **changes)


def put(outcrop: Outcrop, folder: Path, model: Model) -> None:
    """A custom model as a customization job keeps it."""
    outcrop.services.store.put_folder(folder, model.uri)
    outcrop.services.catalog.add_model(model)


@pytest.fixture
def base(outcrop: Outcrop, tmp_path: Path) -> Model:
    """A base model, licence and all."""
    folder = llama(tmp_path / "base-folder")
    (folder / "LICENSE").write_text("Do as you like.")
    return outcrop.models.add(str(folder), "base")


@pytest.fixture
def base_folder(outcrop: Outcrop, base: Model) -> Path:
    return outcrop.services.store.get_folder(base.uri)


@pytest.fixture
def custom(outcrop: Outcrop, base: Model, base_folder: Path, tmp_path: Path) -> Model:
    """An adapter over the base."""
    folder = adapter(base_folder, tmp_path / "custom-folder")
    model = a_model(
        "custom", kind=ModelKind.ADAPTER, base="base", lineage=lineage(base), identity=base.identity, parameters=9
    )
    put(outcrop, folder, model)
    return model


def put_full(outcrop: Outcrop, base: Model, base_folder: Path, scratch: Path, step: float) -> None:
    """A custom model with whole weights, each of which a full fine-tuning has moved by about ``step``."""
    network = load_network(base_folder)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.model.parameters():
            parameter += step * torch.randn(parameter.shape, generator=generator)
    network.model.save_pretrained(str(scratch))
    ChatTokenizer.load(base_folder).save(scratch)
    weights = Identity(weights_hash(scratch), base.identity.tokenizer, base.identity.template)
    made = lineage(base, method=Customization.FULL)
    put(outcrop, scratch, a_model("full", kind=ModelKind.FULL, lineage=made, identity=weights))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.arange(3, 40)[None]).logits
    return found


def test_a_base_is_copied_as_it_is_and_is_the_same_when_it_is_added_again(
    outcrop: Outcrop, base: Model, base_folder: Path, tmp_path: Path
) -> None:
    found = outcrop.models.export("base", tmp_path / "deep" / "out")
    assert (found.form, found.number_type, found.weights) == (ExportForm.SAFETENSORS, "", base.identity.weights)
    assert (found.kept, found.agreement, found.warnings) == (None, None, ())
    exported, stored = files(tmp_path / "deep" / "out"), files(base_folder)
    assert exported.keys() == stored.keys() - {"manifest.json"} | {"README.md"}
    assert {name: exported[name] for name in exported if name != "README.md"}.items() <= stored.items()
    (tmp_path / "empty").mkdir()
    outcrop.models.export("base", str(tmp_path / "empty"))
    again = outcrop.models.add(str(tmp_path / "empty"), "again")
    assert (again.uri, again.identity) == (base.uri, base.identity)


def test_an_adapter_is_exported_as_peft_reads_it(
    outcrop: Outcrop, custom: Model, base_folder: Path, tmp_path: Path
) -> None:
    stored = files(outcrop.services.store.get_folder(custom.uri))
    found = outcrop.models.export("custom", tmp_path / "out")
    assert (found.form, found.weights, found.warnings) == (ExportForm.ADAPTER, custom.identity.weights, ())
    exported = files(tmp_path / "out")
    assert exported.keys() == TRAVELS | {"adapter_config.json", "adapter_model.safetensors", "LICENSE"}
    assert all(exported[name] == stored[name] for name in stored if name != "manifest.json")
    alone = AutoModelForCausalLM.from_pretrained(str(base_folder), dtype=torch.float32).eval()
    before = logits(alone)
    assert (before - logits(PeftModel.from_pretrained(alone, str(tmp_path / "out")))).abs().max() > 0.1


def test_pain_9_merged_is_the_adapter(outcrop: Outcrop, custom: Model, base_folder: Path, tmp_path: Path) -> None:
    found = outcrop.models.export("custom", tmp_path / "out", form="safetensors")
    assert found.agreement is not None
    assert (found.number_type, found.kept, found.agreement.same_token) == ("fp32", None, 1)
    assert found.agreement.relative < 1e-4
    assert set(files(tmp_path / "out")) == TRAVELS | {"config.json", "model.safetensors", "LICENSE"}
    alone = AutoModelForCausalLM.from_pretrained(str(base_folder), dtype=torch.float32).eval()
    beside = logits(PeftModel.from_pretrained(alone, str(outcrop.services.store.get_folder(custom.uri))))
    torch.testing.assert_close(logits(load_network(tmp_path / "out").model), beside, rtol=0, atol=1e-3)
    model = outcrop.models.add(str(tmp_path / "out"), "whole")
    assert model.customizations == {"lora": "", "full": ""}
    assert model.identity.weights == found.weights
    assert model.identity.template == outcrop.models.show("base").identity.template


def test_pain_9_a_merge_that_is_not_the_adapter_is_refused_and_leaves_nothing(
    outcrop: Outcrop, custom: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outcrop.models.merging import MergedWeights

    right = MergedWeights.update
    monkeypatch.setattr(MergedWeights, "update", lambda self, name: 1.01 * right(self, name))
    for form in ("safetensors", "gguf"):
        with pytest.raises(NotSupported, match="custom: the exported model is not the one it was made from"):
            outcrop.models.export("custom", tmp_path / "out", form=form)
    assert not (tmp_path / "out").exists()


def test_pain_9_an_adapter_that_changes_nothing_is_not_merged(
    outcrop: Outcrop, base: Model, base_folder: Path, tmp_path: Path
) -> None:
    put(
        outcrop,
        adapter(base_folder, tmp_path / "folder", 0.0),
        a_model("null", kind=ModelKind.ADAPTER, base="base", lineage=lineage(base)),
    )
    for form in ("safetensors", "gguf"):
        with pytest.raises(NotSupported, match="null: nothing would be left: the adapter changes no weight"):
            outcrop.models.export("null", tmp_path / "out", form=form)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number_type", "share"), [("f16", 0.01), ("q8_0", 0.1)])
def test_pain_8_an_adapter_becomes_a_gguf_file(
    outcrop: Outcrop, custom: Model, tmp_path: Path, number_type: str, share: float
) -> None:
    heard: list[str] = []
    found = outcrop.models.export("custom", tmp_path / "out", form="gguf", number_type=number_type, say=heard.append)
    file = tmp_path / "out" / f"custom-{number_type}.gguf"
    assert found.weights == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.bytes == file.stat().st_size
    assert set(files(tmp_path / "out")) == TRAVELS | {file.name, "LICENSE"}
    assert found.kept is not None
    assert found.agreement is not None
    assert found.kept.share == pytest.approx(1, abs=share)
    assert len(found.kept.tensors) == 14
    assert found.agreement.same_token > 0.9
    assert heard == [
        "measuring what rounding leaves of the update",
        f"writing {file.name}",
        "comparing it with what it was made from",
    ]
    assert GGUFReader(str(file)).fields["general.name"].contents() == "custom"
    outcrop.models.export("custom", tmp_path / "whole", form="safetensors")
    whole = outcrop.models.add(str(tmp_path / "whole"), "whole")
    back = outcrop.models.add(str(file))
    assert (back.name, back.source) == (f"custom-{number_type}", f"the file {file}")
    here, there = (ChatTokenizer.load(outcrop.services.store.get_folder(model.uri)) for model in (whole, back))
    assert [there.encode_text(text) for text in GOLDEN] == [here.encode_text(text) for text in GOLDEN]
    assert back.identity.template == whole.identity.template
    one, two = (load_network(outcrop.services.store.get_folder(model.uri)).model for model in (whole, back))
    assert (logits(one) - logits(two)).norm() / logits(one).norm() < share


def test_a_base_in_4_bits_erases_an_adapter_and_is_refused(outcrop: Outcrop, tmp_path: Path) -> None:
    """Finding 3: a base that lies on the points of a type's grid takes small updates back when it is rounded again."""
    folder = llama(tmp_path / "four")
    grid, tensors = GgufExport(folder, "q4_1"), load_file(folder / "model.safetensors")
    on_grid = {name: grid.rounded(name, tensor).contiguous() for name, tensor in tensors.items()}
    save_file(on_grid, folder / "model.safetensors", metadata={"format": "pt"})
    four = outcrop.models.add(str(folder))
    made = a_model("small", kind=ModelKind.ADAPTER, base="four", lineage=lineage(four))
    put(outcrop, adapter(folder, tmp_path / "small-folder", 1e-3), made)
    with pytest.raises(NotSupported, match=r"small: nothing would be left: rounded to q4_1, \d\.\d% of its update"):
        outcrop.models.export("small", tmp_path / "out", form="gguf", number_type="q4_1")
    assert not (tmp_path / "out").exists()
    kept = outcrop.models.export("small", tmp_path / "out", form="gguf").kept
    assert kept is not None
    assert kept.share > 0.9
    again = outcrop.models.export("four", tmp_path / "again", form="gguf", number_type="q4_1")
    assert again.agreement is not None
    assert again.agreement.largest == 0


def test_whole_weights_are_converted_and_compared_with_their_base(
    outcrop: Outcrop, base: Model, base_folder: Path, tmp_path: Path
) -> None:
    put_full(outcrop, base, base_folder, tmp_path / "full-folder", 1e-2)
    plain = outcrop.models.export("full", tmp_path / "plain")
    assert (plain.number_type, plain.kept) == ("", None)
    assert (tmp_path / "plain" / "LICENSE").read_text() == "Do as you like."
    same = outcrop.models.export("full", tmp_path / "fp32", number_type="fp32")
    assert same.weights == plain.weights == outcrop.models.show("full").identity.weights
    half = outcrop.models.export("full", tmp_path / "bf16", number_type="bf16")
    assert half.kept is not None
    assert half.agreement is not None
    assert half.kept.share == pytest.approx(1, abs=0.1)
    assert json.loads((tmp_path / "bf16" / "config.json").read_text())["dtype"] == "bfloat16"
    tensors = load_file(tmp_path / "bf16" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    outcrop.models.remove("base")
    alone = outcrop.models.export("full", tmp_path / "alone", form="gguf")
    assert (alone.kept, alone.warnings) == (None, ())


def test_a_full_fine_tuning_of_a_16_bit_base_can_be_rounded_away(outcrop: Outcrop, tmp_path: Path) -> None:
    folder = llama(tmp_path / "half")
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: tensor.bfloat16().float() for name, tensor in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    base = outcrop.models.add(str(folder), "base")
    put_full(outcrop, base, outcrop.services.store.get_folder(base.uri), tmp_path / "full-folder", 1e-5)
    with pytest.raises(NotSupported, match="full: nothing would be left: rounded to bf16"):
        outcrop.models.export("full", tmp_path / "out", number_type="bf16")


def test_pain_9_another_base_under_the_same_name_is_refused(outcrop: Outcrop, custom: Model, tmp_path: Path) -> None:
    changed = lineage(outcrop.models.show("base"), base_identity=Identity("0" * 64, "1" * 64, ""))
    outcrop.services.catalog.remove_model("custom")
    outcrop.services.catalog.add_model(replace(custom, lineage=changed))
    for form in (None, "safetensors", "gguf"):
        with pytest.raises(NotSupported, match="custom was trained on another base than the one that is here: it was"):
            outcrop.models.export("custom", tmp_path / "out", form=form)
    assert not (tmp_path / "out").exists()


def test_pain_2_the_ends_of_a_turn_travel(outcrop: Outcrop, tmp_path: Path) -> None:
    folder = llama(tmp_path / "model")
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps({"temperature": 0.2, "eos_token_id": 0}))
    outcrop.models.add(str(folder), "base")
    outcrop.models.export("base", tmp_path / "out", form="gguf")
    found = json.loads((tmp_path / "out" / settings.name).read_text())
    assert found == {"temperature": 0.2, "eos_token_id": [0, 2]}
    settings.write_text(json.dumps({"temperature": 0.2, "eos_token_id": [2]}))
    outcrop.models.add(str(folder), "declared")
    outcrop.models.export("declared", tmp_path / "as-it-is", form="gguf")
    assert (tmp_path / "as-it-is" / settings.name).read_bytes() == settings.read_bytes()


@pytest.mark.parametrize(
    ("form", "number_type", "words"),
    [
        ("onnx", None, "export: as: found 'onnx'; expected one of adapter, safetensors, gguf"),
        ("gguf", "q4_k_m", "export: type: found 'q4_k_m'; expected one of q8_0, f16, q4_1"),
        ("safetensors", "f16", "export: type: found 'f16'; expected one of fp32, bf16"),
        (None, "bf16", "export: type: found 'bf16'; expected nothing: an adapter keeps its own numbers"),
    ],
)
@pytest.mark.usefixtures("custom")
def test_forms_and_types_that_are_none(
    outcrop: Outcrop, tmp_path: Path, form: str | None, number_type: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        outcrop.models.export("custom", tmp_path / "out", form=form, number_type=number_type)
    assert str(caught.value) == words
    with pytest.raises(NotFound, match="'nothing'"):
        outcrop.models.export("nothing", tmp_path / "out")


def test_what_is_no_language_model_is_only_copied(outcrop: Outcrop, tiny_encoder_folder: Path, tmp_path: Path) -> None:
    outcrop.models.add(str(tiny_encoder_folder), "encoder")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "scripted.json").write_text(json.dumps({"responses": {}}))
    outcrop.models.add_scripted("parrot", tmp_path / "script")
    for name in ("encoder", "parrot"):
        found: Export = outcrop.models.export(name, tmp_path / name)
        assert found.weights == outcrop.models.show(name).identity.weights
        assert "README.md" in files(tmp_path / name)
        for form, number_type in (("gguf", None), ("safetensors", "bf16")):
            with pytest.raises(NotSupported, match="can only be exported as it is stored"):
                outcrop.models.export(name, tmp_path / "out", form=form, number_type=number_type)


def test_an_export_that_breaks_off_leaves_nothing(outcrop: Outcrop, custom: Model, tmp_path: Path) -> None:
    def stop(text: str) -> None:
        if text.startswith("comparing"):
            raise KeyboardInterrupt

    (tmp_path / "there").mkdir()
    for target in (tmp_path / "there", tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            outcrop.models.export("custom", target, form="safetensors", say=stop)
    assert list((tmp_path / "there").iterdir()) == []
    assert not (tmp_path / "new").exists()


def test_a_model_too_large_to_compare_says_so(
    outcrop: Outcrop, custom: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Little:
        available = 1000

    monkeypatch.setattr("outcrop.models.export.psutil.virtual_memory", Little)
    with pytest.raises(NotSupported, match=r"custom: to compare merged weights with the adapter takes 563\.\d kB of"):
        outcrop.models.export("custom", tmp_path / "out", form="gguf")
    found = outcrop.models.export("base", tmp_path / "out", form="gguf")
    assert found.agreement is None
    assert found.warnings[0].startswith("it was not compared with the original, which takes ")
    assert found.warnings[0] in (tmp_path / "out" / "README.md").read_text().replace("\\", "")
