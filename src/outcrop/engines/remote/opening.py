"""Opening a remote model: its description, its key, its client."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.engines.remote.bedrock import BedrockClient
from outcrop.engines.remote.description import RemoteModel, read_description
from outcrop.engines.remote.engine import RemoteEngine
from outcrop.engines.remote.http import Server
from outcrop.engines.remote.ledger import Ledger
from outcrop.engines.remote.openai import OpenAIClient
from outcrop.engines.remote.protocol import Client
from outcrop.engines.remote.retries import Patience


def open_remote(name: str, folder: Path, ledger: Ledger, patience: Patience, jitter: random.Random) -> RemoteEngine:
    """The engine of the remote model that a folder describes; nothing is asked of its server yet.

    Raises:
        NotFound, StorageFailure: The folder holds no description, or a damaged one.
        InvalidInput: The variable with its key is not set, or holds no key; or there is a budget of money and no price.
    """
    remote = read_description(folder)
    if ledger.budget.cost is not None and remote.input_price is None:
        want = "a model that was added with --input-price and --output-price; or OUTCROP_TOKEN_BUDGET"
        raise InvalidInput([Fault("environment", None, "OUTCROP_BUDGET", f"no prices of {name}", want)])
    return RemoteEngine(name, remote, _client(name, remote, patience), ledger, patience, jitter)


def _client(name: str, remote: RemoteModel, patience: Patience) -> Client:
    if remote.protocol == "bedrock":
        return BedrockClient(remote, patience.timeout)
    return OpenAIClient(Server(remote.address, _key(name, remote, os.environ), patience.timeout), remote)


def _key(name: str, remote: RemoteModel, environment: Mapping[str, str]) -> str:
    """The key; no message ever shows it, not even one that can't be used."""
    if not remote.api_key_env:
        return ""
    key = environment.get(remote.api_key_env, "").strip()
    if not key:
        raise InvalidInput([Fault("environment", None, remote.api_key_env, "nothing", f"the key for {name}")])
    if not key.isascii() or not key.isprintable() or " " in key:
        want = "a key: printable ASCII without spaces"
        raise InvalidInput([Fault("environment", None, remote.api_key_env, "characters that no header may have", want)])
    return key
