"""Opening a catalog's database: its connection settings, and the schema at the newest revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.tables import REVISION
from outcrop.domain.errors import NotSupported, StorageFailure

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str) -> sa.Engine:
    """An engine on a database whose schema is the one this version knows.

    Raises:
        NotSupported: The database was written by a newer version.
        StorageFailure: It can't be opened, created or migrated.
    """
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        _make_folder(engine)
        if _revision(engine) != REVISION:
            _migrate(engine)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        raise StorageFailure(f"{_place(engine)}: the catalog can't be opened ({error.orig})") from error
    except OSError as error:
        engine.dispose()
        raise StorageFailure(f"{_place(engine)}: the folder can't be made ({error.strerror})") from error
    return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Write-ahead log, waiting for other writers, and transactions that take the write lock when they begin.

    A transaction that starts reading and then writes can't wait for another writer in SQLite; it fails at once.
    """

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 60000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_isolation_level() != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _place(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _make_folder(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)


def _revision(source: sa.Engine | sa.Connection) -> str | None:
    if not sa.inspect(source).has_table("alembic_version"):
        return None
    statement = sa.text("SELECT version_num FROM alembic_version")
    if isinstance(source, sa.Connection):
        return str(source.execute(statement).scalar())
    with source.connect() as connection:
        return str(connection.execute(statement).scalar())


def _migrate(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        # Under the write lock: another process may have migrated while this one waited.
        found = _revision(connection)
        if found is not None and found not in known:
            raise NotSupported(
                f"{_place(engine)}: the catalog has schema {found}, this version of Outcrop knows up to {REVISION}; "
                "install the newer version that wrote it, or point OUTCROP_HOME at another folder"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
