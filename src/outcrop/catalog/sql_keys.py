"""Keys in an SQL database."""

from __future__ import annotations

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.rows import key_from_row, key_to_row
from outcrop.catalog.tables import keys
from outcrop.domain.errors import AlreadyExists, NotFound
from outcrop.domain.keys import Key


class SqlKeys(Database):
    """See ``Catalog``, what it says of keys."""

    def add_key(self, key: Key) -> None:
        """See ``Catalog.add_key``."""
        with self._writing() as connection:
            if connection.execute(sa.select(keys.c.id).where(keys.c.id == key.id)).first():
                raise AlreadyExists(f"there is a key with the id {key.id!r} already")
            connection.execute(sa.insert(keys).values(key_to_row(key)))

    def key(self, key_id: str) -> Key:
        """See ``Catalog.key``."""
        with self._reading() as connection:
            return _key(connection, key_id)

    def keys(self) -> list[Key]:
        """See ``Catalog.keys``."""
        with self._reading() as connection:
            return [key_from_row(row) for row in connection.execute(sa.select(keys).order_by(keys.c.number)).mappings()]

    def revoke_key(self, key_id: str) -> Key:
        """See ``Catalog.revoke_key``."""
        with self._writing() as connection:
            holds = sa.and_(keys.c.id == key_id, keys.c.revoked.is_(None))
            connection.execute(sa.update(keys).where(holds).values(revoked=self._now(connection)))
            return _key(connection, key_id)


def _key(connection: sa.Connection, key_id: str) -> Key:
    row = connection.execute(sa.select(keys).where(keys.c.id == key_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no key with the id {key_id!r}; `outcrop keys list` shows them all")
    return key_from_row(row)
