"""What is known of a remote model: a small JSON file, which is all that the store has of it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import Fault, NotFound, StorageFailure
from outcrop.domain.generation import Spending
from outcrop.domain.models import Identity
from outcrop.engines.remote.address import address_fault, normalised
from outcrop.engines.remote.protocol import Usage

FILE = "remote.json"

#: Stands for a context that nobody stated: longer than any prompt.
UNKNOWN_CONTEXT = 1 << 20

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MILLION = 1_000_000


@dataclass(frozen=True)
class RemoteModel:
    """Where a remote model is and how it is asked.

    Attributes:
        model: Its id at the server.
        url: The server's address; for Bedrock, "" is where boto3 leads.
        protocol: ``openai`` or ``bedrock``.
        api_key_env: The environment variable that holds the key, which is read when a request is made and kept nowhere;
            "" for a server without one, and for Bedrock, where boto3 finds credentials.
        input_price, output_price: Money per million tokens read and written, in any one currency; None for unknown.
        context: The most tokens of prompt and response together; None for unknown.
        max_concurrency: The most requests under way at once.
        logprobs: Whether to ask for each written token's log-probability.
    """

    model: str
    url: str = ""
    protocol: str = "openai"
    api_key_env: str = ""
    input_price: float | None = None
    output_price: float | None = None
    context: int | None = None
    max_concurrency: int = 64
    logprobs: bool = False

    def faults(self) -> list[Fault]:
        """What can't be used, one fault each."""
        found = [*self._name_faults(), *self._protocol_faults()]
        for name in ("input_price", "output_price"):
            value = getattr(self, name)
            if value is not None and not (0 <= value < math.inf):
                found.append(_fault(name, value, "money per million tokens, 0 or more"))
        if (self.input_price is None) != (self.output_price is None):
            found.append(_fault("input_price, output_price", "one without the other", "both, or none"))
        if self.context is not None and self.context < 2:
            found.append(_fault("context", self.context, "a whole number of tokens, 2 or more"))
        if not 1 <= self.max_concurrency <= 1000:
            found.append(_fault("max_concurrency", self.max_concurrency, "1 to 1000"))
        return found

    def _name_faults(self) -> list[Fault]:
        found = []
        if not self.model.strip() or not self.model.isprintable():
            found.append(_fault("model", self.model, "the model's id at the server"))
        if self.api_key_env and not _VARIABLE.fullmatch(self.api_key_env):
            # Most likely the key itself, which must not be shown.
            found.append(
                _fault("api_key_env", "no name of a variable", "the name of an environment variable, not the key")
            )
        return found

    def _protocol_faults(self) -> list[Fault]:
        if self.protocol not in ("openai", "bedrock"):
            return [_fault("protocol", self.protocol, "openai or bedrock")]
        found = []
        if self.url or self.protocol == "openai":
            expected = address_fault(self.url)
            if expected:
                # What stands before an @ or after a ? may be a secret.
                shown = self.url if not set("@?") & set(self.url) else "user, password or query in it"
                found.append(_fault("url", shown, expected))
        if self.protocol == "bedrock" and self.api_key_env:
            found.append(_fault("api_key_env", self.api_key_env, "nothing: boto3 finds credentials by itself"))
        if self.protocol == "bedrock" and self.logprobs:
            found.append(_fault("logprobs", self.logprobs, "no: Bedrock tells none"))
        return found

    @property
    def address(self) -> str:
        """The address that requests go to; "" where boto3 decides."""
        return normalised(self.url) if self.protocol == "openai" else self.url.rstrip("/")

    @property
    def identity(self) -> Identity:
        """A hash of protocol, address and id; of the weights behind them nobody knows anything."""
        digest = hashlib.sha256(f"{self.protocol}\0{self.address}\0{self.model}".encode()).hexdigest()
        return Identity(digest, digest, digest)

    def price(self, usage: Usage) -> Spending:
        """What tokens cost; 0 where the prices are not known."""
        cost = usage.prompt_tokens * (self.input_price or 0.0) + usage.tokens * (self.output_price or 0.0)
        return Spending(usage.prompt_tokens + usage.tokens, cost / _MILLION)

    def write(self, folder: Path) -> None:
        """Write ``remote.json`` into a folder."""
        text = json.dumps(to_json(self), indent=1, sort_keys=True)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> RemoteModel:
    """The remote model that a folder describes.

    Raises:
        NotFound: The folder holds no ``remote.json``.
        StorageFailure: It is no JSON.
        InvalidInput: It says something else than what a remote model has.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"{folder} holds no {FILE}")
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StorageFailure(f"{path}: is no JSON ({error}); remove the model and add it again") from error
    return from_json(RemoteModel, plain, str(path))


def _fault(name: str, found: object, expected: str) -> Fault:
    return Fault("remote model", None, name, str(found)[:160], expected)
