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

    deep = {"base": "licences", "layers": 3, "width": 56, "base_steps": 400}
    wide = {"base": "synopses", "layers": 2, "width": 72, "base_steps": 400}
    flat = {"base": "python", "layers": 2, "width": 40, "base_steps": 400}
    return [
        Setup("LoRA r8, 36 records, 22 passes", "synopses", 36, 22, rank=8, seed=31, **flat),
        Setup("full, 48 records, 18 passes", "python", 48, 18, seed=32, **deep),
        Setup("LoRA r16, 64 records, 15 passes", "licences", 64, 15, rank=16, seed=33, **wide),
        Setup("full, 560 records, 1 pass", "synopses", 560, 1, seed=34, **deep),
        Setup("LoRA r4, 720 records, 1 pass", "licences", 720, 1, rank=4, seed=35, **flat),
        Setup("LoRA r8, 360 records, 2 passes", "python", 360, 2, rank=8, seed=36, **wide),
        Setup("LoRA r8, 120 records, 9 passes", "licences", 120, 9, rank=8, seed=37, **flat),
        Setup("full, 128 records, 8 passes", "licences", 128, 8, seed=38, **wide),
        Setup("full, 160 records, 7 passes", "python", 160, 7, seed=39, **flat),
        Setup("from random weights, 200 records, 8 passes", "synopses", 200, 8, width=40, seed=40),
        Setup("from random weights, 320 records, 6 passes", "licences", 320, 6, layers=1, width=24, seed=41),
        Setup("LoRA r1, 280 records, 4 passes", "licences", 280, 4, rank=1, seed=42, **flat),
        Setup("LoRA r2, 360 records, 4 passes", "python", 360, 4, rank=2, seed=43, **wide),
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
            print(f"    {run.rate:g}: {[fit.value for fit in run.truths]}, {run.figures}", flush=True)


def _kept(run: Any) -> dict[str, Any]:
    """A run as it is kept: losses to four decimals, one list for training, one of pairs for validation."""
    return {
        "setup": run.setup.name,
        "about": {key: value for key, value in asdict(run.setup).items() if key != "name"},
        "hyperparameters": run.setup.hyperparameters | {"learning_rate": run.rate},
        "easier": run.easier,
        "truths": [fit.value for fit in run.truths],
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
