"""Fetching a model from the Hugging Face hub."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from outcrop.domain.errors import NotFound, NotSupported
from outcrop.models.folder import KEPT
from outcrop.models.known import HubSource


def fetch_from_hub(source: HubSource, folder: Path) -> str:
    """Download a repository's weights, configuration and tokenizer; the commit that it was.

    Raises:
        NotFound: The hub can't be reached, or has no such repository or revision, or wants a login for it.
        NotSupported: The repository has no safetensors.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    # What its HTTP client raises where there is no answer; which client that is depends on the version.
    no_answer: type[Exception] = HfHubHTTPError.__mro__[1]

    try:
        info = HfApi().model_info(source.repository, revision=source.revision)
        files = [file.rfilename for file in info.siblings or []]
        if not any(file.endswith(".safetensors") for file in files):
            raise NotSupported(f"{source.repository}: has no .safetensors files, and other kinds can run code")
        commit = str(info.sha)
        snapshot_download(source.repository, revision=commit, local_dir=folder, allow_patterns=_wanted(files))
    except (no_answer, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise NotFound(
            f"the hub gave no {source.repository!r} at {source.revision!r} ({words[0]}); "
            "check the name, the network, and `hf auth login` for a gated model"
        ) from error
    return commit


def _wanted(files: list[str]) -> list[str]:
    """The files of a repository that make a model; weights that are there twice are fetched once."""
    top = [file for file in files if "/" not in file]
    weights = [file for file in top if file.endswith(".safetensors")]
    if "model.safetensors" in top:
        weights = ["model.safetensors"]
    elif "model.safetensors.index.json" in top:
        weights = [file for file in weights if file.startswith("model-")]
    return [*weights, *(file for file in top if any(fnmatch(file, pattern) for pattern in KEPT))]
