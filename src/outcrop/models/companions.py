"""What travels with exported weights: tokenizer, chat template, generation settings, licence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from outcrop.models.chat import ChatTokenizer

#: Files that make a tokenizer, by their names in transformers.
TOKENIZER = ("tokenizer*", "special_tokens_map.json", "chat_template.*", "added_tokens.json", "vocab.*", "merges.txt")
LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*")

_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


def copy_missing(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    """Copy the files that fit a pattern, but none that is there already."""
    for file in sorted(file for pattern in patterns for file in source.glob(pattern)):
        if not (target / file.name).exists():
            shutil.copyfile(file, target / file.name)


def copy_tokenizer(source: Path, target: Path, tokenizer: ChatTokenizer) -> None:
    """Tokenizer, template, licence, and generation settings with all the ids that end a turn.

    Other servers stop at the ids that ``generation_config.json`` declares and at no others. Where the template ends a
    turn with a token that is not declared, it is added; otherwise the file is copied as it is.
    """
    copy_missing(source, target, (*TOKENIZER, *LICENCES))
    settings = source / "generation_config.json"
    values = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    declared = values.get("eos_token_id")
    stops = sorted(tokenizer.stop_ids)
    if stops and set(stops) != set(declared if isinstance(declared, list) else [declared]):
        text = json.dumps(values | {"eos_token_id": stops}, indent=2) + "\n"
        (target / settings.name).write_text(text, encoding="utf-8")
    else:
        copy_missing(source, target, (settings.name,))


def copy_config(source: Path, target: Path, number_type: str) -> None:
    """The network's configuration, saying that its weights are of ``number_type`` (``fp32`` or ``bf16``)."""
    values = json.loads((source / "config.json").read_text(encoding="utf-8"))
    values.pop("torch_dtype", None)
    values["dtype"] = _DTYPES[number_type]
    (target / "config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
