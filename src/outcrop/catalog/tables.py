"""The catalog's tables."""

from __future__ import annotations

import sqlalchemy as sa

#: The newest migration; a catalog at another revision is migrated, or refused where it is from a newer Outcrop.
REVISION = "0005"

metadata = sa.MetaData()

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(12), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("checkpoint", sa.JSON(none_as_null=True)),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("host", sa.String(255)),
    sa.Column("pid", sa.Integer),
    sa.Column("pid_started", sa.Float),
    sa.Column("lease_until", sa.Float, nullable=False, server_default="0"),
    sa.Column("renewed", sa.Float, nullable=False, server_default="0"),
    sa.Column("restarts", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float, nullable=False, server_default="0"),
    sa.Column("ended", sa.Float, nullable=False, server_default="0"),
    sa.Column("asked", sa.JSON(none_as_null=True)),
    sa.Column("token", sa.String(256)),
    sa.Index("ix_jobs_listing", "kind", "created", "number"),
    # NULL, unlike "", may be there many times.
    sa.Index("ix_jobs_token", "kind", "token", unique=True),
)

log = sa.Table(
    "job_log",
    metadata,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("base", sa.String(255), index=True),
    sa.Column("document", sa.JSON, nullable=False),
)

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("alias", sa.String(255), primary_key=True),
    sa.Column("model", sa.String(255), sa.ForeignKey("models.name", ondelete="CASCADE"), nullable=False),
)

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(12), nullable=False, unique=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("model", sa.String(255), sa.ForeignKey("models.name"), nullable=False, index=True),
    sa.Column("wanted", sa.String(255), sa.ForeignKey("models.name"), nullable=False, index=True),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("updated_to", sa.String(255), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("commitment", sa.String(32), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("changed", sa.Float, nullable=False),
    sa.Column("asked", sa.JSON(none_as_null=True)),
    sa.Column("token", sa.String(256)),
    sa.Index("ix_deployments_listing", "kind", "created", "number"),
    sa.Index("ix_deployments_token", "kind", "token", unique=True),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float),
    sa.Column("revoked", sa.Float),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("resource", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)

configurations = sa.Table(
    "configurations",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
)
