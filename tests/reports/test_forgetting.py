"""The sentences and the advice of a forgetting report."""

from __future__ import annotations

import math

import pytest

from outcrop.domain.models import Customization, Identity, Lineage
from outcrop.domain.scores import Comparison, Direction
from outcrop.evaluation.forgetting import Change, Forgetting, TextSet
from outcrop.reports.forgetting import advice, verdicts

Ratios = tuple[float, float, float] | None


def change(kind: str, ratios: Ratios, *, baseline: str = "base", p_holm: float = 0.001, n: int = 40) -> Change:
    ratio, low, high = (None, None, None) if ratios is None else ratios
    compared = Comparison(
        "log_perplexity",
        baseline,
        "new",
        difference=_log(ratio),
        low=_log(low),
        high=_log(high),
        p_value=p_holm,
        p_holm=p_holm,
        n=n,
        method="no test: one record" if ratios is None else "paired percentile bootstrap",
        direction=Direction.LOWER,
    )
    return Change(kind, baseline, "new", ratio, low, high, compared)


def _log(ratio: float | None) -> float | None:
    return None if ratio is None else math.log(ratio)


def text_set(*changes: Change, n: int = 40) -> TextSet:
    return TextSet(changes[0].kind, "texts.jsonl", "abc", n, n, 9000, (), changes)


def report(*sets: TextSet) -> Forgetting:
    return Forgetting("new", "base", None, 512, 256, 0, sets, ())


def lineage(method: Customization = Customization.LORA, **values: float) -> Lineage:
    given = {"learning_rate": 0.001, "epochs": 1, **values}
    return Lineage("job", "base", Identity("w", "t", ""), method, "train.jsonl", "hash", given, 0, {})


LEARNT = text_set(change("domain", (0.4, 0.36, 0.45)))


@pytest.mark.parametrize(
    ("ratios", "p_holm", "said"),
    [
        (
            (1.042, 1.031, 1.054),
            0.001,
            "The price: from “base” to “new” the perplexity of general texts rose by 4.2% (3.1% to 5.4%) over "
            "40 texts.",
        ),
        (
            (2.41, 2.1, 2.7),
            0.001,
            "The price: from “base” to “new” the perplexity of general texts rose to 2.41 times (2.10 to 2.70) over "
            "40 texts.",
        ),
        (
            (0.97, 0.95, 0.99),
            0.001,
            "This cost nothing: from “base” to “new” the perplexity of general texts fell by 3.0% (1.0% to 5.0%) over "
            "40 texts.",
        ),
        (
            (1.003, 0.994, 1.012),
            0.5,
            "No change on general texts that can be told from “base” to “new”: perplexity rose by 0.30% "
            "(−0.60% to +1.20%) over 40 texts.",
        ),
        # The interval leaves 1 out, and Holm's correction does not agree.
        (
            (1.02, 1.001, 1.04),
            0.08,
            "No change on general texts that can be told from “base” to “new”: perplexity rose by 2.0% (0.1% to 4.0%) "
            "over 40 texts.",
        ),
        (None, 1.0, "How “new” compares with “base” on general texts can’t be told: no test: one record."),
    ],
)
def test_what_general_texts_say(ratios: Ratios, p_holm: float, said: str) -> None:
    told = verdicts(report(LEARNT, text_set(change("general", ratios, p_holm=p_holm))))
    assert told == (
        "“new” knows the domain better than “base”: perplexity fell by 60.0% (55.0% to 64.0%) over 40 texts.",
        said,
    )


def test_few_texts_are_rough_and_a_parent_comes_last() -> None:
    domain = text_set(
        change("domain", (1.2, 1.1, 1.3), n=29), change("domain", (0.9, 0.8, 0.95), baseline="mid"), n=29
    )  # fmt: skip
    told = verdicts(report(domain, text_set(change("general", (1.1, 1.05, 1.2)))))
    assert told[0].startswith("“new” knows the domain worse than “base”: perplexity rose by 20.0% (10.0% to 30.0%)")
    assert told[0].endswith(" With fewer than 30 texts the interval is rough.")
    assert told[2].startswith("“new” knows the domain better than “mid”")


@pytest.mark.parametrize(
    ("ratios", "made", "begins"),
    [
        ((1.04, 1.03, 1.05), lineage(), []),
        ((1.08, 1.06, 1.1), lineage(), ["The price is high: a lower learning rate", "General texts among"]),
        (
            (1.08, 1.06, 1.1),
            lineage(Customization.FULL, epochs=3),
            [
                "The price is high: a lower learning rate forgets less (it was 0.001).",
                "Fewer passes forget less: it went over the texts 3 times.",
                "LoRA forgets less than full training",
                "General texts among the training data",
            ],
        ),
        ((1.001, 0.99, 1.01), lineage(), []),
        (
            (1.02, 0.96, 1.08),
            lineage(),
            ["A price of 8.0% is not ruled out: measure with more general texts: roughly "],
        ),
    ],
)
def test_advice(ratios: Ratios, made: Lineage, begins: list[str]) -> None:
    given = advice(report(LEARNT, text_set(change("general", ratios))), made)
    assert [line[: len(begin)] for line, begin in zip(given, begins, strict=True)] == begins


def test_a_domain_that_was_not_learnt_wants_more_training() -> None:
    told = advice(report(text_set(change("domain", (0.99, 0.97, 1.01), p_holm=0.3))), lineage())
    assert told == (
        "The domain did not get better: train on more texts or for more epochs, or with a higher learning rate.",
    )
