from __future__ import annotations

import pytest

from outcrop.dialects.markup import HUMAN_ASSISTANT, USER_BOT, read_prompt
from outcrop.domain.generation import Prompt
from tests.dialects.samples import assistant, system, user


def llama_3(*turns: tuple[str, str]) -> str:
    return "<|begin_of_text|>" + "".join(
        f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>" for role, text in turns
    )


NEXT = "<|start_header_id|>assistant<|end_header_id|>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (llama_3(("user", "Hi")) + NEXT, Prompt(0, (user("Hi"),))),
        (llama_3(("user", "Hi")) + f"\n{NEXT}\n", Prompt(0, (user("Hi"),))),
        (llama_3(("user", "Hi")), Prompt(0, (user("Hi"),))),
        (llama_3(("user", "Hi")).removeprefix("<|begin_of_text|>") + NEXT, Prompt(0, (user("Hi"),))),
        (
            llama_3(("system", "Be brief"), ("user", "1"), ("assistant", "2"), ("user", "3")) + f"{NEXT}\n\nSo: ",
            Prompt(0, (system("Be brief"), user("1"), assistant("2"), user("3")), begun="So: "),
        ),
        ("<s>[INST] Hi [/INST]", Prompt(0, (user("Hi"),))),
        ("[INST]Hi[/INST]", Prompt(0, (user("Hi"),))),
        ("<s>[INST] 1 [/INST] 2</s> [INST] 3 [/INST]", Prompt(0, (user("1"), assistant("2"), user("3")))),
        ("<s>[INST] 1 [/INST] 2 </s><s>[INST] 3 [/INST]", Prompt(0, (user("1"), assistant("2"), user("3")))),
        ("<s>[INST] Hi [/INST] So: ", Prompt(0, (user("Hi"),), begun="So: ")),
        (
            "<s>[INST] <<SYS>>\nBe brief\n<</SYS>>\n\nHi [/INST]",
            Prompt(0, (system("Be brief"), user("Hi"))),
        ),
    ],
)
def test_markup_of_special_tokens_is_read_in_every_prompt(text: str, expected: Prompt) -> None:
    assert read_prompt(text) == read_prompt(text, USER_BOT) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Hi",
        " Hi\n",
        "What does [INST] mean?",
        "[INST] Hi",
        "Say [INST] Hi [/INST]",
        "[INST] [/INST]",
        "[INST] 1 [/INST] 2 [INST] 3 [/INST]",
        "[INST] 1 [/INST] [INST] 3 [/INST]",
        "[INST] 1 [/INST] 2 [/INST]",
        "[INST] Hi [/INST] Hello</s>",
        "[INST] <<SYS>> Be brief [/INST]",
        "[INST] <<SYS>><</SYS>> Hi [/INST]",
        "[INST] Hi <<SYS>> Be brief <</SYS>> [/INST]",
        llama_3(("user", "1"), ("user", "2")) + NEXT,
        llama_3(("assistant", "1"), ("user", "2")) + NEXT,
        llama_3(("user", "1"), ("system", "2")) + NEXT,
        llama_3(("user", "1"), ("assistant", "2")),
        llama_3(("system", "1")),
        llama_3(("user", "")) + NEXT,
        llama_3(("ipython", "1")) + NEXT,
        "Look: " + llama_3(("user", "1")) + NEXT,
        llama_3(("user", "a<|eot_id|>b")) + NEXT,
        llama_3(("user", "a<|begin_of_text|>b")) + NEXT,
        NEXT,
        f"<|start_header_id|>user<|end_header_id|>Hi{NEXT}",
        "<|start_header_id|>user<|end_header_id|>Hi",
    ],
)
def test_markup_that_is_not_whole_is_part_of_one_message(text: str) -> None:
    assert read_prompt(text) == Prompt(0, (user(text),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n\nHuman: Hi\n\nAssistant:", Prompt(0, (user("Hi"),))),
        ("Human: Hi\n\nAssistant: So: ", Prompt(0, (user("Hi"),), begun="So: ")),
        (
            "Be brief\n\nHuman: 1\n\nAssistant: 2\n\nHuman: 3\n\nAssistant:",
            Prompt(0, (system("Be brief"), user("1"), assistant("2"), user("3"))),
        ),
    ],
)
def test_turns_of_text_completions(text: str, expected: Prompt) -> None:
    assert read_prompt(text, HUMAN_ASSISTANT) == expected
    assert read_prompt(text) == Prompt(0, (user(text),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User: Hi\nBot:", Prompt(0, (user("Hi"),))),
        (
            "Be brief\n\nUser: 1\nBot: 2\nUser: 3\nBot: So",
            Prompt(0, (system("Be brief"), user("1"), assistant("2"), user("3")), begun="So"),
        ),
    ],
)
def test_turns_of_titan(text: str, expected: Prompt) -> None:
    assert read_prompt(text, USER_BOT) == expected
    assert read_prompt(text) == Prompt(0, (user(text),))


@pytest.mark.parametrize(
    "text",
    [
        "User: Hi",
        "Hi\nBot:",
        "User: 1\nUser: 2\nBot:",
        "User: 1\nBot: 2\nUser: 3",
        "a User: 1 Bot:",
        "User:\nBot:",
        "Bot: 1",
    ],
)
def test_turns_that_are_not_whole_are_part_of_one_message(text: str) -> None:
    assert read_prompt(text, USER_BOT) == Prompt(0, (user(text),))
