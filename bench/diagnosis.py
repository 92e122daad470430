"""How often the diagnosis of a training curve is right: results/diagnosis.json, and the table of docs/reference.

python bench/diagnosis.py --part 1/2    trains and judges every second setup; 10 minutes on one core
python bench/diagnosis.py --part 2/2    the others, beside it
python bench/diagnosis.py --tables      writes the docs' table from the results that are there
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from outcrop.metrics.statistics.shares import wilson_interval

RESULTS = Path(__file__).parent / "results" / "diagnosis.json"
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "diagnosis.md"
BEGIN, END = "<!-- written by bench/diagnosis.py: begin -->", "<!-- written by bench/diagnosis.py: end -->"


def setups() -> list[Any]:
    """Runs that had no part in making the rule: other seeds, sizes and bases."""
    from diagnosis_runs import Setup

    flat = {"base": "python", "layers": 1, "width": 72, "base_steps": 400}
    deep = {"base": "licences", "layers": 3, "width": 48, "base_steps": 300}
    slim = {"base": "synopses", "layers": 2, "width": 64, "base_steps": 400}
    return [
        Setup("LoRA r1, 260 records, 6 passes", "synopses", 260, 6, rank=1, seed=81, **flat),
        Setup("full, 480 records, 1 pass", "licences", 480, 1, seed=82, **slim),
        Setup("LoRA r8, 600 records, 1 pass", "python", 600, 1, rank=8, seed=83, **deep),
        Setup("LoRA r2, 200 records, 7 passes", "licences", 200, 7, rank=2, seed=84, **slim),
        Setup("full, 72 records, 12 passes", "python", 72, 12, seed=85, **deep),
        Setup("LoRA r4, 520 records, 2 passes", "licences", 520, 2, rank=4, seed=86, **flat),
        Setup("LoRA r16, 88 records, 10 passes", "synopses", 88, 10, rank=16, seed=87, **deep),
        Setup("LoRA r1, 300 records, 5 passes", "python", 300, 5, rank=1, seed=88, **slim),
        Setup("from random weights, 240 records, 6 passes", "synopses", 240, 6, width=48, seed=89),
        Setup("full, 136 records, 6 passes", "synopses", 136, 6, seed=90, **flat),
        Setup("LoRA r16, 56 records, 14 passes", "python", 56, 14, rank=16, seed=91, **slim),
        Setup("full, 320 records, 2 passes", "licences", 320, 2, seed=92, **flat),
        Setup("LoRA r8, 112 records, 8 passes", "synopses", 112, 8, rank=8, seed=93, **flat),
        Setup("LoRA r4, 240 records, 4 passes", "python", 240, 4, rank=4, seed=94, **deep),
        Setup("from random weights, 320 records, 4 passes", "licences", 320, 4, layers=1, width=80, seed=95),
    ]


def measure(part: int, parts: int) -> None:
    """Judge some of the setups and keep their runs; those that are kept already are not made again."""
    import torch
    from diagnosis_truth import judge

    torch.set_num_threads(1)
    for setup in setups()[part - 1 :: parts]:
        place = RESULTS.with_name(f"diagnosis-{setup.seed}.json")
        if place.exists():
            continue
        began = time.time()
        runs = judge(setup)
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


def gather() -> dict[str, Any]:
    """The kept runs of all parts as one file, the parts removed."""
    parts = sorted(RESULTS.parent.glob("diagnosis-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
    if parts:
        runs = [run for part in parts for run in json.loads(part.read_text(encoding="utf-8"))]
        versions = {name: version(name) for name in ("torch", "transformers", "peft", "numpy")}
        lines = ",\n".join(json.dumps(run, separators=(",", ":")) for run in runs)
        RESULTS.write_text(f'{{"versions": {json.dumps(versions)}, "runs": [\n{lines}\n]}}\n', encoding="utf-8")
        for part in parts:
            part.unlink()
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def verdict(run: dict[str, Any], validated: Sequence[int] | None = None, share: float = 1.0) -> str:
    """The diagnosis of a kept run, of some of its validations, or of its first steps."""
    from outcrop.trainers.diagnosis import diagnose

    steps = len(run["training"])
    seen = [point for point in points(run, validated) if point.step <= share * steps]
    return diagnose(seen, run["hyperparameters"], steps=steps, ended=share == 1).verdict.value


def tables(results: dict[str, Any]) -> str:
    """What the docs' page says of the results."""
    judged = [run for run in results["runs"] if run["truths"] and not run["easier"]]
    easier = [run for run in results["runs"] if run["easier"]]
    right = sum(verdict(run) in run["truths"] for run in judged)
    interval = wilson_interval(right, len(judged), 0.95)
    two = sum(len(run["truths"]) > 1 for run in judged)
    first = sum(verdict(run) == run["truths"][0] for run in judged)
    return "\n".join(
        [
            f"**{right} of {len(judged)} runs right, {right / len(judged):.0%}** (95 % interval "
            f"{interval.low:.0%} to {interval.high:.0%}, Wilson). {two} of them have several true faults: each is "
            f"right; the first of the list above, the strongest, was said of {first}. "
            f"Of {len(easier)} further runs, whose rate is still farther off, "
            f"{sum(verdict(run) in run['truths'] for run in easier)} are right.",
            "",
            *_confusion(judged),
            "",
            "The wrong ones:",
            "",
            *_wrong(judged),
            "",
            *_with_less(judged),
            "",
            *_between([run for run in results["runs"] if not run["truths"]]),
        ]
    )


def _confusion(judged: list[dict[str, Any]]) -> list[str]:
    from outcrop.trainers.remedies import Fit

    names = [fit.value for fit in Fit]
    counts = Counter(
        (run["truths"][0] if verdict(run) not in run["truths"] else verdict(run), verdict(run)) for run in judged
    )
    rows = [f"| {true} | {' | '.join(str(counts[true, said] or '') for said in names)} |" for true in names[:-1]]
    return [f"| true, down; said, across | {' | '.join(names)} |", "| --- |" + " --- |" * len(names), *rows]


def _wrong(judged: list[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {run['setup']} | {run['about']['corpus']} | {run['hyperparameters']['learning_rate']:g} | "
        f"{' or '.join(run['truths'])} | {verdict(run)} |"
        for run in judged
        if verdict(run) not in run["truths"]
    ]
    return ["| run | text | learning rate | true | said |", "| --- | --- | --- | --- | --- |", *rows]


def _with_less(judged: list[dict[str, Any]]) -> list[str]:
    """The same runs with fewer validations, and while they go on."""
    rows = ["| from | right | wrong | too little to tell |", "| --- | --- | --- | --- |"]
    for name, chosen, share in (
        ("all validations", None, 1.0),
        ("validation at start, middle and end", (0, 4, -1), 1.0),
        ("validation at start and end", (0, -1), 1.0),
        ("no validation", (), 1.0),
        ("the first half of the steps", None, 0.5),
        ("the first four fifths of the steps", None, 0.8),
    ):
        said = [(verdict(run, chosen, share), run["truths"]) for run in judged]
        unknown = sum(one == "too little to tell" for one, _ in said)
        right = sum(one in true for one, true in said)
        rows.append(f"| {name} | {right} | {len(said) - right - unknown} | {unknown} |")
    return rows


def _between(runs: list[dict[str, Any]]) -> list[str]:
    said = Counter(verdict(run) for run in runs)
    words = ", ".join(f"{count} {name}" for name, count in said.most_common())
    return [f"The {len(runs)} runs in between, of which none of these is clearly true, got: {words}."]


def write_page(text: str) -> None:
    """Put the tables between the marks of the docs' page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--tables", action="store_true")
    given = parser.parse_args()
    if given.tables:
        write_page(tables(gather()))
    else:
        measure(*map(int, given.part.split("/")))


if __name__ == "__main__":
    main()
