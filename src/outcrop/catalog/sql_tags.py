"""Tags in an SQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.tables import tags
from outcrop.domain.errors import TooManyTags


class SqlTags(Database):
    """See ``Catalog``, what it says of tags."""

    def tags(self, resource: str) -> dict[str, str]:
        """See ``Catalog.tags``."""
        query = sa.select(tags).where(tags.c.resource == resource).order_by(tags.c.key)
        with self._reading() as connection:
            return {row["key"]: row["value"] for row in connection.execute(query).mappings()}

    def set_tags(self, resource: str, given: Mapping[str, str], most: int) -> None:
        """See ``Catalog.set_tags``."""
        count = sa.select(sa.func.count()).where(tags.c.resource == resource)
        with self._writing() as connection:
            connection.execute(_tags_of(resource, given))
            if (total := int(connection.execute(count).scalar_one()) + len(given)) > most:
                raise TooManyTags(f"{resource} would have {total} tags, it can have {most}", resource)
            if given:
                rows = [{"resource": resource, "key": key, "value": value} for key, value in given.items()]
                connection.execute(sa.insert(tags), rows)

    def remove_tags(self, resource: str, keys: Collection[str] | None = None) -> None:
        """See ``Catalog.remove_tags``."""
        with self._writing() as connection:
            connection.execute(_tags_of(resource, keys))


def _tags_of(resource: str, keys: Collection[str] | None) -> sa.Delete:
    chosen = sa.delete(tags).where(tags.c.resource == resource)
    return chosen if keys is None else chosen.where(tags.c.key.in_(list(keys)))
