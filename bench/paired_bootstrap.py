"""Sixteen systems of WMT17 against the first, paired bootstrap of BLEU: ours beside sacrebleu's.

Both start from the systems' counts, so that tokenising is no part of it; sacrebleu computes its statistics for each
system inside the test, so that time is measured and taken off. One thread; processor time, the least of several runs.

Needs sacrebleu, and the file ``test/wmt17_en_de_systems.pkl.bz2`` of its source package:

    OMP_NUM_THREADS=1 PYTHONPATH=src python bench/paired_bootstrap.py FILE
"""

from __future__ import annotations

import bz2
import io
import json
import pickle
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU
from sacrebleu.significance import Result, _paired_bs_test

from outcrop.metrics.statistics.bootstrap import bootstrap_differences
from outcrop.metrics.statistics.pairing import Pairing
from outcrop.metrics.statistics.randomisation import randomised_p_values
from outcrop.metrics.sums import SumMetric

RESULTS = Path(__file__).parent / "results" / "paired_bootstrap.json"
RESAMPLES = 10_000
REPEATS = 3


class _Plain(pickle.Unpickler):
    """Reads lists and strings, and refuses whatever would run code."""

    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not plain data")


def _bleu(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    brevity = np.minimum(0, 1 - sums[:, 1] / sums[:, 0])
    return 100 * np.exp(np.log(sums[:, 2:6] / sums[:, 6:10]).mean(axis=1) + brevity)


def least(run: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The least processor time of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def peak() -> float:
    """The most memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(source: str) -> None:
    """Measure, print and write the results; ours first, as the peak of memory only rises."""
    *systems, (_, references) = _Plain(io.BytesIO(bz2.decompress(Path(source).read_bytes()))).load()
    theirs = BLEU(references=references, tokenize="none")
    counts = [np.array(theirs._extract_corpus_statistics(lines, None), dtype=np.float64) for _, lines in systems]
    ours = SumMetric("bleu", "bleu", (), lambda response, references: None, _bleu)
    pairings = [Pairing(ours, counts[0], each) for each in counts[1:]]
    found: dict[str, Any] = {"resamples": RESAMPLES, "records": len(counts[0]), "pairs": len(pairings)}
    found["memory before, MiB"] = round(peak())
    found["ours, all pairs, s"] = least(lambda: bootstrap_differences(pairings, seed=1, resamples=RESAMPLES))
    found["ours, one pair, s"] = least(lambda: bootstrap_differences(pairings[:1], seed=1, resamples=RESAMPLES))
    found["ours, randomisation of all pairs, s"] = least(
        lambda: randomised_p_values(pairings, seed=1, permutations=RESAMPLES)
    )
    found["ours, memory, MiB"] = round(peak())
    name, lines = systems[1]
    baseline = {
        "BLEU": (counts[0].tolist(), Result(theirs._aggregate_and_compute(counts[0].astype(int).tolist()).score))
    }
    counting = least(lambda: theirs._extract_corpus_statistics(lines, None))
    testing = least(lambda: _paired_bs_test(baseline, name, lines, None, {"BLEU": theirs}, RESAMPLES, seed=1))
    found["sacrebleu, one pair, s"] = testing - counting
    found["sacrebleu, memory, MiB"] = round(peak())
    found["times as fast, one pair"] = found["sacrebleu, one pair, s"] / found["ours, one pair, s"]
    found["times as fast, all pairs"] = len(pairings) * found["sacrebleu, one pair, s"] / found["ours, all pairs, s"]
    made = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
    names = ("sacrebleu", "numpy", "scipy")
    made["made_with"] = ", ".join(f"{each} {version(each)}" for each in names) + f", Python {platform.python_version()}"
    text = json.dumps(made, indent=1)
    print(text)
    RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
