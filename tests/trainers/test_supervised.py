"""Supervised fine-tuning: its loss against a slow clear one, its gradients, and the promises of a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.domain.records import Message, Role
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import Network, load_network
from outcrop.testing.trainers import Keeper, TrainerContract
from outcrop.trainers import cross_entropy
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.loop import Loop, Plan, TrainingDiverged
from outcrop.trainers.protocol import Trainer
from outcrop.trainers.supervised import SupervisedTrainer, collate
from tests.trainers.tokenized import Records, conversations

CPU = torch.device("cpu")
PAIRS = (
    ("Name a rock.", "Gneiss."),
    ("Two and two?", "Four."),
    ("Say hello in German, please, and say it slowly.", "Guten Tag!"),
    ("Why?", "Because the sky is blue, and so is the sea below it."),
    ("Count.", "1 2 3 4"),
    ("What is an outcrop of bedrock?", "Rock at the surface."),
    ("A", "b"),
    ("Colour of snow", "White"),
)


@pytest.fixture
def folder(tiny_folder: Path) -> Path:
    return tiny_folder


@pytest.fixture(params=[None, 3], ids=["one chunk", "chunks of 3"])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(cross_entropy, "_CHUNK", request.param)


def slow_loss(network: Network, rows: Records) -> tuple[torch.Tensor, int]:
    """Each record by itself through the whole model; sum of nats and count of tokens."""
    total, count = torch.zeros(()), 0
    for number in range(len(rows)):
        tokens, carries = rows[number]
        logits = network.model(input_ids=torch.from_numpy(tokens)[None]).logits[0]
        for place in range(1, len(tokens)):
            if carries[place]:
                total = total - logits[place - 1].log_softmax(-1)[tokens[place]]
                count += 1
    return total, count


@pytest.mark.usefixtures("chunk")
def test_the_loss_and_its_gradient_are_the_slow_ones(folder: Path) -> None:
    network, rows = load_network(folder), conversations(folder, PAIRS)
    want, count = slow_loss(network, rows)
    want.backward()  # type: ignore[no-untyped-call]
    wanted = {name: weight.grad.clone() for name, weight in network.model.named_parameters()}
    network.model.zero_grad()
    trainer = SupervisedTrainer(rows, None, epochs=1, batch_size=8, seed=0, device=CPU)
    loss = trainer.loss(network, collate(rows, range(len(rows)), CPU))
    loss.sum.backward()  # type: ignore[no-untyped-call]
    assert loss.weight == count
    assert loss.sum.item() == pytest.approx(want.item(), rel=1e-5)
    for name, weight in network.model.named_parameters():
        assert torch.allclose(weight.grad, wanted[name], rtol=1e-3, atol=1e-4), name


def test_accumulation_is_exact_over_unequal_parts(folder: Path) -> None:
    rows = conversations(folder, PAIRS)
    trainer = SupervisedTrainer(rows, None, epochs=1, batch_size=8, seed=0, device=CPU)
    norms, losses = [], []
    for parts in ([[0, 1, 2, 3, 4, 5, 6, 7]], [[0, 1, 2], [3], [4, 5, 6, 7]], [[number] for number in range(8)]):
        batches = [collate(rows, part, CPU) for part in parts]
        watch = Keeper(folder)
        loop = Loop(load_network(folder), trainer, Plan(1, 1, 1e-3), watch)
        step = loop._take_step(batches)
        norms.append(step.gradient_norm)
        losses.append(step.loss)
    assert norms == pytest.approx([norms[0]] * 3, rel=1e-5)
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)


def test_only_the_completion_and_its_end_carry_loss(folder: Path) -> None:
    tokenizer = ChatTokenizer.load(folder)
    rows = conversations(folder, PAIRS)
    for number, (_, completion) in enumerate(PAIRS):
        tokens, carries = rows[number]
        learnt = [int(token) for token in tokens[carries]]
        assert tokenizer.decode(learnt[:-1]) == completion
        assert learnt[-1] in tokenizer.stop_ids


def test_four_records_are_learnt_by_heart(folder: Path) -> None:
    pairs = PAIRS[:4]
    network, rows = load_network(folder), conversations(folder, pairs)
    trainer = SupervisedTrainer(rows, rows, epochs=150, batch_size=4, seed=0, device=CPU)
    watch = Keeper(folder)
    Loop(network, trainer, Plan(150, 1, 5e-3, warmup_steps=5), watch).run()
    assert watch.points[-1].validation_loss is not None
    assert watch.points[-1].validation_loss < 0.05
    tokenizer = ChatTokenizer.load(folder)
    network.model.eval()
    for prompt, completion in pairs:
        ids = torch.tensor([tokenizer.encode_prompt([Message(Role.USER, prompt)])])
        written = network.model.generate(ids, max_new_tokens=80, do_sample=False, eos_token_id=2, pad_token_id=0)
        assert tokenizer.decode(written[0, ids.shape[1] :].tolist()) == completion


def test_a_loss_that_is_no_number_is_said(folder: Path, tmp_path: Path) -> None:
    network, rows = load_network(folder), conversations(folder, PAIRS)
    with torch.no_grad():
        network.model.get_output_embeddings().weight.mul_(float("nan"))
    trainer = SupervisedTrainer(rows, None, epochs=1, batch_size=8, seed=0, device=CPU)
    with pytest.raises(TrainingDiverged, match="step 1"):
        Loop(network, trainer, Plan(1, 1, 1e-3), Keeper(tmp_path)).run()


class TestLora(TrainerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> tuple[Network, Trainer[Any]]:
        network = load_network(self.folder)
        hyperparameters = choose(Customization.LORA, {"dropout": 0.2, "rank": 4})
        LoraNetwork(network, hyperparameters, "tiny")
        rows = conversations(self.folder, PAIRS)
        return network, SupervisedTrainer(rows, rows, epochs=2, batch_size=3, seed=0, device=CPU)

    def test_the_base_stays(self, tmp_path: Path) -> None:
        network, trainer = self.make()
        Loop(network, trainer, Plan(self.steps, 3, 1e-2), Keeper(tmp_path)).run()
        plain = dict(load_network(self.folder).model.named_parameters())
        frozen = {name.replace(".base_layer", ""): weight for name, weight in network.model.named_parameters()}
        assert all(torch.equal(frozen[name], weight) for name, weight in plain.items())


class TestFull(TrainerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> tuple[Network, Trainer[Any]]:
        rows = conversations(self.folder, PAIRS)
        return load_network(self.folder), SupervisedTrainer(rows, rows, epochs=2, batch_size=3, seed=0, device=CPU)


def test_pain_13_validation_keeps_no_logits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to validate, logits of a chunk of positions exist at once, and none are kept."""
    monkeypatch.setattr(cross_entropy, "_CHUNK", 5)
    seen: list[int] = []
    real = cross_entropy._loss_and_gradient

    def noted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen.append(len(logits))
        return real(logits, targets)

    monkeypatch.setattr(cross_entropy, "_loss_and_gradient", noted)
    rows = conversations(folder, PAIRS)
    trainer = SupervisedTrainer(rows, rows, epochs=1, batch_size=8, seed=0, device=CPU)
    with torch.no_grad():
        assert trainer.validation_loss(load_network(folder)) is not None
    carrying = sum(int(carries[1:].sum()) for _, carries in (rows[place] for place in range(len(rows))))
    assert sum(seen) == carrying
    assert max(seen) == 5
