from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from data_platform_tests.kit import Kit, later

Execute = Callable[[str], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Execute, dict[str, Any]]:
    """A database with rows of two days, and the options that reach it."""
    if request.param == "sqlite":
        (tmp_path / "source").mkdir()

        def execute(statement: str) -> None:
            with closing(sqlite3.connect(tmp_path / "source" / "shop.db")) as connection:
                connection.execute(statement)
                connection.commit()

        execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, seen TEXT, changed INTEGER)")
        return execute, {"url": "sqlite:///shop.db", "overlap": 2}
    url = make_url(str(request.getfixturevalue("new_postgres_database")()))
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def execute_there(statement: str) -> None:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)

    execute_there("CREATE TABLE visits (id bigint PRIMARY KEY, seen timestamptz, changed bigint)")
    secret = tmp_path / "password"
    secret.write_text(url.password or "none")
    reached = url._replace(drivername="postgresql+psycopg", password=None).render_as_string(hide_password=False)
    return execute_there, {"url": reached, "overlap": 2, "password": {"file": str(secret)}}


@pytest.fixture
def kit(tmp_path: Path, source: tuple[Execute, dict[str, Any]]) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    columns = ["id int required key", "seen timestamp", "changed int"]
    kit.raw("visits", columns, watermark="seen", format={"kind": "ndjson"})
    entry = {"kind": "sql_table", "dataset": "raw.shop.visits", "table": "visits", "cursor": "changed"}
    connectors = {"visits": {**entry, "count_by": "seen", **source[1]}}
    (tmp_path / "domains" / "shop" / "connectors.yaml").write_text(yaml.safe_dump({"connectors": connectors}))
    kit.close()
    yield kit
    kit.close()


def insert(source: tuple[Execute, dict[str, Any]], number: int, seen: str, changed: int) -> None:
    source[0](f"INSERT INTO visits VALUES ({number}, '{seen}', {changed})")


def measured(kit: Kit) -> dict[str, tuple[float | None, str, float]]:
    later(kit, seconds=15)
    values = kit.platform.slis.measure(kit.clock.now())
    return {one.partition: (one.value, one.provenance, one.bad) for one in values if one.sli == "completeness"}


def test_a_row_that_was_committed_behind_the_cursor_is_missed_by_the_reader_and_found_by_the_count(
    kit: Kit, source: tuple[Execute, dict[str, Any]]
) -> None:
    for number in range(1, 10):
        insert(source, number, "2026-03-19T10:00:00Z", changed=number)
    insert(source, 10, "2026-03-18T23:59:59Z", changed=10)
    (batch,) = kit.ingest("visits")
    assert batch.source_rows == batch.raw_rows == 10
    assert measured(kit) == {
        "visits/2026-03-18": (1.0, "source", 0.0),
        "visits/2026-03-19": (1.0, "source", 0.0),
    }
    insert(source, 11, "2026-03-19T11:00:00Z", changed=3)  # its transaction took longer than the overlap
    assert kit.ingest("visits") == ()  # nothing new, says the reader
    assert measured(kit) == {"visits/2026-03-19": (0.9, "source", 1.0)}


def test_rows_that_changed_do_not_make_up_for_one_that_is_missing(
    kit: Kit, source: tuple[Execute, dict[str, Any]]
) -> None:
    for number in range(1, 10):
        insert(source, number, "2026-03-19T10:00:00Z", changed=number)
    kit.ingest("visits")
    measured(kit)
    source[0]("UPDATE visits SET changed = 20 WHERE id = 1")
    insert(source, 10, "2026-03-19T11:00:00Z", changed=3)  # behind the cursor
    kit.ingest("visits")
    assert len(kit.rows("raw.visits")) == 10  # as many as the source has rows, one of them in two versions
    assert measured(kit)["visits/2026-03-19"] == (0.9, "source", 1.0)


def test_today_is_not_counted_and_a_column_that_is_not_there_is_told(
    kit: Kit, source: tuple[Execute, dict[str, Any]]
) -> None:
    insert(source, 1, "2026-03-20T10:00:00Z", changed=1)
    kit.ingest("visits")
    counts = kit.platform.metastore.operations.source_counts.of("raw.shop.visits")
    assert {(count.partition, count.expected_rows) for count in counts} == {("2026-03-18", 0), ("2026-03-19", 0)}
