"""The process that probes a customization: ``python -m outcrop.jobs.probe``, a request on stdin, the result on stdout.

It loads, trains a few micro-batches, keeps a checkpoint and a model as the job would, and leaves nothing behind.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.requests import CustomizationRequest
from outcrop.jobs.datasets import require_unchanged
from outcrop.jobs.training_parts import TrainingParts
from outcrop.models.cost import ALL, model_size
from outcrop.models.weights import weights_hash
from outcrop.services import Services, new_job_id, open_services
from outcrop.settings import read_settings
from outcrop.trainers.checkpoint import write_checkpoint
from outcrop.trainers.estimate import Probed
from outcrop.trainers.probe import ProbeTask, mean_context, peak_memory, probe
from outcrop.trainers.protocol import Checkpoint


def probe_request(services: Services, request: CustomizationRequest, began: float) -> Probed:
    """Measure what a customization takes; ``began`` is when this process did, in seconds since the epoch.

    Raises:
        NotFound, UserError, NotSupported: As the job would.
        TrainingDiverged: A loss is not finite.
    """
    for dataset in filter(None, (request.train, request.validation)):
        require_unchanged(services, dataset)
    parts = TrainingParts(services, request)
    values = request.hyperparameters
    task = ProbeTask(
        parts.network,
        parts.trainer(),
        parts.plan(),
        parts.records,
        parts.validation,
        values.batch_size,
        values.seed,
        parts.packed,
        model_size(parts.folder, values.targets or ALL),
        values.rank if parts.lora else None,
    )
    keeping = _Keeping(services, parts)
    loaded = time.time()
    found = probe(task, keeping.checkpoint)
    keeping.model()
    return Probed(
        seconds_per_flop=found.seconds_per_flop,
        optimizer_seconds=found.optimizer_seconds,
        validation_seconds_per_flop=found.validation_seconds_per_flop,
        load_seconds=loaded - began,
        checkpoint_seconds=keeping.checkpoint_seconds,
        end_seconds=keeping.end_seconds,
        memory=peak_memory(parts.device),
        checkpoint_bytes=keeping.checkpoint_bytes,
        model_bytes=keeping.model_bytes,
        context=mean_context(parts.records),
        validation_context=0.0 if parts.validation is None else mean_context(parts.validation),
        processor_share=found.processor_share,
    )


class _Keeping:
    """Puts a checkpoint and a model into the store, as a job does, and takes them out again."""

    def __init__(self, services: Services, parts: TrainingParts) -> None:
        self._services = services
        self._parts = parts
        self._key = f"probes/{new_job_id()}"
        self.checkpoint_seconds = self.end_seconds = 0.0
        self.checkpoint_bytes = self.model_bytes = 0

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, and note what that takes."""
        began = time.perf_counter()
        with self._services.scratch() as scratch:
            (scratch / "kept").mkdir()
            write_checkpoint(checkpoint, scratch / "kept")
            self.checkpoint_bytes = _bytes(scratch / "kept")
            self._put(scratch / "kept")
        self.checkpoint_seconds = time.perf_counter() - began

    def model(self) -> None:
        """Keep the model, and note what that takes."""
        began = time.perf_counter()
        with self._services.scratch() as scratch:
            self._parts.save(scratch / "kept")
            weights_hash(scratch / "kept")
            self.model_bytes = _bytes(scratch / "kept")
            self._put(scratch / "kept")
        self.end_seconds = time.perf_counter() - began

    def _put(self, folder: Path) -> None:
        try:
            self._services.store.put_folder(folder, self._key, move=True)
        finally:
            self._services.store.delete(self._key)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> int:
    """Probe the request on stdin; the process's exit code."""
    request = from_json(CustomizationRequest, json.load(sys.stdin))
    services = open_services(read_settings())
    try:
        found = probe_request(services, request, psutil.Process().create_time())
    finally:
        services.close()
    json.dump(to_json(found), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
