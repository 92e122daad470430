"""Times scoring and generation against lm-eval, each in its own environment, and eight adapters against one by one.

    PYTHONPATH=src python bench/evaluation.py run --peer PYTHON --model FOLDER [--only NAME,…] [--pairs 5]
    PYTHONPATH=src python bench/evaluation.py run --model FOLDER --only adapters
    PYTHONPATH=src python bench/evaluation.py page

``PYTHON`` is the interpreter of an environment with lm_eval 0.4.13 and the same torch and transformers, and no Outcrop;
``FOLDER`` is what ``outcrop models export smollm2-135m-instruct-q4_1 FOLDER`` writes. Results go to
``results/evaluation.json``, after each comparison, and from there into ``evaluation.md``. How it is measured is said
there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from outcrop import roof
from outcrop.models.chat import ChatTokenizer
from outcrop.versions import machine

HERE = Path(__file__).parent
RECORDS = HERE.parent / "examples" / "debian-synopsis"
RESULTS = HERE / "results" / "evaluation.json"
PAGE = HERE / "evaluation.md"
BEGIN, END = "<!-- evaluation: written by bench/evaluation.py -->", "<!-- end of evaluation -->"

SEED = 20261121
MAX_TOKENS = 120
ADAPTERS, RANK = 8, 16

#: How far the log-likelihoods of the two sides may lie apart for their times to be compared.
SAME_SCORES = {"float32": 1e-3, "bfloat16": 1.0}
#: The least share of equal texts: near ties fall either way.
SAME_TEXTS = 0.9

Task = dict[str, Any]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--items", type=int, default=24, help="multiple-choice items")
    parser.add_argument("--prompts", type=int, default=192)
    parser.add_argument(
        "--peer-batch", type=int, help="lm-eval's batch size; 8 for scoring and 64 for responses where not given"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.what == "page":
        write_page()
        return
    names = options.only.split(",")
    if options.model is None or (options.peer is None and names != ["adapters"]):
        parser.error("--model is needed, and --peer for all but adapters")
    torch.set_num_threads(options.threads)
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            one, other = PARTS[name](options, Path(scratch))
            keep(name, options, compare(name, one, other, options))


def records(file: str) -> list[tuple[str, str]]:
    """Descriptions of Debian packages, and their synopses."""
    lines = (RECORDS / file).read_text(encoding="utf-8").splitlines()
    answer = "completion" if file == "train.jsonl" else "referenceResponse"
    return [(found["prompt"].partition("\n\n")[2], found[answer]) for found in map(json.loads, lines)]


def task(options: argparse.Namespace, peer_batch: int, **more: Any) -> Task:
    """What both sides of a comparison share."""
    return {
        "side": "outcrop",
        "model": str(options.model),
        "device": options.device,
        "dtype": "float32" if options.device == "cpu" else "bfloat16",
        "threads": options.threads,
        "peer_batch": options.peer_batch or peer_batch,
        **more,
    }


def choices(options: argparse.Namespace, tokens: int, *, letters: bool = False) -> tuple[Task, Task]:
    """Items of four choices after a context of about so many tokens: synopses, or letters of one token each."""
    tokenizer, found, lot = ChatTokenizer.load(options.model), records("test.jsonl"), random.Random(SEED)
    requests = []
    for number in range(options.items * (2 if letters else 1)):
        context = f"{long_text(tokenizer, found, number % len(found), tokens)}\n\nSynopsis:"
        others = lot.sample([synopsis for _, synopsis in found if synopsis != found[number % len(found)][1]], 3)
        own = "ABCD" if letters else [found[number % len(found)][1], *others]
        requests += [(context, f" {choice}") for choice in own]
    one = task(options, 8, kind="scoring", requests=requests, warmup={"requests": requests[:4]})
    return one, one | {"side": "lm-eval"}


def long_text(tokenizer: ChatTokenizer, found: list[tuple[str, str]], first: int, tokens: int) -> str:
    """Descriptions from one on, cut at a space so that they have about so many tokens."""
    text, place = found[first][0], first
    while len(tokenizer.encode_text(text)) < tokens:
        place = (place + 1) % len(found)
        text = f"{text}\n\n{found[place][0]}"
    while len(tokenizer.encode_text(text)) > tokens:
        text = text.rpartition(" ")[0]
    return text


def generation(options: argparse.Namespace, *, described: bool) -> tuple[Task, Task]:
    """Prompts that ask for a word, a line, a sentence or an explanation: of a synopsis, or of a whole description."""
    found = records("train.jsonl")
    asks = (
        "Answer with one word: what kind of software is this?",
        "Give a short title of at most six words for this.",
        "Say in one sentence what this is for.",
        "Explain to a newcomer what this is and when it is of use.",
    )
    prompts = [
        f"{asks[number % len(asks)]}\n\n{found[number % len(found)][0 if described else 1]}"
        for number in range(options.prompts)
    ]
    one = task(options, 64, kind="generation", prompts=prompts, max_tokens=MAX_TOKENS)
    one["warmup"] = {"prompts": prompts[:2], "max_tokens": 4}
    return one, one | {"side": "lm-eval"}


def adapters(options: argparse.Namespace, scratch: Path) -> tuple[Task, Task]:
    """The same prompts for eight LoRA adapters with small random weights: all side by side, and one by one."""
    one, _ = generation(options, described=False)
    one |= {"side": "adapters", "together": True, "prompts": one["prompts"][: options.prompts // 12]}
    one["adapters"] = [str(new_adapter(options.model, scratch / str(seed), seed)) for seed in range(ADAPTERS)]
    return one, one | {"together": False}


def new_adapter(model: Path, folder: Path, seed: int) -> Path:
    """A LoRA adapter on all linear layers that changes the base a little."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32)
    adapted = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            if "lora_" in name:
                weights.copy_(torch.randn(weights.shape, generator=generator) * 0.01)
    adapted.save_pretrained(str(folder))
    return folder


PARTS: dict[str, Callable[[argparse.Namespace, Path], tuple[Task, Task]]] = {
    "choices-150": lambda options, _: choices(options, 150),
    "choices-300": lambda options, _: choices(options, 300),
    "single-token": lambda options, _: choices(options, 150, letters=True),
    "generation": lambda options, _: generation(options, described=False),
    "generation-long": lambda options, _: generation(options, described=True),
    "adapters": adapters,
}

#: What each part is called, and its goal: times as fast, at the median; of single tokens, the lower bound.
TITLES = {
    "choices-150": ("four choices after about 150 tokens", 2.5),
    "choices-300": ("four choices after about 300 tokens", 3.0),
    "single-token": ("four letters after about 150 tokens", 0.95),
    "generation": ("responses to short prompts", 2.0),
    "generation-long": ("responses to descriptions", None),
    "adapters": ("eight adapters, against one by one", 1.3),
}


def compare(name: str, one: Task, other: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Several pairs of runs, the order of the two changing from pair to pair."""
    ones: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for number in range(options.pairs):
        sides = [(one, ones), (other, others)]
        for each, kept in sides if number % 2 == 0 else reversed(sides):
            kept.append(_run(each, options.peer))
        same = _sameness(one, ones[-1], others[-1])
        seconds = [kept[-1]["seconds"] for kept in (ones, others)]
        cpu = [kept[-1]["cpu_seconds"] for kept in (ones, others)]
        times = f"{seconds[0]:.2f} s against {seconds[1]:.2f} s ({cpu[0]:.2f} against {cpu[1]:.2f} of the processor)"
        print(f"{name}, pair {number + 1}: {times}; {same}", flush=True)
    return {"name": name, "sameness": same, "work": _work(one, ones[-1]), "one": _kept(ones), "other": _kept(others)}


def _run(each: Task, peer: Path | None) -> dict[str, Any]:
    """One side in a new process, between two measurements of the best matrix product."""
    python = str(peer) if each["side"] == "lm-eval" else sys.executable
    environment = {**os.environ, "OMP_NUM_THREADS": str(each["threads"]), "HF_HUB_OFFLINE": "1"}
    if each["side"] == "lm-eval":
        environment.pop("PYTHONPATH", None)
    before = roof.measure("cpu").flops if each["device"] == "cpu" else 0.0
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "task.json"
        file.write_text(json.dumps(each), encoding="utf-8")
        command = [python, str(HERE / "evaluation_side.py"), str(file)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        raise SystemExit(f"{each['side']} failed:\n{run.stderr}")
    after = roof.measure("cpu").flops if each["device"] == "cpu" else 0.0
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result | {"roofs": [before, after]}


def _sameness(one: Task, first: dict[str, Any], second: dict[str, Any]) -> dict[str, float]:
    """How far the results of two sides lie apart; they must not, or the times say nothing."""
    if one["kind"] == "scoring":
        furthest = max(abs(a - b) for a, b in zip(first["logprobs"], second["logprobs"], strict=True))
        if furthest > SAME_SCORES[one["dtype"]]:
            raise SystemExit(f"log-likelihoods differ by {furthest}: the two sides did not score the same thing")
        return {"furthest": furthest}
    same = [a.strip() == b.strip() for a, b in zip(first["texts"], second["texts"], strict=True)]
    share = sum(same) / len(same)
    if share < SAME_TEXTS and one["dtype"] == "float32":
        raise SystemExit(f"only {share:.0%} of the texts are equal: the two sides did not generate the same thing")
    return {"equal_texts": share}


def _work(one: Task, found: dict[str, Any]) -> dict[str, Any]:
    """How much there was to do."""
    if one["kind"] == "scoring":
        return {"requests": len(one["requests"]), "figures": found["figures"]}
    tokens = sorted(found["tokens"])
    quarters = [tokens[len(tokens) * place // 4] for place in (1, 2, 3)]
    return {"responses": len(tokens), "tokens": sum(tokens), "lengths": [tokens[0], *quarters, tokens[-1]]}


def _kept(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in run.items() if name not in ("logprobs", "texts", "tokens")} for run in runs]


def keep(name: str, options: argparse.Namespace, comparison: dict[str, Any]) -> None:
    """Write a result beside the others, and the page."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known[name if options.device == "cpu" else f"{name}, {options.device}"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine() if options.device == "cpu" else torch.cuda.get_device_name(),
        "threads": options.threads,
        **comparison,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    write_page()


def write_page() -> None:
    """Put the tables of the results into the page."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    order = [key for name in PARTS for key in results if key.partition(", ")[0] == name]
    head = (
        "| | goal | times as fast: median | lowest | highest | seconds: Outcrop | other | peak, MiB: Outcrop | other |"
        " the same |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    table = "\n".join([head, *(_row(key, results[key]) for key in order)])
    details = "\n".join(f"- {_details(key, results[key])}" for key in order)
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{details}\n\n{END}{after}", encoding="utf-8")


def _row(key: str, found: dict[str, Any]) -> str:
    title, goal = TITLES[found["name"]]
    ratios = [other["seconds"] / one["seconds"] for one, other in zip(found["one"], found["other"], strict=True)]
    both = [[median(run[name] for run in found[side]) for side in ("one", "other")] for name in ("seconds", "peak")]
    same = found["sameness"]
    cells = [
        title + key.removeprefix(found["name"]),
        "" if goal is None else f"{goal:g}",
        *(f"{ratio:.2f}" for ratio in (median(ratios), min(ratios), max(ratios))),
        *(f"{seconds:.1f}" for seconds in both[0]),
        *(f"{peak:,.0f}" for peak in both[1]),
        f"within {same['furthest']:.0e}" if "furthest" in same else f"{same['equal_texts']:.0%} of the texts",
    ]
    return f"| {' | '.join(cells)} |"


def _details(key: str, found: dict[str, Any]) -> str:
    used = {f"{name} {number}" for run in found["one"] + found["other"] for name, number in run["versions"].items()}
    place = f"{found['date']}, {found['machine']}, {found['threads']} threads; {', '.join(sorted(used))}"
    title = TITLES[found["name"]][0] + key.removeprefix(found["name"])
    return f"{title}: {_did(found)} {len(found['one'])} pairs, {place}."


def _did(found: dict[str, Any]) -> str:
    work = found["work"]
    if "requests" in work:
        return f"{work['requests']} requests, trie efficiency {work['figures']['trie_efficiency']:.3f};"
    lengths = " / ".join(str(length) for length in work["lengths"])
    text = f"{work['responses']} responses, {work['tokens']:,} tokens, lengths {lengths} (least, quarters, most);"
    return f"{text} {_memory(found['one'], found['other'])};" if "base" in found["one"][0] else text


def _memory(ones: list[dict[str, Any]], others: list[dict[str, Any]]) -> str:
    """What base and adapters take, and what a batch takes beside them."""
    over = [median(run["peak"] - run["base"] - run["adapters"] for run in runs) for runs in (ones, others)]
    first = ones[0]
    text = f"base {first['base']:,.0f} MiB, adapters {first['adapters']:,.0f} MiB, at the peak {over[0]:,.0f} MiB more"
    text += f" ({over[1]:,.0f} one by one), of which keys and values of {first['rows']} rows {first['cache']:,.0f} MiB"
    return text if all(run["peak_reset"] for run in ones + others) else f"{text}; the peak includes loading"


if __name__ == "__main__":
    main()
