"""Data: check a dataset against what it is for and the model it is for; write it in another format."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from outcrop.data.checking import DatasetCheck, Progress, check
from outcrop.data.columns import ColumnMap
from outcrop.data.conversion import Conversion, convert, format_named
from outcrop.data.fetching import is_named
from outcrop.data.protocol import Tokenizer
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.models import Model
from outcrop.domain.records import Encoding, Purpose
from outcrop.models.chat import ChatTokenizer
from outcrop.services import Services, require_weights
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
        NotSupported: The model is remote: tokens can't be counted here.
        StorageFailure: The S3 service fails.
    """
    if model is None:
        return check_at(services, place, purpose, None, encoding, progress)
    found = services.catalog.model(model)
    require_weights(found)
    tokenizer = tokenizer_of(services, found)
    return check_at(services, place, purpose, tokenizer, encoding, progress)


def check_at(
    services: Services,
    place: str,
    purpose: Purpose,
    tokenizer: Tokenizer | None = None,
    encoding: Encoding | None = None,
    progress: Progress | None = None,
    columns: ColumnMap | None = None,
) -> DatasetCheck:
    """Check a dataset where it lies: a path, an ``s3://`` address or a name; faults name it as ``place`` does."""
    name = place if is_address(place) or is_named(place) else ""
    return check(services.fetch(place), purpose, tokenizer, encoding, progress, name, columns)


def convert_data(
    services: Services,
    source: str,
    target: Path,
    to: str,
    purpose: Purpose | None = None,
    *,
    skip_faulty: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Write a dataset in the format named ``to``; see ``data.conversion.convert``, which raises the same and more.

    Args:
        services: Those of the home.
        source: A path, or an ``s3://`` address.
        target: The file to make.
        to: The format to write.
        purpose: What the source is for; None for what the format is for.
        skip_faulty: Leave out what has a fault.
        progress: Called with bytes done and bytes in all.

    Raises:
        InvalidInput: There is no format of that name, or the target is an ``s3://`` address.
        NotFound: There is no file behind an ``s3://`` address.
    """
    form, usual = format_named(to)
    if is_address(str(target)) or str(target).startswith("s3:/"):
        expected = "a path of this machine; `outcrop data put` copies the file afterwards"
        raise InvalidInput([Fault("target", None, "", str(target), expected)])
    name = source if is_address(source) else ""
    path = services.fetch(source)
    return convert(path, purpose or usual, target, form, skip_faulty=skip_faulty, progress=progress, name=name)


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
    """A path from the root, so that a job finds it from wherever it runs; an address or a dataset's name as it is."""
    text = str(place)
    return text if is_address(text) or is_named(text) else str(Path(text).expanduser().absolute())


def output_faults(output: str | Path | None) -> list[Fault]:
    """What is wrong with where a job is to write; found out now, and not when hours of work are done."""
    if output is None:
        return []
    if not is_address(str(output)):
        return _folder_faults(Path(output).expanduser().absolute())
    try:
        parse(str(output))
    except InvalidInput as error:
        return [replace(fault, where="request", field="output") for fault in error.faults]
    return []


def _folder_faults(folder: Path) -> list[Fault]:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    found = f"{there}, which is no folder" if not there.is_dir() else f"{there}, which this user may not write"
    return [Fault("request", None, "output", found, "a folder that can be made and written")]


def tokenizer_of(services: Services, model: Model) -> ChatTokenizer | None:
    """The tokenizer that a model reads with: its base's, for an adapter; None for a scripted or a remote model."""
    base = model if model.base is None else services.catalog.model(model.base)
    return ChatTokenizer.load(services.store.get_folder(base.uri)) if base.engine == "transformers" else None
