"""The metrics of a task type, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from outcrop.domain.errors import NotFound
from outcrop.domain.models import Model
from outcrop.evaluation.tasks import Read, TaskType
from outcrop.metrics import choices, items, named
from outcrop.metrics.classification import METRICS as OF_LABELS
from outcrop.metrics.encoding import Encoder
from outcrop.metrics.perplexity import bits_per_byte, token_perplexity, word_perplexity
from outcrop.metrics.protocol import Metric

#: Bedrock's name of the metric that says how right a model's responses are.
ACCURACY = "Builtin.Accuracy"

#: The most tokens of a text that are read together.
_WINDOW = 1024


@dataclass(frozen=True)
class Windows:
    """In which windows texts are read, and the hash of the tokenizer that cuts them into tokens."""

    tokenizer: str
    window: int
    stride: int


def windows_for(models: Sequence[Model]) -> Windows:
    """Windows that every model can read."""
    window = min([_WINDOW, *(model.context for model in models)])
    tokenizers = sorted({model.identity.tokenizer for model in models})
    return Windows("+".join(each[:12] for each in tokenizers), window, max(1, window // 2))


def task_metrics(
    kind: TaskType,
    names: Sequence[str],
    *,
    labels: Sequence[str] = (),
    encoders: Callable[[str], Encoder] | None = None,
    windows: Windows | None = None,
) -> list[Metric[Any]]:
    """The metrics of those names, for what a task type reads.

    Args:
        kind: The task type.
        names: Their names; ``Builtin.Accuracy`` is the task type's metric of that name at Bedrock.
        labels: Of a classification: all of them, two at least.
        encoders: Gives the encoder of a name, for metrics of texts that need one.
        windows: Of perplexities.

    Raises:
        NotFound: A metric, or one of another kind of item.
        NotSupported: A metric needs an encoder, and there are none.
        InvalidInput: A classification has too few labels, or a metric needs a positive one.
    """
    made = []
    for name in names:
        asked = kind.accuracy if name == ACCURACY and kind.accuracy else name
        metric = _made(kind.read, asked, labels, encoders, windows or Windows("", 2, 1))
        # Metrics are frozen dataclasses, all of them.
        made.append(metric if asked == name else replace(cast("Any", metric), name=name))
    return made


def _made(
    read: Read, name: str, labels: Sequence[str], encoders: Callable[[str], Encoder] | None, windows: Windows
) -> Metric[Any]:
    match read:
        case Read.TEXT:
            return named(name, encoders)
        case Read.LABEL:
            return _one(OF_LABELS, name)(labels, None)  # type: ignore[no-any-return]
        case Read.ITEMS:
            return _one(items.METRICS, name)()  # type: ignore[no-any-return]
        case Read.CHOICE:
            return _one(choices.METRICS, name)()  # type: ignore[no-any-return]
        case Read.LIKELIHOOD:
            of_texts = {
                "bits_per_byte": lambda: bits_per_byte(windows.window, windows.stride),
                "word_perplexity": lambda: word_perplexity(windows.window, windows.stride),
                "token_perplexity": lambda: token_perplexity(windows.tokenizer, windows.window, windows.stride),
            }
            return _one(of_texts, name)()  # type: ignore[no-any-return]


def _one(metrics: Mapping[str, Any], name: str) -> Any:
    if name not in metrics:
        raise NotFound(f"No metric of this task type is named {name!r}; expected one of {', '.join(metrics)}.")
    return metrics[name]
