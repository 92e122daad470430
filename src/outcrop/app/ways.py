"""The four ways: which way to a model that does one's task costs what, on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from outcrop.app.customization import PreparedCustomization, prepare_customization
from outcrop.data.checking import DatasetCheck
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.models import Customization
from outcrop.domain.records import Message, Purpose, Role
from outcrop.engines.planning import Limits
from outcrop.engines.protocol import Engine
from outcrop.models.cost import model_size
from outcrop.roof import read_roof
from outcrop.services import Services, new_job_id
from outcrop.trainers.ways import Candidate, Serving, Way, price

PROMPTING, RETRIEVAL, FINE_TUNING, PRE_TRAINING = (
    "prompt engineering",
    "RAG",
    "instruction fine-tuning",
    "continued pre-training",
)


#: Tokens of the response that is timed, and how often; the best counts, as other work only makes it slower.
_TIMED_TOKENS, _TIMES = 9, 3


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of prompts and price.

    Attributes:
        examples: In each prompt, for prompt engineering; each is as long as a record of the training data.
        passages, passage_tokens: Put into each prompt by retrieval.
        price_per_hour: Of the machine; None for times alone.
    """

    examples: int = 3
    passages: int = 3
    passage_tokens: int = 300
    price_per_hour: float | None = None

    def faults(self) -> list[Fault]:
        """What is out of range."""
        low = {"examples": 0, "passages": 1, "passage_tokens": 1, "price_per_hour": 0}
        given = {name: getattr(self, name) for name in low}
        return [
            Fault("request", None, name, repr(value), f"{low[name]} or more")
            for name, value in given.items()
            if value is not None and not value >= low[name]
        ]


@dataclass(frozen=True)
class Ways:
    """The four ways in the order of what they cost to try, and what the figures rest on.

    Attributes:
        ways: In that order.
        assumptions: As given.
        probed: Whether the time of fine-tuning comes from real steps.
        flops, bytes: The speed of reading prompts and of writing tokens that responses are counted with, a second.
        texts: Whether continued pre-training was counted on texts of its own, and not on the training data.
    """

    ways: tuple[Way, ...]
    assumptions: Assumptions
    probed: bool
    texts: bool
    flops: float
    bytes: float


def compare_ways(
    services: Services,
    base: str,
    *,
    train: str | Path,
    texts: str | Path | None = None,
    assumptions: Assumptions = Assumptions(),
    probe: bool = False,
) -> Ways:
    """What each way costs for a task whose prompts and responses are like those of the training data.

    Args:
        services: The home.
        base: The model.
        train: Training data for fine-tuning.
        texts: Texts for continued pre-training.
        assumptions: Of prompts and price.
        probe: As ``prepare_customization``; also time a few responses.

    Raises:
        InvalidInput, NotFound, NotSupported: As ``prepare_customization``; an assumption is out of range.
    """
    if faults := assumptions.faults():
        raise InvalidInput(faults)
    prepared = _prepared(services, base, train, Purpose.FINE_TUNING, Customization.LORA, probe=probe)
    tuned = prepared.estimate
    model = services.catalog.model(base)
    root = model if model.base is None else services.catalog.model(model.base)
    size = model_size(services.store.get_folder(root.uri))
    roof = read_roof(services.settings.cache_folder, prepared.device)
    prompt, response = _mean_lengths(prepared.train)
    serving = Serving(size, roof.flops * tuned.roof_share, roof.bytes)
    if probe:
        serving = _seen(services.engines().open(root.name), serving, round(prompt))
    if texts is None:
        flop = size.training_flop(tuned.tokens, tuned.tokens, prompt + response, None)
        on_texts = flop / (roof.flops * tuned.roof_share)
    else:
        trained = _prepared(services, base, texts, Purpose.PRE_TRAINING, Customization.FULL, probe=probe)
        on_texts = trained.estimate.seconds
    adapted = replace(serving, adapter=tuned.trained_weights)
    with_examples = prompt + assumptions.examples * (prompt + response)
    with_passages = prompt + assumptions.passages * assumptions.passage_tokens
    candidates = [
        _candidate(PROMPTING, serving, 0.0, (with_examples, response), model.context),
        _candidate(RETRIEVAL, serving, 0.0, (with_passages, response), model.context),
        _candidate(FINE_TUNING, adapted, tuned.seconds, (prompt, response), model.context),
        _candidate(PRE_TRAINING, serving, on_texts, (prompt, response), model.context),
    ]
    ways = price(candidates, assumptions.price_per_hour)
    return Ways(ways, assumptions, tuned.probed, texts is not None, serving.flops, serving.bytes)


def _prepared(
    services: Services, base: str, data: str | Path, purpose: Purpose, method: Customization, *, probe: bool
) -> PreparedCustomization:
    # A name that no model has: nothing is made.
    name = f"way-{new_job_id()}"
    return prepare_customization(
        services, base, train=data, name=name, method=method.value, purpose=purpose, probe=probe
    )


def _seen(engine: Engine, serving: Serving, prompt_tokens: int) -> Serving:
    """The model as fast as it answers a prompt of that many tokens, or nearly so."""
    prompt = Prompt(0, (Message(Role.USER, "one " * prompt_tokens),))
    reading, whole = (min(_timed(engine, prompt, tokens) for _ in range(_TIMES)) for tokens in (1, _TIMED_TOKENS))
    if whole.tokens == 1 or whole.seconds <= reading.seconds:
        return serving
    per_token = (whole.seconds - reading.seconds) / (whole.tokens - 1)
    return serving.seen(reading.prompt_tokens, reading.seconds, per_token)


@dataclass(frozen=True, order=True)
class _Timed:
    seconds: float
    prompt_tokens: int
    tokens: int


def _timed(engine: Engine, prompt: Prompt, max_tokens: int) -> _Timed:
    began = time.perf_counter()
    (response,) = engine.generate([prompt], GenerationParameters(max_tokens=max_tokens))
    return _Timed(time.perf_counter() - began, response.prompt_tokens, len(response.tokens))


def _mean_lengths(found: DatasetCheck) -> tuple[float, float]:
    """Tokens of a record's prompt and of its response, on average."""
    assert found.tokens is not None, "it was checked for a model"
    count = found.tokens.n_sequences
    response = found.tokens.carrying_loss / count
    return found.tokens.total_after_truncation / count - response, response


def _candidate(name: str, serving: Serving, training: float, lengths: tuple[float, float], context: int) -> Candidate:
    """A way with the batches that the engine makes of such prompts and responses."""
    limits = Limits().of_writing(serving.token_bytes)
    rows = min(limits.rows, max(1, int(limits.tokens // sum(lengths))))
    return Candidate(name, serving, training, *lengths, rows, fits=sum(lengths) <= context)
