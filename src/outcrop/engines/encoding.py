"""From what an engine is asked to the tokens that a model reads: the same for every engine with our tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.generation import Context, GenerationParameters, Prompt
from outcrop.engines.planning import length_fault
from outcrop.engines.windows import require_windows, rolling_windows
from outcrop.models.chat import ChatTokenizer

_SHOWN = 1000


@dataclass(frozen=True)
class Continuation:
    """Tokens of which those from ``start`` on are scored; ``start`` is 1 or more."""

    tokens: list[int]
    start: int


def encode_prompts(
    tokenizer: ChatTokenizer, prompts: Sequence[Prompt], parameters: GenerationParameters, context: int
) -> list[list[int]]:
    """The tokens of each prompt.

    Args:
        tokenizer: The model's.
        prompts: What to answer.
        parameters: How; checked here too, so that all faults come at once.
        context: The most tokens of a prompt and its response.

    Raises:
        InvalidInput: A parameter is out of range, the chat template refuses a prompt, or a prompt leaves no room in the
            context; all of them.
    """
    rows, faults = [], parameters.faults()
    for prompt in prompts:
        where = f"prompt {prompt.number}"
        try:
            tokens = _prompt(tokenizer, prompt)
        except InvalidInput as refusal:
            faults += [Fault(where, None, fault.field, fault.found, fault.expected) for fault in refusal.faults]
            continue
        fault = length_fault(where, len(tokens), 1, context - 1)
        faults += [fault] if fault else []
        rows.append(tokens)
    if faults:
        raise InvalidInput(faults[:_SHOWN], len(faults))
    return rows


def encode_requests(
    tokenizer: ChatTokenizer, requests: Sequence[tuple[Context, str]], context: int
) -> list[Continuation]:
    """Contexts and continuations, tokenised by themselves and joined; see ``Engine.loglikelihood``.

    A context's tokens never depend on the continuation. The context begins with what the tokenizer puts before a text.

    Raises:
        InvalidInput: Requests of more tokens than ``context``; all of them.
    """
    befores = {before: _context(tokenizer, before) for before in {before for before, _ in requests}}
    texts = {text: tokenizer.encode_text(text) for text in {text for _, text in requests}}
    items = [Continuation(befores[before] + texts[text], max(1, len(befores[before]))) for before, text in requests]
    require_lengths([len(item.tokens) for item in items], "request", 0, context)
    return items


def encode_windows(
    tokenizer: ChatTokenizer, texts: Sequence[str], context: int, *, window: int, stride: int, full_last: bool = False
) -> list[list[Continuation]]:
    """The windows of each text, see ``Engine.rolling_loglikelihood``.

    A text begins with what the tokenizer puts before a text; one that begins with it already has it once.

    Raises:
        InvalidInput: The window is more than ``context``, or it or the stride is out of range otherwise: all faults.
    """
    require_windows(window, stride, context)
    found = []
    for row in (_whole(tokenizer, text) for text in texts):
        windows = rolling_windows(len(row), window, stride, full_last=full_last)
        found.append([Continuation(row[one.start : one.end], one.first - one.start) for one in windows])
    return found


def require_lengths(lengths: Sequence[int], what: str, least: int, most: int) -> None:
    """Make sure that texts have so many tokens.

    Raises:
        InvalidInput: Some have fewer or more; all of them.
    """
    faults = [length_fault(f"{what} {place}", length, least, most) for place, length in enumerate(lengths)]
    found = [fault for fault in faults if fault]
    if found:
        raise InvalidInput(found[:_SHOWN], len(found))


def _prompt(tokenizer: ChatTokenizer, prompt: Prompt) -> list[int]:
    if prompt.chat:
        return tokenizer.encode_prompt(prompt.messages) + tokenizer.encode_text(prompt.begun)
    return tokenizer.encode_text("\n\n".join(message.text for message in prompt.messages) + prompt.begun, special=True)


def _context(tokenizer: ChatTokenizer, context: Context) -> list[int]:
    if isinstance(context, str):
        return tokenizer.encode_text(context, special=True)
    return tokenizer.encode_prompt(context)


def _whole(tokenizer: ChatTokenizer, text: str) -> list[int]:
    before, _ = tokenizer.frame
    tokens = tokenizer.encode_text(text)
    return tokens if tokens[: len(before)] == before else before + tokens
