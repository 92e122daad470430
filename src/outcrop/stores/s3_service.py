"""An S3 service through boto3: few operations, with errors in our words."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from outcrop.domain.errors import AlreadyExists, MissingExtra, NotFound, OutcropError, StorageFailure
from outcrop.stores.address import Address
from outcrop.stores.manifest import file_hash

Tell = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

_ABSENT = {"404", "NoSuchKey", "NotFound"}
_PRESENT = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AllAccessDisabled"}

#: Where a file's SHA-256 is kept beside it; the checksums of the transfer itself are boto3's.
_HASH = "sha256"

#: Objects that one request may delete.
_BATCH = 1000


@dataclass(frozen=True)
class Head:
    """What is known of a file without reading it: size in bytes, the service's mark of its content, its SHA-256."""

    size: int
    etag: str
    sha256: str


class S3Service:
    """The service that boto3 finds: endpoint, region, credentials and profile as for any AWS tool.

    Attributes:
        timeout: Seconds to wait for a connection, and for the next byte.
        attempts: How often a request is made before it counts as failed; boto3 waits longer each time.
    """

    def __init__(self, timeout: float = 60.0, attempts: int = 5) -> None:
        self.timeout = timeout
        self.attempts = attempts

    @cached_property
    def client(self) -> Any:
        """boto3's client; it may be used by many threads.

        Raises:
            MissingExtra: boto3 is not installed.
            StorageFailure: boto3's settings can't be used.
        """
        boto3 = _boto3()
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=min(10.0, self.timeout),
            read_timeout=self.timeout,
            retries={"mode": "standard", "max_attempts": self.attempts},
        )
        # A service that is not Amazon's has no regions; signing needs one all the same.
        region = None if boto3.Session().region_name else "us-east-1"
        try:
            return boto3.client("s3", config=config, region_name=region)
        except (BotoCoreError, ValueError) as error:
            raise StorageFailure(f"S3 can't be used as boto3 is set up: {error}") from error

    @property
    def is_amazons(self) -> bool:
        """Whether requests would go to Amazon, since boto3 is told of no other endpoint.

        Raises:
            MissingExtra, StorageFailure: As ``client``.
        """
        return ".amazonaws." in str(self.client.meta.endpoint_url)

    def get(self, address: Address) -> bytes:
        """The bytes of a small file.

        Raises:
            NotFound: There is none.
            StorageFailure: The service fails, or what came is not what was written.
        """
        with self._telling(address):
            head = self.head(address)
            buffer = io.BytesIO()
            self.client.download_fileobj(address.bucket, address.key, buffer)
        data = buffer.getvalue()
        _require_same(address, head, len(data), hashlib.sha256(data).hexdigest())
        return data

    def put(self, address: Address, data: bytes, *, new: bool = False) -> None:
        """Write a small file.

        Raises:
            AlreadyExists: With ``new``, there is one already.
            StorageFailure: The service fails.
        """
        condition = {"IfNoneMatch": "*"} if new else {}
        metadata = {_HASH: hashlib.sha256(data).hexdigest()}
        with self._telling(address):
            self.client.put_object(Bucket=address.bucket, Key=address.key, Body=data, Metadata=metadata, **condition)

    def upload(self, file: Path, address: Address, tell: Tell | None = None) -> None:
        """Write a file of any size, in parts where it is large.

        Raises:
            StorageFailure: The file can't be read, or the service fails.
        """
        extra = {"Metadata": {_HASH: file_hash(file)}}
        callback = _counted(tell, file.stat().st_size)
        with self._telling(address):
            self.client.upload_file(str(file), address.bucket, address.key, ExtraArgs=extra, Callback=callback)

    def download(self, address: Address, file: Path, tell: Tell | None = None) -> Head:
        """Read a file of any size into a new local one.

        Raises:
            NotFound: There is none.
            StorageFailure: The service or the disk fails, or what came is not what was written.
        """
        head = self.head(address)
        with self._telling(address):
            self.client.download_file(address.bucket, address.key, str(file), Callback=_counted(tell, head.size))
        _require_same(address, head, file.stat().st_size, file_hash(file) if head.sha256 else "")
        return head

    def head(self, address: Address) -> Head:
        """What is known of a file.

        Raises:
            NotFound: There is none.
            StorageFailure: The service fails.
        """
        with self._telling(address):
            found = self.client.head_object(Bucket=address.bucket, Key=address.key)
        return Head(found["ContentLength"], found["ETag"].strip('"'), found.get("Metadata", {}).get(_HASH, ""))

    def exists(self, address: Address) -> bool:
        """Whether there is a file.

        Raises:
            StorageFailure: The service fails.
        """
        try:
            self.head(address)
        except NotFound:
            return False
        return True

    def list(self, prefix: Address) -> Iterator[tuple[str, int, float]]:
        """Key, size in bytes and time of change of all files whose key begins so, in the order of keys.

        Raises:
            StorageFailure: The service fails.
        """
        with self._telling(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"], found["Size"], found["LastModified"].timestamp()

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete files; those that are not there are no error.

        Raises:
            StorageFailure: The service fails, or keeps some of them.
        """
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            with self._telling(Address(bucket, batch[0])):
                asked = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
                answer = self.client.delete_objects(Bucket=bucket, Delete=asked)
            for error in answer.get("Errors", ())[:1]:
                raise StorageFailure(f"{Address(bucket, error['Key'])}: can't be deleted ({error['Code']})")

    @contextmanager
    def _telling(self, address: Address) -> Iterator[None]:
        """boto3's errors in our words."""
        from boto3.exceptions import Boto3Error, RetriesExceededError
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except OutcropError:
            raise
        except ClientError as error:
            raise _said(address, error.response.get("Error", {})) from error
        except HTTPClientError as error:
            endpoint = self.client.meta.endpoint_url
            raise StorageFailure(
                f"{address}: {endpoint} does not answer, asked {self.attempts} times ({error}); try again once it does"
            ) from error
        except RetriesExceededError as error:
            raise StorageFailure(
                f"{address}: {self.client.meta.endpoint_url} broke off each time ({error.last_exception}); nothing was "
                "kept; try again later"
            ) from error
        except (BotoCoreError, Boto3Error) as error:
            raise StorageFailure(f"{address}: {error}") from error
        except OSError as error:
            raise StorageFailure(f"{address}: can't be copied ({error.strerror or error})") from error


def _boto3() -> Any:
    try:
        import boto3
    except ImportError as error:
        raise MissingExtra("s3:// needs boto3, which is not installed: pip install 'outcrop[s3]'") from error
    return boto3


def _said(address: Address, error: dict[str, str]) -> OutcropError:
    code, message = error.get("Code", "?"), error.get("Message", "")
    if code in _ABSENT:
        return NotFound(f"{address}: there is no such file")
    if code in _PRESENT:
        return AlreadyExists(f"{address}: is there already")
    if code == "NoSuchBucket":
        return StorageFailure(f"{address}: there is no bucket named {address.bucket}; make it, or name another one")
    if code in _REFUSED:
        what = "check the credentials that boto3 finds, and what they may do in that bucket"
        return StorageFailure(f"{address}: the service refuses ({code}); {what}")
    return StorageFailure(f"{address}: the service fails ({code}: {message}); try again later")


def _require_same(address: Address, head: Head, size: int, sha256: str) -> None:
    if size != head.size:
        raise StorageFailure(f"{address}: {size:,} bytes came, expected {head.size:,}; try again")
    if head.sha256 and sha256 != head.sha256:
        raise StorageFailure(f"{address}: its hash is {sha256}, expected {head.sha256}: the file was altered")


def _counted(tell: Tell | None, total: int) -> Callable[[int], None] | None:
    """boto3 tells how many bytes more; a progress bar wants how many in all."""
    if tell is None:
        return None
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        tell(done, total)

    return more
