"""The store and the buckets that the settings name."""

from __future__ import annotations

import os
from pathlib import Path

from outcrop.domain.errors import MissingExtra
from outcrop.settings import Settings
from outcrop.stores import address
from outcrop.stores.buckets import Buckets, FolderBuckets, S3Buckets
from outcrop.stores.local import LocalStore
from outcrop.stores.protocol import Store
from outcrop.stores.s3 import S3Store
from outcrop.stores.s3_service import S3Service

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def open_store(settings: Settings) -> Store:
    """The store that ``OUTCROP_STORE`` names.

    Raises:
        InvalidInput: It begins with ``s3://`` and is no address.
        MissingExtra: It is in an S3 service, and boto3 is not installed.
    """
    if not address.is_address(settings.store):
        return LocalStore(Path(settings.store).expanduser().absolute())
    root = address.parse(settings.store)
    service = _service(settings)
    if service is None:
        return LocalStore(_folder(settings) / root.bucket / root.key)
    return S3Store(root, service, settings.cache_folder / "store")


def open_buckets(settings: Settings) -> Buckets:
    """Where ``s3://`` addresses lead.

    Raises:
        MissingExtra: To an S3 service, and boto3 is not installed.
    """
    service = _service(settings)
    return FolderBuckets(_folder(settings)) if service is None else S3Buckets(service, settings.cache_folder / "s3")


def _service(settings: Settings) -> S3Service | None:
    """The S3 service; None where ``s3://`` is a folder of the home.

    Amazon's own is meant only where that is said: a machine may have credentials for many other purposes.
    """
    service = S3Service()
    if settings.s3 == "remote":
        return service
    if settings.s3 == "folder":
        return None
    try:
        return None if service.is_amazons else service
    except MissingExtra:
        if any(os.environ.get(name) for name in _ENDPOINTS):
            raise
        return None


def _folder(settings: Settings) -> Path:
    return settings.home / "s3"
