"""Deployments in an SQL database."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.pages import deployments_of, following
from outcrop.catalog.rows import deployment_from_row, deployment_to_row
from outcrop.catalog.tables import deployments, models, tags
from outcrop.domain.deployments import MOVES, Deployment, DeploymentKind, DeploymentPage, DeploymentQuery
from outcrop.domain.errors import AlreadyExists, IllegalMove, NotFound


class SqlDeployments(Database):
    """See ``Catalog``, what it says of deployments."""

    def add_deployment(self, deployment: Deployment) -> Deployment:
        """See ``Catalog.add_deployment``."""
        with self._writing() as connection:
            if (there := _asked_with(connection, deployment.kind, deployment.token)) is not None:
                return there
            _check(connection, deployment)
            connection.execute(sa.insert(deployments).values(deployment_to_row(deployment)))
        return deployment

    def deployment(self, name: str) -> Deployment:
        """See ``Catalog.deployment``."""
        with self._reading() as connection:
            return _deployment(connection, name)

    def deployment_asked_with(self, kind: DeploymentKind, token: str) -> Deployment | None:
        """See ``Catalog.deployment_asked_with``."""
        with self._reading() as connection:
            return _asked_with(connection, kind, token)

    def deployments(self, query: DeploymentQuery) -> DeploymentPage:
        """See ``Catalog.deployments``."""
        with self._reading() as connection:
            rows = connection.execute(deployments_of(query)).mappings().all()
        return DeploymentPage(tuple(map(deployment_from_row, rows[: query.limit])), following(query, rows))

    def change_deployment(self, seen: Deployment, changed: Deployment) -> Deployment | None:
        """See ``Catalog.change_deployment``."""
        if changed.status not in MOVES[seen.status] | {seen.status}:
            raise IllegalMove(f"deployment {seen.name} is {seen.status.value} and can't become {changed.status.value}")
        its = deployments.c.id == seen.id
        with self._writing() as connection:
            row = connection.execute(sa.select(deployments).where(its)).mappings().first()
            if row is None or deployment_from_row(row) != seen:
                return None
            changed = replace(changed, id=seen.id, changed=self._now(connection))
            _check(connection, changed)
            connection.execute(sa.update(deployments).where(its).values(deployment_to_row(changed)))
        return changed

    def remove_deployment(self, name: str) -> Deployment:
        """See ``Catalog.remove_deployment``."""
        with self._writing() as connection:
            deployment = _deployment(connection, name)
            connection.execute(sa.delete(deployments).where(deployments.c.id == deployment.id))
            # Tags are kept by KIND/ID, and nothing else has this id.
            connection.execute(sa.delete(tags).where(tags.c.resource.endswith(f"/{deployment.id}")))
        return deployment


def _check(connection: sa.Connection, deployment: Deployment) -> None:
    """Make sure that a deployment's name is free, and its models are there."""
    same = sa.and_(deployments.c.name == deployment.name, deployments.c.id != deployment.id)
    if connection.execute(sa.select(deployments.c.id).where(same)).first():
        raise AlreadyExists(f"there is a deployment named {deployment.name!r} already; give another name")
    wanted = {deployment.model, deployment.wanted}
    there = set(connection.execute(sa.select(models.c.name).where(models.c.name.in_(wanted))).scalars())
    if missing := sorted(wanted - there):
        raise NotFound(f"there is no model named {missing[0]!r}; `outcrop models list` shows what there is")


def _asked_with(connection: sa.Connection, kind: DeploymentKind, token: str) -> Deployment | None:
    if not token:
        return None
    query = sa.select(deployments).where(deployments.c.kind == kind.value, deployments.c.token == token)
    row = connection.execute(query).mappings().first()
    return None if row is None else deployment_from_row(row)


def _deployment(connection: sa.Connection, name: str) -> Deployment:
    its = sa.or_(deployments.c.id == name, deployments.c.name == name)
    row = connection.execute(sa.select(deployments).where(its).order_by(deployments.c.id != name)).mappings().first()
    if row is None:
        raise NotFound(
            f"there is no deployment with the id or name {name!r}; `outcrop deployments list` shows them all"
        )
    return deployment_from_row(row)
