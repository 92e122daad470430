"""Times training against TRL's SFTTrainer, each in its own environment, and against itself.

    PYTHONPATH=src python bench/training.py trl --peer PYTHON --model FOLDER
    PYTHONPATH=src python bench/training.py variants --model FOLDER [--peer PYTHON]
    PYTHONPATH=src python bench/training.py page

``PYTHON`` is the interpreter of an environment with trl 1.16.0, peft and the same torch, and no Outcrop; ``FOLDER`` is
what ``outcrop models export smollm2-135m-instruct-q4_1 FOLDER`` writes. Results go to ``results/training.json``, after
each comparison, and from there into ``training.md``. How it is measured is said there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from outcrop import roof
from outcrop.domain.records import Message, Role, TrainingRecord
from outcrop.models.chat import ChatTokenizer
from outcrop.models.cost import model_size
from outcrop.trainers.batching import epoch_order
from outcrop.versions import machine

HERE = Path(__file__).parent
RECORDS = HERE.parent / "examples" / "debian-synopsis" / "train.jsonl"
RESULTS = HERE / "results" / "training.json"
PAGE = HERE / "training.md"
BEGIN, END = "<!-- training: written by bench/training.py -->", "<!-- end of training -->"

BATCH_SIZE = 8
RANK, ALPHA = 16, 32
RATES = {"lora": 1e-3, "full": 5e-5}

#: The first loss comes before any weight has changed: where it differs, the two did not train on the same thing.
SAME_WORK = {"float32": 1e-4, "bfloat16": 3e-2}

#: Other ways to run, each measured beside the same side as it is.
VARIANTS: dict[str, dict[str, Any]] = {
    "bfloat16": {"dtype": "bfloat16"},
    "padded batches": {"packed": False},
    "LoRA as PEFT computes it": {"fused": False},
    "micro-batches of 512 tokens": {"budget": 512},
    "one thread": {"threads": 1},
    "TRL, padding-free": {"side": "trl", "padding_free": True},
}

Task = dict[str, Any]


def new_task(options: argparse.Namespace, method: str) -> Task:
    """What both sides train on, and how: tokens, order, settings."""
    tokenizer = ChatTokenizer.load(options.model)
    records = []
    steps = options.warmup + options.steps
    lines = RECORDS.read_text(encoding="utf-8").splitlines()
    if steps * BATCH_SIZE > len(lines):
        raise SystemExit(
            f"{steps} steps need {steps * BATCH_SIZE} records; there are {len(lines)}: ask for fewer steps"
        )
    for number, line in enumerate(lines[: steps * BATCH_SIZE]):
        fields = json.loads(line)
        turns = (Message(Role.USER, fields["prompt"]), Message(Role.ASSISTANT, fields["completion"]))
        encoded = tokenizer.encode_training(TrainingRecord(number, turns, False))
        records.append((encoded.carries_loss.index(True), list(encoded.tokens)))
    order = epoch_order(np.array([len(tokens) for _, tokens in records]), BATCH_SIZE, seed=0, epoch=0)
    return {
        "side": "outcrop",
        "method": method,
        "model": str(options.model),
        "device": options.device,
        "dtype": "float32" if options.device == "cpu" else "bfloat16",
        "threads": options.threads,
        "warmup": options.warmup,
        "batch_size": BATCH_SIZE,
        "seed": 0,
        "rank": RANK,
        "alpha": ALPHA,
        "rate": RATES[method],
        "records": records,
        "order": [step.tolist() for step in order],
    }


def measured(task: Task, peer: Path | None) -> dict[str, Any]:
    """One run in a new process, between two measurements of the roof."""
    before = best_product(task["device"])
    found = _run(task, peer)
    after = best_product(task["device"])
    return found | _figures(task, found, max(before, after)) | {"roofs": [before, after]}


def _run(task: Task, peer: Path | None) -> dict[str, Any]:
    python = str(peer) if task["side"] == "trl" else sys.executable
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(task["threads"]),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    if task["side"] == "trl":
        environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "task.json"
        file.write_text(json.dumps(task), encoding="utf-8")
        command = [python, str(HERE / "training_side.py"), str(file)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        raise SystemExit(f"{task['side']} failed:\n{run.stderr}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def best_product(device: str) -> float:
    """The best matrix product now, in floating-point operations per second; bfloat16 on a GPU."""
    if device == "cpu":
        return roof.measure(device).flops
    size, seconds = 8192, []
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(10):
        torch.cuda.synchronize()
        began = time.perf_counter()
        torch.mm(left, right)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def _figures(task: Task, found: dict[str, Any], best: float) -> dict[str, Any]:
    """Tokens per second and the share of the limit: padding counts for neither."""
    timed = [number for step in task["order"][task["warmup"] :] for number in step]
    tokens = sum(len(task["records"][number][1]) for number in timed)
    with_loss = sum(len(task["records"][number][1]) - task["records"][number][0] for number in timed)
    rank = task["rank"] if task["method"] == "lora" else None
    flop = model_size(Path(task["model"])).training_flop(tokens, with_loss, tokens / len(timed), rank)
    seconds = sum(found["seconds"])
    return {"tokens": tokens, "tokens_per_second": tokens / seconds, "share": flop / seconds / best}


def compare(one: Task, other: Task, options: argparse.Namespace, name: str) -> dict[str, Any]:
    """Several pairs of runs, the order of the two changing from pair to pair; ``one`` against ``other``."""
    ones, others = [], []
    for number in range(options.pairs):
        sides = [(one, ones), (other, others)]
        for task, kept in sides if number % 2 == 0 else reversed(sides):
            kept.append(measured(task, options.peer))
        if one["order"] == other["order"]:
            _require_same_work(ones[-1], others[-1], {one["dtype"], other["dtype"]})
        rates = [kept[-1]["tokens_per_second"] for kept in (ones, others)]
        print(f"{one['method']}, {name}, pair {number + 1}: {rates[0]:.1f} against {rates[1]:.1f} tokens/s", flush=True)
    return {"name": name, "method": one["method"], "one": ones, "other": others, "summary": _summary(ones, others)}


def _require_same_work(one: dict[str, Any], other: dict[str, Any], formats: set[str]) -> None:
    first, second = one["losses"][0], other["losses"][0]
    if abs(first - second) > max(SAME_WORK[name] for name in formats) * second:
        raise SystemExit(f"the first losses are {first} and {second}: the two sides did not train on the same thing")


def _summary(ones: list[dict[str, Any]], others: list[dict[str, Any]]) -> dict[str, Any]:
    def both(name: str) -> list[float]:
        return [median(run[name] for run in runs) for runs in (ones, others)]

    def ratio(name: str) -> dict[str, float]:
        ratios = [first[name] / second[name] for first, second in zip(ones, others, strict=True)]
        return {"median": median(ratios), "lowest": min(ratios), "highest": max(ratios)}

    return {
        "tokens_per_second": both("tokens_per_second"),
        "times_as_fast": ratio("tokens_per_second"),
        "peak": both("peak"),
        "times_the_memory": ratio("peak"),
        "above_model": both("above_model"),
        "share": both("share"),
    }


def against_trl(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Outcrop and TRL, method by method: TRL with the batches of Outcrop, and with those it makes by itself."""
    for method in options.methods.split(","):
        task = new_task(options, method)
        for name, order in (("length-sorted batches", task["order"]), ("its own batches", _mixed(task))):
            if name in (options.only or (name,)):
                yield compare(task, task | {"side": "trl", "order": order}, options, name)


def _mixed(task: Task) -> list[list[int]]:
    """Batches as TRL's sampler makes them by default: records of all lengths, in random order."""
    records = np.random.default_rng(task["seed"]).permutation(len(task["records"]))
    return [records[start : start + BATCH_SIZE].tolist() for start in range(0, len(records), BATCH_SIZE)]


def against_itself(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every variant and Outcrop as it is, method by method; TRL's variants beside TRL as it is."""
    for method in options.methods.split(","):
        task = new_task(options, method)
        for name, changes in VARIANTS.items():
            if name not in (options.only or VARIANTS):
                continue
            if changes.get("side") != "trl":
                yield compare(task | changes, task, options, name)
            elif options.peer:
                yield compare(task | changes, task | {"side": "trl"}, options, name)


def keep(what: str, options: argparse.Namespace, comparisons: list[dict[str, Any]]) -> None:
    """Write the results beside those of the other kind, and the page."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known[what if options.device == "cpu" else f"{what}, {options.device}"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine() if options.device == "cpu" else torch.cuda.get_device_name(),
        "threads": options.threads,
        "steps": options.steps,
        "warmup": options.warmup,
        "comparisons": comparisons,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    write_page()


def write_page() -> None:
    """Put the tables of the results into the page."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    tables = "\n\n".join(_section(what, found) for what, found in sorted(results.items()))
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


def _section(what: str, found: dict[str, Any]) -> str:
    comparisons = found["comparisons"]
    pairs = len(comparisons[0]["one"])
    runs = [run for line in comparisons for run in line["one"] + line["other"]]
    used = {f"{name} {number}" for run in runs for name, number in run["versions"].items()}
    place = f"{found['date']}, {found['machine']}, {found['threads']} threads; "
    versions = ", ".join(sorted(used))
    size = f"{pairs} pairs, {found['steps']} steps each after {found['warmup']} to warm up."
    first, second = ("Outcrop", "TRL") if what.startswith("trl") else ("variant", "as it is")
    head = (
        f"| | tokens/s: {first} | {second} | times as fast: median | lowest | highest | peak, MiB: {first} | {second} |"
        f" above the model, MiB: {first} | {second} | share of the limit: {first} | {second} |"
    )
    rows = [_row(line, what) for line in comparisons]
    return "\n".join([f"## {_heading(what)}", "", f"{place}{versions}. {size}", "", head, "|---" * 12 + "|", *rows])


def _heading(what: str) -> str:
    kind, _, device = what.partition(", ")
    name = {"trl": "Outcrop and TRL", "variants": "Outcrop and other ways to run it"}[kind]
    return f"{name}, {device or 'cpu'}"


def _row(line: dict[str, Any], what: str) -> str:
    found = line["summary"]
    speed = found["times_as_fast"]
    cells = [
        f"{line['method']}: {line['name']}",
        *(f"{rate:.1f}" if rate < 1000 else f"{rate:,.0f}" for rate in found["tokens_per_second"]),
        *(f"{speed[name]:.2f}" for name in ("median", "lowest", "highest")),
        *(f"{value:,.0f}" for value in (*found["peak"], *found["above_model"])),
        *(f"{100 * value:.0f} %" for value in found["share"]),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["trl", "variants", "page"])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--methods", default="lora,full")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", action="append", help="a row of the table; may be repeated")
    options = parser.parse_args()
    if options.what == "page":
        write_page()
        return
    if options.model is None or (options.what == "trl" and options.peer is None):
        parser.error("--model is needed, and --peer against TRL")
    if options.warmup < 1:
        parser.error(f"--warmup is {options.warmup}; the clock starts at the end of a step, so at least 1 is needed")
    torch.set_num_threads(options.threads)
    comparisons = []
    for comparison in {"trl": against_trl, "variants": against_itself}[options.what](options):
        comparisons.append(comparison)
        keep(options.what, options, comparisons)


if __name__ == "__main__":
    main()
