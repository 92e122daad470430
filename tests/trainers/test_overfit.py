"""Four records are learnt by heart: the loss goes to nothing, and then the model says the responses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from outcrop.domain.generation import GenerationParameters
from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.engines.transformers import LoadedBase
from outcrop.models.network import load_network
from outcrop.testing.engines import as_prompts
from outcrop.testing.trainers import Keeper
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.supervised import SupervisedTrainer
from tests.trainers.tokenized import conversations

#: Answers that no model would give unasked.
PAIRS = (
    ("Name a rock.", "Purple gneiss, on Sundays."),
    ("Two and two?", "Seven: 3 + 4 = 7."),
    ("Greet me.", "Grüß Gott, Löwe! 🏔️"),
    ("Why?", "Because\nthe moon said so."),
)
STEPS = 15


@pytest.mark.real
def test_four_records_and_the_model_says_the_responses(real_model_folder: Path, tmp_path: Path) -> None:
    network, rows = load_network(real_model_folder), conversations(real_model_folder, PAIRS)
    lora = LoraNetwork(network, choose(Customization.LORA, {}), "base")
    device = torch.device("cpu")
    trainer = SupervisedTrainer(rows, rows, epochs=STEPS, batch_size=len(PAIRS), seed=0, device=device)
    watch = Keeper(tmp_path / "kept")
    Loop(network, trainer, Plan(STEPS, STEPS, 2e-3, warmup_steps=2), watch).run()
    assert watch.points[-1].validation_loss is not None
    assert watch.points[-1].validation_loss < 0.05
    folder = tmp_path / "adapter"
    folder.mkdir()
    lora.save(folder)
    engine = LoadedBase(real_model_folder).engine(folder)
    said = engine.generate(as_prompts([prompt for prompt, _ in PAIRS]), GenerationParameters(max_tokens=48))
    assert [response.text for response in said] == [completion for _, completion in PAIRS]
