"""What a folder of model files is: its identity, its size, and how it can be customised."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.domain.errors import NotFound, NotSupported, StorageFailure
from outcrop.domain.models import Customization, Identity
from outcrop.models.chat import ChatTokenizer
from outcrop.models.weights import tensor_entries, weights_hash

#: What a model needs beside its weights; never code, never pickles.
KEPT = ("*.json", "*.jinja", "*.model", "*.txt", "LICENSE*")

#: How transformers names the classes that write text; the second is that of older families (GPT-2).
_CAUSAL = ("ForCausalLM", "LMHeadModel")

#: How it names those that give vectors, and the families whose vectors come from both sides of a token.
_BARE = ("Model", "ForMaskedLM", "ForPreTraining")
_ENCODERS = frozenset(
    {"albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"}
)

#: How it names those of these families that give labels scores.
_LABELLING = "ForSequenceClassification"


@dataclass(frozen=True)
class ModelFacts:
    """What can be said of a model from its files; see ``domain.models.Model``."""

    identity: Identity
    engine: str
    architecture: str
    parameters: int
    context: int
    customizations: dict[str, str]


def copy_model(source: Path, target: Path) -> None:
    """Copy what belongs to a model out of a folder that may hold more.

    Raises:
        NotFound: There is no such folder, or it has no ``config.json``.
        NotSupported: It has no safetensors, or is an adapter.
        StorageFailure: A file can't be copied.
    """
    if not source.is_dir():
        raise NotFound(f"{source}: there is no such folder")
    if (source / "adapter_config.json").is_file():
        raise NotSupported(f"{source}: an adapter; merge it into its base first, then add the merged model")
    if not (source / "config.json").is_file():
        raise NotFound(f"{source}: has no config.json; expected a folder as transformers' save_pretrained writes it")
    files = {entry.file for entry in tensor_entries(source)}
    files.update(file for pattern in KEPT for file in source.glob(pattern) if not file.is_dir())
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(files):
            # A hub's cache is made of links; the copy must stand alone.
            shutil.copyfile(file.resolve(), target / file.name)
    except OSError as error:
        raise StorageFailure(f"{file}: can't be copied ({error.strerror or error})") from error


def inspect_model(folder: Path) -> ModelFacts:
    """Read a model's folder, running nothing of it.

    Raises:
        NotSupported: Weights, configuration or tokenizer can't be read.
    """
    config = _read_config(folder)
    tokenizer = ChatTokenizer.load(folder)
    architecture = str((config.get("architectures") or [config.get("model_type", "unknown")])[0])
    return ModelFacts(
        identity=Identity(weights_hash(folder), tokenizer.tokenizer_hash, tokenizer.template_hash),
        engine=_engine(architecture, config),
        architecture=architecture,
        parameters=sum(entry.size for entry in tensor_entries(folder)),
        context=tokenizer.context,
        customizations=_customizations(architecture, config),
    )


def _engine(architecture: str, config: dict[str, Any]) -> str:
    if _is_encoder(architecture, config):
        return "encoder"
    return "classifier" if _is_classifier(architecture, config) else "transformers"


def _is_classifier(architecture: str, config: dict[str, Any]) -> bool:
    return architecture.endswith(_LABELLING) and config.get("model_type") in _ENCODERS


def _is_encoder(architecture: str, config: dict[str, Any]) -> bool:
    bare = architecture.endswith(_BARE) and not architecture.endswith(_CAUSAL)
    return bare and config.get("model_type") in _ENCODERS


def _customizations(architecture: str, config: dict[str, Any]) -> dict[str, str]:
    reason = ""
    if _is_encoder(architecture, config):
        reason = "it is an encoder: it gives vectors and writes no text"
    elif _is_classifier(architecture, config):
        reason = "it is a classifier: it gives labels scores and writes no text"
    elif not architecture.endswith(_CAUSAL):
        reason = f"{architecture} is not a causal language model: it does not write text"
    elif config.get("quantization_config"):
        reason = "its weights are quantised; add the model in its unquantised form"
    return {method.value: reason for method in Customization}


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise NotSupported(f"{folder / 'config.json'}: can't be read ({error})") from error
