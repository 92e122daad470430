"""Times an evaluation job from its submission to its report, with a model that answers by a script at once.

    PYTHONPATH=src python bench/whole_path.py [--records 20000,200000] [--runs 3]

So what is timed is Outcrop itself: checking, planning, storing, scoring with exact match, writing. Results go
to ``results/whole_path.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from outcrop import Outcrop
from outcrop.app.evaluation import DatasetChoice, submit_evaluation
from outcrop.domain.jobs import ENDED, Status
from outcrop.versions import machine, versions

RESULTS = Path(__file__).parent / "results" / "whole_path.json"
SCRIPT = {"patterns": [["Question (\\d+)", "rock \\1"]], "batch_rows": 1024}


def run(records: int) -> dict[str, float]:
    """One job by a worker process of its own: records per second, and the most memory the worker held, in MiB."""
    with tempfile.TemporaryDirectory() as folder, Outcrop(Path(folder) / "home") as outcrop:
        data = Path(folder) / "data.jsonl"
        lines = ({"prompt": f"Question {n} about rock", "referenceResponse": f"rock {n}"} for n in range(records))
        data.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        script = Path(folder) / "script"
        script.mkdir()
        (script / "scripted.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
        outcrop.models.add_scripted("scripted", script)
        began = time.perf_counter()
        job = submit_evaluation(outcrop.services, ["scripted"], [DatasetChoice(data, "custom", ["exact_match"])])
        peak = 0.0
        while (found := outcrop.services.catalog.job(job.id)).status not in ENDED:
            if found.worker is not None:
                peak = max(peak, _peak(found.worker.pid))
            time.sleep(0.05)
        if found.status is not Status.DONE:
            raise SystemExit(f"the job {found.status.value}: {found.error}")
        return {"records_per_second": records / (time.perf_counter() - began), "peak_mib": peak}


def _peak(pid: int) -> float:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    return 0.0


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", default="20000,200000")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    found = []
    for records in map(int, options.records.split(",")):
        runs = [run(records) for _ in range(options.runs)]
        found.append({"records": records, "runs": runs})
        rate, peak = (median(one[name] for one in runs) for name in ("records_per_second", "peak_mib"))
        print(f"{records:,} records: {rate:,.0f} records/s, {peak:,.0f} MiB at most", flush=True)
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "versions": versions()}
    load = os.getloadavg()[0]
    RESULTS.write_text(json.dumps({**about, "load": load, "found": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
