"""The whole way: from the source's log through raw to a curated table that equals the source's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform_tests.integration.connectors.cdc_shop import TABLE, cdc_shop, held_by_source, kept
from data_platform_tests.integration.connectors.postgres_server import PostgresServer
from data_platform_tests.kit import Kit


@pytest.fixture
def dbname(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.new_database()
    postgres_server.execute(name, TABLE)
    yield name
    postgres_server.execute(name, "SELECT pg_drop_replication_slot('data_platform_items')")


@pytest.fixture
def kit(tmp_path: Path, postgres_server: PostgresServer, dbname: str) -> Iterator[Kit]:
    one = cdc_shop(tmp_path, postgres_server, dbname, snapshot_rows=10)
    yield one
    one.close()


def test_the_curated_table_equals_the_source_after_every_kind_of_change(
    kit: Kit, postgres_server: PostgresServer, dbname: str
) -> None:
    steps = (
        ("INSERT INTO items SELECT n, 'v' || n, n / 4.0 FROM generate_series(1, 20) n",),
        ("UPDATE items SET price = price + 1 WHERE id % 2 = 0", "DELETE FROM items WHERE id % 5 = 0"),
        ("UPDATE items SET id = id + 100 WHERE id < 4", "INSERT INTO items VALUES (1, 'again', NULL)"),
        ("BEGIN; DELETE FROM items WHERE id = 6; INSERT INTO items VALUES (6, 'back', 1); COMMIT",),
        ("SELECT pg_logical_emit_message(true, 'app', 'hi')", "TRUNCATE items", "INSERT INTO items VALUES (7, 'x', 2)"),
    )
    for statements in steps:
        postgres_server.execute(dbname, *statements)
        kit.ingest("items")
        kit.reopen()
        kit.materialize("curated.items")
        assert kept(kit) == held_by_source(postgres_server, dbname)
        assert set(kit.residuals("curated.items")) == {0}


def test_going_back_to_a_new_copy_ends_what_is_gone_at_the_source(
    kit: Kit, postgres_server: PostgresServer, dbname: str
) -> None:
    postgres_server.execute(dbname, "INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2)")
    kit.ingest("items")
    postgres_server.execute(dbname, "SELECT pg_drop_replication_slot('data_platform_items')", "DELETE FROM items")
    postgres_server.execute(dbname, "INSERT INTO items VALUES (3, 'c', 3)")
    with kit.platform.ingester.open(kit.entry("items")) as ingestion:
        ingestion.go_back("snapshot", kit.run())
    kit.ingest("items")
    kit.materialize("curated.items")
    assert kept(kit) == held_by_source(postgres_server, dbname)
