"""What a job works with: models and datasets unchanged since it was submitted, and datasets as tokens."""

from __future__ import annotations

from pathlib import Path

from outcrop.data import tokenized
from outcrop.data.protocol import Tokenizer
from outcrop.data.reading import content_hash
from outcrop.data.tokenized import TokenizedDataset
from outcrop.domain.errors import NotFound, UserError
from outcrop.domain.models import Identity, Model
from outcrop.domain.records import Encoding, Purpose
from outcrop.domain.requests import Dataset
from outcrop.services import Services


def require_unchanged(services: Services, dataset: Dataset) -> Path:
    """Where a dataset lies on this machine, which is the one the job was submitted with.

    Raises:
        NotFound: It is gone.
        UserError: Its content has changed; the message has both hashes.
        StorageFailure: The S3 service that has it fails.
    """
    gone = f"{dataset.path}: is gone; put it back (its hash is {dataset.hash}) and resume the job"
    try:
        file = services.fetch(dataset.path)
    except NotFound:
        raise NotFound(gone) from None
    if not file.is_file() and not file.is_dir():
        raise NotFound(gone)
    found = content_hash(file)
    if found != dataset.hash:
        raise UserError(
            f"{dataset.path}: has changed since the job was submitted: its hash was {dataset.hash}, now {found}; "
            "put the old file back and resume the job, or submit a new one"
        )
    return file


def require_same_model(services: Services, name: str, identity: Identity) -> Model:
    """The model of that name, provided that it is the one the job was submitted with.

    Raises:
        NotFound: There is no such model any more.
        UserError: Another model has the name now; the message has the hashes of both.
    """
    model = services.catalog.model(name)
    if model.identity != identity:
        raise UserError(
            f"{name} is another model than when the job was submitted: it was {identity}; now it is {model.identity}; "
            "submit a new job"
        )
    return model


def as_tokens(
    services: Services, dataset: Dataset, tokenizer: Tokenizer, encoding: Encoding, purpose: Purpose
) -> TokenizedDataset:
    """A training dataset as tokens, made once per content, tokenizer, encoding and purpose.

    Raises:
        UserError: The file changed under our eyes.
    """
    key = tokenized.cache_key(dataset.hash, tokenizer.identity, encoding, purpose)
    folder = services.settings.cache_folder / "tokenized" / key
    made = tokenized.build(services.fetch(dataset.path), tokenizer, encoding, folder, purpose=purpose)
    if made.manifest.content_hash != dataset.hash:
        raise UserError(f"{dataset.path}: was changed while it was read; put the old file back and resume the job")
    return made
