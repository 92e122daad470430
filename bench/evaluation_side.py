"""One side of ``evaluation.py``'s comparison, in a process of its own: scores or generates, and prints what it took.

    python bench/evaluation_side.py TASK

``TASK`` is a JSON file that ``evaluation.py`` writes; the side ``lm-eval`` needs lm_eval and no Outcrop.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "transformers", "lm_eval", "peft", "numpy")

Task = dict[str, Any]
Work = Callable[[Task], dict[str, Any]]


def outcrop(task: Task) -> Work:
    """Outcrop's engine, the weights loaded."""
    from outcrop.domain.generation import GenerationParameters, Prompt
    from outcrop.domain.records import Message, Role
    from outcrop.engines.transformers import LoadedBase

    engine = LoadedBase(Path(task["model"]), device=task["device"], dtype=getattr(torch, task["dtype"])).engine()

    def work(task: Task) -> dict[str, Any]:
        if task["kind"] == "scoring":
            answers = engine.loglikelihood([tuple(request) for request in task["requests"]])
            return {"logprobs": [answer.logprob for answer in answers], "figures": engine.figures()}
        prompts = [Prompt(number, (Message(Role.USER, text),)) for number, text in enumerate(task["prompts"])]
        parameters = GenerationParameters(max_tokens=task["max_tokens"])
        texts = [""] * len(prompts)
        tokens = [0] * len(prompts)
        for batch in engine.plan(prompts, parameters):
            for response in engine.generate([prompts[number] for number in batch], parameters):
                texts[response.number] = response.text
                tokens[response.number] = len(response.tokens)
        return {"texts": texts, "tokens": tokens, "figures": engine.figures()}

    return work


def lm_eval(task: Task) -> Work:
    """lm-eval's model on transformers, the weights loaded."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=task["model"], device=task["device"], dtype=task["dtype"], batch_size=task["peer_batch"])

    def work(task: Task) -> dict[str, Any]:
        if task["kind"] == "scoring":
            requests = [Instance("loglikelihood", {}, tuple(request), 0) for request in task["requests"]]
            return {"logprobs": [float(logprob) for logprob, _ in model.loglikelihood(requests, disable_tqdm=True)]}
        settings = {"until": [], "max_gen_toks": task["max_tokens"], "do_sample": False}
        rendered = [model.apply_chat_template([{"role": "user", "content": text}]) for text in task["prompts"]]
        requests = [Instance("generate_until", {}, (prompt, settings), 0) for prompt in rendered]
        return {"texts": model.generate_until(requests, disable_tqdm=True)}

    return work


def together(task: Task) -> Work:
    """Several adapters over one base: the rows of all of them side by side, or one adapter after the other."""
    from outcrop.domain.generation import GenerationParameters, Prompt
    from outcrop.domain.records import Message, Role
    from outcrop.engines.planning import Limits
    from outcrop.engines.transformers import LoadedBase, Together

    base = LoadedBase(Path(task["model"]), device=task["device"], dtype=getattr(torch, task["dtype"]))
    loaded = _memory("VmRSS")
    engines = [base.engine(Path(folder)) for folder in task["adapters"]]
    adapters = _memory("VmRSS") - loaded

    def work(task: Task) -> dict[str, Any]:
        prompts = [Prompt(number, (Message(Role.USER, text),)) for number, text in enumerate(task["prompts"])]
        parameters = GenerationParameters(max_tokens=task["max_tokens"])
        if task["together"]:
            one = Together(engines)
            answers = one.apart(one.generate(one.prompts(prompts), parameters))
        else:
            answers = [engine.generate(prompts, parameters) for engine in engines]
        texts = [response.text for responses in answers for response in responses]
        tokens = [len(response.tokens) for responses in answers for response in responses]
        rows = min(Limits().rows, len(prompts) * (len(engines) if task["together"] else 1))
        longest = max(response.prompt_tokens for response in answers[0]) + task["max_tokens"]
        cache = rows * longest * _cache_of_a_token(task) / 2**20
        return {"texts": texts, "tokens": tokens, "base": loaded, "adapters": adapters, "rows": rows, "cache": cache}

    return work


def _cache_of_a_token(task: Task) -> int:
    """Bytes of a token's keys and values in all layers."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(task["model"])
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(
        config.num_hidden_layers * 2 * config.num_key_value_heads * size * getattr(torch, task["dtype"]).itemsize
    )


def _memory(name: str) -> float:
    """MiB that the process holds (``VmRSS``), or has held (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def versions() -> dict[str, str]:
    """Versions of what computes here; what is not installed is left out."""
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main(file: Path) -> None:
    """Do the task once in small and once in full; the last line printed is JSON."""
    task = json.loads(file.read_text(encoding="utf-8"))
    torch.set_num_threads(task["threads"])
    work = {"outcrop": outcrop, "lm-eval": lm_eval, "adapters": together}[task["side"]](task)
    work(task | task["warmup"])
    peak_reset = False
    with suppress(OSError):
        # Sets the process's peak back to what it holds now; refused in some containers, where loading counts too.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        peak_reset = True
    resident = _memory("VmRSS")
    began, worked = time.perf_counter(), time.process_time()
    found = work(task)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    memory = {"resident": resident, "peak": _memory("VmHWM"), "peak_reset": peak_reset}
    print(json.dumps(found | memory | {"seconds": seconds, "cpu_seconds": cpu, "versions": versions()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
