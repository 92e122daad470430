"""Customization jobs: train a custom model from a base model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from outcrop.data.tokenized import TokenizedDataset
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound, StorageFailure, UserError
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Customization, Identity, Lineage, Model, ModelKind
from outcrop.domain.requests import CustomizationRequest, Dataset, encoding_of
from outcrop.jobs.datasets import as_tokens, require_same_model, require_unchanged
from outcrop.jobs.lease import Lease
from outcrop.jobs.stop_metric import responses_metric
from outcrop.jobs.training import TrainingCost, TrainingWatch
from outcrop.models.chat import ChatTokenizer
from outcrop.models.cost import model_size
from outcrop.models.device import choose_device
from outcrop.models.network import Network, load_network, set_attention_dropout
from outcrop.models.weights import tensor_entries, weights_hash
from outcrop.roof import read_roof
from outcrop.services import Services
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.checkpoint import read_checkpoint
from outcrop.trainers.loop import Loop, Plan, TrainingDiverged
from outcrop.trainers.packing import pack
from outcrop.trainers.protocol import Checkpoint, StopMetric
from outcrop.trainers.supervised import SupervisedTrainer, TokenizedRecords, hold_out
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
        self._base = require_same_model(services, request.base, request.base_identity)
        lease.progress(Progress(phase="loading the model"))
        # An adapter is gone on with on the model that it sits on.
        self._root = self._base if self._base.base is None else services.catalog.model(self._base.base)
        self._folder = services.store.get_folder(self._root.uri)
        self._tokenizer = ChatTokenizer.load(self._folder)
        self._device = choose_device(services.settings.device)
        # Sums in an order that varies would make a resumed run differ from an undisturbed one.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.manual_seed(request.hyperparameters.seed)
        self._world = world_from_environment()
        self._lora = request.method is Customization.LORA
        self._format = torch.bfloat16 if request.hyperparameters.number_format == "bfloat16" else torch.float32
        self._network = self._load()
        self._adapter = self._put_adapter() if self._lora else None
        self._trainer = self._make_trainer()

    def run(self) -> Checkpoint:
        """Train to the end, from the last checkpoint if there is one."""
        plan = self._plan()
        checkpoint, keys = self._last_checkpoint()
        watch = TrainingWatch(self._services, self._lease, plan, self._cost(), keys)
        loop = Loop(self._network, self._trainer, plan, watch, stop_metric=self._stop_metric(), world=self._world)
        if checkpoint is not None:
            loop.restore(checkpoint)
            self._lease.log(f"continuing after step {checkpoint.step} of {plan.steps}")
        else:
            self._lease.log(f"training {self._request.model} for {plan.steps} steps on {self._device}")
        return loop.run()

    def keep(self, final: Checkpoint) -> tuple[Model, dict[str, Any]]:
        """Put the trained weights into the store; the custom model, and the job's result."""
        job, fence = self._lease.job.id, self._lease.fence
        key = f"models/{job}-{fence}"
        with self._services.scratch() as folder:
            self._save(folder / "model")
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

    def _put_adapter(self) -> LoraNetwork:
        going_on = self._base.kind is ModelKind.ADAPTER
        start = self._services.store.get_folder(self._base.uri, verify=True) if going_on else None
        return LoraNetwork(self._network, self._request.hyperparameters, self._root.name, start)

    def _load(self) -> Network:
        # Frozen weights may be rounded; trained ones may not, lest small steps be lost.
        rounded = self._lora and self._format is not torch.float32
        network = load_network(self._folder, device=self._device, dtype=self._format if rounded else torch.float32)
        if not self._lora:
            set_attention_dropout(network, self._request.hyperparameters.dropout)
        return network

    def _make_trainer(self) -> SupervisedTrainer:
        values = self._request.hyperparameters
        train, held_out = self._records()
        longest = max(int(records.lengths.max()) for records in (train, held_out) if records is not None)
        return SupervisedTrainer(
            train,
            held_out,
            epochs=values.epochs,
            batch_size=values.batch_size,
            seed=values.seed,
            device=torch.device(self._device),
            packed=pack(self._network, longest),
            compute=torch.float32 if self._lora else self._format,
            world=self._world,
        )

    def _records(self) -> tuple[TokenizedRecords, TokenizedRecords | None]:
        """Training and validation records as tokens."""
        values, validation = self._request.hyperparameters, self._request.validation
        train = self._as_tokens(self._request.train)
        if validation is not None:
            return train, self._as_tokens(validation)
        if values.evaluation_percentage and len(train) > 1:
            return hold_out(train, values.evaluation_percentage, values.seed)
        return train, None

    def _as_tokens(self, dataset: Dataset) -> TokenizedDataset:
        encoding = encoding_of(self._request.hyperparameters)
        return as_tokens(self._services, dataset, self._tokenizer, encoding, self._request.purpose)

    def _plan(self) -> Plan:
        values = self._request.hyperparameters
        return Plan(
            steps=values.epochs * self._trainer.steps_per_epoch,
            steps_per_epoch=self._trainer.steps_per_epoch,
            learning_rate=values.learning_rate * values.learning_rate_multiplier,
            warmup_steps=values.warmup_steps,
            schedule=values.schedule,
            weight_decay=values.weight_decay,
            l1=values.l1,
            gradient_clip=values.gradient_clip,
            validations=values.validations,
            patience=values.early_stopping_patience,
            threshold=values.early_stopping_threshold,
            keep_best=values.keep == "best",
        )

    def _cost(self) -> TrainingCost:
        roof = read_roof(self._services.settings.cache_folder, self._device)
        return TrainingCost(model_size(self._folder), self._request.hyperparameters.rank if self._lora else None, roof)

    def _stop_metric(self) -> StopMetric | None:
        name = self._request.hyperparameters.early_stopping_metric
        validation = self._request.validation
        if name == "loss" or validation is None:
            return None
        return responses_metric(name, self._services.fetch(validation.path), self._tokenizer)

    def _last_checkpoint(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint whose files are whole and unaltered; its key and those of the ones before it."""
        keys: list[str] = (self._lease.job.checkpoint or {}).get("keys", [])
        for place, key in enumerate(keys):
            try:
                return read_checkpoint(self._services.store.get_folder(key, verify=True)), keys[place:]
            except (StorageFailure, NotFound) as error:
                self._lease.log(f"a checkpoint can't be used: {error}; trying the one before it", "warning")
        return None, []

    def _save(self, folder: Path) -> None:
        folder.mkdir()
        if self._adapter is not None:
            self._adapter.save(folder)
        else:
            self._network.model.save_pretrained(str(folder))
            self._tokenizer.save(folder)

    def _model(self, key: str, weights: str, parameters: int, final: Checkpoint) -> Model:
        request, base = self._request, self._base
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
        adapter = self._lora
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
            base=self._root.name if adapter else None,
            lineage=lineage,
        )
