"""What a change record says of the row: before and after, keys, types, shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.errors import ConfigurationError
from data_platform_tests.integration.connectors.cdc_source import CdcSource, ops, replayed, sequence
from data_platform_tests.integration.connectors.postgres_server import PostgresServer


@pytest.fixture
def source(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[CdcSource]:
    one = CdcSource(postgres_server, postgres_server.new_database(), tmp_path)
    one.run("CREATE TABLE items (id int PRIMARY KEY, v text)")
    yield one
    one.die()
    one.drop_slot()


def test_with_full_identity_the_row_before_is_whole(source: CdcSource) -> None:
    source.run("ALTER TABLE items REPLICA IDENTITY FULL")
    source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')", "UPDATE items SET v = 'b'", "DELETE FROM items")
    assert ops(source.drain())[1:] == [
        ("u", {"id": 1, "v": "a"}, {"id": 1, "v": "b"}),
        ("d", {"id": 1, "v": "b"}, None),
    ]


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_a_changed_key_is_one_row_gone_and_another_come(source: CdcSource, identity: str) -> None:
    source.run(f"ALTER TABLE items REPLICA IDENTITY {identity}", "INSERT INTO items VALUES (1, 'a'), (2, 'b')")
    found = source.drain()
    source.run("UPDATE items SET id = id + 10")
    changed = source.drain()
    assert [row["op"] for row in changed] == ["d", "c", "d", "c"]
    assert [(row["before"] or row["after"])["id"] for row in changed] == [1, 11, 2, 12]
    assert len({sequence(row) for row in changed}) == 4
    assert replayed(found + changed) == source.rows()


def test_a_truncation_is_a_record_and_other_tables_emptied_with_it_are_not(source: CdcSource) -> None:
    source.run("CREATE TABLE other (id int)", "INSERT INTO items VALUES (1, 'a')")
    found = source.drain()
    source.run("TRUNCATE items, other", "INSERT INTO items VALUES (1, 'b')")
    changed = source.drain()
    assert [row["op"] for row in changed] == ["t", "c"]
    assert replayed(found + changed) == {1: "b"}


def test_messages_of_applications_change_nothing_and_are_kept(source: CdcSource) -> None:
    source.drain()
    source.run(
        "SELECT pg_logical_emit_message(false, 'app', 'beside')",
        "SELECT pg_logical_emit_message(true, 'app', 'inside')",
        "INSERT INTO items VALUES (1, 'a')",
    )
    found = source.drain()
    assert [row["op"] for row in found] == ["m", "m", "c"]
    assert found[0]["message"] == {"prefix": "app", "content": "YmVzaWRl"}
    assert source.take() is None


def test_changes_of_other_tables_of_the_publication_are_left_out(source: CdcSource) -> None:
    source.options["publication"] = "two"
    source.run("CREATE TABLE other (id int PRIMARY KEY)", "CREATE PUBLICATION two FOR TABLE items, other")
    source.drain()
    source.run("INSERT INTO other VALUES (1)", "INSERT INTO items VALUES (1, 'a')", "UPDATE other SET id = 2")
    assert ops(source.drain()) == [("c", None, {"id": 1, "v": "a"})]


def test_values_that_are_stored_apart_come_from_the_row_before(source: CdcSource) -> None:
    source.run(
        "ALTER TABLE items ALTER v SET STORAGE EXTERNAL",
        "ALTER TABLE items ADD n int",
        "ALTER TABLE items REPLICA IDENTITY FULL",
        "INSERT INTO items VALUES (1, repeat('x', 5000), 1)",
    )
    source.drain()
    source.run("UPDATE items SET n = 2")
    assert ops(source.drain())[0][2] == {"id": 1, "v": "x" * 5000, "n": 2}


def test_values_that_are_stored_apart_and_not_sent_stop_the_reader_with_the_way_out(source: CdcSource) -> None:
    source.run(
        "ALTER TABLE items ALTER v SET STORAGE EXTERNAL",
        "ALTER TABLE items ADD n int",
        "INSERT INTO items VALUES (1, repeat('x', 5000), 1)",
    )
    source.drain()
    before = dict(source.position)
    source.run("UPDATE items SET n = 2")
    with pytest.raises(ConfigurationError, match=r"v holds.*ALTER TABLE public\.items REPLICA IDENTITY FULL.*replay"):
        source.take()
    source.run("ALTER TABLE items REPLICA IDENTITY FULL")
    assert source.position == before
    source.position = source.open().position_at("snapshot")
    assert replayed(source.drain()) == {1: "x" * 5000}


def test_a_table_that_changes_its_shape_gives_new_fields(source: CdcSource) -> None:
    source.run("INSERT INTO items VALUES (1, 'a')")
    source.drain()
    source.run(
        "ALTER TABLE items ADD price numeric(9, 2) DEFAULT 1",
        "UPDATE items SET price = 2.50",
        "ALTER TABLE items DROP COLUMN v",
        "ALTER TABLE items RENAME price TO cost",
        "INSERT INTO items VALUES (2, 3)",
    )
    assert [row["after"] for row in source.drain()] == [
        {"id": 1, "v": "a", "price": "2.50"},
        {"id": 2, "cost": "3.00"},
    ]


def test_both_ways_in_write_every_type_alike(source: CdcSource) -> None:
    source.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN small AS int CHECK (VALUE < 100)",
        "CREATE DOMAIN smaller AS small",
        "DROP TABLE items",
        "CREATE TABLE items (id int PRIMARY KEY, v numeric, at timestamptz, local timestamp, b bytea, f float8, g real, "
        "ok bool, tags text[], j jsonb, iv interval, m money, e mood, d smaller, day date, u uuid, txt text, big bigint)",
    )
    row = (
        "12345678901234567890.10, '2026-03-01 10:00+05:30', '2026-03-01 10:00:00.5', '\\x00ff', 0.1, 0.1, true, "
        "'{a,\"b c\"}', '{\"x\": [1]}', '1 day 2 hours', 12.5, 'ok', 7, '2026-03-01', "
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', E'a\\tb\\nc\\\\d\\u00e9', 9223372036854775807"
    )
    source.run(f"INSERT INTO items VALUES (1, {row})", "INSERT INTO items (id) VALUES (3)")
    copied = [one["after"] for one in source.drain()[1:]]
    source.run(f"INSERT INTO items VALUES (1 + 1, {row})", "INSERT INTO items (id) VALUES (4)")
    streamed = [one["after"] for one in source.drain()]
    assert copied[0] == {
        "id": 1, "v": "12345678901234567890.10", "at": "2026-03-01T04:30:00Z", "local": "2026-03-01T10:00:00.5",
        "b": "AP8=", "f": 0.1, "g": 0.1, "ok": True, "tags": '{a,"b c"}', "j": '{"x": [1]}', "iv": "P1DT2H",
        "m": "$12.50", "e": "ok", "d": 7, "day": "2026-03-01", "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "txt": "a\tb\nc\\dé", "big": 9223372036854775807,
    }  # fmt: skip
    assert [{**row, "id": 0} for row in streamed] == [{**row, "id": 0} for row in copied]


def test_generated_columns_and_children_of_the_table_stay_out_of_both_ways_in(source: CdcSource) -> None:
    source.run(
        "ALTER TABLE items ADD twice int GENERATED ALWAYS AS (id * 2) STORED",
        "CREATE TABLE child () INHERITS (items)",
        "INSERT INTO items VALUES (1, 'a')",
        "INSERT INTO child VALUES (2, 'b')",
    )
    assert ops(source.drain()) == [("t", None, None), ("r", None, {"id": 1, "v": "a"})]
    source.run("INSERT INTO items VALUES (3, 'c')", "INSERT INTO child VALUES (4, 'd')")
    assert ops(source.drain()) == [("c", None, {"id": 3, "v": "c"})]


def test_a_partitioned_table_is_one_table(source: CdcSource) -> None:
    source.run(
        "DROP TABLE items",
        "CREATE TABLE items (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE items_2 PARTITION OF items FOR VALUES FROM (10) TO (20)",
        "INSERT INTO items VALUES (1, 'a'), (11, 'b')",
    )
    found = source.drain()
    source.run("INSERT INTO items VALUES (2, 'c'), (12, 'd')", "UPDATE items SET id = 13 WHERE id = 1")
    assert replayed(found + source.drain()) == {11: "b", 2: "c", 12: "d", 13: "a"}


def test_a_renamed_table_is_still_the_same_one_until_the_reader_starts_again(source: CdcSource) -> None:
    source.drain()
    source.run("INSERT INTO items VALUES (0, 'o')")
    source.drain()
    source.run("ALTER TABLE items RENAME TO things", "INSERT INTO things VALUES (1, 'a')")
    assert ops(source.drain()) == [("c", None, {"id": 1, "v": "a"})]
    source.die()
    with pytest.raises(ConfigurationError, match=r"no table public\.items"):
        source.take()
