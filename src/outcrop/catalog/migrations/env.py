"""Alembic's entry: the connection comes from the catalog that is being opened."""

from alembic import context

from outcrop.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
