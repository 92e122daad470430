"""Conversations as lists of messages: user and assistant in turns, the user first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outcrop.dialects.members import Members
from outcrop.domain.generation import Prompt
from outcrop.domain.records import Message, Role

_WANTED = "a list of messages by user and assistant in turns, the user first"


def read_conversation(
    body: Members, text: Callable[[Members], str], system: str = "", *, first_role: Role = Role.USER
) -> Prompt:
    """What the messages of a body ask. A last one by the assistant is how the response begins.

    Args:
        body: Has ``messages``, each with a role; every fault in them goes there.
        text: Reads what one message says, and leaves faults in it.
        system: What the body says beside the messages; "" where it says nothing.
        first_role: ``SYSTEM`` where the first message may be a system text.
    """
    spoken = [Message(Role.SYSTEM, system)] if system else []
    expected = Role.USER
    for item in body.each_in("messages", _WANTED):
        role = item.given("role")
        if role == first_role.value == "system" and not spoken:
            spoken.append(Message(Role.SYSTEM, text(item)))
            continue
        if role != expected.value:
            item.fault("role", f'"{expected.value}": user and assistant in turns, the user first')
        spoken.append(Message(expected, text(item)))
        expected = Role.USER if role == "assistant" else Role.ASSISTANT
    if first_role is Role.SYSTEM and len(spoken) == 1 and spoken[0].role is Role.SYSTEM:
        body.fault("messages", _WANTED)
    if spoken and spoken[-1].role is Role.ASSISTANT:
        return Prompt(0, tuple(spoken[:-1]), begun=spoken[-1].text)
    return Prompt(0, tuple(spoken))


def joined(texts: Sequence[str]) -> str:
    """The texts of a message's blocks, each on a line of its own, as data of conversations is read here."""
    return "\n".join(text for text in texts if text)
