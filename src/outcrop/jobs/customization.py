"""Customization jobs: train a custom model from a base model."""

from __future__ import annotations

import time
from typing import Any

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound, StorageFailure, UserError
from outcrop.domain.jobs import Job, Progress
from outcrop.domain.models import CurvePoint, Customization, Identity, Lineage, Model, ModelKind
from outcrop.domain.requests import CustomizationRequest
from outcrop.jobs.curve_output import put_curves
from outcrop.jobs.datasets import require_unchanged
from outcrop.jobs.lease import Lease
from outcrop.jobs.training import TrainingCost, TrainingWatch
from outcrop.jobs.training_parts import TrainingParts
from outcrop.models.cost import ALL, model_size
from outcrop.models.weights import tensor_entries, weights_hash
from outcrop.roof import read_roof
from outcrop.services import Services
from outcrop.trainers.checkpoint import read_checkpoint
from outcrop.trainers.loop import TrainingDiverged
from outcrop.trainers.protocol import Checkpoint, Step
from outcrop.trainers.world import LeaderEnded, World, world_from_environment
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
    lease.progress(Progress(phase="loading the model"))
    training = _Training(services, lease, request)
    try:
        final = training.run()
    except TrainingDiverged as error:
        rate = request.hyperparameters.learning_rate
        raise UserError(f"{error}; try a lower learning rate than {rate:g}") from error
    lease.progress(Progress(phase="keeping the model"))
    if request.output is not None:
        put_curves(services, final.curve, request.output, lease.job.id)
    model, result = training.keep(final)
    lease.finish_with_model(model, result)
    services.store.delete(f"jobs/{lease.job.id}/checkpoints")
    lease.log(f"done: {request.model} has the weights {model.identity.weights[:12]}")


def help_with(services: Services, job: Job) -> None:
    """Train as one of several processes, none of which but the leading one reports or keeps anything.

    Raises:
        OutcropError: As ``run``, where the set-up fails here too.
    """
    world = world_from_environment()
    loop = TrainingParts(services, from_json(CustomizationRequest, job.request), world).loop(_Silence())
    # The leader says which of the job's checkpoints can be read; none is -1.
    place = int(world.add([0.0])[0])
    if place >= 0:
        key = (services.catalog.job(job.id).checkpoint or {})["keys"][place]
        loop.restore(read_checkpoint(services.store.get_folder(key)))
    try:
        loop.run()
    except (LeaderEnded, TrainingDiverged):
        return


class _Silence:
    """A watch that tells nobody; see ``trainers.protocol.Watch``."""

    def step(self, step: Step) -> None:
        """Say nothing."""

    def validated(self, point: CurvePoint) -> None:
        """Say nothing."""

    def wants_checkpoint(self) -> bool:
        """The leading process keeps them."""
        return False

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep nothing."""


class _Training:
    """One customization job at work."""

    def __init__(self, services: Services, lease: Lease, request: CustomizationRequest) -> None:
        self._services = services
        self._lease = lease
        self._request = request
        self._world: World = world_from_environment()
        self._parts = TrainingParts(services, request, self._world)
        self._plan = self._parts.plan()

    def run(self) -> Checkpoint:
        """Train to the end, from the last checkpoint if there is one."""
        plan = self._plan
        checkpoint, keys = self._last_checkpoint()
        watch = TrainingWatch(self._services, self._lease, plan, self._cost(), keys)
        loop = self._parts.loop(watch)
        if checkpoint is not None:
            loop.restore(checkpoint)
            self._lease.log(f"continuing after step {checkpoint.step} of {plan.steps}")
        else:
            self._lease.log(f"training {self._request.model} for {plan.steps} steps on {self._parts.device}")
        final = loop.run()
        if final.step < plan.steps:
            self._lease.log(f"stopped early after step {final.step} of {plan.steps}: no validation was better for long")
        if "kept_step" in final.totals and final.totals["kept_step"] < final.step:
            self._lease.log(f"the best validation was after step {final.totals['kept_step']:.0f}: its weights are kept")
        return final

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
        result = {
            "model": model.name,
            "weights": weights,
            "figures": model.lineage.figures,
            "steps": self._plan.steps,
            "curve": curve,
        }
        return model, result

    def _cost(self) -> TrainingCost:
        values = self._request.hyperparameters
        roof = read_roof(self._services.settings.cache_folder, self._parts.device)
        size = model_size(self._parts.folder, values.targets or ALL)
        return TrainingCost(size, values.rank if self._parts.lora else None, roof)

    def _last_checkpoint(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint whose files are whole and unaltered; its key and those of the ones before it."""
        keys: list[str] = (self._lease.job.checkpoint or {}).get("keys", [])
        for place, key in enumerate(keys):
            try:
                checkpoint = read_checkpoint(self._services.store.get_folder(key, verify=True))
                self._world.add([float(place)])
                return checkpoint, keys[place:]
            except (StorageFailure, NotFound) as error:
                self._lease.log(f"a checkpoint can't be used: {error}; trying the one before it", "warning")
        self._world.add([-1.0])
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
        reason = "it is an adapter; export it as safetensors and add that as a model of its own" if adapter else ""
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
