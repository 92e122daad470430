"""Classifiers in the catalog: added as any model, read by metrics, asked for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import NotFound, NotSupported
from outcrop.metrics import named
from outcrop.metrics.protocol import Pair
from tests.tiny_encoder import tiny_classifier, tiny_encoder


@pytest.fixture
def with_models(outcrop: Outcrop, tmp_path: Path) -> Outcrop:
    outcrop.models.add(str(tiny_classifier(tmp_path / "classifier", problem="multi_label_classification")), "judge")
    outcrop.models.add(str(tiny_encoder(tmp_path / "encoder")), "vectors")
    return outcrop


def test_toxicity_reads_through_a_classifier_of_the_catalog(with_models: Outcrop) -> None:
    engines = with_models.services.engines()
    metric = named("toxicity@judge", classifiers=engines.classifier)
    rows = metric.prepare([Pair("granite", ()), Pair("hard rock", ()), Pair(None, ())])
    want = engines.classifiers["judge"].classify(["granite", "hard rock"])[:, 0]
    assert rows[:2, 0] == pytest.approx(want, abs=1e-6)
    identity = with_models.models.show("judge").identity
    assert f"|classifier:judge#{identity.weights[:12]}." in metric.signature
    assert engines.classifier("judge") is engines.classifiers["judge"]


def test_models_are_asked_for_what_they_do(with_models: Outcrop) -> None:
    engines = with_models.services.engines()
    with pytest.raises(NotSupported, match="judge is a classifier: it gives labels scores and writes no text; ask a"):
        engines.open("judge")
    with pytest.raises(NotSupported, match="judge is no encoder but a model that gives labels scores; name an encoder"):
        engines.encoder("judge")
    with pytest.raises(NotSupported, match="vectors is no classifier but a model that gives vectors; name a classifi"):
        engines.classifier("vectors")
    with pytest.raises(NotFound, match="there is no classifier 'nope' here; add it: outcrop models add nope"):
        engines.classifier("nope")
