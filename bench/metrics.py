"""Times metrics of texts against rouge-score and sacrebleu, on WMT17's translations.

    python bench/metrics.py [REPETITIONS]     needs rouge-score, sacrebleu and Outcrop in one environment

Each measurement is a process of its own, so that no cache is warm; ours and the peer's take turns. Seconds are of CPU,
in one thread, without imports and without reading the texts. What is timed is all work from texts to the score.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from bench.wmt17 import cache_folder, load  # noqa: E402

#: Pairs of each measurement.
TASKS = {"rouge1, rouge2, rougeL": 10_000, "rougeLsum": 10_000, "bleu": 3004, "chrf": 3004, "chrf++": 3004, "ter": 300}


def texts(n: int) -> tuple[list[str], list[str]]:
    """Translations of one system after the other, and their references."""
    data = load(cache_folder())
    responses = [text for translations in data.systems.values() for text in translations]
    references = data.references * len(data.systems)
    return responses[:n], references[:n]


def ours(task: str, responses: list[str], references: list[str]) -> Callable[[], list[float]]:
    """Outcrop's work of a task."""
    from outcrop.metrics import named
    from outcrop.metrics.protocol import Pair

    metrics = [named(name) for name in task.split(", ")]
    pairs = [Pair(response, (reference,)) for response, reference in zip(responses, references, strict=True)]
    return lambda: [metric.score(metric.prepare(pairs)) for metric in metrics]


def peer(task: str, responses: list[str], references: list[str]) -> Callable[[], list[float]]:
    """The same work by the peer."""
    if task.startswith("rouge"):
        names = task.split(", ")
        scorer = import_module("rouge_score.rouge_scorer").RougeScorer(names, use_stemmer=True)

        def rouge() -> list[float]:
            scored = [
                scorer.score(reference, response) for response, reference in zip(responses, references, strict=True)
            ]
            return [sum(one[name].fmeasure for one in scored) / len(scored) for name in names]

        return rouge
    metrics = import_module("sacrebleu.metrics")
    made = {
        "bleu": metrics.BLEU,
        "chrf": metrics.CHRF,
        "chrf++": lambda: metrics.CHRF(word_order=2),
        "ter": metrics.TER,
    }
    metric = made[task]()
    return lambda: [metric.corpus_score(responses, [references]).score]


def measure(side: str, task: str) -> None:
    """Do the work once and print seconds and scores."""
    work = {"ours": ours, "peer": peer}[side](task, *texts(TASKS[task]))
    start = time.process_time()
    scores = work()
    print(json.dumps({"seconds": time.process_time() - start, "scores": scores}))


def measured(side: str, task: str) -> tuple[float, list[float]]:
    """The same in a new process."""
    done = subprocess.run([sys.executable, __file__, side, task], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["scores"]


def main(repetitions: int) -> None:
    """Print a table of medians, and of the ratios of the pairs of measurements."""
    print("| task | pairs | Outcrop, s | peer, s | times as fast: median | lowest | highest | scores differ by |")
    print("|---|---|---|---|---|---|---|---|")
    for task, n in TASKS.items():
        both = [(measured("ours", task), measured("peer", task)) for _ in range(repetitions)]
        mine, theirs = (median(one[side][0] for one in both) for side in (0, 1))
        ratios = [one[1][0] / one[0][0] for one in both]
        off = max(abs(a - b) for (_, scores), (_, others) in both for a, b in zip(scores, others, strict=True))
        times = f"{mine:.2f} | {theirs:.2f} | {median(ratios):.1f} | {min(ratios):.1f} | {max(ratios):.1f}"
        print(f"| {task} | {n:,} | {times} | {off:.1e} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
