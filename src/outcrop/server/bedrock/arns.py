"""Names of resources in AWS's shapes: ``arn:aws:bedrock:REGION:ACCOUNT:KIND/…/ID``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcrop.server.errors import WireError

CUSTOMIZATION_JOB = "model-customization-job"
CUSTOM_MODEL = "custom-model"
CUSTOM_MODEL_DEPLOYMENT = "custom-model-deployment"
EVALUATION_JOB = "evaluation-job"
FOUNDATION_MODEL = "foundation-model"
IMPORT_JOB = "model-import-job"
IMPORTED_MODEL = "imported-model"
INFERENCE_PROFILE = "inference-profile"
INVOCATION_JOB = "model-invocation-job"
PROVISIONED_MODEL = "provisioned-model"

_ARN = re.compile(
    r"arn:aws(?:-[a-z-]+)?:bedrock:(?P<region>[a-z0-9-]{1,32}):(?P<account>[0-9]{12})?:"
    r"(?P<kind>[a-z-]+)/(?P<path>[^\s/]{1,200}(?:/[a-z0-9]{12})?)"
)


@dataclass(frozen=True)
class Arn:
    """A resource's name, taken apart.

    Attributes:
        kind: What it names: ``custom-model``.
        base: The foundation model within it, or ``imported``; "" where it has none.
        id: Its last part: twelve letters and digits, or a foundation model's id.
    """

    kind: str
    base: str
    id: str

    @property
    def resource(self) -> str:
        """What is the same in every region: tags are kept by it."""
        return f"{self.kind}/{self.id}"


def parse(text: str) -> Arn:
    """An ARN's parts.

    Raises:
        WireError: ValidationException, for a text that is none.
    """
    found = _ARN.fullmatch(text)
    if found is None:
        raise WireError("ValidationException", f"{text[:200]!r} is no ARN of Bedrock")
    base, _, last = found["path"].rpartition("/")
    return Arn(found["kind"], base, last)


def is_arn(text: str) -> bool:
    """Whether a text is meant as an ARN."""
    return text.startswith("arn:")


@dataclass(frozen=True)
class Names:
    """Makes ARNs of a region and an account."""

    region: str
    account: str

    def of(self, kind: str, *path: str) -> str:
        """The ARN of a resource; foundation models belong to no account."""
        account = "" if kind == FOUNDATION_MODEL else self.account
        return f"arn:aws:bedrock:{self.region}:{account}:{kind}/{'/'.join(path)}"
