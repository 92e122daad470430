from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.records import Message, Role, TrainingRecord, Turns
from outcrop.models.chat import ChatTokenizer
from tests.models.conftest import Altered
from tests.tiny_model import CHATML, CONTEXT, tiny_model

BOS, EOS = 1, 2

#: The generation prompt opens a thought that the finished conversation does not have.
THINKING = CHATML.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>{% endif %}")
TRIMMING = CHATML.replace("message['content']", "message['content'] | trim")
NO_OPENING = CHATML.partition("{% if add_generation_prompt %}")[0]
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + CHATML
AFTERTHOUGHT = CHATML + "{% if not add_generation_prompt %}<|endoftext|> bye<|im_end|>{% endif %}"
OPEN_END = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

CONVERSATIONS = (
    ((Role.USER, "Hi"),),
    ((Role.SYSTEM, "Be brief."), (Role.USER, "What is gneiss?")),
    ((Role.USER, "Grüße 🏔️"), (Role.ASSISTANT, "山の石"), (Role.USER, "  and\n\n\tthen?  ")),
    ((Role.SYSTEM, ""), (Role.USER, "مرحبا 1234"), (Role.ASSISTANT, "\n"), (Role.USER, "\u200d\x00")),
)
COMPLETIONS = ("A rock.", " leading", "trailing \n", "Schöne Grüße 🏔️", "12  34\n\n    def f(x): ...", "\n")

texts = st.text(max_size=40)


def conversation(turns: Sequence[tuple[Role, str]], completion: str) -> TrainingRecord:
    messages = (*(Message(role, text) for role, text in turns), Message(Role.ASSISTANT, completion))
    return TrainingRecord(1, messages, needs_template=True)


def parts(tokenizer: ChatTokenizer, record: TrainingRecord) -> tuple[list[int], list[int]]:
    """The tokens that carry no loss, which must be the first ones, and those that do."""
    encoded = tokenizer.encode_training(record, Turns.LAST)
    carries = list(encoded.carries_loss)
    start = carries.index(True)
    assert carries == [False] * start + [True] * (len(encoded.tokens) - start)
    return list(encoded.tokens[:start]), list(encoded.tokens[start:])


def test_many_texts_are_read_as_one(tokenizer: ChatTokenizer) -> None:
    some = ["", " leading", "trailing \n", "Schöne Grüße 🏔️", "<|im_start|>user"]
    assert tokenizer.encode_texts(some) == [tokenizer.encode_text(text) for text in some]
    assert tokenizer.encode_texts([]) == []


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.load(tiny_folder)


@pytest.mark.parametrize("completion", COMPLETIONS)
@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_a_model_is_trained_on_the_prompt_it_is_served(
    tokenizer: ChatTokenizer, turns: Sequence[tuple[Role, str]], completion: str
) -> None:
    record = conversation(turns, completion)
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1])
    assert tokenizer.decode(trained) == completion
    assert trained[-1] in tokenizer.stop_ids
    assert not tokenizer.stop_ids.intersection(trained[:-1])
    assert tokenizer.encode_training(record).ends_turn


@settings(max_examples=150, deadline=None)
@given(turns=st.lists(st.tuples(st.sampled_from(Role), texts), min_size=1, max_size=4), completion=texts)
def test_the_same_for_any_text(tokenizer: ChatTokenizer, turns: list[tuple[Role, str]], completion: str) -> None:
    record = conversation(turns, completion)
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1])
    assert (tokenizer.decode(trained), trained[-1]) == (completion, EOS)


def test_the_rendered_text_is_the_templates(tokenizer: ChatTokenizer) -> None:
    messages = [Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hi")]
    written = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
    assert tokenizer.render(messages, answer_next=False) == written
    assert tokenizer.render(messages, answer_next=True) == written + "<|im_start|>assistant\n"
    prompt = tokenizer.encode_prompt(messages)
    assert prompt.count(BOS) == 3
    assert tokenizer.decode(prompt) == "system\nBe brief.\nuser\nHi\nassistant\n"


def test_what_a_template_adds_after_the_turn_is_not_trained(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=AFTERTHOUGHT))
    prompt, trained = parts(tokenizer, conversation([(Role.USER, "Hi")], "Hello"))
    assert tokenizer.decode(trained) == "Hello"
    assert (trained[-1], trained.count(EOS), len(trained)) == (EOS, 1, 6)
    assert prompt == tokenizer.encode_prompt([Message(Role.USER, "Hi")])


def test_an_end_of_turn_inside_of_the_completion_does_not_end_it(altered: Altered) -> None:
    for template in (CHATML, AFTERTHOUGHT, OPEN_END):
        tokenizer = ChatTokenizer.load(altered(f"model-{len(template)}", template=template))
        _, trained = parts(tokenizer, conversation([(Role.USER, "Hi")], "one<|im_end|>two"))
        assert tokenizer.decode(trained).rstrip("\n") == "onetwo"
        assert (trained[-1], trained.count(EOS)) == (EOS, 2)


def test_a_template_that_ends_no_turn_gets_the_end_of_sequence(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=OPEN_END))
    _, trained = parts(tokenizer, conversation([(Role.USER, "Hi")], "Hello"))
    assert (tokenizer.decode(trained), trained[-1], trained.count(EOS)) == ("Hello\n", EOS, 1)


def test_a_template_whose_opening_is_not_in_the_whole(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=THINKING))
    record = conversation([(Role.USER, "Hi")], "Hello")
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1])
    assert tokenizer.decode(prompt).endswith("assistant\n<think>")
    assert (tokenizer.decode(trained), trained[-1], trained.count(EOS)) == ("Hello", EOS, 1)


def test_a_template_that_strips_what_was_said(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=TRIMMING))
    record = conversation([(Role.USER, "  Hi\n")], "  Hello\n")
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt([Message(Role.USER, "Hi")])
    assert (tokenizer.decode(trained), trained[-1], trained.count(EOS)) == ("Hello", EOS, 1)


def test_a_template_that_knows_no_opening_has_it_learnt(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=NO_OPENING))
    record = conversation([(Role.USER, "Hi")], "Hello")
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1])
    assert tokenizer.decode(prompt) == "user\nHi\n"
    assert (tokenizer.decode(trained), trained[-1]) == ("assistant\nHello", EOS)


def test_a_refusal_of_the_template_is_a_fault_with_its_words(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=NO_SYSTEM))
    record = conversation([(Role.SYSTEM, "Be brief."), (Role.USER, "Hi")], "Hello")
    want = r"chat template: messages: found no system here; expected a conversation the model's template takes"
    with pytest.raises(InvalidInput, match=want):
        tokenizer.encode_prompt(record.messages[:-1])
    with pytest.raises(InvalidInput, match=want) as caught:
        tokenizer.encode_training(record)
    assert (caught.value.code, caught.value.exit_code) == ("ValidationException", 2)
    assert tokenizer.stop_ids == {EOS}
    assert tokenizer.encode_prompt([Message(Role.USER, "Hi")])


def test_a_template_that_can_not_be_read_is_a_fault(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template="{% for message in %}"))
    with pytest.raises(InvalidInput, match="chat template"):
        tokenizer.encode_prompt([Message(Role.USER, "Hi")])


def test_a_template_can_not_reach_out_of_its_sandbox(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template="{{ ''.__class__.__mro__[1].__subclasses__() }}"))
    with pytest.raises(InvalidInput, match="chat template"):
        tokenizer.encode_prompt([Message(Role.USER, "Hi")])


def test_a_model_without_a_template_joins_plainly(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=None))
    assert (tokenizer.has_template, tokenizer.template_hash) == (False, "")
    record = conversation([(Role.SYSTEM, "Rocks."), (Role.USER, "Hi 🏔️")], " Hello")
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1]) == tokenizer.encode_text("Rocks.\n\nHi 🏔️")
    assert trained == [*tokenizer.encode_text(" Hello"), EOS]


@pytest.mark.parametrize("template", [None, "{{ bos_token }}" + CHATML.replace("<|im_start|>", "> ")])
def test_a_beginning_of_sequence_comes_once(altered: Altered, template: str | None) -> None:
    folder = altered(template=template)
    _add_beginning(folder)
    tokenizer = ChatTokenizer.load(folder)
    record = conversation([(Role.USER, "Hi")], "Hello")
    prompt, trained = parts(tokenizer, record)
    assert prompt == tokenizer.encode_prompt(record.messages[:-1])
    assert (prompt[0], prompt.count(BOS), trained.count(BOS)) == (BOS, 1, 0)
    assert tokenizer.encode_text("Hi", special=True) == [BOS, *tokenizer.encode_text("Hi")]


def test_a_template_that_writes_no_beginning_gets_none(altered: Altered) -> None:
    folder = altered(template=CHATML.replace("<|im_start|>", "> "))
    _add_beginning(folder)
    assert BOS not in ChatTokenizer.load(folder).encode_prompt([Message(Role.USER, "Hi")])


def _add_beginning(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", BOS)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def test_identity_is_of_the_content_not_of_the_folder(
    tokenizer: ChatTokenizer, tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "elsewhere")
    other_weights = tiny_model(tmp_path / "other", seed=5)
    saved = tmp_path / "saved"
    tokenizer.save(saved)
    for name in ("config.json", "generation_config.json"):
        shutil.copy(tiny_folder / name, saved / name)
    for folder in (tmp_path / "elsewhere", other_weights, saved):
        assert ChatTokenizer.load(folder).identity == tokenizer.identity
    assert len(tokenizer.identity) == 64


def test_identity_changes_with_whatever_changes_tokens(tokenizer: ChatTokenizer, altered: Altered) -> None:
    model = json.loads((altered() / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    one, two = list(model["vocab"])[5:7]
    model["vocab"][one], model["vocab"][two] = model["vocab"][two], model["vocab"][one]
    loaded = {
        "as it was": tokenizer,
        "template": ChatTokenizer.load(altered("template", template=CHATML + " ")),
        "no template": ChatTokenizer.load(altered("none", template=None)),
        "vocabulary": ChatTokenizer.load(altered("vocabulary", tokenizer={"model": model})),
        "end": ChatTokenizer.load(altered("end", tokenizer_config={"eos_token": "<|endoftext|>"})),
        "beginning": ChatTokenizer.load(altered("beginning", tokenizer_config={"bos_token": "<|endoftext|>"})),
        "stops": ChatTokenizer.load(altered("stops", generation_config={"eos_token_id": [2, 90]})),
    }
    assert len({tokenizer.identity for tokenizer in loaded.values()}) == len(loaded)
    assert loaded["template"].tokenizer_hash == tokenizer.tokenizer_hash
    assert loaded["template"].template_hash != tokenizer.template_hash
    assert loaded["vocabulary"].tokenizer_hash != tokenizer.tokenizer_hash


def test_lengths_that_a_tokenizer_file_fixes_are_not_ours(altered: Altered, tokenizer: ChatTokenizer) -> None:
    folder = altered(
        tokenizer={
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": {
                "strategy": {"Fixed": 64},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "<|endoftext|>",
            },
        }
    )
    early, late = ChatTokenizer.load(folder), ChatTokenizer.load(folder)
    before = early.identity
    for loaded in (early, late):
        assert loaded.encode_text("What is gneiss?") == tokenizer.encode_text("What is gneiss?")
    assert late.identity == before == tokenizer.identity


@pytest.mark.parametrize(
    ("generation", "network", "want"),
    [
        ([2, 90, 91], 2, {2, 90, 91}),
        (90, 2, {2, 90}),
        (None, [2, 91], {2, 91}),
        (None, None, {2}),
    ],
)
def test_what_ends_a_turn(altered: Altered, generation: object, network: object, want: set[int]) -> None:
    folder = altered(generation_config={"eos_token_id": generation}, config={"eos_token_id": network})
    assert ChatTokenizer.load(folder).stop_ids == want


def test_what_the_template_ends_a_turn_with_is_a_stop_though_nothing_declares_it(altered: Altered) -> None:
    undeclared = {"eos_token_id": None}
    folder = altered(tokenizer_config={"eos_token": "<|endoftext|>"}, config=undeclared, generation_config=undeclared)
    tokenizer = ChatTokenizer.load(folder)
    assert tokenizer.stop_ids == {0, EOS}
    _, trained = parts(tokenizer, conversation([(Role.USER, "Hi")], "Hello"))
    assert (trained[-1], len(trained)) == (EOS, 6)


def test_an_ordinary_token_after_the_turn_is_no_stop(altered: Altered) -> None:
    tokenizer = ChatTokenizer.load(altered(template=OPEN_END))
    assert tokenizer.stop_ids == {EOS}


@pytest.mark.parametrize(
    ("network", "limit", "want"),
    [(CONTEXT, CONTEXT, CONTEXT), (CONTEXT, 100, 100), (300, int(1e30), 300), (None, int(1e30), 2048)],
)
def test_the_context_is_the_smallest_limit(altered: Altered, network: int | None, limit: int, want: int) -> None:
    folder = altered(config={"max_position_embeddings": network}, tokenizer_config={"model_max_length": limit})
    assert ChatTokenizer.load(folder).context == want


def test_text_longer_than_the_context_is_not_cut(tokenizer: ChatTokenizer, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(tokenizer.encode_text("a" * 3 * CONTEXT)) == 3 * CONTEXT
    assert capfd.readouterr() == ("", "")


def test_padding_has_an_id_even_where_the_tokenizer_names_none(altered: Altered, tokenizer: ChatTokenizer) -> None:
    assert tokenizer.pad_id == 0
    assert ChatTokenizer.load(altered(tokenizer_config={"pad_token": None})).pad_id == 0


@pytest.mark.parametrize("damage", ["missing", "garbage", "code", "settings", "bytes"])
def test_a_tokenizer_that_can_not_be_read(altered: Altered, damage: str) -> None:
    folder = altered()
    if damage == "missing":
        (folder / "tokenizer.json").unlink()
    elif damage == "garbage":
        (folder / "tokenizer.json").write_text("{")
    elif damage == "settings":
        (folder / "generation_config.json").write_text("{")
    elif damage == "bytes":
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    else:
        (folder / "tokenizer.json").unlink()
        config = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "own.py").write_text("raise SystemExit(3)")
    with pytest.raises(NotSupported, match="can't be read"):
        ChatTokenizer.load(folder)
