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
from outcrop.metrics.classifying import Classifier
from outcrop.metrics.encoding import Encoder
from outcrop.metrics.perplexity import bits_per_byte, token_perplexity, word_perplexity
from outcrop.metrics.protocol import Metric, TextMetric

#: Bedrock's name of the metric that says how right a model's responses are.
ACCURACY = "Builtin.Accuracy"

#: And of what says how toxic they are, by a classifier; which one where none is named.
TOXICITY = "Builtin.Toxicity"
CLASSIFIER = "unbiased-toxic-roberta"

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


def builtin_base(kind: TaskType, encoders: Callable[[str], Encoder] | None) -> TextMetric | None:
    """What Bedrock's ``Builtin.Robustness`` is the delta of, for a task type; None for open-ended generation.

    Raises:
        NotFound: The encoder that it needs.
    """
    if kind.read in (Read.LABEL, Read.CHOICE):
        return named("exact_match")
    return None if kind.name == "generation" or not kind.accuracy else named(kind.accuracy, encoders)


def task_metrics(
    kind: TaskType,
    names: Sequence[str],
    *,
    labels: Sequence[str] = (),
    encoders: Callable[[str], Encoder] | None = None,
    classifiers: Callable[[str], Classifier] | None = None,
    windows: Windows | None = None,
) -> list[Metric[Any]]:
    """The metrics of those names, for what a task type reads.

    Args:
        kind: The task type.
        names: Their names; ``Builtin.Accuracy`` is the task type's metric of that name at Bedrock, and
            ``Builtin.Toxicity`` what detoxify's classifier says.
        labels: Of a classification: all of them, two at least.
        encoders: Gives the encoder of a name, for metrics of texts that need one.
        classifiers: Gives the classifier of a name, for metrics of texts that need one.
        windows: Of perplexities.

    Raises:
        NotFound: A metric, or one of another kind of item.
        NotSupported: A metric needs an encoder, and there are none.
        InvalidInput: A classification has too few labels, or a metric needs a positive one.
    """
    made = []
    for name in names:
        asked = {ACCURACY: kind.accuracy or name, TOXICITY: f"toxicity@{CLASSIFIER}"}.get(name, name)
        if kind.read is Read.TEXT:
            metric: Metric[Any] = named(asked, encoders, classifiers)
        else:
            metric = _made(kind.read, asked, labels, windows or Windows("", 2, 1))
        # Metrics are frozen dataclasses, all of them.
        made.append(metric if asked == name else replace(cast("Any", metric), name=name))
    return made


def _made(read: Read, name: str, labels: Sequence[str], windows: Windows) -> Metric[Any]:
    if read is Read.LABEL:
        return _one(OF_LABELS, name)(labels, None)  # type: ignore[no-any-return]
    of_texts: Mapping[str, Callable[[], Metric[Any]]] = {
        "bits_per_byte": lambda: bits_per_byte(windows.window, windows.stride),
        "word_perplexity": lambda: word_perplexity(windows.window, windows.stride),
        "token_perplexity": lambda: token_perplexity(windows.tokenizer, windows.window, windows.stride),
    }
    tables: Mapping[Read, Mapping[str, Callable[[], Metric[Any]]]] = {
        Read.ITEMS: items.METRICS,
        Read.CHOICE: choices.METRICS,
        Read.LIKELIHOOD: of_texts,
    }
    return _one(tables[read], name)()  # type: ignore[no-any-return]


def _one(metrics: Mapping[str, Any], name: str) -> Any:
    if name not in metrics:
        raise NotFound(f"No metric of this task type is named {name!r}; expected one of {', '.join(metrics)}.")
    return metrics[name]
