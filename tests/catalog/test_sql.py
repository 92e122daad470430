"""The SQL catalog keeps the promises of a catalog, and its schema is what the migrations make."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from outcrop.catalog import schema
from outcrop.catalog.protocol import Catalog
from outcrop.catalog.schema import open_database
from outcrop.catalog.sql import SqlCatalog
from outcrop.catalog.tables import REVISION, metadata
from outcrop.domain.deployments import DeploymentQuery, DeploymentStatus
from outcrop.domain.errors import MissingExtra, NotSupported, StorageFailure
from outcrop.domain.jobs import Status, Worker
from outcrop.testing.catalogs import CatalogContract, Clock
from tests.servers import free_port

ASSETS = Path(__file__).parent / "assets"


def opening(url: str, clock: Clock) -> Iterator[Callable[[], Catalog]]:
    """Opens a catalog as often as it is called, and closes all in the end."""
    opened: list[SqlCatalog] = []

    def opens() -> Catalog:
        opened.append(SqlCatalog(url, clock))
        return opened[-1]

    yield opens
    for catalog in opened:
        catalog.close()


class TestSqlite(CatalogContract):
    @pytest.fixture
    def reopen(self, clock: Clock, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
        yield from opening(f"sqlite:///{tmp_path / 'catalog.sqlite'}", clock)


@pytest.mark.server
class TestPostgres(CatalogContract):
    @pytest.fixture
    def reopen(self, clock: Clock, database: str) -> Iterator[Callable[[], Catalog]]:
        yield from opening(database, clock)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty catalog, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'catalog.sqlite'}"
    return str(request.getfixturevalue("database"))


def test_the_migrations_make_the_tables(url: str) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == REVISION
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_newer_catalog_is_refused(url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(NotSupported, match=r"schema 9999.*newer version"):
        SqlCatalog(url)


@pytest.mark.parametrize("revision", sorted({path.name[:4] for path in ASSETS.glob("*.sql")}))
def test_an_older_catalog_is_brought_up_to_date(url: str, revision: str) -> None:
    """The assets were written by the versions of Outcrop that had these schemas: see ``assets/make.py``."""
    kind = url.partition(":")[0]
    restore(url, (ASSETS / f"{revision}-{kind}.sql").read_text(encoding="utf-8"))
    catalog = SqlCatalog(url)
    done, queued = catalog.jobs()
    assert (done.name, done.status, done.restarts) == ("customize-tuned", Status.DONE, ("its worker is gone",))
    assert (done.worker, done.fence) == (Worker("elsewhere", 4242, 1700000000.25), 2)
    assert (queued.name, queued.status, queued.request["models"]) == ("prüfung", Status.QUEUED, ["base", "tuned"])
    assert [line.text for line in catalog.log_lines(done.id)] == ["training on cpu", "done: “tuned”"]
    assert catalog.model("short").name == "base"
    lineage = catalog.model("tuned").lineage
    assert lineage is not None
    assert lineage.base == "base"
    claim = catalog.claim(queued.id, Worker("here", 1, 1.0), 30, 1)
    assert claim is not None
    catalog.finish(claim, Status.DONE)
    kept = [("AKIAAAAAAAAAAAAAAAAA", "CI’s", 2.5, None), ("BEARAAAAAAAAAAAAAAAA", "", None, 1700000100.5)]
    keys = catalog.keys()
    assert [(key.id, key.name, key.expires, key.revoked) for key in keys] == (kept if revision >= "0003" else [])
    later = revision >= "0004"
    assert (queued.asked, queued.token) == (({"jobName": "prüfung", "jobTags": []}, "once") if later else (None, ""))
    assert catalog.tags("evaluation-job/bbbbbbbbbbbb") == ({"team": "it's"} if later else {})
    deployments = catalog.deployments(DeploymentQuery()).deployments
    assert [(one.name, one.model, one.wanted, one.status, one.units, one.token) for one in deployments] == (
        [("gneiss", "tuned", "base", DeploymentStatus.UPDATING, 2, "once")] if revision >= "0005" else []
    )
    logging = {"s3Config": {"bucketName": "it's-here"}}
    assert catalog.configuration("logging") == (logging if revision >= "0005" else None)
    catalog.close()


def test_there_is_an_asset_for_every_revision() -> None:
    migrations = Path(schema.__file__).parent / "migrations" / "versions"
    revisions = {path.name[:4] for path in migrations.glob("[0-9]*.py")}
    for kind in ("sqlite", "postgresql"):
        assert {path.name[:4] for path in ASSETS.glob(f"*-{kind}.sql")} == revisions


def restore(url: str, dump: str) -> None:
    """Run a dump's statements."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    folder = Path(engine.url.database or "").parent
    if engine.dialect.name == "sqlite":
        folder.mkdir(parents=True, exist_ok=True)
    with engine.begin() as connection:
        for statement in dump.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere", "no address of a database"),
        ("mysql://user:secret@host/name", "can't be kept in mysql; expected sqlite"),
    ],
)
def test_other_databases_are_refused(address: str, said: str) -> None:
    with pytest.raises(NotSupported, match=said) as caught:
        SqlCatalog(address)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(
        StorageFailure, match=r"127\.0\.0\.1:\d+/outcrop: the catalog can't be opened .*refused"
    ) as caught:
        SqlCatalog(f"postgresql://outcrop:secret@127.0.0.1:{free_port()}/outcrop")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'outcrop\[postgres\]'"):
        SqlCatalog("postgresql://outcrop@127.0.0.1/outcrop")


def test_the_clock_is_the_databases(url: str) -> None:
    catalog = SqlCatalog(url)
    first = catalog.now()
    assert first == pytest.approx(time.time(), abs=60)
    assert catalog.now() >= first
    catalog.close()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailure, match="can't be opened"):
        SqlCatalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")


def test_a_check_finds_a_catalog_that_can_not_be_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    catalog, engine = SqlCatalog(url), open_database(url)
    catalog.check()
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER closed BEFORE INSERT ON models BEGIN SELECT RAISE(FAIL, 'shut'); END")
        )
    with pytest.raises(StorageFailure, match=r"can't be written \(shut\)"):
        catalog.check()
    engine.dispose()
    catalog.close()
