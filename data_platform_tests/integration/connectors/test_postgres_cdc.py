"""In which order, from where on and how much: the first copy, the stream, its positions and the slot."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from data_platform.clock import ManualClock
from data_platform_tests.integration.connectors.cdc_source import CdcSource, ops, records, replayed, sequence
from data_platform_tests.integration.connectors.postgres_server import PostgresServer


@pytest.fixture
def source(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[CdcSource]:
    one = CdcSource(postgres_server, postgres_server.new_database(), tmp_path)
    one.run("CREATE TABLE items (id int PRIMARY KEY, v text)")
    yield one
    one.die()
    one.drop_slot()


def test_the_first_copy_begins_by_emptying_and_holds_every_row(source: CdcSource) -> None:
    source.run("INSERT INTO items SELECT n, 'v' || n FROM generate_series(1, 5) n")
    found = source.take()
    assert found is not None
    assert ops(found) == [("t", None, None)] + [("r", None, {"id": n, "v": f"v{n}"}) for n in range(1, 6)]
    assert {row["source"]["snapshot"] for row in found} == {"true"}
    assert [sequence(row) for row in found] == sorted({sequence(row) for row in found})
    assert source.position["phase"] == "stream"
    assert source.take() is None


def test_an_empty_table_is_copied_too(source: CdcSource) -> None:
    assert ops(source.drain()) == [("t", None, None)]


def test_the_first_copy_comes_in_batches_of_the_rows_asked_for(source: CdcSource) -> None:
    source.options["snapshot_rows"] = 4
    source.run("INSERT INTO items SELECT n, 'v' FROM generate_series(1, 8) n")
    sizes = []
    while source.position.get("phase") != "stream":
        sizes.append(len(source.take() or []))
    assert sizes == [5, 4, 0]


def test_the_first_copy_comes_in_batches_of_the_bytes_asked_for(source: CdcSource) -> None:
    source.options["max_batch_bytes"] = 2_000
    source.run("INSERT INTO items SELECT n, repeat('x', 500) FROM generate_series(1, 9) n")
    polls = []
    while source.position.get("phase") != "stream":
        polls.append(source.take() or [])
    assert len(polls) == 4
    assert sum(map(len, polls)) == 10


def test_changes_follow_in_the_order_of_commits_with_what_they_changed(source: CdcSource) -> None:
    source.drain()
    source.run(
        "INSERT INTO items VALUES (1, 'a')",
        "UPDATE items SET v = 'b'",
        "UPDATE items SET v = NULL",
        "DELETE FROM items",
    )
    found = source.drain()
    assert ops(found) == [
        ("c", None, {"id": 1, "v": "a"}),
        ("u", None, {"id": 1, "v": "b"}),
        ("u", None, {"id": 1, "v": None}),
        ("d", {"id": 1}, None),
    ]
    assert [sequence(row) for row in found] == sorted({sequence(row) for row in found})
    one = found[0]["source"]
    assert (one["db"], one["schema"], one["table"], one["snapshot"]) == (source.dbname, "public", "items", "false")
    assert (one["connector"], one["name"]) == ("postgresql", "items")
    assert abs(found[0]["ts_ms"] / 1000 - datetime.now(UTC).timestamp()) < 3600


def test_rows_that_writers_change_during_the_copy_are_neither_missed_nor_wrong(source: CdcSource) -> None:
    source.options["snapshot_rows"] = 150
    source.run("INSERT INTO items SELECT n, 'start' FROM generate_series(1, 1000) n")
    ended = threading.Event()

    def write(seed: int) -> None:
        draw = random.Random(seed)
        with source.server.connect(source.dbname) as connection:
            while not ended.is_set():
                key = draw.randrange(seed * 700, seed * 700 + 700)
                connection.execute("DELETE FROM items WHERE id = %s", [key])
                connection.execute(
                    "INSERT INTO items VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
                    [key, f"{seed}-{draw.random()}"],
                )

    writers = [threading.Thread(target=write, args=(seed,)) for seed in (0, 1)]
    for writer in writers:
        writer.start()
    try:
        found = []
        while source.position.get("phase") != "stream":
            found += source.take() or []
        found += source.take_until(500)
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    found += source.drain()
    assert replayed(found) == source.rows()


def test_transactions_that_overlap_come_one_after_the_other_as_they_committed(source: CdcSource) -> None:
    source.drain()
    connections = [psycopg.connect(source.server.url(source.dbname)) for _ in range(3)]
    try:
        for step in range(3):
            for number, connection in enumerate(connections):
                connection.execute("INSERT INTO items VALUES (%s, %s)", [number * 10 + step, f"t{number}"])
        connections[1].execute("SAVEPOINT s")
        connections[1].execute("INSERT INTO items VALUES (99, 'undone')")
        connections[1].execute("ROLLBACK TO s")
        for number in (2, 0, 1):
            connections[number].commit()
    finally:
        for connection in connections:
            connection.close()
    found = source.drain()
    assert [row["after"]["id"] for row in found] == [20, 21, 22, 0, 1, 2, 10, 11, 12]
    # The first insert of the first transaction stands before that of the third in the log, and sorts after it.
    assert found[3]["source"]["lsn"] < found[0]["source"]["lsn"]
    assert [sequence(row) for row in found] == sorted(sequence(row) for row in found)


def test_rows_of_one_copy_command_have_sequences_of_their_own(source: CdcSource) -> None:
    source.drain()
    with (
        source.server.connect(source.dbname) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY items FROM STDIN") as copy,
    ):
        for number in range(100):
            copy.write_row((number, "x"))
    found = source.drain()
    assert len({sequence(row) for row in found}) == 100
    assert len({row["source"]["lsn"] for row in found}) < 100


def test_a_transaction_is_never_parted_and_batches_end_at_their_size(source: CdcSource) -> None:
    source.drain()
    source.options["max_batch_bytes"] = 10_000
    source.die()
    source.run(
        *(
            f"INSERT INTO items SELECT n, repeat('x', 100) FROM generate_series({k}, {k} + 9) n"
            for k in range(0, 50, 10)
        ),
        "INSERT INTO items SELECT n, repeat('x', 100) FROM generate_series(1000, 1999) n",
    )
    polls = []
    while (taken := source.take()) is not None:
        polls.append(taken)
    assert all(len({row["source"]["txId"] for row in poll}) >= 1 for poll in polls)
    transactions = [{row["source"]["txId"] for row in poll} for poll in polls]
    assert sum(map(len, transactions)) == len(set.union(*transactions)) == 6
    assert len(polls) > 1


def test_a_batch_that_ends_early_says_how_much_log_is_left(source: CdcSource) -> None:
    source.options["max_batch_bytes"] = 1
    source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')", "INSERT INTO items VALUES (2, 'b')")
    poll = source.poll()
    assert poll is not None
    assert poll.backlog
    assert len(records(poll)) == 1


def test_reading_resumes_from_any_position_that_was_not_acknowledged(source: CdcSource) -> None:
    source.options["max_batch_bytes"] = 300
    source.drain()
    source.run(*(f"INSERT INTO items VALUES ({n}, 'v{n}')" for n in range(12)))
    steps = [(dict(source.position), 0)]
    found = []
    while (taken := source.take(acknowledge=False)) is not None:
        found += taken
        steps.append((dict(source.position), len(found)))
    assert len(found) == 12
    assert len(steps) > 5
    draw = random.Random(7)
    # Ever later ones: where the stream is opened, the slot moves, since a position that is given is durable.
    for position, known in sorted(draw.sample(steps, 5), key=lambda step: step[1]):
        if draw.random() < 0.5:
            source.die()
        source.position = position
        assert source.drain(acknowledge=False) == found[known:]


def test_an_acknowledged_position_moves_the_slot_and_others_do_not(source: CdcSource) -> None:
    source.drain()
    at_first = source.confirmed()
    source.run("INSERT INTO items VALUES (1, 'a')")
    assert source.take(acknowledge=False)
    assert source.confirmed() == at_first
    source.open().acknowledge(source.position)
    source.poll()
    assert source.confirmed() == source.position["lsn"]


def test_a_lost_acknowledgement_is_made_good_when_the_stream_opens(source: CdcSource) -> None:
    source.drain()
    source.run("INSERT INTO items VALUES (1, 'a')")
    source.take(acknowledge=False)
    source.die()
    assert source.take() is None
    assert source.confirmed() == source.position["lsn"]


def test_an_idle_table_lets_the_log_of_others_go_by_moving_its_position(source: CdcSource) -> None:
    clock = source.clock = ManualClock(datetime(2026, 3, 20, tzinfo=UTC))
    source.run("CREATE TABLE other (id int, v text)")
    source.drain()
    fill = "INSERT INTO other SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n"
    source.run(fill)
    poll = source.poll()
    assert poll is not None
    assert poll.deliveries == ()
    source.position = poll.position_to
    source.open().acknowledge(source.position)
    assert source.poll() is None
    assert source.confirmed() == source.position["lsn"]
    # Not again at once: each such step is a manifest.
    source.run(fill)
    assert source.poll() is None
    clock.advance(timedelta(minutes=1))
    assert source.take() == []
    source.run("CHECKPOINT")
    assert source.kept_bytes() < 16 << 20


def test_peek_marks_what_is_new_and_nothing_where_all_is_read(source: CdcSource) -> None:
    assert source.peek() == ("snapshot",)
    source.drain()
    assert source.peek() == ()
    source.die()
    source.run("INSERT INTO items VALUES (1, 'a')")
    (mark,) = source.peek()
    assert source.peek() == (mark,)
    assert mark.startswith("wal/")
