from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from outcrop.domain.errors import NotSupported
from outcrop.engines.row_adapters import plain_layers, row_adapters

NAMES = ["a", None, "b", "a"]


class Layers(nn.Module):
    """Two layers; what the second reads may have other rows than what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 3)
        self.rows_apart = True

    def forward(self, given: Tensor) -> Tensor:
        states = torch.tanh(self.first(given))
        found: Tensor = self.second(states if self.rows_apart else states.flatten(0, 1))
        return found


def adapted(*, rslora: bool = False) -> Any:
    """A network with two adapters of unlike rank and layers."""
    torch.manual_seed(0)
    options = {"init_lora_weights": False, "use_rslora": rslora}
    model = get_peft_model(Layers(), LoraConfig(r=2, lora_alpha=6, target_modules=["first"], **options), "a")
    model.add_adapter("b", LoraConfig(r=3, lora_alpha=5, target_modules=["first", "second"], **options))
    return model.eval()


@pytest.mark.parametrize("rslora", [False, True])
def test_each_row_is_as_peft_computes_it_alone(*, rslora: bool) -> None:
    model, given = adapted(rslora=rslora), torch.randn(4, 2, 6)
    layers = plain_layers(model)
    assert layers is not None
    alone = []
    with torch.no_grad():
        for row, name in zip(given, NAMES, strict=True):
            if name is None:
                with model.disable_adapter():
                    alone.append(model(row[None])[0])
            else:
                model.set_adapter(name)
                alone.append(model(row[None])[0])
        with model.disable_adapter():
            before = model(given)
            with row_adapters(layers, NAMES, torch.device("cpu")):
                found = model(given)
            assert torch.equal(model(given), before), "afterwards the base is as it was"
    assert torch.allclose(found, torch.stack(alone), rtol=0, atol=1e-6)
    assert not torch.allclose(found[0], before[0])


def test_a_network_that_mixes_rows_is_refused() -> None:
    model = adapted()
    layers = plain_layers(model)
    assert layers is not None
    model.base_model.model.rows_apart = False
    with (
        model.disable_adapter(),
        row_adapters(layers, NAMES, torch.device("cpu")),
        pytest.raises(NotSupported, match="does not keep rows apart"),
    ):
        model(torch.randn(4, 2, 6))


def test_other_layers_than_linear_ones_are_left_to_peft() -> None:
    model = get_peft_model(nn.Sequential(nn.Embedding(9, 4)), LoraConfig(target_modules=["0"]))
    assert plain_layers(model) is None
