"""What each model of an evaluation job makes of each record: generated, chosen, read, or brought along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from outcrop.domain.generation import GenerationParameters, LogLikelihood, Prompt, Response, Spending
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Model
from outcrop.domain.records import EvaluationRecord
from outcrop.engines.protocol import Engine
from outcrop.evaluation.items import Answer
from outcrop.evaluation.prompting import Prompter
from outcrop.evaluation.task_metrics import Windows
from outcrop.evaluation.tasks import Asked
from outcrop.jobs.lease import Lease
from outcrop.jobs.likelihoods import Counts, LikelihoodBook, StoredLikelihoods
from outcrop.jobs.response_cache import response_cache
from outcrop.jobs.responses import ResponseBook, StoredResponses
from outcrop.jobs.together import generate_together
from outcrop.models.cost import model_size
from outcrop.models.device import choose_device
from outcrop.roof import read_roof
from outcrop.services import Engines, Services

#: Of a response's latency.
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Answers:
    """A model's answers in the order of the records, and what they cost."""

    answers: tuple[Answer, ...]
    efficiency: dict[str, float]

    def priced(self, per_hour: float | None) -> Answers:
        """With what a thousand of them cost: of this machine's time at a price per hour, or as a server was paid."""
        seconds, paid = self.efficiency.get("seconds", 0.0), self.efficiency.get("cost")
        total = paid if paid is not None else None if per_hour is None else per_hour * seconds / 3600
        if total is None or not self.answers:
            return self
        return replace(self, efficiency={**self.efficiency, "cost_per_1000": 1000 * total / len(self.answers)})


@dataclass(frozen=True)
class Asking:
    """The records of a dataset and how models are asked about them; ``part`` names it within the job."""

    part: str
    records: Sequence[EvaluationRecord]
    prompter: Prompter
    generation: GenerationParameters
    windows: Windows


def ask_all(
    services: Services, lease: Lease, engines: Engines, models: Sequence[Model | None], asking: Asking
) -> dict[int, Answers]:
    """All answers of the job's models, by their places; those that are stored are not made again.

    Args:
        services: Those of the home.
        lease: The job's.
        engines: The job's, with what it has loaded.
        models: Those of the job; a None is left out.
        asking: What they are asked.

    Raises:
        LeaseLost, StopAsked: See ``Lease.check``.
        InvalidInput: A prompt leaves no room in a model's context, or its chat template refuses it.
    """
    asked = {place: model for place, model in enumerate(models) if model is not None}
    if Asked(asking.prompter.prompting.asked) is not Asked.GENERATE:
        return {place: _scored(services, lease, engines, model, place, asking) for place, model in asked.items()}
    prompts = [asking.prompter.prompt(place, record) for place, record in enumerate(asking.records)]
    groups = generate_together(services, lease, engines, asked, asking.part, prompts, asking.generation)
    together = {place: len(group) for group in groups for place in group}
    stored = {place: one for group in groups for place, one in group.items()}
    for place, model in asked.items():
        if place not in stored:
            stored[place] = _generated(services, lease, engines, model, place, asking, prompts)
    return {
        place: Answers(_written(stored[place]), _of_generation(services, model, stored[place], together.get(place, 1)))
        for place, model in asked.items()
    }


def _written(stored: StoredResponses) -> tuple[Answer, ...]:
    return tuple(Answer(response.text, stop_reason=response.stop_reason) for response in stored.responses)


def _generated(
    services: Services,
    lease: Lease,
    engines: Engines,
    model: Model,
    number: int,
    asking: Asking,
    prompts: Sequence[Prompt],
) -> StoredResponses:
    """The responses of a model that is asked by itself."""
    engine = _opened(lease, engines, model)
    book = ResponseBook(services.store, lease, f"{asking.part}/{number}", model.name, response_cache(services, model))
    stored = book.fill(engine, prompts, asking.generation)
    lease.log(f"{model.name}: {len(prompts)} responses in {stored.seconds:.0f} s")
    return stored


def _scored(services: Services, lease: Lease, engines: Engines, model: Model, number: int, asking: Asking) -> Answers:
    """What a model finds likely."""
    engine, asked = _opened(lease, engines, model), Asked(asking.prompter.prompting.asked)
    likelihoods = LikelihoodBook(services.store, lease, f"{asking.part}/{number}", model.name)
    compute = _choices if asked is Asked.CHOOSE else _texts
    found = likelihoods.fill(len(asking.records), lambda places: compute(engine, asking, places), engine)
    lease.log(f"{model.name}: {len(asking.records)} records scored in {found.seconds:.0f} s")
    return Answers(tuple(_answered(asked, asking, found)), _of_scoring(found))


def _opened(lease: Lease, engines: Engines, model: Model) -> Engine:
    lease.progress(Progress(f"loading {model.name}"))
    return engines.open(model.name)


def brought(records: Sequence[EvaluationRecord], source: str) -> Answers:
    """The responses that came with the data; a record without one of the source is unscored."""
    texts = [next((one.text for one in record.responses if one.source == source), None) for record in records]
    return Answers(tuple(Answer(text) for text in texts), {})


def _choices(engine: Engine, asking: Asking, places: Sequence[int]) -> list[list[LogLikelihood]]:
    """Of every choice of some records, all in one call, so that what they share is read once."""
    asked = [(asking.prompter.context(record), asking.prompter.continuations(record)) for record in _at(asking, places)]
    requests = [(context, continuation) for context, each in asked for continuation in each]
    answers = iter(engine.loglikelihood(requests))
    return [[next(answers) for _ in each] for _, each in asked]


def _texts(engine: Engine, asking: Asking, places: Sequence[int]) -> list[list[LogLikelihood]]:
    texts = [record.prompt for record in _at(asking, places)]
    windows = asking.windows
    return [[one] for one in engine.rolling_loglikelihood(texts, window=windows.window, stride=windows.stride)]


def _at(asking: Asking, places: Sequence[int]) -> list[EvaluationRecord]:
    return [asking.records[place] for place in places]


def _answered(asked: Asked, asking: Asking, found: StoredLikelihoods) -> list[Answer]:
    if asked is Asked.READ:
        return [Answer(None, each) for each in found.records]
    answers = []
    for record, each in zip(asking.records, found.records, strict=True):
        choices = record.choices or asking.prompter.labels
        values = [one.logprob for one in each]
        answers.append(Answer(choices[values.index(max(values))] if values else None, each))
    return answers


def _of_scoring(found: StoredLikelihoods) -> dict[str, float]:
    scored = sum(one.tokens for each in found.records for one in each)
    figures = {"scored_tokens": float(scored), "seconds": found.seconds, **_cost(found.spending)}
    if found.seconds:
        figures["records_per_second"] = len(found.records) / found.seconds
    return figures | _of_tries(found.counts or {})


def _of_tries(counts: Counts) -> dict[str, float]:
    """How well log-likelihoods were read; nothing where that is not known, or nothing ran here."""
    ran = counts.get("trie_cells")
    if not ran:
        return {}
    return {
        "trie_efficiency": counts["trie_nodes"] / ran,
        "trie_saved_share": 1 - ran / counts["trie_tokens"],
        "padding_share": counts["trie_padding"] / ran,
    }


def _cost(spending: Spending) -> dict[str, float]:
    """What a remote model cost, requests that broke off included; nothing where none was asked for money."""
    return {"cost": spending.cost} if spending.cost else {}


def _of_generation(services: Services, model: Model, stored: StoredResponses, together: int) -> dict[str, float]:
    """What the responses cost; computed from what is stored, so that a resumed job says the same.

    ``together`` is how many models answered in one batch.
    """
    written = sum(len(response.tokens) for response in stored.responses)
    prompt_tokens = sum(response.prompt_tokens for response in stored.responses)
    figures = {
        "prompt_tokens": float(prompt_tokens),
        "generated_tokens": float(written),
        "seconds": stored.seconds,
        "near_ties": float(sum(response.near_ties for response in stored.responses)),
        "cut_at_max_tokens": float(sum(response.stop_reason == "max_tokens" for response in stored.responses)),
        **_cost(stored.spending),
    }
    if together > 1:
        figures["models_in_batch"] = float(together)
    if stored.seconds and written:
        figures["tokens_per_second"] = written / stored.seconds
    figures |= _latency([response.latency for response in stored.responses])
    if model.engine == "transformers" and stored.seconds:
        figures["roof_share"] = _roof_share(services, model, stored.responses, stored.seconds)
    return figures


def _latency(each: Sequence[float | None]) -> dict[str, float]:
    """Percentiles of the seconds that a response took; nothing where some were stored before that was measured."""
    seconds = [one for one in each if one is not None]
    if not seconds or len(seconds) < len(each):
        return {}
    found = np.percentile(seconds, PERCENTILES)
    return {f"latency_p{percent}": float(value) for percent, value in zip(PERCENTILES, found, strict=True)}


def _roof_share(services: Services, model: Model, responses: Sequence[Response], seconds: float) -> float:
    written = sum(len(response.tokens) for response in responses)
    prompt_tokens = sum(response.prompt_tokens for response in responses)
    base = model if model.base is None else services.catalog.model(model.base)
    size = model_size(services.store.get_folder(base.uri))
    context = (prompt_tokens + written) / max(len(responses), 1)
    flop = size.forward_flop(prompt_tokens + written, written, context)
    roof = read_roof(services.settings.cache_folder, choose_device(services.settings.device))
    return flop / seconds / roof.flops
