"""Customization jobs: train a custom model from a base model."""

from __future__ import annotations

import time
from typing import Any

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound, StorageFailure, UserError
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Customization, Identity, Lineage, Model, ModelKind
from outcrop.domain.requests import CustomizationRequest
from outcrop.jobs.datasets import require_unchanged
from outcrop.jobs.lease import Lease
from outcrop.jobs.stop_metric import responses_metric
from outcrop.jobs.training import TrainingCost, TrainingWatch
from outcrop.jobs.training_parts import TrainingParts
from outcrop.models.cost import ALL, model_size
from outcrop.models.weights import tensor_entries, weights_hash
from outcrop.roof import read_roof
from outcrop.services import Services
from outcrop.trainers.checkpoint import read_checkpoint
from outcrop.trainers.loop import Loop, TrainingDiverged
from outcrop.trainers.protocol import Checkpoint, StopMetric
from outcrop.trainers.world import world_from_environment
from outcrop.versions import versions


def run(services: Services, lease: Lease) -> None:
    """Train, keep the custom model, and end the job.

    Raises:
        UserError: The data changed, or the loss diverged.
        LeaseLost, StopAsked: See ``Lease.check``.
    """
    request = from_json(CustomizationRequest, lease.job.request)
    for dataset in filter(None, (request.train, request.validation)):
        require_unchanged(services, dataset)
    training = _Training(services, lease, request)
    try:
        final = training.run()
    except TrainingDiverged as error:
        rate = request.hyperparameters.learning_rate
        raise UserError(f"{error}; try a lower learning rate than {rate:g}") from error
    lease.progress(Progress(phase="keeping the model"))
    model, result = training.keep(final)
    lease.finish_with_model(model, result)
    services.store.delete(f"jobs/{lease.job.id}/checkpoints")
    lease.log(f"done: {request.model} has the weights {model.identity.weights[:12]}")


class _Training:
    """One customization job's network, data and loop."""

    def __init__(self, services: Services, lease: Lease, request: CustomizationRequest) -> None:
        self._services = services
        self._lease = lease
        self._request = request
        lease.progress(Progress(phase="loading the model"))
        self._parts = TrainingParts(services, request)
        self._world = world_from_environment()
        self._trainer = self._parts.trainer(self._world)

    def run(self) -> Checkpoint:
        """Train to the end, from the last checkpoint if there is one."""
        plan = self._parts.plan(self._trainer.steps_per_epoch)
        checkpoint, keys = self._last_checkpoint()
        watch = TrainingWatch(self._services, self._lease, plan, self._cost(), keys)
        loop = Loop(self._parts.network, self._trainer, plan, watch, stop_metric=self._stop_metric(), world=self._world)
        if checkpoint is not None:
            loop.restore(checkpoint)
            self._lease.log(f"continuing after step {checkpoint.step} of {plan.steps}")
        else:
            self._lease.log(f"training {self._request.model} for {plan.steps} steps on {self._parts.device}")
        return loop.run()

    def keep(self, final: Checkpoint) -> tuple[Model, dict[str, Any]]:
        """Put the trained weights into the store; the custom model, and the job's result."""
        job, fence = self._lease.job.id, self._lease.fence
        key = f"models/{job}-{fence}"
        with self._services.scratch() as folder:
            self._parts.save(folder / "model")
            weights = weights_hash(folder / "model")
            parameters = sum(entry.size for entry in tensor_entries(folder / "model"))
            self._lease.hold()
            # A worker that died between keeping the files and ending the job left them under its own fence.
            for earlier in range(1, fence):
                self._services.store.delete(f"models/{job}-{earlier}")
            self._services.store.put_folder(folder / "model", key, move=True)
        model = self._model(key, weights, parameters, final)
        assert model.lineage is not None
        curve = [to_json(point) for point in final.curve]
        result = {"model": model.name, "weights": weights, "figures": model.lineage.figures, "curve": curve}
        return model, result

    def _cost(self) -> TrainingCost:
        roof = read_roof(self._services.settings.cache_folder, self._parts.device)
        values = self._request.hyperparameters
        size = model_size(self._parts.folder, values.targets or ALL)
        return TrainingCost(size, values.rank if self._parts.lora else None, roof)

    def _stop_metric(self) -> StopMetric | None:
        name = self._request.hyperparameters.early_stopping_metric
        validation = self._request.validation
        if name == "loss" or validation is None:
            return None
        return responses_metric(name, self._services.fetch(validation.path), self._parts.tokenizer)

    def _last_checkpoint(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint whose files are whole and unaltered; its key and those of the ones before it."""
        keys: list[str] = (self._lease.job.checkpoint or {}).get("keys", [])
        for place, key in enumerate(keys):
            try:
                return read_checkpoint(self._services.store.get_folder(key, verify=True)), keys[place:]
            except (StorageFailure, NotFound) as error:
                self._lease.log(f"a checkpoint can't be used: {error}; trying the one before it", "warning")
        return None, []

    def _model(self, key: str, weights: str, parameters: int, final: Checkpoint) -> Model:
        request, base = self._request, self._parts.base
        lineage = Lineage(
            job=self._lease.job.id,
            base=base.name,
            base_identity=base.identity,
            method=request.method,
            data_uri=request.train.path,
            data_hash=request.train.hash,
            hyperparameters=to_json(request.hyperparameters),
            seed=request.hyperparameters.seed,
            versions=versions(),
            curve=final.curve,
            figures=self._cost().figures(final.totals),
        )
        adapter = self._parts.lora
        reason = "it is an adapter; export it merged and add that as a model of its own" if adapter else ""
        customizations = {Customization.LORA.value: "", Customization.FULL.value: reason}
        return Model(
            name=request.model,
            kind=ModelKind.ADAPTER if adapter else ModelKind.FULL,
            engine=base.engine,
            uri=key,
            identity=Identity(weights, base.identity.tokenizer, base.identity.template),
            source=f"{request.method.value} from {base.name}",
            licence=base.licence,
            architecture=base.architecture,
            parameters=parameters,
            context=base.context,
            customizations=customizations,
            created=time.time(),
            base=self._parts.root.name if adapter else None,
            lineage=lineage,
        )
