from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.domain.exports import UpdateKept
from outcrop.models.gguf_export import GgufExport
from outcrop.models.reading import StoredWeights
from outcrop.models.update_kept import measure_update, require_update
from outcrop.models.writing import rounded


class Held:
    """Tensors in memory as ``Weights``."""

    def __init__(self, **tensors: list[float]) -> None:
        self._tensors = {name: torch.tensor(values) for name, values in tensors.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in self._tensors.items()}

    def read(self, name: str) -> Tensor:
        return self._tensors[name].clone()


def whole_numbers(name: str, tensor: Tensor) -> Tensor:
    return tensor.round()


def test_by_hand() -> None:
    """d = (0.4, 0.8, 0, 3), d' = (0, 1, 0, 3): ⟨d', d⟩ = 9.8, ⟨d, d⟩ = 9.8, ⟨d', d'⟩ = 10."""
    base, custom = Held(a=[0.0, 0.0], b=[5.0, 1.0], c=[2.0]), Held(a=[0.4, 0.8], b=[5.0, 4.0], c=[2.0])
    kept = measure_update(base, custom, whole_numbers, base.shapes())
    assert kept.share == pytest.approx(1.0)
    assert kept.cosine == pytest.approx((9.8 / 10) ** 0.5)
    a, b = kept.tensors
    assert (a.name, b.name) == ("a", "b")
    assert [a.share, a.cosine] == pytest.approx([1.0, 0.8 / 0.8**0.5])
    assert [b.share, b.cosine] == pytest.approx([1.0, 1.0])


def test_what_is_rounded_away_counts_as_nothing() -> None:
    kept = measure_update(Held(a=[1.0, 2.0]), Held(a=[1.3, 2.2]), whole_numbers, ["a"])
    assert (kept.share, kept.cosine) == (0, 0)
    with pytest.raises(
        NotSupported, match=r"mine: nothing would be left: rounded to bf16, 0\.0% of its update is kept"
    ):
        require_update(kept, "mine", "bf16")


def test_no_update_is_said() -> None:
    with pytest.raises(NotSupported, match="the custom model's weights are those of its base"):
        measure_update(Held(a=[1.0]), Held(a=[1.0]), whole_numbers, ["a"])


@pytest.mark.parametrize(("share", "let_out"), [(0.49, False), (0.5, True), (1.3, True), (float("nan"), False)])
def test_half_of_it_must_be_left(share: float, let_out: bool) -> None:
    if let_out:
        require_update(UpdateKept(0.1, share), "mine", "q8_0")
    else:
        with pytest.raises(NotSupported, match=r"least that is exported: 50%"):
            require_update(UpdateKept(0.1, share), "mine", "q8_0")


def test_a_base_in_16_bits_loses_small_steps_and_one_in_32_does_not() -> None:
    """A bfloat16 has 8 significant bits: from 1 to 1 + 1/128 is one step."""
    generator = torch.Generator().manual_seed(0)
    step = torch.rand(4000, generator=generator) / 1000
    on_grid = torch.ones(4000)
    off_grid = 1 + torch.rand(4000, generator=generator) / 3

    def left(name: str, tensor: Tensor) -> Tensor:
        return rounded(tensor, "bf16")

    for base, low, high in ((on_grid, 0, 0), (off_grid, 0.7, 1.3)):
        kept = measure_update(Held(a=base.tolist()), Held(a=(base + step).tolist()), left, ["a"])
        assert low <= kept.share <= high


class Moved:
    """A base with random updates of rank 8, whose spread is a share of the spread of the weights."""

    def __init__(self, base: StoredWeights, share: float) -> None:
        self._base = base
        self._share = share

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self._base.shapes()

    def read(self, name: str) -> Tensor:
        weight, generator = self._base.read(name), torch.Generator().manual_seed(0)
        rows, columns = weight.shape
        update = torch.randn(rows, 8, generator=generator) @ torch.randn(8, columns, generator=generator)
        return weight + update * (self._share * weight.std() / update.std())


@pytest.mark.real
@pytest.mark.parametrize(
    ("number_type", "update", "share", "cosine"),
    [
        ("q4_1", 0.01, (0.05, 0.08), (0, 0.1)),
        ("q4_1", 0.05, (0.4, 0.6), (0.3, 0.6)),
        ("q8_0", 0.01, (0.98, 1.02), (0.75, 1)),
    ],
)
def test_a_model_from_4_bits_rounded_to_4_bits_again(
    real_model_folder: Path, number_type: str, update: float, share: tuple[float, float], cosine: tuple[float, float]
) -> None:
    """An update of 1 % of the weights' spread: 6 to 7 % of it is left in Q4_1, all in Q8_0; of 5 %: about half."""
    base = StoredWeights(real_model_folder)
    parts = ("3.self_attn.q_proj", "12.mlp.down_proj", "25.mlp.up_proj")
    names = [f"model.layers.{part}.weight" for part in parts]
    kept = measure_update(base, Moved(base, update), GgufExport(real_model_folder, number_type).rounded, names)
    assert share[0] < kept.share < share[1]
    assert cosine[0] < kept.cosine < cosine[1]
