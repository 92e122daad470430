"""Turning a GGUF file into safetensors and a tokenizer that reads text as llama.cpp does."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from outcrop.domain.errors import NotSupported
from outcrop.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from gguf import GGUFReader

#: Pre-tokenizers (``tokenizer.ggml.pre``) that come out right, two of them by what is put back here. Others are refused
#: until proven. ``smollm`` splits digits one by one before GPT-2's rule; ``llama-bpe`` takes a word that is a token
#: whole before it merges (llama.cpp, llama-vocab.cpp); transformers drops both.
_RULES = frozenset({"smollm", "gpt-2", "llama-bpe"})


@quiet_transformers()
def convert_gguf(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file into a folder: float32 safetensors, tokenizer, template, generation settings.

    Raises:
        NotSupported: The file's pre-tokenizer is not known to come out right, its positions are stretched, transformers
            can't read it, or it is no GGUF file, or is cut off.
    """
    reader = _open(file)
    facts = _facts(reader)
    rule = facts.get("tokenizer.ggml.pre", "default")
    if rule not in _RULES:
        raise NotSupported(
            f"{file.name}: its pre-tokenizer {rule!r} may be read wrongly, and text would become other tokens than the "
            "model was trained on; add the model from the hub or from a folder of safetensors instead"
        )
    names = [*facts, *(tensor.name for tensor in reader.tensors)]
    if stretched := [name for name in names if ".rope.scaling." in name or name.startswith("rope_freqs")]:
        raise NotSupported(
            f"{file.name}: {stretched[0]} stretches the model's positions, which transformers would not see; "
            "add the model from the hub or from a folder of safetensors instead"
        )
    with TemporaryDirectory() as alone:
        # Files beside it would be taken for its own: a tokenizer_config.json there hides the file's chat template.
        (Path(alone) / file.name).symlink_to(file.absolute())
        model, tokenizer = _read(Path(alone) / file.name)
    _repair_tokenizer(tokenizer, rule)
    # The length a GGUF tokenizer claims is 1e30.
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    _drop_traces(folder / "config.json")


def _read(file: Path) -> tuple[Any, Any]:
    """The model and the tokenizer, as transformers reads them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

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
        return model, AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    except (ValueError, OSError, KeyError) as error:
        words = str(error).strip().partition("\n")[0]
        raise NotSupported(f"{file.name}: transformers can't read it ({words})") from error


def _open(file: Path) -> GGUFReader:
    from gguf import GGUFReader

    try:
        return GGUFReader(str(file))
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise NotSupported(f"{file}: not a GGUF file, or cut off ({error})") from error


def _facts(reader: GGUFReader) -> dict[str, Any]:
    """The single-valued entries of the header."""
    return {name: field.contents() for name, field in reader.fields.items() if len(field.data) == 1}


def _repair_tokenizer(tokenizer: Any, rule: str) -> None:
    from tokenizers import pre_tokenizers

    if rule == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    elif rule == "llama-bpe":
        tokenizer.backend_tokenizer.model.ignore_merges = True


def _drop_traces(config: Path) -> None:
    """The stored model is plain float32: nothing may claim that it is quantised, or is named as the file's title."""
    values = json.loads(config.read_text(encoding="utf-8"))
    for trace in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        values.pop(trace, None)
    config.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
