"""Models that tests deploy: custom ones of the tiny model, without training them."""

from __future__ import annotations

from dataclasses import replace

from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.models import Customization, Lineage, Model, ModelKind
from outcrop.testing.catalogs import a_model
from tests.server.conftest import TINY
from tests.server.wire import Wire

ACCOUNT = "arn:aws:bedrock:eu-central-1:123456789012"

#: The ARN of the foundation model behind the custom models.
FOUNDATION = f"arn:aws:bedrock:eu-central-1::foundation-model/{TINY}"


def add_custom(wire: Wire, name: str, *, base: str = "tiny") -> str:
    """Add a custom model that claims to be made from a base; its ARN."""
    job = f"job{name}000000000000"[:12]
    lineage = Lineage(job, base, a_model().identity, Customization.LORA, "", "", {}, 0, {})
    wire.outcrop.services.catalog.add_model(replace(a_model(name), kind=ModelKind.ADAPTER, base=base, lineage=lineage))
    return f"{ACCOUNT}:custom-model/{TINY}/{job}"


def add_brought(wire: Wire, name: str, kind: str) -> Model:
    """Add a model that an import job brought, as an ``imported-model`` or a ``custom-model``."""
    job = f"imp{name}000000000000"[:12]
    request = {"model": name, "source": "s3://bucket/model/"}
    catalog = wire.outcrop.services.catalog
    catalog.add_job(
        Job(job, f"bring-{name}", JobKind.IMPORT, Status.DONE, request, created=1.0, asked={"brings": kind})
    )
    model = a_model(name, imported=job)
    catalog.add_model(model)
    return model
