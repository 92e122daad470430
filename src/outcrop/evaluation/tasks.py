"""Task types: what a model is asked, how its response is read, how it is scored, and how long it may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from outcrop.domain.errors import NotFound


class Asked(StrEnum):
    """How a model is asked.

    ``GENERATE``: it writes a response. ``CHOOSE``: what it would rather write of some choices, by log-likelihood.
    ``READ``: how likely it finds a text.
    """

    GENERATE = "generate"
    CHOOSE = "choose"
    READ = "read"


class Read(StrEnum):
    """What metrics score of an answer.

    ``TEXT``: the response as it is. ``LABEL``: the label in it. ``ITEMS``: the things it lists. ``CHOICE``: the
    log-likelihoods of the choices. ``LIKELIHOOD``: that of the text.
    """

    TEXT = "text"
    LABEL = "label"
    ITEMS = "items"
    CHOICE = "choice"
    LIKELIHOOD = "likelihood"


@dataclass(frozen=True)
class TaskType:
    """A task type.

    Attributes:
        name: By which it is asked for.
        about: What it is, in a sentence.
        metrics: What it is scored by; the verdict rests on the first.
        read: What metrics score of an answer.
        asked: How a model is asked, as a rule, and in which other way it may be.
        template: The user's message: a text with ``{{prompt}}``, and ``{{choices}}`` for what is to be chosen from.
        max_tokens: The most tokens of a response.
        chat: Whether the model's chat template is used, as a rule.
        needs: The field of a record without which there is nothing to score; "" where a prompt is enough.
        accuracy: The metric that is ``Builtin.Accuracy`` for this task type at Bedrock; "" where there is none.
    """

    name: str
    about: str
    metrics: tuple[str, ...]
    read: Read = Read.TEXT
    asked: tuple[Asked, ...] = (Asked.GENERATE,)
    template: str = "{{prompt}}"
    max_tokens: int = 128
    chat: bool = True
    needs: str = "referenceResponse"
    accuracy: str = ""


TASKS = {
    task.name: task
    for task in (
        TaskType(
            "summarization",
            "A text is said in fewer words; the response is held against a reference.",
            ("rougeL", "rouge1", "rouge2", "rougeLsum", "token_f1", "exact_match", "length_ratio"),
            accuracy="bert_score",
        ),
        TaskType(
            "question-answering",
            "A question is answered in a few words; any of several references will do.",
            ("token_f1", "exact_match", "quasi_exact_match", "inclusion", "token_f1_set", "length_ratio"),
            template="Answer in a few words, without a sentence around them.\n\n{{prompt}}",
            max_tokens=48,
            accuracy="token_f1_set",
        ),
        TaskType(
            "classification",
            "One of the labels is chosen: the likeliest to be written, or the one that a written response names.",
            ("accuracy", "macro_f1", "balanced_accuracy", "macro_precision", "macro_recall", "mcc", "kappa"),
            read=Read.LABEL,
            asked=(Asked.CHOOSE, Asked.GENERATE),
            template="{{prompt}}\n\nWhich of these fits best: {{choices}}? Answer with it and nothing else.",
            max_tokens=16,
            accuracy="accuracy",
        ),
        TaskType(
            "generation",
            "A prompt is answered or gone on with freely; what a reference says should be in it.",
            ("inclusion", "rougeL", "token_f1", "length_ratio"),
            accuracy="inclusion",
        ),
        TaskType(
            "translation",
            "A text is said in another language, which the prompt names; the response is held against a reference.",
            ("chrf", "bleu", "ter", "meteor", "length_ratio"),
            max_tokens=256,
        ),
        TaskType(
            "extraction",
            "Things named in a text are listed: as a JSON list, on lines, or between commas.",
            ("item_f1", "item_precision", "item_recall"),
            read=Read.ITEMS,
        ),
        TaskType(
            "multiple-choice",
            "One of a record's own choices is the right one; the likeliest to follow the prompt is taken.",
            ("choice_accuracy", "choice_accuracy_per_byte", "choice_accuracy_per_character", "choice_probability"),
            read=Read.CHOICE,
            asked=(Asked.CHOOSE,),
            chat=False,
            needs="choices",
        ),
        TaskType(
            "perplexity",
            "A text is read, and how likely the model finds it is measured; a text may be longer than its context.",
            ("bits_per_byte", "word_perplexity", "token_perplexity"),
            read=Read.LIKELIHOOD,
            asked=(Asked.READ,),
            chat=False,
            needs="",
        ),
        TaskType(
            "custom",
            "Anything: the prompt template and the metrics are the user's own.",
            ("rougeL", "exact_match", "inclusion", "length_ratio"),
        ),
    )
}

#: Other names of the task types: Bedrock's among them.
_OTHERS = {"questionandanswer": "question-answering", "qa": "question-answering", "openendedgeneration": "generation"}


def task_type(name: str) -> TaskType:
    """The task type of that name, with or without hyphens; the spelling ``summarisation`` and Bedrock's are taken too.

    Raises:
        NotFound: There is none.
    """
    plain = _plain(name).replace("isation", "ization")
    by_plain = {_plain(task): task for task in TASKS} | _OTHERS
    if plain not in by_plain:
        raise NotFound(f"there is no task type {name!r}; there is {', '.join(TASKS)}")
    return TASKS[by_plain[plain]]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
