"""Models and aliases in an SQL database."""

from __future__ import annotations

import difflib
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.tables import aliases, deployments, jobs, models
from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import AlreadyExists, IllegalMove, NotFound
from outcrop.domain.jobs import ENDED
from outcrop.domain.models import Model


class SqlModels(Database):
    """See ``Catalog``, what it says of models and aliases."""

    def add_model(self, model: Model) -> None:
        """See ``Catalog.add_model``."""
        with self._writing() as connection:
            insert_model(connection, model)

    def model(self, name: str) -> Model:
        """See ``Catalog.model``."""
        with self._reading() as connection:
            target = connection.execute(sa.select(aliases.c.model).where(aliases.c.alias == name)).scalar() or name
            document = _document(connection, target) or _document(connection, _alias_like(connection, name))
            if document is None:
                raise NotFound(f"there is no model named {name!r}{_closest(connection, name)}")
        return from_json(Model, document)

    def models(self) -> list[Model]:
        """See ``Catalog.models``."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(models.c.document).order_by(models.c.name)).scalars().all()
        return [from_json(Model, document) for document in rows]

    def remove_model(self, name: str) -> Model:
        """See ``Catalog.remove_model``."""
        with self._writing() as connection:
            document = connection.execute(sa.select(models.c.document).where(models.c.name == name)).scalar()
            if document is None:
                raise NotFound(f"there is no model named {name!r}{_closest(connection, name)}")
            above = connection.execute(sa.select(models.c.name).where(models.c.base == name)).scalars().all()
            if above:
                raise IllegalMove(f"custom models sit on {name!r}: {', '.join(above)}; remove them first")
            if busy := _jobs_that_use(connection, name):
                raise IllegalMove(f"jobs work with {name!r}: {', '.join(busy)}; wait for them or stop them first")
            if serving := _deployments_of(connection, name):
                raise IllegalMove(f"deployments serve {name!r}: {', '.join(serving)}; delete them first")
            connection.execute(sa.delete(aliases).where(aliases.c.model == name))
            connection.execute(sa.delete(models).where(models.c.name == name))
        return from_json(Model, document)

    def set_alias(self, alias: str, model: str) -> None:
        """See ``Catalog.set_alias``."""
        with self._writing() as connection:
            if connection.execute(sa.select(models.c.name).where(models.c.name == alias)).first():
                raise AlreadyExists(f"{alias!r} is the name of a model; an alias needs a name of its own")
            if not connection.execute(sa.select(models.c.name).where(models.c.name == model)).first():
                raise NotFound(f"there is no model named {model!r}{_closest(connection, model)}")
            connection.execute(sa.delete(aliases).where(aliases.c.alias == alias))
            connection.execute(sa.insert(aliases).values(alias=alias, model=model))

    def aliases(self) -> dict[str, str]:
        """See ``Catalog.aliases``."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(aliases).order_by(aliases.c.alias)).mappings().all()
        return {row["alias"]: row["model"] for row in rows}

    def remove_alias(self, alias: str) -> None:
        """See ``Catalog.remove_alias``."""
        with self._writing() as connection:
            if not connection.execute(sa.delete(aliases).where(aliases.c.alias == alias)).rowcount:
                raise NotFound(f"there is no alias named {alias!r}")


def insert_model(connection: sa.Connection, model: Model) -> None:
    """Add a model within a transaction.

    Raises:
        AlreadyExists: A model or an alias of that name is there.
        NotFound: The base that it sits on is gone.
    """
    taken = (
        sa.select(models.c.name)
        .where(models.c.name == model.name)
        .union(sa.select(aliases.c.alias).where(aliases.c.alias == model.name))
    )
    if connection.execute(taken).first():
        raise AlreadyExists(f"there is a model or alias named {model.name!r} already; give another name")
    if model.base and not connection.execute(sa.select(models.c.name).where(models.c.name == model.base)).first():
        raise NotFound(f"the base {model.base!r} of {model.name!r} is gone; add it again, then resume the job")
    connection.execute(sa.insert(models).values(name=model.name, base=model.base, document=to_json(model)))


def _jobs_that_use(connection: sa.Connection, model: str) -> list[str]:
    """Names of the jobs that have not ended and whose request names a model."""
    ended = [status.value for status in ENDED]
    rows = connection.execute(sa.select(jobs.c.name, jobs.c.request).where(jobs.c.status.not_in(ended)))
    return [row.name for row in rows if model in _models_of(row.request)]


def _models_of(request: dict[str, Any]) -> list[str | None]:
    """What a request works with; ``model`` is what it makes."""
    return [request.get("base"), request.get("asked_model"), *request.get("models", ())]


def _deployments_of(connection: sa.Connection, model: str) -> list[str]:
    """Names of the deployments that serve a model, or are to."""
    theirs = sa.or_(deployments.c.model == model, deployments.c.wanted == model)
    query = sa.select(deployments.c.name).where(theirs).order_by(deployments.c.number)
    return list(connection.execute(query).scalars())


def _document(connection: sa.Connection, name: str | None) -> Any:
    return connection.execute(sa.select(models.c.document).where(models.c.name == name)).scalar()


def _alias_like(connection: sa.Connection, name: str) -> str | None:
    """The model of the first alias that is the same id of Bedrock's, but for region, version and context."""
    wanted = plain_id(name)
    if wanted is None:
        return None
    rows = connection.execute(sa.select(aliases).order_by(aliases.c.alias)).mappings()
    return next((row["model"] for row in rows if plain_id(row["alias"]) == wanted), None)


def _closest(connection: sa.Connection, name: str) -> str:
    names = [
        *connection.execute(sa.select(models.c.name)).scalars(),
        *connection.execute(sa.select(aliases.c.alias)).scalars(),
    ]
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; `outcrop models list` shows what there is"
