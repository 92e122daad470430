"""Opening a catalog's database: its connection settings, and the schema at the newest revision."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.tables import REVISION
from outcrop.domain.errors import MissingExtra, NotSupported, StorageFailure

_MIGRATIONS = Path(__file__).parent / "migrations"

_KINDS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"

#: Of PostgreSQL's advisory lock that writers take one after the other; any number, but the same for all.
_WRITERS = 0x6F75746372

#: Seconds to wait for a PostgreSQL server that does not answer.
_CONNECT_TIMEOUT = 10


def open_database(url: str) -> sa.Engine:
    """An engine on a database whose schema is the one this version knows.

    Writers take turns on both kinds of database, from the beginning of a transaction to its end: SQLite has one write
    lock, and on PostgreSQL they share an advisory lock. So what a transaction has read still holds when it writes.

    Args:
        url: SQLAlchemy's address: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``.

    Raises:
        NotSupported: The database was written by a newer version, or is of another kind.
        MissingExtra: It is a PostgreSQL, whose driver is not installed.
        StorageFailure: It can't be opened, created or migrated.
    """
    engine = _engine(url)
    try:
        _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def cause(error: sa.exc.DBAPIError) -> str:
    """What the database says, on one line."""
    return " ".join(str(error.orig).split())


def _bring_up_to_date(engine: sa.Engine) -> None:
    try:
        _make_folder(engine)
        if _revision(engine) != REVISION:
            _migrate(engine)
    except sa.exc.DBAPIError as error:
        raise StorageFailure(
            f"{_place(engine)}: the catalog can't be opened ({cause(error)}); {_advice(engine)}"
        ) from error
    except OSError as error:
        raise StorageFailure(f"{_place(engine)}: the folder can't be made ({error.strerror})") from error


def _advice(engine: sa.Engine) -> str:
    """What to do about a catalog that can't be opened."""
    if engine.dialect.name != "sqlite":
        return "start the server, or check OUTCROP_CATALOG_URL"
    folder = Path(engine.url.database or "").parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return "move the file aside if it is damaged, or name another home folder"
    except OSError as error:
        return f"{folder} can't be written: {error.strerror}; mend that, or name another home folder"


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise NotSupported(f"OUTCROP_CATALOG_URL is no address of a database; expected {_KINDS}") from None
    match address.get_backend_name():
        case "sqlite":
            engine = sa.create_engine(address)
            _prepare_sqlite(engine)
        case "postgresql":
            engine = _postgresql(address)
        case other:
            raise NotSupported(f"the catalog can't be kept in {other}; expected {_KINDS}")
    return engine


def _postgresql(address: sa.URL) -> sa.Engine:
    try:
        import psycopg  # noqa: F401 - what SQLAlchemy is about to import
    except ImportError as error:
        raise MissingExtra(
            "the catalog is a PostgreSQL database, whose driver is not installed: pip install 'outcrop[postgres]'"
        ) from error
    # pre-ping: after a restart of the server, its old connections are replaced and not handed out.
    engine = sa.create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT, "application_name": "outcrop"},
    )

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_isolation_level() != "AUTOCOMMIT":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

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
                "install the newer version that wrote it, or name another home folder or catalog"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
