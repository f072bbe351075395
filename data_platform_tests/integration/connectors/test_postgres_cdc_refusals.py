"""What the source or the entry does not allow: rights, passwords, publications, names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.credentials import with_renewal
from data_platform.errors import ConfigurationError, SourceRefused
from data_platform_tests.integration.connectors.cdc_source import CdcSource
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer


@pytest.fixture
def source(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[CdcSource]:
    one = CdcSource(postgres_server, postgres_server.new_database(), tmp_path)
    one.run("CREATE TABLE items (id int PRIMARY KEY, v text)")
    yield one
    one.die()
    one.drop_slot()


def test_a_slot_of_another_database_is_not_taken(source: CdcSource) -> None:
    slot = source.slot
    source.server.execute("postgres", f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    with pytest.raises(ConfigurationError, match="belongs to pgoutput in database postgres"):
        source.take()
    source.server.execute("postgres", f"SELECT pg_drop_replication_slot('{slot}')")


def test_a_password_that_was_renewed_is_read_again_and_stands_in_no_message(source: CdcSource) -> None:
    secret = source.folder / "rotated"
    secret.write_text("first secret")
    source.server.set_password("reader", "first secret")
    source.run("GRANT SELECT ON items TO reader", "CREATE PUBLICATION data_platform_items FOR TABLE items")
    source.options |= {"user": "reader", "password": {"file": str(secret)}}
    source.drain()
    source.run("INSERT INTO items VALUES (0, 'o')")
    source.drain()
    source.server.set_password("reader", "second secret")
    source.run("INSERT INTO items VALUES (1, 'a')")
    assert len(source.drain()) == 1  # what is open stays open
    source.open().close()
    with pytest.raises(SourceRefused) as raised:
        source.take()
    assert "secret" not in str(raised.value)
    secret.write_text("second secret")
    source.run("INSERT INTO items VALUES (2, 'b')")
    poll = with_renewal(source.open().credential, source.poll)
    assert poll is not None
    assert len(poll.deliveries) == 1


def test_a_reader_without_the_right_to_the_table_is_refused(source: CdcSource) -> None:
    source.server.set_password("stranger", PASSWORD)
    source.run("CREATE PUBLICATION data_platform_items FOR TABLE items")
    source.options["user"] = "stranger"
    with pytest.raises(SourceRefused, match="permission denied for table items"):
        source.take()


def test_a_reader_without_the_right_to_replicate_is_refused(source: CdcSource) -> None:
    source.server.set_password("outsider", PASSWORD)
    source.run("CREATE PUBLICATION data_platform_items FOR TABLE items", "ALTER ROLE outsider NOREPLICATION")
    source.options["user"] = "outsider"
    with pytest.raises(SourceRefused, match=r"REPLICATION|replication role"):
        source.take()


def test_a_database_that_is_not_there_is_a_wrong_entry(source: CdcSource) -> None:
    source.options["dbname"] = "nowhere"
    with pytest.raises(ConfigurationError, match='database "nowhere" does not exist'):
        source.take()


def test_rows_that_a_policy_hides_are_refused_rather_than_left_out(source: CdcSource) -> None:
    source.server.set_password("half_blind", PASSWORD)
    source.run(
        "CREATE PUBLICATION data_platform_items FOR TABLE items",
        "GRANT SELECT ON items TO half_blind",
        "ALTER TABLE items ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY odd ON items USING (id % 2 = 1)",
        "INSERT INTO items VALUES (1, 'a'), (2, 'b')",
    )
    source.options["user"] = "half_blind"
    with pytest.raises(SourceRefused, match="row-level security"):
        source.take()


def test_a_table_that_could_no_longer_be_updated_once_published_is_not_published(source: CdcSource) -> None:
    source.run("ALTER TABLE items DROP CONSTRAINT items_pkey")
    with pytest.raises(ConfigurationError, match="REPLICA IDENTITY FULL"):
        source.take()
    assert source.server.rows(source.dbname, "SELECT pubname FROM pg_publication") == []


@pytest.mark.parametrize(
    ("publication", "says"),
    [
        ("FOR TABLE other", "does not hold public.items"),
        ("FOR TABLE items WITH (publish = 'insert')", "does not publish update, delete, truncate"),
        ("FOR TABLE items WHERE (id > 5)", "filters rows"),
    ],
)
def test_a_publication_that_shows_less_than_the_table_is_refused(
    source: CdcSource, publication: str, says: str
) -> None:
    source.run("CREATE TABLE other (id int)", f"CREATE PUBLICATION data_platform_items {publication}")
    with pytest.raises(ConfigurationError, match=says):
        source.take()


def test_a_table_that_is_taken_out_of_the_publication_is_noticed(source: CdcSource) -> None:
    clock = source.clock = ManualClock(datetime(2026, 3, 20, tzinfo=UTC))
    source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')")
    source.drain()
    source.run("CREATE TABLE other (id int)", "ALTER PUBLICATION data_platform_items SET TABLE other")
    clock.advance(timedelta(minutes=1))
    with pytest.raises(ConfigurationError, match=r"does not hold public\.items"):
        source.take()


def test_a_table_that_is_not_there_is_named(source: CdcSource) -> None:
    source.options["table"] = "public.nothing"
    with pytest.raises(ConfigurationError, match=r"no table public\.nothing"):
        source.take()
