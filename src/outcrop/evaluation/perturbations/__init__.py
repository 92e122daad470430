"""Prompts as people spoil them without meaning to: kinds of perturbation, found by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.domain.errors import Fault, InvalidInput, NotFound
from outcrop.evaluation.perturbations.butter_finger import butter_finger
from outcrop.evaluation.perturbations.lower_case import lower_case
from outcrop.evaluation.perturbations.numbers_in_words import numbers_in_words
from outcrop.evaluation.perturbations.random_upper_case import random_upper_case
from outcrop.evaluation.perturbations.typos import typos
from outcrop.evaluation.perturbations.white_space import white_space

#: How many variants of a prompt are made, and of which seed: fmeval's defaults.
VARIANTS = 5
SEED = 5


@dataclass(frozen=True)
class Perturbed:
    """A prompt that was changed: by which kind, from which seed, and what became of it."""

    kind: str
    seed: int
    text: str


@dataclass(frozen=True)
class Kind:
    """A kind of perturbation.

    Attributes:
        change: The changed text, by a generator where ``drawn``.
        drawn: Whether chance has a part in it; where it has none there is one variant of a prompt, not several.
        choices: The probabilities, as a signature has them.
    """

    change: Callable[[str, np.random.Generator], str]
    drawn: bool
    choices: str


KINDS = {
    "typos": Kind(typos, True, "p:0.1"),
    "random_upper_case": Kind(random_upper_case, True, "share:0.1"),
    "lower_case": Kind(lower_case, False, "all"),
    "white_space": Kind(white_space, True, "add:0.05,remove:0.1"),
    "numbers_in_words": Kind(numbers_in_words, False, "english"),
    "butter_finger": Kind(butter_finger, True, "p:0.1"),
}

#: What is used where none is named: all but fmeval's typing errors, which ours stand for.
DEFAULT_KINDS = tuple(name for name in KINDS if name != "butter_finger")


def perturb(text: str, kind: str, *, seed: int = SEED, n: int = VARIANTS) -> tuple[Perturbed, ...]:
    """Variants of a prompt.

    What is drawn depends on the seed, the kind and the text alone, not on the prompts before it: part of a dataset, or
    the same in another order, is perturbed alike.

    Args:
        text: The prompt, before it is put into a template.
        kind: One of ``KINDS``.
        seed: 0 or more.
        n: How many variants; of a kind without chance there is one.

    Returns:
        The variants in the order they were drawn. One that equals the prompt is left out, since asking the same twice
        proves nothing: there may be fewer than ``n``, and none for a text that the kind can't change.

    Raises:
        NotFound: There is no such kind.
        InvalidInput: ``seed`` is below 0, or ``n`` below 1: all faults.
    """
    how = kind_named(kind)
    _check(seed, n)
    digest = hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "surrogatepass")).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:16])])
    texts = [how.change(text, generator) for _ in range(n if how.drawn else 1)]
    return tuple(Perturbed(kind, seed, each) for each in texts if each != text)


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        NotFound: There is none.
    """
    if name not in KINDS:
        raise NotFound(f"there is no perturbation {name!r}; there is {', '.join(KINDS)}")
    return KINDS[name]


def signed(kinds: Sequence[str], *, seed: int = SEED, n: int = VARIANTS) -> str:
    """Perturbations as a signature has them; those of a metric's values begin with the kinds.

    Raises:
        NotFound: A kind is not there.
        InvalidInput: No kind is named, ``seed`` is below 0, or ``n`` below 1: all faults.
    """
    _check(seed, n, () if kinds else (Fault("perturbations", None, "kinds", "none", f"some of {', '.join(KINDS)}"),))
    choices = ",".join(f"{name}={kind_named(name).choices}" for name in kinds)
    return f"{'+'.join(kinds)}({choices},n:{n},seed:{seed},v1)"


def _check(seed: int, n: int, faults: Sequence[Fault] = ()) -> None:
    rules = (("seed", seed, 0), ("n", n, 1))
    wrong = [
        Fault("perturbations", None, name, str(value), f"{least} or more")
        for name, value, least in rules
        if value < least
    ]
    if wrong or faults:
        raise InvalidInput([*faults, *wrong])
