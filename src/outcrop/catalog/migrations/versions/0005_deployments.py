"""Deployments, and small named documents such as the logging configuration."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the indexes."""
    op.create_table(
        "deployments",
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
    )
    op.create_index("ix_deployments_listing", "deployments", ["kind", "created", "number"])
    op.create_index("ix_deployments_token", "deployments", ["kind", "token"], unique=True)
    op.create_table(
        "configurations",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
    )
