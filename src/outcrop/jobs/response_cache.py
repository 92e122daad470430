"""Responses that a model gave in an earlier job to the very same batch of prompts, so that they need not be made again.

A batch is known by the content of what computes it (weights, tokenizer, template, the base's too), the parameters, the
prompts and the versions of the libraries. A model that was trained again under an old name has other weights, and never
gets old responses. Whole batches are kept, since a response may depend on its batch mates where two tokens are equally
likely.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress

from outcrop.domain.codec import to_json
from outcrop.domain.errors import InvalidInput, NotFound, StorageFailure
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.models import Model
from outcrop.jobs.stored_responses import StoredResponses, decode
from outcrop.models.device import choose_device
from outcrop.services import Services
from outcrop.stores.local import LocalStore
from outcrop.stores.protocol import Store
from outcrop.versions import machine, versions


class ResponseCache:
    """The kept batches of one model on this machine.

    Args:
        store: Where they lie.
        computed_by: What computes responses, as JSON has it.
    """

    def __init__(self, store: Store, computed_by: object) -> None:
        self._store = store
        self._computed_by = computed_by

    def find(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> StoredResponses | None:
        """The responses to a batch, with the seconds that they took then; None where they are not kept."""
        try:
            return decode(self._store.read(self._key(prompts, parameters)), "the cache of responses")
        except (NotFound, StorageFailure, ValueError, KeyError, InvalidInput):
            return None

    def keep(self, prompts: Sequence[Prompt], parameters: GenerationParameters, found: StoredResponses) -> None:
        """Keep the responses to a batch; a disk that has no room for them keeps nothing."""
        with suppress(StorageFailure):
            self._store.write(self._key(prompts, parameters), found.encode())

    def _key(self, prompts: Sequence[Prompt], parameters: GenerationParameters) -> str:
        asked = [self._computed_by, to_json(parameters), [to_json(prompt) for prompt in prompts]]
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        return f"{digest[:2]}/{digest}.json"


def response_cache(services: Services, *models: Model) -> ResponseCache | None:
    """The cache of a model, or of some that answer together; None where not all are computed from weights here."""
    if any(model.engine != "transformers" for model in models):
        return None
    each = [_computed_by(services, model) for model in models]
    store = LocalStore(services.settings.cache_folder / "responses")
    return ResponseCache(store, each[0] if len(each) == 1 else each)


def _computed_by(services: Services, model: Model) -> dict[str, object]:
    base = model if model.base is None else services.catalog.model(model.base)
    return {
        "model": to_json(model.identity),
        "base": to_json(base.identity),
        "engine": services.settings.engine,
        "versions": versions(services.settings.engine),
        "machine": machine(),
        "device": choose_device(services.settings.device),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
    }
