"""Turning a GGUF file into safetensors and a tokenizer that reads text as llama.cpp does."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from outcrop.domain.errors import NotSupported
from outcrop.models.quiet import quiet_transformers

#: Pre-tokenizers (``tokenizer.ggml.pre``) whose rule is put back here, because transformers drops it. ``smollm``
#: splits digits one by one before GPT-2's rule (llama.cpp, llama-vocab.cpp). Others are refused until proven.
_SINGLE_DIGITS = frozenset({"smollm"})


@quiet_transformers()
def convert_gguf(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file into a folder: float32 safetensors, tokenizer, template, generation settings.

    Raises:
        NotSupported: The file's pre-tokenizer is not known to come out right, or transformers can't read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    rule = read_facts(file).get("tokenizer.ggml.pre", "default")
    if rule not in _SINGLE_DIGITS:
        raise NotSupported(
            f"{file.name}: its pre-tokenizer {rule!r} may be read wrongly, and text would become other tokens than the "
            "model was trained on; add the model from the hub or from a folder of safetensors instead"
        )
    try:
        # Without dequantize=True the weights are tagged as quantised, and refuse to be trained or saved. The reader
        # draws a progress bar that no setting switches off.
        with redirect_stderr(io.StringIO()):
            model = AutoModelForCausalLM.from_pretrained(
                str(file.parent),
                gguf_file=file.name,
                quantization_config=GgufConfig(dequantize=True),
                dtype=torch.float32,
            )
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    except (ValueError, OSError, KeyError) as error:
        words = str(error).strip().partition("\n")[0]
        raise NotSupported(f"{file.name}: transformers can't read it ({words})") from error
    _repair_tokenizer(tokenizer)
    # The length a GGUF tokenizer claims is 1e30.
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    _drop_traces(folder / "config.json")


def read_facts(file: Path) -> dict[str, Any]:
    """The single-valued entries of a GGUF file's header.

    Raises:
        NotSupported: It is no GGUF file, or is cut off.
    """
    from gguf import GGUFReader

    try:
        fields = GGUFReader(str(file)).fields
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise NotSupported(f"{file}: not a GGUF file, or cut off ({error})") from error
    return {name: field.contents() for name, field in fields.items() if len(field.data) == 1}


def _repair_tokenizer(tokenizer: Any) -> None:
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def _drop_traces(config: Path) -> None:
    """The stored model is plain float32: nothing may claim that it is quantised, or is named as the file's title."""
    values = json.loads(config.read_text(encoding="utf-8"))
    for trace in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        values.pop(trace, None)
    config.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
