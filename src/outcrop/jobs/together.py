"""Adapters of one base that answer together: few prompts of each fill the batches of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Model
from outcrop.jobs.lease import Lease
from outcrop.jobs.response_cache import response_cache
from outcrop.jobs.responses import ResponseBook
from outcrop.jobs.stored_responses import StoredResponses
from outcrop.services import Engines, Services

if TYPE_CHECKING:
    from outcrop.engines.transformers import Together


def generate_together(
    services: Services,
    lease: Lease,
    engines: Engines,
    models: Mapping[int, Model],
    part: str,
    prompts: Sequence[Prompt],
    parameters: GenerationParameters,
) -> list[dict[int, StoredResponses]]:
    """The responses of those models that answer together; those that are stored are not generated again.

    These are two or more adapters of one base that have few prompts. The base is asked by itself: it is what many jobs
    compare with, and its responses are kept for them.

    Args:
        services: Where responses are kept.
        lease: The job's.
        engines: The job's, with what it has loaded.
        models: By their places in the job.
        part: Names the dataset within the job.
        prompts: What all of them are asked.
        parameters: How they answer.

    Returns:
        For each base the responses of its adapters by their places; models that are to be asked by themselves are in
        none. Each has the share of the seconds that it has of the tokens written.

    Raises:
        LeaseLost, StopAsked: See ``Lease.check``.
        InvalidInput: A prompt leaves no room in the models' context, or their chat template refuses it.
    """
    found: list[dict[int, StoredResponses]] = []
    for group in _groups(models):
        together = _opened(lease, engines, list(group.values()))
        if together is None or not together.pays(prompts, parameters):
            continue
        names = ", ".join(model.name for model in group.values())
        place = f"{part}/together-{min(group)}"
        book = ResponseBook(services.store, lease, place, names, response_cache(services, *group.values()))
        stored = book.fill(together, together.prompts(prompts), parameters)
        lease.log(f"{names}: {len(stored.responses)} responses together in {stored.seconds:.0f} s")
        found.append(dict(zip(group, _apart(together, stored), strict=True)))
    return found


def _groups(models: Mapping[int, Model]) -> list[dict[int, Model]]:
    """The adapters of each base that has more than one of them."""
    groups: dict[str, dict[int, Model]] = {}
    for place, model in models.items():
        if model.engine == "transformers" and model.base is not None:
            groups.setdefault(model.base, {})[place] = model
    return [group for group in groups.values() if len(group) > 1]


def _opened(lease: Lease, engines: Engines, models: Sequence[Model]) -> Together | None:
    """The engines of some models as one; None where they can't be."""
    from outcrop.engines.transformers import Together, TransformersEngine

    lease.progress(Progress(f"loading {', '.join(model.name for model in models)}"))
    opened = [engines.open(model.name) for model in models]
    try:
        return Together([engine for engine in opened if isinstance(engine, TransformersEngine)])
    except NotSupported as reason:
        lease.log(f"{', '.join(model.name for model in models)}: asked one by one: {reason}")
        return None


def _apart(together: Together, stored: StoredResponses) -> list[StoredResponses]:
    """What each model wrote, with its share of the seconds."""
    each = [StoredResponses(tuple(responses)) for responses in together.apart(stored.responses)]
    per_token = stored.seconds / max(1, stored.tokens)
    return [StoredResponses(one.responses, one.tokens * per_token) for one in each]
