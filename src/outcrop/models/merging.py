"""An adapter merged into its base: whole weights that need no adapter."""

from __future__ import annotations

import shutil
from pathlib import Path

from outcrop.domain.errors import NotSupported
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import load_network
from outcrop.models.quiet import quiet_transformers


@quiet_transformers()
def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write base plus adapter as float32 safetensors, with the base's tokenizer, template and settings.

    Raises:
        NotSupported: The base can't be loaded, or the merged weights are not finite.
    """
    from peft import PeftModel

    network = load_network(base)
    adapted = PeftModel.from_pretrained(network.model, str(adapter), is_trainable=False)
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise NotSupported(f"{adapter}: the merged weights are not finite; train the adapter again") from error
    merged.save_pretrained(str(target))
    ChatTokenizer.load(base).save(target)
    for licence in base.glob("LICENSE*"):
        shutil.copy(licence, target / licence.name)
