"""What a customization trains with: network, data, method and plan; made in one way for the job and for the probe."""

from __future__ import annotations

from pathlib import Path

import torch

from outcrop.data.tokenized import TokenizedDataset
from outcrop.domain.models import Customization, ModelKind
from outcrop.domain.requests import CustomizationRequest, Dataset, encoding_of
from outcrop.jobs.datasets import as_tokens, require_same_model
from outcrop.jobs.stop_metric import responses_metric
from outcrop.models.chat import ChatTokenizer
from outcrop.models.device import choose_device
from outcrop.models.network import Network, load_network, set_attention_dropout
from outcrop.services import Services
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.packing import pack
from outcrop.trainers.protocol import StopMetric, Watch
from outcrop.trainers.supervised import SupervisedBatch, SupervisedTrainer, TokenizedRecords, hold_out
from outcrop.trainers.world import ALONE, World


class TrainingParts:
    """Loads what a request names, into this process.

    Attributes:
        base: The model to start from.
        root: The model whose weights are loaded: the one that ``base`` sits on, where that is an adapter.
        folder: Its files.
        tokenizer, device, network: Of it.
        lora: Whether matrices are trained beside the weights.
        records, validation: As tokens.
        packed: Whether records lie end to end; see ``trainers.packing``.

    Raises:
        NotFound, UserError: A model or a dataset is not what it was.
        NotSupported: The model can't be loaded, or has no layer to train.
    """

    def __init__(self, services: Services, request: CustomizationRequest, world: World = ALONE) -> None:
        self._services = services
        self._request = request
        self._world = world
        self.base = require_same_model(services, request.base, request.base_identity)
        # An adapter is gone on with on the model that it sits on.
        self.root = self.base if self.base.base is None else services.catalog.model(self.base.base)
        self.folder = services.store.get_folder(self.root.uri)
        self.tokenizer = ChatTokenizer.load(self.folder)
        self.device = world.device(choose_device(services.settings.device))
        # Sums in an order that varies would make a resumed run differ from an undisturbed one.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.manual_seed(request.hyperparameters.seed)
        self.lora = request.method is Customization.LORA
        self._format = torch.bfloat16 if request.hyperparameters.number_format == "bfloat16" else torch.float32
        self.network = self._load()
        self._adapter = self._put_adapter() if self.lora else None
        self.records, self.validation = self._records()
        held = [each for each in (self.records, self.validation) if each is not None]
        self.packed = pack(self.network, max(int(records.lengths.max()) for records in held))

    def loop(self, watch: Watch) -> Loop[SupervisedBatch]:
        """The loop that trains the network to the end of its plan."""
        metric = self._stop_metric()
        return Loop(self.network, self.trainer(), self.plan(), watch, stop_metric=metric, world=self._world)

    def trainer(self) -> SupervisedTrainer:
        """The method, as this one of the processes that train together uses it."""
        values = self._request.hyperparameters
        return SupervisedTrainer(
            self.records,
            self.validation,
            epochs=values.epochs,
            batch_size=values.batch_size,
            seed=values.seed,
            device=torch.device(self.device),
            packed=self.packed,
            compute=self.compute,
            world=self._world,
        )

    @property
    def compute(self) -> torch.dtype:
        """The format of numbers in the body, where it is not that of the weights."""
        return torch.float32 if self.lora else self._format

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the records."""
        return -(-len(self.records) // self._request.hyperparameters.batch_size)

    def plan(self) -> Plan:
        """How the loop trains."""
        values = self._request.hyperparameters
        return Plan(
            steps=values.epochs * self.steps_per_epoch,
            steps_per_epoch=self.steps_per_epoch,
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

    def save(self, folder: Path) -> None:
        """Write the custom model as it is into a new folder."""
        folder.mkdir()
        if self._adapter is not None:
            self._adapter.save(folder)
        else:
            self.network.model.save_pretrained(str(folder))
            self.tokenizer.save(folder)

    def _put_adapter(self) -> LoraNetwork:
        going_on = self.base.kind is ModelKind.ADAPTER
        start = self._services.store.get_folder(self.base.uri, verify=True) if going_on else None
        return LoraNetwork(self.network, self._request.hyperparameters, self.root.name, start)

    def _load(self) -> Network:
        # Frozen weights may be rounded; trained ones may not, lest small steps be lost.
        rounded = self.lora and self._format is not torch.float32
        network = load_network(self.folder, device=self.device, dtype=self._format if rounded else torch.float32)
        if not self.lora:
            set_attention_dropout(network, self._request.hyperparameters.dropout)
        return network

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
        return as_tokens(self._services, dataset, self.tokenizer, encoding, self._request.purpose)

    def _stop_metric(self) -> StopMetric | None:
        name = self._request.hyperparameters.early_stopping_metric
        validation = self._request.validation
        if name == "loss" or validation is None:
            return None
        return responses_metric(name, self._services.fetch(validation.path), self.tokenizer)
