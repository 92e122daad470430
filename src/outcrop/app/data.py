"""Data: check a dataset against what it is for and the model it is for."""

from __future__ import annotations

from pathlib import Path

from outcrop.data.checking import DatasetCheck, Progress, check
from outcrop.data.protocol import Tokenizer
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.models import Model
from outcrop.domain.records import Encoding, Purpose
from outcrop.models.chat import ChatTokenizer
from outcrop.services import Services
from outcrop.stores.address import is_address, parse


def check_data(
    services: Services,
    place: str,
    purpose: Purpose,
    model: str | None,
    encoding: Encoding | None = None,
    progress: Progress | None = None,
) -> DatasetCheck:
    """Read every line of a dataset; with a model, count its tokens too.

    Raises:
        NotFound: There is no such model, or no file behind an ``s3://`` address.
        StorageFailure: The S3 service fails.
    """
    tokenizer = None if model is None else tokenizer_of(services, services.catalog.model(model))
    return check_at(services, place, purpose, tokenizer, encoding, progress)


def check_at(
    services: Services,
    place: str,
    purpose: Purpose,
    tokenizer: Tokenizer | None = None,
    encoding: Encoding | None = None,
    progress: Progress | None = None,
) -> DatasetCheck:
    """Check a dataset where it lies: a path, or an ``s3://`` address; faults name it as ``place`` does."""
    name = place if is_address(place) else ""
    return check(services.fetch(place), purpose, tokenizer, encoding, progress, name)


def put_data(services: Services, file: Path, place: str, progress: Progress | None = None) -> str:
    """Copy a file to an ``s3://`` address, and return it; one that ends in a slash gets the file's name.

    Raises:
        InvalidInput: The address is none, or the file is none.
        StorageFailure: It can't be copied.
    """
    target = parse(place)
    if not file.is_file():
        raise InvalidInput([Fault(str(file), None, "", "no file", "a file with that name: check the path")])
    if not target.key or target.key.endswith("/"):
        target = target.below(file.name)
    services.buckets.put(file, target, progress)
    return str(target)


def absolute(place: str | Path) -> str:
    """A path from the root, so that a job finds it from wherever it runs; an ``s3://`` address as it is."""
    text = str(place)
    return text if is_address(text) else str(Path(text).expanduser().absolute())


def tokenizer_of(services: Services, model: Model) -> ChatTokenizer | None:
    """The tokenizer that a model reads with: its base's, for an adapter; None for a scripted model."""
    base = model if model.base is None else services.catalog.model(model.base)
    return ChatTokenizer.load(services.store.get_folder(base.uri)) if base.engine == "transformers" else None
