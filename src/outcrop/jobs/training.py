"""What a training run tells while it goes on: progress to the catalog, checkpoints to the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from safetensors import SafetensorError

from outcrop.domain.codec import to_json
from outcrop.domain.errors import StorageFailure
from outcrop.domain.jobs import Progress
from outcrop.domain.models import CurvePoint
from outcrop.jobs.lease import Lease
from outcrop.models.cost import ModelSize
from outcrop.roof import Roof
from outcrop.services import Services
from outcrop.trainers.checkpoint import write_checkpoint
from outcrop.trainers.loop import Plan
from outcrop.trainers.protocol import Checkpoint, Step

#: Checkpoints that stay: the newest, and the one before it in case the newest is found damaged.
KEPT = 2

#: Training points of the live curve; the whole one lies in the checkpoint, and at the end in the result.
SHOWN = 2000


@dataclass(frozen=True)
class TrainingCost:
    """Turns a run's totals into rates; ``rank`` is LoRA's, None for full training."""

    size: ModelSize
    rank: int | None
    roof: Roof

    def figures(self, totals: dict[str, float]) -> dict[str, float]:
        """Tokens per second, share of the machine's roof, share of padding: over the whole run so far."""
        tokens, seconds = totals.get("tokens", 0.0), totals.get("seconds", 0.0)
        if not seconds or not tokens:
            return {}
        flop = self.size.training_flop(tokens, totals["weight"], tokens / totals["records"], self.rank)
        return {
            "tokens": tokens,
            "loss_tokens": totals["weight"],
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "padding_share": 1 - tokens / totals["computed_tokens"],
            "roof_share": flop / seconds / self.roof.flops,
        }


def thinned(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """About ``SHOWN`` points of a curve that is shown while it grows: all validations, and every so many steps."""
    every = -(-len(curve) // SHOWN)
    return [point for point in curve if point.validation_loss is not None or point.step % every == 0]


class TrainingWatch:
    """Carries the loop's news to the catalog, and its checkpoints to the store; see ``trainers.protocol.Watch``.

    ``keys`` are the checkpoints that can be continued from, newest first; a damaged one must not push out a good one.
    """

    def __init__(
        self, services: Services, lease: Lease, plan: Plan, cost: TrainingCost, keys: Sequence[str] = ()
    ) -> None:
        self._services = services
        self._lease = lease
        self._plan = plan
        self._cost = cost
        self._kept_at = time.monotonic()
        self._keys = list(keys)
        self._validation_loss: float | None = None
        self._log_every = max(1, plan.steps // 20)

    def step(self, step: Step) -> None:
        """Show where the training is."""
        self._lease.hold()
        figures = {"loss": step.loss, "learning_rate": step.learning_rate, "epoch": float(step.epoch)}
        figures |= self._cost.figures(step.totals)
        if self._validation_loss is not None:
            figures["validation_loss"] = self._validation_loss
        eta = (step.steps - step.step) * step.totals["seconds"] / step.step
        rate = figures.get("tokens_per_second", 0.0)
        self._lease.progress(Progress("training", step.step, step.steps, rate, "tokens", eta, figures))
        if step.step % self._log_every == 0 or step.step in (1, step.steps):
            self._lease.log(f"step {step.step}/{step.steps}: loss {step.loss:.4f}, {rate:.0f} tokens/s")

    def validated(self, point: CurvePoint) -> None:
        """Show a validation loss."""
        self._validation_loss = point.validation_loss
        self._lease.log(f"validation loss {point.validation_loss:.4f} after step {point.step}")

    def wants_checkpoint(self) -> bool:
        """Whether the time has come, or somebody asked the job to stop."""
        due = time.monotonic() - self._kept_at >= self._services.settings.checkpoint_seconds
        return due or self._lease.stop_asked

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint: files first, then the catalog's word that these are the ones.

        Raises:
            StorageFailure: It can't be written; the checkpoint before it still holds.
            LeaseLost, StopAsked: See ``Lease.check``.
        """
        key = f"jobs/{self._lease.job.id}/checkpoints/{checkpoint.step}-{self._lease.fence}"
        with self._services.scratch() as scratch:
            folder = scratch / "checkpoint"
            try:
                folder.mkdir()
                write_checkpoint(checkpoint, folder)
            except (OSError, SafetensorError) as error:
                raise StorageFailure(f"the checkpoint of step {checkpoint.step} can't be written: {error}") from error
            self._lease.hold()
            self._services.store.put_folder(folder, key, move=True)
        keys = [key, *self._keys]
        curve = [to_json(point) for point in thinned(checkpoint.curve)]
        self._lease.commit_checkpoint({"step": checkpoint.step, "keys": keys[:KEPT], "curve": curve})
        for old in keys[KEPT:]:
            self._services.store.delete(old)
        self._keys = keys[:KEPT]
        self._kept_at = time.monotonic()
        self._lease.check()
