"""Classifiers against transformers' own pipeline and its models, one text at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from outcrop.domain.errors import NotSupported
from outcrop.engines.classifier import Scores, TransformersClassifier
from outcrop.engines.planning import Limits
from outcrop.metrics.classifying import Classifier
from outcrop.models.folder import inspect_model
from outcrop.testing.classifiers import ClassifierContract
from tests.tiny_encoder import CLS, CONTEXT, LABELS, SEP, tiny_classifier

FAMILIES = ("albert", "bert", "deberta-v2", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta")
TEXTS = ["granite", "an outcrop is rock", "a", "", "rock 12, rock 12.", "hard rock"]

# Float32, and scores of at most 1.
TOLERANCE = 1e-6


def classifier_of(folder: Path, **options: Any) -> TransformersClassifier:
    return TransformersClassifier(folder, folder.name, inspect_model(folder).identity, **options)


def by_pipeline(folder: Path, texts: list[str]) -> NDArray[np.float64]:
    """What transformers' text classification says of each text alone."""
    model = AutoModelForSequenceClassification.from_pretrained(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    one = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, device="cpu")
    found = [{entry["label"]: entry["score"] for entry in one([text])[0]} for text in texts]
    return np.array([[each[label] for label in model.config.id2label.values()] for each in found])


class TestTiny(ClassifierContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path) -> None:
        self.folder = tiny_classifier(tmp_path / "tiny")

    def make_classifier(self) -> Classifier:
        return classifier_of(self.folder)


class TestEachLabelByItself(TestTiny):
    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path) -> None:
        self.folder = tiny_classifier(tmp_path / "tiny", problem="multi_label_classification")


@pytest.mark.parametrize("problem", [None, "single_label_classification", "multi_label_classification"])
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_scores_are_those_of_transformers_pipeline(family: str, problem: str | None, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", family=family, problem=problem)
    classifier = classifier_of(folder, limits=Limits(rows=4, tokens=30))
    assert classifier.labels == LABELS
    found = classifier.classify(TEXTS)
    assert np.abs(found - by_pipeline(folder, TEXTS)).max() < TOLERANCE
    assert (np.abs(found.sum(axis=1) - 1) < TOLERANCE).all() == (problem != "multi_label_classification")


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_read(family: str, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", family=family)
    assert inspect_model(folder).engine == "classifier"
    assert np.abs(classifier_of(folder).classify(TEXTS) - by_pipeline(folder, TEXTS)).max() < TOLERANCE


def test_one_label_is_scored_by_itself(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", labels=("toxic",))
    found = classifier_of(folder).classify(TEXTS)
    assert found.shape == (len(TEXTS), 1)
    assert np.abs(found - by_pipeline(folder, TEXTS)).max() < TOLERANCE
    assert found.std() > 0


def test_labels_without_names_have_numbers(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", labels=("LABEL_0", "LABEL_1"))
    assert classifier_of(folder).labels == ("LABEL_0", "LABEL_1")
    assert np.abs(classifier_of(folder).classify(TEXTS) - by_pipeline(folder, TEXTS)).max() < TOLERANCE


def test_how_scores_are_made_can_be_said(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model")
    soft, each = classifier_of(folder), classifier_of(folder, scores=Scores.SIGMOID)
    assert "|scores:softmax|" in soft.signature
    assert "|scores:sigmoid|" in each.signature
    logs = np.log(each.classify(TEXTS) / (1 - each.classify(TEXTS)))
    wanted = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    assert np.abs(soft.classify(TEXTS) - wanted).max() < TOLERANCE


def test_a_long_text_has_the_highest_score_of_its_windows(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", problem="multi_label_classification")
    classifier = classifier_of(folder)
    letters = ("abcdefghijklmnop" * 6)[:90]
    inner = AutoTokenizer.from_pretrained(str(folder))(letters, add_special_tokens=False)["input_ids"]
    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    # 38 tokens fit between [CLS] and [SEP]; windows begin every 19 and end with the text.
    windows = [[CLS, *inner[start : start + 38], SEP] for start in (0, 19, 38, 52)]
    with torch.no_grad():
        each = [model(input_ids=torch.tensor([row])).logits.sigmoid().numpy()[0] for row in windows]
    assert np.abs(classifier.classify(["a", letters])[1] - np.max(each, axis=0)).max() < TOLERANCE
    assert classifier.figures() == pytest.approx({"texts": 2, "long_texts": 1, "tokens": 163, "seconds": 0}, abs=30)
    assert classifier.context == CONTEXT
    assert classifier.signature.endswith("|long:windows-40-highest")


def test_the_signature_names_the_weights(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model")
    identity = inspect_model(folder).identity
    assert classifier_of(folder).signature.startswith(
        f"classifier:model#{identity.weights[:12]}.{identity.tokenizer[:12]}|"
    )


def test_a_head_that_estimates_is_no_classifier(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model", labels=("quality",), problem="regression")
    with pytest.raises(NotSupported, match="the head estimates a number and tells no labels apart"):
        classifier_of(folder)


def test_a_head_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b"}
    config["label2id"] = {"a": 0, "b": 1}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(NotSupported, match=r"another shape than config\.json says"):
        classifier_of(folder).classify(["a"])


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    del tensors["classifier.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NotSupported, match=r"tensors are missing \(classifier\.weight\)"):
        classifier_of(folder).classify(["a"])
