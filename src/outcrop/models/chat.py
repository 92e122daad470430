"""How a model reads a conversation: one way to tokens for checking, training and generation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput, NotSupported
from outcrop.domain.records import EncodedRecord, Message, Role, TrainingRecord, Turns
from outcrop.models.quiet import quiet_transformers

_PROBE = "outcrop probe"


@dataclass(frozen=True)
class TokenText:
    """What one token says, and whether it is a special one, such as the end of a turn."""

    text: str
    special: bool


class ChatTokenizer:
    """A model's tokenizer and chat template.

    Tokens of a prompt are the same in training and in generation because both come from ``encode_prompt``; a
    completion is tokenised by itself, as a model that generates from the prompt's last token would write it.
    """

    def __init__(self, tokenizer: Any, context: int, stop_ids: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self.context = context
        self._declared_stops = frozenset(stop_ids)

    @classmethod
    @quiet_transformers()
    def load(cls, folder: Path) -> ChatTokenizer:
        """Read the tokenizer of a model folder, without running any code of the folder's.

        Raises:
            NotSupported: The folder's tokenizer is of a kind that transformers can't read without the model's own code,
                or is damaged.
        """
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        except (ValueError, OSError, KeyError) as error:
            words = str(error).strip().partition("\n")[0]
            raise NotSupported(f"{folder}: the tokenizer can't be read ({words})") from error
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise NotSupported(
                f"{folder}: the tokenizer can't be read: {type(tokenizer).__name__} has no tokenizer.json"
            )
        # Lengths that the file fixes hold until the first call: tokens and identity must not depend on them.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        config = _read_json(folder / "config.json")
        return cls(tokenizer, _context(config, tokenizer), _declared_stops(folder, config))

    @cached_property
    def identity(self) -> str:
        """SHA-256 over all that decides a record's tokens: tokenizer, template, special tokens, ends of turn."""
        special = sorted(self._tokenizer.special_tokens_map.items())
        parts = [self.tokenizer_hash, self.template_hash, str(special), str(sorted(self.stop_ids))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @cached_property
    def tokenizer_hash(self) -> str:
        """SHA-256 of the tokenizer's own serialisation."""
        return hashlib.sha256(self.serialised.encode()).hexdigest()

    @cached_property
    def template_hash(self) -> str:
        """SHA-256 of the chat template; "" where there is none."""
        template = self._tokenizer.chat_template
        return hashlib.sha256(template.encode()).hexdigest() if self.has_template else ""

    @property
    def has_template(self) -> bool:
        """Whether the model has a chat template."""
        return isinstance(self._tokenizer.chat_template, str)

    @property
    def template(self) -> str | None:
        """The chat template; None where there is none."""
        return str(self._tokenizer.chat_template) if self.has_template else None

    @property
    def serialised(self) -> str:
        """The tokenizer as the JSON of ``tokenizer.json``."""
        return str(self._tokenizer.backend_tokenizer.to_str())

    @property
    def special_ids(self) -> dict[str, int]:
        """The ids of ``bos``, ``eos``, ``unk`` and ``pad``, as far as the tokenizer has them."""
        ids = {name: getattr(self._tokenizer, f"{name}_token_id") for name in ("bos", "eos", "unk", "pad")}
        return {name: int(number) for name, number in ids.items() if number is not None}

    @property
    def pad_id(self) -> int:
        """The id that fills short rows; it is always masked, so any id would do."""
        pad = self._tokenizer.pad_token_id
        return int(pad) if pad is not None else 0

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end a turn: those declared, the end of sequence, and what the template ends a turn with."""
        ids = set(self._declared_stops)
        if self._tokenizer.eos_token_id is not None:
            ids.add(int(self._tokenizer.eos_token_id))
        if self.has_template:
            ids.update(self._template_stop())
        return frozenset(ids)

    def encode_text(self, text: str, *, special: bool = False) -> list[int]:
        """Tokens of plain text; ``special`` adds what the tokenizer puts around a text (a beginning of sequence)."""
        return list(self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of plain texts, all at once, without what the tokenizer puts around a text."""
        encodings = self._tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """What the tokenizer puts before and after a text: a beginning of sequence, say, and nothing."""
        bare, framed = self.encode_text(_PROBE), self.encode_text(_PROBE, special=True)
        start = next(place for place in range(len(framed)) if framed[place : place + len(bare)] == bare)
        return framed[:start], framed[start + len(bare) :]

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens a model sees before it answers.

        Raises:
            InvalidInput: The template refuses the conversation.
        """
        if self.has_template:
            return self.encode_text(self.render(messages, answer_next=True))
        return self.encode_text("\n\n".join(message.text for message in messages), special=True)

    def encode_training(self, record: TrainingRecord, turns: Turns = Turns.ALL) -> EncodedRecord:
        """The tokens of a training record; what the assistant says, and the end of each of its turns, carry loss.

        Before each turn that carries loss stand the very tokens that the model is served there.

        Raises:
            InvalidInput: The template refuses the conversation; or it writes an earlier turn, once there are later
                ones, otherwise than the model was to learn it.
        """
        tokens: tuple[int, ...] = ()
        carries: tuple[bool, ...] = ()
        ends_turn = True
        for end in _learnt(record.messages, turns):
            prompt = self.encode_prompt(record.messages[: end - 1])
            if tuple(prompt[: len(tokens)]) != tokens:
                raise InvalidInput([_rewritten(end - 1)])
            completion = self._completion(record.messages[:end])
            carries += (False,) * (len(prompt) - len(tokens)) + (True,) * len(completion)
            tokens = (*prompt, *completion)
            ends_turn = ends_turn and bool(completion) and completion[-1] in self.stop_ids
        return EncodedRecord(tokens, carries, ends_turn and bool(tokens))

    def encode_document(self, text: str) -> EncodedRecord:
        """The tokens of a text in the frame that the tokenizer gives texts, with an end of sequence.

        A text that has its beginning or its end of sequence written out gets no second one.
        """
        (before, after), tokens = self.frame, self.encode_text(text)
        ends = after or self._end_of_sequence()
        if tokens[: len(before)] != before:
            tokens = [*before, *tokens]
        if ends and tokens[-len(ends) :] != ends:
            tokens += ends
        return EncodedRecord(tuple(tokens), (False,) + (True,) * (len(tokens) - 1), ends_turn=bool(ends))

    def render(self, messages: Sequence[Message], *, answer_next: bool) -> str:
        """The conversation as the template writes it; ``answer_next`` opens the assistant's turn.

        Raises:
            InvalidInput: The template refuses the conversation (a system message it does not know, say).
        """
        turns = [{"role": message.role.value, "content": message.text} for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answer_next)
        except Exception as error:
            fault = Fault("chat template", None, "messages", str(error), "a conversation the model's template takes")
            raise InvalidInput([fault]) from error
        return str(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        text = self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def token_texts(self, tokens: Sequence[int]) -> list[TokenText]:
        """What each token says, special ones too.

        Where several tokens write one character, the last of them has it, and those before say "".
        """
        from tokenizers.decoders import DecodeStream

        added = self._tokenizer.added_tokens_decoder
        stream = DecodeStream(skip_special_tokens=False)
        texts = []
        for token in tokens:
            said = stream.step(self._tokenizer.backend_tokenizer, token)
            texts.append(TokenText(said or "", special=token in added and bool(added[token].special)))
        return texts

    def save(self, folder: Path) -> None:
        """Write tokenizer and template where ``load`` finds them."""
        self._tokenizer.save_pretrained(str(folder))

    def _completion(self, messages: Sequence[Message]) -> list[int]:
        """Tokens from the end of the prompt to the end of the turn; what a template adds after it is not trained."""
        if not self.has_template:
            return [*self.encode_text(messages[-1].text), *self._end_of_sequence()]
        opened = self.render(messages[:-1], answer_next=True)
        whole = self.render(messages, answer_next=False)
        if not whole.startswith(opened):
            return [*self.encode_text(messages[-1].text), *self._end_of_sequence()]
        tokens = self.encode_text(whole[len(opened) :])
        ends = [place for place, token in enumerate(tokens) if token in self.stop_ids]
        # The text itself may hold such tokens; the turn ends at the first that the template wrote.
        inside = sum(token in self.stop_ids for token in self.encode_text(messages[-1].text))
        return tokens[: ends[inside] + 1] if len(ends) > inside else [*tokens, *self._end_of_sequence()]

    def _end_of_sequence(self) -> list[int]:
        eos = self._tokenizer.eos_token_id
        return [] if eos is None else [int(eos)]

    def _template_stop(self) -> set[int]:
        """The special token that the template puts right after what the assistant said, if any."""
        turns = [Message(Role.USER, _PROBE), Message(Role.ASSISTANT, _PROBE)]
        try:
            whole = self.render(turns, answer_next=False)
        except InvalidInput:
            return set()
        after = self.encode_text(whole[whole.rindex(_PROBE) + len(_PROBE) :]) if _PROBE in whole else []
        special = {number for number, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        return {after[0]} if after and after[0] in special else set()


def _learnt(messages: Sequence[Message], turns: Turns) -> list[int]:
    """One past the place of each turn that carries loss."""
    last = len(messages)
    first = last if turns is Turns.LAST else 1
    spoken = range(first, last + 1)
    return [end for end in spoken if messages[end - 1].role is Role.ASSISTANT and messages[end - 1].learnt]


def _rewritten(place: int) -> Fault:
    """The fault of a conversation in whose later prompts the template has other tokens for earlier turns."""
    found = "a template that writes earlier turns anew in later prompts, so that they can't all be learnt at once"
    expected = "loss on the last turn alone, or a record for each turn"
    return Fault("chat template", None, f"messages[{place}]", found, expected)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise NotSupported(f"{path}: can't be read ({error})") from error


def _context(config: dict[str, Any], tokenizer: Any) -> int:
    # A tokenizer without a limit says 1e30; then the network's own number is the only one.
    limits = [config.get("max_position_embeddings"), config.get("n_positions"), tokenizer.model_max_length]
    known = [int(limit) for limit in limits if limit and limit < 1e9]
    return min(known) if known else 2048


def _declared_stops(folder: Path, config: dict[str, Any]) -> list[int]:
    declared = _read_json(folder / "generation_config.json").get("eos_token_id", config.get("eos_token_id"))
    if declared is None:
        return []
    return [int(declared)] if isinstance(declared, int) else [int(token) for token in declared]
