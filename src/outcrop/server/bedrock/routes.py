"""Which operation a request means: by method and raw path, since ids come percent-encoded, slashes and all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote


class Routed(Protocol):
    """What has a method and a path, whose parts are fixed words, or ``{label}`` for what a request fills in."""

    @property
    def method(self) -> str:
        """``GET``, ``POST`` …."""
        ...

    @property
    def path(self) -> tuple[str, ...]:
        """The path's parts."""
        ...


Kind = TypeVar("Kind", bound=Routed)


class Routes(Generic[Kind]):
    """Operations by method and path."""

    def __init__(self, operations: Iterable[Kind]) -> None:
        self._by_length: dict[tuple[str, int], list[Kind]] = {}
        for operation in operations:
            self._by_length.setdefault((operation.method, len(operation.path)), []).append(operation)
        for each in self._by_length.values():
            # Fixed words first: ``/custom-models/create-custom-model`` is no model's name.
            each.sort(key=lambda operation: sum(_is_label(part) for part in operation.path))

    def find(self, method: str, raw_path: str) -> tuple[Kind, dict[str, str]] | None:
        """The operation, and what the path says for its labels; None where there is none.

        Args:
            method: The request's.
            raw_path: As it was sent, without the query.
        """
        parts = raw_path.strip("/").split("/")
        for operation in self._by_length.get((method, len(parts)), ()):
            pairs = list(zip(operation.path, parts, strict=True))
            if all(_is_label(wanted) or wanted == given for wanted, given in pairs):
                return operation, {wanted[1:-1]: unquote(given) for wanted, given in pairs if _is_label(wanted)}
        return None

    def methods(self, raw_path: str) -> list[str]:
        """The methods with which a path means something, in order."""
        return sorted({method for method, _ in self._by_length if self.find(method, raw_path) is not None})


def _is_label(part: str) -> bool:
    return part.startswith("{")
