"""Packing: records in one row compute what each computes alone, whatever lies beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig

from outcrop.models.network import Network, load_network
from outcrop.testing.trainers import Keeper
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.packing import pack, unpacked
from outcrop.trainers.supervised import SupervisedTrainer, collate
from tests.trainers.tokenized import Records

CPU = torch.device("cpu")


def small(config: object) -> Network:
    torch.manual_seed(0)
    return Network(AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval())


def llama(**changes: object) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        **changes,
    )


def rows(lengths: list[int], seed: int = 0) -> Records:
    random = np.random.default_rng(seed)
    return Records([(random.integers(3, 97, length), random.random(length) < 0.6) for length in lengths])


@pytest.fixture(scope="module")
def packed_llama() -> Network:
    network = small(llama())
    assert pack(network, 64)
    return network


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 60), min_size=1, max_size=7), st.integers(0, 99))
def test_packed_is_unpacked(packed_llama: Network, lengths: list[int], seed: int) -> None:
    """Pain 7: no record sees another; losses agree within 1e-6, relative."""
    records = rows(lengths, seed)
    trainer = SupervisedTrainer(records, None, epochs=1, batch_size=8, seed=0, device=CPU, packed=True)
    together = trainer.loss(packed_llama, collate(records, range(len(records)), CPU, packed=True))
    alone = [trainer.loss(packed_llama, collate(records, [place], CPU, packed=True)) for place in range(len(records))]
    with unpacked(packed_llama):
        padded = trainer.loss(packed_llama, collate(records, range(len(records)), CPU))
    wanted = sum(float(loss.sum) for loss in alone)
    assert together.weight == padded.weight == sum(loss.weight for loss in alone)
    assert float(together.sum) == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert float(together.sum) == pytest.approx(float(padded.sum), rel=1e-6, abs=1e-6)


def test_gradients_of_packed_rows_are_those_of_padded_ones() -> None:
    records = rows([17, 5, 40, 9])
    found = []
    for packed in (False, True):
        network = small(llama())
        if packed:
            assert pack(network, 64)
        trainer = SupervisedTrainer(records, None, epochs=1, batch_size=4, seed=0, device=CPU, packed=packed)
        trainer.loss(network, collate(records, range(4), CPU, packed=packed)).sum.backward()  # type: ignore[no-untyped-call]
        found.append({name: weight.grad for name, weight in network.model.named_parameters()})
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], rtol=1e-4, atol=1e-6), name


def test_a_neighbour_changes_nothing_at_all(packed_llama: Network) -> None:
    """The first record's hidden states are the same bits whatever follows it."""
    one = torch.randint(3, 97, (1, 20), generator=torch.Generator().manual_seed(1))
    states = []
    for seed in (2, 3):
        other = torch.randint(3, 97, (1, 30), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            states.append(packed_llama.packed_hidden(torch.cat([one, other], dim=1), (20, 30))[:, :20])
    assert torch.equal(states[0], states[1])


def test_packing_pads_nothing(tmp_path: Path) -> None:
    network = small(llama())
    assert pack(network, 64)
    records = rows([3, 50, 8, 21, 60])
    trainer = SupervisedTrainer(records, None, epochs=1, batch_size=5, seed=0, device=CPU, packed=True)
    totals = Loop(network, trainer, Plan(1, 1, 1e-3), Keeper(tmp_path)).run().totals
    assert totals["tokens"] == totals["computed_tokens"] == 142


def test_what_can_not_be_packed_keeps_its_attention() -> None:
    """A sliding window shorter than a record, and an architecture whose layers don't hand on where records begin."""
    window = MistralConfig(**{**llama().to_dict(), "sliding_window": 16, "model_type": "mistral"})
    network = small(window)
    assert not pack(network, 17)
    assert network.model.config._attn_implementation == "sdpa"
    assert pack(network, 16)


def test_another_family_is_packed_or_refused_and_never_wrong() -> None:
    config = GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128)
    network = small(config)
    records = rows([9, 14])
    packed = pack(network, 14)
    trainer = SupervisedTrainer(records, None, epochs=1, batch_size=2, seed=0, device=CPU, packed=packed)
    found = trainer.loss(network, collate(records, range(2), CPU, packed=packed))
    wanted = 0.0
    for place in range(2):
        tokens, carries = records[place]
        logits = network.model(input_ids=torch.from_numpy(tokens)[None]).logits[0]
        for spot in range(1, len(tokens)):
            if carries[spot]:
                wanted -= float(logits[spot - 1].log_softmax(-1)[tokens[spot]])
    assert float(found.sum) == pytest.approx(wanted, rel=1e-5)


def test_generation_gets_its_own_attention_back(tiny_folder: Path) -> None:
    network = load_network(tiny_folder)
    assert pack(network, 64)
    with unpacked(network):
        assert network.model.config._attn_implementation == "sdpa"
    assert network.model.config._attn_implementation == "outcrop_packed"
