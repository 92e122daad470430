"""What tests of judges share: scripted judges with known habits, and what they say of known responses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from outcrop.domain.generation import GenerationParameters, Response
from outcrop.domain.judging import Criterion, JudgeRequest, Rating
from outcrop.domain.scores import Direction
from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.evaluation.judges.criteria import built_in
from outcrop.evaluation.judges.judging import Quality, Session
from outcrop.evaluation.judges.questions import Exchange, prompts, questions
from outcrop.evaluation.judges.rulings import rulings

HELPFUL = built_in("Helpfulness")
YES_NO = built_in("Harmfulness")
WORDS = Criterion(
    "Register",
    "How formal is {{prediction}}?",
    (Rating("formal", "as in a letter", None), Rating("casual", "as among friends", None)),
    Direction.NONE,
)

Weighted = tuple[tuple[float, str], ...]


def better(first: float, second: float = 0.0, tie: float = 0.0, broken: float = 0.0) -> Weighted:
    """Answers about a pair: how often each place wins, and how often the answer can't be read."""
    said = ((first, "A"), (second, "B"), (tie, "tie"))
    answers = [(weight, f'{{"explanation": "{won} it is", "better": "{won}"}}') for weight, won in said if weight]
    return (*answers, *(((broken, "I would rather not say."),) if broken else ()))


def rating(**weights: float) -> Weighted:
    """Answers about a response: how often each rating is given; ``broken`` can't be read."""
    return tuple(
        (weight, "{{{" if name == "broken" else f'{{"explanation": "so", "rating": "{name.removeprefix("r")}"}}')
        for name, weight in weights.items()
    )


def judge_by_quality(sure: float, *, first: float = 0.0, broken: float = 0.0) -> Script:
    """A judge of pairs that takes the response marked ``good``.

    ``sure`` is how often it is right; of the rest, and of pairs that are as good, it throws a coin. A share ``first``
    of its rulings goes to what stands first, whatever it is; a share ``broken`` can't be read.
    """
    left = 1 - first - broken
    right, wrong = left * (1 + sure) / 2, left * (1 - sure) / 2
    patterns = (
        (
            r"(?s)\[response A \w+\]\n[^\[]*good.*\[response B \w+\]\n[^\[]*poor",
            better(right + first, wrong, 0, broken),
        ),
        (
            r"(?s)\[response A \w+\]\n[^\[]*poor.*\[response B \w+\]\n[^\[]*good",
            better(wrong + first, right, 0, broken),
        ),
        (r"", better(left / 2 + first, left / 2, 0, broken)),
    )
    return Script(patterns=patterns)


def pair_exchanges(n: int, *, tuned_good: float = 0.5, seed: int = 0) -> list[Exchange]:
    """Records with a response of ``base`` and one of ``tuned``; one is good and the other poor, of like lengths."""
    lot = random.Random(seed)
    made = []
    for number in range(n):
        texts = [f"{word} {'word ' * lot.randint(5, 30)}{number}" for word in ("poor", "good")]
        if lot.random() >= tuned_good:
            texts.reverse()
        made.append(Exchange(f"Question {number}", tuple(texts), ("reference",)))
    return made


def session(
    script: Script,
    given: Sequence[Exchange],
    criteria: Sequence[Criterion] = (HELPFUL,),
    *,
    pairwise: bool = True,
    repeats: int = 1,
    attempts: int = 0,
    seed: int = 0,
    **others: Any,
) -> Session:
    """What a scripted judge says of the records."""
    generation = GenerationParameters(max_tokens=64, temperature=0.7, seed=seed)
    names = ("base", "tuned", "third")[: len(given[0].responses)]
    request = JudgeRequest(("judge",), (), tuple(criteria), pairwise, repeats, attempts, generation)
    asked = questions(given, criteria, pairwise=pairwise, repeats=repeats)
    made = prompts(asked, given, criteria, seed=seed)
    engine = ScriptedEngine(script)
    said = rulings(asked, criteria, engine.generate(made, generation))
    tries = [1] * len(asked)
    for attempt in range(1, attempts + 1):
        again = replace(generation, seed=seed + attempt)
        for place, ruling in enumerate(said):
            if ruling.answer is None:
                answered: list[Response | None] = list(engine.generate([made[place]], again))
                said[place] = rulings([asked[place]], criteria, answered)[0]
                tries[place] += 1
    defaults: dict[str, Any] = {"clusters": None, "quality": None, "seed": seed, "weights": "f" * 64, "judge": "judge"}
    return Session(
        request=request,
        models=names,
        given=given,
        categories=others.pop("categories", [None] * len(given)),
        asked=asked,
        said=said,
        tries=tries,
        **(defaults | others),
    )


__all__ = ["HELPFUL", "WORDS", "YES_NO", "Quality", "better", "judge_by_quality", "pair_exchanges", "rating", "session"]
