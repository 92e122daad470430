"""Processor time to find twins among 100,000 records, and memory; and datasketch beside it.

Each case runs in a process of its own, on one thread::

    OMP_NUM_THREADS=1 PYTHONPATH=src python bench/leakage.py varied
    OMP_NUM_THREADS=1 PYTHONPATH=src python bench/leakage.py clusters
    OMP_NUM_THREADS=1 path/of/an/environment/with/datasketch/python bench/leakage.py datasketch

- ``varied``: a fifth of the records are near twins of others, in groups of three; the whole of ``outcrop data split``.
- ``clusters``: every record is in one of a hundred groups of a thousand near twins, which no real data are.
- ``datasketch``: the texts of ``varied`` through its MinHash and MinHashLSH, without verification, for 10,000 records.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RECORDS = 100_000
WORDS = [f"{left}{right}" for left in range(200) for right in "abcdefghijklmnopqrstuvwxyz"]


def varied(count: int) -> Iterator[str]:
    """Texts of 160 words, of ten the first three near twins."""
    chance = random.Random(1)
    words: list[str] = []
    for number in range(count):
        if number % 10 in (0, *range(3, 10)):
            words = chance.choices(WORDS, k=160)
        changed = list(words)
        changed[chance.randrange(160)] = f"x{number}"
        yield " ".join(changed)


def clusters(count: int) -> Iterator[str]:
    """Texts of 160 words in a hundred groups; those of one group differ in four words from its first."""
    chance = random.Random(2)
    groups = [chance.choices(WORDS, k=160) for _ in range(100)]
    for number in range(count):
        changed = list(groups[number % 100])
        for place in chance.sample(range(160), 2):
            changed[place] = f"x{number}"
        yield " ".join(changed)


def split(texts: Iterator[str]) -> dict[str, float]:
    """Time a whole split into three parts."""
    from outcrop.data.parts import write_parts
    from outcrop.data.splitting import SplitRequest, parse_shares, plan

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts):
                file.write(json.dumps({"prompt": text, "completion": f"answer {number}"}) + "\n")
        size = path.stat().st_size
        begun = time.process_time()
        made = plan(path, SplitRequest(parse_shares("train=0.8,validation=0.1,test=0.1")))
        write_parts(path, made, Path(folder) / "parts")
        seconds = time.process_time() - begun
    return {"seconds": round(seconds, 1), "megabytes": round(size / 1e6), "bound": made.n_bound}


def datasketch(texts: list[str]) -> dict[str, float]:
    """Time signatures and the look-up of each, in the peer's own fastest way of adding shingles."""
    from datasketch import MinHash, MinHashLSH

    begun = time.process_time()
    found = 0
    index = MinHashLSH(threshold=0.8, num_perm=128)
    for number, text in enumerate(texts):
        words = text.split()
        signature = MinHash(num_perm=128)
        signature.update_batch([" ".join(words[start : start + 5]).encode() for start in range(len(words) - 4)])
        found += len(index.query(signature))
        index.insert(str(number), signature)
    return {"seconds": round(time.process_time() - begun, 1), "candidates": found}


def main() -> None:
    """Run the case that is named, and print a line of JSON."""
    case = sys.argv[1]
    if case == "datasketch":
        found, records = datasketch(list(varied(RECORDS // 10))), RECORDS // 10
    else:
        found, records = split({"varied": varied, "clusters": clusters}[case](RECORDS)), RECORDS
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({"case": case, "records": records, **found, "peak_mib": peak}))


if __name__ == "__main__":
    main()
