"""Data: check a dataset against what it is for and the model it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from outcrop.data.checking import DatasetCheck, check
from outcrop.domain.models import Model
from outcrop.domain.records import Purpose
from outcrop.models.chat import ChatTokenizer
from outcrop.services import Services


def check_data(
    services: Services,
    path: Path,
    purpose: Purpose,
    model: str | None,
    max_length: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetCheck:
    """Read every line of a dataset; with a model, count its tokens too.

    Raises:
        NotFound: There is no such model.
    """
    tokenizer = None if model is None else tokenizer_of(services, services.catalog.model(model))
    return check(path, purpose, tokenizer, max_length, progress)


def tokenizer_of(services: Services, model: Model) -> ChatTokenizer | None:
    """The tokenizer that a model reads with: its base's, for an adapter; None for a scripted model."""
    base = model if model.base is None else services.catalog.model(model.base)
    return ChatTokenizer.load(services.store.get_folder(base.uri)) if base.engine == "transformers" else None
