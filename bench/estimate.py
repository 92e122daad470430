"""Estimates five jobs by a probe, runs each at once, and compares: time and peak of memory.

    python bench/estimate.py [--model NAME_OR_FOLDER] [--jobs NAME,…]
    python bench/estimate.py --page

It makes a home of its own, adds the model, and uses one thread. Results go to ``results/estimate.json`` after each job,
and from there into ``estimate.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

# Before torch is loaded, here and in the processes that are started.
os.environ["OMP_NUM_THREADS"] = "1"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "src"))
os.environ["PYTHONPATH"] = str(HERE.parent / "src")

from outcrop import Outcrop  # noqa: E402
from outcrop.domain.jobs import ENDED, Job, Status  # noqa: E402
from outcrop.versions import machine, versions  # noqa: E402

RECORDS = HERE.parent / "examples" / "debian-synopsis"
RESULTS = HERE / "results" / "estimate.json"
PAGE = HERE / "estimate.md"
BEGIN, END = "<!-- estimate: written by bench/estimate.py -->", "<!-- end of estimate -->"

#: Seconds between two looks at a worker's memory.
_LOOK = 0.05


def jobs(folder: Path) -> dict[str, dict[str, Any]]:
    """Five unlike jobs; each takes about a minute on one thread."""
    pairs = _lines(RECORDS / "train.jsonl")
    held_out = _lines(RECORDS / "validation.jsonl")
    long = [{"prompt": _joined(pairs[at : at + 6]), "completion": pairs[at]["completion"]} for at in range(0, 48, 6)]
    texts = [{"text": _joined(pairs[at : at + 4])} for at in range(0, 40, 4)]
    return {
        "LoRA as by default": {"train": _write(folder / "default.jsonl", pairs[:56]), "batch_size": 8},
        "LoRA of rank 4 on q_proj,v_proj, long records": {
            "train": _write(folder / "long.jsonl", long),
            **{"batch_size": 2, "rank": 4, "targets": "q_proj,v_proj"},
        },
        "all weights": {
            "train": _write(folder / "all.jsonl", pairs[:32]),
            **{"method": "full", "batch_size": 16},
        },
        "continued pre-training, LoRA, texts in pieces of 256": {
            "train": _write(folder / "texts.jsonl", texts),
            **{"purpose": "pre-training", "max_length": 256, "batch_size": 4},
        },
        "LoRA of rank 8 with validation, two epochs": {
            "train": _write(folder / "twice.jsonl", pairs[100:112]),
            "validation": _write(folder / "held-out.jsonl", held_out[:12]),
            **{"epochs": 2, "batch_size": 4, "rank": 8},
        },
    }


def measured(outcrop: Outcrop, number: int, arguments: dict[str, Any]) -> dict[str, Any]:
    """The estimate of a job, and what the job then took."""
    given = {"epochs": 1, "name": f"model-{number}", **arguments}
    before, began = os.getloadavg()[0], time.perf_counter()
    estimate = outcrop.estimate("base", **given)
    asked = time.perf_counter() - began
    probed = _newest(outcrop.services.settings.cache_folder / "probes")
    formula = outcrop.estimate("base", **{**given, "seed": 1}, probe=False)
    job = outcrop.customize("base", **given, wait=False)
    assert isinstance(job, Job)
    peak, processor = _peak(outcrop, job)
    job = outcrop.jobs.show(job.id)
    if job.status is not Status.DONE:
        raise SystemExit(f"{job.name}: {job.error}")
    took = job.ended - job.started
    return {
        "estimate": asdict(estimate),
        "formula": asdict(formula),
        "probe_seconds": asked,
        "seconds": took,
        "memory": peak,
        "processor_seconds": processor,
        "training_seconds": job.result["figures"]["seconds"],
        "time_error": estimate.seconds / took - 1,
        "processor_time_error": estimate.seconds * probed["processor_share"] / processor - 1,
        "memory_error": estimate.memory / peak - 1,
        "formula_memory_error": formula.memory / peak - 1,
        "within_range": estimate.seconds_low <= took <= estimate.seconds_high,
        "load": [before, os.getloadavg()[0]],
    }


def _newest(folder: Path) -> dict[str, Any]:
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    probed: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return probed


def _peak(outcrop: Outcrop, job: Job) -> tuple[int, float]:
    """The most memory that the job's worker held, in bytes, and its seconds of processor time, once it has ended."""
    peak, processor, status = 0, 0.0, job.status
    while status not in ENDED:
        job = outcrop.jobs.show(job.id)
        status = job.status
        if job.worker is not None:
            peak = max(peak, _resident_peak(job.worker.pid))
            with suppress(psutil.NoSuchProcess):
                times = psutil.Process(job.worker.pid).cpu_times()
                processor = max(processor, times.user + times.system)
        time.sleep(_LOOK)
    return peak, processor


def _resident_peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _joined(pairs: list[dict[str, Any]]) -> str:
    return "\n\n".join(f"{pair['prompt']}\n{pair['completion']}" for pair in pairs)


def _write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def keep(model: str, found: dict[str, dict[str, Any]]) -> None:
    """Write the results and the page."""
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "threads": 1,
        "model": model,
        "median_time_error": median(abs(each["time_error"]) for each in found.values()),
        "median_processor_time_error": median(abs(each["processor_time_error"]) for each in found.values()),
        "median_memory_error": median(abs(each["memory_error"]) for each in found.values()),
        "jobs": found,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page()


def write_page() -> None:
    """Put the table of the results into the page."""
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    used = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    head = (
        "| job | time: estimate | range | job | error | in processor time "
        "| memory: estimate | job | error | probe | load |\n"
        f"{'|---' * 11}|"
    )
    rows = [_row(name, found) for name, found in result["jobs"].items()]
    text = (
        f"{result['date']}, {result['machine']}, one thread, {result['model']}; {used}.\n\n"
        f"Median error: {result['median_time_error']:.0%} in time "
        f"({result['median_processor_time_error']:.0%} in processor time), "
        f"{result['median_memory_error']:.0%} in memory.\n\n"
    )
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text("\n".join([f"{before}{BEGIN}\n\n{text}{head}", *rows, f"\n{END}{after}"]), encoding="utf-8")


def _row(name: str, found: dict[str, Any]) -> str:
    estimate = found["estimate"]
    cells = [
        name,
        f"{estimate['seconds']:.0f} s",
        f"{estimate['seconds_low']:.0f} to {estimate['seconds_high']:.0f} s",
        f"{found['seconds']:.0f} s",
        f"{found['time_error']:+.0%}",
        f"{found['processor_time_error']:+.0%}",
        f"{estimate['memory'] / 1e9:.2f} GB",
        f"{found['memory'] / 1e9:.2f} GB",
        f"{found['memory_error']:+.0%}",
        f"{found['probe_seconds']:.0f} s",
        f"{found['load'][0]:.1f} to {found['load'][1]:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, or only write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m-instruct-q4_1", help="a name or a folder")
    parser.add_argument("--jobs", default="", help="the beginnings of names, with commas between; all by default")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.page:
        write_page()
        return
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, Outcrop(Path(folder) / "home") as outcrop:
        outcrop.models.add(options.model, "base")
        wanted = tuple(options.jobs.split(",")) if options.jobs else ("",)
        for number, (name, arguments) in enumerate(jobs(Path(folder)).items()):
            if not name.startswith(wanted):
                continue
            found[name] = measured(outcrop, number, arguments)
            line = found[name]
            print(f"{name}: time {line['time_error']:+.0%}, memory {line['memory_error']:+.0%}", flush=True)
            keep(options.model, found)


if __name__ == "__main__":
    main()
