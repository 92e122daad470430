"""Times transformers' continuous batching against the engine's own, with 1, 8 and 32 requests in flight.

    PYTHONPATH=src python bench/continuous_batching.py run --model FOLDER [--sides NAME,…] [--rounds 3]
    PYTHONPATH=src python bench/continuous_batching.py side SIDE TASK

``FOLDER`` is what ``outcrop models export smollm2-135m-instruct-q4_1 FOLDER`` writes. Each round runs every side in a
process of its own, in an order that turns from round to round; ``side`` is such a process, and ``TASK`` a JSON file
that ``run`` writes. Results go to ``results/continuous_batching.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from evaluation import long_text, records
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Message, Role
from outcrop.engines.transformers import LoadedBase
from outcrop.models.chat import ChatTokenizer
from outcrop.versions import machine, versions

RESULTS = Path(__file__).parent / "results" / "continuous_batching.json"
IN_FLIGHT = (1, 8, 32)
#: Tokens of the text that a prompt asks about, and the most of a response.
DESCRIBED, NEW_TOKENS = 64, 64

Task = dict[str, Any]
Answers = list[list[int]]
Answer = Callable[[list[str]], Answers]


def outcrop(task: Task) -> Answer:
    """The engine's continuous batching: all requests added at once."""
    engine = LoadedBase(Path(task["model"])).engine()
    running, parameters = engine.continuous(), GenerationParameters(max_tokens=NEW_TOKENS)

    def answer(prompts: list[str]) -> Answers:
        rows = [engine.row(prompt, parameters) for prompt in _asked(prompts)]
        for row in rows:
            running.add(row)
        while running.rows:
            running.step()
        return [list(row.tokens) for row in rows]

    return answer


def outcrop_batch(task: Task) -> Answer:
    """The engine as evaluations use it: all prompts as one batch that is planned."""
    engine = LoadedBase(Path(task["model"])).engine()
    parameters = GenerationParameters(max_tokens=NEW_TOKENS)
    return lambda prompts: [list(one.tokens) for one in engine.generate(_asked(prompts), parameters)]


def _asked(prompts: list[str]) -> list[Prompt]:
    return [Prompt(number, (Message(Role.USER, text),)) for number, text in enumerate(prompts)]


def generate(task: Task) -> Answer:
    """``model.generate`` on all prompts as one batch, padded on the left."""
    tokenizer, model = _loaded(task, "sdpa")
    settings = _settings(model)

    def answer(prompts: list[str]) -> Answers:
        rows = [tokenizer.encode_prompt((Message(Role.USER, text),)) for text in prompts]
        width = max(map(len, rows))
        padded = torch.tensor([[settings.pad_token_id] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        found = model.generate(padded, attention_mask=mask, generation_config=settings)[:, width:].tolist()
        return [_to_end(row, settings.eos_token_id) for row in found]

    return answer


def batching(attention: str, **sizes: int) -> Callable[[Task], Answer]:
    """Continuous batching of transformers: all requests added at once to a manager that runs."""

    def load(task: Task) -> Answer:
        from transformers import ContinuousBatchingConfig

        tokenizer, model = _loaded(task, attention)
        settings = _settings(model)
        manager = model.init_continuous_batching(settings, ContinuousBatchingConfig(**sizes))
        manager.start()

        def answer(prompts: list[str]) -> Answers:
            rows = [tokenizer.encode_prompt((Message(Role.USER, text),)) for text in prompts]
            names = [manager.add_request(row, max_new_tokens=NEW_TOKENS) for row in rows]
            found: dict[str, list[int]] = {}
            while len(found) < len(names):
                result = manager.get_result()
                if result is None or result.error:
                    raise SystemExit(f"continuous batching failed: {result}")
                found[result.request_id] = result.generated_tokens
            return [found[name] for name in names]

        return answer

    return load


#: 64 blocks of 256 tokens and 4,096 tokens a step are twice and more of what 32 requests need.
SIDES = {
    "outcrop": outcrop,
    "outcrop-batch": outcrop_batch,
    "generate": generate,
    "batching": batching("sdpa", num_blocks=64, max_batch_tokens=4096),
    "batching-eager": batching("paged|eager", num_blocks=64, max_batch_tokens=4096),
    "batching-unsized": batching("sdpa"),
}


def _loaded(task: Task, attention: str) -> tuple[ChatTokenizer, Any]:
    from transformers import AutoModelForCausalLM

    folder = task["model"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    return ChatTokenizer.load(Path(folder)), model.eval()


def _settings(model: Any) -> Any:
    from transformers import GenerationConfig

    end = model.generation_config.eos_token_id
    return GenerationConfig(do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=end, pad_token_id=end)


def _to_end(row: list[int], end: int) -> list[int]:
    return row[: row.index(end) + 1] if end in row else row


def side(name: str, file: Path) -> None:
    """One side: answer two prompts to warm up, then each number of prompts; the last line printed is JSON."""
    task: Task = json.loads(file.read_text(encoding="utf-8"))
    torch.set_num_threads(task["threads"])
    answer = SIDES[name](task)
    answer(task["prompts"][:2])
    found = {}
    for count in task["in_flight"]:
        began, worked = time.perf_counter(), time.process_time()
        answers = answer(task["prompts"][:count])
        found[str(count)] = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - worked,
            "tokens": sum(map(len, answers)),
            "peak": _peak(),
            "answers": answers,
        }
    print("\n" + json.dumps(found), flush=True)
    # The manager's thread would go on waiting for requests.
    os._exit(0)


def _peak() -> float:
    """The most MiB that this process has held."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def thirty_two(tokenizer: ChatTokenizer) -> list[str]:
    """Prompts that differ, of about 100 tokens each when the chat template has written them out."""
    found = records("train.jsonl")
    return [f"Explain what this is for.\n\n{long_text(tokenizer, found, number, DESCRIBED)}" for number in range(32)]


def run(options: argparse.Namespace) -> None:
    """All rounds, printed and kept."""
    tokenizer = ChatTokenizer.load(options.model)
    prompts = thirty_two(tokenizer)
    in_flight = [int(count) for count in options.in_flight.split(",")]
    task = {"model": str(options.model), "threads": options.threads, "prompts": prompts, "in_flight": in_flight}
    lengths = [len(tokenizer.encode_prompt((Message(Role.USER, text),))) for text in prompts]
    names = options.sides.split(",")
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(options.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            rounds[name].append({"load": os.getloadavg()[0], **_run(name, task)})
            print(f"{name}, round {number + 1}: {_line(rounds[name][-1], in_flight)}", flush=True)
    keep(rounds, {"threads": options.threads, "prompt_tokens": [min(lengths), max(lengths)]}, in_flight)


def _run(name: str, task: Task) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(task["threads"]), "HF_HUB_OFFLINE": "1"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(task))
        file.flush()
        command = [sys.executable, __file__, "side", name, file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(found: dict[str, Any], in_flight: list[int]) -> str:
    parts = [(count, found[str(count)]) for count in in_flight]
    return "; ".join(
        f"{count} in flight {one['tokens'] / one['seconds']:.1f} tokens/s, peak {one['peak']:,.0f} MiB"
        for count, one in parts
    )


def keep(rounds: dict[str, list[dict[str, Any]]], told: dict[str, Any], in_flight: list[int]) -> None:
    """Write the rounds, and for each side the share of answers that are, token by token, those of the first side."""
    kept: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        **told,
        "sides": {},
    }
    first = next(iter(rounds.values()))[0]
    for name, runs in rounds.items():
        sides = {}
        for count in map(str, in_flight):
            same = [a == b for a, b in zip(first[count]["answers"], runs[0][count]["answers"], strict=True)]
            sides[count] = {
                "tokens_per_second": [round(one[count]["tokens"] / one[count]["seconds"], 1) for one in runs],
                "median": round(median(one[count]["tokens"] / one[count]["seconds"] for one in runs), 1),
                "tokens_per_cpu_second": [round(one[count]["tokens"] / one[count]["cpu_seconds"], 1) for one in runs],
                "tokens": runs[0][count]["tokens"],
                "peak_mib": round(max(one[count]["peak"] for one in runs)),
                "equal_answers": sum(same) / len(same),
            }
        kept["sides"][name] = {"load_before": [round(one["load"], 2) for one in runs], "in_flight": sides}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure all sides, or be one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    all_sides = commands.add_parser("run")
    all_sides.add_argument("--model", type=Path, required=True)
    all_sides.add_argument("--sides", default="outcrop,outcrop-batch,generate,batching", help=f"of {', '.join(SIDES)}")
    all_sides.add_argument("--in-flight", default=",".join(map(str, IN_FLIGHT)))
    all_sides.add_argument("--rounds", type=int, default=3)
    all_sides.add_argument("--threads", type=int, default=2)
    all_sides.set_defaults(call=run)
    one = commands.add_parser("side")
    one.add_argument("name")
    one.add_argument("task", type=Path)
    one.set_defaults(call=lambda options: side(options.name, options.task))
    options = parser.parse_args()
    options.call(options)


if __name__ == "__main__":
    main()
