from __future__ import annotations

from pathlib import Path

import pytest
import torch

from outcrop.domain.errors import NotSupported
from outcrop.domain.exports import Agreement
from outcrop.models.agreement import beside, compare, probe, require_agreement
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import load_network
from tests.models.exports import adapter


def test_by_hand() -> None:
    want = [torch.tensor([[1.0, 2.0], [4.0, -8.0]]), torch.tensor([[0.0, 1.0]])]
    got = [torch.tensor([[1.0, 2.5], [4.0, -8.0]]), torch.tensor([[2.0, 1.0]])]
    assert compare(want, got) == Agreement(places=3, same_token=2 / 3, largest=2.0, relative=0.25)


def test_the_same_model_agrees_with_itself(tiny_folder: Path) -> None:
    tokenizer = ChatTokenizer.load(tiny_folder)
    one, two = (probe(load_network(tiny_folder), tokenizer) for _ in range(2))
    found = compare(one, two)
    assert (found.same_token, found.largest) == (1, 0)
    assert found.places > 200
    require_agreement(found, "mine", "fp32")


def test_an_adapter_beside_its_base_is_another_model(tiny_folder: Path, tmp_path: Path) -> None:
    tokenizer = ChatTokenizer.load(tiny_folder)
    alone = probe(load_network(tiny_folder), tokenizer)
    adapted = probe(beside(load_network(tiny_folder), adapter(tiny_folder, tmp_path / "adapter", 0.2)), tokenizer)
    found = compare(alone, adapted)
    for number_type in ("fp32", "bf16", "f16", "q8_0"):
        with pytest.raises(NotSupported, match="mine: the exported model is not the one it was made from"):
            require_agreement(found, "mine", number_type)


@pytest.mark.parametrize("number_type", ["fp32", "bf16", "f16", "q8_0", "q4_1"])
def test_no_number_is_no_agreement(number_type: str) -> None:
    broken = compare([torch.ones(2, 3)], [torch.full((2, 3), float("nan"))])
    with pytest.raises(NotSupported, match="nothing was written"):
        require_agreement(broken, "mine", number_type)
