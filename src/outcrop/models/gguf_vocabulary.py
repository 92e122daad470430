"""A tokenizer as a GGUF file keeps it: tokens, merges, and the name of a rule that llama.cpp has built in.

The rule that splits text before merging is not in the file; its name is (``tokenizer.ggml.pre``). A wrong name gives
other tokens than the model was trained on, without any error. So only rules that are recognised exactly are written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.domain.errors import NotSupported
from outcrop.models.chat import ChatTokenizer

#: Llama 3's rule, as its tokenizer.json has it and llama.cpp under ``llama-bpe``.
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5


@dataclass(frozen=True)
class Vocabulary:
    """What a GGUF file says of a tokenizer.

    ``types`` are llama.cpp's ``llama_token_type``; ``stops`` are ids that end a turn besides the end of sequence.
    """

    rule: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    adds_bos: bool
    adds_eos: bool
    special: dict[str, int]
    stops: list[int]
    template: str | None


def read_vocabulary(folder: Path, size: int) -> Vocabulary:
    """The tokenizer of a model folder.

    Args:
        folder: With ``tokenizer.json``.
        size: How many rows the model's embeddings have; ids without a token are filled up as unused.

    Raises:
        NotSupported: It is no byte-level BPE with a rule that llama.cpp has, or does something that a GGUF file can't
            say; the message names it.
    """
    chat = ChatTokenizer.load(folder)
    plan = json.loads(chat.serialised)
    model = plan["model"]
    rule = _rule(folder, plan)
    by_id = {number: token for token, number in model["vocab"].items()}
    types = dict.fromkeys(by_id, _NORMAL)
    for added in plan["added_tokens"]:
        _require_plain(folder, added)
        by_id[added["id"]] = added["content"]
        types[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    if max(by_id) >= size:
        raise NotSupported(f"{folder}: token {max(by_id)} has no row in the model's {size:,} embeddings")
    before, after = chat.frame
    special = chat.special_ids
    if before not in ([], [special.get("bos")]) or after not in ([], [special.get("eos")]):
        raise NotSupported(f"{folder}: its tokenizer puts {before} before a text and {after} after it, not bos and eos")
    return Vocabulary(
        rule=rule,
        tokens=[by_id.get(number, f"[PAD{number}]") for number in range(size)],
        types=[types.get(number, _UNUSED) for number in range(size)],
        merges=[merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]],
        adds_bos=bool(before),
        adds_eos=bool(after),
        special=special,
        stops=sorted(chat.stop_ids - {special.get("eos", -1)}),
        template=chat.template,
    )


def _rule(folder: Path, plan: dict[str, Any]) -> str:
    """llama.cpp's name of the rule that splits text."""
    model, splitter = plan["model"], plan.get("pre_tokenizer")
    # Llama 3 takes a word that is a token whole before it tries merges; llama.cpp does so for its rule alone.
    whole = bool(model.get("ignore_merges"))
    plain = not plan.get("normalizer") and not model.get("byte_fallback") and not model.get("dropout")
    if model.get("type") == "BPE" and plain and splitter:
        steps = [_step(step) for step in splitter.get("pretokenizers", [splitter])]
        for name, known in _RULES.items():
            if steps == known and whole == (name == "llama-bpe"):
                return name
    kind = (splitter or {}).get("type", "none")
    raise NotSupported(
        f"{folder}: its tokenizer ({model.get('type')}, pre-tokenizer {kind}) follows no rule that is known to be the "
        f"same in llama.cpp ({', '.join(_RULES)}), and text would become other tokens; export it as safetensors"
    )


def _step(step: dict[str, Any]) -> tuple[Any, ...]:
    """What decides how one pre-tokenizer splits."""
    match step["type"]:
        case "ByteLevel":
            return "ByteLevel", step["add_prefix_space"], step.get("use_regex", True)
        case "Digits":
            return "Digits", step["individual_digits"]
        case "Split":
            return "Split", step["pattern"].get("Regex"), step["behavior"], step["invert"]
        case other:
            return (other,)


_RULES = {
    "smollm": [("Digits", True), ("ByteLevel", False, True)],
    "gpt-2": [("ByteLevel", False, True)],
    "llama-bpe": [("Split", LLAMA_3, "Isolated", False), ("ByteLevel", False, False)],
}


def _require_plain(folder: Path, added: dict[str, Any]) -> None:
    odd = [flag for flag in ("single_word", "lstrip", "rstrip") if added.get(flag)]
    if odd:
        raise NotSupported(
            f"{folder}: its token {added['content']!r} has {', '.join(odd)}, which a GGUF file can't say; "
            "export it as safetensors"
        )
