from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    DynamicCache,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
)

from outcrop.domain.errors import NotSupported
from outcrop.models.network import Network, load_network
from tests.models.conftest import Altered

VOCABULARY = 97
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}


def gemma() -> Any:
    return Gemma2ForCausalLM(Gemma2Config(**SIZES, head_dim=8, query_pre_attn_scalar=8, final_logit_softcapping=3.0))


def cohere() -> Any:
    return CohereForCausalLM(CohereConfig(**SIZES, logit_scale=0.0625))


def granite() -> Any:
    return GraniteForCausalLM(GraniteConfig(**SIZES, logits_scaling=8.0))


def gpt2() -> Any:
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128))


def rows(vocabulary: int = VOCABULARY) -> Tensor:
    return torch.randint(0, vocabulary, (3, 11), generator=torch.Generator().manual_seed(1))


def positions(tokens: Tensor) -> Tensor:
    return torch.arange(tokens.shape[1]).expand(tokens.shape)


def logits(network: Network, tokens: Tensor) -> Tensor:
    """All logits by way of hidden states and head, ``(batch, tokens, vocabulary)``."""
    with torch.no_grad():
        hidden = network.hidden(tokens, None, positions(tokens))
        flat = network.head(hidden.reshape(-1, hidden.shape[-1]))
    return flat.reshape(*tokens.shape, -1)


def full(network: Network, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = network.model(input_ids=tokens, use_cache=False).logits
    return found


def test_head_of_hidden_is_the_logits(tiny_folder: Path) -> None:
    network = load_network(tiny_folder)
    tokens = rows(250)
    assert network.hidden(tokens, None, positions(tokens)).shape == (3, 11, 64)
    torch.testing.assert_close(logits(network, tokens), full(network, tokens), rtol=0, atol=1e-5)


def test_the_head_takes_the_positions_it_is_given(tiny_folder: Path) -> None:
    network, tokens = load_network(tiny_folder), rows(250)
    with torch.no_grad():
        some = network.head(network.hidden(tokens, None, positions(tokens))[:, [2, 7]].reshape(6, -1))
    torch.testing.assert_close(some, full(network, tokens)[:, [2, 7]].reshape(6, -1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("make", "split"), [(gemma, False), (cohere, False), (granite, False), (gpt2, True)])
def test_a_head_that_is_more_than_a_product_is_noticed(make: Callable[[], Any], split: bool) -> None:
    torch.manual_seed(0)
    network = Network(make().eval())
    tokens = rows()
    hidden = network.hidden(tokens, None, positions(tokens))
    assert hidden.shape[-1] == (32 if split else VOCABULARY)
    torch.testing.assert_close(logits(network, tokens), full(network, tokens), rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [gemma, gpt2])
def test_a_cache_continues_where_it_was(make: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    network = Network(make().eval())
    tokens = rows()
    cache = DynamicCache(config=network.model.config)
    with torch.no_grad():
        network.hidden(tokens[:, :7], None, positions(tokens)[:, :7], cache)
        rest = network.hidden(tokens[:, 7:], None, positions(tokens)[:, 7:], cache)
        found = network.head(rest.reshape(12, -1)).reshape(3, 4, -1)
    torch.testing.assert_close(found, full(network, tokens)[:, 7:], rtol=0, atol=1e-4)


def test_padding_changes_nothing(tiny_folder: Path) -> None:
    network, tokens = load_network(tiny_folder), rows(250)
    padded = torch.cat([torch.zeros(3, 5, dtype=torch.long), tokens], dim=1)
    mask = torch.cat([torch.zeros(3, 5, dtype=torch.long), torch.ones_like(tokens)], dim=1)
    places = torch.cat([torch.zeros(3, 5, dtype=torch.long), positions(tokens)], dim=1)
    with torch.no_grad():
        hidden = network.hidden(padded, mask, places)[:, 5:]
        found = network.head(hidden.reshape(33, -1)).reshape(3, 11, -1)
    torch.testing.assert_close(found, full(network, tokens), rtol=0, atol=1e-4)


def test_a_loaded_network_computes_in_the_format_asked_for(tiny_folder: Path) -> None:
    network = load_network(tiny_folder)
    assert {weight.dtype for weight in network.model.parameters()} == {torch.float32}
    assert network.device.type == "cpu"
    assert not network.model.training
    half = load_network(tiny_folder, dtype=torch.bfloat16)
    assert {weight.dtype for weight in half.model.parameters()} == {torch.bfloat16}


def change(folder: Path, alter: Callable[[dict[str, Tensor]], object]) -> Path:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    alter(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def test_a_missing_tensor_is_named_and_not_made_up(altered: Altered) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    folder = change(altered(), lambda tensors: tensors.pop(name))
    with pytest.raises(NotSupported, match=rf"tensors are missing \({name}\); fetch the model again") as caught:
        load_network(folder)
    assert (caught.value.code, caught.value.exit_code) == ("ValidationException", 2)


def test_a_renamed_tensor_is_a_missing_one(altered: Altered) -> None:
    name = "model.layers.0.self_attn.q_proj"
    folder = change(
        altered(), lambda tensors: tensors.update({f"{name}.base_layer.weight": tensors.pop(f"{name}.weight")})
    )
    with pytest.raises(NotSupported, match=rf"tensors are missing \({name}\.weight\)"):
        load_network(folder)


def test_a_head_that_is_the_embedding_is_not_missing(tiny_folder: Path) -> None:
    assert "lm_head.weight" not in load_file(tiny_folder / "model.safetensors")
    load_network(tiny_folder)


def test_a_tensor_of_another_shape(altered: Altered) -> None:
    folder = change(altered(), lambda tensors: tensors.update({"model.norm.weight": torch.ones(3)}))
    with pytest.raises(NotSupported, match=r"of another shape than config\.json says \(model\.norm\.weight\)"):
        load_network(folder)


@pytest.mark.parametrize("damage", ["cut", "garbage", "no file", "other kind", "no such kind"])
def test_what_can_not_be_loaded(altered: Altered, damage: str) -> None:
    kind = {"other kind": "bert", "no such kind": "granular"}.get(damage, "llama")
    folder = altered(config={"model_type": kind, "architectures": ["Any"]})
    path = folder / "model.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "garbage":
        path.write_bytes(b"garbage" * 100)
    elif damage == "no file":
        path.unlink()
    with pytest.raises(NotSupported, match=r"can't be loaded \(.+\)|tensors are missing \(.+\)"):
        load_network(folder)
