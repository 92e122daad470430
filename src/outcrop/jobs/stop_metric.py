"""Early stopping by what a model writes: it answers the validation prompts, and a metric scores the responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from outcrop.data.records import read
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Purpose
from outcrop.domain.scores import Direction
from outcrop.engines.adapters import SharedNetwork
from outcrop.engines.planning import Limits
from outcrop.engines.transformers import TransformersEngine
from outcrop.metrics import named
from outcrop.metrics.protocol import Pair
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import Network
from outcrop.trainers.packing import unpacked
from outcrop.trainers.protocol import StopMetric

#: Prompts that are answered each time: writing takes far longer than reading.
PROMPTS = 64

#: Tokens of a response.
_LONGEST = 256


def responses_metric(name: str, validation: Path, tokenizer: ChatTokenizer) -> StopMetric:
    """A stop metric: the score of greedy responses to the first ``PROMPTS`` validation records.

    Raises:
        NotFound, NotSupported: There is no metric of that name, or it needs an encoder.
    """
    metric = named(name)
    records = [record for record, _ in zip(read(validation, Purpose.FINE_TUNING), range(PROMPTS), strict=False)]
    prompts = [Prompt(number, record.messages[:-1]) for number, record in enumerate(records)]
    references = [record.messages[-1].text for record in records]

    def measure(network: Network) -> float:
        with unpacked(network):
            engine = TransformersEngine(SharedNetwork(network).view(None), tokenizer, Limits())
            responses = _answers(engine, prompts)
        pairs = [Pair(response, (reference,)) for response, reference in zip(responses, references, strict=True)]
        return metric.score(metric.prepare(pairs))

    return StopMetric(name, metric.direction is Direction.HIGHER, measure)


def _answers(engine: TransformersEngine, prompts: Sequence[Prompt]) -> list[str]:
    greedy = GenerationParameters(max_tokens=_LONGEST)
    texts = [""] * len(prompts)
    for batch in engine.plan(prompts, greedy):
        for response in engine.generate([prompts[number] for number in batch], greedy):
            texts[response.number] = response.text
    return texts
