"""What every part of the SQL catalog works with: the database, its transactions, its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from outcrop.catalog.schema import cause, open_database
from outcrop.domain.errors import StorageFailure


class Database:
    """A database at the newest schema; ``clock`` returns seconds since the epoch, and is the database's where None."""

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        self._engine = open_database(url)
        self._clock = clock

    def close(self) -> None:
        """See ``Catalog.close``."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise StorageFailure(f"the catalog can't be written ({cause(error)})") from error

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise StorageFailure(f"the catalog can't be read ({cause(error)})") from error

    def now(self) -> float:
        """See ``Catalog.now``."""
        with self._reading() as connection:
            return self._now(connection)

    def _now(self, connection: sa.Connection) -> float:
        if self._clock is not None:
            return self._clock()
        if connection.dialect.name == "sqlite":
            return time.time()
        # Not now(), which is when the transaction began: it may have waited for others since.
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())
