"""The raw path and the method say which operation is meant."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from outcrop.server.bedrock.routes import Routes
from outcrop.server.bedrock.service import operations

ROUTES = Routes(operations().values())
ARN = "arn:aws:bedrock:eu-west-1:123456789012:custom-model/meta.llama3-1-8b-instruct-v1:0/abcdefghijkl"


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_is_found_with_whatever_its_labels_hold(name: str) -> None:
    operation = operations()[name]
    labels = {part[1:-1]: f"{ARN} ä/%2F" for part in operation.path if part.startswith("{")}
    path = "/".join(quote(labels[part[1:-1]], safe="") if part.startswith("{") else part for part in operation.path)
    found = ROUTES.find(operation.method, f"/{path}")
    assert found is not None
    assert (found[0].name, found[1]) == (name, labels)


def test_fixed_words_go_before_names() -> None:
    found = ROUTES.find("POST", "/custom-models/create-custom-model")
    assert found is not None
    assert found[0].name == "CreateCustomModel"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("PUT", "/custom-models"), ("GET", "/custom-models/a/b"), ("GET", "/../custom-models"), ("GET", "")],
)
def test_anything_else_is_no_operation(method: str, path: str) -> None:
    assert ROUTES.find(method, path) is None
