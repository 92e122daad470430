"""Adding a model that a server elsewhere runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.models import Customization, Model, ModelKind
from outcrop.domain.requests import name_faults
from outcrop.engines.remote.description import UNKNOWN_CONTEXT, RemoteModel
from outcrop.services import Services


def prepare_remote(services: Services, name: str, described: Mapping[str, Any]) -> Model:
    """A remote model as the catalog is to know it; its description is put into the store.

    Raises:
        InvalidInput: The name or a field of ``RemoteModel`` can't be used: all faults.
    """
    faults = name_faults("model", name)
    known = [field.name for field in dataclasses.fields(RemoteModel)]
    faults += [
        Fault("remote model", None, field, "no field of a remote model", f"one of {', '.join(known)}")
        for field in described
        if field not in known
    ]
    if "model" not in described:
        faults.append(Fault("remote model", None, "model", "none", "the model's id at its server (--remote-model)"))
    if faults:
        raise InvalidInput(faults)
    remote = from_json(RemoteModel, dict(described), "remote model")
    if faults := remote.faults():
        raise InvalidInput(faults)
    reason = f"it is a remote model: {remote.address or 'Amazon Bedrock'} has its weights"
    return Model(
        name=name,
        kind=ModelKind.BASE,
        engine="remote",
        uri=_keep(services, remote),
        identity=remote.identity,
        source=f"{remote.model} at {remote.address or 'Amazon Bedrock, where boto3 leads'}",
        licence="see the server's terms",
        architecture="remote",
        parameters=0,
        context=remote.context or UNKNOWN_CONTEXT,
        customizations={method.value: reason for method in Customization},
        created=time.time(),
    )


def _keep(services: Services, remote: RemoteModel) -> str:
    """The key of the description in the store: models that are asked alike share one."""
    digest = hashlib.sha256(json.dumps(to_json(remote), sort_keys=True).encode()).hexdigest()
    key = f"models/remote-{digest[:32]}"
    if not services.store.exists(key):
        with services.scratch() as scratch:
            folder = scratch / "model"
            folder.mkdir()
            remote.write(folder)
            services.store.put_folder(folder, key, move=True)
    return key
