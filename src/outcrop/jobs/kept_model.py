"""A folder of model files becomes a model of the home."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path

from outcrop.domain.errors import AlreadyExists
from outcrop.domain.models import Model, ModelKind
from outcrop.models.folder import inspect_model
from outcrop.services import Services
from outcrop.stores.manifest import file_hash


def keep_model(
    services: Services, folder: Path, name: str, *, source: str, licence: str = "", imported: str | None = None
) -> Model:
    """Put a folder's files into the store, where they are kept once; the base model that they are, in no catalog yet.

    Args:
        services: The home.
        folder: The files, which are taken from there.
        name: The model's name.
        source: Where they came from, as a person would say it.
        licence: Its terms; "" where only the source knows.
        imported: The id of the job that brought them.

    Raises:
        NotSupported: They are no model that can be read.
        StorageFailure: The store can't be written.
    """
    facts = inspect_model(folder)
    key = f"models/{facts.identity.weights[:24]}-{_settings_hash(folder)[:16]}"
    # The very same files may be there, or come there meanwhile.
    with suppress(AlreadyExists):
        services.store.put_folder(folder, key, move=True)
    return Model(
        name=name,
        kind=ModelKind.BASE,
        engine=facts.engine,
        uri=key,
        identity=facts.identity,
        source=source,
        licence=licence or "see the source",
        architecture=facts.architecture,
        parameters=facts.parameters,
        context=facts.context,
        customizations=facts.customizations,
        created=time.time(),
        imported=imported,
    )


def _settings_hash(folder: Path) -> str:
    """SHA-256 over all files but the weights: models share a folder only where nothing tells them apart."""
    files = sorted(file for file in folder.iterdir() if file.suffix != ".safetensors")
    return hashlib.sha256("\0".join(f"{file.name}\0{file_hash(file)}" for file in files).encode()).hexdigest()
