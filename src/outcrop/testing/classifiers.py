"""The promises of ``Classifier`` as tests.

A test module subclasses ``ClassifierContract``, says how its classifier is made, and gets a test per promise:

    class TestMine(ClassifierContract):
        def make_classifier(self) -> Classifier:
            return MyClassifier(...)
"""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np

from outcrop.metrics.classifying import Classifier

#: How far the company of a text may move its scores (float32).
TOLERANCE = 1e-5

_TEXTS = (
    "granite",
    "an outcrop is where bedrock comes to the surface",
    "",
    "Grüße aus dem Gebirge 🏔️ 山の石",
    "rock, rock, rock.",
    "word by word " * 60,
)


class ClassifierContract:
    """What every classifier promises."""

    def make_classifier(self) -> Classifier:
        """A new classifier; each test calls it at least once."""
        raise NotImplementedError

    def test_nothing_to_do(self) -> None:
        classifier = self.make_classifier()
        assert classifier.classify([]).shape == (0, len(classifier.labels))

    def test_every_text_has_a_score_for_every_label(self) -> None:
        classifier = self.make_classifier()
        scores = classifier.classify(_TEXTS)
        assert len(set(classifier.labels)) == len(classifier.labels) > 0
        assert scores.shape == (len(_TEXTS), len(classifier.labels))
        assert scores.dtype == np.float64
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_company_changes_next_to_nothing(self) -> None:
        classifier = self.make_classifier()
        together = classifier.classify([*_TEXTS, *_TEXTS[::-1]])
        for place, text in enumerate(_TEXTS):
            alone = classifier.classify([text])[0]
            for other in (together[place], together[-1 - place]):
                assert np.abs(alone - other).max() < TOLERANCE

    def test_texts_differ(self) -> None:
        scores = self.make_classifier().classify(_TEXTS[:2])
        assert not np.allclose(scores[0], scores[1])

    def test_the_signature_begins_with_the_name(self) -> None:
        classifier = self.make_classifier()
        assert classifier.signature.startswith(f"classifier:{classifier.name}#")
