"""Small named documents in an SQL database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.tables import configurations


class SqlConfigurations(Database):
    """See ``Catalog``, what it says of configurations."""

    def configuration(self, name: str) -> dict[str, Any] | None:
        """See ``Catalog.configuration``."""
        query = sa.select(configurations.c.document).where(configurations.c.name == name)
        with self._reading() as connection:
            document: dict[str, Any] | None = connection.execute(query).scalar()
        return document

    def set_configuration(self, name: str, document: dict[str, Any] | None) -> None:
        """See ``Catalog.set_configuration``."""
        with self._writing() as connection:
            connection.execute(sa.delete(configurations).where(configurations.c.name == name))
            if document is not None:
                connection.execute(sa.insert(configurations).values(name=name, document=document))
