"""What requests for text share: the model, how it writes, and whether the answer comes as a stream."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.dialects.protocol import AnswerWriter, Inference, Usual
from outcrop.domain.faults import described
from outcrop.domain.generation import GenerationParameters
from outcrop.server.openai.fields import Fields

#: OpenAI takes four; a list that is longer is refused there too.
_MOST_STOPS = 4
_STOP = f"a text that is not empty, or a list of {_MOST_STOPS} of them at most"

_MOST = 2**31 - 1

#: What ``top_p`` 0 means: the smallest set of tokens, which is the likeliest one alone.
_LEAST_MASS = 1e-9

#: Members that ask for what is not supported, but for these values.
UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
}


@dataclass(frozen=True)
class TextRequest:
    """A request for text, read.

    Attributes:
        model: How it names what is to answer.
        inference: What is asked.
        stream: Whether the answer is to come as server-sent events.
        writer: Writes the answer, to this request alone.
    """

    model: str
    inference: Inference
    stream: bool
    writer: AnswerWriter


def read_parameters(fields: Fields, usual: Usual, lengths: tuple[str, ...]) -> GenerationParameters:
    """How a response is generated; a request that gives no seed gets a random one.

    Args:
        fields: The body.
        usual: What it gets where it doesn't say.
        lengths: Names under which the most tokens go, of which a body may use one.
    """
    temperature = fields.number("temperature", 0, 2)
    top_p = fields.number("top_p", 0, 1)
    # vLLM's members beside OpenAI's; there -1 means all.
    top_k = fields.whole("top_k", -1, _MOST)
    seed = fields.whole("seed", -(2**63), 2**63 - 1)
    return GenerationParameters(
        max_tokens=_length(fields, lengths) or usual.max_tokens,
        temperature=usual.temperature if temperature is None else temperature,
        top_p=max(usual.top_p if top_p is None else top_p, _LEAST_MASS),
        top_k=max(usual.top_k if top_k is None else top_k, 0),
        stop=_stop(fields),
        seed=secrets.randbelow(2**31) if seed is None else seed % 2**31,
    )


def read_stream(fields: Fields) -> tuple[bool, bool]:
    """Whether the answer is to come as a stream, and whether that is to end with the usage."""
    stream = fields.flag("stream")
    options = fields.inner("stream_options")
    if options is None:
        return stream, False
    if not stream:
        fields.fault("stream_options", "options of a stream", "them left out, or stream true")
    usage = options.flag("include_usage")
    # Whoever reads a stream on its way learns little from lengths that vary anyway; nothing is added to hide them.
    options.passed_over("include_obfuscation")
    options.no_others()
    return stream, usage


def _length(fields: Fields, names: tuple[str, ...]) -> int | None:
    """The most tokens, by whichever name."""
    given = {name: value for name in names if (value := fields.whole(name, 1, _MOST)) is not None}
    if len(set(given.values())) > 1:
        found = " and ".join(f"{name} {value}" for name, value in given.items())
        fields.fault(names[0], found, "one of them, or both the same")
    return next(iter(given.values()), None)


def _stop(fields: Fields) -> tuple[str, ...]:
    value = fields.take("stop")
    if value is None or isinstance(value, str):
        return () if value is None else (fields.is_text("stop", value, _STOP, least=1),)
    if not isinstance(value, list) or len(value) > _MOST_STOPS:
        fields.fault("stop", described(value), _STOP)
        return ()
    return tuple(fields.is_text(f"stop[{place}]", text, _STOP, least=1) for place, text in enumerate(value))
