"""One side of ``training.py``'s comparison, in a process of its own: trains a few steps and prints what they took.

    python bench/training_side.py TASK

``TASK`` is a JSON file that ``training.py`` writes; the side ``trl`` needs TRL and no Outcrop, and reads the tokens
that the other side reads.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "numpy")


class Clock:
    """When each step ended; memory is watched from ``loaded`` on, in MiB."""

    def __init__(self, device: str) -> None:
        self.ends: list[float] = []
        self.losses: list[float] = []
        self._device = device

    def loaded(self) -> None:
        """The model is there and the training begins."""
        self._loading_peak = _memory("VmHWM")
        self._resident = _memory("VmRSS")
        # Sets the process's peak back to what it holds now; refused in some containers, where loading counts too.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def step(self, loss: float) -> None:
        """A step is done."""
        if self._device.startswith("cuda"):
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.losses.append(loss)

    def found(self, warmup: int) -> dict[str, Any]:
        """Seconds of each step after the warm-up, losses of all, memory."""
        training_peak = _memory("VmHWM")
        found = {
            "seconds": [after - before for before, after in pairwise(self.ends[warmup - 1 :])],
            "losses": self.losses,
            "peak": max(self._loading_peak, training_peak),
            "above_model": training_peak - self._resident,
        }
        if self._device.startswith("cuda"):
            found["peak"] = torch.cuda.max_memory_allocated() / 2**20
        return found


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def outcrop(task: dict[str, Any], clock: Clock) -> None:
    """Train with Outcrop's loop."""
    import numpy as np

    from outcrop.domain.hyperparameters import choose
    from outcrop.domain.models import Customization
    from outcrop.models.network import load_network
    from outcrop.trainers import adapters, supervised
    from outcrop.trainers.adapters import LoraNetwork
    from outcrop.trainers.loop import Loop, Plan
    from outcrop.trainers.packing import pack
    from outcrop.trainers.protocol import Step

    class Records:
        lengths = np.array([len(tokens) for _, tokens in task["records"]])

        def __len__(self) -> int:
            return len(task["records"])

        def __getitem__(self, number: int) -> Any:
            prompt, tokens = task["records"][number]
            return np.array(tokens), np.arange(len(tokens)) >= prompt

    class Watch:
        def step(self, step: Step) -> None:
            clock.step(step.loss)

        def validated(self, point: Any) -> None:
            """There is no validation data."""

        def wants_checkpoint(self) -> bool:
            return False

        def checkpoint(self, checkpoint: Any) -> None:
            """None is asked for."""

    if "budget" in task:
        supervised.TOKEN_BUDGET = task["budget"]
    if not task.get("fused", True):
        adapters.fuse = lambda model: 0
    network = load_network(Path(task["model"]), device=task["device"], dtype=getattr(torch, task["dtype"]))
    if task["method"] == "lora":
        LoraNetwork(network, choose(Customization.LORA, {"rank": task["rank"], "alpha": task["alpha"]}), "base")
    device, steps = torch.device(task["device"]), len(task["order"])
    packed = task.get("packed", True) and pack(network, int(Records.lengths.max()))
    trainer = supervised.SupervisedTrainer(
        Records(), None, epochs=1, batch_size=task["batch_size"], seed=task["seed"], device=device, packed=packed
    )
    clock.loaded()
    Loop(network, trainer, Plan(steps, steps, task["rate"]), Watch()).run()


def trl(task: dict[str, Any], clock: Clock) -> None:
    """Train with TRL's SFTTrainer, at its best for the device."""
    from datasets import Dataset
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTTrainer

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
            return SequentialSampler(train_dataset or self.train_dataset)

        def log(self, logs: dict[str, float], *rest: Any, **options: Any) -> None:
            if "grad_norm" in logs:
                clock.step(logs["loss"])

    chosen = [task["records"][number] for step in task["order"] for number in step]
    labels = [[-100] * prompt + tokens[prompt:] for prompt, tokens in chosen]
    attention = "flash_attention_2" if task["device"] != "cpu" and find_spec("flash_attn") else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(
        task["model"], dtype=getattr(torch, task["dtype"]), attn_implementation=attention
    )
    lora = LoraConfig(r=task["rank"], lora_alpha=task["alpha"], target_modules="all-linear")
    with tempfile.TemporaryDirectory() as scratch:
        trainer = InOrder(
            model=model,
            args=_settings(task, scratch, padding_free=task.get("padding_free", attention != "sdpa")),
            train_dataset=Dataset.from_dict({"input_ids": [tokens for _, tokens in chosen], "labels": labels}),
            processing_class=AutoTokenizer.from_pretrained(task["model"]),
            peft_config=lora if task["method"] == "lora" else None,
        )
        clock.loaded()
        trainer.train()


def _settings(task: dict[str, Any], scratch: str, *, padding_free: bool) -> Any:
    from trl import SFTConfig

    return SFTConfig(
        output_dir=scratch,
        per_device_train_batch_size=task["batch_size"],
        max_steps=len(task["order"]),
        learning_rate=task["rate"],
        lr_scheduler_type="linear",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        bf16=task["dtype"] == "bfloat16",
        use_cpu=task["device"] == "cpu",
        activation_checkpointing=False,
        padding_free=padding_free,
        max_length=None,
        dataloader_num_workers=0,
        dataloader_pin_memory=task["device"] != "cpu",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def versions() -> dict[str, str]:
    """Versions of what computes here; what is not installed is left out."""
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main(file: Path) -> None:
    """Do the task; the last line printed is JSON."""
    task = json.loads(file.read_text(encoding="utf-8"))
    torch.set_num_threads(task["threads"])
    clock = Clock(task["device"])
    {"outcrop": outcrop, "trl": trl}[task["side"]](task, clock)
    print(json.dumps(clock.found(task["warmup"]) | {"versions": versions()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
