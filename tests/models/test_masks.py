"""Which tokens of a conversation carry loss, token by token, in three styles of chat template."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from outcrop.domain.errors import InvalidInput
from outcrop.domain.records import Message, Role, TrainingRecord, Turns
from outcrop.models.chat import ChatTokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
#: The system text stands in the first user's turn.
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set system, turns = messages[0].content + '\n\n', messages[1:] %}"
    "{% else %}{% set system, turns = '', messages %}{% endif %}{{ bos_token }}"
    "{% for m in turns %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {{ system if loop.first else '' }}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
#: What the assistant thought is not in later prompts.
FORGETFUL = CHATML.replace(
    "{{ m.content }}",
    "{{ m.content if loop.last or m.role != 'assistant' or '</think>' not in m.content "
    "else m.content.split('</think>')[-1] }}",
)
WITH_DEFAULT = "{% if messages[0].role != 'system' %}<|im_start|>system\nBe brief.<|im_end|>\n{% endif %}" + CHATML

WORDS = ("\n", " ", "user", "assistant", "system", "Be", "brief.", "Hi", "Hello", "there", "Bye", "now", "?", "<think>")


@dataclass(frozen=True)
class Style:
    """A template, its special tokens, and the ones that begin a sequence and end a turn."""

    template: str
    special: tuple[str, ...]
    begin: str
    end: str

    def load(self) -> ChatTokenizer:
        """A tokenizer of one token per word or white space; it frames a text with a beginning, as real ones do."""
        vocabulary = {token: number for number, token in enumerate((*self.special, *WORDS, "[UNK]"))}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in self.special])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s|[^\s?]+|\?"), "isolated")
        tokenizer.decoder = decoders.Fuse()
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{self.begin} $A", special_tokens=[(self.begin, vocabulary[self.begin])]
        )
        wrapped = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=self.begin,
            eos_token=self.end,
            unk_token="[UNK]",
            chat_template=self.template,
        )
        return ChatTokenizer(wrapped, 512, [vocabulary[self.end]])


STYLES = {
    "ChatML": Style(CHATML, ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), "<|endoftext|>", "<|im_end|>"),
    "Llama-3": Style(
        LLAMA,
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|begin_of_text|>",
        "<|eot_id|>",
    ),
    "Mistral": Style(MISTRAL, ("<s>", "</s>", "[INST]", "[/INST]"), "<s>", "</s>"),
}

TALK = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Hi there"),
    Message(Role.ASSISTANT, "Hello ?"),
    Message(Role.USER, "Bye"),
    Message(Role.ASSISTANT, "Bye now"),
)

#: Written by hand: what carries no loss, then what does, and so on.
EXPECTED = {
    "ChatML": (
        "<|im_start|> system \n Be _ brief. <|im_end|> \n <|im_start|> user \n Hi _ there <|im_end|> \n "
        "<|im_start|> assistant \n",
        "Hello _ ? <|im_end|>",
        "\n <|im_start|> user \n Bye <|im_end|> \n <|im_start|> assistant \n",
        "Bye _ now <|im_end|>",
    ),
    "Llama-3": (
        "<|begin_of_text|> <|start_header_id|> system <|end_header_id|> \n \n Be _ brief. <|eot_id|> "
        "<|start_header_id|> user <|end_header_id|> \n \n Hi _ there <|eot_id|> "
        "<|start_header_id|> assistant <|end_header_id|> \n \n",
        "Hello _ ? <|eot_id|>",
        "<|start_header_id|> user <|end_header_id|> \n \n Bye <|eot_id|> "
        "<|start_header_id|> assistant <|end_header_id|> \n \n",
        "Bye _ now <|eot_id|>",
    ),
    "Mistral": (
        "<s> [INST] _ Be _ brief. \n \n Hi _ there _ [/INST]",
        "_ Hello _ ? </s>",
        "[INST] _ Bye _ [/INST]",
        "_ Bye _ now </s>",
    ),
}


def listed(style: str) -> list[tuple[str, bool]]:
    parts = enumerate(EXPECTED[style])
    return [(" " if token == "_" else token, bool(place % 2)) for place, part in parts for token in part.split(" ")]


def marked(tokenizer: ChatTokenizer, messages: tuple[Message, ...], turns: Turns = Turns.ALL) -> list[tuple[str, bool]]:
    encoded = tokenizer.encode_training(TrainingRecord(1, messages, needs_template=True), turns)
    tokens = tokenizer._tokenizer.convert_ids_to_tokens(list(encoded.tokens))
    return list(zip(tokens, encoded.carries_loss, strict=True))


def spans(tokens: tuple[int, ...], carries_loss: tuple[bool, ...]) -> list[tuple[int, int]]:
    """First and one past the last of each run of tokens that carry loss."""
    edges = [
        place for place in range(len(tokens)) if carries_loss[place] and (not place or not carries_loss[place - 1])
    ]
    return [(start, start + (*carries_loss[start:], False).index(False)) for start in edges]


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_masks_token_by_token(style: str) -> None:
    assert marked(STYLES[style].load(), TALK) == listed(style)


def test_with_loss_on_the_last_turn_alone(style: str) -> None:
    first_turn = len(EXPECTED[style][0].split(" ")), len(EXPECTED[style][1].split(" "))
    want = [(token, carries and place >= sum(first_turn)) for place, (token, carries) in enumerate(listed(style))]
    assert marked(STYLES[style].load(), TALK, Turns.LAST) == want


def test_a_turn_that_is_not_to_be_learnt_is_context(style: str) -> None:
    talk = (*TALK[:2], Message(Role.ASSISTANT, "Hello ?", learnt=False), *TALK[3:])
    tokenizer = STYLES[style].load()
    assert marked(tokenizer, talk) == marked(tokenizer, TALK, Turns.LAST)
    last = (*TALK[:4], Message(Role.ASSISTANT, "Bye now", learnt=False))
    assert [carries for _, carries in marked(tokenizer, last, Turns.LAST)] == []


said = st.lists(st.sampled_from(["Hi", "Hello", "there", "?", "Bye", "now"]), min_size=1, max_size=6).flatmap(
    lambda spoken: st.sampled_from([" ", "\n", " \n "]).map(lambda between: between.join(spoken))
)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(STYLES)),
    system=st.none() | said,
    exchanges=st.lists(st.tuples(said, said), min_size=1, max_size=4),
)
def test_promises(name: str, system: str | None, exchanges: list[tuple[str, str]]) -> None:
    style = STYLES[name]
    tokenizer = style.load()
    first = () if system is None else (Message(Role.SYSTEM, system),)
    turns = [
        Message(role, text) for pair in exchanges for role, text in zip((Role.USER, Role.ASSISTANT), pair, strict=True)
    ]
    messages = (*first, *turns)
    encoded = tokenizer.encode_training(TrainingRecord(1, messages, needs_template=True))
    found = spans(encoded.tokens, encoded.carries_loss)
    assert encoded.ends_turn
    assert len(found) == len(exchanges)
    for (start, stop), place in zip(found, range(len(first) + 1, len(messages), 2), strict=True):
        assert list(encoded.tokens[:start]) == tokenizer.encode_prompt(messages[:place]), "trained as it is served"
        assert tokenizer.decode(encoded.tokens[start:stop]).lstrip(" ") == messages[place].text
        assert encoded.tokens[stop - 1] in tokenizer.stop_ids, "every turn learns to stop"
    if name != "ChatML":
        assert encoded.tokens.count(tokenizer.frame[0][0]) == 1
        assert encoded.tokens[0] == tokenizer.frame[0][0]


def test_a_template_that_drops_earlier_thoughts_is_not_trained_on_wrong_tokens() -> None:
    style = STYLES["ChatML"]
    tokenizer = Style(FORGETFUL, style.special, style.begin, style.end).load()
    talk = (*TALK[:2], Message(Role.ASSISTANT, "there</think>Hello ?"), *TALK[3:])
    with pytest.raises(InvalidInput) as caught:
        marked(tokenizer, talk)
    (fault,) = caught.value.faults
    assert (fault.where, fault.field) == ("chat template", "messages[4]")
    assert "writes earlier turns anew" in fault.found
    assert "the last turn alone" in fault.expected
    served = marked(tokenizer, talk, Turns.LAST)
    assert [token for token, _ in served if "think" in token] == []
    assert [token for token, carries in served if carries] == ["Bye", " ", "now", "<|im_end|>"]
    # Without a thought nothing is dropped.
    assert marked(tokenizer, TALK) == listed("ChatML")


def test_a_default_system_message_is_part_of_every_prompt() -> None:
    style = STYLES["ChatML"]
    tokenizer = Style(WITH_DEFAULT, style.special, style.begin, style.end).load()
    assert marked(tokenizer, TALK[1:]) == listed("ChatML")


def test_what_a_template_refuses_is_refused() -> None:
    with pytest.raises(InvalidInput, match="roles must alternate"):
        marked(STYLES["Mistral"].load(), (TALK[1], TALK[1], TALK[2]))


def test_a_text_begins_and_ends_once(style: str) -> None:
    tokenizer = STYLES[style].load()
    begin, end = STYLES[style].begin, STYLES[style].end
    for text in ("Hi there", f"{begin}Hi there", f"Hi there{end}", f"{begin}Hi there{end}"):
        encoded = tokenizer.encode_document(text)
        tokens = tokenizer._tokenizer.convert_ids_to_tokens(list(encoded.tokens))
        assert tokens == [begin, "Hi", " ", "there", end]
        assert encoded.carries_loss == (False, True, True, True, True)
        assert encoded.ends_turn
