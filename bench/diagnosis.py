"""How often the diagnosis of a training curve is right: results/diagnosis.json, and the table of docs/reference.

python bench/diagnosis.py --part 1/2    trains and judges every second setup; 10 minutes on one core
python bench/diagnosis.py --part 2/2    the others, beside it
python bench/diagnosis.py --tables      writes the docs' table from the results that are there
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "diagnosis.json"
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "diagnosis.md"
BEGIN, END = "<!-- written by bench/diagnosis.py: begin -->", "<!-- written by bench/diagnosis.py: end -->"


def setups() -> list[Any]:
    """Runs that had no part in making the rule: other seeds, sizes and bases."""
    from diagnosis_runs import Setup

    deep = {"base": "python", "layers": 3, "width": 48, "base_steps": 400}
    wide = {"base": "synopses", "layers": 2, "width": 80, "base_steps": 400}
    thin = {"layers": 1, "width": 32, "base_steps": 400}
    return [
        Setup("LoRA r8, 40 records, 20 passes", "synopses", 40, 20, rank=8, seed=1, **deep),
        Setup("full, 56 records, 16 passes", "licences", 56, 16, seed=2, **deep),
        Setup("LoRA r32, 32 records, 25 passes", "licences", 32, 25, rank=32, seed=3, **wide),
        Setup("full, 480 records, 1 pass", "licences", 480, 1, seed=4, **deep),
        Setup("LoRA r4, 640 records, 1 pass", "python", 640, 1, rank=4, seed=5, **wide),
        Setup("from random weights, 960 records, 1 pass", "python", 960, 1, layers=4, width=48, seed=6),
        Setup("LoRA r8, 240 records, 4 passes", "synopses", 240, 4, rank=8, seed=7, **deep),
        Setup("full, 320 records, 3 passes", "licences", 320, 3, seed=8, **wide),
        Setup("full, 400 records, 3 passes", "synopses", 400, 3, seed=9, **deep),
        Setup("LoRA r1, 320 records, 4 passes", "python", 320, 4, rank=1, seed=10, base="synopses", **thin),
        Setup("LoRA r1, 240 records, 5 passes", "synopses", 240, 5, rank=1, seed=11, base="licences", **thin),
        Setup("from random weights, 400 records, 4 passes", "licences", 400, 4, width=32, seed=12),
    ]


def measure(part: int, parts: int) -> None:
    """Judge some of the setups and keep their runs."""
    import torch
    from diagnosis_truth import judge

    torch.set_num_threads(1)
    for setup in setups()[part - 1 :: parts]:
        began = time.time()
        runs = judge(setup)
        place = RESULTS.with_name(f"diagnosis-{setup.seed}.json")
        place.write_text(json.dumps([_kept(run) for run in runs]), encoding="utf-8")
        print(f"{setup.name}: {len(runs)} runs judged in {time.time() - began:.0f} s", flush=True)
        for run in runs:
            print(f"    {run.rate:g}: {run.truth.value}, {run.figures}", flush=True)


def _kept(run: Any) -> dict[str, Any]:
    """A run as it is kept: losses to four decimals, one list for training, one of pairs for validation."""
    return {
        "setup": run.setup.name,
        "about": {key: value for key, value in asdict(run.setup).items() if key != "name"},
        "hyperparameters": run.setup.hyperparameters | {"learning_rate": run.rate},
        "truth": run.truth.value,
        "figures": {name: round(value, 3) for name, value in run.figures.items()},
        "steps_per_epoch": run.setup.steps_per_epoch,
        "training": [round(point.training_loss, 4) for point in run.curve if point.training_loss is not None],
        "validation": [
            (point.step, round(point.validation_loss, 4)) for point in run.curve if point.validation_loss is not None
        ],
    }


def points(run: dict[str, Any], validated: Sequence[int] | None = None) -> list[Any]:
    """A kept run's curve; only with the validations of those indexes if given."""
    from outcrop.domain.models import CurvePoint

    each = run["steps_per_epoch"]
    found = [CurvePoint(at + 1, at // each, training_loss=loss) for at, loss in enumerate(run["training"])]
    kept = run["validation"] if validated is None else [run["validation"][at] for at in validated]
    found += [CurvePoint(step, max(step - 1, 0) // each, validation_loss=loss) for step, loss in kept]
    return sorted(found, key=lambda point: (point.step, point.validation_loss is not None))


def main() -> None:
    """Measure or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--tables", action="store_true")
    given = parser.parse_args()
    if given.tables:
        raise SystemExit("not yet")
    measure(*map(int, given.part.split("/")))


if __name__ == "__main__":
    main()
