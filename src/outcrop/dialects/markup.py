"""Prompts that are one text: those that carry the markup of a chat are read into its messages.

Scripts for Bedrock write the markup that the family they call was trained with. The model that answers here may be of
another family, under an alias, or trained with another template: its own chat template writes the conversation out.
Were the markup left in, the model would see it twice, or see one that it never learnt. A text without markup is one
message by the user, which is how data of prompts and completions is trained and evaluated here.

Markup is read only where it is whole: each turn closed, user and assistant in turns, nothing between them. Whatever
else there is may be a text about markup, or a mistake, and stays as it was written: one message. Special tokens such
as ``[INST]`` don't occur in ordinary texts, and are read in every family's prompts; words such as ``User:`` do, and are
read only in those of the family that asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from outcrop.domain.generation import Prompt
from outcrop.domain.records import Message, Role

#: The words of Anthropic's text completions, and of Titan. What stands before the first turn is a system text.
HUMAN_ASSISTANT = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
USER_BOT = re.compile(r"(?:\A\s*|\n)(User|Bot):")

_ROLES = {"Human": Role.USER, "Assistant": Role.ASSISTANT, "User": Role.USER, "Bot": Role.ASSISTANT}

_HEADER = re.compile(r"<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>")
_END = "<|eot_id|>"
_LLAMA_3 = re.compile(r"<\|(?:begin_of_text|start_header_id|end_header_id|eot_id)\|>")

_INSTRUCTED = re.compile(r"</?s>|\[/?INST\]|<</?SYS>>")
_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>(.*)", re.DOTALL)

Turn = tuple[Role, str]


def read_prompt(text: str, words: re.Pattern[str] | None = None) -> Prompt:
    """What a text asks: the conversation that its markup holds, or one message.

    Args:
        text: The prompt as it was sent.
        words: The words that begin turns in prompts of its family: ``HUMAN_ASSISTANT``, ``USER_BOT`` or none.
    """
    turns = _llama_3(text) or _instructed(text) or (_worded(text, words) if words else None)
    return (turns and _conversation(turns)) or Prompt(0, (Message(Role.USER, text),))


def _conversation(turns: Sequence[Turn]) -> Prompt | None:
    """The prompt of some turns, if they are one: the assistant's last one, which may be empty, is gone on with."""
    begun = turns[-1][1].lstrip()
    spoken = [Message(role, text.strip()) for role, text in turns[:-1]]
    roles = [role for role, _ in turns]
    first = roles[0] is Role.SYSTEM
    in_turn = [(Role.USER, Role.ASSISTANT)[place % 2] for place in range(len(turns) - first)]
    if roles[first:] != in_turn or len(in_turn) % 2 or not all(message.text for message in spoken):
        return None
    return Prompt(0, tuple(spoken), begun=begun)


def _llama_3(text: str) -> list[Turn] | None:
    """Turns between the headers of Llama 3; without a last one by the assistant, its header is what comes next."""
    head, *parts = _HEADER.split(text)
    if not parts or head.strip() not in ("", "<|begin_of_text|>"):
        return None
    turns = [(Role(role), said) for role, said in zip(parts[::2], parts[1::2], strict=True)]
    if turns[-1][1].rstrip().endswith(_END):
        turns.append((Role.ASSISTANT, ""))
    closed = [(role, said.rstrip()) for role, said in turns[:-1]]
    bare = [(role, said.removesuffix(_END)) for role, said in closed]
    whole = all(said.endswith(_END) for _, said in closed)
    bare.append(turns[-1])
    return bare if whole and not any(_LLAMA_3.search(said) for _, said in bare) else None


def _instructed(text: str) -> list[Turn] | None:
    """Turns of Llama 2 and Mistral: what the user says stands between ``[INST]`` and ``[/INST]``."""
    head, *parts = text.split("[INST]")
    if not parts or head.strip() not in ("", "<s>"):
        return None
    turns: list[Turn] = []
    for place, part in enumerate(parts, start=1):
        said, closed, answer = part.partition("[/INST]")
        if place < len(parts):
            answer = answer.rstrip().removesuffix("<s>").rstrip()
            closed = closed if answer.endswith("</s>") else ""
            answer = answer.removesuffix("</s>")
        if not closed:
            return None
        turns += [(Role.USER, said), (Role.ASSISTANT, answer)]
    system = _SYSTEM.fullmatch(turns[0][1])
    if system:
        turns[:1] = [(Role.SYSTEM, system[1]), (Role.USER, system[2])]
    return None if any(_INSTRUCTED.search(said) for _, said in turns) else turns


def _worded(text: str, words: re.Pattern[str]) -> list[Turn] | None:
    """Turns that begin with words, each on a line of its own."""
    head, *parts = words.split(text)
    if not parts:
        return None
    turns = [(_ROLES[word], said) for word, said in zip(parts[::2], parts[1::2], strict=True)]
    return [(Role.SYSTEM, head), *turns] if head.strip() else turns
