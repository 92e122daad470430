"""A random encoder and a random classifier of some kilobytes that read words letter by letter."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedTokenizerFast

CONTEXT = 40
LAYERS = 3
LABELS = ("toxicity", "insult", "calm")
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
CLS, SEP = 2, 3


def tiny_encoder(folder: Path, *, family: str = "bert", seed: int = 0, layers: int = LAYERS) -> Path:
    """Write a random encoder with a WordPiece tokenizer as a model folder.

    Args:
        folder: Made if it is not there.
        family: The ``model_type`` of transformers.
        seed: Decides the weights.
        layers: How many layers.

    Returns:
        The folder.
    """
    _save(AutoModel, folder, family, seed, num_hidden_layers=layers)
    return folder


def tiny_classifier(
    folder: Path, *, family: str = "bert", seed: int = 0, labels: tuple[str, ...] = LABELS, problem: str | None = None
) -> Path:
    """Write a random classifier with a WordPiece tokenizer as a model folder.

    Args:
        folder: Made if it is not there.
        family: The ``model_type`` of transformers.
        seed: Decides the weights.
        labels: What it tells apart.
        problem: The ``problem_type`` of transformers.

    Returns:
        The folder.
    """
    names = dict(enumerate(labels))
    numbers = {label: place for place, label in names.items()}
    kind = AutoModelForSequenceClassification
    _save(kind, folder, family, seed, id2label=names, label2id=numbers, problem_type=problem)
    return folder


def _save(kind: Any, folder: Path, family: str, seed: int, **settings: Any) -> None:
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(str(folder))
    sizes: dict[str, Any] = {"hidden_size": 16, "embedding_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    if family == "distilbert":
        sizes = {"dim": 16, "n_heads": 2, "hidden_dim": 32}
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
        # Wide enough that vectors differ by more than rounding does.
        initializer_range=0.3,
        **{"num_hidden_layers": LAYERS, **sizes, **settings},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kind.from_config(config).save_pretrained(str(folder))


def _tokenizer() -> PreTrainedTokenizerFast:
    letters = string.ascii_lowercase + string.digits + ".,"
    vocabulary = [*SPECIAL.values(), *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({token: n for n, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=CONTEXT, **SPECIAL)
