"""A catalog in an SQL database."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from outcrop.catalog.protocol import Catalog
from outcrop.catalog.sql_configurations import SqlConfigurations
from outcrop.catalog.sql_deployments import SqlDeployments
from outcrop.catalog.sql_jobs import SqlJobs
from outcrop.catalog.sql_keys import SqlKeys
from outcrop.catalog.sql_models import SqlModels
from outcrop.catalog.sql_tags import SqlTags
from outcrop.catalog.tables import models


class SqlCatalog(SqlJobs, SqlModels, SqlDeployments, SqlKeys, SqlTags, SqlConfigurations):
    """See ``Catalog``: one class a noun, over one ``Database``."""

    def check(self) -> None:
        """See ``Catalog.check``."""
        name = uuid.uuid4().hex
        with self._writing() as connection:
            connection.execute(sa.insert(models).values(name=name, document={}))
            connection.execute(sa.delete(models).where(models.c.name == name))


_: type[Catalog] = SqlCatalog
