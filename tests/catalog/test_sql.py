"""The SQL catalog keeps the promises of a catalog, and its schema is what the migrations make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from outcrop.catalog.protocol import Catalog
from outcrop.catalog.schema import open_database
from outcrop.catalog.sql import SqlCatalog
from outcrop.catalog.tables import REVISION, metadata
from outcrop.domain.errors import NotSupported, StorageFailure
from outcrop.testing.catalogs import CatalogContract, Clock


class TestSqlite(CatalogContract):
    @pytest.fixture
    def reopen(self, clock: Clock, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
        opened: list[SqlCatalog] = []

        def opens() -> Catalog:
            opened.append(SqlCatalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}", clock))
            return opened[-1]

        yield opens
        for catalog in opened:
            catalog.close()


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'catalog.sqlite'}")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == REVISION
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(NotSupported, match=r"schema 9999.*newer version"):
        SqlCatalog(url)


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
