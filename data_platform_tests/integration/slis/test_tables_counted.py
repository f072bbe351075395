"""The rows of a table, counted at a place in its log, are held against what its changes leave at the same place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_platform.connectors.postgres_cdc.changes import Changes
from data_platform.connectors.postgres_cdc.connector import PostgresCdc
from data_platform_tests.integration.connectors.cdc_shop import TABLE, cdc_shop
from data_platform_tests.integration.connectors.postgres_server import PostgresServer, started_postgres
from data_platform_tests.kit import Kit, later


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with started_postgres() as one:
        yield one


@pytest.fixture
def dbname(server: PostgresServer) -> Iterator[str]:
    name = server.new_database()
    server.execute(name, TABLE)
    yield name
    server.execute(name, "SELECT pg_drop_replication_slot('data_platform_items')")


@pytest.fixture
def kit(tmp_path: Path, server: PostgresServer, dbname: str) -> Iterator[Kit]:
    one = cdc_shop(tmp_path, server, dbname, count_every="PT1H")
    yield one
    one.close()


def measured(kit: Kit) -> list[tuple[float | None, float, int]]:
    """The share that arrived, what is missing, and the rows that are expected."""
    later(kit, seconds=15)
    values = [one for one in kit.platform.slis.measure(kit.clock.now()) if one.sli == "completeness"]
    assert {one.partition for one in values} <= {"items/table:public.items"}
    return [(one.value, one.bad, one.evidence["expected"]) for one in values]


def counted(kit: Kit) -> list[tuple[float | None, float, int]]:
    """A run for the count that waits; after an hour one that counts, and one that has the changes up to there."""
    kit.ingest("items")
    later(kit, hours=1)
    kit.ingest("items")
    kit.ingest("items")
    return measured(kit)


def test_rows_that_came_changed_and_went_add_up_to_the_table(kit: Kit, server: PostgresServer, dbname: str) -> None:
    server.execute(dbname, "INSERT INTO items SELECT n, 'v', n FROM generate_series(1, 50) n")
    kit.ingest("items")
    assert counted(kit) == [(1.0, 0.0, 50)]
    server.execute(
        dbname,
        "DELETE FROM items WHERE id <= 10",
        "UPDATE items SET id = id + 100 WHERE id <= 20",
        "INSERT INTO items VALUES (1, 'again', NULL)",
        "BEGIN; INSERT INTO items VALUES (999, 'never', 1); ROLLBACK",
    )
    assert counted(kit) == [(1.0, 0.0, 41)]
    server.execute(dbname, "TRUNCATE items", "INSERT INTO items VALUES (1, 'new', 1)")
    assert counted(kit) == [(1.0, 0.0, 1)]


def test_changes_that_are_not_read_yet_and_those_read_after_the_count_are_in_neither_number(
    kit: Kit, server: PostgresServer, dbname: str
) -> None:
    server.execute(dbname, "INSERT INTO items SELECT n, 'v', n FROM generate_series(1, 5) n")
    kit.ingest("items")  # counts 5 behind its last poll
    server.execute(dbname, "DELETE FROM items WHERE id <= 3", "INSERT INTO items VALUES (7, 'x', 1)")
    assert measured(kit) == []
    kit.ingest("items")  # one batch, which begins before the place of the count and ends behind it
    assert measured(kit) == [(1.0, 0.0, 5)]


@pytest.mark.parametrize(("op", "share", "missing", "rows"), [("c", 0.95, 1.0, 20), ("d", 18 / 19, 1.0, 19)])
def test_a_change_that_the_reader_did_not_see_is_found(
    kit: Kit,
    server: PostgresServer,
    dbname: str,
    monkeypatch: pytest.MonkeyPatch,
    op: str,
    share: float,
    missing: float,
    rows: int,
) -> None:
    server.execute(dbname, "INSERT INTO items SELECT n, 'v', n FROM generate_series(1, 19) n")
    kit.ingest("items")
    changes = Changes._changes
    lost: list[Any] = []

    def forgetful(self: Changes, what: Any) -> Iterator[Any]:
        for found in changes(self, what):
            if found[0] == op and not lost:
                lost.append(found)
            else:
                yield found

    monkeypatch.setattr(Changes, "_changes", forgetful)
    change = "INSERT INTO items VALUES (20, 'x', 1)" if op == "c" else "DELETE FROM items WHERE id = 4"
    server.execute(dbname, change, "UPDATE items SET price = 0")
    assert counted(kit) == [(share, missing, rows)]
    with kit.platform.ingester.open(kit.entry("items")) as ingestion:
        ingestion.go_back("snapshot", kit.run())
    kit.ingest("items")
    ((healed, _, _),) = counted(kit)
    assert healed == 1.0


def test_a_feed_that_was_not_followed_from_its_copy_on_has_no_count(
    kit: Kit, server: PostgresServer, dbname: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_at = PostgresCdc._place_at
    with monkeypatch.context() as patch:  # as positions were before rows were followed
        patch.setattr(PostgresCdc, "_place_at", lambda self, lsn, **_: place_at(self, lsn, live=None))
        server.execute(dbname, "INSERT INTO items VALUES (1, 'a', 1)")
        kit.ingest("items")
    server.execute(dbname, "INSERT INTO items VALUES (2, 'b', 1)")
    assert counted(kit) == []


def test_a_table_that_is_locked_is_read_all_the_same_and_counted_later(
    kit: Kit, server: PostgresServer, dbname: str
) -> None:
    kit.connectors["items"]["count_seconds"] = 1
    (kit.folder / "domains" / "shop" / "connectors.yaml").write_text(yaml.safe_dump({"connectors": kit.connectors}))
    kit.reopen()
    server.execute(dbname, "INSERT INTO items VALUES (1, 'a', 1)")
    with kit.platform.ingester.open(kit.entry("items")) as ingestion:
        while not ingestion.step(kit.run()).is_idle:
            pass
        with server.connect(dbname, autocommit=False) as other:
            other.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
            ingestion.note_promises()  # a warning, and nothing else
            other.rollback()
    assert kit.platform.metastore.operations.source_counts.of("raw.shop.items") == ()
    assert counted(kit) == [(1.0, 0.0, 1)]
