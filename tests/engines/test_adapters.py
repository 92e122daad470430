from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from outcrop.domain.errors import InvalidInput, NotFound, NotSupported
from outcrop.domain.generation import GenerationParameters, LogLikelihood, Prompt, Response
from outcrop.engines.planning import Limits
from outcrop.engines.transformers import LoadedBase, Together, TransformersEngine
from outcrop.models.chat import ChatTokenizer
from outcrop.testing.engines import as_prompts
from tests.tiny_model import tiny_model

REQUESTS = [("granite is", " hard"), ("slate", " splits along its planes"), ("", "chalk")]


def plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()


def adapter(folder: Path, base: Path, seed: int, targets: list[str] | str, r: int = 4, **options: Any) -> Path:
    """A LoRA adapter with random weights in both of its factors."""
    config = LoraConfig(r=r, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM", lora_dropout=0.3, **options)
    model = get_peft_model(plain(base), config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_" in name:
                weights.copy_(torch.randn(weights.shape, generator=generator) * 0.2)
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> list[Path]:
    place = tmp_path_factory.mktemp("adapters")
    targets: list[list[str] | str] = [["q_proj", "v_proj"], "all-linear"]
    return [adapter(place / str(seed), tiny_folder, seed, which) for seed, which in enumerate(targets)]


def scores(engine: TransformersEngine) -> list[LogLikelihood]:
    return engine.loglikelihood(REQUESTS)


def test_views_are_models_of_their_own(tiny_folder: Path, folders: list[Path]) -> None:
    untouched = scores(LoadedBase(tiny_folder).engine())
    apart = [scores(LoadedBase(tiny_folder).engine(folder)) for folder in folders]
    assert untouched != apart[0] != apart[1]

    shared = LoadedBase(tiny_folder)
    base = shared.engine()
    views = [shared.engine(folder) for folder in folders]
    for _ in range(2):
        assert scores(views[0]) == apart[0]
        assert scores(base) == untouched, "bit for bit"
        assert scores(views[1]) == apart[1]
        assert scores(shared.engine()) == untouched
        assert scores(shared.engine(folders[0])) == apart[0]


def test_a_view_computes_what_peft_computes(tiny_folder: Path, folders: list[Path]) -> None:
    tokenizer, shared = ChatTokenizer.load(tiny_folder), LoadedBase(tiny_folder)
    for folder in folders:
        peer = PeftModel.from_pretrained(plain(tiny_folder), str(folder)).eval()
        for (context, continuation), answer in zip(REQUESTS[:2], scores(shared.engine(folder)), strict=False):
            before, after = tokenizer.encode_text(context), tokenizer.encode_text(continuation)
            with torch.no_grad():
                table = torch.log_softmax(peer(torch.tensor([before + after])).logits[0].double(), dim=-1)
            want = [float(table[len(before) - 1 + place, token]) for place, token in enumerate(after)]
            assert np.allclose(answer.token_logprobs, want, rtol=0, atol=1e-4)


def test_streams_of_two_views_may_alternate(tiny_folder: Path, folders: list[Path]) -> None:
    parameters, prompt = GenerationParameters(max_tokens=30), as_prompts(["granite"])[0]
    shared = LoadedBase(tiny_folder)
    engines = [shared.engine(), *map(shared.engine, folders)]
    alone = [engine.generate([prompt], parameters)[0].text for engine in engines]
    assert len(set(alone)) == 3
    streams, joined = [engine.stream(prompt, parameters) for engine in engines], ["", "", ""]
    for _ in range(31):
        joined = [text + next(stream, "") for text, stream in zip(joined, streams, strict=True)]
    assert joined == alone


def answered(together: Together, prompts: list[Prompt], parameters: GenerationParameters) -> list[list[Response]]:
    return together.apart(together.generate(together.prompts(prompts), parameters))


@pytest.mark.parametrize("rows", [4, 64])
def test_several_adapters_answer_together_as_alone(rows: int, tiny_folder: Path, folders: list[Path]) -> None:
    shared = LoadedBase(tiny_folder, limits=Limits(rows=rows))
    engines = [shared.engine(folders[0]), shared.engine(), shared.engine(folders[1])]
    prompts = as_prompts(["granite", "granite is a rock, and what else?", "slate", "granite"])
    for parameters in (GenerationParameters(max_tokens=20), GenerationParameters(max_tokens=20, temperature=1, seed=3)):
        alone = [engine.generate(prompts, parameters) for engine in engines]
        together = answered(Together(engines), prompts, parameters)
        assert alone[0] != alone[1] != alone[2]
        for own, others in zip(alone, together, strict=True):
            assert [response.tokens for response in own] == [response.tokens for response in others]
            for one, other in zip(own, others, strict=True):
                assert np.allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-4)
    assert scores(engines[1]) == scores(LoadedBase(tiny_folder).engine()), "the base is as it was"
    assert answered(Together([engines[1]]), prompts, parameters) == [engines[1].generate(prompts, parameters)]
    twice = answered(Together([engines[1], shared.engine()]), prompts, parameters)
    assert [response.tokens for response in twice[0]] == [response.tokens for response in twice[1]]


@pytest.mark.parametrize("more", [{"targets": ["q_proj", "lm_head"]}, {"targets": ["q_proj", "embed_tokens"]}])
def test_adapters_of_other_layers_answer_together_as_alone(
    more: dict[str, Any], tiny_folder: Path, folders: list[Path], tmp_path: Path
) -> None:
    shared = LoadedBase(tiny_folder)
    other = adapter(tmp_path / "other", tiny_folder, 5, **more)
    engines = [shared.engine(folders[0]), shared.engine(other), shared.engine()]
    prompts, parameters = as_prompts(["granite", "slate, and what else?"]), GenerationParameters(max_tokens=20)
    alone = [engine.generate(prompts, parameters) for engine in engines]
    together = answered(Together(engines), prompts, parameters)
    assert [[one.tokens for one in own] for own in together] == [[one.tokens for one in own] for own in alone]
    assert alone[1] != alone[2]


def test_engines_of_two_bases_do_not_answer_together(tiny_folder: Path) -> None:
    engines = [LoadedBase(tiny_folder).engine() for _ in range(2)]
    with pytest.raises(NotSupported, match="several bases"):
        Together(engines)


def test_an_adapter_that_shares_no_batch_is_refused(tiny_folder: Path, folders: list[Path], tmp_path: Path) -> None:
    shared = LoadedBase(tiny_folder)
    dora = shared.engine(adapter(tmp_path / "dora", tiny_folder, 3, "all-linear", use_dora=True))
    with pytest.raises(NotSupported, match="can't share a batch"):
        Together([shared.engine(folders[0]), dora])


def test_several_engines_as_one_plan_all_prompts_in_few_batches(tiny_folder: Path, folders: list[Path]) -> None:
    shared = LoadedBase(tiny_folder, limits=Limits(rows=8))
    together = Together([shared.engine(folder) for folder in folders])
    prompts, parameters = as_prompts(["granite", "slate, and more of it", "chalk"], first=5), GenerationParameters()
    asked = together.prompts(prompts)
    assert len({prompt.number for prompt in asked}) == 6
    (batch,) = together.plan(asked, parameters)
    assert sorted(batch) == sorted(prompt.number for prompt in asked)
    assert together.pays(prompts, parameters)
    assert not together.pays(as_prompts(["granite"] * 9), parameters), "one engine alone fills the places"
    with pytest.raises(InvalidInput) as caught:
        together.plan(together.prompts(as_prompts(["ok", "too long " * 200])), parameters)
    assert {fault.where for fault in caught.value.faults} == {"prompt 1"}


def test_a_whole_weights_model_takes_no_adapter(tmp_path: Path) -> None:
    one, other = (LoadedBase(tiny_model(tmp_path / str(seed), seed=seed)).engine() for seed in (7, 8))
    assert scores(one) != scores(other)


def test_a_folder_without_an_adapter_is_not_found(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"adapter_config\.json is missing"):
        LoadedBase(tiny_folder).engine(tmp_path)


def test_an_adapter_of_another_base_is_refused_and_harms_nothing(
    tiny_folder: Path, folders: list[Path], tmp_path: Path
) -> None:
    wide = adapter(tmp_path / "wide", tiny_model(tmp_path / "base", width=32), 3, ["q_proj"])
    shared = LoadedBase(tiny_folder)
    before, first = scores(shared.engine()), scores(LoadedBase(tiny_folder).engine(folders[0]))
    for _ in range(2):
        with pytest.raises(NotSupported, match="does not fit the base"):
            shared.engine(wide)
        assert scores(shared.engine()) == before
        assert scores(shared.engine(folders[0])) == first


def test_missing_tensors_are_named(tiny_folder: Path, folders: list[Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(folders[0], tmp_path / "torn"))
    tensors = load_file(folder / "adapter_model.safetensors")
    lost = sorted(tensors)[0]
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, folder / "adapter_model.safetensors")
    with pytest.raises(NotSupported, match=r"tensors are missing .*lora_A"):
        LoadedBase(tiny_folder).engine(folder)


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
@pytest.mark.parametrize(("key", "value", "said"), [("peft_type", "IA3", "kind IA3"), ("bias", "all", "bias='all'")])
def test_adapters_that_can_not_share_are_refused(
    key: str, value: str, said: str, tiny_folder: Path, folders: list[Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders[0], tmp_path / "other"))
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(NotSupported, match=said):
        LoadedBase(tiny_folder).engine(folder)
