"""Models: list, add, show, remove, alias, export."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outcrop.app.exports import export_model
from outcrop.app.remote_models import prepare_remote
from outcrop.domain.errors import AlreadyExists, InvalidInput, NotFound
from outcrop.domain.exports import Export
from outcrop.domain.models import Customization, Identity, Model, ModelKind
from outcrop.domain.requests import name_faults
from outcrop.jobs.kept_model import keep_model
from outcrop.jobs.model_files import bring_model, model_files
from outcrop.models.fetch import fetch_model
from outcrop.models.known import KNOWN, FolderSource, GgufSource, HubSource, Source
from outcrop.services import Services
from outcrop.stores.address import is_address
from outcrop.stores.manifest import file_hash

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def _silent(_: str) -> None:
    return None


class Models:
    """The models of one home folder."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self) -> list[Model]:
        """All models, by name."""
        return self._services.catalog.models()

    def show(self, name: str) -> Model:
        """The model of that name or alias.

        Raises:
            NotFound: There is none.
        """
        return self._services.catalog.model(name)

    def add(self, source: str, name: str | None = None, say: Callable[[str], None] = _silent) -> Model:
        """Add a base model; one that is there already under that name is returned as it is.

        Args:
            source: A known model's name, a repository of the Hugging Face hub (``owner/name`` or
                ``owner/name@revision``), a folder of safetensors, here or at an ``s3://`` address, or a GGUF file.
            name: Its name here; a known model keeps its own.
            say: Hears what is going on.

        Raises:
            InvalidInput: The name is not one.
            AlreadyExists: The name is taken.
            NotFound: The source is unknown, or can't be reached.
            NotSupported: What the source has can't be read safely and rightly.
        """
        known = KNOWN.get(source)
        if known is None and is_address(source):
            return self._add_from_bucket(source, name or _default_name(source), say)
        place = known.source if known else _source(source)
        name = name or (known.name if known else _default_name(source))
        if faults := name_faults("model", name):
            raise InvalidInput(faults)
        if known is not None and name == known.name and (there := self._existing(name)) is not None:
            return there
        self._require_free(name)
        return self._fetch(place, name, known.licence if known else "", say)

    def _add_from_bucket(self, place: str, name: str, say: Callable[[str], None]) -> Model:
        if faults := name_faults("model", name):
            raise InvalidInput(faults)
        self._require_free(name)
        say(f"fetching {place}")
        files = model_files(self._services, place)
        with self._services.scratch() as scratch:
            bring_model(self._services, place, files, scratch / "model", lambda *_: None)
            return self._keep(scratch / "model", name, place, "", say)

    def add_scripted(self, name: str, script: Path | str) -> Model:
        """Add the shipped double: a model that answers as a script says, for tests and rehearsals.

        Args:
            name: Its name.
            script: A folder with ``scripted.json`` as ``engines.scripted`` describes it.

        Raises:
            InvalidInput: The name or the script is not one.
            AlreadyExists: The name is taken.
        """
        from outcrop.engines.scripted import ScriptedEngine

        if faults := name_faults("model", name):
            raise InvalidInput(faults)
        self._require_free(name)
        ScriptedEngine.load(Path(script))
        digest = file_hash(Path(script) / "scripted.json")
        key = f"models/scripted-{digest[:32]}"
        if not self._services.store.exists(key):
            self._services.store.put_folder(Path(script), key)
        reason = "it is a script, not a network"
        model = Model(
            name=name,
            kind=ModelKind.BASE,
            engine="scripted",
            uri=key,
            identity=Identity(digest, digest, ""),
            source=f"the script {script}",
            licence="",
            architecture="scripted",
            parameters=0,
            context=1 << 20,
            customizations={method.value: reason for method in Customization},
            created=time.time(),
        )
        self._services.catalog.add_model(model)
        return model

    def add_remote(self, name: str, **described: Any) -> Model:
        """Add a model that a server elsewhere runs; nothing is asked of it yet.

        Args:
            name: Its name here.
            **described: Fields of ``engines.remote.description.RemoteModel``: ``model`` (its id there), ``url``,
                ``protocol``, ``api_key_env``, ``input_price``, ``output_price``, ``context``, ``max_concurrency``,
                ``logprobs``.

        Raises:
            InvalidInput: The name or a field can't be used: all faults.
            AlreadyExists: The name is taken.
        """
        model = prepare_remote(self._services, name, described)
        self._require_free(name)
        self._services.catalog.add_model(model)
        return model

    def remove(self, name: str) -> int:
        """Forget a model and delete its files, unless another model uses the same ones; the bytes that freed.

        Raises:
            NotFound: There is no model of that name.
            IllegalMove: Custom models sit on it.
        """
        model = self._services.catalog.remove_model(name)
        shared = any(other.uri == model.uri for other in self._services.catalog.models())
        return 0 if shared else self._services.store.delete(model.uri)

    def alias(self, alias: str, model: str) -> None:
        """Give a model another name.

        Raises:
            InvalidInput: The alias is no name.
            NotFound: There is no such model.
            AlreadyExists: A model has that name.
        """
        if faults := name_faults("alias", alias):
            raise InvalidInput(faults)
        self._services.catalog.set_alias(alias, self.show(model).name)

    def aliases(self) -> dict[str, str]:
        """All aliases and the models they name."""
        return self._services.catalog.aliases()

    def remove_alias(self, alias: str) -> None:
        """Forget an alias.

        Raises:
            NotFound: There is none.
        """
        self._services.catalog.remove_alias(alias)

    def export(
        self,
        name: str,
        folder: Path | str,
        *,
        form: str | None = None,
        number_type: str | None = None,
        say: Callable[[str], None] = _silent,
    ) -> Export:
        """Write a model into a new folder, for other tools, with tokenizer, template, licence and a model card.

        What is rounded is measured first, and what is written is compared with the model: an export that is not the
        model, or has nothing left of its training, is refused, and the folder stays empty.

        Args:
            name: The model.
            folder: Where to; must not exist, or be empty.
            form: ``adapter``, as PEFT reads it; ``safetensors`` or ``gguf``, as whole weights: an adapter is merged
                into its base in float32. Where None, what the model is stored as.
            number_type: ``fp32`` or ``bf16`` for safetensors; ``q8_0``, ``f16`` or ``q4_1`` for GGUF. Where None, the
                first of these; whole weights that stay safetensors are copied as they are.
            say: Hears what is going on.

        Raises:
            NotFound: There is no such model.
            InvalidInput: The folder holds something; form or type are none.
            NotSupported: The model can't be had in that form; its base here is not the one it was trained on; less
                than half of its update would be left; what was written does not compute what the model computes.
            StorageFailure: The folder can't be written, or a stored file was altered.
        """
        return export_model(self._services, self.show(name), Path(folder), form=form, number_type=number_type, say=say)

    def _existing(self, name: str) -> Model | None:
        try:
            return self._services.catalog.model(name)
        except NotFound:
            return None

    def _require_free(self, name: str) -> None:
        if self._existing(name) is not None:
            raise AlreadyExists(f"there is a model or alias named {name!r} already; give another name")

    def _fetch(self, source: Source, name: str, licence: str, say: Callable[[str], None]) -> Model:
        with self._services.scratch() as scratch:
            folder = scratch / "model"
            folder.mkdir()
            words = fetch_model(source, folder, say)
            return self._keep(folder, name, words, licence, say)

    def _keep(self, folder: Path, name: str, source: str, licence: str, say: Callable[[str], None]) -> Model:
        say("reading it")
        model = keep_model(self._services, folder, name, source=source, licence=licence)
        self._services.catalog.add_model(model)
        return model


def _source(text: str) -> Source:
    path = Path(text).expanduser()
    if path.is_dir():
        return FolderSource(str(path.absolute()))
    if path.is_file() and path.suffix == ".gguf":
        return GgufSource(str(path.absolute()))
    if _REPOSITORY.fullmatch(text) and not text.startswith((".", "/")):
        repository, _, revision = text.partition("@")
        return HubSource(repository, revision or "main")
    raise NotFound(
        f"{text!r} is no known model ({', '.join(KNOWN)}), no folder here, and no repository of the hub (owner/name)"
    )


def _default_name(source: str) -> str:
    return source.partition("@")[0].rstrip("/").rpartition("/")[2].removesuffix(".gguf").lower()
