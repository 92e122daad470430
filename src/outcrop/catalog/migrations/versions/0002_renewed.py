"""When a job last showed a sign of life, so that a clock that went back can be told from a lease that holds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("renewed", sa.Float, nullable=False, server_default="0"))
