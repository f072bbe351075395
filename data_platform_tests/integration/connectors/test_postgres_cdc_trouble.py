"""What goes wrong between the source and its reader: dead processes and servers, lost slots, kept log."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from data_platform.errors import SourceGap, SourceUnavailable
from data_platform.observability.logs.line import LineWriter
from data_platform.observability.logs.reading import Wanted, find_lines
from data_platform.observability.logs.writing import writing
from data_platform_tests.integration.connectors.cdc_source import PATIENCE_SECONDS, CdcSource, replayed, sequence
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer, started_postgres


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that these tests stop and set otherwise."""
    with started_postgres() as server:
        yield server


@pytest.fixture
def source(own_server: PostgresServer, tmp_path: Path) -> Iterator[CdcSource]:
    one = CdcSource(own_server, own_server.new_database(), tmp_path)
    one.run("CREATE TABLE items (id int PRIMARY KEY, v text)")
    yield one
    one.die()
    one.drop_slot()


def lose_log(source: CdcSource) -> None:
    """Makes the server give up the slot's log."""
    source.run(
        "ALTER SYSTEM SET max_slot_wal_keep_size = '2MB'", "SELECT pg_reload_conf()", "CREATE TABLE fill (v text)"
    )
    try:
        for _ in range(6):
            source.run("INSERT INTO fill SELECT repeat('x', 1000) FROM generate_series(1, 2000)", "CHECKPOINT")
        found = f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{source.slot}'"
        eventually(lambda: source.server.rows(source.dbname, found) == [("lost",)])
    finally:
        source.run("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_reader_that_dies_anywhere_goes_on_without_gap_or_repeat(source: CdcSource) -> None:
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    source.options |= {"max_batch_bytes": 4_000, "snapshot_rows": 20}
    source.run("INSERT INTO items SELECT n, 'start' FROM generate_series(1, 50) n")
    landed = []
    deaths = 0
    with source.server.connect(source.dbname) as connection:
        for _ in range(60):
            for _ in range(draw.randrange(6)):
                key = draw.randrange(80)
                connection.execute("DELETE FROM items WHERE id = %s", [key])
                if draw.random() < 0.7:
                    connection.execute("INSERT INTO items VALUES (%s, %s)", [key, str(draw.random())])
            died = draw.random()
            if died < 0.15:  # after the poll, before anything of it was landed
                source.poll()
            elif died < 0.5:  # after it was landed, before the source was told
                landed += source.take(acknowledge=False) or []
            else:
                landed += source.take() or []
            if died < 0.3:
                source.die()
                deaths += 1
    landed += source.drain()
    assert deaths, f"seed {seed}"
    assert replayed(landed) == source.rows(), f"seed {seed}"
    streamed = [sequence(row) for row in landed if row["source"]["snapshot"] == "false"]
    assert streamed == sorted(set(streamed)), f"seed {seed}"


def test_a_copy_that_was_interrupted_begins_again_and_leaves_nothing_stale(source: CdcSource) -> None:
    source.options["snapshot_rows"] = 3
    source.run("INSERT INTO items SELECT n, 'old' FROM generate_series(1, 10) n")
    found = (source.take() or []) + (source.take() or [])
    source.die()
    source.run("DELETE FROM items WHERE id < 6", "UPDATE items SET v = 'new' WHERE id = 7")
    while source.position.get("phase") != "stream":
        found += source.take() or []
    assert [row["op"] for row in found].count("t") == 2
    assert replayed(found) == source.rows()
    source.run("INSERT INTO items VALUES (1, 'again')")
    found += source.drain()
    assert replayed(found) == source.rows()


def test_a_poll_whose_batch_was_discarded_is_read_again(source: CdcSource) -> None:
    source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')")
    assert source.poll() is not None
    assert [row["op"] for row in source.take() or []] == ["c"]


def test_a_slot_that_is_gone_is_a_gap_and_the_command_that_it_names_copies_again(source: CdcSource) -> None:
    source.run("INSERT INTO items VALUES (1, 'a')")
    found = source.drain()
    source.die()
    source.drop_slot()
    source.run("DELETE FROM items")
    with pytest.raises(SourceGap, match=r"slot data_platform_items is gone.*ingest replay items --from snapshot"):
        source.take()
    source.position = source.open().position_at("snapshot")
    found += source.drain()
    assert replayed(found) == {}


def test_a_slot_whose_log_the_server_gave_up_is_a_gap(source: CdcSource) -> None:
    source.drain()
    source.die()
    lose_log(source)
    with pytest.raises(SourceGap, match="given up the log"):
        source.take()
    kept = source.kept()
    assert kept is not None
    assert kept.is_lost
    source.position = {}
    assert source.take() is not None


def test_a_slot_that_is_given_up_while_it_is_read_is_a_gap(source: CdcSource) -> None:
    source.drain()
    assert source.take() is None
    lose_log(source)
    with pytest.raises(SourceGap, match="given up the log"):
        source.take()


def test_a_slot_that_somebody_else_moved_is_a_gap(source: CdcSource) -> None:
    source.drain()
    source.die()
    source.run("INSERT INTO items VALUES (1, 'a')")
    source.run(f"SELECT pg_replication_slot_advance('{source.slot}', pg_current_wal_lsn())")
    with pytest.raises(SourceGap, match="somebody else has moved"):
        source.take()


def test_another_database_behind_the_same_address_is_a_gap(source: CdcSource) -> None:
    source.drain()
    source.die()
    source.position = {**source.position, "system": "1"}
    with pytest.raises(SourceGap, match="not the one"):
        source.take()


def test_a_log_that_ends_before_the_position_is_a_gap(source: CdcSource) -> None:
    source.drain()
    source.die()
    source.position = {**source.position, "lsn": "FFFF/0"}
    with pytest.raises(SourceGap, match="ends at"):
        source.take()


def test_two_readers_of_one_slot_do_not_share_it(source: CdcSource) -> None:
    source.drain()
    assert source.take() is None
    second = CdcSource(source.server, source.dbname, source.folder, position=source.position)
    with pytest.raises(SourceUnavailable, match="is active"):
        second.take()
    second.die()
    source.run("INSERT INTO items VALUES (1, 'a')")
    assert len(source.drain()) == 1


def test_a_server_that_hangs_up_on_a_silent_reader_is_called_again_in_the_same_poll(source: CdcSource) -> None:
    source.drain()
    assert source.take() is None
    source.run(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active",
        "INSERT INTO items VALUES (1, 'a')",
    )
    assert len(source.drain()) == 1


def test_a_server_that_is_down_is_unavailable_and_afterwards_nothing_is_missing(source: CdcSource) -> None:
    found = source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')")
    source.server.stop()
    try:
        for _ in range(2):
            with pytest.raises(SourceUnavailable) as raised:
                source.take()
            assert PASSWORD not in str(raised.value)
            assert raised.value.__cause__ is None
    finally:
        source.server.start()
    source.run("INSERT INTO items VALUES (2, 'b')")
    found += source.take_until(2)
    assert replayed(found) == {1: "a", 2: "b"}


def test_log_that_the_source_keeps_for_the_slot_beyond_the_limit_is_warned_of(
    source: CdcSource, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source.options["max_retained_wal_bytes"] = 1_000_000
    source.drain()
    source.run(
        "CREATE TABLE fill (v text)",
        "INSERT INTO fill SELECT repeat('x', 1000) FROM generate_series(1, 2000)",
    )
    assert source.kept_bytes() > 1_000_000
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has some of its own, a collector none
    with writing(tmp_path, LineWriter(code_version="1")):
        source.take()
        source.take()
    (shown,) = [line for line in capsys.readouterr().err.splitlines() if "keep much of its log" in line]
    assert f"slot={source.slot}" in shown
    (kept,) = find_lines(tmp_path, Wanted(level="warning"))
    assert kept.facts["slot"] == source.slot
    assert kept.facts["retained_wal_bytes"] > kept.facts["limit_bytes"] == 1_000_000


def test_a_new_slot_that_waits_for_an_old_transaction_says_so(source: CdcSource) -> None:
    with psycopg.connect(source.server.url(source.dbname)) as old:
        old.execute("INSERT INTO items VALUES (1, 'a')")
        with pytest.raises(SourceUnavailable, match="lock timeout"):
            source.take()
    assert replayed(source.drain()) == {1: "a"}
