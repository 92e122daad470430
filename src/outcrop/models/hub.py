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
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        info = HfApi().model_info(source.repository, revision=source.revision)
        files = [file.rfilename for file in info.siblings or []]
        if not any(file.endswith(".safetensors") for file in files):
            raise NotSupported(f"{source.repository}: has no .safetensors files, and other kinds can run code")
        commit = str(info.sha)
        snapshot_download(source.repository, revision=commit, local_dir=folder, allow_patterns=_wanted(files))
    except (_no_answer(), LocalEntryNotFoundError, HFValidationError, OSError) as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise NotFound(
            f"the hub gave no {source.repository!r} at {source.revision!r} ({words[0]}); "
            "check the name, the network, and `hf auth login` for a gated model"
        ) from error
    return commit


def hub_address() -> str | None:
    """Where the hub is, by the client's own settings; None where these say that it must not be asked."""
    from huggingface_hub import constants

    return None if constants.is_offline_mode() else constants.ENDPOINT


def reach_hub(address: str, seconds: float) -> None:
    """Ask the hub for an answer, with the client's own proxy and certificates, and tell it nothing.

    Raises:
        NotFound: It gave none within ``seconds``, or one that says it is out of order.
    """
    from huggingface_hub import get_session

    try:
        status = get_session().head(address, timeout=seconds).status_code
    except (_no_answer(), OSError, ValueError) as error:
        raise NotFound(f"{address} gives no answer ({error or type(error).__name__})") from error
    # A mirror may refuse its front page and still have models.
    if status >= 500:
        raise NotFound(f"{address} answers with status {status}")


def _no_answer() -> type[Exception]:
    """What the hub's HTTP client raises where there is no answer; which client that is depends on the version."""
    from huggingface_hub.errors import HfHubHTTPError

    found: type[Exception] = HfHubHTTPError.__mro__[1]
    return found


def _wanted(files: list[str]) -> list[str]:
    """The files of a repository that make a model; weights that are there twice are fetched once."""
    top = [file for file in files if "/" not in file]
    weights = [file for file in top if file.endswith(".safetensors")]
    if "model.safetensors" in top:
        weights = ["model.safetensors"]
    elif "model.safetensors.index.json" in top:
        weights = [file for file in weights if file.startswith("model-")]
    return [*weights, *(file for file in top if any(fnmatch(file, pattern) for pattern in KEPT))]
