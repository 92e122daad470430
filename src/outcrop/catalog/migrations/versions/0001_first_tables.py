"""Jobs, their log, models and aliases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(12), nullable=False, unique=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("checkpoint", sa.JSON),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("host", sa.String(255)),
        sa.Column("pid", sa.Integer),
        sa.Column("pid_started", sa.Float),
        sa.Column("lease_until", sa.Float, nullable=False, server_default="0"),
        sa.Column("restarts", sa.JSON, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float, nullable=False, server_default="0"),
        sa.Column("ended", sa.Float, nullable=False, server_default="0"),
    )
    op.create_index("ix_jobs_status", "jobs", ["status"])
    op.create_table(
        "job_log",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_job_log_job", "job_log", ["job"])
    op.create_table(
        "models",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("base", sa.String(255)),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("ix_models_base", "models", ["base"])
    op.create_table(
        "aliases",
        sa.Column("alias", sa.String(255), primary_key=True),
        sa.Column("model", sa.String(255), sa.ForeignKey("models.name", ondelete="CASCADE"), nullable=False),
    )
