"""Builds the multiple-choice set: which of four glosses of WordNet is a meaning of the word."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.packages import Package  # noqa: E402
from making.sets import Curated, Made, Record, build, digest, drawn, part_of, shared_out  # noqa: E402

SET = Curated(
    HERE,
    "multiple-choice",
    "Which of four glosses is a meaning of an English word",
    "LicenseRef-WordNet-3.0",
    (
        Package(
            "wordnet-base",
            "1:3.0-37",
            "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
            "LicenseRef-WordNet-3.0",
        ),
    ),
)
SPEECH = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}
SIZES = {"train": 48, "test": 400}
GLOSS_WORDS = range(4, 21)
#: How often the sense was met in the texts that WordNet's authors tagged: a word that people use.
SEEN = 3


@dataclass(frozen=True)
class Sense:
    """The commonest sense of a word.

    Attributes:
        word: The word.
        speech: Its part of speech.
        field: The file of the lexicographers that the synset is in: what it is about.
        synset: The place of the synset in its file.
        gloss: Its definition.
        linked: Places of the synsets that it points to.
    """

    word: str
    speech: str
    field: str
    synset: str
    gloss: str
    linked: frozenset[str]


@dataclass(frozen=True)
class Synset:
    """A synset: as ``Sense``, and all words for it."""

    words: frozenset[str]
    field: str
    gloss: str
    linked: frozenset[str]


def synsets(file: Path) -> Iterator[tuple[str, Synset]]:
    """The synsets of a data file by their places: see wndb(5)."""
    for line in file.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        numbers, _, gloss = line.partition(" | ")
        place, field, _, count, *rest = numbers.split()
        end = 2 * int(count, 16)
        words = frozenset(re.sub(r"\((?:p|a|ip)\)$", "", word).lower() for word in rest[:end:2])
        linked = frozenset(rest[end + 2 :: 4][: int(rest[end])])
        # What follows a semicolon is an example, in quotes, or a second definition.
        yield place, Synset(words, field, re.split(r';\s*(?=")', gloss)[0].strip(" ;"), linked)


def seen_words(folder: Path) -> dict[str, set[str]]:
    """Words whose first sense was met often enough, by part of speech: see cntlist(5)."""
    kinds = dict(zip("12345", ("noun", "verb", "adj", "adv", "adj"), strict=True))
    found: dict[str, set[str]] = {name: set() for name in SPEECH}
    for line in (folder / "cntlist.rev").read_text(encoding="ascii").splitlines():
        key, number, count = line.split()
        word, _, kind = key.partition("%")
        if number == "1" and int(count) >= SEEN:
            found[kinds[kind[0]]].add(word)
    return found


def first_synsets(file: Path) -> dict[str, str]:
    """The synset of each word's first sense: see wndb(5)."""
    found = {}
    for line in file.read_text(encoding="ascii").splitlines():
        if not line.startswith("  "):
            word, _, count, *rest = line.split()
            found[word] = rest[-int(count)]
    return found


def is_fit(word: str, gloss: str) -> bool:
    """Tells whether word and gloss make a question: plain, neither too short nor too long, and no giveaway."""
    plain = re.fullmatch(r"[a-z]{3,}", word) and re.fullmatch(r"[ -~]+", gloss)
    stem = word[: max(3, min(5, len(word) - 1))]
    told = any(part.startswith(stem) for part in re.findall(r"[a-z]+", gloss.lower()))
    return bool(plain) and len(gloss.split()) in GLOSS_WORDS and not told


def senses(folder: Path) -> list[Sense]:
    """All senses that can be asked for; one for each word and for each synset, the word with the lowest digest."""
    found: list[Sense] = []
    seen = seen_words(folder)
    for name, speech in SPEECH.items():
        by_place, first = dict(synsets(folder / f"data.{name}")), first_synsets(folder / f"index.{name}")
        used: set[str] = set()
        for word in sorted(seen[name] & first.keys(), key=digest):
            synset = by_place[first[word]]
            if first[word] not in used and is_fit(word, synset.gloss):
                used.add(first[word])
                found.append(Sense(word, speech, synset.field, first[word], synset.gloss, synset.linked))
    return found


def places_of(folder: Path) -> dict[str, set[str]]:
    """The places of all senses of each word, by part of speech and word."""
    found: dict[str, set[str]] = {}
    for name, speech in SPEECH.items():
        for place, synset in synsets(folder / f"data.{name}"):
            for word in synset.words:
                found.setdefault(f"{speech}:{word}", set()).add(place)
    return found


def record(sense: Sense, pool: list[Sense], places: dict[str, set[str]]) -> Record | None:
    """The question for a sense, with three glosses of other words about the same field; None where there are none."""
    own = places[f"{sense.speech}:{sense.word}"]
    others = [
        other
        for other in pool
        if other.synset not in own
        and other.synset not in sense.linked
        and sense.synset not in other.linked
        and not own & places[f"{other.speech}:{other.word}"]
    ]
    chosen = sorted(others, key=lambda other: digest(f"{sense.word} {other.speech} {other.word}"))[:3]
    if len(chosen) < 3:
        return None
    choices = sorted(
        [sense.gloss, *(other.gloss for other in chosen)], key=lambda gloss: digest(f"{sense.word} {gloss}")
    )
    return {
        "prompt": f'Definition of the {sense.speech} "{sense.word}":',
        "referenceResponse": sense.gloss,
        "category": sense.speech,
        "choices": choices,
    }


def make(folder: Path) -> Made:
    """The parts, out of the unpacked package."""
    wordnet = folder / "usr/share/wordnet"
    places = places_of(wordnet)
    candidates = senses(wordnet)
    parts: Made = {}
    for part, size in SIZES.items():
        own = [sense for sense in candidates if part_of(sense.word) == part]
        by_field: dict[tuple[str, str], list[Sense]] = {}
        for sense in own:
            by_field.setdefault((sense.speech, sense.field), []).append(sense)
        records = [record(sense, by_field[(sense.speech, sense.field)], places) for sense in own]
        fit = [each for each in records if each is not None]
        quotas = shared_out(dict(Counter(each["category"] for each in fit)), size)
        parts[part] = drawn(fit, lambda each: each["prompt"], quotas)
    return parts


if __name__ == "__main__":
    build(SET, make)
