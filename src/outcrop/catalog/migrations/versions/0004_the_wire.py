"""What a wire needs: a request in its own words, its token, lists by creation, and tags."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, the indexes and the table."""
    op.add_column("jobs", sa.Column("asked", sa.JSON(none_as_null=True)))
    op.add_column("jobs", sa.Column("token", sa.String(256)))
    op.create_index("ix_jobs_listing", "jobs", ["kind", "created", "number"])
    op.create_index("ix_jobs_token", "jobs", ["kind", "token"], unique=True)
    op.create_table(
        "tags",
        sa.Column("resource", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
