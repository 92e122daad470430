from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair
from outcrop.metrics.ter import ter

from .doubles import rows_of
from .translation import check, of_sums, score, settings_of

# From sacrebleu's test_ter.py: five sentences of WMT19's development data, of which Tercom says 13.6.
GERMAN = [
    'wählen Sie " Bild neu berechnen , " um beim Ändern der Bildgröße Pixel hinzuzufügen oder zu entfernen , damit das '
    "Bild ungefähr dieselbe Größe aufweist wie die andere Größe .",
    "wenn Sie alle Aufgaben im aktuellen Dokument aktualisieren möchten , wählen Sie im Menü des Aufgabenbedienfelds "
    'die Option " Alle Aufgaben aktualisieren . "',
    'klicken Sie auf der Registerkarte " Optionen " auf die Schaltfläche " Benutzerdefiniert " und geben Sie Werte für '
    '" Fehlerkorrektur-Level " und " Y / X-Verhältnis " ein .',
    "Sie können beispielsweise ein Dokument erstellen , das ein Auto über die Bühne enthält .",
    'wählen Sie im Dialogfeld " Neu aus Vorlage " eine Vorlage aus und klicken Sie auf " Neu . "',
]
GERMAN_REFERENCES = [
    'wählen Sie " Bild neu berechnen , " um beim Ändern der Bildgröße Pixel hinzuzufügen oder zu entfernen , damit die '
    "Darstellung des Bildes in einer anderen Größe beibehalten wird .",
    GERMAN[1],
    'klicken Sie auf der Registerkarte " Optionen " auf die Schaltfläche " Benutzerdefiniert " und geben Sie für '
    '" Fehlerkorrektur-Level " und " Y / X-Verhältnis " niedrigere Werte ein .',
    "Sie können beispielsweise ein Dokument erstellen , das ein Auto enthalt , das sich über die Bühne bewegt .",
    GERMAN[4],
]


@pytest.mark.parametrize("settings", settings_of("ter"), ids=str)
def test_values_equal_sacrebleu(settings: dict[str, Any]) -> None:
    check(ter(**settings), "ter", settings)


@pytest.mark.parametrize(
    ("responses", "references", "expected"),
    [
        # From sacrebleu's test_ter.py.
        (["aaaa bbbb cccc dddd"], ["aaaa bbbb cccc dddd"], 0),
        (["dddd eeee ffff"], ["aaaa bbbb cccc"], 100),
        ([""], ["a"], 100),
        (["a"], [""], 100),
        ([""], [""], 0),
        (["d e f g h a b c"], ["a b c d e f g h"], 100 / 8),
        (GERMAN, GERMAN_REFERENCES, 13.6),
        # Snover et al., section 3: a shift, two substitutions and an insertion, of 13 words.
        (
            ["THIS WEEK THE SAUDIS denied information published in the new york times"],
            ["SAUDI ARABIA denied THIS WEEK information published in the AMERICAN new york times"],
            400 / 13,
        ),
    ],
)
def test_stated_values(responses: list[str], references: list[str], expected: float) -> None:
    assert score(ter(), responses, [references]) == pytest.approx(expected, abs=0.05 if responses is GERMAN else 1e-9)


def test_several_references_are_averaged_in_length() -> None:
    # The nearest is one edit away; the references have 2 and 5 words.
    rows = ter().prepare([Pair("a b", ("a c", "d e f g h"))])
    assert rows.tolist() == [[1, 3.5]]


def test_choices() -> None:
    assert score(ter(), ["A b."], [["a b."]]) == 0
    assert score(ter(case_sensitive=True), ["A b."], [["a b."]]) == 50
    assert score(ter(normalized=True), ["a b ."], [["a b."]]) == 0
    assert score(ter(no_punct=True), ["a, b"], [["a b."]]) == 0


def test_what_cannot_be_scored_and_what_is_empty() -> None:
    metric = ter()
    rows = rows_of(metric, (None, "a"), ("a", None), ("", "a b"), ("a b", "a b"), ("x y", ""))
    assert np.isnan(rows).all(axis=1).tolist() == [True, True, False, False, False]
    assert metric.score(rows) == pytest.approx(100 * (2 + 2) / 4)
    assert math.isnan(metric.score(rows[:2]))
    assert math.isnan(of_sums(metric, rows)[0])
    assert of_sums(metric, np.array([[0.0, 0], [3, 0], [3, 2]])).tolist() == [0, 100, 150]


def test_says_what_it_is() -> None:
    metric = ter()
    assert (metric.name, metric.unit, metric.direction) == ("ter", "edits per 100 words", Direction.LOWER)
    start, _, end = metric.signature.partition("|sacrebleu:")
    assert start == "ter|nrefs:var|case:lc|tok:tercom|norm:no|punct:yes|asian:no"
    assert end.endswith("|v1")
    other = ter(case_sensitive=True, normalized=True, no_punct=True, asian_support=True).signature
    assert other.startswith("ter|nrefs:var|case:mixed|tok:tercom|norm:yes|punct:no|asian:yes|")
