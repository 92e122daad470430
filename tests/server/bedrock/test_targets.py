"""Who answers: every name that Bedrock's clients may give, and the statuses of deployments."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop.domain.errors import NotFound
from outcrop.domain.models import Customization, Lineage
from outcrop.server.bedrock.model_names import foundation_id, model_arn
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner
from tests.server.bedrock.deployed import ACCOUNT, FOUNDATION, add_brought, add_custom
from tests.server.bedrock.runtime import ASK, RUNTIME
from tests.server.bedrock.test_customization_jobs import Put, create, refusal
from tests.server.conftest import TINY
from tests.server.serving_double import RESPONSE, ServingDouble
from tests.server.wire import Wire


@pytest.fixture
def wire(answering: Wire) -> Wire:
    """A home with a base, and two custom models of it."""
    add_custom(answering, "tuned")
    add_custom(answering, "better")
    return answering
