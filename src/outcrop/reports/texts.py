"""Texts that models and datasets wrote, made fit to print: control characters out, length bounded."""

from __future__ import annotations

import html
import json
import unicodedata

#: How people write the metrics' names; a metric that is not here goes by its own.
METRICS = {
    "all_agree": "All samples agree",
    "bert_score": "BERTScore",
    "bits_per_byte": "Bits per byte",
    "bleu": "BLEU",
    "choice_accuracy": "Choice accuracy",
    "choice_accuracy_per_byte": "Choice accuracy per byte",
    "choice_accuracy_per_character": "Choice accuracy per character",
    "choice_probability": "Probability of the right choice",
    "cer": "Character error rate",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "embedding_similarity": "Embedding similarity",
    "exact_inclusion": "Exact inclusion",
    "exact_match": "Exact match",
    "inclusion": "Inclusion",
    "item_f1": "Item F1",
    "item_precision": "Item precision",
    "item_recall": "Item recall",
    "length_ratio": "Length ratio",
    "log_probability_difference": "Log-probability difference",
    "meteor": "METEOR",
    "precision_over_words": "Precision over words",
    "profanity_proxy": "Profanity (a proxy)",
    "prompt_stereotyping": "Stereotyping",
    "quasi_exact_match": "Quasi exact match",
    "recall_over_words": "Recall over words",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "ter": "TER",
    "token_f1": "Token F1",
    "token_f1_set": "Token F1 over sets",
    "token_perplexity": "Perplexity per token",
    "wer": "Word error rate",
    "word_perplexity": "Perplexity per word",
}

#: Metrics made of another one, by how their names begin.
_MADE_OF = {
    "delta_": "{} delta",
    "dissimilarity_": "{} dissimilarity",
    "drop_": "{} drop",
    "pairwise_": "{} between samples",
}

#: Embeddings, overrides and isolates of the bidirectional algorithm.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def metric_label(name: str) -> str:
    """The metric's name as people write it; ``drop_rougeL:typos`` is "ROUGE-L drop (typos)"."""
    for start, form in _MADE_OF.items():
        if name.startswith(start):
            of, _, kinds = name.removeprefix(start).partition(":")
            return form.format(metric_label(of)) + (f" ({one_line(kinds)})" if kinds else "")
    return METRICS.get(name, one_line(name))


def clean(text: str) -> str:
    """The text without what a page, a terminal or UTF-8 cannot take.

    Control characters (a terminal obeys them) and lone surrogates become U+FFFD; tabs stay, and every line end
    is a line feed.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _unprintable(character) else character for character in text)


def _unprintable(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs")


def one_line(text: str) -> str:
    """The cleaned text with all white space as single spaces, and without marks that turn the reading direction.

    A name stands within our sentences: a mark in it would turn round the numbers that follow.
    """
    return " ".join("".join(character for character in clean(text) if character not in TURNING).split())


def quoted(name: str) -> str:
    """The name in quotes; one with right-to-left letters is isolated, so that what follows keeps its direction."""
    name = one_line(name)
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        name = f"\u2068{name}\u2069"
    return f"“{name}”"


def setting(value: object) -> str:
    """A parameter's value as it would be written in JSON, a text without its quotes."""
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def trimmed(text: str, limit: int) -> tuple[str, int]:
    """The cleaned text cut to ``limit`` bytes of escaped UTF-8, and how many characters were left out."""
    text = clean(text)
    if _cost(text) <= limit:
        return text, 0
    kept, cost = 0, 0
    for character in text:
        cost += _cost(character)
        if cost > limit:
            break
        kept += 1
    return text[:kept], len(text) - kept


def _cost(text: str) -> int:
    return len(html.escape(text).encode())
