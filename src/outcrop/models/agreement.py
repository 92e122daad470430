"""Whether an exported model computes what the model it was made from computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.exports import Agreement
from outcrop.domain.records import Message, Role
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import Network
from outcrop.models.quiet import quiet_transformers

#: Plain words, digits and spaces, code, other scripts: what tokenizers and weights treat unlike.
PROMPTS = (
    "Name three kinds of rock and say in one sentence how each of them came to be.",
    "    1. Foo  12\n\n3 apples cost 4.50, so 12 apples cost",
    "def mean(values: list[float]) -> float:\n    return",
    "Was ist Gneis? Antworte auf Deutsch. 🏔️ 花崗岩とは何ですか。",
)

#: How far apart an export may be and still be let out: without rounding, the largest difference of two logits over the
#: largest logit; with it, the least share of places with the same likeliest token, which tells a broken file from a
#: rounded one. docs/why/exports.md has what was measured.
EXACT = 1e-4
LEAST_SAME_TOKEN = {"bf16": 0.8, "f16": 0.9, "q8_0": 0.8, "q4_1": 0.5}


@torch.no_grad()
def probe(network: Network, tokenizer: ChatTokenizer) -> list[Tensor]:
    """The logits at all places of the prompts, each ``(tokens, vocabulary)``, on the CPU."""
    found = []
    for prompt in PROMPTS:
        tokens = torch.tensor([_tokens(tokenizer, prompt)], device=network.device)
        places = torch.arange(tokens.shape[1], device=network.device)[None]
        found.append(network.head(network.hidden(tokens, None, places)[0]).float().cpu())
    return found


@quiet_transformers()
def beside(network: Network, adapter: Path) -> Network:
    """The base with the adapter beside it, as PEFT computes it; the base in ``network`` is altered in place.

    Raises:
        NotSupported: PEFT can't read the adapter.
    """
    from peft import PeftModel

    try:
        adapted = PeftModel.from_pretrained(network.model, str(adapter), is_trainable=False)
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        words = str(error).strip().partition("\n")[0]
        raise NotSupported(f"{adapter}: PEFT can't read the adapter ({words})") from error
    return Network(adapted.get_base_model().eval())


def compare(want: Sequence[Tensor], got: Sequence[Tensor]) -> Agreement:
    """How near two lists of logits are."""
    places = sum(len(one) for one in want)
    same = sum(int((one.argmax(-1) == two.argmax(-1)).sum()) for one, two in zip(want, got, strict=True))
    largest = max(float((one - two).abs().max()) for one, two in zip(want, got, strict=True))
    scale = max(float(one.abs().max()) for one in want)
    return Agreement(places, same / places, largest, largest / scale)


def require_agreement(found: Agreement, name: str, number_type: str) -> None:
    """Make sure that an export is the model.

    Raises:
        NotSupported: It is further away than ``EXACT`` or ``LEAST_SAME_TOKEN`` allow.
    """
    facts = f"the same token at {found.same_token:.1%} of {found.places} places, logits up to {found.largest:.3g} apart"
    least = LEAST_SAME_TOKEN.get(number_type)
    # Not-a-number is no agreement either, and compares as false.
    good = found.relative <= EXACT if least is None else found.same_token >= least and found.relative < float("inf")
    if not good:
        want = f"{EXACT:g} of the largest logit" if least is None else f"{least:.0%}"
        raise NotSupported(
            f"{name}: the exported model is not the one it was made from: {facts}; expected {want}; nothing was "
            "written. Please report this"
        )


def _tokens(tokenizer: ChatTokenizer, prompt: str) -> list[int]:
    try:
        found = tokenizer.encode_prompt([Message(Role.USER, prompt)])
    except InvalidInput:
        found = tokenizer.encode_text(prompt, special=True)
    return found[: tokenizer.context]
