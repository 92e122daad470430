"""Capture of requests and responses: their records are kept in the home, and delivered to a bucket from there."""

from __future__ import annotations

import gzip
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from outcrop.domain.errors import OutcropError, StorageFailure
from outcrop.services import Services
from outcrop.serving.invocation_log import LOGGING, Delivery, Invocation, hour_folder, logs_folder, record
from outcrop.serving.spool import Spool
from outcrop.stores import address
from outcrop.stores.address import Address

_log = logging.getLogger(__name__)

#: Seconds for which the configuration is not read again.
FRESH = 2.0
#: A file of records is delivered when it is this many seconds old, or has this many bytes.
AGE, LARGE = 10.0, 16 * 2**20
#: Seconds until a delivery that failed is tried again.
REST = 60.0


class Capture:
    """Keeps the records of one server's requests; safe to use from many threads.

    What was added outlives the server; the next one of the home delivers what it left. The name of an object is that of
    the file its records were in, so that what is delivered twice is there once.
    """

    def __init__(self, services: Services, tick: Callable[[], float] = time.monotonic) -> None:
        """Keep records in a home.

        Args:
            services: The home's; the catalog has the configuration.
            tick: Seconds that never go back, by which files and what is known of the configuration grow old.
        """
        self._services = services
        self._tick = tick
        self._spool = Spool(services.settings.home / "capture", tick)
        self._lock = threading.Lock()
        self._config: Mapping[str, Any] | None = None
        self._fresh_until = self._rest_until = -math.inf
        self._failing = False
        self._lost: list[str] = []

    def delivery(self, region: str) -> Delivery | None:
        """What is to become of the record of a request for a region; None where none is wanted.

        A configuration that was just put or deleted is known within two seconds.
        """
        config = self._configuration()
        if config is None:
            return None
        folder = logs_folder(config, self._services.settings.account).below(region)
        return Delivery(folder, config.get("textDataDeliveryEnabled", True))

    def add(self, delivery: Delivery, invocation: Invocation) -> None:
        """Keep the record of a request: once this returns, it is there though the server should be killed.

        It waits for the disk. A record that can't be written is counted as lost, which ``ship`` tells.
        """
        try:
            place = json.dumps(str(hour_folder(delivery, invocation)))
            self._spool.add(f"{place}\t{_written(record(invocation, self._services.settings.account))}\n".encode())
        except (StorageFailure, RecursionError) as error:
            with self._lock:
                self._lost.append(str(error))

    def ship(self, *, everything: bool = False) -> list[str]:
        """Deliver what has waited long enough, and what servers left that are gone; one thread calls this.

        Args:
            everything: Deliver what has not waited long, too.

        Returns:
            What somebody should know, one sentence each; a failure once, until it is over.
        """
        told = self._told_lost()
        self._spool.let_go(0.0 if everything else AGE, LARGE)
        if self._tick() < self._rest_until:
            return told
        failure = ""
        failed: set[str] = set()
        for path in self._spool.waiting():
            try:
                told += self._deliver(path, failed)
            except (OutcropError, OSError) as error:
                failure = failure or str(error)
        if failure:
            self._rest_until = self._tick() + REST
        if failure and not self._failing:
            told.append(f"records of requests wait in {self._spool.folder}: they can't be delivered: {failure}")
        self._failing = bool(failure)
        return told

    def close(self) -> None:
        """Deliver what is left; where that fails, the next server of the home will."""
        for line in self.ship(everything=True):
            _log.warning("%s", line)

    def _configuration(self) -> Mapping[str, Any] | None:
        with self._lock:
            if self._tick() >= self._fresh_until:
                try:
                    self._config = self._services.catalog.configuration(LOGGING)
                except OutcropError as error:
                    _log.warning("the logging configuration stays what it was: %s", error)
                self._fresh_until = self._tick() + FRESH
            return self._config

    def _told_lost(self) -> list[str]:
        with self._lock:
            lost, self._lost = self._lost, []
        return [f"{len(lost)} records of requests are lost: {lost[-1]}"] if lost else []

    def _deliver(self, path: Path, failed: set[str]) -> list[str]:
        """Deliver a file's records, but to no bucket that failed; a new one that fails is added to these."""
        records, unreadable = _by_place(path.read_bytes())
        if not failed.isdisjoint(place.bucket for place in records):
            return []
        for place, lines in records.items():
            try:
                self._put(lines, place.below(f"{path.stem}.json.gz"))
            except OutcropError:
                failed.add(place.bucket)
                raise
        path.unlink()
        return [f"{path.name}: {unreadable} records could not be read and are lost"] if unreadable else []

    def _put(self, lines: list[bytes], place: Address) -> None:
        with self._services.scratch() as scratch:
            file = scratch / "records"
            file.write_bytes(gzip.compress(b"".join(lines), compresslevel=6, mtime=0))
            self._services.buckets.put(file, place)


def _written(document: dict[str, Any]) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        # A client's body may have numbers for which JSON has no word; whoever reads the records would stop there.
        return json.dumps(json.loads(json.dumps(document), parse_constant=str))


def _by_place(data: bytes) -> tuple[dict[Address, list[bytes]], int]:
    """The lines of a file by the folder that each is to go to, and how many can't be read.

    A machine that lost its power may have left half a line.
    """
    found: dict[Address, list[bytes]] = {}
    unreadable = 0
    for line in data.splitlines(keepends=True):
        place, _, written = line.partition(b"\t")
        try:
            if not written.endswith(b"\n"):
                raise ValueError("half a line")
            found.setdefault(address.parse(str(json.loads(place))), []).append(written)
        except (ValueError, OutcropError):
            unreadable += 1
    return found, unreadable
