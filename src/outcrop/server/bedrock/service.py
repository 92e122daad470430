"""The service model: what botocore knows of each operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from outcrop.domain.errors import MissingExtra

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape, StructureShape


@dataclass(frozen=True)
class Operation:
    """An operation of the service.

    Attributes:
        name: As AWS writes it, ``GetCustomModel``.
        method: ``GET``, ``POST`` ….
        path: Its path's parts; ``{label}`` for one that a request fills in.
        status: Of a response that has what was asked.
        model: What botocore knows of it.
    """

    name: str
    method: str
    path: tuple[str, ...]
    status: int
    model: OperationModel

    @property
    def input(self) -> StructureShape | None:
        """What is asked; None where nothing is."""
        shape: StructureShape | None = self.model.input_shape
        return shape

    @property
    def output(self) -> StructureShape | None:
        """What is answered; None where nothing is."""
        shape: StructureShape | None = self.model.output_shape
        return shape

    @cached_property
    def token(self) -> str | None:
        """The field of what is asked that makes a request the same one when it is repeated; None where none does."""
        members: Mapping[str, Shape] = self.input.members if self.input else {}
        return next((name for name, shape in members.items() if shape.metadata.get("idempotencyToken")), None)


#: The control plane and the runtime, whose names and paths differ.
SERVICES = ("bedrock", "bedrock-runtime")


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """Every operation of the services, by name.

    Raises:
        MissingExtra: botocore is not installed.
    """
    return {each.name: each for service in SERVICES for each in _operations(_service_model(service))}


def _operations(model: ServiceModel) -> Iterator[Operation]:
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = operation.http["requestUri"].partition("?")[0]
        yield Operation(
            name,
            operation.http["method"],
            tuple(path.strip("/").split("/")),
            int(operation.http.get("responseCode", 200)),
            operation,
        )


def _service_model(service: str) -> ServiceModel:
    try:
        from botocore.session import Session
    except ImportError as error:
        raise MissingExtra("the server needs packages that are not installed: pip install 'outcrop[server]'") from error
    return Session().get_service_model(service)
